//! What the server does of itself: bounded work, which ends when the server stops.

pub mod retention;
pub mod uses;
