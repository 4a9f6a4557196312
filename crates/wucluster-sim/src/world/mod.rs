//! The world: a cloud and its nodes as one synchronous state machine with explicit time.

mod afflict;
mod attachment;
mod cut;
mod event;
mod harm;
mod hooks;
mod human;
mod instance;
mod late;
mod listing;
mod machine;
mod mkfs;
mod owner;
mod persist;
mod place;
mod power;
mod probe;
mod published;
mod requests;
mod shell;
mod snapshot;
mod state;
mod strike;
mod throttle;
mod trace;
mod user;
mod volume;

pub use harm::{Harm, HarmKind, Loss};
pub use hooks::{Answer, HookRun, HookScript};
pub use human::Human;
pub use persist::PersistError;
pub use place::PlaceVolume;
pub(crate) use requests::no_answer;
pub use state::{EPOCH, World};
pub use throttle::ApiCalls;
pub use user::UserError;
