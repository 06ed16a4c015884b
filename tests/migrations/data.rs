//! Migrations that change rows of earlier releases.

use crate::migrations::directories::versions;
use crate::migrations::workspace::Workspace;
use crate::support::database::on_both_engines;

on_both_engines! {
    Workspace:
    tenants_that_require_unique_group_names_have_unique_values,
}

/// Applies the migrations before `version`.
fn migrate_before(workspace: &Workspace, version: &str) {
    workspace.migrate();
    let reverted = versions().iter().filter(|applied| applied.as_str() >= version).count();
    workspace.diesel(&["revert", "-n", &reverted.to_string()]).expect_success();
}

fn tenants_that_require_unique_group_names_have_unique_values(workspace: &Workspace) {
    migrate_before(workspace, "20261129000061");
    let mut sql = workspace.sql();
    // The epoch of `default` serves as the id of another tenant.
    sql.execute(
        "UPDATE tenants SET unique_group_names = (1 = 1); \
         INSERT INTO tenants (id, name, unique_group_names, version, created_at, updated_at) \
         SELECT epoch, 'acme', (1 = 0), 1, 0, 0 FROM heads; \
         INSERT INTO heads (tenant_id, epoch, revision, users, groups) \
         SELECT id, id, 0, 0, 0 FROM tenants WHERE name = 'acme'",
    );
    workspace.migrate();
    let checked = "SELECT name AS line FROM tenants JOIN heads ON tenant_id = id WHERE unique_values";
    assert_eq!(sql.lines(checked), ["default"]);
}
