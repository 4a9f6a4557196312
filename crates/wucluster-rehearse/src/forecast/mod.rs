//! What a demand would take: one day on the simulated cloud, watched and added up.

mod budget;
mod estimate;
mod kept;
mod meter;
mod path;
mod placed;
mod pursue;
mod stage;
mod story;

pub use budget::Usage;
pub use estimate::{Estimate, NoEstimate, Range, estimate};
pub use kept::Lost;
pub use path::{Step, StepKind};
pub use pursue::{Day, Deleted, Ended, Forecast, KeptBy, forecast};
pub use stage::{Obstacle, Stage};

pub(crate) use kept::lost;
pub(crate) use pursue::{drive, forecast_with_world, left_over, pursuit};
