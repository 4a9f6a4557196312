//! Requests to the cloud: what is common to all of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wucluster_core::action::CloudAction;
use wucluster_core::ids::{ClusterName, Subject};
use wucluster_core::ports::{CloudError, Receipt};
use wucluster_core::tags::Tags;
use wucluster_core::time::Timestamp;

use super::state::World;
use super::volume::CreateVolume;
use crate::error::refuse;
use crate::faults::Upset;

/// On whose behalf and on which evidence a request is made.
pub(super) struct By<'a> {
    /// The cluster that the operator works on, where it is known.
    pub(super) cluster: Option<&'a ClusterName>,
    pub(super) action: &'a CloudAction,
    pub(super) subject: Subject,
    /// When the evidence was asked for that the request rests on.
    pub(super) seen_at: Timestamp,
}

/// What a client token was used for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TokenUse {
    action: CloudAction,
    id: String,
}

/// Most tags on one resource, longest key and longest value. Source: EC2 user guide, "Tag your
/// resources". Unit of the lengths: characters.
const TAGS_MAX: usize = 50;
const TAG_KEY_MAX: usize = 128;
const TAG_VALUE_MAX: usize = 256;

/// Longest client token. Source: EC2 API reference. Unit: ASCII characters.
const TOKEN_MAX: usize = 64;

impl World {
    /// Carries out a request, or refuses it as EC2 would, and judges its effect.
    ///
    /// # Errors
    /// EC2's code, with what to do next as its class.
    pub fn request(
        &mut self,
        cluster: Option<&ClusterName>,
        action: &CloudAction,
        seen_at: Timestamp,
    ) -> Result<Receipt, CloudError> {
        let name = action.name();
        let nth = self.count_asked(name);
        let upset = self.upset(name, nth);
        let result = self.attempt(cluster, action, seen_at, &upset);
        self.publish();
        match &result {
            Ok(receipt) => {
                self.note(format!("{action}: {receipt:?}"));
                self.count_done(name);
            }
            Err(error) => self.note(format!("{action}: {}", error.code)),
        }
        match upset.loses_answer {
            Some(fault) if result.is_ok() => {
                self.fired(fault);
                Err(refuse(
                    "NoAnswer",
                    format!("the connection was lost before {name} was answered"),
                ))
            }
            Some(_) | None => result,
        }
    }

    fn attempt(
        &mut self,
        cluster: Option<&ClusterName>,
        action: &CloudAction,
        seen_at: Timestamp,
        upset: &Upset,
    ) -> Result<Receipt, CloudError> {
        if let Some((fault, error)) = &upset.refuses {
            self.fired(fault);
            return Err(error.clone());
        }
        self.throttle(action.name())?;
        let by = By { cluster, action, subject: action.subject(), seen_at };
        match action {
            CloudAction::RunInstance { node: _, machine, zone, tags, token } => {
                self.run_instance(&by, zone.as_deref(), machine, tags, token, upset)
            }
            CloudAction::StartInstance { node: _, instance } => self.start_instance(&by, instance),
            CloudAction::TerminateInstance { node: _, instance } => {
                self.terminate_instance(&by, instance)
            }
            CloudAction::CreateVolume { mount: _, size, from, zone, tags, token } => {
                let asked = CreateVolume {
                    size: *size,
                    from: from.as_ref(),
                    zone: zone.as_deref(),
                    tags,
                    token,
                };
                self.create_volume(&by, &asked, upset)
            }
            CloudAction::AttachVolume { mount: _, volume, instance } => {
                self.attach_volume(&by, volume, instance, upset)
            }
            CloudAction::DetachVolume { mount: _, volume, instance } => {
                self.detach_volume(&by, volume, instance, upset)
            }
            CloudAction::TagVolume { mount: _, volume, tags } => self.tag_volume(&by, volume, tags),
            CloudAction::CreateSnapshot { mount: _, volume, tags } => {
                self.create_snapshot(&by, volume, tags, upset)
            }
            CloudAction::DeleteVolume { mount: _, volume, kept_by: _ } => {
                self.delete_volume(&by, volume)
            }
        }
    }

    /// Returns the id that was made under this token before, if one was.
    pub(super) fn replay(
        &self,
        action: &CloudAction,
        zone: &str,
        token: &str,
    ) -> Result<Option<String>, CloudError> {
        if token.is_empty() || token.len() > TOKEN_MAX || !token.is_ascii() {
            let message = format!("a client token has 1 to {TOKEN_MAX} ASCII characters");
            return Err(refuse("InvalidParameterValue", message));
        }
        match self.tokens.get(&token_key(action, zone, token)) {
            None => Ok(None),
            Some(used) if &used.action == action => Ok(Some(used.id.clone())),
            Some(_) => Err(refuse(
                "IdempotentParameterMismatch",
                format!("the client token {token} was used with other parameters"),
            )),
        }
    }

    /// Remembers what a token was used for.
    pub(super) fn burn(&mut self, action: &CloudAction, zone: &str, token: &str, id: &str) {
        let used = TokenUse { action: action.clone(), id: id.to_owned() };
        self.tokens.insert(token_key(action, zone, token), used);
    }

    /// Returns the zone that is asked for, or the first one.
    pub(super) fn zone(&self, asked: Option<&str>) -> Result<String, CloudError> {
        let zone =
            asked.or_else(|| self.limits.zones.first().map(String::as_str)).unwrap_or_default();
        if self.limits.zones.iter().any(|known| known == zone) {
            Ok(zone.to_owned())
        } else {
            Err(refuse("InvalidZone.NotFound", format!("the zone '{zone}' does not exist")))
        }
    }

    pub(super) fn check_tags(&self, tags: &Tags) -> Result<(), CloudError> {
        if tags.0.len() > TAGS_MAX {
            return Err(refuse("TagLimitExceeded", format!("more than {TAGS_MAX} tags")));
        }
        for (key, value) in &tags.0 {
            if key.is_empty() || key.chars().count() > TAG_KEY_MAX || key.starts_with("aws:") {
                return Err(refuse(
                    "InvalidTagKey.Malformed",
                    format!("`{key}` cannot be a tag's key"),
                ));
            }
            if value.chars().count() > TAG_VALUE_MAX {
                return Err(refuse(
                    "InvalidParameterValue",
                    format!("the value of tag `{key}` is too long"),
                ));
            }
        }
        Ok(())
    }

    /// Draws how long a new thing stays out of listings.
    pub(super) fn hidden_for(&mut self, upset: &Upset) -> Duration {
        let usual = self.draw(self.durations.visibility);
        match upset.hides {
            Some((fault, span)) => {
                self.fired(fault);
                usual.max(span)
            }
            None => usual,
        }
    }
}

/// Tokens count per request and zone. Source: EC2 developer guide, "Ensuring idempotency".
fn token_key(action: &CloudAction, zone: &str, token: &str) -> (String, String) {
    (format!("{} {zone}", action.name()), token.to_owned())
}
