//! The live tree of a drive: one frame, as lines that fit the screen.

use std::collections::BTreeMap;

use wucluster_core::demand::Demand;
use wucluster_core::ids::{MountKey, Subject};
use wucluster_core::plan::Row;
use wucluster_core::time::Timestamp;

use super::fold::{self, Block};
use super::look::{Glyph, Look, Tone};
use super::text::{clean, cut, pad, sides, width};
use super::words::{count, span};

/// Widest that a frame is made: beyond it the eye loses the line. Unit: columns.
const WIDEST: usize = 110;

/// Everything that a frame shows.
#[derive(Debug, Clone)]
pub(crate) struct Scene<'a> {
    /// The cluster's name.
    pub(crate) cluster: &'a str,
    /// Where it is driven.
    pub(crate) demand: Demand,
    /// The number of the run, once it has one.
    pub(crate) run: Option<u64>,
    /// Where everything is.
    pub(crate) rows: &'a [Row],
    /// How many requests were made.
    pub(crate) requests: u64,
    /// When the drive began.
    pub(crate) started: Timestamp,
    /// Now.
    pub(crate) now: Timestamp,
    /// Since when each node and mount is in its state, as far as this drive saw it change.
    pub(crate) since: &'a BTreeMap<Subject, Timestamp>,
    /// Where each mount is mounted.
    pub(crate) places: &'a BTreeMap<MountKey, String>,
    /// Which frame of the animation.
    pub(crate) frame: usize,
    /// How many lines there are on the screen.
    pub(crate) height: usize,
    /// A word about the whole instead of progress, such as `HELD`.
    pub(crate) verdict: Option<&'a str>,
    /// The last line.
    pub(crate) footer: &'a str,
}

struct Line {
    name: String,
    glyph: Glyph,
    tone: Tone,
    state: String,
    note: String,
    timer: String,
}

/// Draws a frame: no line is wider than the screen, and there are fewer than it is high.
pub(crate) fn tree(scene: &Scene<'_>, look: &Look) -> Vec<String> {
    let columns = look.width.saturating_sub(1).min(WIDEST);
    let mut lines = vec![header(scene, look, columns)];
    let footer_lines = usize::from(!scene.footer.is_empty());
    let room = scene.height.saturating_sub(2 + footer_lines).max(3);
    let (body, more) = folded(scene, room);
    // Of all that may be shown, so that columns do not jump when something folds.
    let longest = scene.rows.iter().map(|row| match &row.subject {
        Subject::Mount(key) => width(key.mount.as_str()) + 2,
        Subject::Node(name) => width(name.as_str()),
        subject @ (Subject::Cluster | Subject::Stranger(_)) => width(&subject.to_string()),
    });
    let names = body.iter().map(|line| width(&line.name)).chain(longest);
    let name_width = names.max().unwrap_or(0).clamp(8, 30);
    let state_width = body.iter().map(|line| width(&line.state)).max().unwrap_or(0).clamp(9, 20);
    for line in &body {
        lines.push(draw(line, name_width, state_width, columns, look));
    }
    lines.extend(more.map(|more| look.paint(Tone::Dim, &cut(&more, columns, look))));
    if !scene.footer.is_empty() {
        lines.push(look.paint(Tone::Dim, &cut(scene.footer, columns, look)));
    }
    lines
}

fn header(scene: &Scene<'_>, look: &Look, columns: usize) -> String {
    let there = scene.rows.iter().filter(|row| row.is_there).count();
    let run = scene.run.map_or_else(String::new, |run| format!("   run {run}"));
    let verdict = scene.verdict.map_or_else(String::new, |word| format!("   {word}"));
    let far = match scene.rows.len() {
        0 => "first look".to_owned(),
        all => format!("{there} of {all} there"),
    };
    let right = format!(
        "{}   {}",
        span(scene.now.since(scene.started)),
        count(usize::try_from(scene.requests).unwrap_or(usize::MAX), "request")
    );
    let whole = format!("{} -> {}{run}{verdict}   {far}", scene.cluster, scene.demand);
    let short = format!("{} -> {}{verdict}   {far}", scene.cluster, scene.demand);
    let fits = width(&whole) + 2 + width(&right) <= columns;
    look.paint(Tone::Strong, &sides(if fits { &whole } else { &short }, &right, columns, look))
}

/// Chooses the lines that fit: what is there already folds first, and nothing goes unsaid.
fn folded(scene: &Scene<'_>, room: usize) -> (Vec<Line>, Option<String>) {
    // Of thousands of rows only those are written that are shown: this is done ten times a second.
    if scene.rows.len() <= room {
        return (scene.rows.iter().map(|row| line(scene, row, false)).collect(), None);
    }
    let runs = fold::runs(&fold::blocks(scene.rows));
    let height = |run: &Vec<Block<'_>>| match run[0].is_there() {
        true => 1,
        false => run.iter().map(|block| 1 + block.mounts.len()).sum::<usize>(),
    };
    if runs.iter().map(height).sum::<usize>() <= room {
        let lines = runs.iter().flat_map(|run| match run[0].is_there() {
            true => vec![there(run)],
            false => full(scene, run),
        });
        return (lines.collect(), None);
    }
    let (done, open): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run[0].is_there());
    let done: usize = done.iter().map(|run| run.len()).sum();
    let open: Vec<&Row> = open
        .into_iter()
        .flatten()
        .flat_map(Block::rows)
        .filter(|row| !row.is_there || row.is_held)
        .collect();
    let space = room.saturating_sub(1);
    let held = open.iter().filter(|row| row.is_held).count();
    let mut spare = space.saturating_sub(held);
    let mut shown_held = 0;
    let mut lines = Vec::new();
    let mut left = 0;
    for row in &open {
        let fits = if row.is_held {
            shown_held += 1;
            shown_held <= space
        } else {
            let fits = spare > 0;
            spare = spare.saturating_sub(1);
            fits
        };
        if fits {
            lines.push(line(scene, row, true));
        } else {
            left += 1;
        }
    }
    let mut parts = Vec::new();
    if left > 0 {
        parts.push(format!("{left} more on the way"));
    }
    if done > 0 {
        parts.push(format!("{} there with all mounts", count(done, "node")));
    }
    (lines, Some(format!("  ... {}", parts.join(", "))).filter(|_| !parts.is_empty()))
}

fn full(scene: &Scene<'_>, run: &[Block<'_>]) -> Vec<Line> {
    run.iter().flat_map(Block::rows).map(|row| line(scene, row, false)).collect()
}

fn there(run: &[Block<'_>]) -> Line {
    let names: Vec<String> = run.iter().map(Block::name).collect();
    Line {
        name: fold::names(&names),
        glyph: Glyph::There,
        tone: Tone::Good,
        state: run[0].node.state.clone(),
        note: if run[0].mounts.is_empty() { String::new() } else { "mounts too".to_owned() },
        timer: "there".to_owned(),
    }
}

fn line(scene: &Scene<'_>, row: &Row, has_full_name: bool) -> Line {
    let name = match &row.subject {
        Subject::Mount(key) if !has_full_name => format!("  {}", key.mount),
        subject => subject.to_string(),
    };
    let note = row.note.clone().unwrap_or_default();
    let waits = note.is_empty()
        || ["waits for", "wait for", "kept up for"].iter().any(|words| note.contains(words));
    let (glyph, tone) = match (row.is_held, row.is_there, waits) {
        (true, _, _) => (Glyph::Held, Tone::Bad),
        (false, true, _) => (Glyph::There, Tone::Good),
        (false, false, true) => (Glyph::Waiting, Tone::Dim),
        // In the last frame nothing moves any more, as far as we are concerned.
        (false, false, false) if scene.verdict.is_some() => (Glyph::Waiting, Tone::Moving),
        (false, false, false) => (Glyph::Moving(scene.frame), Tone::Moving),
    };
    let is_there = row.is_there && !row.is_held;
    let place = match &row.subject {
        Subject::Mount(key) if row.state == "mounted" => scene.places.get(key).cloned(),
        _ => None,
    };
    let note = match (is_there, place, &row.id) {
        (true, Some(place), _) => place,
        (true, None, Some(id)) => id.clone(),
        (true, None, None) => String::new(),
        (false, _, Some(id)) if note.is_empty() => id.clone(),
        (false, _, _) => in_words(&note),
    };
    let since = scene.since.get(&row.subject).copied().unwrap_or(scene.started);
    Line {
        name: clean(&name),
        glyph,
        tone,
        state: clean(&row.state),
        note: clean(&note),
        timer: if is_there { "there".to_owned() } else { span(scene.now.since(since)) },
    }
}

/// Says a request's name as what is going on; other notes are left as they are.
pub(crate) fn in_words(note: &str) -> String {
    let name = note.strip_suffix(" is asked").unwrap_or(note);
    match name {
        "RunInstances" => "a machine is being asked for",
        "StartInstances" => "being started",
        "StopInstances" => "being stopped",
        "TerminateInstances" => "being terminated",
        "CreateVolume" => "a volume is being asked for",
        "AttachVolume" => "being attached",
        "DetachVolume" => "being detached",
        "ModifyVolume" => "its volume is being grown",
        "CreateTags" => "being marked",
        "CreateSnapshot" => "a snapshot is being asked for",
        "DeleteVolume" => "its volume is being deleted",
        "DeleteSnapshot" => "an old snapshot is being deleted",
        "mkfs" => "a file system is being made",
        "mount" => "being mounted",
        "umount" => "being unmounted",
        "growfs" => "its file system is being grown",
        _ => note,
    }
    .to_owned()
}

fn draw(line: &Line, names: usize, states: usize, columns: usize, look: &Look) -> String {
    let glyph = look.glyph(line.glyph);
    let head = format!("  {} ", pad(&cut(&line.name, names, look), names));
    let state = pad(&cut(&line.state, states, look), states);
    let used = width(&head) + width(glyph) + 1 + states + 2;
    let rest = sides(&line.note, &line.timer, columns.saturating_sub(used), look);
    let rest = cut(&rest, columns.saturating_sub(used), look);
    let shown =
        format!("{head}{} {}  {rest}", look.paint(line.tone, glyph), look.paint(line.tone, &state));
    shown.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fold::tests::row;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn rows() -> Vec<Row> {
        vec![
            row("chief", "running", "running", ""),
            row("chief/home", "mounted", "mounted", ""),
            row("chief/data", "attached", "mounted", "mount"),
            row("worker-1", "running", "running", ""),
            row("worker-1/scratch", "mounted", "mounted", ""),
            row("worker-2", "running", "running", ""),
            row("worker-2/scratch", "mounted", "mounted", ""),
            row("worker-3", "pending", "launched", "boots; ssh answers \"connection refused\""),
            row("worker-3/scratch", "available", "mounted", "waits for worker-3 to run"),
        ]
    }

    fn show(rows: &[Row], height: usize, look: &Look) -> String {
        let since = BTreeMap::from([(rows[2].subject.clone(), at(56))]);
        let places = BTreeMap::from([(
            MountKey::try_from("chief/home".to_owned()).unwrap(),
            "/mnt/home".to_owned(),
        )]);
        let scene = Scene {
            cluster: "gibbon",
            demand: Demand::Launched,
            run: Some(42),
            rows,
            requests: 17,
            started: at(0),
            now: at(78),
            since: &since,
            places: &places,
            frame: 2,
            height,
            verdict: None,
            footer: "Ctrl-C stops asking; nothing is undone.",
        };
        let lines = tree(&scene, look);
        assert!(lines.len() < height, "{} lines on a screen of {height}", lines.len());
        for line in &lines {
            assert!(width(line) < look.width, "too wide: {line}");
        }
        lines.join("\n")
    }

    #[test]
    fn on_a_high_screen_everything_is_shown() {
        insta::assert_snapshot!(show(&rows(), 24, &Look::plain(100)));
    }

    #[test]
    fn on_a_narrow_screen_notes_are_cut_and_ids_keep_their_line() {
        insta::assert_snapshot!(show(&rows(), 24, &Look { ascii: true, ..Look::plain(60) }));
    }

    #[test]
    fn what_is_there_folds_first() {
        insta::assert_snapshot!(show(&rows(), 10, &Look::plain(80)));
    }

    #[test]
    fn on_a_low_screen_what_is_held_stays_and_the_rest_is_counted() {
        let mut rows = rows();
        for n in 4..30 {
            rows.push(row(&format!("worker-{n}"), "pending", "launched", "boots"));
        }
        rows.push(row("zebra", "running", "away", "it cannot be stopped"));
        insta::assert_snapshot!(show(&rows, 10, &Look::plain(80)));
    }

    #[test]
    fn before_the_first_look_there_is_only_the_header() {
        let since = BTreeMap::new();
        let places = BTreeMap::new();
        let scene = Scene {
            cluster: "gibbon",
            demand: Demand::Away,
            run: None,
            rows: &[],
            requests: 1,
            started: at(0),
            now: at(0),
            since: &since,
            places: &places,
            frame: 0,
            height: 24,
            verdict: None,
            footer: "",
        };
        insta::assert_snapshot!(tree(&scene, &Look::plain(60)).join("\n"), @"gibbon -> away   first look                  0s   1 request");
    }
}
