//! Every operation on every engine: the same input, the same output, the same error. And the door itself: each of the
//! actors' hazards has a test here that fails when its guard is taken out.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it expects by panicking"
)]

mod batches;
#[macro_use]
mod bed;
mod changes;
mod edits;
mod epochs;
mod groups;
mod hazards;
mod idempotency;
mod member_batches;
mod members;
mod plans;
mod probes;
mod retries;
#[path = "../support/mod.rs"]
mod support;
mod users;
