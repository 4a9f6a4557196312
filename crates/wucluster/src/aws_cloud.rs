//! What is special about AWS: the account that a cluster is pinned to, host keys from the console, and what a launch there
//! cannot do without.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::OnceCell;
use wucluster_aws::{Account, AwsCloud, AwsOptions, ImageName, LetIn, NetworkSeen};
use wucluster_core::action::CloudAction;
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::ids::{ClusterName, InstanceId};
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{CloudView, Found, InstanceSeen};
use wucluster_core::ports::{Cloud, CloudError, CloudLimits, ErrorClass, Receipt, RequestBudget};
use wucluster_engine::LastAct;
use wucluster_engine::ssh::{DiskName, DiskNames};
use wucluster_engine::store::objects::{Created, Objects, create};

use crate::aws_network::OwnNetwork;
use crate::fault::{Fault, with_sources};

/// Where the store keeps which account the cluster lives in. Made once, never changed.
const PIN: &str = "account";

/// Where the store keeps which image a name stands for, one object each. Made once, never changed.
const IMAGES: &str = "images";

/// How long a new machine is given to print its host key on its console; then the first key that it shows is pinned.
///
/// cloud-init prints it at the end of the first start, 20 to 60 s after `running`. Images without it never do.
const KEY_PATIENCE: Duration = Duration::from_secs(180);
/// How long nobody asks again for a key that was not there.
const KEY_PAUSE: Duration = Duration::from_secs(10);
/// How many consoles are read at once.
const CONSOLES_AT_ONCE: usize = 16;

/// An account of AWS, for a cluster that lives in that one and no other.
///
/// The account is pinned in the store before the first request that changes anything. From then on no look and no
/// request goes to another one: there the cluster would seem to be away, and would be made a second time.
pub(crate) struct PinnedCloud {
    cloud: AwsCloud,
    /// The network that is the cluster's own, if it is to have one.
    network: Option<OwnNetwork>,
    objects: Arc<dyn Objects>,
    /// Whether a look was found to go where the cluster lives.
    is_read: OnceCell<()>,
    /// Whether it is pinned.
    is_pinned: OnceCell<()>,
    /// Where the pinned host keys are: those machines are not asked for.
    host_keys: PathBuf,
    /// What consoles told, and when they were read last.
    told: Mutex<BTreeMap<InstanceId, Told>>,
    /// Names of images of which is known what they stand for.
    images: Mutex<BTreeSet<String>>,
}

/// What the console of a machine told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Key(String),
    NothingAt(Instant),
}

/// Opens the cloud of a definition. Asks nothing.
pub(crate) fn open(
    definition: &ClusterDefinition,
    objects: &Arc<dyn Objects>,
    host_keys: &Path,
) -> PinnedCloud {
    PinnedCloud {
        cloud: AwsCloud::new(AwsOptions::of(definition)),
        network: OwnNetwork::of(definition),
        objects: Arc::clone(objects),
        is_read: OnceCell::new(),
        is_pinned: OnceCell::new(),
        host_keys: host_keys.to_owned(),
        told: Mutex::default(),
        images: Mutex::default(),
    }
}

impl PinnedCloud {
    /// Refuses an account that the cluster does not live in, if it is pinned.
    async fn check(&self) -> Result<(), CloudError> {
        let account = self.cloud.account().await?;
        match self.objects.get(PIN).await {
            Ok(Some(there)) => compare(&account, &there, &self.objects.place()),
            // What reads only needs no store.
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Has consoles vouch for the keys of machines that nobody has spoken to yet. A young one that has printed none is
    /// shown without its address, so that it is waited for.
    async fn vouch(&self, view: &mut CloudView) {
        let is_new = |seen: &InstanceSeen| {
            let file = self.host_keys.join(seen.id.as_str());
            seen.ssh.is_some() && !fs::metadata(file).is_ok_and(|file| file.len() > 0)
        };
        let at = view.asked_at;
        let new: Vec<InstanceId> =
            view.instances.iter().filter(|seen| is_new(seen)).map(|seen| seen.id.clone()).collect();
        let due = new.iter().filter(|id| match self.told().get(*id) {
            Some(Told::Key(_)) => false,
            Some(Told::NothingAt(at)) => at.elapsed() >= KEY_PAUSE,
            None => true,
        });
        let asked: Vec<(InstanceId, Told)> = stream::iter(due.cloned().collect::<Vec<_>>())
            .map(|id| async move {
                // A console that cannot be read vouches for nothing; the next look asks again.
                let key = self.cloud.host_key(&id).await.ok().flatten();
                (id, key.map_or_else(|| Told::NothingAt(Instant::now()), Told::Key))
            })
            .buffer_unordered(CONSOLES_AT_ONCE)
            .collect()
            .await;
        view.requests += u32::try_from(asked.len()).unwrap_or(u32::MAX);
        let mut told = self.told();
        told.extend(asked);
        for seen in view.instances.iter_mut().filter(|seen| new.contains(&seen.id)) {
            let age = seen.launched_at.map_or(Duration::MAX, |launched| at.since(launched));
            let found = told.get(&seen.id);
            settle(seen, found, age);
        }
    }

    /// Finds out which images those names stand for that machines are to be made from.
    ///
    /// Once for a cluster: all its machines are alike, today and next year, and a request that is made a second time
    /// is the same request.
    async fn settle_images(&self, actions: &[Cleared<CloudAction>]) {
        let image = |action: &CloudAction| match action {
            CloudAction::RunInstance { machine, .. } => machine.image.clone(),
            _ => None,
        };
        let is_name = |image: &String| {
            matches!(ImageName::read(image), Ok(ImageName::Parameter(_) | ImageName::Newest { .. }))
        };
        let images = actions.iter().filter_map(|action| image(action.action()));
        for name in images.filter(is_name).collect::<BTreeSet<_>>() {
            let is_settled =
                self.images.lock().unwrap_or_else(PoisonError::into_inner).contains(&name);
            if is_settled {
                continue;
            }
            let found = settled_image(&self.cloud, self.objects.as_ref(), &name).await;
            if found.is_ok() {
                self.images.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
            }
            self.cloud.settle_image(&name, found);
        }
    }

    /// Makes what is missing of the cluster's own network, before anything else is asked for that costs.
    ///
    /// # Errors
    /// Why it is not there.
    pub(crate) async fn make_network(&self) -> Result<(), CloudError> {
        let Some(network) = &self.network else { return Ok(()) };
        self.is_pinned.get_or_try_init(|| self.pin()).await?;
        network.settle(&self.cloud).await
    }

    /// Has the cluster's own network let us in, where it is there: the nodes are spoken to by ssh.
    ///
    /// # Errors
    /// Why it cannot.
    pub(crate) async fn let_in(&self) -> Result<LetIn, CloudError> {
        let Some(network) = &self.network else { return Ok(LetIn::default()) };
        self.is_pinned.get_or_try_init(|| self.pin()).await?;
        network.let_in(&self.cloud).await
    }

    /// Finds what of the cluster's own network is there.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub(crate) async fn network_seen(&self) -> Result<NetworkSeen, CloudError> {
        let Some(network) = &self.network else { return Ok(NetworkSeen::default()) };
        self.is_read.get_or_try_init(|| self.check()).await?;
        network.seen(&self.cloud).await
    }

    /// Tells what came of putting the network away, if that was done since it was last asked.
    pub(crate) fn network_end(&self) -> Option<Result<NetworkSeen, CloudError>> {
        self.network.as_ref()?.end()
    }

    fn told(&self) -> std::sync::MutexGuard<'_, BTreeMap<InstanceId, Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pins the account, or refuses it if the cluster lives in another one.
    async fn pin(&self) -> Result<(), CloudError> {
        let account = self.cloud.account().await?;
        match create(self.objects.as_ref(), PIN, written(&account).as_bytes()).await {
            Ok(Created::Ours) => Ok(()),
            Ok(Created::Theirs(there)) => compare(&account, &there, &self.objects.place()),
            Err(error) => Err(CloudError {
                class: ErrorClass::Permanent,
                code: "AccountNotPinned".to_owned(),
                message: format!("{}; nothing was asked of AWS", with_sources(&error)),
            }),
        }
    }
}

/// Gives a new machine the key that its console told; takes its address from it while it may still tell one.
fn settle(seen: &mut InstanceSeen, told: Option<&Told>, age: Duration) {
    match (told, &mut seen.ssh) {
        (Some(Told::Key(key)), Some(ssh)) => ssh.host_key = Some(key.clone()),
        (Some(Told::NothingAt(_)) | None, _) if age < KEY_PATIENCE => seen.ssh = None,
        (Some(Told::NothingAt(_)) | None, _) | (Some(Told::Key(_)), None) => {}
    }
}

/// Returns which image a name stands for in a cluster: what is on record, and what AWS says where nothing is.
async fn settled_image(
    cloud: &AwsCloud,
    objects: &dyn Objects,
    name: &str,
) -> Result<String, CloudError> {
    let key = image_key(name);
    let not_kept = |why: String| CloudError {
        class: ErrorClass::Permanent,
        code: "ImageNotRecorded".to_owned(),
        message: format!("{why}; nothing was asked of AWS"),
    };
    let on_record = |there: &[u8]| {
        let id = String::from_utf8_lossy(there).trim().to_owned();
        match ImageName::read(&id) {
            Ok(ImageName::Id(_)) => Ok(id),
            _ => Err(not_kept(format!("{}/{key} holds no image's id", objects.place()))),
        }
    };
    match objects.get(&key).await {
        Ok(Some(there)) => return on_record(&there),
        Ok(None) => {}
        Err(error) => return Err(not_kept(with_sources(&error))),
    }
    let id = cloud.find_image(name).await?;
    match create(objects, &key, format!("{id}\n").as_bytes()).await {
        Ok(Created::Ours) => Ok(id),
        Ok(Created::Theirs(there)) => on_record(&there),
        Err(error) => Err(not_kept(with_sources(&error))),
    }
}

/// Names the object that keeps which image a name stands for.
fn image_key(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let name: String = name
        .chars()
        .map(|c| if plain(c) { c.to_string() } else { format!("_{:02x}", u32::from(c)) })
        .collect();
    format!("{IMAGES}/{name}")
}

fn written(account: &Account) -> String {
    format!("{} {}\n", account.id, account.region)
}

fn compare(account: &Account, there: &[u8], place: &str) -> Result<(), CloudError> {
    let there = String::from_utf8_lossy(there);
    if there == written(account) {
        return Ok(());
    }
    let lives = match there.split_whitespace().collect::<Vec<_>>().as_slice() {
        [id, region] => format!("account {id} in {region}"),
        _ => format!("what {place}/{PIN} says, which cannot be read"),
    };
    Err(CloudError {
        class: ErrorClass::Permanent,
        code: "OtherAccount".to_owned(),
        message: format!(
            "the cluster lives in {lives}, and these credentials and settings are of {account}; nothing was asked. \
             Set AWS_PROFILE and the region to where it lives, or give it another name to make a second one"
        ),
    })
}

#[async_trait]
impl Cloud for PinnedCloud {
    async fn observe(&self, cluster: &ClusterName) -> Result<CloudView, CloudError> {
        self.is_read.get_or_try_init(|| self.check()).await?;
        let mut view = self.cloud.observe(cluster).await?;
        self.vouch(&mut view).await;
        if let Some(network) = &self.network {
            view.instances.iter_mut().for_each(|seen| network.identify(seen));
        }
        Ok(view)
    }

    async fn find(&self, id: &str) -> Result<Option<Found>, CloudError> {
        self.is_read.get_or_try_init(|| self.check()).await?;
        self.cloud.find(id).await
    }

    async fn issue(&self, actions: &[Cleared<CloudAction>]) -> Vec<Result<Receipt, CloudError>> {
        match self.is_pinned.get_or_try_init(|| self.pin()).await {
            Ok(()) => {
                self.settle_images(actions).await;
                let runs = |action: &Cleared<CloudAction>| {
                    matches!(action.action(), CloudAction::RunInstance { .. })
                };
                let network = self.network.as_ref().filter(|_| actions.iter().any(runs));
                if let Some(network) = network {
                    // Why it is not there, each instance is answered that cannot be run without it.
                    let _ = network.settle(&self.cloud).await;
                }
                let answers = self.cloud.issue(actions).await;
                let is_gone = |answer: &Result<Receipt, CloudError>| {
                    let code = answer.as_ref().err().map(|error| error.code.as_str());
                    matches!(code, Some("InvalidGroup.NotFound" | "InvalidKeyPair.NotFound"))
                };
                if let (Some(network), true) = (network, answers.iter().any(is_gone)) {
                    network.is_gone();
                }
                answers
            }
            Err(error) => actions.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn limits(&self) -> CloudLimits {
        self.cloud.limits()
    }

    fn budget(&self, request: &str) -> Option<RequestBudget> {
        self.cloud.budget(request)
    }

    fn soonest(&self, request: &str) -> Duration {
        self.cloud.soonest(request)
    }
}

/// What the cloud says of disks that show no serial number: those of Xen machines.
pub(crate) struct Names(pub(crate) Arc<PinnedCloud>);

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

impl DiskNames for Names {
    fn of(&self, instance: &InstanceId) -> Vec<DiskName> {
        let labels = self.0.cloud.disk_labels(instance).into_iter();
        let name = |label: wucluster_aws::DiskLabel| DiskName {
            serial: label.volume.serial(),
            name: label.name,
            size_bytes: label.size.bytes(),
        };
        labels.map(name).collect()
    }
}

/// The network is put away once nothing else of the cluster is left.
#[async_trait]
impl LastAct for PinnedCloud {
    async fn perform(&self) {
        let Some(network) = &self.network else { return };
        // Whoever may not know whose account it is deletes nothing.
        if self.is_pinned.get_or_try_init(|| self.pin()).await.is_ok() {
            network.put_away(&self.cloud).await;
        }
    }
}

/// Says what a launch on EC2 cannot do without, if the definition lacks it; nothing was made.
///
/// # Errors
/// A usage fault that names all that is missing.
pub(crate) fn get_ready(definition: &ClusterDefinition) -> Result<(), Fault> {
    let mut missing = Vec::new();
    if definition.zone.is_none() {
        missing.push("`zone` in `[cluster]`, such as `zone = \"eu-central-1a\"`".to_owned());
    }
    for (key, of) in [("image", "ami-…"), ("type", "m7i.large")] {
        let lacks = |machine: &wucluster_core::definition::MachineDefinition| match key {
            "image" => machine.image.is_none(),
            _ => machine.instance_type.is_none(),
        };
        let mut groups: Vec<&str> = definition
            .nodes
            .values()
            .filter(|node| lacks(&node.machine))
            .map(|node| node.group.as_str())
            .collect();
        groups.dedup();
        if !groups.is_empty() {
            let groups = groups.join("`, `");
            missing.push(format!("`{key}` of node group `{groups}`, such as `{key} = \"{of}\"`"));
        }
    }
    let images = definition.nodes.values().filter_map(|node| node.machine.image.as_deref());
    let wrong: BTreeSet<String> = images.filter_map(|image| ImageName::read(image).err()).collect();
    if missing.is_empty() && wrong.is_empty() {
        return Ok(());
    }
    let message = format!("{} cannot be launched on EC2 as it is defined", definition.name);
    let missing = missing.into_iter().map(|what| format!("write {what}"));
    Err(missing.chain(wrong).fold(Fault::usage(message), Fault::hint))
}

#[cfg(test)]
mod tests {
    use wucluster_core::observation::{InstanceState, SshEndpoint};
    use wucluster_core::tags::Tags;

    use super::*;

    #[test]
    fn another_account_or_region_is_refused() {
        let here = Account { id: "123456789012".to_owned(), region: "eu-central-1".to_owned() };
        let there = Account { region: "us-east-1".to_owned(), ..here.clone() };
        assert_eq!(compare(&here, written(&here).as_bytes(), "s"), Ok(()));
        let error = compare(&here, written(&there).as_bytes(), "s").unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Permanent, "OtherAccount"));
        assert!(error.message.contains("us-east-1") && error.message.contains("eu-central-1"));
        assert!(compare(&here, b"\xff", "s").is_err());
    }

    #[test]
    fn a_young_machine_is_not_spoken_to_before_its_console_vouches_for_it() {
        let endpoint = SshEndpoint {
            host: "203.0.113.7".to_owned(),
            port: 22,
            user: "admin".to_owned(),
            host_key: None,
            identity_file: None,
        };
        let machine = InstanceSeen {
            id: InstanceId::new("i-1"),
            state: InstanceState::Running,
            tags: Tags::default(),
            ssh: Some(endpoint.clone()),
            address: None,
            zone: None,
            instance_type: None,
            launched_at: None,
            state_reason: None,
        };
        let settled = |told: Option<&Told>, age: u64| {
            let mut seen = machine.clone();
            settle(&mut seen, told, Duration::from_secs(age));
            seen.ssh
        };
        let (nothing, key) = (Told::NothingAt(Instant::now()), Told::Key("k".to_owned()));
        assert_eq!(settled(Some(&nothing), 20), None);
        assert_eq!(settled(None, 20), None);
        assert_eq!(settled(Some(&nothing), 200), Some(endpoint.clone()), "pinned at first use");
        let vouched = SshEndpoint { host_key: Some("k".to_owned()), ..endpoint };
        assert_eq!(settled(Some(&key), 20), Some(vouched.clone()));
        assert_eq!(settled(Some(&key), 2000), Some(vouched));
    }

    #[test]
    fn each_name_of_an_image_has_a_record_of_its_own() {
        assert_eq!(image_key("self/a-*.1"), "images/self_2fa-_2a.1");
        assert_ne!(image_key("self/a_2f"), image_key("self/a/"));
    }

    #[test]
    fn what_a_launch_cannot_do_without_is_named_at_once() {
        let text = "[cluster]\nname = \"a\"\nprovider = \"aws\"\n[node.n]\ncount = 2\ntype = \"t\"\n[node.m]\n";
        let definition = ClusterDefinition::parse(text).unwrap();
        let fault = get_ready(&definition).unwrap_err();
        assert_eq!(fault.hints.len(), 3, "{fault}");
        assert!(fault.hints[1].contains("`n`, `m`") && fault.hints[2].contains("`m`"), "{fault}");
    }
}
