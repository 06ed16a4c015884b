//! SCIM 2.0 over HTTP: the behaviours that docs/scim.md lists. Every test runs on both engines, each time with its own
//! server process and database.

/// Generates the tests of one `async fn name(scim: Scim)`.
macro_rules! tests {
    ($name:ident: $($test:ident by $run:ident on $engine:ident),*) => {
        mod $name {$(
            #[test]
            fn $test() {
                crate::scim::client::$run(crate::support::api::Engine::$engine, super::$name);
            }
        )*}
    };
}

/// Generates two tests, one per engine, for each listed `async fn name(scim: Scim)`. The requests are
/// sent with an admin key, which has the lenient profile.
macro_rules! engine_tests {
    ($($name:ident)*) => {$(
        tests! { $name: sqlite by run on Sqlite, postgres by run on Postgres }
    )*};
}

/// Generates the same two tests, and two more that send the token of a strict connection.
macro_rules! profile_tests {
    ($($name:ident)*) => {$(
        tests! {
            $name: sqlite by run on Sqlite, postgres by run on Postgres,
            strict_sqlite by run_strict on Sqlite, strict_postgres by run_strict on Postgres
        }
    )*};
}

mod brake;
mod bulk;
mod client;
mod connections;
mod dry_mode;
mod inspector;
mod inspector_completeness;
mod inspector_erasure;
mod large_lists;
mod lenient;
mod lists;
mod members;
mod messages;
mod patches;
mod releases;
mod transport;
mod writes;
