//! The server: who listens, who answers, and what is on record of it.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use wucluster_core::action::CloudAction;
use wucluster_core::definition::MachineDefinition;
use wucluster_core::ids::Subject;
use wucluster_core::interlock::Cleared;
use wucluster_core::observation::{Found, SshEndpoint};
use wucluster_core::ports::{Cloud, Receipt};

use crate::changes::Power;
use crate::form::Form;
use crate::http::{Asked, Connection};
use crate::kept::{Kept, subject};
use crate::listings::not_found;
use crate::refusal::{Failure, Refusal, misunderstood, refuse};
use crate::xml::Xml;

/// The account that everything belongs to.
pub(crate) const ACCOUNT: &str = "123456789012";

/// How a server differs from one that takes everything as it comes.
#[derive(Debug, Clone)]
pub struct FrontOptions {
    /// The images that there are: their ids, with their names.
    pub images: BTreeMap<String, String>,
    /// The zones of the region.
    pub zones: Vec<String>,
    /// Quotas that were set for the account, by their codes; others have AWS's defaults.
    pub quotas: BTreeMap<String, f64>,
    /// Most things on one page of a listing, however many are asked for.
    pub page_max: usize,
    /// How long a volume is listed as being deleted, at least. A cloud that deletes at once has no such state, and EC2 always
    /// does.
    pub deleting_for: Duration,
    /// How long an answer takes beside what the cloud takes: one half before the request has its effect, one after.
    pub round_trip: Duration,
    /// Which machine is asked of the cloud for the one that was asked for here.
    pub machine: fn(MachineDefinition) -> MachineDefinition,
    /// Which public address is shown of a machine that is reached like that: EC2 shows no port.
    pub address: fn(&SshEndpoint) -> String,
}

impl Default for FrontOptions {
    fn default() -> Self {
        let image = ("ami-0123456789abcdef0", "debian-12-amd64-20250101-1");
        Self {
            images: BTreeMap::from([(image.0.to_owned(), image.1.to_owned())]),
            zones: ["eu-central-1a", "eu-central-1b"].map(str::to_owned).to_vec(),
            quotas: BTreeMap::new(),
            page_max: 1000,
            deleting_for: Duration::ZERO,
            round_trip: Duration::ZERO,
            machine: |machine| machine,
            address: |ssh| ssh.host.clone(),
        }
    }
}

/// A server on this machine; it ends when dropped.
pub struct Front {
    address: SocketAddr,
    desk: Arc<Desk>,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl Front {
    /// Begins to serve a cloud, on a free port of the loopback address and a thread of its own.
    ///
    /// # Errors
    /// When there is no such port, or no thread.
    pub fn begin(cloud: Arc<dyn Cloud>, options: FrontOptions) -> io::Result<Self> {
        let desk = Arc::new(Desk {
            cloud,
            options,
            kept: Mutex::default(),
            record: Mutex::default(),
            requests: AtomicU64::new(0),
        });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let at_desk = Arc::clone(&desk);
        let serving =
            std::thread::Builder::new().name("ec2-front".to_owned()).spawn(move || {
                runtime.block_on(async {
                    let Ok(listener) = TcpListener::from_std(listener) else { return };
                    tokio::select! {
                        () = serve(&listener, &at_desk) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self { address, desk, stop: Some(stop), serving: Some(serving) })
    }

    /// Returns where it is, as `AWS_ENDPOINT_URL` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lists what was not understood, in the order in which it came: nothing, if all is well.
    #[must_use]
    pub fn misunderstood(&self) -> Vec<String> {
        self.desk.record().misunderstood.clone()
    }

    /// Tells how many requests of each name came.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.desk.record().requests.clone()
    }

    /// Tells how many requests went on with a listing, each with the token of the page before.
    #[must_use]
    pub fn further_pages(&self) -> u64 {
        self.desk.record().further_pages
    }

    /// Tells how many requests of each name were left without an answer.
    #[must_use]
    pub fn lost(&self) -> BTreeMap<String, u64> {
        self.desk.record().lost.clone()
    }

    /// Tells how often each code was answered.
    #[must_use]
    pub fn refused(&self) -> BTreeMap<String, u64> {
        self.desk.record().refused.clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

/// Takes connections for ever.
async fn serve(listener: &TcpListener, desk: &Arc<Desk>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let desk = Arc::clone(desk);
        // One that fails is the client's to notice.
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let _ = desk.attend(Connection::new(stream)).await;
        });
    }
}

/// What came, and what became of it.
#[derive(Debug, Default)]
struct Record {
    requests: BTreeMap<String, u64>,
    lost: BTreeMap<String, u64>,
    refused: BTreeMap<String, u64>,
    further_pages: u64,
    misunderstood: Vec<String>,
}

/// Where requests are read and answered.
pub(crate) struct Desk {
    pub(crate) cloud: Arc<dyn Cloud>,
    pub(crate) options: FrontOptions,
    kept: Mutex<Kept>,
    record: Mutex<Record>,
    requests: AtomicU64,
}

impl Desk {
    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers what comes on a connection, until the client ends it or an answer is lost.
    async fn attend(&self, mut connection: Connection) -> io::Result<()> {
        while let Some(Asked { target, body }) = connection.next().await? {
            let request = format!("req-{}", self.requests.fetch_add(1, Ordering::Relaxed));
            let quota = target.as_deref().and_then(|target| self.quota(target, &body));
            if let Some((status, answer)) = quota {
                self.note_request(target.as_deref().unwrap_or_default(), &Form::default());
                connection.answer(status, &request, &answer.to_string()).await?;
                continue;
            }
            let mut form = Form::read(&body);
            let action = form.take("Action").unwrap_or_default();
            self.note_request(&action, &form);
            self.be_on_the_way().await;
            let answer = self.answer(&action, form).await;
            self.be_on_the_way().await;
            match answer {
                Ok(xml) => {
                    let body = whole(&action, &request, &xml);
                    connection.answer(200, &request, &body).await?;
                }
                Err(Failure::Refused(refusal)) => {
                    self.note(&action, &refusal);
                    connection.answer(refusal.status, &request, &refusal.body(&request)).await?;
                }
                Err(Failure::Lost) => {
                    *self.record().lost.entry(action).or_default() += 1;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Lets half a round trip pass.
    async fn be_on_the_way(&self) {
        if !self.options.round_trip.is_zero() {
            tokio::time::sleep(self.options.round_trip / 2).await;
        }
    }

    fn note_request(&self, action: &str, form: &Form) {
        let mut record = self.record();
        *record.requests.entry(action.to_owned()).or_default() += 1;
        record.further_pages += u64::from(form.has("NextToken"));
    }

    fn note(&self, action: &str, refusal: &Refusal) {
        let mut record = self.record();
        *record.refused.entry(refusal.code.clone()).or_default() += 1;
        if refusal.is_misunderstood {
            let what = format!("{action}: {}: {}", refusal.code, refusal.message);
            record.misunderstood.push(what);
        }
    }

    async fn answer(&self, action: &str, mut form: Form) -> Result<Xml, Failure> {
        let _: Option<String> = form.take("Version");
        match action {
            "DescribeInstances" => self.describe_instances(form).await,
            "DescribeVolumes" => self.describe_volumes(form).await,
            "DescribeSnapshots" => self.describe_snapshots(form).await,
            "DescribeImages" => self.describe_images(form),
            "GetConsoleOutput" => self.get_console_output(form).await,
            "DescribeAvailabilityZones" => self.describe_availability_zones(form),
            "DescribeInstanceTypes" => Self::describe_instance_types(form),
            "DescribeInstanceTypeOfferings" => self.describe_instance_type_offerings(form),
            "DescribeSubnets" => self.describe_subnets(form),
            "DescribeSecurityGroups" => self.describe_security_groups(form),
            "DescribeKeyPairs" => self.describe_key_pairs(form),
            "CreateSecurityGroup" => self.create_security_group(form),
            "AuthorizeSecurityGroupIngress" => self.ingress(form, true),
            "RevokeSecurityGroupIngress" => self.ingress(form, false),
            "DeleteSecurityGroup" => self.delete_security_group(form).await,
            "ImportKeyPair" => self.import_key_pair(form),
            "DeleteKeyPair" => self.delete_key_pair(form),
            "GetCallerIdentity" => Self::get_caller_identity(form),
            "RunInstances" => self.run_instances(form).await,
            "StartInstances" => self.power(form, Power::Start).await,
            "StopInstances" => self.power(form, Power::Stop).await,
            "TerminateInstances" => self.power(form, Power::Terminate).await,
            "CreateVolume" => self.create_volume(form).await,
            "AttachVolume" => self.attach_volume(form).await,
            "DetachVolume" => self.detach_volume(form).await,
            "ModifyVolume" => self.modify_volume(form).await,
            "DeleteVolume" => self.delete_volume(form).await,
            "CreateSnapshot" => self.create_snapshot(form).await,
            "DeleteSnapshot" => self.delete_snapshot(form).await,
            "CreateTags" => self.create_tags(form).await,
            other => {
                let why = format!("The action {other} is not valid for this web service.");
                Err(misunderstood("InvalidAction", why))
            }
        }
    }

    /// Tells whose a thing is. `kind` is EC2's word for what it must be, such as `Volume`.
    pub(crate) async fn subject_of(&self, kind: &str, id: &str) -> Result<Subject, Failure> {
        if let Some(known) = self.kept().subjects.get(id) {
            return Ok(known.clone());
        }
        let tags = match self.cloud.find(id).await? {
            Some(Found::Instance(seen)) => seen.tags,
            Some(Found::Volume(seen)) => seen.tags,
            Some(Found::Snapshot(seen)) => seen.tags,
            None => return Err(not_found(kind, id)),
        };
        let found = subject(id, &tags);
        self.kept().subjects.insert(id.to_owned(), found.clone());
        Ok(found)
    }

    /// Asks several things of the cloud, on the newest look that there is. One lost answer is all that is told of them.
    pub(crate) async fn issue(&self, actions: Vec<CloudAction>) -> Result<Vec<Receipt>, Failure> {
        let seen_at = self.kept().seen_at;
        let cleared: Vec<_> =
            actions.into_iter().map(|action| Cleared::unguarded(action).seen(seen_at)).collect();
        let answers = self.cloud.issue(&cleared).await;
        let answers: Vec<Result<Receipt, Failure>> =
            answers.into_iter().map(|answer| answer.map_err(Failure::from)).collect();
        if answers.contains(&Err(Failure::Lost)) {
            return Err(Failure::Lost);
        }
        answers.into_iter().collect()
    }

    /// Asks one thing of the cloud.
    pub(crate) async fn issue_one(&self, action: CloudAction) -> Result<Receipt, Failure> {
        let receipts = self.issue(vec![action]).await?;
        receipts.into_iter().next().ok_or_else(|| refuse("InternalError", "it was not answered"))
    }
}

/// Writes a good answer.
fn whole(action: &str, request: &str, inside: &Xml) -> String {
    let mut xml = Xml::default();
    let name = format!("{action}Response");
    if action == "GetCallerIdentity" {
        let head = "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"";
        xml.root(&name, head, |xml| {
            xml.put(inside);
            xml.node("ResponseMetadata", |xml| xml.leaf("RequestId", request));
        });
    } else {
        let head = "xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"";
        xml.root(&name, head, |xml| {
            xml.leaf("requestId", request);
            xml.put(inside);
        });
    }
    xml.text()
}
