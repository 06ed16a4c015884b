//! How the databases carry filters out among 100,000 users: every statement that a listing makes is explained by its
//! engine, with the values that it had. In a release build the times are worth a look too:
//! `tests/run --release plans:: -- --nocapture --test-threads=1`.

mod explain;
mod listing;
mod members;
mod people;
