//! Many days: bad ones by their seeds, and operators that are lost on the way.

mod day;
mod dice;
mod kill;
mod kinds;
mod many;

pub use day::{bad_day, day_with};
pub use kill::{Kills, kills};
pub use kinds::Kind;
pub use many::{DayReport, Days, Violation, judged, many, one};
