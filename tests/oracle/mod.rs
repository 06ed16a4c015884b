//! Filters against an oracle: a plain evaluator of docs/filters.md in memory, written from the documents alone, that must
//! find what the server finds, for thousands of random filters over hundreds of random users, on each engine.
//!
//! `ROSTER_ORACLE_FILTERS=20000 tests/run oracle:: -- --nocapture` asks more and prints figures; `ROSTER_ORACLE_USERS`
//! makes more users, `ROSTER_ORACLE_SEED` other users and other filters.

mod attribute;
mod by_hand;
mod filter;
mod generate;
mod grid;
mod hostile;
mod node;
mod people;
mod population;
mod print;
mod property;
mod question;
mod runner;
mod source;
mod term;
mod times;
mod tree;
mod walk;

use crate::support::api::{Engine, run};
use std::env;
use std::str::FromStr;

/// How much is asked of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) users: usize,
    pub(crate) filters: usize,
    pub(crate) seed: u64,
}

impl Settings {
    fn from_env() -> Self {
        Self {
            users: setting("ROSTER_ORACLE_USERS", 600),
            filters: setting("ROSTER_ORACLE_FILTERS", 1_000),
            seed: setting("ROSTER_ORACLE_SEED", 20_261_122),
        }
    }
}

fn setting<T: FromStr>(name: &str, default: T) -> T {
    let Ok(text) = env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number that fits"))
}

mod the_server_finds_what_the_oracle_finds {
    use super::{Engine, Settings, property, run};

    #[test]
    fn sqlite() {
        run(Engine::Sqlite, |api| property::at_random(api, Settings::from_env()));
    }

    #[test]
    fn postgres() {
        run(Engine::Postgres, |api| property::at_random(api, Settings::from_env()));
    }
}

mod every_attribute_takes_every_operator {
    use super::{Engine, Settings, property, run};

    impl Settings {
        fn of_few() -> Self {
            Self { users: 100, ..Self::from_env() }
        }
    }

    #[test]
    fn sqlite() {
        run(Engine::Sqlite, |api| property::one_by_one(api, Settings::of_few()));
    }

    #[test]
    fn postgres() {
        run(Engine::Postgres, |api| property::one_by_one(api, Settings::of_few()));
    }
}

/// Few of the filters, as each costs more, of more users than the server takes from an index at once.
mod the_server_finds_as_well_among_many {
    use super::{Engine, Settings, property, run};

    impl Settings {
        fn of_many() -> Self {
            let Self { users, filters, seed } = Self::from_env();
            Self { users: users * 4, filters: filters / 20, seed: !seed }
        }
    }

    #[test]
    fn sqlite() {
        run(Engine::Sqlite, |api| property::at_random(api, Settings::of_many()));
    }

    #[test]
    fn postgres() {
        run(Engine::Postgres, |api| property::at_random(api, Settings::of_many()));
    }
}

mod hostile_text_is_answered {
    use super::{Engine, Settings, hostile, run};

    #[test]
    fn sqlite() {
        run(Engine::Sqlite, |api| hostile::go(api, Settings::from_env()));
    }

    #[test]
    fn postgres() {
        run(Engine::Postgres, |api| hostile::go(api, Settings::from_env()));
    }
}
