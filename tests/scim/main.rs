//! SCIM from outside: each item of the acceptance list is a test that bears its number, on both engines, each time against
//! a server process and a database of its own.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what it expects by panicking"
)]

/// Makes two tests, one for each engine, of every `async fn name(scim: Scim)` that is listed.
macro_rules! both_engines {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn sqlite() {
                crate::scim::run(crate::api::Engine::Sqlite, super::$name);
            }

            #[test]
            fn postgres() {
                crate::scim::run(crate::api::Engine::Postgres, super::$name);
            }
        }
    )*};
}

/// The same, and two more by a strict connection.
macro_rules! both_profiles {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn sqlite() {
                crate::scim::run(crate::api::Engine::Sqlite, super::$name);
            }

            #[test]
            fn postgres() {
                crate::scim::run(crate::api::Engine::Postgres, super::$name);
            }

            #[test]
            fn strictly_sqlite() {
                crate::scim::run_strictly(crate::api::Engine::Sqlite, super::$name);
            }

            #[test]
            fn strictly_postgres() {
                crate::scim::run_strictly(crate::api::Engine::Postgres, super::$name);
            }
        }
    )*};
}

#[expect(dead_code, reason = "each test binary uses its part")]
#[path = "../api/api.rs"]
mod api;
mod bulk;
mod connections;
mod lists;
mod members;
mod patches;
mod scim;
#[path = "../support/mod.rs"]
mod support;
mod transport;
mod writes;
