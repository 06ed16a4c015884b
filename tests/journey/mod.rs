//! The main job of Roster from outside: many clients fill a directory, read, list, change and delete, the server is
//! stopped and killed meanwhile, and in the end exactly what was acknowledged is there.
//!
//! `ROSTER_JOURNEY_USERS=100000 cargo test --release journey:: -- --nocapture --test-threads=1` prints figures;
//! `ROSTER_JOURNEY_SEED` chooses other people and other accidents.

mod api;
mod census;
mod check;
mod interrupt;
mod merge;
mod names;
mod people;
mod population;
mod report;
mod scenario;
mod steady;
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
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number that fits"))
}

#[test]
fn sqlite() {
    let database = crate::support::sqlite::Database::create();
    scenario::go("sqlite", &database.url(), Settings::from_env());
}

#[test]
fn postgres() {
    let database = crate::support::postgres::Database::create();
    scenario::go("postgres", &database.url(), Settings::from_env());
}
