//! Runs every operation on every engine and requires the same output, or the same error, for the same input. Each
//! hazard of the database actors has a test as well, which fails when the corresponding guard is removed.

#[macro_use]
pub(crate) mod fixture;
mod batches;
mod brake;
mod changes;
mod costs;
mod digests;
mod edits;
mod epochs;
mod fairness;
mod groups;
mod hazards;
mod idempotency;
mod imports;
mod member_batches;
mod members;
mod old_changes;
mod one_statement;
mod plans;
mod probes;
mod requests;
mod retries;
mod user_edits;
mod users;
