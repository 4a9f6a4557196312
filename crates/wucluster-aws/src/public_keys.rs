//! Public keys: which EC2 takes, and whether a key pair holds one of the caller's.

use aws_sdk_ec2::types::KeyPairInfo;
use wucluster_core::ids::ClusterName;
use wucluster_core::ports::CloudError;

use crate::errors;
use crate::network::Whose;

/// The kinds of public keys that EC2 takes. Source: EC2 user guide, "Amazon EC2 key pairs and Linux instances".
const KEY_KINDS: [&str; 2] = ["ssh-ed25519", "ssh-rsa"];

/// Passes a key pair whose public key is one of the caller's.
pub(crate) fn judge_key(
    name: &str,
    there: &KeyPairInfo,
    keys: &[String],
    cluster: &ClusterName,
) -> Result<(), CloudError> {
    let is_known = |there: &str| keys.iter().any(|key| is_same_key(key, there));
    match there.public_key() {
        Some(public) if !keys.is_empty() && !is_known(public) => {
            Err(other_key(name, there, cluster))
        }
        // Whoever shows no key here may have one that only his ssh knows of.
        Some(_) | None => Ok(()),
    }
}

pub(crate) fn no_key() -> CloudError {
    errors::unaskable(
        "NoPublicKey",
        "no public key of yours was found, so that ssh would not get in: make one with `ssh-keygen -t ed25519`, or name one \
         as `public-key` in `[cluster]`",
    )
}

/// Says whether two lines hold the same public key, whatever they say about whose it is.
fn is_same_key(one: &str, other: &str) -> bool {
    let key = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some((words.next()?, words.next()?))
    };
    key(one).is_some_and(|one| key(other) == Some(one))
}

/// Passes a key that EC2 takes.
pub(crate) fn check_key(key: &str) -> Result<(), CloudError> {
    let kind = key.split_whitespace().next().unwrap_or_default();
    if KEY_KINDS.contains(&kind) {
        return Ok(());
    }
    let why = format!(
        "EC2 takes public keys of the kinds {}, and this is `{}`: make one with `ssh-keygen -t ed25519`",
        KEY_KINDS.join(" and "),
        kind.escape_debug()
    );
    Err(errors::unaskable("InvalidKey.Format", why))
}

fn other_key(name: &str, there: &KeyPairInfo, cluster: &ClusterName) -> CloudError {
    let print = there.key_fingerprint().unwrap_or("?");
    let mend = match Whose::of(there.tags(), cluster) {
        Whose::Ours => {
            "name that one as `public-key`, or put the cluster away: the next launch uploads yours"
        }
        Whose::Others => {
            "it was not made by wucluster and is not touched: delete it, or name a key pair as `key` of the nodes"
        }
    };
    let why = format!(
        "key pair {name} holds another public key (fingerprint {print}) than yours, so that ssh would not get in; {mend}"
    );
    errors::unaskable("OtherKeyPair", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_same_whatever_they_are_called() {
        let key = "ssh-ed25519 AAAAC3Nz ann@mill";
        assert!(is_same_key(key, "ssh-ed25519 AAAAC3Nz wucluster-gibbon"));
        assert!(is_same_key(key, "ssh-ed25519  AAAAC3Nz\n"));
        assert!(!is_same_key(key, "ssh-ed25519 AAAAC3NA ann@mill"));
        assert!(!is_same_key("", ""), "no key is nobody's");
    }
}
