//! Readiness and the migrations of the database.

use crate::migrations::folders::versions;
use crate::migrations::on_both_engines;
use crate::migrations::place::{Place, ask};
use crate::support::server::Server;
use crate::support::sql::wait_until;
use std::time::Duration;

on_both_engines! {
    a_newer_database_is_ready,
    an_empty_database_is_not_ready_until_it_is_migrated,
    a_partly_migrated_database_is_not_ready,
}

/// The last release goes on serving while the next one has migrated already.
fn a_newer_database_is_ready(place: &Place) {
    place.roster(&["migrate"]).ok();
    place.sql().execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')");
    place.roster(&["migrate", "--check"]).ok();
    let (applied, pending) = place.status();
    assert_eq!((applied.len(), pending.len()), (versions().len() + 1, 0));
    assert_eq!(place.roster(&["migrate"]).ok().stdout, "0 applied\n");
    ask(&place.server().start(), "/readyz").expect(200);
    ask(&place.server().env("ROSTER_MIGRATE_ON_START", "false").start(), "/readyz").expect(200);
}

fn an_empty_database_is_not_ready_until_it_is_migrated(place: &Place) {
    let server = place.server().env("ROSTER_MIGRATE_ON_START", "false").start();
    not_ready(&server);
    assert_eq!(place.status(), (Vec::new(), versions()), "the server migrated though it must not");
    place.roster(&["migrate"]).ok();
    wait_until(Duration::from_secs(5), "ready after `roster migrate`", || {
        ask(&server, "/readyz").code() == 200
    });
}

fn a_partly_migrated_database_is_not_ready(place: &Place) {
    place.diesel(&["run"]).ok();
    place.diesel(&["revert"]).ok();
    let server = place.server().env("ROSTER_MIGRATE_ON_START", "false").start();
    not_ready(&server);
    assert!(server.log().contains("migrations are pending"), "{}", server.log());
    assert_eq!(place.applied().len(), versions().len() - 1);
}

fn not_ready(server: &Server) {
    ask(server, "/livez").expect(200);
    let answer = ask(server, "/readyz").expect(503);
    assert!(answer.header("retry-after").is_some());
    let problem = answer.json();
    assert_eq!((&problem["code"], &problem["status"]), (&"not-ready".into(), &503.into()), "{problem}");
    assert!(problem["detail"].to_string().contains("migration"), "{problem}");
}
