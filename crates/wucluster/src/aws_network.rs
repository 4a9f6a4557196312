//! The network that is a cluster's own on AWS: whom it lets in, with which key, and when it is put away.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout};
use wucluster_aws::{ADDRESS_PAGE, AwsCloud, LetIn, NetworkPlan, NetworkSeen, own_address};
use wucluster_core::definition::{
    AddressBlock, ClusterDefinition, ManagedNetwork, Provider, PublicKey,
};
use wucluster_core::ids::ClusterName;
use wucluster_core::observation::InstanceSeen;
use wucluster_core::ports::{CloudError, ErrorClass};
use wucluster_core::tags::KEY_NODE;

/// Names the page that tells under which address we are seen, where it is not AWS's.
const PAGE: &str = "WUCLUSTER_ADDRESS_PAGE";
/// Where people have their public keys, the best one first. Source: `ssh(1)`, `-i`; of those the kinds that EC2 takes.
const USUAL_KEYS: [&str; 2] = [".ssh/id_ed25519.pub", ".ssh/id_rsa.pub"];
/// The kinds of keys that EC2 takes.
const KEY_KINDS: [&str; 2] = ["ssh-ed25519 ", "ssh-rsa "];
/// How long the agent may take to list its keys.
const AGENT_LIMIT: Duration = Duration::from_secs(5);
/// How long a group is tried to be deleted that something uses still.
///
/// A terminated instance is expected to let go of its group when it is shown as terminated, or soon after; not measured on AWS.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_secs(5);

/// The network that a definition asks for.
pub(crate) struct OwnNetwork {
    cluster: ClusterName,
    wish: ManagedNetwork,
    /// What of it the nodes do not name themselves.
    plan: NetworkPlan,
    /// The nodes that let in by its key.
    nodes: BTreeSet<String>,
    /// The file of the key that the definition names: ssh may not try it by itself.
    identity: Option<String>,
    /// From where ssh is to be let in, once it is known.
    from: OnceCell<Vec<AddressBlock>>,
    /// Whether it was made, or found.
    is_settled: Mutex<bool>,
    /// What came of putting it away.
    end: Mutex<Option<Result<NetworkSeen, CloudError>>>,
}

impl OwnNetwork {
    /// Reads off a definition what it asks for, if it asks for anything.
    pub(crate) fn of(definition: &ClusterDefinition) -> Option<Self> {
        if definition.provider != Provider::Aws {
            return None;
        }
        let wish = definition.network.clone()?;
        let nodes = definition.nodes.values().filter(|node| node.machine.ec2.key.is_none());
        Some(Self {
            cluster: definition.name.clone(),
            nodes: nodes.map(|node| node.name.to_string()).collect(),
            identity: match &wish.public_key {
                Some(PublicKey::File(file)) => Some(identity_of(&at_home(file))),
                Some(PublicKey::Text(_)) | None => None,
            },
            wish,
            plan: NetworkPlan::of(definition)?,
            from: OnceCell::new(),
            is_settled: Mutex::default(),
            end: Mutex::default(),
        })
    }

    /// Tells from where ssh is to be let in: as the definition says, else where we are seen. Asked once.
    pub(crate) async fn from(&self) -> Result<&[AddressBlock], CloudError> {
        let from = self.from.get_or_try_init(|| async {
            if !self.wish.ssh_from.is_empty() {
                return Ok(self.wish.ssh_from.clone());
            }
            let page = std::env::var(PAGE).ok().filter(|page| !page.is_empty());
            let address = own_address(page.as_deref().unwrap_or(ADDRESS_PAGE)).await?;
            Ok(vec![AddressBlock::one(address)])
        });
        from.await.map(Vec::as_slice)
    }

    /// Finds the public keys that may be meant, the best one first.
    ///
    /// # Errors
    /// When the definition names a file that holds none.
    pub(crate) async fn keys(&self) -> Result<Vec<String>, CloudError> {
        match &self.wish.public_key {
            Some(PublicKey::Text(text)) => Ok(vec![text.clone()]),
            Some(PublicKey::File(file)) => {
                let text =
                    std::fs::read_to_string(at_home(file)).map_err(|error| unread(file, &error))?;
                first_key(&text).map(|key| vec![key]).ok_or_else(|| {
                    unread(file, &"its first line is no public key of ed25519 or RSA")
                })
            }
            None => {
                let mut keys = home().as_deref().map(usual_keys).unwrap_or_default();
                keys.extend(agent_keys().await);
                Ok(keys)
            }
        }
    }

    /// Makes what is missing of it, once, and tells the cloud with what instances are to be run.
    ///
    /// # Errors
    /// Why it is not there; the next one who asks tries again.
    pub(crate) async fn settle(&self, cloud: &AwsCloud) -> Result<(), CloudError> {
        if *lock(&self.is_settled) {
            return Ok(());
        }
        let made = async {
            let keys = if self.plan.needs_key() { self.keys().await? } else { Vec::new() };
            let from = if self.plan.needs_group() { self.from().await? } else { &[] };
            cloud.make_network(from, &keys).await
        };
        let made = made.await;
        *lock(&self.is_settled) = made.is_ok();
        let told = made.as_ref().map(drop).map_err(Clone::clone);
        cloud.settle_network(made);
        told
    }

    /// Takes EC2's word that something of it is gone: it is made again before the next instance is run.
    pub(crate) fn is_gone(&self) {
        *lock(&self.is_settled) = false;
    }

    /// Has a group that is there let us in; makes none.
    pub(crate) async fn let_in(&self, cloud: &AwsCloud) -> Result<LetIn, CloudError> {
        if cloud.network_seen(&self.cluster).await?.groups.is_empty() {
            return Ok(LetIn::default());
        }
        cloud.let_in(&self.cluster, self.from().await?).await
    }

    /// Has ssh use the key that the definition names, on the machines that were run with it.
    pub(crate) fn identify(&self, seen: &mut InstanceSeen) {
        let is_its = seen.tags.get(KEY_NODE).is_some_and(|node| self.nodes.contains(node));
        if let (Some(ssh), Some(file), true) = (&mut seen.ssh, &self.identity, is_its) {
            ssh.identity_file = Some(file.clone());
        }
    }

    /// Returns what of it the nodes do not name themselves.
    pub(crate) const fn plan(&self) -> &NetworkPlan {
        &self.plan
    }

    /// Finds what of it is there.
    pub(crate) async fn seen(&self, cloud: &AwsCloud) -> Result<NetworkSeen, CloudError> {
        cloud.network_seen(&self.cluster).await
    }

    /// Puts it away, for as long as something lingers that will go by itself; what came of it is kept until it is asked for.
    pub(crate) async fn put_away(&self, cloud: &AwsCloud) {
        self.is_gone();
        *lock(&self.end) = Some(Err(CloudError {
            class: ErrorClass::Retry,
            code: "Interrupted".to_owned(),
            message: "it was left in the middle".to_owned(),
        }));
        let end = patiently(PATIENCE, PAUSE, || cloud.remove_network(&self.cluster)).await;
        *lock(&self.end) = Some(end);
    }

    /// Tells what came of putting it away, once.
    pub(crate) fn end(&self) -> Option<Result<NetworkSeen, CloudError>> {
        lock(&self.end).take()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tries something again while that may help, and for no longer than `patience`.
async fn patiently<T, F: Future<Output = Result<T, CloudError>>>(
    patience: Duration,
    pause: Duration,
    mut work: impl FnMut() -> F,
) -> Result<T, CloudError> {
    let began = Instant::now();
    loop {
        match work().await {
            Err(error)
                if matches!(error.class, ErrorClass::Retry | ErrorClass::Ambiguous)
                    && began.elapsed() + pause <= patience =>
            {
                sleep(pause).await;
            }
            done => return done,
        }
    }
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// Writes `~/` out.
fn at_home(file: &str) -> PathBuf {
    match (file.strip_prefix("~/"), home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(file),
    }
}

/// Returns what ssh is to be told of a public key: its private one beside it, else itself, so that the agent's is taken.
///
/// Source: `ssh_config(5)`, `IdentityFile`: a public key there stands for the private one of the agent.
fn identity_of(public: &Path) -> String {
    let private = public.with_extension("");
    let file = if private.is_file() { private.as_path() } else { public };
    file.to_string_lossy().into_owned()
}

fn unread(file: &str, why: &dyn std::fmt::Display) -> CloudError {
    CloudError {
        class: ErrorClass::Permanent,
        code: "PublicKeyUnread".to_owned(),
        message: format!("`public-key` is {file}: {why}; nothing was asked of AWS"),
    }
}

/// Returns the key that a text begins with, if it is one that EC2 takes. Nothing else of a file leaves this machine.
fn first_key(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    KEY_KINDS.iter().any(|kind| line.starts_with(kind)).then(|| line.to_owned())
}

fn usual_keys(home: &Path) -> Vec<String> {
    let texts = USUAL_KEYS.iter().filter_map(|file| std::fs::read_to_string(home.join(file)).ok());
    texts.filter_map(|text| first_key(&text)).collect()
}

/// Asks the agent for its keys, if there is one. One that does not answer has none.
async fn agent_keys() -> Vec<String> {
    if std::env::var_os("SSH_AUTH_SOCK").is_none() {
        return Vec::new();
    }
    let mut command = Command::new("ssh-add");
    command.arg("-L").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match timeout(AGENT_LIMIT, command.output()).await {
        Ok(Ok(answer)) if answer.status.success() => {
            String::from_utf8_lossy(&answer.stdout).lines().filter_map(first_key).collect()
        }
        _ => Vec::new(),
    }
}

/// Says what keeps ssh out where nobody makes a network, in words for a newcomer.
pub(crate) fn what_keeps_ssh_out(definition: &ClusterDefinition) -> Vec<String> {
    if definition.network.is_some() {
        return Vec::new();
    }
    let groups = |lacks: fn(&wucluster_core::definition::Ec2Machine) -> bool| {
        let nodes = definition.nodes.values().filter(|node| lacks(&node.machine.ec2));
        let mut groups: Vec<&str> = nodes.map(|node| node.group.as_str()).collect();
        groups.dedup();
        (!groups.is_empty()).then(|| groups.join("`, `"))
    };
    let mut told = Vec::new();
    if let Some(groups) = groups(|machine| machine.key.is_none()) {
        told.push(format!(
            "no `key` in `{groups}`: ssh will not get in, unless the image lets yours in by itself"
        ));
    }
    if let Some(groups) = groups(|machine| machine.security_groups.is_empty()) {
        told.push(format!(
            "no `security-groups` in `{groups}`: the network's default group lets nobody in from outside, unless you changed it"
        ));
    }
    if !told.is_empty() {
        told.push(
            "with `network = \"managed\"` in `[cluster]` wucluster makes both, and puts them away with the cluster"
                .to_owned(),
        );
    }
    told
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    fn error(class: ErrorClass) -> CloudError {
        CloudError { class, code: "DependencyViolation".to_owned(), message: String::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_lingers_is_waited_for_and_not_for_ever() {
        let mut tries = 0;
        let done = patiently(PATIENCE, PAUSE, || {
            tries += 1;
            ready(if tries < 4 { Err(error(ErrorClass::Retry)) } else { Ok(()) })
        });
        assert_eq!(done.await, Ok(()));
        assert_eq!(tries, 4);
        let mut tries = 0;
        let began = Instant::now();
        let done = patiently(PATIENCE, PAUSE, || {
            tries += 1;
            ready(Err::<(), _>(error(ErrorClass::Retry)))
        });
        assert!(done.await.is_err());
        assert_eq!((tries, began.elapsed()), (13, PATIENCE));
        let mut tries = 0;
        let done = patiently(PATIENCE, PAUSE, || {
            tries += 1;
            ready(Err::<(), _>(error(ErrorClass::Permanent)))
        });
        assert!(done.await.is_err());
        assert_eq!(tries, 1, "what waiting does not mend is not waited for");
    }

    #[test]
    fn only_a_public_key_is_taken_from_a_file() {
        assert_eq!(
            first_key("\nssh-ed25519 AAAA ann\nmore\n").as_deref(),
            Some("ssh-ed25519 AAAA ann")
        );
        for text in ["", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", "ecdsa-sha2-nistp256 AAAA"] {
            assert_eq!(first_key(text), None, "{text}");
        }
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        assert!(usual_keys(home.path()).is_empty());
        for (file, text) in [("id_rsa.pub", "ssh-rsa B"), ("id_ed25519.pub", "ssh-ed25519 A")] {
            std::fs::write(home.path().join(".ssh").join(file), text).unwrap();
        }
        assert_eq!(usual_keys(home.path()), ["ssh-ed25519 A", "ssh-rsa B"]);
    }

    #[test]
    fn ssh_is_told_of_a_key_that_it_may_not_try_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let public = folder.path().join("team.pub");
        let seen = |node: &str| {
            let text = format!(
                "[cluster]\nname = \"a\"\nprovider = \"aws\"\nnetwork = \"managed\"\npublic-key = \"{}\"\n[node.n]\n[node.m]\nkey = \"k\"\n",
                public.display()
            );
            let definition = ClusterDefinition::parse(&text).unwrap();
            let mut seen = crate::testing::instance(&definition, node, '1');
            OwnNetwork::of(&definition).unwrap().identify(&mut seen);
            seen.ssh.unwrap().identity_file
        };
        assert_eq!(seen("n").as_deref(), public.to_str(), "for the agent's");
        std::fs::write(folder.path().join("team"), "").unwrap();
        assert_eq!(seen("n"), Some(folder.path().join("team").to_string_lossy().into_owned()));
        assert_eq!(seen("m"), None, "it has a key of its own");
    }

    #[test]
    fn a_newcomer_is_told_what_keeps_ssh_out() {
        let told = |cluster: &str, node: &str| {
            let text = format!(
                "[cluster]\nname = \"a\"\nprovider = \"aws\"\n{cluster}\n[node.n]\n{node}\n[node.m]\nkey = \"k\"\nsecurity-groups = \"sg-1\"\n"
            );
            what_keeps_ssh_out(&ClusterDefinition::parse(&text).unwrap())
        };
        let both = told("", "");
        assert_eq!(both.len(), 3, "{both:?}");
        assert!(both[0].contains("no `key` in `n`") && both[1].contains("default group"));
        assert_eq!(told("", "key = \"k\"").len(), 2);
        assert!(told("", "key = \"k\"\nsecurity-groups = \"sg-1\"").is_empty());
        assert!(told("network = \"managed\"", "").is_empty());
    }
}
