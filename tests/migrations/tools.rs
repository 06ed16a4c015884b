//! `roster migrate`, `roster serve` and `diesel migration` have the same effect.

use crate::migrations::directories::versions;
use crate::migrations::workspace::Workspace;
use crate::support::command::CommandOutput;
use crate::support::database::{Engine, on_both_engines};
use std::thread;

on_both_engines! {
    Workspace:
    every_tool_produces_the_same_schema,
    every_tool_inserts_the_same_rows,
    roster_and_diesel_list_the_same_migrations,
    reverting_and_reapplying_restores_the_schema,
    diesel_has_nothing_to_apply_after_roster,
    roster_has_nothing_to_apply_after_diesel,
    roster_continues_where_diesel_stopped,
    check_and_status_change_nothing,
    check_reports_pending_migrations_by_its_exit_code,
    a_second_migrate_applies_nothing,
    a_failed_migration_keeps_the_ones_before_it,
}

fn every_tool_produces_the_same_schema(workspace: &Workspace) {
    workspace.migrate();
    let migrated = workspace.schema();
    assert!(migrated.iter().any(|line| line.contains("__diesel_schema_migrations")), "{migrated:#?}");
    let served = workspace.another();
    served.serve();
    assert_eq!(served.schema(), migrated, "`roster serve` (left) and `roster migrate` (right)");
    let diesel = workspace.another();
    diesel.diesel(&["run"]).expect_success();
    assert_eq!(diesel.schema(), migrated, "`diesel migration run` (left) and `roster migrate` (right)");
    assert_eq!(
        (workspace.applied(), served.applied(), diesel.applied()),
        (versions(), versions(), versions())
    );
}

fn every_tool_inserts_the_same_rows(workspace: &Workspace) {
    let rows = |workspace: &Workspace| {
        let hex = match workspace.engine {
            Engine::Sqlite => "lower(hex(t.id))",
            Engine::Postgres => "replace(t.id::text, '-', '')",
        };
        workspace.sql().lines(&format!(
            "SELECT {hex} || ' ' || t.name || ' ' || CAST(h.revision AS text) || ' ' || CAST(h.users AS text) AS line \
             FROM tenants AS t JOIN heads AS h ON h.tenant_id = t.id"
        ))
    };
    workspace.migrate();
    let diesel = workspace.another();
    diesel.diesel(&["run"]).expect_success();
    assert_eq!(rows(workspace), ["00000000000070008000000000000001 default 0 0"]);
    assert_eq!(rows(&diesel), rows(workspace));
}

fn roster_and_diesel_list_the_same_migrations(workspace: &Workspace) {
    let check = |applied: usize| {
        let all = versions();
        let (applied, pending) = all.split_at(applied);
        let expected = (applied.to_vec(), pending.to_vec());
        assert_eq!(workspace.status(), expected, "roster migrate --status");
        assert_eq!(workspace.list(), expected, "diesel migration list");
    };
    let all = versions().len();
    check(0);
    workspace.diesel(&["run"]).expect_success();
    check(all);
    workspace.diesel(&["revert", "-n", "7"]).expect_success();
    check(all - 7);
    workspace.migrate();
    check(all);
    workspace.diesel(&["revert", "--all"]).expect_success();
    check(0);
}

fn reverting_and_reapplying_restores_the_schema(workspace: &Workspace) {
    workspace.diesel(&["run"]).expect_success();
    let schema = workspace.schema();
    workspace.diesel(&["revert", "--all"]).expect_success();
    let tables = match workspace.engine {
        Engine::Sqlite => {
            "SELECT name AS line FROM sqlite_master WHERE type IN ('table', 'view', 'trigger') ORDER BY 1"
        }
        Engine::Postgres => {
            "SELECT relname::text AS line FROM pg_class WHERE relnamespace = 'public'::regnamespace \
             AND relkind IN ('r', 'v', 'm', 'S', 'p') ORDER BY 1"
        }
    };
    let left = match workspace.engine {
        Engine::Sqlite => &["__diesel_schema_migrations"][..],
        // The lock table stays, because another process may be waiting for its row.
        Engine::Postgres => &["__diesel_schema_migrations", "migration_lock"],
    };
    assert_eq!(workspace.sql().lines(tables), left);
    assert_eq!(workspace.applied(), Vec::<String>::new());
    workspace.diesel(&["run"]).expect_success();
    assert_eq!(workspace.schema(), schema, "reverted and applied by diesel");
    workspace.diesel(&["revert", "--all"]).expect_success();
    workspace.migrate();
    assert_eq!(workspace.schema(), schema, "reverted by diesel and applied by roster");
}

fn diesel_has_nothing_to_apply_after_roster(workspace: &Workspace) {
    workspace.migrate();
    let schema = workspace.schema();
    let output = workspace.diesel(&["run"]).expect_success();
    assert!(!output.stdout.contains("Running migration"), "{output:#?}");
    assert!(workspace.diesel(&["pending"]).expect_success().stdout.contains("false"));
    assert_eq!(workspace.schema(), schema);
    // Diesel can also revert the migrations that roster has applied.
    workspace.diesel(&["revert", "--all"]).expect_success();
    assert_eq!(workspace.applied(), Vec::<String>::new());
}

fn roster_has_nothing_to_apply_after_diesel(workspace: &Workspace) {
    workspace.diesel(&["run"]).expect_success();
    let schema = workspace.schema();
    workspace.roster(&["migrate", "--check"]).expect_success();
    assert_eq!(workspace.roster(&["migrate"]).expect_success().stdout, "migrations applied: 0\n");
    assert_eq!(workspace.schema(), schema);
    workspace.serve();
    assert_eq!(workspace.schema(), schema);
}

fn roster_continues_where_diesel_stopped(workspace: &Workspace) {
    workspace.diesel(&["run"]).expect_success();
    let schema = workspace.schema();
    workspace.diesel(&["revert", "-n", "9"]).expect_success();
    assert_eq!(workspace.roster(&["migrate"]).expect_success().stdout, "migrations applied: 9\n");
    assert_eq!(workspace.schema(), schema);
}

fn check_and_status_change_nothing(workspace: &Workspace) {
    workspace.roster(&["migrate", "--check"]).expect_code(1);
    workspace.roster(&["migrate", "--status"]).expect_success();
    if workspace.engine == Engine::Sqlite {
        let file = workspace.path().join("roster.db");
        assert!(!file.exists(), "listing the migrations created the file {}", file.display());
    }
    let empty = workspace.another();
    assert_eq!(workspace.schema(), empty.schema());
    workspace.migrate();
    workspace.diesel(&["revert", "-n", "3"]).expect_success();
    let (schema, applied) = (workspace.schema(), workspace.applied());
    workspace.roster(&["migrate", "--check"]).expect_code(1);
    workspace.roster(&["migrate", "--status"]).expect_success();
    assert_eq!((workspace.schema(), workspace.applied()), (schema, applied));
}

fn check_reports_pending_migrations_by_its_exit_code(workspace: &Workspace) {
    let pending =
        |output: CommandOutput| output.stdout.lines().filter(|line| line.starts_with("pending ")).count();
    assert_eq!(pending(workspace.roster(&["migrate", "--check"]).expect_code(1)), versions().len());
    workspace.migrate();
    assert_eq!(pending(workspace.roster(&["migrate", "--check"]).expect_success()), 0);
    workspace.diesel(&["revert"]).expect_success();
    assert_eq!(pending(workspace.roster(&["migrate", "--check"]).expect_code(1)), 1);
    // `--status` only prints the list.
    workspace.roster(&["migrate", "--status"]).expect_success();
    workspace.roster(&["migrate", "--status", "--check"]).expect_code(2);
}

/// The failed migration and those after it are not applied. The next run continues with the failed one.
fn a_failed_migration_keeps_the_ones_before_it(workspace: &Workspace) {
    workspace.sql().execute("CREATE TABLE members (id BIGINT)");
    let output = workspace.roster(&["migrate"]).expect_code(1);
    assert!(output.error_line().contains("create_members"), "{output:#?}");
    let before_failure = |version: &String| version.as_str() < "20261122000017";
    assert_eq!(workspace.status(), versions().into_iter().partition(before_failure));
    workspace.sql().execute("DROP TABLE members");
    workspace.migrate();
    let other = workspace.another();
    other.migrate();
    assert_eq!((workspace.applied(), workspace.schema()), (versions(), other.schema()));
}

fn a_second_migrate_applies_nothing(workspace: &Workspace) {
    assert_eq!(
        workspace.roster(&["migrate"]).expect_success().stdout,
        format!("migrations applied: {}\n", versions().len())
    );
    let schema = workspace.schema();
    assert_eq!(workspace.roster(&["migrate"]).expect_success().stdout, "migrations applied: 0\n");
    assert_eq!(workspace.schema(), schema);
}

/// In WAL mode, readers do not wait for the writer. The server switches to it even if another tool created the file.
#[test]
fn the_server_uses_wal_mode_whichever_tool_migrated() {
    for by_diesel in [false, true] {
        let workspace = Workspace::sqlite();
        let output = if by_diesel { workspace.diesel(&["run"]) } else { workspace.roster(&["migrate"]) };
        output.expect_success();
        workspace.serve();
        assert_eq!(workspace.sql().lines("SELECT journal_mode AS line FROM pragma_journal_mode"), ["wal"]);
    }
}

/// Another process holds the migration lock and applies all migrations. `roster migrate` waits, and counts only those that
/// it has applied itself.
#[test]
fn roster_migrate_waits_for_another_process_on_postgres() {
    let workspace = Workspace::postgres();
    workspace.diesel(&["run"]).expect_success();
    workspace.diesel(&["revert", "-n", "5"]).expect_success();
    let mut holder = workspace.sql();
    holder.execute("BEGIN; SELECT id FROM migration_lock WHERE id = 1 FOR UPDATE");
    let output = thread::scope(|scope| {
        let migrate = scope.spawn(|| workspace.roster(&["migrate"]));
        workspace.sql().wait_for_lock_waiters(1);
        assert_eq!(workspace.applied().len(), versions().len() - 5, "`roster migrate` did not wait");
        workspace.diesel(&["run"]).expect_success();
        holder.execute("COMMIT");
        migrate.join().expect("the thread does not panic")
    });
    assert_eq!(workspace.applied(), versions());
    assert_eq!(
        output.expect_success().stdout,
        "migrations applied: 0\n",
        "the other process has applied all migrations"
    );
}
