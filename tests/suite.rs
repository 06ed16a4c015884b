//! Every test that runs Roster from outside or against a real database, linked into one binary: linking nine binaries
//! took longer than running most of the tests. Run one suite with a filter, such as `tests/run api::users_create`.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failing test panics"
)]

mod api;
mod contract;
mod docs;
mod faults;
mod journey;
mod migrations;
mod oracle;
mod plans;
mod process;
mod scim;
mod support;
