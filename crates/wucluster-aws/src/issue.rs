//! Requests: sorted into calls, all made at once, each answered.
//!
//! What may go several in one call does: instances that are to be started, stopped or terminated, and volumes that get the same
//! tags. Of what is refused together, each is asked for by itself, so that one of them spoils nothing for the others.

use std::future::Future;
use std::pin::Pin;

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use futures_util::StreamExt;
use futures_util::stream;
use wucluster_core::action::CloudAction;
use wucluster_core::ids::InstanceId;
use wucluster_core::ports::{CloudError, Receipt};
use wucluster_core::tags::Tags;

use crate::cloud::AwsCloud;
use crate::connect::Clients;
use crate::errors;
use crate::rates::Request;
use crate::{instances, volumes};

/// Most things that one call is about.
///
/// Source: EC2 API reference: `TerminateInstances` and `CreateTags` take up to 1000. Filters take some 200 values, and
/// what is to be terminated is looked at by a filter first.
const BATCH: usize = 200;
/// How many calls are under way at once.
///
/// More than EC2's budgets let be made at once of one kind; each has a connection of its own.
const CALLS_AT_ONCE: usize = 64;

type Answer = Result<Receipt, CloudError>;
type Answers = Vec<(usize, Answer)>;
type Making<'a> = Pin<Box<dyn Future<Output = Answers> + Send + 'a>>;

/// One call, with the places of what it is about among the requests.
enum Call<'a> {
    One(usize, &'a CloudAction),
    /// Requests that share it, under one token.
    Run(&'a str, Vec<(usize, &'a CloudAction)>),
    Start(Vec<(usize, &'a InstanceId)>),
    Stop(Vec<(usize, &'a InstanceId)>),
    Terminate(Vec<(usize, &'a InstanceId)>),
    Tag(&'a Tags, Vec<(usize, &'a str)>),
}

/// Sorts requests into calls, in the order in which their first ones come.
fn sort<'a>(actions: impl IntoIterator<Item = &'a CloudAction>) -> Vec<Call<'a>> {
    let mut calls: Vec<Call<'a>> = Vec::new();
    for (at, action) in actions.into_iter().enumerate() {
        match action {
            CloudAction::StartInstance { instance, .. } => {
                let open = calls.iter_mut().find_map(|call| match call {
                    Call::Start(ids) if ids.len() < BATCH => Some(ids),
                    _ => None,
                });
                match open {
                    Some(ids) => ids.push((at, instance)),
                    None => calls.push(Call::Start(vec![(at, instance)])),
                }
            }
            CloudAction::StopInstance { instance, .. } => {
                let open = calls.iter_mut().find_map(|call| match call {
                    Call::Stop(ids) if ids.len() < BATCH => Some(ids),
                    _ => None,
                });
                match open {
                    Some(ids) => ids.push((at, instance)),
                    None => calls.push(Call::Stop(vec![(at, instance)])),
                }
            }
            CloudAction::TerminateInstance { instance, .. } => {
                let open = calls.iter_mut().find_map(|call| match call {
                    Call::Terminate(ids) if ids.len() < BATCH => Some(ids),
                    _ => None,
                });
                match open {
                    Some(ids) => ids.push((at, instance)),
                    None => calls.push(Call::Terminate(vec![(at, instance)])),
                }
            }
            CloudAction::TagVolume { tags, .. }
            | CloudAction::TagSnapshot { tags, .. }
            | CloudAction::Adopt { tags, .. } => {
                let one = match action {
                    CloudAction::TagVolume { volume, .. } => volume.as_str(),
                    CloudAction::TagSnapshot { snapshot, .. } => snapshot.as_str(),
                    CloudAction::Adopt { id, .. } => id.as_str(),
                    _ => continue,
                };
                let open = calls.iter_mut().find_map(|call| match call {
                    // Twice the same thing in one call would be odd to ask.
                    Call::Tag(same, ids)
                        if *same == tags
                            && ids.len() < BATCH
                            && ids.iter().all(|(_, id)| *id != one) =>
                    {
                        Some(ids)
                    }
                    _ => None,
                });
                match open {
                    Some(ids) => ids.push((at, one)),
                    None => calls.push(Call::Tag(tags, vec![(at, one)])),
                }
            }
            CloudAction::RunInstance { token, together: Some(_), .. } => {
                let open = calls.iter_mut().find_map(|call| match call {
                    Call::Run(same, fellows) if same == token => Some(fellows),
                    _ => None,
                });
                match open {
                    Some(fellows) => fellows.push((at, action)),
                    None => calls.push(Call::Run(token, vec![(at, action)])),
                }
            }
            CloudAction::RunInstance { together: None, .. }
            | CloudAction::CreateVolume { .. }
            | CloudAction::AttachVolume { .. }
            | CloudAction::DetachVolume { .. }
            | CloudAction::GrowVolume { .. }
            | CloudAction::CreateSnapshot { .. }
            | CloudAction::DeleteVolume { .. }
            | CloudAction::DeleteSnapshot { .. } => calls.push(Call::One(at, action)),
        }
    }
    calls
}

impl AwsCloud {
    /// Makes all requests and returns one answer each, in their order.
    pub(crate) async fn make(&self, actions: &[&CloudAction]) -> Vec<Answer> {
        let clients = match self.clients().await {
            Ok(clients) => clients,
            Err(error) => return actions.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut making: Vec<Making<'_>> = Vec::new();
        for call in sort(actions.iter().copied()) {
            making.push(self.call(clients, call));
        }
        let answers: Vec<Answers> =
            stream::iter(making).buffer_unordered(CALLS_AT_ONCE).collect().await;
        let mut all: Vec<Answer> = actions
            .iter()
            .map(|action| Err(errors::garbled(action.name(), "it was not answered")))
            .collect();
        for (at, answer) in answers.into_iter().flatten() {
            all[at] = answer;
        }
        all
    }

    fn call<'a>(&'a self, clients: &'a Clients, call: Call<'a>) -> Making<'a> {
        match call {
            Call::One(at, action) => {
                Box::pin(async move { vec![(at, self.one(clients, action).await)] })
            }
            Call::Run(_, fellows) => {
                Box::pin(async move { self.run_together(clients, fellows).await })
            }
            Call::Start(ids) => Box::pin(async move {
                self.together(ids, |ids| {
                    Box::pin(async move { self.start_instances(clients, &ids).await })
                })
                .await
            }),
            Call::Stop(ids) => Box::pin(async move {
                self.together(ids, |ids| {
                    Box::pin(async move { self.stop_instances(clients, &ids).await })
                })
                .await
            }),
            Call::Terminate(ids) => Box::pin(self.terminate(clients, ids)),
            Call::Tag(tags, ids) => Box::pin(async move {
                self.together(ids, |ids| {
                    Box::pin(async move { self.tag_all(clients, &ids, tags).await })
                })
                .await
            }),
        }
    }

    /// Asks for several at once, and, where they are refused for what may be about one of them, for each by itself.
    async fn together<'a, I: ?Sized>(
        &'a self,
        ids: Vec<(usize, &'a I)>,
        ask: impl Fn(Vec<&'a I>) -> Pin<Box<dyn Future<Output = Result<(), CloudError>> + Send + 'a>>,
    ) -> Answers {
        let answer = ask(ids.iter().map(|(_, id)| *id).collect()).await;
        match answer {
            Err(error) if ids.len() > 1 && errors::may_be_about_one(&error) => {
                let mut answers = Vec::with_capacity(ids.len());
                for (at, id) in ids {
                    answers.push((at, ask(vec![id]).await.map(|()| Receipt::Accepted)));
                }
                answers
            }
            answer => ids
                .iter()
                .map(|(at, _)| (*at, answer.clone().map(|()| Receipt::Accepted)))
                .collect(),
        }
    }

    /// Terminates instances, but for those with which a volume of the cluster would be deleted.
    async fn terminate<'a>(
        &'a self,
        clients: &'a Clients,
        ids: Vec<(usize, &'a InstanceId)>,
    ) -> Answers {
        let asked: Vec<&InstanceId> = ids.iter().map(|(_, id)| *id).collect();
        let unsafe_ones = match self.would_take_along(clients, &asked).await {
            Ok(found) => found,
            // Nothing was asked for.
            Err(error) => return ids.iter().map(|(at, _)| (*at, Err(error.clone()))).collect(),
        };
        let mut answers = Vec::with_capacity(ids.len());
        let mut safe = Vec::with_capacity(ids.len());
        for (at, id) in ids {
            match unsafe_ones.get(id) {
                Some(volume) => {
                    let why = format!(
                        "{volume} would be deleted with {id}: set DeleteOnTermination of its attachment to false; nothing was asked"
                    );
                    answers.push((at, Err(errors::unaskable("DeleteOnTermination", why))));
                }
                None => safe.push((at, id)),
            }
        }
        if !safe.is_empty() {
            let ask = |ids: Vec<&'a InstanceId>| -> Pin<Box<dyn Future<Output = Result<(), CloudError>> + Send + 'a>> {
                Box::pin(async move { self.terminate_instances(clients, &ids).await })
            };
            answers.extend(self.together(safe, ask).await);
        }
        answers
    }

    /// Runs the instances of all that share a call, those included that are not asked for now: under their token they are
    /// the same, made then or now.
    async fn run_together(
        &self,
        clients: &Clients,
        fellows: Vec<(usize, &CloudAction)>,
    ) -> Answers {
        let wish = fellows.first().and_then(|(_, action)| instances::Wish::of(action));
        let made = match wish {
            Some(wish) => self.run_instances(clients, wish).await,
            None => Err(no_instance()),
        };
        let of_one = |action: &CloudAction| -> Answer {
            let made = made.as_ref().map_err(Clone::clone)?;
            let node = action.subject();
            let place =
                node.node().zip(action.shared()).and_then(|(node, (set, _))| set.place(node));
            let id = place.and_then(|place| made.get(&place));
            id.cloned().map(Receipt::Instance).ok_or_else(no_instance)
        };
        fellows.into_iter().map(|(at, action)| (at, of_one(action))).collect()
    }

    /// Makes a request that has a call of its own.
    async fn one(&self, clients: &Clients, action: &CloudAction) -> Answer {
        match action {
            CloudAction::RunInstance { .. } => match instances::Wish::of(action) {
                Some(wish) => {
                    let ids = self.run_instances(clients, wish).await?;
                    ids.get(&0).cloned().map(Receipt::Instance).ok_or_else(no_instance)
                }
                None => Err(no_instance()),
            },
            CloudAction::CreateVolume { mount, size, from, zone, ebs, tags, token } => {
                let (from, zone) = (from.as_ref(), zone.as_deref());
                let wish = volumes::Wish { mount, size: *size, from, zone, ebs, tags, token };
                self.create_volume(clients, wish).await
            }
            CloudAction::AttachVolume { volume, instance, mount: _ } => {
                self.attach_volume(clients, volume, instance).await
            }
            CloudAction::DetachVolume { volume, instance, mount: _ } => {
                self.detach_volume(clients, volume, instance).await
            }
            CloudAction::GrowVolume { volume, size, mount: _ } => {
                self.grow_volume(clients, volume, *size).await
            }
            CloudAction::CreateSnapshot { mount, volume, tags } => {
                self.create_snapshot(clients, mount, volume, tags).await
            }
            CloudAction::DeleteVolume { volume, mount: _, kept_by: _ } => {
                self.delete_volume(clients, volume).await
            }
            CloudAction::DeleteSnapshot { snapshot, mount: _, kept_by: _ } => {
                self.delete_snapshot(clients, snapshot).await
            }
            CloudAction::StartInstance { .. }
            | CloudAction::StopInstance { .. }
            | CloudAction::TerminateInstance { .. }
            | CloudAction::TagVolume { .. }
            | CloudAction::TagSnapshot { .. }
            | CloudAction::Adopt { .. } => {
                Err(errors::unaskable("InvalidRequest", "it goes out with others"))
            }
        }
    }

    /// Translates what a request that changes something came to.
    pub(crate) async fn heard<T, E>(
        &self,
        request: Request,
        answer: Result<T, SdkError<E>>,
    ) -> Result<T, CloudError>
    where
        E: ProvideErrorMetadata + RequestId + std::error::Error + 'static,
    {
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => errors::translate(request.name(), &error),
        };
        if error.code == errors::THROTTLED {
            self.rates.is_spent(request);
        }
        Err(self.explain(error).await)
    }
}

fn no_instance() -> CloudError {
    errors::garbled("RunInstances", "the answer names no instance of it")
}

#[cfg(test)]
mod tests {
    use wucluster_core::ids::{MountKey, MountName, NodeName, VolumeId};

    use super::*;

    fn tag(volume: &str, value: &str) -> CloudAction {
        let mount =
            MountKey { node: NodeName::new("n").unwrap(), mount: MountName::new("m").unwrap() };
        let mut tags = Tags::default();
        tags.set("wucluster:epoch", value);
        CloudAction::TagVolume { mount, volume: VolumeId::new(volume), tags }
    }

    fn end(id: &str) -> CloudAction {
        CloudAction::TerminateInstance {
            node: NodeName::new("n").unwrap(),
            instance: InstanceId::new(id),
        }
    }

    #[test]
    fn what_is_alike_goes_out_together() {
        let asked = [
            tag("vol-1", "1 sealed"),
            tag("vol-2", "2 sealed"),
            tag("vol-3", "1 sealed"),
            end("i-1"),
            end("i-2"),
        ];
        let calls = sort(&asked);
        assert_eq!(calls.len(), 3);
        assert!(
            matches!(&calls[0], Call::Tag(_, ids) if ids.iter().map(|(at, _)| *at).collect::<Vec<_>>() == [0, 2])
        );
        assert!(matches!(&calls[2], Call::Terminate(ids) if ids.len() == 2));
    }

    #[test]
    fn what_is_to_be_stopped_goes_out_together_and_apart_from_what_is_to_be_terminated() {
        let stop = |id: &str| CloudAction::StopInstance {
            node: NodeName::new("n").unwrap(),
            instance: InstanceId::new(id),
        };
        let asked = [stop("i-1"), end("i-2"), stop("i-3")];
        let calls = sort(&asked);
        assert_eq!(calls.len(), 2);
        assert!(matches!(&calls[0], Call::Stop(ids) if ids.len() == 2));
        assert!(matches!(&calls[1], Call::Terminate(ids) if ids.len() == 1));
    }

    #[test]
    fn a_call_is_about_so_many_and_no_more() {
        let asked: Vec<_> = (0..BATCH * 2 + 1).map(|number| end(&format!("i-{number}"))).collect();
        assert_eq!(sort(&asked).len(), 3);
    }
}
