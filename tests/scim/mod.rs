//! SCIM from outside: each item of the acceptance list is a test that bears its number, on both engines, each time against
//! a server process and a database of its own.

/// Makes the tests of one `async fn name(scim: Scim)`.
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

/// Makes two tests, one for each engine, of every `async fn name(scim: Scim)` that is listed.
macro_rules! both_engines {
    ($($name:ident)*) => {$(
        tests! { $name: sqlite by run on Sqlite, postgres by run on Postgres }
    )*};
}

/// The same, and two more by a strict connection.
macro_rules! both_profiles {
    ($($name:ident)*) => {$(
        tests! {
            $name: sqlite by run on Sqlite, postgres by run on Postgres,
            strictly_sqlite by run_strictly on Sqlite, strictly_postgres by run_strictly on Postgres
        }
    )*};
}

mod bulk;
mod client;
mod connections;
mod lists;
mod members;
mod patches;
mod transport;
mod writes;
