//! What happened when in a drive: looks and what they showed, requests and their answers, in the world's time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use wucluster_core::action::{Action, CloudAction};
use wucluster_core::ids::ClusterName;
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{CloudView, Found};
use wucluster_core::ports::{Cloud, CloudError, CloudLimits, Receipt, RequestBudget};
use wucluster_core::time::Timestamp;
use wucluster_engine::{EngineEvent, EventKind};

use crate::support::Site;

/// A site that notes down what is asked of it.
pub struct Watched<'a> {
    site: &'a Site,
    from: Timestamp,
    lines: Mutex<Vec<String>>,
}

impl<'a> Watched<'a> {
    /// Begins to note down.
    pub fn new(site: &'a Site) -> Self {
        Self { site, from: site.sim.now(), lines: Mutex::default() }
    }

    /// Notes down what the engine tells of nodes; what it asks of the cloud is seen here.
    pub fn hear(&self, event: &EngineEvent) {
        match &event.kind {
            EventKind::Asked { subject, name, action: Action::Shell(_) } => {
                self.note(&format!("asked: {name} of {subject}"));
            }
            EventKind::Failed { subject, name, error, .. } => {
                self.note(&format!("failed: {name} of {subject}: {error}"));
            }
            _ => {}
        }
    }

    /// Prints it all.
    pub fn print(&self) {
        for line in self.lines.lock().unwrap().iter() {
            println!("    {line}");
        }
    }

    fn note(&self, what: &str) {
        let at = self.site.sim.now().since(self.from).as_secs_f64();
        self.lines.lock().unwrap().push(format!("{at:7.2} {what}"));
    }
}

/// Counts what a look shows, by states.
fn shown(view: &CloudView) -> BTreeMap<String, usize> {
    let instances = view.instances.iter().map(|one| format!("instances {}", one.state));
    let volumes = view.volumes.iter().map(|one| format!("volumes {}", one.state));
    let attachments = view.volumes.iter().flat_map(|one| &one.attachments);
    let attachments = attachments.map(|one| format!("attachments {}", one.state));
    let snapshots = view.snapshots.iter().map(|one| format!("snapshots {}", one.state));
    let mut words = BTreeMap::new();
    for word in instances.chain(volumes).chain(attachments).chain(snapshots) {
        *words.entry(word).or_default() += 1;
    }
    words
}

#[async_trait]
impl Cloud for Watched<'_> {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        self.note("look");
        let view = self.site.observe(cluster).await?;
        self.note(&format!("seen: {:?}", shown(&view)));
        Ok(view)
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError> {
        self.site.find(id).await
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        let name = actions.first().map_or("nothing", |action| action.action().name());
        self.note(&format!("asked: {} x {name}", actions.len()));
        let answers = self.site.issue(actions).await;
        let refused = answers.iter().filter(|answer| answer.is_err()).count();
        self.note(&format!("answered: {} x {name}, {refused} refused", actions.len()));
        answers
    }

    fn limits(&self) -> CloudLimits {
        self.site.limits()
    }

    fn budget(&self, request: &str) -> Option<RequestBudget> {
        self.site.budget(request)
    }

    fn soonest(&self, request: &str) -> Duration {
        self.site.soonest(request)
    }
}
