//! Whether calls are permitted: each is made as a dry run, which EC2 answers and does not carry out.
//!
//! Source: EC2 API reference, `DryRun`: the answer is `DryRunOperation` where it is permitted, `UnauthorizedOperation` where
//! it is not.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use wucluster_core::definition::{ClusterDefinition, MachineDefinition, NodeDefinition};
use wucluster_core::ids::{InstanceId, SnapshotId, VolumeId};
use wucluster_core::observation::{InstanceState, SnapshotState, VolumeState};
use wucluster_core::ports::{CloudError, ErrorClass};
use wucluster_core::tags::{KEY_EPOCH, Tags};

use crate::calls::Call;
use crate::cloud::AwsCloud;
use crate::connect::Clients;
use crate::instances::{self, tag};
use crate::policy::{self, PolicyScope};
use crate::survey::{Finding, Verdict, named};
use crate::{errors, volumes};

/// What EC2 says of a dry run that it would have carried out.
const WOULD_BE_DONE: &str = "DryRunOperation";
/// A device name for an attachment that is only asked about; EC2 looks at it last.
const ANY_DEVICE: &str = "/dev/sdz";
/// A size for a growth that is only asked about: the largest that all types but one have. Unit: GiB.
const ANY_SIZE: i32 = 16_384;
/// What may be asked about only with a thing of the cluster at hand.
const ABOUT_WHAT_IS_THERE: [Call; 10] = [
    Call::StartInstances,
    Call::StopInstances,
    Call::TerminateInstances,
    Call::GetConsoleOutput,
    Call::AttachVolume,
    Call::DetachVolume,
    Call::ModifyVolume,
    Call::DeleteVolume,
    Call::CreateSnapshot,
    Call::CreateTags,
];

impl AwsCloud {
    /// Tries with dry runs what is permitted. Nothing is made or changed.
    ///
    /// # Errors
    /// As [`AwsCloud::account`], where not even that can be told.
    pub async fn permissions(
        &self,
        definition: &ClusterDefinition,
    ) -> Result<Vec<Finding>, CloudError> {
        self.account().await?;
        for name in named(definition, |node| node.machine.image.as_deref()) {
            self.settle_image(name, self.find_image(name).await);
        }
        Ok(self.dry_runs(self.clients().await?, definition).await)
    }

    /// Does what [`Self::try_all`] does, and says of what is not permitted which statements of the policy allow it.
    pub(crate) async fn dry_runs(
        &self,
        clients: &Clients,
        definition: &ClusterDefinition,
    ) -> Vec<Finding> {
        let mut findings = self.try_all(clients, definition).await;
        for finding in findings.iter_mut().filter(|one| one.verdict == Verdict::Forbidden) {
            let permission = finding.about.split(' ').next().unwrap_or_default();
            let call = Call::ALL.iter().find(|call| call.permission() == permission);
            let all = PolicyScope { is_for_away: false, is_for_prune: false, is_for_adopt: false };
            let statements =
                call.map(|call| policy::statements_of(definition, all, *call)).unwrap_or_default();
            if !statements.is_empty() {
                finding.fix = Some(format!(
                    "have it allowed: `wucluster iam-policy`, {} {}",
                    if statements.len() == 1 { "statement" } else { "statements" },
                    statements.join(", ")
                ));
            }
        }
        findings
    }

    /// Tries whether the calls of a launch, a parking, a put-away and a pruning are permitted: those that make something as the
    /// definition has it, the others on one instance, one volume and one snapshot of the cluster, if there are any.
    async fn try_all(&self, clients: &Clients, definition: &ClusterDefinition) -> Vec<Finding> {
        // Who carries out what was only to be tried is asked for nothing more.
        let look = clients.looks.describe_instances().dry_run(true).send().await;
        match self.verdict("DescribeInstances", look.map(drop)).await {
            Tried::WouldBeDone => {}
            Tried::Forbidden(why) => {
                return vec![forbidden(Call::DescribeInstances.permission(), &why)];
            }
            Tried::Refused(error) if error.code == errors::NO_ANSWER => {
                return vec![Finding::unasked("permissions", &error)];
            }
            Tried::Refused(_) | Tried::Done => {
                let what = "whoever answers here knows no dry runs: nothing was tried";
                return vec![Finding::unknown("permissions", what)];
            }
        }
        let facts = self.settle_what_is_there(clients).await;
        let mut findings = self.trials_of_making(clients, definition).await;
        findings.extend(self.trials_of_network(clients, &facts).await);
        let (instance, volume, snapshot) = match things_of(self, definition).await {
            Ok(there) => there,
            Err(error) => {
                findings.push(Finding::unasked("permissions", &error));
                return findings;
            }
        };
        match (instance, volume) {
            (Some(instance), Some(volume)) => {
                findings.extend(self.trials_on(clients, &instance, &volume).await);
            }
            _ => {
                let calls: Vec<String> = ABOUT_WHAT_IS_THERE.map(Call::permission).to_vec();
                let what = format!(
                    "{}: they can be tried when the cluster has an instance and a volume",
                    calls.join(", ")
                );
                findings.push(Finding::unknown("permissions", what));
            }
        }
        if let Some(snapshot) = snapshot {
            findings.push(self.trial_of_pruning(clients, &snapshot).await);
        }
        findings
    }

    /// Tries whether a snapshot may be deleted, which only `prune` does: whoever may not is no worse off for all else.
    async fn trial_of_pruning(&self, clients: &Clients, snapshot: &SnapshotId) -> Finding {
        let call = Call::DeleteSnapshot;
        let request = clients.changes.delete_snapshot().snapshot_id(snapshot.as_str());
        let answer = request.dry_run(true).send().await;
        match self.verdict(call.name(), answer.map(drop)).await {
            Tried::Forbidden(_) => Finding::unknown(
                call.permission(),
                "not permitted; only `prune` needs it: see `wucluster iam-policy --for prune`",
            ),
            tried => about_what_is_there(call, tried),
        }
    }

    /// Tries the calls that make instances and volumes, once for each kind that the definition has.
    async fn trials_of_making(
        &self,
        clients: &Clients,
        definition: &ClusterDefinition,
    ) -> Vec<Finding> {
        let zone = definition.zone.as_deref();
        let mut findings = Vec::new();
        let mut groups = BTreeSet::new();
        let nodes = definition.nodes.values().filter(|node| groups.insert(node.group.as_str()));
        let tried = nodes.flat_map(|node| choices(definition, node));
        for (node, kind, zone) in tried {
            let tags = Tags::for_node(&definition.name, &node.name);
            let instance_type = kind.map(str::to_owned);
            let machine = MachineDefinition { instance_type, ..node.machine.clone() };
            let tags = Cow::Owned(tags);
            let wish = instances::Wish { machine: &machine, zone, tags, token: "", many: 1 };
            let about = match (kind, zone) {
                (Some(kind), Some(zone)) if definition.leaves_choice(&node.name) => {
                    format!("ec2:RunInstances for {}, {kind} in {zone}", node.group)
                }
                _ => format!("ec2:RunInstances for {}", node.group),
            };
            let tried = match self.run_request(clients, wish).await {
                Ok(request) => {
                    let answer = request.set_client_token(None).dry_run(true).send().await;
                    self.verdict("RunInstances", answer.map(drop)).await
                }
                // What is wrong with its image was told already.
                Err(_) if node.machine.image.is_some() && node.machine.instance_type.is_some() => {
                    continue;
                }
                Err(error) => Tried::Refused(error),
            };
            findings.push(match tried {
                Tried::Forbidden(_) if self.lacks_ways_in(&node.machine.ec2) => Finding::unknown(
                    about,
                    "it cannot be told before its security group and key pair are there, which the first launch makes",
                ),
                tried => made(about, tried),
            });
        }
        let mut kinds = BTreeSet::new();
        for (key, mount) in definition.mounts() {
            if !kinds.insert((format!("{:?}", mount.ebs), mount.from.clone())) {
                continue;
            }
            let tags = Tags::for_mount(&definition.name, &key);
            let wish = volumes::Wish {
                mount: &key,
                size: mount.size,
                from: mount.from.as_ref(),
                zone,
                ebs: &mount.ebs,
                tags: &tags,
                token: "",
            };
            let tried = match self.volume_request(clients, wish) {
                Ok(request) => {
                    let answer = request.set_client_token(None).dry_run(true).send().await;
                    self.verdict("CreateVolume", answer.map(drop)).await
                }
                Err(error) => Tried::Refused(error),
            };
            findings.push(made(format!("ec2:CreateVolume for {key}"), tried));
        }
        findings
    }

    /// Tries the calls about what is there.
    async fn trials_on(
        &self,
        clients: &Clients,
        instance: &InstanceId,
        volume: &VolumeId,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        let ec2 = &clients.changes;
        let (id, disk) = (instance.as_str(), volume.as_str());
        for call in ABOUT_WHAT_IS_THERE {
            let name = call.name();
            let tried = match call {
                Call::StartInstances => {
                    let answer = ec2.start_instances().instance_ids(id).dry_run(true).send().await;
                    self.verdict(name, answer.map(drop)).await
                }
                Call::StopInstances => {
                    let answer = ec2.stop_instances().instance_ids(id).dry_run(true).send().await;
                    self.verdict(name, answer.map(drop)).await
                }
                Call::TerminateInstances => {
                    let answer =
                        ec2.terminate_instances().instance_ids(id).dry_run(true).send().await;
                    self.verdict(name, answer.map(drop)).await
                }
                Call::GetConsoleOutput => {
                    let answer =
                        ec2.get_console_output().instance_id(id).dry_run(true).send().await;
                    self.verdict(name, answer.map(drop)).await
                }
                Call::AttachVolume => {
                    let request = ec2.attach_volume().volume_id(disk).instance_id(id);
                    let answer = request.device(ANY_DEVICE).dry_run(true).send().await;
                    self.verdict(name, answer.map(drop)).await
                }
                Call::DetachVolume => {
                    let request = ec2.detach_volume().volume_id(disk).instance_id(id);
                    self.verdict(name, request.dry_run(true).send().await.map(drop)).await
                }
                Call::ModifyVolume => {
                    let request = ec2.modify_volume().volume_id(disk).size(ANY_SIZE);
                    self.verdict(name, request.dry_run(true).send().await.map(drop)).await
                }
                Call::DeleteVolume => {
                    let answer = ec2.delete_volume().volume_id(disk).dry_run(true).send().await;
                    self.verdict(name, answer.map(drop)).await
                }
                Call::CreateSnapshot => {
                    let answer = ec2.create_snapshot().volume_id(disk).dry_run(true).send().await;
                    self.verdict(name, answer.map(drop)).await
                }
                Call::CreateTags => {
                    let request = ec2.create_tags().resources(disk).tags(tag(KEY_EPOCH, "1"));
                    self.verdict(name, request.dry_run(true).send().await.map(drop)).await
                }
                _ => continue,
            };
            findings.push(about_what_is_there(call, tried));
        }
        findings
    }

    /// Reads what came of a dry run.
    pub(crate) async fn verdict<E>(&self, request: &str, answer: Result<(), SdkError<E>>) -> Tried
    where
        E: ProvideErrorMetadata + RequestId + std::error::Error + 'static,
    {
        let error = match answer {
            Ok(()) => return Tried::Done,
            Err(error) => errors::translate(request, &error),
        };
        match (error.code.as_str(), error.class) {
            (WOULD_BE_DONE, _) => Tried::WouldBeDone,
            (_, ErrorClass::Permission) => Tried::Forbidden(self.explain(error).await),
            _ => Tried::Refused(error),
        }
    }
}

/// What came of a dry run.
#[derive(Debug)]
pub(crate) enum Tried {
    /// It is permitted.
    WouldBeDone,
    /// It is not.
    Forbidden(CloudError),
    /// Something else is in the way.
    Refused(CloudError),
    /// It was carried out, which must not be.
    Done,
}

/// Lists the types and zones with which a node's machine is tried: each type in the first zone, and the first type in each
/// other zone. Rights may depend on either; that they depend on the pair would be odd.
fn choices<'a>(
    definition: &'a ClusterDefinition,
    node: &'a NodeDefinition,
) -> Vec<(&'a NodeDefinition, Option<&'a str>, Option<&'a str>)> {
    let (kind, zone) = (node.types().next(), definition.zones().next());
    let mut choices = vec![(node, kind, zone)];
    choices.extend(node.types().skip(1).map(|kind| (node, Some(kind), zone)));
    choices.extend(definition.zones().skip(1).map(|zone| (node, kind, Some(zone))));
    choices
}

fn forbidden(about: String, why: &CloudError) -> Finding {
    let finding = Finding::unasked(about, why);
    Finding {
        fix: Some("have the policy of `wucluster iam-policy` attached".to_owned()),
        ..finding
    }
}

/// Judges a call that would make something: what is in the way of it is in the way of a launch.
pub(crate) fn made(about: String, tried: Tried) -> Finding {
    match tried {
        Tried::WouldBeDone => Finding::fine(about, "it would be done"),
        Tried::Forbidden(error) => forbidden(about, &error),
        Tried::Refused(error) if error.class == ErrorClass::Permanent => {
            Finding::wrong(about, error.to_string())
        }
        Tried::Refused(error) => Finding::unknown(about, error.to_string()),
        Tried::Done => {
            Finding::unknown(about, "it was carried out, though it was only to be tried")
        }
    }
}

/// Judges a call about what is there: what its state forbids now is permitted.
pub(crate) fn about_what_is_there(call: Call, tried: Tried) -> Finding {
    let about = call.permission();
    match tried {
        Tried::WouldBeDone => Finding::fine(about, "permitted"),
        Tried::Forbidden(error) => forbidden(about, &error),
        Tried::Refused(error) => Finding::unknown(about, format!("it cannot be told now: {error}")),
        // It only reads.
        Tried::Done if call == Call::GetConsoleOutput => Finding::fine(about, "permitted"),
        Tried::Done => {
            Finding::unknown(about, "it was carried out, though it was only to be tried")
        }
    }
}

/// Finds an instance, a volume and a snapshot of the cluster.
async fn things_of(
    cloud: &AwsCloud,
    definition: &ClusterDefinition,
) -> Result<(Option<InstanceId>, Option<VolumeId>, Option<SnapshotId>), CloudError> {
    let view = cloud.look(&definition.name).await?;
    let instance = view.instances.iter().find(|seen| seen.state == InstanceState::Running);
    let usable = |state: &VolumeState| matches!(state, VolumeState::Available | VolumeState::InUse);
    let volume = view.volumes.iter().find(|seen| usable(&seen.state));
    let snapshot = view.snapshots.iter().find(|seen| seen.state == SnapshotState::Completed);
    Ok((
        instance.map(|seen| seen.id.clone()),
        volume.map(|seen| seen.id.clone()),
        snapshot.map(|seen| seen.id.clone()),
    ))
}
