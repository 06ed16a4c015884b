//! How the databases carry filters out among 100,000 users: every statement that a listing makes is explained by its
//! engine, with the values that it had. In a release build the times are worth a look too:
//! `tests/run --release --test plans -- --nocapture --test-threads=1`.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test says what it expects by panicking"
)]

mod explain;
mod listing;
mod members;
mod people;
#[path = "../support/mod.rs"]
mod support;
