//! The cloud that a cluster lives in, opened: how it is looked at, driven and spoken to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wucluster_core::action::NodeAddress;
use wucluster_core::definition::{ClusterDefinition, Provider};
use wucluster_core::ids::NodeName;
use wucluster_core::interlock::rename;
use wucluster_core::memory::Memory;
use wucluster_core::observation::{
    CloudView, InstanceState, NodeObservation, NodeViews, Observation,
};
use wucluster_core::planner::Ask;
use wucluster_core::ports::{Clock, Cloud, NodeShell};
use wucluster_core::tags::StoreMark;
use wucluster_core::time::Timestamp;
use wucluster_engine::ssh::{SshOptions, SshShell};
use wucluster_engine::store::identity;
use wucluster_engine::{Engine, SystemClock};

use crate::commands::Session;
use crate::dirs::Dirs;
use crate::fault::{Fault, with_sources};
use crate::history::{self, Lately};
use crate::sim_cloud::{Pace, SimAccount};
use crate::store::ClusterStore;

/// How long `status` waits for nodes that do not answer: a person looks at the screen.
///
/// Measured 2026-11: the first answer of an emulated machine on a busy host takes 1 to 2 s.
pub(crate) const GLANCE: Duration = Duration::from_secs(3);

/// How long nodes are waited for where the answer decides something: `plan`, `explain`, `--is`.
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);

/// Names the environment's word on how fast simulated time passes.
const SPEED: &str = "WUCLUSTER_SIM_SPEED";

/// A cluster's cloud and folder, opened.
pub(crate) struct Site {
    cloud: Arc<dyn Cloud>,
    /// The same, where it is AWS.
    #[cfg(feature = "aws")]
    pub(crate) aws: Option<Arc<crate::aws_cloud::PinnedCloud>>,
    /// How nodes are spoken to.
    pub(crate) nodes: Nodes,
    /// The cluster's place in the store.
    pub(crate) store: ClusterStore,
    clock: Box<dyn Clock>,
}

/// How nodes are spoken to.
pub(crate) enum Nodes {
    /// By the user's own ssh.
    Ssh(SshShell),
    /// They are simulated, and run nothing but a few commands of their own.
    Sim(SimAccount),
}

impl Nodes {
    fn shell(&self) -> &dyn NodeShell {
        match self {
            Self::Ssh(shell) => shell,
            Self::Sim(account) => account,
        }
    }
}

impl Site {
    /// Opens the cloud of a definition.
    ///
    /// # Errors
    /// A usage fault when this build has no such cloud: nothing was touched.
    pub(crate) fn open(
        session: &Session,
        definition: &ClusterDefinition,
        dirs: &Dirs,
    ) -> Result<Self, Fault> {
        Self::open_at(session, definition, dirs, pace()?)
    }

    /// Does the same for somebody who watches: simulated time then passes, and never leaps.
    pub(crate) fn open_to_watch(
        session: &Session,
        definition: &ClusterDefinition,
        dirs: &Dirs,
    ) -> Result<Self, Fault> {
        let pace = match pace()? {
            Pace::Leaps => Pace::DEFAULT,
            times @ Pace::Times(_) => times,
        };
        Self::open_at(session, definition, dirs, pace)
    }

    fn open_at(
        session: &Session,
        definition: &ClusterDefinition,
        dirs: &Dirs,
        pace: Pace,
    ) -> Result<Self, Fault> {
        let url = session.globals.store.as_deref().or(definition.store.as_deref());
        if definition.provider == Provider::Sim {
            // What leaps over the time until an answer comes would find every answer late.
            if pace == Pace::Leaps && url.is_some_and(|url| url.starts_with("s3:")) {
                return Err(Fault::usage(format!(
                    "with {SPEED}=fast the store is a folder of this machine"
                ))
                .hint(format!(
                    "let it have no other store, or set {SPEED} to a speed such as `20x`"
                )));
            }
            let account = SimAccount::open(dirs, pace)
                .map_err(|error| Fault::failed(with_sources(&error)))?;
            let store = ClusterStore::open(definition, dirs, url);
            return Ok(Self {
                cloud: Arc::new(account.clone()),
                #[cfg(feature = "aws")]
                aws: None,
                clock: Box::new(account.clone()),
                nodes: Nodes::Sim(account),
                store,
            });
        }
        // Before anything is made for it: this build may not have it.
        if !has_cloud(definition.provider) {
            return Err(no_cloud(definition.provider));
        }
        let store = ClusterStore::open(definition, dirs, url);
        #[cfg(feature = "aws")]
        let aws = (definition.provider == Provider::Aws).then(|| {
            let keys = host_keys_of(&store);
            Arc::new(crate::aws_cloud::open(definition, store.objects(), &keys))
        });
        #[cfg(feature = "aws")]
        let cloud = match &aws {
            Some(aws) => Arc::clone(aws) as Arc<dyn Cloud>,
            None => cloud_of(definition.provider, dirs)?,
        };
        #[cfg(not(feature = "aws"))]
        let cloud = cloud_of(definition.provider, dirs)?;
        let mut options =
            SshOptions::new(definition.name.clone(), dirs.runtime.clone(), host_keys_of(&store));
        // A machine of EC2 whose console tells no host key: the first one is pinned to its id, and none after it.
        options.accept_new = definition.provider == Provider::Aws;
        #[cfg(feature = "aws")]
        if let Some(aws) = &aws {
            options.disk_names = Some(Arc::new(crate::aws_cloud::Names(Arc::clone(aws))));
        }
        let shell = SshShell::new(options, Arc::new(SystemClock))
            .map_err(|error| Fault::failed(with_sources(&error)))?;
        Ok(Self {
            cloud,
            #[cfg(feature = "aws")]
            aws,
            nodes: Nodes::Ssh(shell),
            store,
            clock: Box::new(SystemClock),
        })
    }

    /// Returns the cloud.
    pub(crate) fn cloud(&self) -> &dyn Cloud {
        &*self.cloud
    }

    /// Returns an engine over the cloud.
    pub(crate) fn engine(&self) -> Engine<'_> {
        Engine::new(self.cloud(), self.nodes.shell(), &*self.clock)
    }

    /// Returns the clock.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Returns the time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Looks at the cloud and asks the nodes.
    pub(crate) async fn look(
        &self,
        definition: &ClusterDefinition,
        ask: Ask,
        patience: Duration,
    ) -> Result<Observation, Fault> {
        Ok(self.engine().look(definition, ask, patience).await?)
    }

    /// Looks at the cloud only; nodes are not asked.
    pub(crate) async fn look_at_cloud(
        &self,
        definition: &ClusterDefinition,
    ) -> Result<Observation, Fault> {
        let view = self.listing(definition).await?;
        Ok(Observation::assemble(definition, &view, &NodeViews::new()))
    }

    /// Looks at the cloud only, and shows it as it will be once what the definition renames has its new name.
    pub(crate) async fn look_at_cloud_as_renamed(
        &self,
        definition: &ClusterDefinition,
    ) -> Result<Observation, Fault> {
        let view = rename::as_renamed(definition, self.listing(definition).await?);
        Ok(Observation::assemble(definition, &view, &NodeViews::new()))
    }

    async fn listing(&self, definition: &ClusterDefinition) -> Result<CloudView, Fault> {
        let asked_at = self.now();
        let mut view = self.cloud().observe(&definition.name).await?;
        view.asked_at = asked_at;
        Ok(view)
    }

    /// Looks as [`Site::look`] does, and shows it as it will be once what the definition renames has its new name.
    pub(crate) async fn look_as_renamed(
        &self,
        definition: &ClusterDefinition,
        ask: Ask,
        patience: Duration,
    ) -> Result<Observation, Fault> {
        Ok(self.engine().look_as_renamed(definition, ask, patience).await?)
    }

    /// Finds out what the last run was and who drives now; what cannot be read is told by `warn`.
    pub(crate) async fn lately(&self, warn: impl FnOnce(String)) -> Lately {
        history::lately(self.store.objects().as_ref()).await.unwrap_or_else(|error| {
            warn(with_sources(&error));
            Lately::default()
        })
    }

    /// Returns what forecasts have to know of earlier runs: where data was seen, and whose deletion was begun; what cannot
    /// be read is told by `warn`.
    pub(crate) async fn remembered(&self, warn: impl FnOnce(String)) -> Memory {
        let left = self.store.left().await;
        let store = identity::read(self.store.objects().as_ref()).await.map_err(Fault::from);
        match (left, store) {
            (Ok(left), Ok(store)) => Memory {
                data_epochs: left.records.data_epochs,
                phases: Some(left.log.phases),
                // From a store that was never used nothing was made.
                store: Some(store.unwrap_or_else(|| StoreMark::new("", 0, ""))),
                ..Memory::default()
            },
            (Err(fault), _) | (_, Err(fault)) => {
                warn(fault.message);
                Memory::default()
            }
        }
    }
}

/// Returns where the pinned host keys of a cluster are.
pub(crate) fn host_keys_of(store: &ClusterStore) -> PathBuf {
    store.folder().join("host-keys")
}

/// Opens a cloud of this host, or says that this build does not have it.
#[cfg_attr(
    not(feature = "local"),
    expect(unused_variables, reason = "nothing of this host is needed then")
)]
fn cloud_of(provider: Provider, dirs: &Dirs) -> Result<Arc<dyn Cloud>, Fault> {
    match provider {
        #[cfg(feature = "local")]
        Provider::Local => Ok(Arc::new(crate::local_cloud::open(dirs)?)),
        other => Err(no_cloud(other)),
    }
}

/// Returns how fast simulated time passes, as the environment says.
fn pace() -> Result<Pace, Fault> {
    match std::env::var(SPEED) {
        Ok(text) if !text.is_empty() => {
            text.parse().map_err(|why| Fault::usage(format!("{SPEED} is `{text}`: {why}")))
        }
        _ => Ok(Pace::DEFAULT),
    }
}

/// Says whether this build has a cloud.
pub(crate) fn has_cloud(provider: Provider) -> bool {
    match provider {
        Provider::Local => cfg!(feature = "local"),
        Provider::Sim => true,
        Provider::Aws => cfg!(feature = "aws"),
    }
}

/// Says that this build has no such cloud.
pub(crate) fn no_cloud(provider: Provider) -> Fault {
    let fault =
        Fault::usage(format!("this wucluster has no cloud `{provider}`; nothing was touched"))
            .hint(format!("build it with the feature `{provider}`"));
    match provider {
        Provider::Local | Provider::Sim => fault,
        Provider::Aws => fault
            .hint("clusters with `provider = \"local\"` run as machines on this host")
            .hint("see how it would go, on the simulator: `wucluster rehearse launched`"),
    }
}

/// Returns where a node is reached.
///
/// # Errors
/// Says why it cannot be reached: it is away, does not run yet, or has no address.
pub(crate) fn address(node: &NodeObservation) -> Result<NodeAddress, String> {
    let name = &node.name;
    let instance = match node.instances.as_slice() {
        [] => return Err(format!("{name} is away")),
        [one] => one,
        several => return Err(format!("{} instances carry the name {name}", several.len())),
    };
    if instance.state != InstanceState::Running {
        return Err(format!("{name} is {}, not running", instance.state));
    }
    let Some(ssh) = instance.ssh.clone() else {
        return Err(format!("{name} runs and has no address for ssh yet"));
    };
    Ok(NodeAddress { node: name.clone(), instance: instance.id.clone(), ssh, run: None })
}

/// Finds a node by its name, defined or seen.
///
/// # Errors
/// A usage fault that lists the nodes there are.
pub(crate) fn node_named<'a>(
    observation: &'a Observation,
    name: &str,
) -> Result<&'a NodeObservation, Fault> {
    let found = NodeName::new(name).ok().and_then(|name| observation.node(&name));
    found.ok_or_else(|| {
        let names: Vec<&str> = observation.nodes.iter().map(|node| node.name.as_str()).collect();
        let fault = Fault::usage(format!("there is no node `{name}` in this cluster"));
        if names.is_empty() {
            fault
        } else {
            fault.hint(format!("its nodes are {}", names.join(", ")))
        }
    })
}
