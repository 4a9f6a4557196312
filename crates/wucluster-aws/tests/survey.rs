//! What is asked before a launch: on moto, whose lists of types and images are EC2's, and on answers written down.

#![allow(clippy::unwrap_used, reason = "a test panics")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use support::canned::{Answer, Asked, Canned, answer, nothing, refusal};
use support::moto::{Moto, options};
use wucluster_aws::{AwsCloud, AwsOptions, Call, Finding, Verdict};
use wucluster_core::action::CloudAction;
use wucluster_core::definition::{ClusterDefinition, Size};
use wucluster_core::ids::{ClusterName, InstanceId, MountKey, NodeName, VolumeId};
use wucluster_core::interlock::Cleared;
use wucluster_core::ports::Cloud as _;
use wucluster_core::tags::Tags;

fn definition(image: &str, kind: &str, more: &str) -> ClusterDefinition {
    let text = format!(
        "[cluster]\nname = \"gibbon\"\nprovider = \"aws\"\nzone = \"eu-central-1a\"\n[node.chief]\n\
         image = \"{image}\"\ntype = \"{kind}\"\nuser = \"ann\"\n{more}\n\
         mount.home = {{ at = \"/mnt/home\", size = \"4 GiB\" }}\n"
    );
    ClusterDefinition::parse(&text).unwrap()
}

fn told(findings: &[Finding], about: &str) -> (Verdict, String) {
    let found = findings.iter().find(|finding| finding.about.starts_with(about));
    found.map_or_else(
        || panic!("nothing about {about}: {findings:#?}"),
        |found| (found.verdict, found.what.clone()),
    )
}

#[tokio::test]
async fn moto_has_what_a_definition_names_or_not() {
    let moto = Moto::with_images();
    let good = definition("136693071363/debian-12-amd64-*", "m5.large", "");
    let (account, findings) = moto.cloud_for(&good).survey(&good).await.unwrap();
    assert_eq!(account.region, "eu-central-1");
    for about in [
        "zone eu-central-1a",
        "image 136693071363/",
        "type m5.large",
        "ec2:RunInstances for chief",
        "ec2:CreateVolume",
    ] {
        let (verdict, what) = told(&findings, about);
        assert_eq!(verdict, Verdict::Fine, "{about}: {what}");
    }
    let (verdict, what) = told(&findings, "permissions");
    assert_eq!(verdict, Verdict::Unknown, "there is nothing to try the others on: {what}");
    let view = moto.cloud().observe(&good.name).await.unwrap();
    assert!(view.instances.is_empty() && view.volumes.is_empty(), "nothing was made: {view:?}");

    let mut choice = definition("136693071363/debian-12-amd64-*", "m5.large", "");
    choice.other_zones = vec!["eu-central-1b".to_owned()];
    for node in choice.nodes.values_mut() {
        node.other_types = vec!["m5.xlarge".to_owned()];
    }
    let (_, findings) = moto.cloud_for(&choice).survey(&choice).await.unwrap();
    for about in [
        "zone eu-central-1a",
        "zone eu-central-1b",
        "type m5.large",
        "type m5.xlarge",
        "ec2:RunInstances for chief, m5.large in eu-central-1a",
        "ec2:RunInstances for chief, m5.xlarge in eu-central-1a",
        "ec2:RunInstances for chief, m5.large in eu-central-1b",
    ] {
        let (verdict, what) = told(&findings, about);
        assert_eq!(verdict, Verdict::Fine, "{about}: {what}");
    }

    let bad = definition(
        "ami-00000000000000000",
        "m99.large",
        "key = \"nobodys\"\nsecurity-groups = [\"sg-0\"]",
    );
    let (_, findings) = moto.cloud_for(&bad).survey(&bad).await.unwrap();
    for about in ["image ami-0", "type m99.large", "key nobodys", "security group sg-0"] {
        let (verdict, what) = told(&findings, about);
        assert_eq!(verdict, Verdict::Wrong, "{about}: {what}");
    }
    // An older machine, whose disks carry no serial number.
    let xen = definition("136693071363/debian-12-amd64-*", "t2.micro", "");
    let (_, findings) = moto.cloud_for(&xen).survey(&xen).await.unwrap();
    let (verdict, what) = told(&findings, "type t2.micro");
    assert_eq!(verdict, Verdict::Fine, "{what}");
    assert!(what.ends_with("a Xen machine: mounts are found by name and size"), "{what}");
}

/// A cluster with an instance, a volume and a snapshot, on a server that heeds dry runs and says `tried` to them.
async fn with_dry_runs(tried: fn(&str) -> Answer) -> Canned {
    let is_made = AtomicBool::new(false);
    Canned::begin(move |_, asked| {
        let name = asked["Action"].as_str();
        match (name, asked.get("DryRun").map(String::as_str)) {
            (_, Some("true")) => tried(name),
            ("GetCallerIdentity", _) => Answer::Say(
                200,
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
                    .to_owned(),
            ),
            ("GetServiceQuota", _) => Answer::Say(
                400,
                r#"{"__type":"NoSuchResourceException","Message":"It was never set."}"#.to_owned(),
            ),
            ("GetAWSDefaultServiceQuota", _) => {
                Answer::Say(200, r#"{"Quota":{"QuotaCode":"L-0","Value":5.0}}"#.to_owned())
            }
            // None of them uses the group of the cluster's own.
            ("DescribeInstances", _) if asked["Filter.1.Name"] == "instance.group-id" => nothing(name),
            ("DescribeInstances", _) => answer(
                name,
                "<reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><instanceState><name>running</name>\
                 </instanceState></item></instancesSet></item></reservationSet>",
            ),
            ("DescribeVolumes", _) => answer(
                name,
                "<volumeSet><item><volumeId>vol-1</volumeId><size>4</size><status>in-use</status></item></volumeSet>",
            ),
            ("DescribeSnapshots", _) => answer(
                name,
                "<snapshotSet><item><snapshotId>snap-1</snapshotId><volumeId>vol-1</volumeId><volumeSize>4</volumeSize>\
                 <status>completed</status></item></snapshotSet>",
            ),
            ("DescribeSubnets", _) => answer(
                name,
                "<subnetSet><item><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId></item></subnetSet>",
            ),
            // A group of the cluster's own, that lets in from somewhere else.
            ("DescribeSecurityGroups", _)
                if asked["Filter.1.Name"] == "group-name" && is_made.load(Ordering::SeqCst) =>
            {
                answer(
                    name,
                    "<securityGroupInfo><item><groupId>sg-7</groupId><vpcId>vpc-1</vpcId><ipPermissions><item>\
                     <ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><ipRanges><item>\
                     <cidrIp>198.51.100.1/32</cidrIp><description>wucluster: ssh</description></item></ipRanges></item>\
                     </ipPermissions><tagSet><item><key>wucluster:cluster</key><value>gibbon</value></item></tagSet>\
                     </item></securityGroupInfo>",
                )
            }
            ("CreateSecurityGroup", _) => {
                is_made.store(true, Ordering::SeqCst);
                answer(name, "<groupId>sg-7</groupId>")
            }
            ("DescribeKeyPairs", _)
                if asked["Filter.1.Name"] == "key-name"
                    && asked["Filter.1.Value.1"] == "wucluster-gibbon"
                    && is_made.load(Ordering::SeqCst) =>
            {
                answer(
                    name,
                    "<keySet><item><keyName>wucluster-gibbon</keyName><tagSet><item><key>wucluster:cluster</key>\
                     <value>gibbon</value></item></tagSet></item></keySet>",
                )
            }
            (name, _) => nothing(name),
        }
    })
    .await
}

fn cloud(server: &Canned, definition: &ClusterDefinition) -> AwsCloud {
    let of = AwsOptions { is_unpaced: true, ..AwsOptions::of(definition) };
    AwsCloud::new(options(server.url(), of))
}

fn changes(asked: &Asked) -> bool {
    let name = &asked["Action"];
    let looks = ["Describe", "GetCaller", "Decode", "GetServiceQuota", "GetAWSDefault"];
    !looks.iter().any(|look| name.starts_with(look))
}

#[tokio::test]
async fn each_call_is_tried_and_none_is_carried_out() {
    let definition = definition("ami-1", "m7i.large", "");
    let server =
        with_dry_runs(|_| refusal(412, "DryRunOperation", "Request would have succeeded.")).await;
    let (_, findings) = cloud(&server, &definition).survey(&definition).await.unwrap();
    let tried: Vec<Asked> = server.asked().into_iter().filter(changes).collect();
    assert!(tried.iter().all(|asked| asked["DryRun"] == "true"), "{tried:#?}");
    let names: BTreeSet<&str> = tried.iter().map(|asked| asked["Action"].as_str()).collect();
    for name in names {
        let (verdict, what) = told(&findings, &format!("ec2:{name}"));
        assert_eq!(verdict, Verdict::Fine, "{name}: {what}");
    }
    assert_eq!(tried.len(), 13, "all that a launch, a parking, a put-away and a pruning ask for");
}

#[tokio::test]
async fn what_is_not_permitted_is_told_apart_from_what_cannot_be_now() {
    let definition = definition("ami-1", "m7i.large", "");
    let server = with_dry_runs(|name| match name {
        "DeleteVolume" | "RunInstances" | "DeleteSnapshot" => {
            refusal(403, "UnauthorizedOperation", "You are not authorized.")
        }
        "StartInstances" => refusal(400, "IncorrectInstanceState", "It runs."),
        _ => refusal(412, "DryRunOperation", "Request would have succeeded."),
    })
    .await;
    let (_, findings) = cloud(&server, &definition).survey(&definition).await.unwrap();
    for (about, verdict) in [
        ("ec2:DeleteVolume", Verdict::Forbidden),
        ("ec2:RunInstances for chief", Verdict::Forbidden),
        ("ec2:StartInstances", Verdict::Unknown),
        ("ec2:DetachVolume", Verdict::Fine),
        // Whoever never prunes lacks nothing.
        ("ec2:DeleteSnapshot", Verdict::Unknown),
    ] {
        assert_eq!(told(&findings, about).0, verdict, "{about}");
    }
    let fix = |about: &str| {
        let found = findings.iter().find(|finding| finding.about.starts_with(about));
        found.and_then(|finding| finding.fix.clone()).unwrap_or_default()
    };
    assert!(fix("ec2:DeleteVolume").ends_with("statement DeleteItsVolumes"), "{findings:#?}");
    assert!(fix("ec2:RunInstances").ends_with("MakeInstancesWith, MakeItsInstances"));
    assert_eq!(fix("ec2:DetachVolume"), "", "what is permitted needs nothing");
}

#[tokio::test]
async fn who_knows_no_dry_runs_is_asked_for_nothing_that_changes_anything() {
    let definition = definition("ami-1", "m7i.large", "");
    let server = with_dry_runs(nothing).await;
    let (_, findings) = cloud(&server, &definition).survey(&definition).await.unwrap();
    assert!(told(&findings, "permissions").1.contains("no dry runs"), "{findings:#?}");
    let tried: Vec<Asked> = server.asked().into_iter().filter(changes).collect();
    assert!(tried.is_empty(), "{tried:#?}");
}

/// An account that says `limit` of the quota with that code, in which somebody else runs a machine of 2 vCPU beside node `chief`.
async fn with_quota(limit: fn(&str) -> Answer) -> Canned {
    Canned::begin(move |_, asked| {
        let name = asked["Action"].as_str();
        let machine = |tags: &str| {
            format!(
                "<item><instancesSet><item><instanceId>i-1</instanceId><instanceType>m7i.large</instanceType>\
                 <instanceState><name>running</name></instanceState>{tags}</item></instancesSet></item>"
            )
        };
        let tag = |key: &str, value: &str| {
            format!("<item><key>wucluster:{key}</key><value>{value}</value></item>")
        };
        match name {
            "GetCallerIdentity" => Answer::Say(
                200,
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
                    .to_owned(),
            ),
            "GetServiceQuota" => limit(&asked["Json"]),
            "GetAWSDefaultServiceQuota" => {
                Answer::Say(200, r#"{"Quota":{"Value":50.0}}"#.to_owned())
            }
            "DescribeInstanceTypes" => answer(
                name,
                "<instanceTypeSet><item><instanceType>m7i.large</instanceType><vCpuInfo><defaultVCpus>2</defaultVCpus>\
                 </vCpuInfo></item></instanceTypeSet>",
            ),
            "DescribeInstances" => {
                let ours = [tag("schema", "1"), tag("cluster", "gibbon"), tag("node", "chief")];
                let ours = machine(&format!("<tagSet>{}</tagSet>", ours.concat()));
                answer(name, &format!("<reservationSet>{ours}{}</reservationSet>", machine("")))
            }
            "DescribeVolumes" => answer(
                name,
                "<volumeSet><item><volumeId>vol-9</volumeId><size>1024</size><volumeType>gp3</volumeType></item></volumeSet>",
            ),
            name => nothing(name),
        }
    })
    .await
}

#[tokio::test]
async fn quotas_are_compared_with_what_is_needed_and_used() {
    let definition = definition("ami-1", "m7i.large", "");
    let server = with_quota(|asked| match asked.contains("L-1216C47A") {
        true => Answer::Say(200, r#"{"Quota":{"Value":3.0}}"#.to_owned()),
        false => Answer::Say(400, r#"{"__type":"NoSuchResourceException"}"#.to_owned()),
    })
    .await;
    let (_, findings) = cloud(&server, &definition).survey(&definition).await.unwrap();
    // The node that runs already is needed, and not used by others too.
    let (verdict, what) = told(&findings, "quota L-1216C47A");
    assert_eq!(verdict, Verdict::Wrong, "{what}");
    assert!(what.ends_with("2 vCPU needed, 2 vCPU used by others, of 3 vCPU"), "{what}");
    // What the account never had set has AWS's default.
    let (verdict, what) = told(&findings, "quota L-7A658B76");
    assert_eq!(verdict, Verdict::Fine, "{what}");
    assert!(what.ends_with("0.01 TiB needed, 1 TiB used by others, of 50 TiB"), "{what}");
    let asked = server.names().iter().filter(|name| name.ends_with("Quota")).count();
    assert_eq!(asked, 3, "no other quota is asked about: {:?}", server.names());
}

#[tokio::test]
async fn who_may_not_ask_for_quotas_is_told_so_once_and_nothing_fails() {
    let definition = definition("ami-1", "m7i.large", "");
    let denied = |_: &str| {
        let why = r#"{"__type":"AccessDeniedException","Message":"No."}"#;
        Answer::Say(400, why.to_owned())
    };
    let server = with_quota(denied).await;
    let (_, findings) = cloud(&server, &definition).survey(&definition).await.unwrap();
    for code in ["L-1216C47A", "L-7A658B76"] {
        let (verdict, what) = told(&findings, &format!("quota {code}"));
        assert_eq!(verdict, Verdict::Unknown, "{what}");
        assert!(what.contains("servicequotas:GetServiceQuota is not permitted"), "{what}");
    }
    let asked = server.names().iter().filter(|name| name.ends_with("Quota")).count();
    assert_eq!(asked, 1, "{:?}", server.names());
}

#[tokio::test]
async fn a_parameter_tells_an_image() {
    let server = Canned::begin(|_, asked| match asked["Json"].as_str() {
        json if json.contains("/good") => Answer::Say(
            200,
            r#"{"Parameter":{"Name":"/good","Type":"String","Value":"ami-7"}}"#.to_owned(),
        ),
        json if json.contains("/odd") => Answer::Say(
            200,
            r#"{"Parameter":{"Name":"/odd","Type":"String","Value":"seven"}}"#.to_owned(),
        ),
        _ => Answer::Say(400, r#"{"__type":"ParameterNotFound","message":""}"#.to_owned()),
    })
    .await;
    let cloud = cloud(&server, &definition("ami-1", "m7i.large", ""));
    assert_eq!(cloud.find_image("ssm:/good").await.as_deref(), Ok("ami-7"));
    let error = cloud.find_image("ssm:/odd").await.unwrap_err();
    assert!(error.message.contains("holds `seven`"), "{error}");
    let error = cloud.find_image("ssm:/none").await.unwrap_err();
    assert!(error.message.contains("mend `image`"), "{error}");
}

/// Makes each call of the list, so that the policy holds none that nobody makes.
#[tokio::test]
async fn each_call_of_the_list_is_made() {
    let worker = "[node.worker]\nimage = \"ami-1\"\ntype = \"m7i.large\"";
    let of_chief = "subnet = \"subnet-1\"\nsecurity-groups = [\"sg-1\"]\nkey = \"ann\"";
    let mut definition = definition("ami-1", "m7i.large", of_chief);
    let managed = format!(
        "[cluster]\nname = \"gibbon\"\nprovider = \"aws\"\nzone = \"eu-central-1a\"\nnetwork = \"managed\"\n{worker}"
    );
    let managed = ClusterDefinition::parse(&managed).unwrap();
    definition.network = managed.network;
    definition.nodes.extend(managed.nodes);
    let server = with_dry_runs(|name| match name {
        "DeleteVolume" => {
            refusal(403, "UnauthorizedOperation", "No. Encoded authorization failure message: abc")
        }
        _ => refusal(412, "DryRunOperation", "Request would have succeeded."),
    })
    .await;
    let cloud = cloud(&server, &definition);
    cloud.survey(&definition).await.unwrap();
    // A network of its own: made, followed, and deleted.
    let here = ["203.0.113.7".parse().unwrap()];
    cloud.make_network(&here, &["ssh-ed25519 AAAA".to_owned()]).await.unwrap();
    cloud.let_in(&definition.name, &here).await.unwrap();
    cloud.remove_network(&definition.name).await.unwrap();
    // The server answers in XML, which is no parameter's value.
    assert!(cloud.find_image("ssm:/a").await.is_err());
    let view = cloud.observe(&definition.name).await.unwrap();
    assert_eq!(view.instances.len(), 1);

    let cluster = ClusterName::new("gibbon").unwrap();
    let node = NodeName::new("chief").unwrap();
    let mount = MountKey::try_from("chief/home".to_owned()).unwrap();
    let (instance, volume) = (InstanceId::new("i-1"), VolumeId::new("vol-1"));
    let tags = Tags::for_mount(&cluster, &mount);
    let actions = [
        CloudAction::StartInstance { node: node.clone(), instance: instance.clone() },
        CloudAction::AttachVolume {
            mount: mount.clone(),
            volume: volume.clone(),
            instance: instance.clone(),
        },
        CloudAction::DetachVolume {
            mount: mount.clone(),
            volume: volume.clone(),
            instance: instance.clone(),
        },
        CloudAction::GrowVolume {
            mount: mount.clone(),
            volume: volume.clone(),
            size: Size::from_gib(8),
        },
        CloudAction::CreateSnapshot {
            mount: mount.clone(),
            volume: volume.clone(),
            tags: tags.clone(),
        },
        CloudAction::TagVolume { mount: mount.clone(), volume: volume.clone(), tags: tags.clone() },
        CloudAction::DeleteVolume { mount: mount.clone(), volume, kept_by: None },
        CloudAction::DeleteSnapshot {
            mount: mount.clone(),
            snapshot: wucluster_core::ids::SnapshotId::new("snap-1"),
            kept_by: wucluster_core::ids::SnapshotId::new("snap-2"),
        },
        CloudAction::StopInstance { node: node.clone(), instance: instance.clone() },
        CloudAction::TerminateInstance { node: node.clone(), instance: instance.clone() },
        CloudAction::RunInstance {
            node: node.clone(),
            machine: definition.nodes[&node].machine.clone(),
            zone: definition.zone.clone(),
            tags: Tags::for_node(&cluster, &node),
            token: "a".to_owned(),
            together: None,
        },
        CloudAction::CreateVolume {
            mount,
            size: Size::from_gib(4),
            from: None,
            zone: definition.zone.clone(),
            ebs: wucluster_core::definition::EbsVolume::default(),
            tags,
            token: "b".to_owned(),
        },
    ];
    cloud.issue(&actions.map(Cleared::unguarded)).await;
    cloud.host_key(&instance).await.unwrap();
    let all: BTreeSet<Call> = Call::ALL.iter().copied().collect();
    assert_eq!(cloud.used(), all);
}
