//! `report`: a page about one run, from its journal.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use wucluster_engine::store::journal;
use wucluster_engine::store::lease::{self, Newest};

use super::Session;
use super::history::open;
use super::log::{cluster_of, find};
use crate::args::ReportArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::operator::is_gone;
use crate::render::report::{MARKER, page};
use crate::report::{Records, Report};

/// Writes a page about one run.
pub(crate) async fn report(session: &Session, args: &ReportArgs) -> Result<Exit, Fault> {
    let output = &session.output;
    let to_stdout = args.output.as_deref() == Some(Path::new("-"));
    if output.is_json && args.output.is_some() && !to_stdout {
        return Err(Fault::usage("the data of a report is printed, and not written into a file")
            .hint("leave out `--output`, or `--json`"));
    }
    let (store, _) = open(session)?;
    let objects = store.objects().as_ref();
    let Some((lease, end)) = find(objects, args.run).await? else {
        return Err(Fault::usage(
            "nobody has driven this cluster so far: there is no run to report on",
        ));
    };
    let newest = match lease::newest(objects).await? {
        Newest::Held(held) => held.lease.run,
        Newest::Ended(..) | Newest::None => 0,
    };
    let goes_on = end.is_none() && lease.run == newest && !is_gone(&lease.operator);
    let journal = journal::read(objects, lease.run, 0).await?;
    if let Some(damage) = &journal.damage {
        output.warn(format!("the rest of run {} cannot be read: {damage}", lease.run));
    }
    let cluster = cluster_of(&store);
    let records =
        Records { cluster: &cluster, lease: &lease, end: end.as_ref(), goes_on, journal: &journal };
    let report = Report::of(&records);
    if output.is_json {
        output.json(&report)?;
        return Ok(Exit::Done);
    }
    let text = page(&report, &journal.events, &output.out)?;
    if to_stdout {
        output.result(&text);
        return Ok(Exit::Done);
    }
    let path = match &args.output {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{cluster}-run-{}.html", lease.run)),
    };
    write(&path, &text)?;
    output.result(&format!("{} is written.\n", path.display()));
    if !output.is_quiet {
        let run = lease.run;
        output.aside(&format!(
            "Next:  open it in a browser, or read the run here:    {} log {run}\n",
            output.err.program
        ));
    }
    Ok(Exit::Done)
}

/// Writes a report, whole or not at all; over another report, and over nothing else.
fn write(named: &Path, text: &str) -> Result<(), Fault> {
    // Where a link leads to, the file is written; the link stays.
    let path = match fs::canonicalize(named) {
        Ok(whole) => whole,
        Err(error) if error.kind() == ErrorKind::NotFound => named.to_owned(),
        Err(error) => return Err(Fault::file("look at", named, &error)),
    };
    let is_there = is_report(named)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let done = fill(&fresh, text).and_then(|()| {
        if is_there {
            return fs::rename(&fresh, &path);
        }
        // What somebody else made there meanwhile is not ours to replace.
        match renameat_with(CWD, &fresh, CWD, &path, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => place(&fresh, &path),
            other => other.map_err(io::Error::from),
        }
    });
    done.map_err(|error| {
        let _ = fs::remove_file(&fresh);
        match error.kind() {
            ErrorKind::AlreadyExists => no_report(named),
            _ => Fault::file("write", named, &error),
        }
    })
}

/// Puts a file where none is, on a file system that cannot rename that way.
fn place(fresh: &Path, path: &Path) -> io::Result<()> {
    fs::hard_link(fresh, path)?;
    fs::remove_file(fresh)
}

fn fill(fresh: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Says whether a report is there; anything else there is a fault.
fn is_report(path: &Path) -> Result<bool, Fault> {
    let file = match File::options().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Fault::file("look at", path, &error)),
    };
    let about = file.metadata().map_err(|error| Fault::file("look at", path, &error))?;
    if about.is_dir() {
        return Err(Fault::usage(format!("{} is a folder", path.display()))
            .hint("name a file in it: `wucluster report --output FILE`"));
    }
    let mut beginning = Vec::new();
    if about.is_file() {
        let most = MARKER.len() as u64;
        file.take(most)
            .read_to_end(&mut beginning)
            .map_err(|error| Fault::file("read", path, &error))?;
    }
    if beginning == MARKER.as_bytes() { Ok(true) } else { Err(no_report(path)) }
}

fn no_report(path: &Path) -> Fault {
    Fault::usage(format!("{} is there already, is no report, and stays as it is", path.display()))
        .hint("give the report another name: `wucluster report --output FILE`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(words: &str) -> String {
        format!("{MARKER}1 -->{words}")
    }

    /// Lists what is in a folder.
    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_report_is_written_where_nothing_is_or_a_report_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.html");
        write(&path, &page("one")).unwrap();
        write(&path, &page("two")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), page("two"));
        assert_eq!(names(folder.path()), ["a.html"]);
    }

    #[test]
    fn nothing_but_a_report_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("thesis.html");
        for body in ["<!DOCTYPE html>\n<p>years of work", ""] {
            fs::write(&path, body).unwrap();
            let fault = write(&path, &page("one")).unwrap_err();
            assert_eq!(fault.exit, Exit::Usage);
            assert!(fault.to_string().contains("stays as it is"), "{fault}");
            assert_eq!(fs::read_to_string(&path).unwrap(), body);
        }
        let fault = write(folder.path(), &page("one")).unwrap_err();
        assert_eq!(fault.exit, Exit::Usage);
        assert!(fault.to_string().contains("is a folder"), "{fault}");
        assert_eq!(names(folder.path()), ["thesis.html"]);
    }

    #[test]
    fn a_link_stays_a_link_and_what_it_leads_to_is_judged() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.html"), folder.path().join("link.html"));
        write(&path, &page("one")).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, &page("two")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), page("two"));
        fs::write(&path, "else").unwrap();
        assert_eq!(write(&link, &page("three")).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let fault = write(&folder.path().join("no/a.html"), &page("one")).unwrap_err();
        assert_eq!(fault.exit, Exit::Failed);
    }
}
