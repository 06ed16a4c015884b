//! Compares filters with an oracle: a simple evaluator in memory that implements docs/filters.md independently of the
//! server. Both must find the same users, for thousands of random filters and hundreds of random users on each engine.
//!
//! `ROSTER_ORACLE_FILTERS=20000 tests/run oracle:: -- --nocapture` sends more filters and prints statistics.
//! `ROSTER_ORACLE_USERS` sets the number of users, and `ROSTER_ORACLE_SEED` selects other users and filters.

mod attribute;
mod custom;
mod filter;
mod generate;
mod grid;
mod invalid_filters;
mod node;
mod pages;
mod population;
mod print;
mod property;
mod request;
mod runner;
mod scim_sorts;
mod self_tests;
mod source;
mod term;
mod times;
mod tree;
mod users;

use crate::support::api::{Engine, run_with};
use std::env;
use std::str::FromStr;

/// The number of users and filters, and the seed of both.
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
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number, or out of range"))
}

impl Settings {
    /// Enough users for every operand.
    fn few_users() -> Self {
        Self { users: 100, ..Self::from_env() }
    }

    /// More users than the server looks up through an index at once. Each filter costs more, so there are fewer.
    fn many_users() -> Self {
        let Self { users, filters, seed } = Self::from_env();
        Self { users: users * 4, filters: filters / 20, seed: !seed }
    }
}

/// The oracle checks results, not durations: on a busy machine, several scans at once may take longer than the default.
const SERVER: &[(&str, &str)] = &[("ROSTER_REQUEST_DEADLINE", "50s")];

/// Generates one test per engine for each function. A function takes a server and the settings.
macro_rules! on_both_engines {
    ($($test:ident = $check:path, $settings:path;)*) => {$(
        mod $test {
            use super::*;

            #[test]
            fn sqlite() {
                run_with(Engine::Sqlite, SERVER, |api| $check(api, $settings()));
            }

            #[test]
            fn postgres() {
                run_with(Engine::Postgres, SERVER, |api| $check(api, $settings()));
            }
        }
    )*};
}

on_both_engines! {
    random_filters_find_what_the_oracle_finds = property::check_random, Settings::from_env;
    every_attribute_accepts_its_operators = property::check_each, Settings::few_users;
    random_filters_are_correct_with_many_users = property::check_random, Settings::many_users;
    every_scim_order_is_that_of_the_oracle = scim_sorts::check_each, Settings::few_users;
    random_filters_on_custom_find_what_the_evaluator_finds = custom::check_random, Settings::from_env;
    invalid_filters_receive_a_position = invalid_filters::check_responses, Settings::from_env;
}
