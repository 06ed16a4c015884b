//! An end-to-end run: many clients create, read, list, edit and delete users while the server is stopped and killed. At
//! the end, the directory contains exactly the acknowledged writes.
//!
//! `ROSTER_JOURNEY_USERS=100000 cargo test --release journey:: -- --nocapture --test-threads=1` prints measurements.
//! `ROSTER_JOURNEY_SEED` selects other users and another sequence of writes.

mod api;
mod check;
mod interrupt;
mod merge;
mod model;
mod names;
mod people;
mod phases;
mod report;
mod scenario;
mod verify;
mod writer;

use scenario::Settings;
use std::env;
use std::str::FromStr;

impl Settings {
    fn from_env() -> Self {
        Self {
            users: setting("ROSTER_JOURNEY_USERS", 5_000),
            seed: setting("ROSTER_JOURNEY_SEED", 20_261_122),
        }
    }
}

fn setting<T: FromStr>(name: &str, default: T) -> T {
    let Ok(text) = env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number, or out of range"))
}

#[test]
fn sqlite() {
    let database = crate::support::sqlite::Database::create();
    scenario::run("sqlite", &database.url(), Settings::from_env());
}

#[test]
fn postgres() {
    let database = crate::support::postgres::Database::create();
    scenario::run("postgres", &database.url(), Settings::from_env());
}
