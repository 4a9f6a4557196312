//! Reports as their readers see them: made by the program itself of a simulated cluster, and opened in a browser.

#![allow(clippy::unwrap_used, reason = "a test panics")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::{program, words};

/// A folder with a cluster that was launched, and put away but for `chief/home`, which a process keeps.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let definition = "[cluster]\nname = \"gibbon\"\nprovider = \"sim\"\n\n\
            [node.chief]\nmount.home = { at = \"/mnt/home\", size = \"2 GiB\" }\n\n\
            [node.worker]\ncount = 2\nmount.scratch = { at = \"/mnt/scratch\", size = \"1 GiB\" }\n";
        fs::write(folder.path().join("gibbon.cluster.toml"), definition).unwrap();
        let place = Self { folder };
        place.does("launch");
        place.does("ssh chief -- echo kept >/mnt/home/note");
        place.does("ssh chief -- tail -f /mnt/home/note &");
        assert_eq!(place.run("put-away --yes").status.code(), Some(4));
        place
    }

    fn run(&self, line: &str) -> Output {
        program(self.folder.path(), "fast").args(line.split(' ')).output().unwrap()
    }

    /// Runs a command that has to do what it says, and returns what it printed.
    fn does(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", words(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Opens a file in a browser, and returns what it printed and what it said beside that.
    fn browse(&self, file: &Path, options: &[&str]) -> (String, String) {
        let output = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .args(["--no-first-run", "--disable-dev-shm-usage", "--enable-logging=stderr"])
            .arg(format!("--user-data-dir={}", self.path("browser").display()))
            .args(options)
            .arg(format!("file://{}", file.display()))
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .output();
        let output = output.unwrap_or_else(|error| {
            panic!(
                "no chromium: {error}; install it: apt-get install --no-install-recommends chromium"
            )
        });
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        (String::from_utf8_lossy(&output.stdout).into_owned(), told)
    }
}

/// Returns what a page logged to its console, as the browser's log has it.
fn console(told: &str) -> Vec<&str> {
    told.lines().filter(|line| line.contains("CONSOLE")).collect()
}

/// Returns what stands between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{from} is not in {text}"));
    rest.split_once(to).unwrap_or_else(|| panic!("{to} does not follow {from}")).0
}

/// Returns the text of a piece of a page.
fn text_of(markup: &str) -> String {
    let mut text = String::new();
    for piece in markup.split('<').skip(1) {
        text.push_str(piece.split_once('>').map_or("", |(_, text)| text));
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Returns width and height of a picture.
fn size_of(picture: &Path) -> (u32, u32) {
    let bytes = fs::read(picture).unwrap();
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn a_browser_shows_all_that_a_report_tells_and_complains_of_nothing() {
    let place = Place::new();
    let written = place.does("report");
    assert_eq!(written, "gibbon-run-2.html is written.\n");
    let file = place.path("gibbon-run-2.html");
    let (dom, told) = place.browse(&file, &["--dump-dom"]);
    assert_eq!(console(&told), Vec::<&str>::new());

    assert!(text_of(&dom).contains("gibbon, run 2: put-away, held"));
    let timeline = between(&dom, "<section id=\"timeline\">", "</section>");
    for name in ["chief", "chief/home", "worker-1", "worker-1/scratch", "worker-2/scratch"] {
        assert!(timeline.contains(&format!("title=\"{name}\"")), "{name}");
    }
    for title in
        ["worker-1: shutting-down 00:", "chief/home: held[mount-busy] 00:", "umount, failed after"]
    {
        assert!(timeline.contains(title), "{title}: {timeline}");
    }

    let ledger = text_of(between(&dom, "<section id=\"ledger\">", "</section>"));
    let snapshots = place.does("snapshots");
    assert_eq!(snapshots.lines().count(), 2);
    for line in snapshots.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let row =
            ledger.lines().find(|row| row.contains(cells[0])).unwrap_or_else(|| panic!("{ledger}"));
        assert!(row.contains(cells[1]), "{row} names {}", cells[1]);
    }

    let holds = text_of(between(&dom, "<section id=\"holds\">", "</section>"));
    for part in ["held[mount-busy] chief/home", "/mnt/home/note", "Nothing was forced", "kill 1000"]
    {
        assert!(holds.contains(part), "{part}: {holds}");
    }

    let journal = place.does("log 2 --json");
    let embedded = between(&dom, "id=\"journal\">\n", "</script>");
    assert_eq!(embedded.replace("\\u003c", "<"), journal);
    let events = between(&dom, "<section id=\"events\">", "</section>");
    assert_eq!(events.matches("<tr>").count(), 1 + journal.lines().count());
}

#[test]
fn a_page_that_does_complain_would_be_noticed() {
    let place = Place::new();
    let file = place.path("complains.html");
    fs::write(&file, "<script>console.error('planted')</script>").unwrap();
    let (_, told) = place.browse(&file, &["--dump-dom"]);
    assert!(console(&told).iter().any(|line| line.contains("planted")), "{told}");
}

#[test]
fn nothing_in_a_report_runs_even_if_markup_got_in() {
    let place = Place::new();
    place.does("report");
    let file = place.path("gibbon-run-2.html");
    let page = fs::read_to_string(&file).unwrap();
    let planted = "<script>document.title = 'it ran'</script></body>";
    fs::write(&file, page.replace("</body>", planted)).unwrap();
    let (dom, told) = place.browse(&file, &["--dump-dom"]);
    assert!(dom.contains("<title>gibbon run 2</title>"), "{dom}");
    assert!(console(&told).iter().any(|line| line.contains("inline script violates")), "{told}");
}

#[test]
fn a_report_is_drawn_at_two_widths_light_and_dark() {
    let place = Place::new();
    place.does("report");
    let file = place.path("gibbon-run-2.html");
    let mut pictures = Vec::new();
    for (width, scheme) in [(800, 1), (1400, 1), (800, 0), (1400, 0)] {
        let picture = place.path(&format!("{width}-{scheme}.png"));
        place.browse(
            &file,
            &[
                &format!("--screenshot={}", picture.display()),
                &format!("--window-size={width},1400"),
                &format!("--blink-settings=preferredColorScheme={scheme}"),
            ],
        );
        assert_eq!(size_of(&picture), (width, 1400));
        pictures.push(fs::read(&picture).unwrap());
    }
    assert_ne!(pictures[0], pictures[2], "dark is not light");
    assert_ne!(pictures[1], pictures[3], "dark is not light");
}

#[test]
fn a_damaged_journal_and_a_run_without_an_end_are_told_on_the_page() {
    let place = Place::new();
    let store = place.path("state/clusters/sim/gibbon");
    let batch = store.join(format!("runs/{:012}/{:012}", 1, 3));
    let whole = fs::read(&batch).unwrap();
    fs::write(&batch, &whole[..whole.len() / 2]).unwrap();
    fs::remove_file(store.join(format!("leases/{:012}.end", 1))).unwrap();
    let output = place.run("report 1");
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert!(words(&output).contains("the rest of run 1 cannot be read"), "{}", words(&output));
    let (dom, told) = place.browse(&place.path("gibbon-run-1.html"), &["--dump-dom"]);
    assert_eq!(console(&told), Vec::<&str>::new());
    let damage = between(&dom, "id=\"damage\">", "</p>");
    assert!(damage.contains("batch 3 of run 1: it is not whole"), "{damage}");
    assert!(text_of(&dom).contains("no end recorded: it was ended from outside"));
}

#[test]
fn what_is_no_report_stays_as_it_is_and_the_same_run_makes_the_same_page() {
    let place = Place::new();
    place.does("report");
    let file = place.path("gibbon-run-2.html");
    let page = fs::read(&file).unwrap();
    place.does("report");
    assert_eq!(fs::read(&file).unwrap(), page);
    assert_eq!(place.run("report --output -").stdout, page);
    let refused = place.run("report --output gibbon.cluster.toml");
    assert_eq!(refused.status.code(), Some(2), "{}", words(&refused));
    assert!(words(&refused).contains("is no report, and stays as it is"), "{}", words(&refused));
    place.does("check");
    assert_eq!(place.run("report 9").status.code(), Some(2));
    let data = place.does("report 2 --json");
    let data: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!(data["schema"], "wucluster/report/1");
    assert_eq!(data["ledger"].as_array().unwrap().len(), 4);
    assert_eq!(data["holds"][0]["interlock"], "mount-busy");
    assert_eq!(place.run("report --json --output a.html").status.code(), Some(2));
}
