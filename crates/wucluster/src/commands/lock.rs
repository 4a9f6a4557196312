//! The right to drive: taken by one command at a time, waited for on demand.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use wucluster_core::time::Timestamp;
use wucluster_engine::store::{DriveLock, Store, StoreError};

use super::Session;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::history::{self, Driver};
use crate::render::hold::part;
use crate::render::look::Tone;
use crate::render::status;
use crate::render::text::clean;

/// How long a lock that is held is tried in any case: whoever only looks whether somebody drives
/// holds it for a moment.
const GLANCE: Duration = Duration::from_millis(250);

/// Pause between two tries while waiting for another driver.
const PAUSE: Duration = Duration::from_millis(500);

/// Takes the right to drive, waiting for it as long as `--wait` says.
///
/// # Errors
/// [`Exit::Locked`], after saying who drives, what, and since when.
pub(crate) async fn take(
    session: &Session,
    store: &Store,
    ourselves: &Driver,
    now: impl Fn() -> Timestamp,
) -> Result<DriveLock, Fault> {
    let begun = Instant::now();
    let patience = session.globals.wait.unwrap_or_default();
    let mut is_told = false;
    loop {
        let holder = match store.lock(&ourselves.to_lock()) {
            Ok(lock) => return Ok(lock),
            Err(StoreError::Locked { holder, .. }) => holder.unwrap_or_default(),
            Err(error) => return Err(error.into()),
        };
        let waited = begun.elapsed();
        if waited < GLANCE {
            sleep(Duration::from_millis(25)).await;
            continue;
        }
        let last = history::last_run(store);
        let driver = Driver::from_lock(&holder).with_run(last.as_ref());
        if waited >= patience {
            tell(session, store, &driver, ourselves, now());
            return Err(Fault::told(Exit::Locked));
        }
        if !is_told && !session.output.is_quiet {
            is_told = true;
            let text = status::driver(&driver, now());
            session.output.aside(&format!("waiting: {}\n", clean(&text)));
        }
        sleep(PAUSE).await;
    }
}

fn tell(session: &Session, store: &Store, driver: &Driver, ourselves: &Driver, now: Timestamp) {
    let look = &session.output.err;
    let head = look.paint(Tone::Bad, "held[locked]");
    let cluster = store.folder().file_name().unwrap_or_default().to_string_lossy();
    let mut text = format!("{head} {cluster} is {}\n", clean(&status::driver(driver, now)));
    let pid = driver.pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    part("why", &[format!("two drivers could undo each other's steps{pid}")], look, &mut text);
    part("so", &["nothing was asked".to_owned()], look, &mut text);
    let program = &look.program;
    let fix = [
        format!("look on:      {program} status --watch"),
        format!("wait for it:  {program} {} --wait 10m", ourselves.command),
    ];
    part("fix", &fix, look, &mut text);
    session.output.aside(&text);
}
