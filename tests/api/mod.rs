//! The native API from outside: what docs/api.md promises, told by requests and their answers. Every test runs on both
//! engines, each time against a server process and a database of its own.

/// Makes two tests, one for each engine, of every `async fn name(api: Api)` that is listed.
macro_rules! both_engines {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn sqlite() {
                crate::support::api::run(crate::support::api::Engine::Sqlite, super::$name);
            }

            #[test]
            fn postgres() {
                crate::support::api::run(crate::support::api::Engine::Postgres, super::$name);
            }
        }
    )*};
}

mod attempts;
mod auth;
mod callers;
mod changes;
mod changes_live;
mod conditions;
mod crowd;
mod docs;
mod encodings;
mod erasure;
mod feed;
mod filters;
mod filters_refused;
mod filters_values;
mod fixture;
mod groups;
mod groups_list;
mod health;
mod idempotency;
mod idempotency_races;
mod keys;
mod keys_life;
mod members;
mod members_changes;
mod merge_patch;
mod numbers;
mod problem;
mod problems;
mod projections;
mod query;
mod races;
mod rights;
mod sorts;
mod tenants;
mod tenants_apart;
mod users_create;
mod users_delete;
mod users_list;
mod users_patch;
mod users_read;
mod users_replace;
mod values;
mod walk;
mod walk_orders;
mod wire;
