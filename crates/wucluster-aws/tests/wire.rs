//! What goes over the wire, and what comes of answers that EC2 may give: written down, not asked of EC2.

#![allow(clippy::unwrap_used, reason = "a test panics")]

mod support;

use support::canned::{Answer, Asked, Canned, answer, nothing, refusal};
use support::moto::options;
use wucluster_aws::{AwsCloud, AwsOptions};
use wucluster_core::action::CloudAction;
use wucluster_core::definition::{ClusterDefinition, Size};
use wucluster_core::ids::{
    ClusterName, InstanceId, MountKey, MountName, NodeName, SnapshotId, VolumeId,
};
use wucluster_core::interlock::Cleared;
use wucluster_core::node_set::NodeSet;
use wucluster_core::observation::{AttachmentState, InstanceState, SnapshotState, VolumeState};
use wucluster_core::ports::{Cloud as _, CloudError, ErrorClass, Receipt};
use wucluster_core::tags::Tags;

fn cluster() -> ClusterName {
    ClusterName::new("gibbon").unwrap()
}

fn node() -> NodeName {
    NodeName::new("chief").unwrap()
}

fn mount() -> MountKey {
    MountKey { node: node(), mount: MountName::new("home").unwrap() }
}

fn definition() -> ClusterDefinition {
    let text = r#"
[cluster]
name = "gibbon"
provider = "aws"
zone = "eu-central-1a"
[node.chief]
image = "ami-0123456789abcdef0"
type = "m7i.large"
user = "ann"
subnet = "subnet-1"
security-groups = ["sg-1", "sg-2"]
key = "ann-key"
profile = "reader"
spot = true
root = "30 GiB"
tags = { project = "apes" }
mount.home = { at = "/mnt/home", size = "40 GiB", volume-type = "io2", iops = 4000, encrypted = true, kms-key = "alias/k", initialization-rate = 200 }
"#;
    ClusterDefinition::parse(text).unwrap()
}

fn cloud(server: &Canned) -> AwsCloud {
    let of = AwsOptions { is_unpaced: true, ..AwsOptions::of(&definition()) };
    AwsCloud::new(options(server.url(), of))
}

fn run() -> CloudAction {
    CloudAction::RunInstance {
        node: node(),
        machine: definition().nodes[&node()].machine.clone(),
        zone: Some("eu-central-1a".to_owned()),
        tags: Tags::for_node(&cluster(), &node()),
        token: "a-token".to_owned(),
        together: None,
    }
}

fn create() -> CloudAction {
    CloudAction::CreateVolume {
        mount: mount(),
        size: Size::from_gib(40),
        from: Some(SnapshotId::new("snap-1")),
        zone: Some("eu-central-1a".to_owned()),
        ebs: definition().mount(&mount()).unwrap().ebs.clone(),
        tags: Tags::for_mount(&cluster(), &mount()),
        token: "a-token".to_owned(),
    }
}

fn attach(volume: &str) -> CloudAction {
    let (volume, instance) = (VolumeId::new(volume), InstanceId::new("i-1"));
    CloudAction::AttachVolume { mount: mount(), volume, instance }
}

fn detach() -> CloudAction {
    let (volume, instance) = (VolumeId::new("vol-1"), InstanceId::new("i-1"));
    CloudAction::DetachVolume { mount: mount(), volume, instance }
}

fn snapshot() -> CloudAction {
    let tags = Tags::for_mount(&cluster(), &mount());
    CloudAction::CreateSnapshot { mount: mount(), volume: VolumeId::new("vol-1"), tags }
}

fn delete() -> CloudAction {
    CloudAction::DeleteVolume { mount: mount(), volume: VolumeId::new("vol-1"), kept_by: None }
}

fn grow() -> CloudAction {
    let volume = VolumeId::new("vol-1");
    CloudAction::GrowVolume { mount: mount(), volume, size: Size::from_gib(80) }
}

fn prune() -> CloudAction {
    let (snapshot, kept_by) = (SnapshotId::new("snap-1"), SnapshotId::new("snap-2"));
    CloudAction::DeleteSnapshot { mount: mount(), snapshot, kept_by }
}

fn tag(volume: &str) -> CloudAction {
    let mut tags = Tags::default();
    tags.set("wucluster:epoch", "1 sealed");
    CloudAction::TagVolume { mount: mount(), volume: VolumeId::new(volume), tags }
}

fn start() -> CloudAction {
    CloudAction::StartInstance { node: node(), instance: InstanceId::new("i-1") }
}

fn end(instance: &str) -> CloudAction {
    CloudAction::TerminateInstance { node: node(), instance: InstanceId::new(instance) }
}

async fn ask(cloud: &AwsCloud, action: CloudAction) -> Result<Receipt, CloudError> {
    cloud.issue(&[Cleared::unguarded(action)]).await.pop().unwrap()
}

async fn ask_all(cloud: &AwsCloud, actions: &[CloudAction]) -> Vec<Result<Receipt, CloudError>> {
    let cleared: Vec<_> = actions.iter().cloned().map(Cleared::unguarded).collect();
    cloud.issue(&cleared).await
}

/// The values of a list parameter such as `InstanceId.1`.
fn list(asked: &Asked, name: &str) -> Vec<String> {
    (1..).map_while(|number| asked.get(&format!("{name}.{number}")).cloned()).collect()
}

#[tokio::test]
async fn each_refusal_has_its_class() {
    use ErrorClass::{Ambiguous, Capacity, Permanent, Permission, Retry};
    // Who asks for what, EC2's status, code and words, and what to do next.
    let cases = [
        (run(), 503, "RequestLimitExceeded", "Request limit exceeded.", Retry),
        (
            run(),
            500,
            "InsufficientInstanceCapacity",
            "We do not have sufficient capacity.",
            Capacity,
        ),
        (run(), 400, "InstanceLimitExceeded", "Your quota allows for 0 more.", Permanent),
        (run(), 400, "VcpuLimitExceeded", "You have requested more vCPU.", Permanent),
        (run(), 400, "InsufficientFreeAddressesInSubnet", "Not enough addresses.", Capacity),
        (run(), 400, "InvalidAMIID.NotFound", "The image id does not exist", Permanent),
        (run(), 400, "IdempotentInstanceTerminated", "The instance was terminated.", Retry),
        (run(), 400, "IdempotentParameterMismatch", "Different parameters.", Ambiguous),
        (run(), 403, "UnauthorizedOperation", "You are not authorized.", Permission),
        (run(), 400, "InvalidParameterValue", "Invalid IAM Instance Profile name", Retry),
        (run(), 400, "InvalidParameterValue", "Value (x) is invalid.", Permanent),
        (run(), 400, "Unsupported", "Your type is not supported in the zone.", Permanent),
        (run(), 400, "ExpiredToken", "The security token is expired", Permission),
        (run(), 401, "AuthFailure", "AWS was not able to validate", Permission),
        (run(), 400, "RequestExpired", "Request has expired.", Permanent),
        (run(), 400, "PendingVerification", "Your account is being verified.", Permanent),
        (create(), 500, "InternalError", "An internal error has occurred", Ambiguous),
        (create(), 503, "Unavailable", "The service is unavailable.", Ambiguous),
        (create(), 400, "InvalidSnapshot.NotFound", "The snapshot does not exist.", Ambiguous),
        (create(), 400, "IncorrectState", "Snapshot is in invalid state - pending", Retry),
        (create(), 400, "VolumeLimitExceeded", "You have exceeded your limit.", Ambiguous),
        (create(), 400, "InsufficientVolumeCapacity", "There is not enough capacity.", Capacity),
        (create(), 400, "InvalidZone.NotFound", "The zone does not exist", Permanent),
        (attach("vol-1"), 400, "VolumeInUse", "vol-1 is already attached", Ambiguous),
        (attach("vol-1"), 400, "IncorrectState", "vol-1 is not 'available'.", Retry),
        (attach("vol-1"), 400, "AttachmentLimitExceeded", "Too many.", Permanent),
        (attach("vol-1"), 400, "InvalidVolume.ZoneMismatch", "Not in the same zone", Permanent),
        (detach(), 400, "IncorrectState", "vol-1 is in the 'available' state.", Retry),
        (detach(), 400, "InvalidAttachment.NotFound", "Not attached.", Ambiguous),
        (delete(), 400, "VolumeInUse", "vol-1 is currently attached to i-1", Retry),
        (delete(), 400, "InvalidVolume.NotFound", "vol-1 does not exist.", Ambiguous),
        (snapshot(), 400, "SnapshotCreationPerVolumeRateExceeded", "Too soon.", Retry),
        (snapshot(), 400, "ConcurrentSnapshotLimitExceeded", "Too many.", Retry),
        (snapshot(), 400, "SnapshotLimitExceeded", "Too many.", Permanent),
        (grow(), 400, "IncorrectModificationState", "vol-1 is modifying.", Retry),
        (grow(), 400, "VolumeModificationRateExceeded", "Wait at least 6 hours.", Permanent),
        (grow(), 400, "InvalidParameterValue", "New size cannot be smaller.", Permanent),
        (prune(), 400, "InvalidSnapshot.InUse", "snap-1 is in use by ami-1", Permanent),
        (prune(), 503, "RequestLimitExceeded", "Request limit exceeded.", Retry),
        (prune(), 500, "InternalError", "An internal error has occurred", Ambiguous),
        (prune(), 403, "UnauthorizedOperation", "You are not authorized.", Permission),
        (tag("vol-1"), 400, "InvalidVolume.NotFound", "vol-1 does not exist.", Retry),
        (tag("vol-1"), 400, "TagLimitExceeded", "More than 50 tags", Permanent),
        (start(), 400, "IncorrectInstanceState", "i-1 is not in a state", Retry),
        (start(), 400, "BrandNewCode", "What EC2 comes to say one day", Retry),
        (start(), 500, "BrandNewFault", "What EC2 comes to say one day", Ambiguous),
    ];
    for (action, status, code, words, class) in cases {
        let told = refusal(status, code, words);
        let server = Canned::begin(move |_, asked| match asked["Action"].as_str() {
            "DescribeImages" => images(),
            _ => told.clone(),
        })
        .await;
        let name = action.name();
        let error = ask(&cloud(&server), action).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (class, code), "{name}: {error}");
        assert!(error.message.contains(words.trim_end_matches('.')), "{name}: {error}");
        assert!(error.message.contains("req-1"), "{name}: {error}");
        let times = server.names().iter().filter(|asked| *asked == name).count();
        assert_eq!(times, 1, "{name} is asked for once, whatever comes: {code}");
    }
}

#[tokio::test]
async fn a_snapshot_that_is_not_there_is_deleted_already() {
    let gone = refusal(400, "InvalidSnapshot.NotFound", "The snapshot 'snap-1' does not exist.");
    let server = Canned::begin(move |_, _| gone.clone()).await;
    assert_eq!(ask(&cloud(&server), prune()).await, Ok(Receipt::AlreadyDone));
    let server = Canned::begin(|_, asked| nothing(asked["Action"].as_str())).await;
    assert_eq!(ask(&cloud(&server), prune()).await, Ok(Receipt::Accepted));
    let asked = server.asked();
    assert_eq!(server.names(), ["DeleteSnapshot"]);
    assert_eq!(asked[0]["SnapshotId"], "snap-1");
}

fn images() -> Answer {
    answer(
        "DescribeImages",
        "<imagesSet><item><imageId>ami-0123456789abcdef0</imageId><name>ubuntu/images/noble</name>\
         <rootDeviceName>/dev/sda1</rootDeviceName></item></imagesSet>",
    )
}

#[tokio::test]
async fn what_gets_no_answer_may_have_happened_and_is_asked_once() {
    let server = Canned::begin(|_, _| Answer::Silence).await;
    let error = ask(&cloud(&server), snapshot()).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Ambiguous, "NoAnswer"), "{error}");
    assert_eq!(server.names(), ["CreateSnapshot"]);
    let server = Canned::begin(|_, _| Answer::Say(500, "<html>oops</html>".to_owned())).await;
    let error = ask(&cloud(&server), snapshot()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Ambiguous, "{error}");
    assert_eq!(server.names(), ["CreateSnapshot"]);
    let server = Canned::begin(|_, _| nothing("CreateSnapshot")).await;
    let error = ask(&cloud(&server), snapshot()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Ambiguous, "an answer that names nothing: {error}");
}

#[tokio::test]
async fn a_look_is_tried_again_and_changes_nothing() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let server = Canned::begin(move |_, asked| match asked["Action"].as_str() {
        "DescribeInstances" => match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => refusal(503, "RequestLimitExceeded", "Request limit exceeded."),
            1 => refusal(500, "InternalError", "An internal error has occurred"),
            _ => nothing("DescribeInstances"),
        },
        name => nothing(name),
    })
    .await;
    let view = cloud(&server).observe(&cluster()).await.unwrap();
    assert!(view.instances.is_empty() && view.volumes.is_empty() && view.snapshots.is_empty());
    let mut listed = server.names();
    assert_eq!(listed.pop().as_deref(), Some("DescribeSnapshots"), "after both others");
    // These go side by side.
    listed.sort();
    let both = ["DescribeInstances"; 3].into_iter().chain(["DescribeVolumes"]);
    assert_eq!(listed, both.collect::<Vec<_>>());
}

#[tokio::test]
async fn half_a_look_is_no_look() {
    let server = Canned::begin(|_, asked| match asked["Action"].as_str() {
        "DescribeSnapshots" => refusal(403, "UnauthorizedOperation", "You are not authorized."),
        name => nothing(name),
    })
    .await;
    let error = cloud(&server).observe(&cluster()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Permission, "{error}");
}

fn volumes(ids: &[&str], next: &str) -> Answer {
    let items: String = ids
        .iter()
        .map(|id| {
            format!(
                "<item><volumeId>{id}</volumeId><size>1</size><status>available</status></item>"
            )
        })
        .collect();
    answer(
        "DescribeVolumes",
        &format!("<volumeSet>{items}</volumeSet><nextToken>{next}</nextToken>"),
    )
}

#[tokio::test]
async fn pages_are_read_to_the_last_one_empty_ones_included() {
    let server = Canned::begin(|_, asked| {
        let page = asked.get("NextToken").map_or("", String::as_str);
        match (asked["Action"].as_str(), page) {
            ("DescribeVolumes", "") => volumes(&["vol-1", "vol-2"], "two"),
            ("DescribeVolumes", "two") => volumes(&[], "three"),
            ("DescribeVolumes", "three") => volumes(&["vol-3"], ""),
            (name, _) => nothing(name),
        }
    })
    .await;
    let view = cloud(&server).observe(&cluster()).await.unwrap();
    let ids: Vec<&str> = view.volumes.iter().map(|seen| seen.id.as_str()).collect();
    assert_eq!(ids, ["vol-1", "vol-2", "vol-3"]);
    assert_eq!(view.requests, 5);
    for asked in server.asked() {
        assert_eq!(asked["Filter.1.Name"], "tag:wucluster:cluster");
        assert_eq!(list(&asked, "Filter.1.Value"), ["gibbon"]);
        assert_eq!(asked["MaxResults"], "1000");
        let is_of_snapshots = asked["Action"] == "DescribeSnapshots";
        assert_eq!(list(&asked, "Owner"), if is_of_snapshots { vec!["self"] } else { vec![] });
    }
}

#[tokio::test]
async fn pages_that_go_in_a_circle_are_no_listing() {
    let server = Canned::begin(|_, asked| match asked["Action"].as_str() {
        "DescribeVolumes" => volumes(&["vol-1"], "again"),
        name => nothing(name),
    })
    .await;
    let error = cloud(&server).observe(&cluster()).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Retry, "GarbledAnswer"), "{error}");
}

/// One instance with one volume, in words that EC2 may come to use.
fn odd(asked: &Asked) -> Answer {
    let tags = "<tagSet><item><key>wucluster:node</key><value>chief</value></item></tagSet>";
    match asked["Action"].as_str() {
        "DescribeInstances" => answer(
            "DescribeInstances",
            &format!(
                "<reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><imageId>ami-1</imageId>\
                 <instanceState><code>272</code><name>running</name></instanceState>\
                 <placement><availabilityZone>eu-central-1a</availabilityZone></placement>\
                 <privateIpAddress>10.0.0.7</privateIpAddress><ipAddress>203.0.113.7</ipAddress>\
                 <stateReason><code>Server.NewReason</code><message>Server.NewReason: so it goes</message></stateReason>\
                 <rootDeviceName>/dev/sda1</rootDeviceName><blockDeviceMapping>\
                 <item><deviceName>/dev/sda1</deviceName><ebs><volumeId>vol-root</volumeId><status>attached</status>\
                 <deleteOnTermination>true</deleteOnTermination></ebs></item>\
                 <item><deviceName>/dev/sdf</deviceName><ebs><volumeId>vol-1</volumeId><status>attached</status>\
                 <deleteOnTermination>true</deleteOnTermination></ebs></item></blockDeviceMapping>{tags}</item>\
                 </instancesSet></item></reservationSet>"
            ),
        ),
        "DescribeVolumes" => answer(
            "DescribeVolumes",
            "<volumeSet><item><volumeId>vol-1</volumeId><size>40</size><status>shimmering</status><attachmentSet><item>\
             <volumeId>vol-1</volumeId><instanceId>i-1</instanceId><status>hovering</status>\
             <deleteOnTermination>false</deleteOnTermination></item></attachmentSet></item></volumeSet>",
        ),
        "DescribeSnapshots" => answer(
            "DescribeSnapshots",
            "<snapshotSet><item><snapshotId>snap-1</snapshotId><volumeId>vol-1</volumeId><volumeSize>40</volumeSize>\
             <status>dreaming</status><progress>42%</progress></item><item><snapshotId>snap-2</snapshotId>\
             <volumeId>vol-1</volumeId><volumeSize>40</volumeSize><status>completed</status>\
             <storageTier>archive</storageTier></item></snapshotSet>",
        ),
        name => nothing(name),
    }
}

#[tokio::test]
async fn words_that_nobody_knows_yet_are_carried() {
    let server = Canned::begin(|_, asked| odd(asked)).await;
    let view = cloud(&server).observe(&cluster()).await.unwrap();
    let machine = &view.instances[0];
    assert_eq!(machine.state, InstanceState::Running);
    let ssh = machine.ssh.as_ref().unwrap();
    assert_eq!((ssh.host.as_str(), ssh.user.as_str(), ssh.port), ("203.0.113.7", "ann", 22));
    assert_eq!(machine.address.as_deref(), Some("10.0.0.7"));
    assert_eq!(machine.state_reason.as_deref(), Some("Server.NewReason: so it goes"));
    let disk = &view.volumes[0];
    assert_eq!(disk.state, VolumeState::Unrecognized("shimmering".to_owned()));
    assert_eq!(disk.attachments[0].state, AttachmentState::Unrecognized("hovering".to_owned()));
    assert_eq!(disk.attachments[0].delete_on_termination, Some(true), "one of the two says so");
    assert_eq!(view.snapshots[0].state, SnapshotState::Unrecognized("dreaming".to_owned()));
    assert_eq!(view.snapshots[0].progress_percent, Some(42));
    assert_ne!(view.snapshots[1].state, SnapshotState::Completed, "it is in the archive");
    assert_eq!(view.requests, 3, "the definition tells the user, so that no image is asked about");
}

#[tokio::test]
async fn an_instance_with_which_data_would_be_deleted_is_not_terminated() {
    let server = Canned::begin(|_, asked| odd(asked)).await;
    let cloud = cloud(&server);
    cloud.observe(&cluster()).await.unwrap();
    let answers =
        cloud.issue(&[Cleared::unguarded(end("i-1")), Cleared::unguarded(end("i-2"))]).await;
    let error = answers[0].clone().unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Permanent, "DeleteOnTermination"));
    assert!(error.message.contains("vol-1") && !error.message.contains("vol-root"), "{error}");
    assert_eq!(answers[1], Ok(Receipt::Accepted), "the other one has none of ours");
    let ended = server.asked().into_iter().find(|asked| asked["Action"] == "TerminateInstances");
    assert_eq!(list(&ended.unwrap(), "InstanceId"), ["i-2"]);
}

#[tokio::test]
async fn one_of_several_spoils_nothing_for_the_others() {
    let server = Canned::begin(|_, asked| {
        let ids = list(asked, "InstanceId");
        match asked["Action"].as_str() {
            "TerminateInstances" if ids.contains(&"i-2".to_owned()) => {
                refusal(400, "InvalidInstanceID.NotFound", "The instance ID 'i-2' does not exist")
            }
            name => nothing(name),
        }
    })
    .await;
    let asked = ["i-1", "i-2", "i-3"].map(|id| Cleared::unguarded(end(id)));
    let answers = cloud(&server).issue(&asked).await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(Receipt::Accepted), &Ok(Receipt::Accepted)));
    let error = answers[1].clone().unwrap_err();
    assert_eq!(
        (error.class, error.code.as_str()),
        (ErrorClass::Ambiguous, "InvalidInstanceID.NotFound")
    );
    assert_eq!(server.names().iter().filter(|name| *name == "TerminateInstances").count(), 4);
}

#[tokio::test]
async fn volumes_that_get_the_same_tags_get_them_in_one_call() {
    let server = Canned::begin(|_, asked| nothing(&asked["Action"])).await;
    let many: Vec<_> =
        (0..100).map(|number| Cleared::unguarded(tag(&format!("vol-{number}")))).collect();
    let answers = cloud(&server).issue(&many).await;
    assert!(answers.iter().all(|answer| *answer == Ok(Receipt::Accepted)), "{answers:?}");
    let asked = server.asked();
    assert_eq!((asked.len(), list(&asked[0], "ResourceId").len()), (1, 100));
    let tag = (asked[0]["Tag.1.Key"].as_str(), asked[0]["Tag.1.Value"].as_str());
    assert_eq!(tag, ("wucluster:epoch", "1 sealed"));
}

#[tokio::test]
async fn a_device_name_that_is_taken_is_not_tried_twice() {
    let server = Canned::begin(|before, asked| match before {
        0 => refusal(
            400,
            "InvalidParameterValue",
            "Invalid value '/dev/sdf' for unixDevice. Attachment point /dev/sdf is already in use",
        ),
        _ => nothing(&asked["Action"]),
    })
    .await;
    let cloud = cloud(&server);
    let error = ask(&cloud, attach("vol-1")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Retry, "{error}");
    assert_eq!(ask(&cloud, attach("vol-1")).await, Ok(Receipt::Accepted));
    assert_eq!(ask(&cloud, attach("vol-2")).await, Ok(Receipt::Accepted));
    let names: Vec<String> = server.asked().iter().map(|asked| asked["Device"].clone()).collect();
    assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2], "{names:?}");
}

#[tokio::test]
async fn an_instance_is_asked_for_as_the_definition_has_it() {
    let server = Canned::begin(|_, asked| match asked["Action"].as_str() {
        "DescribeImages" => images(),
        name => {
            answer(name, "<instancesSet><item><instanceId>i-7</instanceId></item></instancesSet>")
        }
    })
    .await;
    let answered = ask(&cloud(&server), run()).await;
    assert_eq!(answered, Ok(Receipt::Instance(InstanceId::new("i-7"))));
    let asked = server.asked().pop().unwrap();
    for (name, value) in [
        ("Action", "RunInstances"),
        ("ImageId", "ami-0123456789abcdef0"),
        ("InstanceType", "m7i.large"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("ClientToken", "a-token"),
        ("SubnetId", "subnet-1"),
        ("KeyName", "ann-key"),
        ("IamInstanceProfile.Name", "reader"),
        ("Placement.AvailabilityZone", "eu-central-1a"),
        ("InstanceMarketOptions.MarketType", "spot"),
        ("MetadataOptions.HttpTokens", "required"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/sda1"),
        ("BlockDeviceMapping.1.Ebs.VolumeSize", "30"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.2.ResourceType", "volume"),
        ("TagSpecification.2.Tag.1.Key", "project"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}: {asked:?}");
    }
    assert_eq!(list(&asked, "SecurityGroupId"), ["sg-1", "sg-2"]);
    let of_disk = asked.keys().filter(|key| key.starts_with("TagSpecification.2.Tag.")).count();
    assert_eq!(of_disk, 2, "the system's disk is no mount: none of our tags is on it");
}

/// Requests of three nodes that share a call.
fn runs_together() -> Vec<CloudAction> {
    let names: Vec<NodeName> =
        ["w-1", "w-2", "w-3"].iter().map(|name| NodeName::new(*name).unwrap()).collect();
    let set = NodeSet::of(&names, 100).pop().unwrap();
    let mut first = run();
    if let CloudAction::RunInstance { together, .. } = &mut first {
        *together = Some(set);
    }
    names.iter().map(|name| first.for_fellow(name)).collect()
}

/// The answer to a call for three, in another order than that of their places.
fn three(places: &[u32]) -> Answer {
    let item = |place: &u32| {
        format!(
            "<item><instanceId>i-{place}</instanceId><amiLaunchIndex>{place}</amiLaunchIndex></item>"
        )
    };
    let items: String = places.iter().map(item).collect();
    answer("RunInstances", &format!("<instancesSet>{items}</instancesSet>"))
}

#[tokio::test]
async fn nodes_that_share_a_call_are_told_apart_by_their_place_in_it() {
    let server = Canned::begin(|_, asked| match asked["Action"].as_str() {
        "DescribeImages" => images(),
        _ => three(&[2, 0, 1]),
    })
    .await;
    let cloud = cloud(&server);
    let all = runs_together();
    let got = |id: &str| Ok(Receipt::Instance(InstanceId::new(id)));
    assert_eq!(ask_all(&cloud, &all).await, [got("i-0"), got("i-1"), got("i-2")]);
    // One of them alone is the same call.
    assert_eq!(ask_all(&cloud, &all[1..2]).await, [got("i-1")]);
    let asked: Vec<_> =
        server.asked().into_iter().filter(|asked| asked["Action"] == "RunInstances").collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    let of = |asked: &Asked| {
        let kept = asked.iter().filter(|(name, _)| !name.starts_with("X-Amz"));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(of(&asked[0]), of(&asked[1]));
    assert_eq!((asked[0]["MinCount"].as_str(), asked[0]["MaxCount"].as_str()), ("3", "3"));
    let tags = list_of_tags(&asked[0]);
    assert!(tags.contains(&("wucluster:nodes".to_owned(), "w-1..3".to_owned())), "{tags:?}");
    assert!(tags.iter().all(|(key, _)| key != "wucluster:node"), "{tags:?}");
}

fn list_of_tags(asked: &Asked) -> Vec<(String, String)> {
    let value = |at: usize| asked.get(&format!("TagSpecification.1.Tag.{at}.Value")).cloned();
    let key = |at: usize| asked.get(&format!("TagSpecification.1.Tag.{at}.Key")).cloned();
    (1..).map_while(|at| Some((key(at)?, value(at)?))).collect()
}

#[tokio::test]
async fn an_answer_that_does_not_tell_all_apart_is_no_answer() {
    for places in [&[0_u32, 1][..], &[0, 1, 1]] {
        let server = Canned::begin(move |_, asked| match asked["Action"].as_str() {
            "DescribeImages" => images(),
            _ => three(places),
        })
        .await;
        for answer in ask_all(&cloud(&server), &runs_together()).await {
            assert_eq!(answer.unwrap_err().class, ErrorClass::Ambiguous, "{places:?}");
        }
    }
}

#[tokio::test]
async fn what_shares_a_call_shares_its_refusal() {
    let server = Canned::begin(|_, asked| match asked["Action"].as_str() {
        "DescribeImages" => images(),
        _ => refusal(500, "InsufficientInstanceCapacity", "There is none for three."),
    })
    .await;
    let answers = ask_all(&cloud(&server), &runs_together()).await;
    assert_eq!(answers.len(), 3);
    for answer in answers {
        assert_eq!(answer.unwrap_err().class, ErrorClass::Capacity);
    }
}

#[tokio::test]
async fn type_and_zone_are_those_of_the_request_whatever_the_definition_names_first() {
    let server = Canned::begin(|_, asked| match asked["Action"].as_str() {
        "DescribeImages" => images(),
        "CreateVolume" => answer("CreateVolume", "<volumeId>vol-7</volumeId>"),
        name => {
            answer(name, "<instancesSet><item><instanceId>i-7</instanceId></item></instancesSet>")
        }
    })
    .await;
    let cloud = cloud(&server);
    let (mut machine, mut volume) = (run(), create());
    if let CloudAction::RunInstance { machine, zone, .. } = &mut machine {
        machine.instance_type = Some("m6i.large".to_owned());
        *zone = Some("eu-central-1b".to_owned());
    }
    if let CloudAction::CreateVolume { zone, .. } = &mut volume {
        *zone = Some("eu-central-1b".to_owned());
    }
    ask(&cloud, machine).await.unwrap();
    ask(&cloud, volume).await.unwrap();
    let asked = server.asked();
    let of = |action: &str| asked.iter().find(|asked| asked["Action"] == action).unwrap();
    assert_eq!(of("RunInstances")["InstanceType"], "m6i.large");
    assert_eq!(of("RunInstances")["Placement.AvailabilityZone"], "eu-central-1b");
    assert_eq!(of("CreateVolume")["AvailabilityZone"], "eu-central-1b");
}

#[tokio::test]
async fn a_volume_is_asked_for_as_the_definition_has_it() {
    let server =
        Canned::begin(|_, asked| answer(&asked["Action"], "<volumeId>vol-7</volumeId>")).await;
    assert_eq!(ask(&cloud(&server), create()).await, Ok(Receipt::Volume(VolumeId::new("vol-7"))));
    let asked = server.asked().pop().unwrap();
    for (name, value) in [
        ("AvailabilityZone", "eu-central-1a"),
        ("Size", "40"),
        ("SnapshotId", "snap-1"),
        ("VolumeType", "io2"),
        ("Iops", "4000"),
        ("Encrypted", "true"),
        ("KmsKeyId", "alias/k"),
        ("VolumeInitializationRate", "200"),
        ("ClientToken", "a-token"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}: {asked:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_without_asking() {
    let server = Canned::begin(|_, asked| nothing(&asked["Action"])).await;
    let (mut bare, mut nowhere) = (run(), create());
    if let CloudAction::RunInstance { machine, .. } = &mut bare {
        machine.image = None;
    }
    if let CloudAction::CreateVolume { zone, .. } = &mut nowhere {
        *zone = None;
    }
    for (action, what) in [(bare, "`image`"), (nowhere, "`zone`")] {
        let error = ask(&cloud(&server), action).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permanent);
        assert!(error.message.contains(what), "{error}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_refusal_for_lack_of_rights_is_put_into_words_where_that_is_allowed() {
    let refused = || {
        refusal(
            403,
            "UnauthorizedOperation",
            "You are not authorized. Encoded authorization failure message: abc123",
        )
    };
    let words = "{\"explicitDeny\":false,\"context\":{\"action\":\"ec2:CreateSnapshot\",\"resource\":\"arn:s\"}}";
    let server = Canned::begin(move |_, asked| match asked["Action"].as_str() {
        "DecodeAuthorizationMessage" => Answer::Say(
            200,
            format!(
                "<DecodeAuthorizationMessageResponse><DecodeAuthorizationMessageResult><DecodedMessage>{words}\
                 </DecodedMessage></DecodeAuthorizationMessageResult></DecodeAuthorizationMessageResponse>"
            ),
        ),
        _ => refused(),
    })
    .await;
    let error = ask(&cloud(&server), snapshot()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Permission);
    assert!(
        error.message.contains("lacks ec2:CreateSnapshot on arn:s: no policy allows it"),
        "{error}"
    );
    assert!(!error.message.contains("abc123"), "{error}");

    let refused = || {
        refusal(
            403,
            "UnauthorizedOperation",
            "You are not authorized. Encoded authorization failure message: abc123",
        )
    };
    let server = Canned::begin(move |_, asked| match asked["Action"].as_str() {
        "DecodeAuthorizationMessage" => Answer::Say(
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>".to_owned(),
        ),
        _ => refused(),
    })
    .await;
    let error = ask(&cloud(&server), snapshot()).await.unwrap_err();
    assert!(
        error.message.contains("decode-authorization-message --encoded-message abc123"),
        "{error}"
    );
}

#[tokio::test]
async fn a_host_key_is_read_from_the_console() {
    // "-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519 AAAA x\n-----END SSH HOST KEY KEYS-----\n"
    let text = "LS0tLS1CRUdJTiBTU0ggSE9TVCBLRVkgS0VZUy0tLS0tCnNzaC1lZDI1NTE5IEFBQUEgeAotLS0tLUVORCBTU0ggSE9TVCBLRVkgS0VZUy0tLS0tCg==";
    let server = Canned::begin(move |_, asked| match asked.get("Latest") {
        Some(_) => refusal(400, "UnsupportedOperation", "This instance type does not support it"),
        None => answer(
            "GetConsoleOutput",
            &format!("<instanceId>i-1</instanceId><output>{text}</output>"),
        ),
    })
    .await;
    let key = cloud(&server).host_key(&InstanceId::new("i-1")).await.unwrap();
    assert_eq!(key.as_deref(), Some("ssh-ed25519 AAAA"));
    assert_eq!(server.asked().len(), 2, "what only Nitro machines can is asked for first");
}

#[tokio::test]
async fn the_account_is_told_with_its_region() {
    let server = Canned::begin(|_, _| {
        let body = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>\
                    </GetCallerIdentityResult></GetCallerIdentityResponse>";
        Answer::Say(200, body.to_owned())
    })
    .await;
    let account = cloud(&server).account().await.unwrap();
    assert_eq!(account.to_string(), "account 123456789012 in eu-central-1");
}
