//! The world: a cloud and its nodes as one synchronous state machine with explicit time.

mod attachment;
mod event;
mod files;
mod harm;
mod hooks;
mod human;
mod instance;
mod listing;
mod machine;
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
pub use state::{EPOCH, World};
pub use throttle::ApiCalls;
pub use user::UserError;
