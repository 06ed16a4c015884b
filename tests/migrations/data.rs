//! Migrations that change rows of earlier releases.

use crate::migrations::directories::versions;
use crate::migrations::workspace::Workspace;
use crate::support::database::on_both_engines;
use roster::domain::DEFAULT_TENANT;
use roster::domain::digest::Digest;

on_both_engines! {
    Workspace:
    tenants_that_require_unique_group_names_have_unique_values,
    the_digests_of_existing_tenants_are_counted,
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

fn the_digests_of_existing_tenants_are_counted(workspace: &Workspace) {
    migrate_before(workspace, "20261130000080");
    let mut sql = workspace.sql();
    // The id of `default` serves as the id of a user, and its epoch as that of an empty tenant.
    sql.execute(
        "UPDATE heads SET users = 1; \
         INSERT INTO users (tenant_id, id, user_name, user_name_key, active, document, folded, version, created_at, updated_at) \
         SELECT id, id, 'ada', 'ada', (1 = 1), '{}', '{}', 3, 0, 0 FROM tenants; \
         INSERT INTO heads (tenant_id, epoch, revision, users, groups) SELECT epoch, epoch, 7, 0, 0 FROM heads",
    );
    workspace.migrate();
    let digests = "SELECT CAST(digest AS text) || ' ' || CAST(digest_revision AS text) AS line FROM heads ORDER BY revision";
    let counted = i64::from(Digest::of_user(DEFAULT_TENANT, 3));
    assert_eq!(sql.lines(digests), [format!("{counted} 0"), "0 7".to_owned()]);
}
