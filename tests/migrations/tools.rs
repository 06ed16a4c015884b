//! `roster migrate`, `roster serve` and `diesel migration` do the same.

use crate::migrations::folders::versions;
use crate::migrations::on_both_engines;
use crate::migrations::place::{Engine, Place};
use std::thread;
use std::time::Duration;

on_both_engines! {
    every_tool_gives_the_same_schema,
    every_tool_gives_the_same_first_rows,
    both_lists_agree_at_every_step,
    up_down_and_up_again_is_as_up,
    diesel_finds_nothing_to_do_after_roster,
    roster_finds_nothing_to_do_after_diesel,
    roster_goes_on_where_diesel_stopped,
    check_and_status_change_nothing,
    check_answers_by_its_exit_code,
    migrating_twice_applies_once,
    a_failure_keeps_what_came_before,
}

fn every_tool_gives_the_same_schema(place: &Place) {
    place.roster(&["migrate"]).ok();
    let by_migrate = place.schema();
    assert!(by_migrate.iter().any(|line| line.contains("__diesel_schema_migrations")), "{by_migrate:#?}");
    let served = place.another();
    served.serve();
    assert_eq!(served.schema(), by_migrate, "by `roster serve` and by `roster migrate`");
    let diesel = place.another();
    diesel.diesel(&["run"]).ok();
    assert_eq!(diesel.schema(), by_migrate, "by `diesel migration run` and by `roster migrate`");
    assert_eq!((place.applied(), served.applied(), diesel.applied()), (versions(), versions(), versions()));
}

fn every_tool_gives_the_same_first_rows(place: &Place) {
    let rows = |place: &Place| {
        let hex = match place.engine {
            Engine::Sqlite => "lower(hex(t.id))",
            Engine::Postgres => "replace(t.id::text, '-', '')",
        };
        place.sql().lines(&format!(
            "SELECT {hex} || ' ' || t.name || ' ' || CAST(h.revision AS text) || ' ' || CAST(h.users AS text) AS line \
             FROM tenants AS t JOIN heads AS h ON h.tenant_id = t.id"
        ))
    };
    place.roster(&["migrate"]).ok();
    let diesel = place.another();
    diesel.diesel(&["run"]).ok();
    assert_eq!(rows(place), ["00000000000070008000000000000001 default 0 0"]);
    assert_eq!(rows(&diesel), rows(place));
}

fn both_lists_agree_at_every_step(place: &Place) {
    let agree = |applied: usize| {
        let all = versions();
        let (done, missing) = all.split_at(applied);
        let expected = (done.to_vec(), missing.to_vec());
        assert_eq!(place.status(), expected, "roster migrate --status");
        assert_eq!(place.list(), expected, "diesel migration list");
    };
    let all = versions().len();
    agree(0);
    place.diesel(&["run"]).ok();
    agree(all);
    place.diesel(&["revert", "-n", "7"]).ok();
    agree(all - 7);
    place.roster(&["migrate"]).ok();
    agree(all);
    place.diesel(&["revert", "--all"]).ok();
    agree(0);
}

fn up_down_and_up_again_is_as_up(place: &Place) {
    place.diesel(&["run"]).ok();
    let up = place.schema();
    place.diesel(&["revert", "--all"]).ok();
    let tables = match place.engine {
        Engine::Sqlite => {
            "SELECT name AS line FROM sqlite_master WHERE type IN ('table', 'view', 'trigger') ORDER BY 1"
        }
        Engine::Postgres => {
            "SELECT relname::text AS line FROM pg_class WHERE relnamespace = 'public'::regnamespace \
             AND relkind IN ('r', 'v', 'm', 'S', 'p') ORDER BY 1"
        }
    };
    let left = match place.engine {
        Engine::Sqlite => &["__diesel_schema_migrations"][..],
        // The lock stays: another process may be waiting for its row.
        Engine::Postgres => &["__diesel_schema_migrations", "migration_lock"],
    };
    assert_eq!(place.sql().lines(tables), left);
    assert_eq!(place.applied(), Vec::<String>::new());
    place.diesel(&["run"]).ok();
    assert_eq!(place.schema(), up, "after down and up by diesel");
    place.diesel(&["revert", "--all"]).ok();
    place.roster(&["migrate"]).ok();
    assert_eq!(place.schema(), up, "after down by diesel and up by roster");
}

fn diesel_finds_nothing_to_do_after_roster(place: &Place) {
    place.roster(&["migrate"]).ok();
    let schema = place.schema();
    let ended = place.diesel(&["run"]).ok();
    assert!(!ended.stdout.contains("Running migration"), "{ended:#?}");
    assert!(place.diesel(&["pending"]).ok().stdout.contains("false"));
    assert_eq!(place.schema(), schema);
    // And it can revert what ours applied.
    place.diesel(&["revert", "--all"]).ok();
    assert_eq!(place.applied(), Vec::<String>::new());
}

fn roster_finds_nothing_to_do_after_diesel(place: &Place) {
    place.diesel(&["run"]).ok();
    let schema = place.schema();
    place.roster(&["migrate", "--check"]).ok();
    assert_eq!(place.roster(&["migrate"]).ok().stdout, "0 applied\n");
    assert_eq!(place.schema(), schema);
    place.serve();
    assert_eq!(place.schema(), schema);
}

fn roster_goes_on_where_diesel_stopped(place: &Place) {
    place.diesel(&["run"]).ok();
    let schema = place.schema();
    place.diesel(&["revert", "-n", "9"]).ok();
    assert_eq!(place.roster(&["migrate"]).ok().stdout, "9 applied\n");
    assert_eq!(place.schema(), schema);
}

fn check_and_status_change_nothing(place: &Place) {
    place.roster(&["migrate", "--check"]).with_code(1);
    place.roster(&["migrate", "--status"]).ok();
    if place.engine == Engine::Sqlite {
        let file = place.path().join("roster.db");
        assert!(!file.exists(), "looking for migrations made the file {}", file.display());
    }
    let nothing = place.another();
    assert_eq!(place.schema(), nothing.schema(), "of an empty database");
    place.roster(&["migrate"]).ok();
    place.diesel(&["revert", "-n", "3"]).ok();
    let (schema, applied) = (place.schema(), place.applied());
    place.roster(&["migrate", "--check"]).with_code(1);
    place.roster(&["migrate", "--status"]).ok();
    assert_eq!((place.schema(), place.applied()), (schema, applied), "of a partly migrated database");
}

fn check_answers_by_its_exit_code(place: &Place) {
    let pending = |ended: crate::support::command::Ended| {
        ended.stdout.lines().filter(|line| line.starts_with("pending ")).count()
    };
    assert_eq!(pending(place.roster(&["migrate", "--check"]).with_code(1)), versions().len());
    place.roster(&["migrate"]).ok();
    assert_eq!(pending(place.roster(&["migrate", "--check"]).ok()), 0);
    place.diesel(&["revert"]).ok();
    assert_eq!(pending(place.roster(&["migrate", "--check"]).with_code(1)), 1);
    // Showing them is no question.
    place.roster(&["migrate", "--status"]).ok();
    place.roster(&["migrate", "--status", "--check"]).with_code(2);
}

/// A migration that fails and what would follow are not applied; the next run goes on from there.
fn a_failure_keeps_what_came_before(place: &Place) {
    place.sql().execute("CREATE TABLE members (id BIGINT)");
    let ended = place.roster(&["migrate"]).with_code(1);
    assert!(ended.only_line().contains("create_members"), "{ended:#?}");
    let in_the_way = |version: &String| version.as_str() < "20261122000017";
    assert_eq!(place.status(), versions().into_iter().partition(in_the_way));
    place.sql().execute("DROP TABLE members");
    place.roster(&["migrate"]).ok();
    let whole = place.another();
    whole.roster(&["migrate"]).ok();
    assert_eq!((place.applied(), place.schema()), (versions(), whole.schema()));
}

fn migrating_twice_applies_once(place: &Place) {
    assert_eq!(place.roster(&["migrate"]).ok().stdout, format!("{} applied\n", versions().len()));
    let schema = place.schema();
    assert_eq!(place.roster(&["migrate"]).ok().stdout, "0 applied\n");
    assert_eq!(place.schema(), schema);
}

/// Whichever tool makes the file, the server wants WAL: its readers must not wait for its writer.
#[test]
fn sqlite_is_served_in_wal_whoever_migrated() {
    for by_diesel in [false, true] {
        let place = Place::sqlite();
        let ended = if by_diesel { place.diesel(&["run"]) } else { place.roster(&["migrate"]) };
        ended.ok();
        place.serve();
        assert_eq!(place.sql().lines("SELECT journal_mode AS line FROM pragma_journal_mode"), ["wal"]);
    }
}

/// Another process holds the lock and applies everything meanwhile: ours waits, and says what it did itself.
#[test]
fn postgres_waits_for_whoever_migrates() {
    let place = Place::postgres();
    place.diesel(&["run"]).ok();
    place.diesel(&["revert", "-n", "5"]).ok();
    let mut holder = place.sql();
    holder.execute("BEGIN; SELECT id FROM migration_lock WHERE id = 1 FOR UPDATE");
    let ended = thread::scope(|scope| {
        let ours = scope.spawn(|| place.roster(&["migrate"]));
        let waiting = "SELECT count(*) AS number FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        place.sql().wait_for_number(waiting, 1, Duration::from_secs(10));
        assert_eq!(place.applied().len(), versions().len() - 5, "ours did not wait");
        place.diesel(&["run"]).ok();
        holder.execute("COMMIT");
        ours.join().expect("a command that ends")
    });
    assert_eq!(place.applied(), versions());
    assert_eq!(ended.ok().stdout, "0 applied\n", "the other process had applied all");
}
