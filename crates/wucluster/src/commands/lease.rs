//! `lease`: says who drives the cluster, and takes over after silence.

use std::time::Duration;

use serde::Serialize;
use wucluster_engine::store::lease::{
    self, Held, Lease, LeaseEnd, LeaseError, Newest, Purpose, SILENCE, TookOver,
};

use super::{Session, lock};
use crate::args::{LeaseArgs, LeaseCommand};
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::history::Driver;
use crate::operator::is_gone;
use crate::render::status;
use crate::render::text::clean;
use crate::render::words::{ago, span};
use crate::site::Site;

/// How long `take` waits: until an operator that is silent from now on counts as gone.
const PATIENCE: Duration = Duration::from_secs(SILENCE.as_secs() + 5);

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    state: &'static str,
    lease: Option<&'a Lease>,
    end: Option<&'a LeaseEnd>,
    heard_at: Option<wucluster_core::time::Timestamp>,
}

/// Says who drives, or takes over.
pub(crate) async fn lease(session: &Session, args: &LeaseArgs) -> Result<Exit, Fault> {
    let definition = session.definition()?;
    let site = Site::open(session, &definition, &Dirs::find()?)?;
    site.store.usable()?;
    match args.command {
        None => show(session, &site).await,
        Some(LeaseCommand::Take) => take(session, &site).await,
    }
}

async fn show(session: &Session, site: &Site) -> Result<Exit, Fault> {
    let output = &session.output;
    let newest = lease::newest(site.store.objects().as_ref()).await?;
    if output.is_json {
        let (state, lease, end, heard_at) = match &newest {
            Newest::None => ("free", None, None, None),
            Newest::Ended(lease, end) => ("free", Some(lease), Some(end), Some(end.at)),
            Newest::Held(held) if is_gone(&held.lease.operator) => {
                ("abandoned", Some(&held.lease), None, Some(held.heard_at))
            }
            Newest::Held(held) => ("held", Some(&held.lease), None, Some(held.heard_at)),
        };
        output.json(&Document { schema: "wucluster/driver/1", state, lease, end, heard_at })?;
        return Ok(Exit::Done);
    }
    let now = site.now();
    let text = match &newest {
        Newest::None => "free: nobody has driven this cluster so far".to_owned(),
        Newest::Ended(lease, end) => format!(
            "free: run {} of {} ended {} ({})",
            lease.run,
            lease.operator.who,
            ago(end.at, now),
            end.outcome
        ),
        Newest::Held(held) if is_gone(&held.lease.operator) => format!(
            "free: run {} of {} was ended from outside, last heard {}",
            held.lease.run,
            held.lease.operator.who,
            ago(held.heard_at, now)
        ),
        Newest::Held(held) => status::driver(&Driver::from(held), now),
    };
    output.result(&format!("{}\n", clean(&text)));
    match &newest {
        Newest::Held(held) if !is_gone(&held.lease.operator) => {
            output.next(&["status --watch", "lease take"]);
        }
        Newest::Held(_) | Newest::Ended(..) | Newest::None => output.next(&["history"]),
    }
    Ok(Exit::Done)
}

/// Takes the lease from a silent operator and gives it back: whoever comes next need not wait.
async fn take(session: &Session, site: &Site) -> Result<Exit, Fault> {
    let output = &session.output;
    match lease::newest(site.store.objects().as_ref()).await? {
        Newest::None | Newest::Ended(..) => {
            output.result("free already: nothing was taken over\n");
            return Ok(Exit::Done);
        }
        Newest::Held(held) => explain(session, site, &held),
    }
    let purpose = Purpose { command: "lease take".to_owned(), demand: None, only: Vec::new() };
    let mut on_wait = |_: &Held| {};
    let taken = match lock::try_take(site, purpose, PATIENCE, &mut on_wait).await {
        Err(LeaseError::Held(held)) => {
            let driver = Driver::from(&*held);
            output.aside(&format!(
                "not taken: {} is there, last heard {}; its process is {}\n",
                clean(&driver.who),
                ago(driver.heard_at, site.now()),
                driver.pid
            ));
            return Err(Fault::told(Exit::Locked));
        }
        taken => taken?,
    };
    let end = LeaseEnd { outcome: "taken-over".to_owned(), at: site.now(), requests: 0 };
    let how = match &taken.lease().took_over {
        Some(TookOver::Silent { run, watched }) => {
            format!("taken over from run {run}, silent for {}", span(*watched))
        }
        Some(TookOver::Gone { run }) => format!("taken over from run {run}, whose process is gone"),
        None => "taken".to_owned(),
    };
    taken.end(&end).await?;
    output.result(&format!("{how}; the lease is free\n"));
    output.next(&["status", "launch"]);
    Ok(Exit::Done)
}

fn explain(session: &Session, site: &Site, held: &Held) {
    if session.output.is_quiet || is_gone(&held.lease.operator) {
        return;
    }
    let text = status::driver(&Driver::from(held), site.now());
    session.output.aside(&format!(
        "{}\nwatching for {}: who renews the lease meanwhile keeps it\n",
        clean(&text),
        span(SILENCE)
    ));
}
