//! The keys of `[cluster]` about a network that wucluster makes.

use super::key::nearest;
use super::section::{Field, Section, Sink};
use crate::definition::code::Code;
use crate::definition::diagnostic::shown;
use crate::definition::{AddressBlock, ManagedNetwork, PublicKey};

/// The only network that wucluster makes.
const MANAGED: &str = "managed";
/// The word for the address under which the caller is seen.
const AUTO: &str = "auto";
/// Keys that mean something for such a network only.
const OF_MANAGED: [&str; 2] = ["ssh-from", "public-key"];
/// Longest key, and longest path of one. Unit: bytes. Source: an RSA key of 16384 bits takes 2.8 kB.
const KEY_LENGTH_MAX: usize = 4096;
/// Most blocks. Source: VPC user guide, "Amazon VPC quotas": 60 rules of a kind in a security group.
const BLOCKS_MAX: usize = 60;

/// Reads what `[cluster]` says about its network.
pub(super) fn read(section: &Section<'_, '_>, sink: &mut Sink) -> Option<ManagedNetwork> {
    let network = section.field("network");
    let is_managed = network.as_ref().is_some_and(|field| is_managed(field, sink));
    let ssh_from = section.field("ssh-from").map(|field| blocks(&field, sink));
    let public_key = section.field("public-key").and_then(|field| public_key(&field, sink));
    if network.is_none() {
        for field in OF_MANAGED.iter().filter_map(|key| section.field(key)) {
            let message = format!("`{}` has no effect without `network = \"managed\"`", field.name);
            sink.push(
                field
                    .error(Code::KeyWithoutNetwork, message, "of a network that wucluster makes")
                    .help("add `network = \"managed\"`, or take it out"),
            );
        }
    }
    is_managed.then(|| ManagedNetwork { ssh_from: ssh_from.unwrap_or_default(), public_key })
}

fn is_managed(field: &Field<'_, '_>, sink: &mut Sink) -> bool {
    let Some(text) = field.string(sink) else { return false };
    if text == MANAGED {
        return true;
    }
    let message = format!("wucluster makes no network `{}`", shown(text));
    let meant = nearest(text, &[MANAGED]);
    sink.push(
        field
            .error(Code::UnknownNetwork, message, "unknown")
            .help(
                "write `\"managed\"`, or leave it out and name `subnet`, `security-groups` and `key` of what is there",
            )
            .patch(field.span.clone(), meant.map(|meant| format!("\"{meant}\""))),
    );
    false
}

/// Reads `"auto"`, a block of addresses, or a list of blocks.
fn blocks(field: &Field<'_, '_>, sink: &mut Sink) -> Vec<AddressBlock> {
    match field.items() {
        Some(items) if items.is_empty() => {
            let message = "ssh would be let in from nowhere".to_owned();
            sink.push(field.error(Code::AddressForm, message, "it is empty").help(
                "write `\"auto\"` for where you are, or blocks such as `\"203.0.113.7/32\"`",
            ));
            Vec::new()
        }
        Some(items) if items.len() > BLOCKS_MAX => {
            let message = format!("a security group holds at most {BLOCKS_MAX} blocks of a kind");
            sink.push(field.error(Code::AddressForm, message, "too many"));
            Vec::new()
        }
        Some(items) => {
            let mut blocks: Vec<_> = items.iter().filter_map(|item| block(item, sink)).collect();
            blocks.sort_unstable();
            blocks.dedup();
            blocks
        }
        None if field.value.as_str() == Some(AUTO) => Vec::new(),
        None => block(field, sink).into_iter().collect(),
    }
}

fn block(field: &Field<'_, '_>, sink: &mut Sink) -> Option<AddressBlock> {
    let text = field.string(sink)?;
    match text.parse::<AddressBlock>() {
        Ok(block) => {
            if block.is_everywhere() {
                sink.push(
                    field
                        .error(Code::SshFromEverywhere, "ssh is let in from everywhere", "all addresses there are")
                        .help("whoever finds the address may try keys; `\"auto\"` lets in where you are"),
                );
            }
            Some(block)
        }
        Err(error) => {
            let message = format!("`{}` is no block of addresses", shown(text));
            let meant = error.meant.map(|meant| meant.to_string());
            let help = match &meant {
                Some(meant) => format!("write `\"{meant}\"`, or the address with all its bits"),
                None => "a block is such as `\"203.0.113.7/32\"` or `\"2001:db8::/32\"`".to_owned(),
            };
            sink.push(
                field
                    .error(Code::AddressForm, message, error.why)
                    .help(help)
                    .patch(field.span.clone(), meant.map(|meant| format!("\"{meant}\""))),
            );
            None
        }
    }
}

/// Reads a public key, or the path of its file. What is in the file, whoever launches finds out.
fn public_key(field: &Field<'_, '_>, sink: &mut Sink) -> Option<PublicKey> {
    let text = field.string(sink)?;
    let label = if text.len() > KEY_LENGTH_MAX {
        format!("it is longer than {KEY_LENGTH_MAX} characters")
    } else if text.chars().any(char::is_control) {
        "a control character may not stand in it".to_owned()
    } else if text.starts_with("-----BEGIN") {
        "a private key belongs into no definition".to_owned()
    } else if text.starts_with('/') || text.starts_with("~/") {
        if text.ends_with(".pub") {
            return Some(PublicKey::File(text.to_owned()));
        }
        "public keys are in files named `….pub`".to_owned()
    } else if let Some(("ssh-ed25519" | "ssh-rsa", _)) = text.split_once(' ') {
        return Some(PublicKey::Text(text.to_owned()));
    } else {
        "neither a file nor a key that EC2 takes".to_owned()
    };
    let message = format!("`{}` of {} is no public key", field.shown(), field.of);
    sink.push(
        field.error(Code::PublicKeyForm, message, label).help(
            "write the path of its file, such as `\"~/.ssh/id_ed25519.pub\"`, or the key itself: `\"ssh-ed25519 AAAA…\"`",
        ),
    );
    None
}
