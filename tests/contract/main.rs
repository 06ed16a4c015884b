//! Every operation on every engine: the same input, the same output, the same error. And the door itself: each of the
//! actors' hazards has a test here that fails when its guard is taken out.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it expects by panicking"
)]

#[macro_use]
mod bed;
mod changes;
mod edits;
mod epochs;
mod groups;
mod hazards;
mod idempotency;
mod members;
mod members_together;
mod plans;
mod probes;
mod retries;
#[path = "../support/mod.rs"]
mod support;
mod together;
mod users;
