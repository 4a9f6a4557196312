//! `wait`: looks until a state holds, and never acts.

use std::time::Duration;

use serde::Serialize;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::demand::{Demand, Verdict};
use wucluster_core::planner::Ask;
use wucluster_core::ports::{CloudError, ErrorClass};
use wucluster_core::scope::Scope;
use wucluster_core::time::Timestamp;

use super::{Session, part};
use crate::args::WaitArgs;
use crate::dirs::Dirs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::text::clean;
use crate::render::words::span;
use crate::signals::Interrupts;
use crate::site::{PATIENCE, Site};

/// Pause between two looks, where the cloud asks for none that is longer.
const PAUSE: Duration = Duration::from_secs(2);
/// How long nothing is said at most.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Looks until a state holds.
pub(crate) async fn wait(session: &Session, args: &WaitArgs) -> Result<Exit, Fault> {
    let definition = session.definition()?;
    // With simulated time that leaps, nobody would come to do anything.
    let site = Site::open_to_watch(session, &definition, &Dirs::find()?)?;
    let mut interrupts = Interrupts::listen()?;
    let scope = part::scope(&site, &definition, &args.only, args.state).await?;
    let mut watch =
        Watch { session, definition: &definition, demand: args.state, scope, told: None };
    let (exit, verdict) = tokio::select! {
        found = watch.until_met(&site) => found?,
        () = interrupts.next() => (Exit::Interrupted, None),
    };
    let output = &session.output;
    match &verdict {
        Some(verdict) if output.is_json => output.json(&Answer::new(args.state, verdict))?,
        Some(_) if exit == Exit::Done => {
            watch.say(&format!("{} is {}", watch.name(), args.state));
        }
        Some(verdict) => {
            let missing = missing(verdict).unwrap_or_default();
            watch.say(&format!(
                "{} is not {} in time: {missing}; nothing was asked",
                watch.name(),
                args.state
            ));
        }
        None if exit == Exit::TimedOut => {
            watch.say("the cloud could not be looked at in time; nothing was asked");
        }
        None => watch.say("interrupted; nothing was asked"),
    }
    Ok(exit)
}

/// Whether a state holds, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    schema: &'static str,
    demand: Demand,
    is_met: bool,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

impl<'a> Answer<'a> {
    /// Makes the document.
    pub(super) fn new(demand: Demand, verdict: &'a Verdict) -> Self {
        Self { schema: "wucluster/verdict/1", demand, is_met: verdict.is_met(), verdict }
    }
}

/// Somebody who looks on.
struct Watch<'a> {
    session: &'a Session,
    definition: &'a ClusterDefinition,
    demand: Demand,
    scope: Scope,
    /// What was said last, and when.
    told: Option<(String, Timestamp)>,
}

impl Watch<'_> {
    /// Looks until the state holds, or the time is over.
    ///
    /// A look that fails is told and made again, but for what looking again does not mend.
    async fn until_met(&mut self, site: &Site) -> Result<(Exit, Option<Verdict>), Fault> {
        let began = site.now();
        let pause = PAUSE.max(site.cloud().limits().look_interval_min);
        let mut last = None;
        loop {
            let looked = site.engine().look(self.definition, Ask::For(self.demand), PATIENCE).await;
            let now = site.now();
            match looked {
                Ok(observation) => {
                    let verdict =
                        self.demand.verdict_in(&self.scope, self.definition, &observation, now);
                    if verdict.is_met() {
                        return Ok((Exit::Done, Some(verdict)));
                    }
                    if last.is_none() {
                        self.say_who_drives(site).await;
                    }
                    let after = match last {
                        Some(_) => format!(" after {}", span(now.since(began))),
                        None => String::new(),
                    };
                    if let Some(missing) = missing(&verdict) {
                        let (name, demand) = (self.name(), self.demand);
                        let told = format!("{name} is not {demand}{after}: {missing}");
                        self.tell(&missing, &told, now);
                    }
                    last = Some(verdict);
                }
                Err(error) if is_passing(&error) => {
                    let line =
                        format!("the cloud cannot be looked at: {}", clean(&error.to_string()));
                    self.tell(&line, &line, now);
                }
                Err(error) => return Err(error.into()),
            }
            let left =
                self.session.globals.timeout.map(|limit| limit.saturating_sub(now.since(began)));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok((Exit::TimedOut, last));
            }
            site.clock().sleep(left.map_or(pause, |left| pause.min(left))).await;
        }
    }

    /// Says that nobody is at it, as then nothing may come of waiting.
    async fn say_who_drives(&self, site: &Site) {
        let lately = site.lately(|text| self.session.output.warn(text)).await;
        match lately.driver {
            Some(driver) => {
                let (who, command) = (clean(&driver.who), clean(&driver.command));
                self.say(&format!("{who} drives {}: {command}", self.definition.name));
            }
            None => self.say(&format!(
                "nobody drives {} now; `{} {}` does",
                self.definition.name,
                self.session.output.err.program,
                self.scope.command(self.demand)
            )),
        }
    }

    /// Tells something when it is another thing than was told last, and now and then all the same.
    fn tell(&mut self, what: &str, line: &str, now: Timestamp) {
        let is_due = match &self.told {
            Some((told, at)) => told != what || now.since(*at) >= HEARTBEAT,
            None => true,
        };
        if is_due {
            self.say(line);
            self.told = Some((what.to_owned(), now));
        }
    }

    /// Names what is waited for: the cluster, or a part of it.
    fn name(&self) -> String {
        part::named(&self.definition.name, &self.scope)
    }

    fn say(&self, text: &str) {
        let output = &self.session.output;
        if !output.is_quiet && !output.is_json {
            output.aside(&format!("{text}\n"));
        }
    }
}

/// Says whether a failed look may succeed when it is made again.
fn is_passing(error: &CloudError) -> bool {
    matches!(error.class, ErrorClass::Retry | ErrorClass::Ambiguous | ErrorClass::Capacity)
}

/// Tells the first thing that is missing, and how many more.
pub(super) fn missing(verdict: &Verdict) -> Option<String> {
    let short: Vec<String> =
        verdict.shortfalls().map(|short| format!("{}: {}", short.subject, short.why)).collect();
    let more = match short.len() {
        0 | 1 => String::new(),
        several => format!(" (and {} more)", several - 1),
    };
    Some(clean(&format!("{}{more}", short.first()?)))
}
