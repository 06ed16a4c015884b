//! The readiness of a server depends on the migrations of its database.

use crate::migrations::directories::versions;
use crate::migrations::workspace::{Workspace, get};
use crate::support::database::on_both_engines;
use crate::support::server::Server;
use crate::support::sql::wait_until;
use std::fs;
use std::time::Duration;

on_both_engines! {
    Workspace:
    a_newer_database_is_ready,
    an_empty_database_is_not_ready_until_it_is_migrated,
    a_partly_migrated_database_is_not_ready,
}

/// The previous release keeps serving after the next one has migrated the database.
fn a_newer_database_is_ready(workspace: &Workspace) {
    workspace.migrate();
    workspace.sql().execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')");
    workspace.roster(&["migrate", "--check"]).expect_success();
    let (applied, pending) = workspace.status();
    assert_eq!((applied.len(), pending.len()), (versions().len() + 1, 0));
    assert_eq!(workspace.roster(&["migrate"]).expect_success().stdout, "migrations applied: 0\n");
    get(&workspace.server().start(), "/readyz").expect(200);
    get(&workspace.server().env("ROSTER_MIGRATE_ON_START", "false").start(), "/readyz").expect(200);
}

fn an_empty_database_is_not_ready_until_it_is_migrated(workspace: &Workspace) {
    if let Some(file) = workspace.url().strip_prefix("sqlite://") {
        fs::write(file, "").expect("the file is created");
    }
    let server = workspace.server().env("ROSTER_MIGRATE_ON_START", "false").start();
    check_not_ready(&server);
    assert!(!server.log().contains("ERROR"), "a task used a missing table: {}", server.log());
    assert_eq!(workspace.status(), (Vec::new(), versions()), "the server has migrated the database");
    workspace.migrate();
    wait_until(Duration::from_secs(5), "ready after `roster migrate`", || {
        get(&server, "/readyz").code() == 200
    });
}

fn a_partly_migrated_database_is_not_ready(workspace: &Workspace) {
    workspace.diesel(&["run"]).expect_success();
    workspace.diesel(&["revert"]).expect_success();
    let server = workspace.server().env("ROSTER_MIGRATE_ON_START", "false").start();
    check_not_ready(&server);
    assert!(server.log().contains("migrations are pending"), "{}", server.log());
    assert_eq!(workspace.applied().len(), versions().len() - 1);
}

fn check_not_ready(server: &Server) {
    get(server, "/livez").expect(200);
    let response = get(server, "/readyz").expect(503);
    assert!(response.header("retry-after").is_some());
    let problem = response.json();
    assert_eq!((&problem["code"], &problem["status"]), (&"not-ready".into(), &503.into()), "{problem}");
    assert!(problem["detail"].to_string().contains("migration"), "{problem}");
}
