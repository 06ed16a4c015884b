//! The native API over HTTP, as docs/api.md describes it. Every test runs on both engines, each time with its own server
//! process and database.

/// Generates two tests, one per engine, for each listed `async fn name(api: Api)`.
macro_rules! engine_tests {
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

/// Generates two tests, one per engine, for each listed section of a table (see `support::table`). A test passes the name of its
/// section to `async fn check(api: Api, section: &str)`. Other tests check the sections after the semicolon.
macro_rules! table_tests {
    ($table:ident by $check:ident: $($name:ident)*; $($other:ident)*) => {
        $(
            mod $name {
                #[test]
                fn sqlite() {
                    let check = |api| super::$check(api, stringify!($name));
                    crate::support::api::run(crate::support::api::Engine::Sqlite, check);
                }

                #[test]
                fn postgres() {
                    let check = |api| super::$check(api, stringify!($name));
                    crate::support::api::run(crate::support::api::Engine::Postgres, check);
                }
            }
        )*

        #[test]
        fn every_section_of_the_table_is_tested() {
            let tested = [$(stringify!($name),)* $(stringify!($other),)*];
            assert_eq!(crate::support::table::sections($table), tested.into());
        }
    };
}

mod admin_page;
mod auth;
mod auth_throttle;
mod callers;
mod changes;
mod changes_live;
mod connections;
mod creation_times;
mod docs;
mod encodings;
mod erasure;
mod errors;
mod existing_ids;
mod export_copy;
mod exports;
mod feed_helpers;
mod filters;
mod filters_invalid;
mod filters_values;
mod fixture;
mod group_helpers;
mod groups;
mod groups_list;
mod health;
mod history;
mod history_model;
mod idempotency;
mod idempotency_races;
mod imports;
mod imports_input;
mod injection;
mod key_lifecycle;
mod keys;
mod list_consistency;
mod long_polls;
mod me;
mod members;
mod members_changes;
mod merge_patch;
mod numbers;
mod overload;
mod page_size;
mod paths;
mod preconditions;
pub(crate) mod problem;
mod projections;
pub(crate) mod query;
mod races;
mod random_sync;
mod rate_limit;
mod raw_http;
mod restores;
mod revert_helpers;
mod reverts;
mod reverts_large;
mod reverts_model;
mod reverts_portions;
mod rights;
mod smuggling;
mod sort_consistency;
mod sorts;
mod streams;
mod suggestions;
mod tenant_isolation;
mod tenants;
mod traces;
mod unique_emails;
mod upserts;
mod users_create;
mod users_delete;
mod users_groups;
mod users_list;
mod users_patch;
mod users_read;
mod users_replace;
mod values;
