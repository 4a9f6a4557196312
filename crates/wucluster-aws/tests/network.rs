//! The network that is a cluster's own: on moto as it should go, and on answers written down for what EC2 may refuse.

#![allow(clippy::unwrap_used, reason = "a test panics")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use support::canned::{Answer, Asked, Canned, answer, nothing, refusal};
use support::moto::{Moto, options};
use wucluster_aws::{AwsCloud, AwsOptions, Finding, Network, NetworkSeen, Verdict, own_address};
use wucluster_core::action::CloudAction;
use wucluster_core::definition::{AddressBlock, ClusterDefinition};
use wucluster_core::ids::NodeName;
use wucluster_core::interlock::Cleared;
use wucluster_core::ports::{Cloud as _, CloudError, ErrorClass, Receipt};
use wucluster_core::tags::Tags;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE4gDO+6U5PylZRj5vvJJ/XB6Safa1HSkYRjNT3DX/02 ann@mill";
const OTHER_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA bob@mill";

fn definition(node: &str) -> ClusterDefinition {
    let text = format!(
        "[cluster]\nname = \"gibbon\"\nprovider = \"aws\"\nzone = \"eu-central-1a\"\nnetwork = \"managed\"\n\
         [node.chief]\nimage = \"ami-0123456789abcdef0\"\ntype = \"m7i.large\"\nuser = \"ann\"\n{node}\n"
    );
    ClusterDefinition::parse(&text).unwrap()
}

fn from(blocks: &[&str]) -> Vec<AddressBlock> {
    blocks.iter().map(|block| block.parse().unwrap()).collect()
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn run(definition: &ClusterDefinition) -> Cleared<CloudAction> {
    let node = NodeName::new("chief").unwrap();
    Cleared::unguarded(CloudAction::RunInstance {
        machine: definition.nodes[&node].machine.clone(),
        zone: definition.zone.clone(),
        tags: Tags::for_node(&definition.name, &node),
        token: "a-token".to_owned(),
        together: None,
        node,
    })
}

fn told(findings: &[Finding], about: &str) -> (Verdict, String) {
    let found = findings.iter().find(|finding| finding.about.starts_with(about));
    let found = found.unwrap_or_else(|| panic!("nothing about {about}: {findings:#?}"));
    (found.verdict, found.what.clone())
}

#[tokio::test]
async fn it_is_made_once_follows_the_caller_and_is_put_away() {
    let (moto, definition) = (Moto::begin(), definition(""));
    let cloud = moto.cloud_for(&definition);
    let survey = async || cloud.survey_network(&keys(&[KEY])).await.unwrap();
    let (verdict, what) = told(&survey().await, "security group wucluster-gibbon");
    assert_eq!((verdict, what.contains("a launch makes it")), (Verdict::Fine, true), "{what}");
    assert!(cloud.network_seen(&definition.name).await.unwrap().is_empty());

    let here = from(&["203.0.113.7/32"]);
    let made = cloud.make_network(&here, &keys(&[KEY])).await.unwrap();
    assert_eq!(made.key.as_deref(), Some("wucluster-gibbon"));
    let again = cloud.make_network(&here, &keys(&[OTHER_KEY, KEY])).await.unwrap();
    assert_eq!(again, made, "any of the caller's keys will do, and nothing is made twice");
    let seen = cloud.network_seen(&definition.name).await.unwrap();
    assert_eq!((seen.groups.len(), seen.keys.len()), (1, 1));
    let (_, what) = told(&survey().await, "security group");
    assert!(what.ends_with("it lets ssh in from 203.0.113.7/32"), "{what}");
    let findings = cloud.survey_network(&keys(&[OTHER_KEY])).await.unwrap();
    let (verdict, what) = told(&findings, "key pair wucluster-gibbon");
    assert_eq!((verdict, what.contains("another public key")), (Verdict::Wrong, true), "{what}");
    let error = cloud.make_network(&here, &keys(&[OTHER_KEY])).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Permanent, "OtherKeyPair"));

    let there = from(&["198.51.100.9/32", "2001:db8::7/128"]);
    let changed = cloud.let_in(&definition.name, &there).await.unwrap();
    assert_eq!((changed.opened, changed.closed), (there.clone(), here));
    let (_, what) = told(&survey().await, "security group");
    assert!(what.ends_with("from 198.51.100.9/32, 2001:db8::7/128"), "{what}");
    let changed = cloud.let_in(&definition.name, &there).await.unwrap();
    assert!(changed.opened.is_empty() && changed.closed.is_empty(), "{changed:?}");

    assert_eq!(cloud.remove_network(&definition.name).await.unwrap(), seen);
    assert!(cloud.network_seen(&definition.name).await.unwrap().is_empty());
    let removed = cloud.remove_network(&definition.name).await.unwrap();
    assert!(removed.is_empty(), "what is gone is not missed");
}

#[tokio::test]
async fn what_an_instance_uses_stays() {
    let (moto, definition) = (Moto::begin(), definition(""));
    let cloud = moto.cloud_for(&definition);
    let made = cloud.make_network(&from(&["203.0.113.7/32"]), &keys(&[KEY])).await.unwrap();
    cloud.settle_network(Ok(made.clone()));
    let receipt = cloud.issue(&[run(&definition)]).await.pop().unwrap().unwrap();
    let error = cloud.remove_network(&definition.name).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Permanent, "NetworkInUse"));
    let Receipt::Instance(id) = receipt else { panic!("{receipt:?}") };
    assert!(error.message.contains(id.as_str()), "{error}");
    let seen = cloud.network_seen(&definition.name).await.unwrap();
    assert_eq!(seen.groups, made.group.into_iter().collect::<Vec<_>>());
    assert_eq!(seen.keys, ["wucluster-gibbon"], "the key stays with the group");

    let node = NodeName::new("chief").unwrap();
    let end = Cleared::unguarded(CloudAction::TerminateInstance { node, instance: id });
    cloud.issue(&[end]).await.pop().unwrap().unwrap();
    cloud.remove_network(&definition.name).await.unwrap();
}

/// An account of which only the network is known: with a default subnet, and what `told` says of the rest.
async fn account(told: impl Fn(&str, &Asked) -> Option<Answer> + Send + Sync + 'static) -> Canned {
    Canned::begin(move |_, asked| {
        let name = asked["Action"].as_str();
        if let Some(told) = told(name, asked) {
            return told;
        }
        match name {
            "DescribeSubnets" => answer(
                name,
                "<subnetSet><item><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId></item></subnetSet>",
            ),
            "CreateSecurityGroup" => answer(name, "<groupId>sg-1</groupId>"),
            "RunInstances" => {
                answer(name, "<instancesSet><item><instanceId>i-7</instanceId></item></instancesSet>")
            }
            name => nothing(name),
        }
    })
    .await
}

const OURS: &str =
    "<tagSet><item><key>wucluster:cluster</key><value>gibbon</value></item></tagSet>";

/// A group of the cluster's name, with rules and tags.
fn group(rules: &str, tags: &str) -> Answer {
    answer(
        "DescribeSecurityGroups",
        &format!(
            "<securityGroupInfo><item><groupId>sg-1</groupId><groupName>wucluster-gibbon</groupName><vpcId>vpc-1</vpcId>\
             <ipPermissions>{rules}</ipPermissions>{tags}</item></securityGroupInfo>"
        ),
    )
}

fn rule(port: u16, block: &str, told: &str) -> String {
    format!(
        "<item><ipProtocol>tcp</ipProtocol><fromPort>{port}</fromPort><toPort>{port}</toPort><ipRanges><item>\
         <cidrIp>{block}</cidrIp><description>{told}</description></item></ipRanges></item>"
    )
}

fn key_pair(public: &str, tags: &str) -> Answer {
    answer(
        "DescribeKeyPairs",
        &format!(
            "<keySet><item><keyName>wucluster-gibbon</keyName><keyFingerprint>SHA256:f</keyFingerprint>\
             <publicKey>{public}</publicKey>{tags}</item></keySet>"
        ),
    )
}

fn cloud(server: &Canned, definition: &ClusterDefinition) -> AwsCloud {
    let of = AwsOptions { is_unpaced: true, ..AwsOptions::of(definition) };
    AwsCloud::new(options(server.url(), of))
}

async fn make(server: &Canned) -> Result<Network, CloudError> {
    let cloud = cloud(server, &definition(""));
    cloud.make_network(&from(&["203.0.113.7/32"]), &keys(&[KEY])).await
}

fn changes(server: &Canned) -> Vec<String> {
    let names = server.names().into_iter();
    names.filter(|name| !name.starts_with("Describe") && !name.starts_with("Decode")).collect()
}

#[tokio::test]
async fn what_is_made_is_ours_from_the_beginning_and_lets_in_one_address() {
    let server = account(|_, _| None).await;
    let network = make(&server).await.unwrap();
    assert_eq!(network.group.as_deref(), Some("sg-1"));
    let asked = server.asked();
    let of = |name: &str| asked.iter().find(|asked| asked["Action"] == name).unwrap();
    let made = of("CreateSecurityGroup");
    for (name, value) in [
        ("GroupName", "wucluster-gibbon"),
        ("VpcId", "vpc-1"),
        ("TagSpecification.1.ResourceType", "security-group"),
        ("TagSpecification.1.Tag.2.Key", "wucluster:cluster"),
        ("TagSpecification.1.Tag.2.Value", "gibbon"),
    ] {
        assert_eq!(made.get(name).map(String::as_str), Some(value), "{name}: {made:?}");
    }
    let opened = of("AuthorizeSecurityGroupIngress");
    for (name, value) in [
        ("GroupId", "sg-1"),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "22"),
        ("IpPermissions.1.ToPort", "22"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "203.0.113.7/32"),
        ("IpPermissions.1.IpRanges.1.Description", "wucluster: ssh"),
    ] {
        assert_eq!(opened.get(name).map(String::as_str), Some(value), "{name}: {opened:?}");
    }
    let uploaded = of("ImportKeyPair");
    assert_eq!(uploaded["TagSpecification.1.Tag.2.Value"], "gibbon");
    let where_ = of("DescribeSubnets");
    assert_eq!(where_["Filter.2.Value.1"], "eu-central-1a", "the default subnet of the zone");
    let once = ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "ImportKeyPair"];
    assert_eq!(changes(&server), once);
}

#[tokio::test]
async fn each_refusal_has_its_class() {
    use ErrorClass::{Ambiguous, Permanent, Permission, Retry};
    for (call, status, code, class) in [
        ("CreateSecurityGroup", 400, "InvalidGroup.Duplicate", Ambiguous),
        ("CreateSecurityGroup", 400, "SecurityGroupLimitExceeded", Permanent),
        ("CreateSecurityGroup", 400, "InvalidVpcID.NotFound", Permanent),
        ("CreateSecurityGroup", 403, "UnauthorizedOperation", Permission),
        ("CreateSecurityGroup", 503, "RequestLimitExceeded", Retry),
        ("AuthorizeSecurityGroupIngress", 400, "InvalidGroup.NotFound", Retry),
        ("AuthorizeSecurityGroupIngress", 400, "RulesPerSecurityGroupLimitExceeded", Permanent),
        ("ImportKeyPair", 400, "InvalidKeyPair.Duplicate", Ambiguous),
        ("ImportKeyPair", 400, "InvalidKey.Format", Permanent),
        ("ImportKeyPair", 403, "UnauthorizedOperation", Permission),
        ("DescribeKeyPairs", 403, "UnauthorizedOperation", Permission),
        ("DescribeSubnets", 400, "InvalidSubnetID.NotFound", Permanent),
    ] {
        let refuse = move |name: &str, _: &Asked| {
            (name == call).then(|| refusal(status, code, "In EC2's words."))
        };
        let server = account(refuse).await;
        let error = make(&server).await.unwrap_err();
        let of_ours = if code == "RequestLimitExceeded" { "RequestLimitExceeded" } else { code };
        assert_eq!((error.class, error.code.as_str()), (class, of_ours), "{call}: {error}");
        let times = server.names().iter().filter(|name| *name == call).count();
        assert_eq!(times, 1, "{call} is asked for once, whatever comes: {code}");
    }
    let server = account(|name, _| {
        let code = "InvalidPermission.Duplicate";
        (name == "AuthorizeSecurityGroupIngress").then(|| refusal(400, code, "It is there."))
    })
    .await;
    make(&server).await.unwrap();
}

#[tokio::test]
async fn what_was_made_without_an_answer_is_found_and_not_made_twice() {
    let is_there = AtomicBool::new(false);
    let server = account(move |name, _| match name {
        "CreateSecurityGroup" => {
            is_there.store(true, Ordering::SeqCst);
            Some(Answer::Silence)
        }
        "DescribeSecurityGroups" if is_there.load(Ordering::SeqCst) => Some(group("", OURS)),
        _ => None,
    })
    .await;
    let error = make(&server).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Ambiguous, "{error}");
    assert_eq!(make(&server).await.unwrap().group.as_deref(), Some("sg-1"));
    let made = changes(&server);
    assert_eq!(made.iter().filter(|name| *name == "CreateSecurityGroup").count(), 1, "{made:?}");
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_touched() {
    let others = "<tagSet><item><key>wucluster:cluster</key><value>orang</value></item></tagSet>";
    for tags in ["", others] {
        let rules = rule(22, "198.51.100.1/32", "wucluster: ssh");
        let server = account(move |name, _| match name {
            "DescribeSecurityGroups" => Some(group(&rules, tags)),
            "DescribeKeyPairs" => Some(key_pair(OTHER_KEY, tags)),
            _ => None,
        })
        .await;
        let error = make(&server).await.unwrap_err();
        assert_eq!(error.code, "ForeignSecurityGroup", "{error}");
        assert!(error.message.contains("sg-1") && error.message.contains("not touched"), "{error}");
        let of = definition("security-groups = \"sg-9\"");
        let cloud = cloud(&server, &of);
        let error = cloud.make_network(&[], &keys(&[KEY])).await.unwrap_err();
        assert_eq!(error.code, "OtherKeyPair", "{error}");
        assert!(error.message.contains("not made by wucluster"), "{error}");
        assert_eq!(cloud.network_seen(&of.name).await, Ok(NetworkSeen::default()));
        assert_eq!(cloud.remove_network(&of.name).await, Ok(NetworkSeen::default()));
        let changed = cloud.let_in(&of.name, &from(&["203.0.113.7/32"])).await.unwrap();
        assert!(changed.opened.is_empty() && changed.closed.is_empty());
        assert_eq!(changes(&server), Vec::<String>::new());
    }
}

#[tokio::test]
async fn rules_that_wucluster_did_not_make_are_left_as_they_are() {
    let rules = [
        rule(22, "198.51.100.1/32", "the office"),
        rule(22, "198.51.100.2/32", "wucluster: ssh"),
        rule(443, "198.51.100.3/32", "wucluster: ssh"),
        rule(22, "203.0.113.7/32", "my own"),
    ]
    .concat();
    let server = account(move |name, _| match name {
        "DescribeSecurityGroups" => Some(group(&rules, OURS)),
        _ => None,
    })
    .await;
    let definition = definition("");
    let cloud = cloud(&server, &definition);
    let changed = cloud.let_in(&definition.name, &from(&["203.0.113.7/32"])).await.unwrap();
    assert_eq!((changed.opened, changed.closed), (vec![], from(&["198.51.100.2/32"])));
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked["Action"], "RevokeSecurityGroupIngress");
    assert_eq!(asked["IpPermissions.1.IpRanges.1.CidrIp"], "198.51.100.2/32");
    assert_eq!(changes(&server).len(), 1);
}

#[tokio::test]
async fn a_group_that_lingers_keeps_its_key_and_is_tried_again() {
    for (code, class) in [
        ("DependencyViolation", ErrorClass::Retry),
        ("UnauthorizedOperation", ErrorClass::Permission),
    ] {
        let server = account(move |name, _| match name {
            "DescribeSecurityGroups" => Some(group("", OURS)),
            "DescribeKeyPairs" => Some(key_pair(KEY, OURS)),
            "DeleteSecurityGroup" => Some(refusal(400, code, "It has a dependent object.")),
            _ => None,
        })
        .await;
        let definition = definition("");
        let error = cloud(&server, &definition).remove_network(&definition.name).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (class, code), "{error}");
        assert_eq!(changes(&server), ["DeleteSecurityGroup"]);
    }
    // What went meanwhile is not missed.
    let server = account(|name, _| match name {
        "DescribeSecurityGroups" => Some(group("", OURS)),
        "DescribeKeyPairs" => Some(key_pair(KEY, OURS)),
        "DeleteSecurityGroup" => Some(refusal(400, "InvalidGroup.NotFound", "There is none.")),
        "DeleteKeyPair" => Some(refusal(400, "InvalidKeyPair.NotFound", "There is none.")),
        _ => None,
    })
    .await;
    let definition = definition("");
    let removed = cloud(&server, &definition).remove_network(&definition.name).await.unwrap();
    assert_eq!(removed.to_string(), "security group sg-1, key pair wucluster-gibbon");
    assert_eq!(changes(&server), ["DeleteSecurityGroup", "DeleteKeyPair"]);
}

#[tokio::test]
async fn instances_get_what_they_do_not_name_themselves() {
    let settled =
        || Ok(Network { group: Some("sg-1".to_owned()), key: Some("wucluster-gibbon".to_owned()) });
    for (node, group, key) in [
        ("", "sg-1", "wucluster-gibbon"),
        ("key = \"ann\"", "sg-1", "ann"),
        ("security-groups = \"sg-9\"", "sg-9", "wucluster-gibbon"),
        ("key = \"ann\"\nsecurity-groups = \"sg-9\"", "sg-9", "ann"),
    ] {
        let server = account(|_, _| None).await;
        let definition = definition(node);
        let cloud = cloud(&server, &definition);
        cloud.settle_network(settled());
        cloud.issue(&[run(&definition)]).await.pop().unwrap().unwrap();
        let asked = server.asked().pop().unwrap();
        let with = (asked["SecurityGroupId.1"].as_str(), asked["KeyName"].as_str());
        assert_eq!(with, (group, key), "{node}");
    }
    // Without it none is run.
    let server = account(|_, _| None).await;
    let definition = definition("");
    let cloud = cloud(&server, &definition);
    let error = cloud.issue(&[run(&definition)]).await.pop().unwrap().unwrap_err();
    assert_eq!(error.code, "NetworkNotSettled");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_key_that_ec2_does_not_show_yet_is_waited_for() {
    let missing = |name: &str, _: &Asked| {
        (name == "RunInstances").then(|| refusal(400, "InvalidKeyPair.NotFound", "There is none."))
    };
    let server = account(missing).await;
    for (node, class) in [("", ErrorClass::Retry), ("key = \"anne\"", ErrorClass::Permanent)] {
        let definition = definition(node);
        let cloud = cloud(&server, &definition);
        cloud.settle_network(Ok(Network {
            group: Some("sg-1".to_owned()),
            key: Some("wucluster-gibbon".to_owned()),
        }));
        let error = cloud.issue(&[run(&definition)]).await.pop().unwrap().unwrap_err();
        assert_eq!(error.class, class, "{error}");
    }
}

#[tokio::test]
async fn where_no_group_can_be_it_is_told_why() {
    let server = account(|name, _| (name == "DescribeSubnets").then(|| nothing(name))).await;
    let error = make(&server).await.unwrap_err();
    assert_eq!(error.code, "NoDefaultNetwork", "{error}");
    let error = cloud(&server, &definition("subnet = \"subnet-9\""))
        .make_network(&[], &keys(&[KEY]))
        .await
        .unwrap_err();
    assert_eq!(error.code, "InvalidSubnetID.NotFound", "{error}");
    let server = account(|name, asked| {
        let vpc = if asked["Filter.1.Name"] == "subnet-id" { "vpc-2" } else { "vpc-1" };
        let item = format!(
            "<subnetSet><item><subnetId>subnet-9</subnetId><vpcId>{vpc}</vpcId></item></subnetSet>"
        );
        (name == "DescribeSubnets").then(|| answer(name, &item))
    })
    .await;
    let of =
        definition("subnet = \"subnet-9\"\n[node.worker]\nimage = \"ami-1\"\ntype = \"m7i.large\"");
    let error = cloud(&server, &of).make_network(&[], &keys(&[KEY])).await.unwrap_err();
    assert_eq!(error.code, "SeveralNetworks", "{error}");
    assert!(error.message.contains("vpc-1, vpc-2"), "{error}");
    for (keys, code) in
        [(keys(&[]), "NoPublicKey"), (keys(&["ecdsa-sha2-nistp256 AAAA"]), "InvalidKey.Format")]
    {
        let server = account(|_, _| None).await;
        let of = definition("security-groups = \"sg-9\"");
        let error = cloud(&server, &of).make_network(&[], &keys).await.unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(changes(&server).is_empty());
    }
}

#[tokio::test]
async fn its_calls_are_tried_and_none_is_carried_out() {
    for is_there in [false, true] {
        let server = account(move |name, asked| {
            if asked.get("DryRun").is_some_and(|dry| dry == "true") {
                return Some(match name {
                    "CreateSecurityGroup" if is_there => {
                        refusal(400, "InvalidGroup.Duplicate", "It is there.")
                    }
                    // The default group is none of the cluster's.
                    "RunInstances" if !is_there => refusal(403, "UnauthorizedOperation", "No."),
                    _ => refusal(412, "DryRunOperation", "Request would have succeeded."),
                });
            }
            match name {
                "GetCallerIdentity" => Some(Answer::Say(
                    200,
                    "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>\
                     </GetCallerIdentityResult></GetCallerIdentityResponse>"
                        .to_owned(),
                )),
                "DescribeSecurityGroups" if is_there => Some(group("", OURS)),
                "DescribeKeyPairs" if is_there => Some(key_pair(KEY, OURS)),
                _ => None,
            }
        })
        .await;
        let definition = definition("");
        let findings = cloud(&server, &definition).permissions(&definition).await.unwrap();
        for call in ["ec2:CreateSecurityGroup", "ec2:ImportKeyPair"] {
            assert_eq!(told(&findings, call).0, Verdict::Fine, "{call}");
        }
        let (verdict, what) = told(&findings, "ec2:RunInstances");
        if is_there {
            assert_eq!(verdict, Verdict::Fine, "{what}");
            for call in [
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:DeleteSecurityGroup",
                "ec2:DeleteKeyPair",
            ] {
                assert_eq!(told(&findings, call).0, Verdict::Fine, "{call}");
            }
        } else {
            assert_eq!(verdict, Verdict::Unknown, "{what}");
            let later = findings.iter().find(|one| one.what.contains("ec2:DeleteKeyPair"));
            assert_eq!(later.unwrap().verdict, Verdict::Unknown);
        }
        let carried_out = |asked: &Asked| {
            let name = &asked["Action"];
            !name.starts_with("Describe")
                && !name.starts_with("GetCaller")
                && !asked.contains_key("DryRun")
        };
        assert!(!server.asked().iter().any(carried_out), "{:#?}", server.asked());
    }
}

#[tokio::test]
async fn the_page_tells_an_address_or_it_is_told_what_to_write() {
    let page = |status: u16, text: &str| {
        let text = text.to_owned();
        Canned::begin(move |_, _| Answer::Say(status, text.clone()))
    };
    let server = page(200, "203.0.113.7\n").await;
    assert_eq!(own_address(server.url()).await.unwrap().to_string(), "203.0.113.7");
    for (status, text) in [(200, "<html>sign in</html>"), (200, ""), (503, "203.0.113.7")] {
        let server = page(status, text).await;
        let error = own_address(server.url()).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Retry, "AddressUnknown"));
        assert!(error.message.contains("`ssh-from"), "{error}");
    }
    let server = page(200, &"1".repeat(1000)).await;
    let error = own_address(server.url()).await.unwrap_err();
    assert!(error.message.contains("more than an address"), "{error}");
    let server = Canned::begin(|_, _| Answer::Silence).await;
    assert!(own_address(server.url()).await.is_err());
}
