//! Tokens and UUIDs: the same question always gets the same name.

use sha2::{Digest, Sha256};

use crate::action::CloudAction;
use crate::ids::{Subject, hex};
use crate::interlock::{Context, Refusal};
use crate::memory::{Made, Unsure};
use crate::plan::WaitOn;
use crate::policy::Guard;

/// Makes the idempotence token of a creation: equal for equal questions, of 32 characters.
///
/// Source: EC2 takes at most 64 ASCII characters, and a token once used up stays so for a day;
/// `parts` therefore names everything that the creation depends on, and the memory's
/// `token_generation` grows when the provider calls a token used up.
pub(super) fn token(ctx: &Context<'_>, subject: &Subject, parts: &[&str]) -> String {
    let generation = ctx.memory.of(subject).map_or(0, |memory| memory.token_generation);
    let mut hasher = Sha256::new();
    if !ctx.policy.guards(Guard::StableToken) {
        hasher.update(ctx.now.as_millis().to_be_bytes());
    }
    for part in [ctx.definition.name.as_str(), &subject.to_string(), &generation.to_string()]
        .into_iter()
        .chain(parts.iter().copied())
    {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize()[..16])
}

/// Returns the creation whose answer was lost, to be asked again as it was.
///
/// # Errors
/// A wait, while what was asked for long ago may be there and left out of a listing.
pub(super) fn unsure<'a>(
    ctx: &'a Context<'_>,
    subject: &Subject,
) -> Result<Option<&'a Unsure>, Refusal> {
    let unsure = ctx.memory.of(subject).and_then(|memory| memory.unsure.as_ref());
    let unsure = unsure.filter(|_| ctx.policy.guards(Guard::StableToken));
    if unsure.is_some_and(|unsure| unsure.is_awaited_at(ctx.seen_at())) {
        let what = "it was asked for long ago, without an answer, and may be there";
        return Err(Refusal::wait(subject.clone(), WaitOn::Cloud, what));
    }
    Ok(unsure)
}

/// Returns the creation as it was asked for before, if it would make the same: what it made may be there and hidden,
/// for longer than any provider admits, and under its own token it is not made a second time.
pub(super) fn as_before(ctx: &Context<'_>, subject: &Subject, new: CloudAction) -> CloudAction {
    let made = ctx.memory.of(subject).and_then(|memory| memory.made.as_ref());
    // A shared call is not asked for again for what one of them lacks by now: if its token was forgotten, it would make a
    // second machine for each of the others.
    let is_own = |made: &&Made| made.request.shared().is_none();
    let made = made.filter(is_own).map(|made| &made.request);
    let Some(made) = made.filter(|_| ctx.policy.guards(Guard::StableToken)) else { return new };
    let is_same = match (&new, made) {
        (
            CloudAction::RunInstance { machine, zone, .. },
            CloudAction::RunInstance { machine: before, zone: there, .. },
        ) => machine == before && zone == there,
        (
            CloudAction::CreateVolume { from, token, .. },
            CloudAction::CreateVolume { from: before, token: same, .. },
        ) => from == before && token == same,
        _ => false,
    };
    if is_same { made.clone() } else { new }
}
