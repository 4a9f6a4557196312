//! The policy of IAM that a cluster takes: no call more than wucluster makes, and none on what is not the cluster's.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2"; EC2 user guide,
//! "Grant permission to tag Amazon EC2 resources during creation".

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use wucluster_core::definition::ClusterDefinition;
use wucluster_core::tags::{KEY_CLUSTER, KEY_NAME};

use crate::calls::Call;
use crate::image_names::ImageName;
use crate::network_plan::NetworkPlan;

/// The version of the policy language. Source: IAM user guide, "Version".
const LANGUAGE: &str = "2012-10-17";
/// Largest managed policy. Unit: characters without white space. Source: IAM user guide, "IAM and STS character limits".
pub const POLICY_LENGTH_MAX: usize = 6144;

/// What a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyScope {
    /// Whether what is there may only be put away, and nothing be launched.
    pub is_for_away: bool,
    /// Whether superseded snapshots may be deleted, and nothing else be changed: `prune` needs no more, and no other command
    /// needs that.
    pub is_for_prune: bool,
    /// Whether what was made by hand may be adopted: whoever may, may make anything his cluster's that carries no tag of a
    /// cluster.
    pub is_for_adopt: bool,
}

/// Who is given what under which conditions. Those of one `Sid` are one statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Statement {
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
    conditions: BTreeMap<(&'static str, String), BTreeSet<String>>,
}

/// Writes the policy of a cluster as a JSON document. The same definition gives the same text.
#[must_use]
pub fn policy(definition: &ClusterDefinition, scope: PolicyScope) -> Value {
    let policy = Policy::of(definition, scope);
    let statements = policy.statements.into_iter().map(|(sid, statement)| {
        let mut written = json!({
            "Sid": sid,
            "Effect": "Allow",
            "Action": statement.actions,
            "Resource": statement.resources,
        });
        let mut conditions: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
        for ((operator, key), values) in statement.conditions {
            let values: Vec<String> = values.into_iter().collect();
            let values = match values.as_slice() {
                [one] => json!(one),
                several => json!(several),
            };
            conditions.entry(operator).or_default().insert(key, values);
        }
        if !conditions.is_empty() {
            written["Condition"] = json!(conditions);
        }
        written
    });
    json!({ "Version": LANGUAGE, "Statement": statements.collect::<Vec<_>>() })
}

/// Names the statements of a cluster's policy that allow a call, by their `Sid`.
pub(crate) fn statements_of(
    definition: &ClusterDefinition,
    scope: PolicyScope,
    call: Call,
) -> Vec<&'static str> {
    let action = call.permission();
    let statements = Policy::of(definition, scope).statements.into_iter();
    statements.filter(|(_, one)| one.actions.contains(&action)).map(|(sid, _)| sid).collect()
}

/// Where the cluster lives, as far as the definition says.
struct Place {
    partition: &'static str,
    region: Option<String>,
    cluster: String,
}

impl Place {
    fn of(definition: &ClusterDefinition) -> Self {
        // A zone is its region and a letter; the names of local zones have more, and tell nothing.
        let of_zone = definition.zone.as_deref().and_then(|zone| {
            let region = zone.strip_suffix(|letter: char| letter.is_ascii_lowercase())?;
            let is_number = |word: &&str| word.bytes().all(|c| c.is_ascii_digit());
            let is_region = region.split('-').filter(is_number).count() == 1;
            is_region.then(|| region.to_owned())
        });
        let region = definition.region.clone().or(of_zone);
        let partition = match region.as_deref() {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Self { partition, region, cluster: definition.name.as_str().to_owned() }
    }

    fn arn(&self, account: &str, what: &str) -> String {
        let region = self.region.as_deref().unwrap_or("*");
        format!("arn:{}:ec2:{region}:{account}:{what}", self.partition)
    }

    /// Names things of the account.
    fn own(&self, what: &str) -> String {
        self.arn("*", what)
    }

    /// Names things that belong to the region: images and snapshots.
    fn public(&self, what: &str) -> String {
        self.arn("", what)
    }
}

/// What things carry the cluster's tag.
enum Carry {
    /// Those that are there.
    Now,
    /// Those that are made by the call.
    New,
}

struct Policy {
    place: Place,
    statements: BTreeMap<&'static str, Statement>,
}

impl Policy {
    fn of(definition: &ClusterDefinition, scope: PolicyScope) -> Self {
        let mut policy = Self { place: Place::of(definition), statements: BTreeMap::new() };
        for call in Call::ALL {
            policy.allow(*call, definition, scope);
        }
        policy.allow_what_calls_imply(definition, scope);
        policy
    }

    /// Gives a call what it needs. Each call must be thought of here.
    fn allow(&mut self, call: Call, definition: &ClusterDefinition, scope: PolicyScope) {
        if scope.is_for_prune && call.changes() && call != Call::DeleteSnapshot {
            return;
        }
        let (instances, volumes) = (self.place.own("instance/*"), self.place.own("volume/*"));
        let snapshots = self.place.public("snapshot/*");
        let plan = NetworkPlan::of(definition);
        match call {
            // Everyone may.
            Call::GetCallerIdentity => {}
            // Listings know no resources.
            Call::DescribeInstances
            | Call::DescribeVolumes
            | Call::DescribeSnapshots
            | Call::DescribeImages
            | Call::DescribeAvailabilityZones
            | Call::DescribeInstanceTypes
            | Call::DescribeInstanceTypeOfferings
            | Call::DescribeSubnets
            | Call::DescribeSecurityGroups
            | Call::DescribeKeyPairs => self.look(call),
            Call::GetParameter if scope.is_for_away || scope.is_for_prune => {}
            Call::GetParameter => {
                let images =
                    definition.nodes.values().filter_map(|node| node.machine.image.as_deref());
                for image in images {
                    let Ok(ImageName::Parameter(name)) = ImageName::read(image) else { continue };
                    // Public parameters belong to no account.
                    let region = self.place.region.as_deref().unwrap_or("*");
                    let name = name.trim_start_matches('/');
                    let arn =
                        format!("arn:{}:ssm:{region}:*:parameter/{name}", self.place.partition);
                    self.add("ReadParameters", call, &[arn], &[]);
                }
            }
            // Only who launches needs them.
            Call::GetServiceQuota | Call::GetAWSDefaultServiceQuota
                if scope.is_for_away || scope.is_for_prune => {}
            Call::GetServiceQuota | Call::GetAWSDefaultServiceQuota => self.look(call),
            Call::DecodeAuthorizationMessage => {
                self.add("ReadRefusals", call, &["*".to_owned()], &[]);
            }
            Call::StartInstances | Call::StopInstances if scope.is_for_away => {}
            Call::GetConsoleOutput
            | Call::StartInstances
            | Call::StopInstances
            | Call::TerminateInstances => {
                self.add("UseItsInstances", call, &[instances], &[self.carries(&Carry::Now)]);
            }
            Call::AttachVolume if scope.is_for_away => {}
            Call::AttachVolume | Call::DetachVolume => {
                self.add(
                    "MoveItsVolumes",
                    call,
                    &[instances, volumes],
                    &[self.carries(&Carry::Now)],
                );
            }
            Call::ModifyVolume if scope.is_for_away => {}
            Call::ModifyVolume => {
                self.add("GrowItsVolumes", call, &[volumes], &[self.carries(&Carry::Now)]);
            }
            Call::DeleteVolume => {
                self.add("DeleteItsVolumes", call, &[volumes], &[self.carries(&Carry::Now)]);
            }
            Call::DeleteSnapshot if !scope.is_for_prune => {}
            Call::DeleteSnapshot => {
                self.add("DeleteItsSnapshots", call, &[snapshots], &[self.carries(&Carry::Now)]);
            }
            Call::CreateSnapshot => {
                self.add("KeepItsVolumes", call, &[volumes], &[self.carries(&Carry::Now)]);
                self.add("MakeItsSnapshots", call, &[snapshots], &[self.carries(&Carry::New)]);
            }
            Call::CreateVolume if scope.is_for_away => {}
            Call::CreateVolume => {
                self.add("MakeItsVolumes", call, &[volumes], &[self.carries(&Carry::New)]);
                self.add("BeginWithSnapshots", call, &[snapshots], &[]);
            }
            Call::RunInstances if scope.is_for_away => {}
            Call::RunInstances => {
                self.add("MakeItsInstances", call, &[instances], &[self.carries(&Carry::New)]);
                self.add("MakeInstancesWith", call, &self.needed(definition), &[]);
                if let Some(plan) = &plan {
                    let both = [
                        plan.needs_group().then(|| self.place.own("security-group/*")),
                        plan.needs_key()
                            .then(|| self.place.own(&format!("key-pair/{}", plan.name()))),
                    ];
                    let both: Vec<String> = both.into_iter().flatten().collect();
                    if !both.is_empty() {
                        self.add("MakeInstancesInIts", call, &both, &[self.carries(&Carry::Now)]);
                    }
                }
            }
            Call::CreateSecurityGroup
            | Call::AuthorizeSecurityGroupIngress
            | Call::RevokeSecurityGroupIngress
            | Call::DeleteSecurityGroup
            | Call::ImportKeyPair
            | Call::DeleteKeyPair => {
                if let Some(plan) = &plan {
                    self.allow_network(call, plan, scope);
                }
            }
            Call::CreateTags => {
                let all = [instances, volumes, snapshots];
                let makers: &[&str] = if scope.is_for_away {
                    &["CreateSnapshot"]
                } else {
                    &["CreateSnapshot", "CreateVolume", "RunInstances"]
                };
                let by =
                    |maker: &str| ("StringEquals", "ec2:CreateAction".to_owned(), maker.to_owned());
                for maker in makers {
                    self.add("NameWhatIsMade", call, &all, &[by(maker)]);
                }
                if let (Some(plan), false) = (&plan, scope.is_for_away) {
                    let made = [
                        (plan.needs_group(), "security-group/*", "CreateSecurityGroup"),
                        (plan.needs_key(), "key-pair/*", "ImportKeyPair"),
                    ];
                    for (_, what, maker) in made.into_iter().filter(|(is_wanted, ..)| *is_wanted) {
                        self.add("NameWhatIsMade", call, &[self.place.own(what)], &[by(maker)]);
                    }
                }
                let keys = |key: &str| {
                    ("ForAllValues:StringLike", "aws:TagKeys".to_owned(), key.to_owned())
                };
                let ours = [self.carries(&Carry::Now), keys("wucluster:*"), keys(KEY_NAME)];
                self.add("RecordOnIt", call, &all, &ours);
                if scope.is_for_adopt {
                    let nobodys =
                        ("Null", format!("aws:ResourceTag/{KEY_CLUSTER}"), "true".to_owned());
                    self.add(
                        "AdoptWhatIsNobodys",
                        call,
                        &all,
                        &[nobodys, self.carries(&Carry::New)],
                    );
                }
            }
        }
    }

    /// Gives a call about the network that is the cluster's own what it needs. Who may put away may let himself in, since
    /// nodes are unmounted by ssh.
    fn allow_network(&mut self, call: Call, plan: &NetworkPlan, scope: PolicyScope) {
        let groups = self.place.own("security-group/*");
        let key = self.place.own(&format!("key-pair/{}", plan.name()));
        match call {
            Call::CreateSecurityGroup | Call::ImportKeyPair if scope.is_for_away => {}
            Call::CreateSecurityGroup if plan.needs_group() => {
                self.add("MakeItsNetwork", call, &[groups], &[self.carries(&Carry::New)]);
                self.add("MakeItsNetworkIn", call, &[self.place.own("vpc/*")], &[]);
            }
            Call::ImportKeyPair if plan.needs_key() => {
                self.add("MakeItsNetwork", call, &[key], &[self.carries(&Carry::New)]);
            }
            Call::AuthorizeSecurityGroupIngress
            | Call::RevokeSecurityGroupIngress
            | Call::DeleteSecurityGroup
                if plan.needs_group() =>
            {
                self.add("ChangeItsNetwork", call, &[groups], &[self.carries(&Carry::Now)]);
            }
            Call::DeleteKeyPair if plan.needs_key() => {
                self.add("ChangeItsNetwork", call, &[key], &[self.carries(&Carry::Now)]);
            }
            _ => {}
        }
    }

    /// Gives what AWS asks for beside the calls themselves.
    fn allow_what_calls_imply(&mut self, definition: &ClusterDefinition, scope: PolicyScope) {
        let partition = self.place.partition;
        if !scope.is_for_away && !scope.is_for_prune {
            for profile in
                definition.nodes.values().filter_map(|node| node.machine.ec2.profile.as_deref())
            {
                // The names of role and profile are the same where the console made them; an ARN tells the account.
                let name = profile.rsplit('/').next().unwrap_or(profile);
                let account = profile
                    .strip_prefix("arn:")
                    .and_then(|arn| arn.split(':').nth(3))
                    .unwrap_or("*");
                let role = format!("arn:{partition}:iam::{account}:role/{name}");
                let to = (
                    "StringEquals",
                    "iam:PassedToService".to_owned(),
                    "ec2.amazonaws.com".to_owned(),
                );
                self.add_named("GiveProfile", "iam:PassRole", &[role], &[to]);
            }
        }
        let region = self.place.region.clone().unwrap_or_else(|| "*".to_owned());
        // Whoever deletes reads nothing of what is encrypted.
        let encrypted = definition.mounts().filter(|_| !scope.is_for_prune);
        for key in encrypted.filter_map(|(_, mount)| mount.ebs.kms_key.clone()) {
            let arn = |what: &str| format!("arn:{partition}:kms:{region}:*:{what}");
            // An alias is no name of a key in a policy: which one it stands for, IAM is told by a condition.
            let (resource, alias) = match key.as_str() {
                arn_ if arn_.starts_with("arn:") && !arn_.contains(":alias/") => {
                    (arn_.to_owned(), None)
                }
                other => match other.find("alias/") {
                    Some(at) => (arn("key/*"), Some(other[at..].to_owned())),
                    None => (arn(&format!("key/{other}")), None),
                },
            };
            let of_alias = alias
                .map(|alias| ("ForAnyValue:StringEquals", "kms:ResourceAliases".to_owned(), alias));
            let sids = match &of_alias {
                None => ["UseKey", "LendKey"],
                Some(_) => ["UseKeyOfAlias", "LendKeyOfAlias"],
            };
            let of_alias: Vec<_> = of_alias.into_iter().collect();
            for action in [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncrypt*",
            ] {
                self.add_named(sids[0], action, std::slice::from_ref(&resource), &of_alias);
            }
            let mut lent = of_alias.clone();
            lent.push(("Bool", "kms:GrantIsForAWSResource".to_owned(), "true".to_owned()));
            self.add_named(sids[1], "kms:CreateGrant", std::slice::from_ref(&resource), &lent);
        }
        let bucket = definition.store.as_deref().and_then(|store| store.strip_prefix("s3://"));
        if let Some(bucket) = bucket {
            let (bucket, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
            let bucket = format!("arn:{partition}:s3:::{bucket}");
            let prefix = prefix.trim_matches('/');
            let within = if prefix.is_empty() { "*".to_owned() } else { format!("{prefix}/*") };
            for action in ["s3:GetObject", "s3:PutObject"] {
                self.add_named("UseStore", action, &[format!("{bucket}/{within}")], &[]);
            }
            let listed = ("StringLike", "s3:prefix".to_owned(), within);
            self.add_named("ListStore", "s3:ListBucket", &[bucket], &[listed]);
        }
    }

    /// Names what an instance is made with: as narrow as the definition is.
    fn needed(&self, definition: &ClusterDefinition) -> Vec<String> {
        let place = &self.place;
        let mut needed = vec![place.own("network-interface/*"), place.own("volume/*")];
        for node in definition.nodes.values() {
            let machine = &node.machine;
            let image = machine.image.as_deref().filter(|image| image.starts_with("ami-"));
            needed.push(place.public(&format!("image/{}", image.unwrap_or("*"))));
            needed.push(
                place.own(&format!("subnet/{}", machine.ec2.subnet.as_deref().unwrap_or("*"))),
            );
            if machine.ec2.security_groups.is_empty() && definition.network.is_none() {
                needed.push(place.own("security-group/*"));
            }
            needed.extend(
                machine
                    .ec2
                    .security_groups
                    .iter()
                    .map(|id| place.own(&format!("security-group/{id}"))),
            );
            needed.extend(machine.ec2.key.iter().map(|key| place.own(&format!("key-pair/{key}"))));
            if machine.ec2.spot {
                needed.push(place.own("spot-instances-request/*"));
            }
        }
        // What has its own disk in a snapshot is made from it.
        needed.push(place.public("snapshot/*"));
        needed
    }

    fn look(&mut self, call: Call) {
        let region = self.place.region.clone();
        let there = region.map(|region| ("StringEquals", "aws:RequestedRegion".to_owned(), region));
        let there: Vec<_> = there.into_iter().collect();
        self.add("Look", call, &["*".to_owned()], &there);
    }

    fn carries(&self, carry: &Carry) -> (&'static str, String, String) {
        let of = match carry {
            Carry::Now => "aws:ResourceTag",
            Carry::New => "aws:RequestTag",
        };
        ("StringEquals", format!("{of}/{KEY_CLUSTER}"), self.place.cluster.clone())
    }

    fn add(
        &mut self,
        sid: &'static str,
        call: Call,
        to: &[String],
        when: &[(&'static str, String, String)],
    ) {
        self.add_named(sid, &call.permission(), to, when);
    }

    fn add_named(
        &mut self,
        sid: &'static str,
        action: &str,
        to: &[String],
        when: &[(&'static str, String, String)],
    ) {
        let statement = self.statements.entry(sid).or_default();
        statement.actions.insert(action.to_owned());
        statement.resources.extend(to.iter().cloned());
        for (operator, key, value) in when {
            statement.conditions.entry((operator, key.clone())).or_default().insert(value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: PolicyScope =
        PolicyScope { is_for_away: false, is_for_prune: false, is_for_adopt: false };
    const PRUNE: PolicyScope = PolicyScope { is_for_prune: true, ..ALL };

    fn definition(cluster: &str, node: &str, mount: &str) -> ClusterDefinition {
        let text = format!(
            "[cluster]\nname = \"gibbon\"\nprovider = \"aws\"\n{cluster}\n[node.n]\n{node}\n\
             mount.a = {{ at = \"/mnt/a\", size = \"1 GiB\"{mount} }}\n"
        );
        ClusterDefinition::parse(&text).unwrap()
    }

    fn plain() -> ClusterDefinition {
        definition("zone = \"eu-central-1a\"", "image = \"ami-1\"", "")
    }

    fn managed(node: &str) -> ClusterDefinition {
        let node = format!("image = \"ami-1\"\n{node}");
        definition("zone = \"eu-central-1a\"\nnetwork = \"managed\"", &node, "")
    }

    fn statements(policy: &Value) -> Vec<&Value> {
        policy["Statement"].as_array().unwrap().iter().collect()
    }

    fn actions(policy: &Value) -> BTreeSet<String> {
        let actions =
            statements(policy).into_iter().flat_map(|one| one["Action"].as_array().unwrap());
        actions.map(|action| action.as_str().unwrap().to_owned()).collect()
    }

    fn named<'a>(policy: &'a Value, sid: &str) -> &'a Value {
        statements(policy).into_iter().find(|one| one["Sid"] == sid).unwrap()
    }

    #[test]
    fn it_holds_each_call_that_is_made_and_no_other() {
        let zone = "zone = \"eu-central-1a\"\nnetwork = \"managed\"";
        let definition = definition(zone, "image = \"ssm:/a/b\"", "");
        // Everyone may ask who he is.
        let made = Call::ALL.iter().filter(|call| **call != Call::GetCallerIdentity);
        let made: BTreeSet<String> = made.map(|call| call.permission()).collect();
        // To delete snapshots takes a policy of its own.
        let made: BTreeSet<String> =
            made.into_iter().filter(|call| call != "ec2:DeleteSnapshot").collect();
        assert_eq!(actions(&policy(&definition, ALL)), made);
        // Without a parameter none is read.
        let made: BTreeSet<String> =
            made.into_iter().filter(|call| call != "ssm:GetParameter").collect();
        assert_eq!(actions(&policy(&managed(""), ALL)), made);
        // Without a network of its own none is made.
        let of_network = [
            Call::CreateSecurityGroup,
            Call::AuthorizeSecurityGroupIngress,
            Call::RevokeSecurityGroupIngress,
            Call::DeleteSecurityGroup,
            Call::ImportKeyPair,
            Call::DeleteKeyPair,
        ]
        .map(Call::permission);
        let made: BTreeSet<String> =
            made.into_iter().filter(|call| !of_network.contains(call)).collect();
        assert_eq!(actions(&policy(&plain(), ALL)), made);
    }

    #[test]
    fn what_is_changed_is_the_clusters_or_is_made_its_own() {
        let scopes = [ALL, PolicyScope { is_for_away: true, ..ALL }, PRUNE];
        let policies = scopes
            .into_iter()
            .flat_map(|scope| [policy(&plain(), scope), policy(&managed(""), scope)]);
        for policy in policies {
            for statement in statements(&policy) {
                let changes = statement["Action"].as_array().unwrap().iter().any(|action| {
                    let action = action.as_str().unwrap();
                    !action.contains(":Describe")
                        && !action.contains(":Decode")
                        && !action.starts_with("servicequotas:")
                });
                let conditions =
                    statement.get("Condition").map(Value::to_string).unwrap_or_default();
                let is_ours = conditions.contains("Tag/wucluster:cluster\":\"gibbon\"")
                    || conditions.contains("ec2:CreateAction");
                // What others lend: images, networks, snapshots to begin with.
                let lends = ["MakeInstancesWith", "BeginWithSnapshots", "MakeItsNetworkIn"];
                let sid = statement["Sid"].as_str().unwrap();
                assert_eq!(changes, is_ours || lends.contains(&sid), "{statement}");
                let is_of_all = statement["Resource"].to_string().contains("\"*\"");
                assert_eq!(is_of_all, ["Look", "ReadRefusals"].contains(&sid), "{statement}");
            }
        }
    }

    #[test]
    fn who_may_only_put_away_can_make_nothing_that_costs() {
        let policy = policy(&plain(), PolicyScope { is_for_away: true, ..ALL });
        let actions = actions(&policy);
        for none in [
            "RunInstances",
            "StartInstances",
            "StopInstances",
            "CreateVolume",
            "AttachVolume",
            "ModifyVolume",
        ] {
            assert!(!actions.contains(&format!("ec2:{none}")), "{none}");
        }
        for needed in
            ["TerminateInstances", "DetachVolume", "CreateSnapshot", "DeleteVolume", "CreateTags"]
        {
            assert!(actions.contains(&format!("ec2:{needed}")), "{needed}");
        }
        assert_eq!(
            named(&policy, "NameWhatIsMade")["Condition"]["StringEquals"]["ec2:CreateAction"],
            "CreateSnapshot"
        );
    }

    #[test]
    fn a_network_of_its_own_is_made_used_and_deleted_and_no_other() {
        let all = policy(&managed(""), ALL);
        let made = named(&all, "MakeItsNetwork");
        assert_eq!(made["Condition"]["StringEquals"]["aws:RequestTag/wucluster:cluster"], "gibbon");
        let used = named(&all, "MakeInstancesInIts");
        assert_eq!(
            used["Condition"]["StringEquals"]["aws:ResourceTag/wucluster:cluster"],
            "gibbon"
        );
        assert!(used["Resource"].to_string().contains("key-pair/wucluster-gibbon"), "{used}");
        let with = named(&all, "MakeInstancesWith").to_string();
        assert!(!with.contains("security-group") && !with.contains("key-pair"), "{with}");
        assert!(all.to_string().len() < POLICY_LENGTH_MAX, "{}", all.to_string().len());
        // Who puts away lets himself in, to unmount, and makes nothing.
        let away = policy(&managed(""), PolicyScope { is_for_away: true, ..ALL });
        let may = actions(&away);
        for needed in ["AuthorizeSecurityGroupIngress", "DeleteSecurityGroup", "DeleteKeyPair"] {
            assert!(may.contains(&format!("ec2:{needed}")), "{needed}");
        }
        assert!(!may.contains("ec2:CreateSecurityGroup") && !may.contains("ec2:ImportKeyPair"));
        // What nodes name themselves is not made.
        let own = policy(&managed("security-groups = \"sg-1\"\nkey = \"ann\""), ALL);
        assert_eq!(actions(&own), actions(&policy(&plain(), ALL)));
        let key_only = actions(&policy(&managed("security-groups = \"sg-1\""), ALL));
        assert!(key_only.contains("ec2:ImportKeyPair"));
        assert!(!key_only.contains("ec2:CreateSecurityGroup"));
    }

    #[test]
    fn who_may_only_prune_deletes_the_clusters_snapshots_and_changes_nothing_else() {
        let policy = policy(&plain(), PRUNE);
        let changes: BTreeSet<String> = actions(&policy)
            .into_iter()
            .filter(|action| !action.contains(":Describe") && !action.contains(":Decode"))
            .collect();
        assert_eq!(changes, BTreeSet::from(["ec2:DeleteSnapshot".to_owned()]));
        let statement = named(&policy, "DeleteItsSnapshots");
        assert_eq!(
            statement["Condition"]["StringEquals"]["aws:ResourceTag/wucluster:cluster"],
            "gibbon"
        );
        assert!(statement["Resource"].to_string().contains("snapshot/*"));
    }

    #[test]
    fn what_is_nobodys_is_adopted_with_a_word_of_its_own() {
        assert!(!policy(&plain(), ALL).to_string().contains("Nobodys"));
        let policy = policy(&plain(), PolicyScope { is_for_adopt: true, ..ALL });
        let condition = &named(&policy, "AdoptWhatIsNobodys")["Condition"];
        assert_eq!(condition["Null"]["aws:ResourceTag/wucluster:cluster"], "true");
        assert_eq!(condition["StringEquals"]["aws:RequestTag/wucluster:cluster"], "gibbon");
    }

    #[test]
    fn the_statements_of_each_call_are_named() {
        let of = |call| statements_of(&managed(""), ALL, call);
        assert_eq!(of(Call::DeleteVolume), ["DeleteItsVolumes"]);
        let of_run = ["MakeInstancesInIts", "MakeInstancesWith", "MakeItsInstances"];
        assert_eq!(of(Call::RunInstances), of_run);
        assert_eq!(of(Call::CreateTags), ["NameWhatIsMade", "RecordOnIt"]);
        // Each call that may be forbidden is allowed by something.
        let free = [Call::GetCallerIdentity, Call::GetParameter, Call::DeleteSnapshot];
        for call in Call::ALL.iter().filter(|call| !free.contains(call)) {
            assert!(!of(*call).is_empty(), "{call:?}");
        }
    }

    #[test]
    fn it_is_as_narrow_as_the_definition() {
        let narrow = definition(
            "zone = \"us-gov-west-1b\"\n[store]\nurl = \"s3://bucket/apes\"",
            "image = \"ami-1\"\nsubnet = \"subnet-1\"\nsecurity-groups = [\"sg-1\"]\nkey = \"ann\"\nprofile = \"reader\"\nspot = true",
            ", encrypted = true, kms-key = \"alias/k\"",
        );
        let policy = policy(&narrow, ALL);
        let with = named(&policy, "MakeInstancesWith")["Resource"].to_string();
        for arn in [
            "arn:aws-us-gov:ec2:us-gov-west-1::image/ami-1",
            "arn:aws-us-gov:ec2:us-gov-west-1:*:subnet/subnet-1",
            "security-group/sg-1",
            "key-pair/ann",
            "spot-instances-request/*",
        ] {
            assert!(with.contains(arn), "{arn} {with}");
        }
        assert!(!with.contains("security-group/*") && !with.contains("image/*"), "{with}");
        assert_eq!(
            named(&policy, "Look")["Condition"]["StringEquals"]["aws:RequestedRegion"],
            "us-gov-west-1"
        );
        assert!(named(&policy, "GiveProfile")["Resource"].to_string().contains("role/reader"));
        assert!(named(&policy, "UseKeyOfAlias")["Condition"].to_string().contains("alias/k"));
        assert!(named(&policy, "UseStore")["Resource"].to_string().contains("s3:::bucket/apes/*"));
        assert!(policy.to_string().len() < POLICY_LENGTH_MAX, "{}", policy.to_string().len());
    }

    #[test]
    fn a_region_is_read_off_its_zone() {
        let region = |cluster: &str| Place::of(&definition(cluster, "", "")).region;
        assert_eq!(region("zone = \"eu-central-1a\"").as_deref(), Some("eu-central-1"));
        assert_eq!(region("region = \"us-east-1\"").as_deref(), Some("us-east-1"));
        // A local zone.
        assert_eq!(region("zone = \"us-west-2-lax-1a\"").as_deref(), None);
        assert_eq!(region(""), None);
    }
}
