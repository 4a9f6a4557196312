//! EC2 and EBS behind the port.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_ec2::types::Instance;
use tokio::sync::OnceCell;
use wucluster_core::action::CloudAction;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::{ClusterName, InstanceId, MountKey, NodeName, VolumeId};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{CloudView, Found};
use wucluster_core::ports::{Cloud, CloudError, CloudLimits, Receipt, RequestBudget};
use wucluster_core::tags::KEY_NODE;
use wucluster_core::time::Timestamp;

use crate::account::Account;
use crate::calls::Call;
use crate::connect::Clients;
use crate::devices::Devices;
use crate::images::{self, Images};
use crate::labels::{self, DiskLabel};
use crate::late::{self, SENT_WITHIN, SIGNED_FOR};
use crate::listing::{self, of_cluster};
use crate::network_plan::{Network, NetworkPlan};
use crate::rates::{self, Rates};
use crate::seen::{self, Mappings};

/// What is said of the cluster beside its requests, and where AWS is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AwsOptions {
    /// The region. `None`: as the environment or the profile says.
    pub region: Option<String>,
    /// The profile. `None`: as the environment says, else the default one.
    pub profile: Option<String>,
    /// Credentials. `None`: the usual chain of environment, profile, SSO, container and machine.
    pub keys: Option<AwsKeys>,
    /// Where AWS is reached. `None`: as the environment (`AWS_ENDPOINT_URL`) or the profile says, else AWS itself.
    pub endpoint_url: Option<String>,
    /// Whom to log in as, per node. Others: as the image's family tells.
    pub users: BTreeMap<NodeName, String>,
    /// The user's own tags, per node; volumes and snapshots get those of their node.
    pub tags: BTreeMap<NodeName, BTreeMap<String, String>>,
    /// The security group and the key pair that are made for the cluster. `None`: nodes name those that are there.
    pub network: Option<NetworkPlan>,
    /// Whether requests are made as fast as they come: for servers that answer like AWS and limit no rates.
    pub is_unpaced: bool,
    /// How long something new may be missing in listings. `None`: as long as EC2 may take.
    pub visibility_lag_max: Option<Duration>,
    /// The longest pause before a look is tried a second time; the next one is twice as long. `None`: the SDK's own, a second.
    /// Less is for servers whose time passes faster than ours.
    pub look_pause: Option<Duration>,
}

impl AwsOptions {
    /// Reads off a definition what the cloud must know of it.
    #[must_use]
    pub fn of(definition: &ClusterDefinition) -> Self {
        let nodes = || definition.nodes.values();
        let users = nodes()
            .filter_map(|node| Some((node.name.clone(), node.machine.ec2.user.clone()?)))
            .collect();
        let tags = nodes().map(|node| (node.name.clone(), node.machine.ec2.tags.clone())).collect();
        let network = NetworkPlan::of(definition);
        Self { region: definition.region.clone(), users, tags, network, ..Self::default() }
    }

    /// Returns the user's own tags for what belongs to a mount.
    pub(crate) fn tags_of(&self, mount: &MountKey) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.tags.get(&mount.node).unwrap_or(&NONE)
    }
}

/// Credentials that somebody holds in hand.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsKeys {
    /// The id of the key.
    pub id: String,
    /// The key itself; never shown.
    pub secret: String,
}

impl fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKeys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An account of AWS in a region, as a cloud.
///
/// Nothing is asked of AWS before the first look or request; credentials and region are then found as every tool of
/// AWS finds them.
#[derive(Debug)]
pub struct AwsCloud {
    pub(crate) options: AwsOptions,
    clients: OnceCell<Clients>,
    account: OnceCell<Account>,
    pub(crate) rates: Rates,
    memory: Mutex<Memory>,
}

/// What is kept of the last look; nothing of it is needed to be right, but for the names of devices to be free.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) devices: Devices,
    /// Under what names the cluster's instances show its volumes.
    pub(crate) labels: BTreeMap<InstanceId, Vec<DiskLabel>>,
    pub(crate) images: Images,
    /// Which image a name of the definition stands for.
    pub(crate) named_images: BTreeMap<String, Result<String, CloudError>>,
    /// What is made for the cluster, or why it is not there. `None`: it was not asked for.
    pub(crate) network: Option<Result<Network, CloudError>>,
    /// The cluster's volumes.
    pub(crate) volumes: BTreeSet<VolumeId>,
}

impl AwsCloud {
    /// Makes the cloud. Asks nothing.
    #[must_use]
    pub fn new(options: AwsOptions) -> Self {
        Self {
            rates: Rates::new(!options.is_unpaced),
            options,
            clients: OnceCell::new(),
            account: OnceCell::new(),
            memory: Mutex::default(),
        }
    }

    /// Tells whose account it is, and in which region; asked once.
    ///
    /// # Errors
    /// [`CloudError`]: `MissingRegion`, `CredentialsNotLoaded`, or what AWS said.
    pub async fn account(&self) -> Result<Account, CloudError> {
        let clients = self.clients().await?;
        self.account.get_or_try_init(|| clients.account()).await.cloned()
    }

    /// Tells how many calls of each request that changes something were made, refused ones included.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.rates.made()
    }

    /// Tells under what names an instance shows the cluster's volumes, if it shows them without serial numbers; as of the last
    /// look.
    #[must_use]
    pub fn disk_labels(&self, instance: &InstanceId) -> Vec<DiskLabel> {
        self.memory().labels.get(instance).cloned().unwrap_or_default()
    }

    /// Lists the kinds of calls that were made.
    #[must_use]
    pub fn used(&self) -> BTreeSet<Call> {
        self.clients.get().map(|clients| clients.gate.made()).unwrap_or_default()
    }

    pub(crate) async fn clients(&self) -> Result<&Clients, CloudError> {
        self.clients.get_or_try_init(|| Clients::open(&self.options)).await
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn look(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        let clients = self.clients().await?;
        let asked_at = now();
        // Each listing may be old by itself, so that nothing rests on which of the two is the newer one.
        let (instances, volumes) = tokio::try_join!(
            listing::instances(&clients.looks, of_cluster(cluster)),
            listing::volumes(&clients.looks, of_cluster(cluster)),
        )?;
        // Afterwards: a snapshot that was there when its volume went is then listed.
        let snapshots = listing::snapshots(&clients.looks, of_cluster(cluster)).await?;
        let asked = self.learn_users(clients, &instances.all).await;
        let mappings = Mappings::of(&instances.all);
        let view = CloudView {
            asked_at,
            instances: instances
                .all
                .iter()
                .filter_map(|one| seen::instance(one, Some(self.user(one))))
                .collect(),
            volumes: volumes.all.iter().filter_map(|one| seen::volume(one, &mappings)).collect(),
            snapshots: snapshots.all.iter().filter_map(seen::snapshot).collect(),
            requests: instances.requests + volumes.requests + snapshots.requests + asked,
        };
        let mut memory = self.memory();
        memory.devices.look(&instances.all);
        memory.labels = labels::labels(&instances.all, &volumes.all);
        memory.volumes = view.volumes.iter().map(|seen| seen.id.clone()).collect();
        drop(memory);
        Ok(view)
    }

    /// Finds one thing by its id, whosever it is.
    async fn found(&self, id: &str) -> Result<Option<Found>, CloudError> {
        let clients = self.clients().await?;
        Ok(match id.split('-').next() {
            Some("i") => {
                let found = listing::instance(&clients.looks, id).await?;
                found
                    .and_then(|one| seen::instance(&one, Some(self.user(&one))))
                    .map(Found::Instance)
            }
            Some("vol") => {
                let found = listing::volume(&clients.looks, id).await?;
                found.and_then(|one| seen::volume(&one, &Mappings::default())).map(Found::Volume)
            }
            Some("snap") => {
                let found = listing::snapshot(&clients.looks, id).await?;
                found.as_ref().and_then(seen::snapshot).map(Found::Snapshot)
            }
            _ => None,
        })
    }

    /// Returns whom to log in as on a machine: as the definition says, else as its image tells.
    fn user(&self, seen: &Instance) -> String {
        let tags = seen::tags_of(seen);
        let node = tags.get(KEY_NODE).and_then(|node| NodeName::new(node).ok());
        let defined = node.and_then(|node| self.options.users.get(&node));
        match defined {
            Some(user) => user.clone(),
            None => self.memory().images.user(seen.image_id()).to_owned(),
        }
    }

    /// Asks about images of which the user is not known, all at once, and about each only once.
    async fn learn_users(&self, clients: &Clients, instances: &[Instance]) -> u32 {
        let is_defined = |seen: &&Instance| {
            let tags = seen::tags_of(seen);
            let node = tags.get(KEY_NODE).and_then(|node| NodeName::new(node).ok());
            node.is_some_and(|node| self.options.users.contains_key(&node))
        };
        let images =
            instances.iter().filter(|seen| !is_defined(seen)).filter_map(Instance::image_id);
        let unknown = self.memory().images.unknown(images);
        if unknown.is_empty() {
            return 0;
        }
        // Without an answer the default user is taken; the next look asks again.
        if let Ok(found) = images::ask(&clients.looks, &unknown).await {
            self.memory().images.learn(unknown, &found);
        }
        1
    }
}

/// Most instances of one call. Source: EC2 API reference, `RunInstances`: many are to be asked for in smaller batches, such as
/// five calls for 100 each in place of one for 500.
const LAUNCHES_TOGETHER_MAX: usize = 100;

#[async_trait]
impl Cloud for AwsCloud {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        match self.look(cluster).await {
            Ok(view) => Ok(view),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError> {
        match self.found(id).await {
            Ok(found) => Ok(found),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        let actions: Vec<&CloudAction> = actions.iter().map(Cleared::action).collect();
        late::since(SystemTime::now(), self.make(&actions)).await
    }

    fn limits(&self) -> CloudLimits {
        CloudLimits {
            // Three listings a look, of the 20 a second that EC2 takes from all of an account.
            look_interval_min: Duration::from_secs(1),
            look_interval_max: Duration::from_secs(15),
            // Source: EC2 developer guide, "Eventual consistency": up to 5 min before giving up.
            visibility_lag_max: self.options.visibility_lag_max.unwrap_or(Duration::from_secs(300)),
            // What takes effect arrives while its signature holds, and that is made in time or not sent.
            late_effect_max: self
                .options
                .visibility_lag_max
                .map_or(SENT_WITHIN + SIGNED_FOR, |lag| lag * 3),
            // Each type has its own: EC2 refuses what is too much.
            attachments_per_instance_max: None,
            launches_together_max: LAUNCHES_TOGETHER_MAX,
        }
    }

    fn budget(&self, request: &str) -> Option<RequestBudget> {
        rates::actions(request).filter(|_| !self.options.is_unpaced)
    }

    fn soonest(&self, request: &str) -> Duration {
        rates::soonest(request)
    }
}

fn now() -> Timestamp {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
}
