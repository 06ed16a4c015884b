//! Background tasks. Their work is bounded and ends when the server stops.

pub mod erasures;
pub mod retention;
pub mod uses;
