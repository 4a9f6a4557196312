//! The right to drive: taken by one command at a time, waited for on demand.

use std::sync::Arc;
use std::time::Duration;

use wucluster_core::ports::Clock as _;
use wucluster_engine::store::Tenure;
use wucluster_engine::store::lease::{self, LeaseEnd, LeaseError, Newest, Purpose, Taken, Taking};
use wucluster_engine::{Records, SystemClock};

use super::Session;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::history::Driver;
use crate::operator::{is_gone, ourselves};
use crate::render::hold::part;
use crate::render::look::Tone;
use crate::render::status;
use crate::render::text::clean;
use crate::site::Site;

/// Says who drives, if somebody does and is not to be waited for, before a person is asked anything.
///
/// # Errors
/// [`Exit::Locked`], after saying who drives, what, and since when; why the store cannot be used.
pub(crate) async fn glance(session: &Session, site: &Site, command: &str) -> Result<(), Fault> {
    site.store.usable()?;
    if session.globals.wait.is_some() {
        return Ok(());
    }
    match lease::newest(site.store.objects().as_ref()).await? {
        Newest::Held(held) if !is_gone(&held.lease.operator) => {
            tell(session, site, &Driver::from(&held), command);
            Err(Fault::told(Exit::Locked))
        }
        Newest::Held(_) | Newest::Ended(..) | Newest::None => Ok(()),
    }
}

/// Takes the right to drive, waiting for it as long as `--wait` says.
///
/// # Errors
/// [`Exit::Locked`], after saying who drives, what, and since when.
pub(crate) async fn take(session: &Session, site: &Site, purpose: Purpose) -> Result<Taken, Fault> {
    let mut is_told = session.output.is_quiet;
    let mut on_wait = |held: &lease::Held| {
        if !std::mem::replace(&mut is_told, true) {
            let text = status::driver(&Driver::from(held), site.now());
            session.output.aside(&format!("waiting: {}\n", clean(&text)));
        }
    };
    let command = purpose.command.clone();
    let patience = session.globals.wait.unwrap_or(Duration::ZERO);
    match try_take(site, purpose, patience, &mut on_wait).await {
        Err(LeaseError::Held(held)) => {
            tell(session, site, &Driver::from(&*held), &command);
            Err(Fault::told(Exit::Locked))
        }
        taken => Ok(taken?),
    }
}

/// Begins to drive with a lease that was just taken; tells what earlier runs left.
///
/// # Errors
/// As [`crate::store::ClusterStore::left`], or when somebody has begun a later run.
pub(crate) async fn begin(site: &Site, taken: Taken) -> Result<(Tenure, Records), Fault> {
    // Read once more: whoever drove meanwhile, or was taken over, may have written since.
    let mut left = site.store.left().await?;
    left.records.begin(site.clock());
    let tenure = Tenure::begin(taken, &left, Arc::new(SystemClock), site.now()).await?;
    Ok((tenure, left.records))
}

/// Gives the lease back. If that fails, whoever comes next sees that this process is gone.
pub(crate) async fn end(site: &Site, tenure: &Tenure, outcome: &str, requests: u64) {
    let end = LeaseEnd { outcome: outcome.to_owned(), at: site.now(), requests };
    let _ = tenure.end(&end).await;
}

/// Takes the lease for a purpose, waiting for others as long as `patience` says.
///
/// # Errors
/// [`LeaseError`]; nothing was taken.
pub(crate) async fn try_take(
    site: &Site,
    purpose: Purpose,
    patience: Duration,
    on_wait: &mut (dyn FnMut(&lease::Held) + Send),
) -> Result<Taken, LeaseError> {
    let taking = Taking {
        operator: ourselves(),
        purpose,
        nonce: nonce(),
        patience,
        is_gone: &is_gone,
        calendar: site.clock(),
    };
    // Silence is measured in real time, also where the cloud's is simulated.
    lease::take(site.store.objects(), &SystemClock, &taking, on_wait).await
}

/// Makes a word that nobody else would choose: no two processes have number and beginning in common, and no two tries of
/// one process the instant.
fn nonce() -> String {
    let ourselves = ourselves();
    let now = SystemClock.uptime().map(|up| up.span.as_nanos()).unwrap_or_default();
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), now);
    format!("{random:016x}-{}-{now:x}", ourselves.pid)
}

fn tell(session: &Session, site: &Site, driver: &Driver, command: &str) {
    let look = &session.output.err;
    let head = look.paint(Tone::Bad, "held[locked]");
    let cluster = site.store.folder().file_name().unwrap_or_default().to_string_lossy();
    let mut text = format!("{head} {cluster} is {}\n", clean(&status::driver(driver, site.now())));
    let why = format!("two drivers could undo each other's steps (process {})", driver.pid);
    part("why", &[why], look, &mut text);
    part("so", &["nothing was asked".to_owned()], look, &mut text);
    let program = &look.program;
    let fix = [
        format!("look on:      {program} status --watch"),
        format!("wait for it:  {program} {command} --wait 10m"),
        format!("if it hangs:  {program} lease take"),
    ];
    part("fix", &fix, look, &mut text);
    session.output.aside(&text);
}
