//! The parts of a run.

pub mod closed;
pub mod fixed;
pub mod flat;
pub mod long;
pub mod members;
pub mod search;
pub mod start;
