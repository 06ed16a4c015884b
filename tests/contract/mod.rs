//! Every operation on every engine: the same input, the same output, the same error. And the door itself: each of the
//! actors' hazards has a test here that fails when its guard is taken out.

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
mod users;
