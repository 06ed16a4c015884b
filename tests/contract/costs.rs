//! The costs of writes in the database: round trips, rows, index entries, and the size of the write-ahead log. They do not
//! depend on the machine, so they are compared with recorded costs.

use crate::contract::fixture::{Engine, TestDatabase, new_user, run_with};
use crate::contract::members::{create_group, put};
use crate::contract::probes::{call_queued, succeeded};
use crate::contract::users::{delete, patch};
use crate::support::sql::Sql;
use crate::support::{repository_root, statements};
use roster::db::{DatabaseUrl, Operation, Options};
use roster::domain::user::User;
use roster::ops::OpError;
use roster::ops::users::Create;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;

/// The recorded costs, each on a line with the engine, the operation, the unit and the number.
const FILE: &str = "benches/costs.txt";

/// The number of calls before the measurement, after which all statements are prepared.
const WARM_UP: usize = 10;
/// The number of measured calls of each operation.
const MEASURED: usize = 20;
/// The number of creates in a batch.
const BATCH: usize = 100;

/// The totals of each unit.
type Totals = Vec<(&'static str, i64)>;

/// The maximum number of measurements. Background processes of the database can only add to the costs, so the lowest of
/// several counts.
const MEASUREMENTS: usize = 3;

/// Updates the file if `UPDATE_COSTS` is set. Otherwise, fails if a cost exceeds the recorded one by a tenth in every
/// measurement.
#[test]
fn writes_cost_no_more_than_recorded() {
    let path = repository_root().join(FILE);
    if std::env::var_os("UPDATE_COSTS").is_some() {
        return fs::write(path, measure_all()).expect("the file can be written");
    }
    let recorded = costs(&fs::read_to_string(path).unwrap());
    let mut measured = costs(&measure_all());
    for _ in 1..MEASUREMENTS {
        if growth(&measured, &recorded).is_empty() {
            break;
        }
        for ((_, lowest), (_, again)) in measured.iter_mut().zip(costs(&measure_all())) {
            *lowest = lowest.min(again);
        }
    }
    let grown = growth(&measured, &recorded);
    assert!(
        grown.is_empty(),
        "costs grew by more than a tenth: reduce them, or run `UPDATE_COSTS=1 tests/run contract::costs` and justify \
         the growth in the commit message:\n{grown}"
    );
}

fn measure_all() -> String {
    [measure(Engine::Postgres), measure(Engine::Sqlite)].concat()
}

/// The name of each cost, and its number.
fn costs(text: &str) -> Vec<(String, f64)> {
    let split =
        |line: &str| line.rsplit_once(' ').map(|(name, cost)| (name.to_owned(), cost.parse().unwrap()));
    text.lines().filter_map(split).collect()
}

/// The costs that exceed the recorded ones by more than a tenth, each on a line.
fn growth(measured: &[(String, f64)], recorded: &[(String, f64)]) -> String {
    let mut grown = String::new();
    for ((name, cost), (expected, before)) in measured.iter().zip(recorded) {
        assert_eq!(name, expected, "{FILE} lists other costs");
        if *cost > before * 1.1 {
            writeln!(grown, "{name} {cost}, was {before}").unwrap();
        }
    }
    assert_eq!(measured.len(), recorded.len(), "{FILE} lists other costs");
    grown
}

/// Measures each operation on one engine and returns the lines of the file.
fn measure(engine: Engine) -> String {
    let mut lines = String::new();
    run_with(engine, record_statements, async |db| {
        let mut meter = Meter::new(engine, db.url());
        let group = create_group(db, "Engineering").await;
        let (users, create) = cost_of_each(db, &mut meter, creates("user", WARM_UP + MEASURED)).await;
        let title = json!({"title": "Architect"});
        let patches = users.iter().map(|user: &User| patch(user.id, title.clone())).collect();
        let (_, patched) = cost_of_each(db, &mut meter, patches).await;
        let puts = users.iter().map(|user| put(&group, user)).collect();
        let (_, added) = cost_of_each(db, &mut meter, puts).await;
        let deletes = users.iter().map(|user| delete(user.id)).collect();
        let (_, deleted) = cost_of_each(db, &mut meter, deletes).await;
        let batch = cost_of_batch(db, &mut meter).await;
        let calls = MEASURED as f64;
        for (operation, totals, divisor) in [
            ("create", create, calls),
            ("patch", patched, calls),
            ("member-add", added, calls),
            ("delete", deleted, calls),
            ("batch-of-100-creates", batch, 1.0),
        ] {
            for (unit, total) in totals {
                writeln!(lines, "{engine:?} {operation} {unit} {:.1}", total as f64 / divisor).unwrap();
            }
        }
    });
    lines
}

fn record_statements(options: &mut Options) {
    if let DatabaseUrl::Postgres(url) = &options.url {
        statements::record(url);
    }
}

fn creates(series: &str, count: usize) -> Vec<Create> {
    let body = |n| {
        json!({
            "userName": format!("{series}-{n:04}@example.com"),
            "externalId": format!("E-{series}-{n:04}"),
            "name": {"givenName": "Ada", "familyName": format!("Family {n:04}")},
            "displayName": format!("Ada {n:04}"),
            "title": "Engineer",
            "emails": [
                {"value": format!("ada.{series}.{n:04}@example.com"), "type": "work", "primary": true},
                {"value": format!("{series}.{n:04}@home.example"), "type": "home"},
            ],
        })
    };
    (0..count).map(|n| new_user(body(n))).collect()
}

/// Makes the calls one after another. Returns their results and the total costs of the measured calls.
async fn cost_of_each<O: Operation<Error = OpError>>(
    db: &TestDatabase,
    meter: &mut Meter,
    operations: Vec<O>,
) -> (Vec<O::Output>, Totals) {
    let mut results = Vec::new();
    for (call, operation) in operations.into_iter().enumerate() {
        if call == WARM_UP {
            meter.start();
        }
        results.push(db.call(operation).await.unwrap());
    }
    (results, meter.totals())
}

/// The costs of a batch of creates, without those of the operation that holds up the calls until all are queued.
async fn cost_of_batch(db: &TestDatabase, meter: &mut Meter) -> Totals {
    assert_eq!(succeeded(&call_queued(db, creates("warm-up", WARM_UP)).await), WARM_UP);
    meter.start();
    call_queued(db, Vec::<Create>::new()).await;
    let overhead = meter.totals();
    let creates = creates("batch", BATCH);
    meter.start();
    assert_eq!(succeeded(&call_queued(db, creates).await), BATCH);
    let totals = meter.totals().into_iter().zip(overhead);
    totals.map(|((unit, total), (_, overhead))| (unit, total - overhead)).collect()
}

/// Measures the costs since its start. The writes must have ended before.
enum Meter {
    Postgres {
        sql: Sql,
        url: String,
        /// The position in the write-ahead log.
        start: String,
    },
    Sqlite {
        sql: Sql,
        log: String,
    },
}

/// Counts the records that changes to the current database have added to the write-ahead log since a position. A commit
/// belongs to the database in which its transaction has changed a page.
const WAL: &str = r"
    WITH records AS MATERIALIZED (
        SELECT xid::text AS xid, concat_ws(' ', resource_manager, record_type) AS type, record_length - fpi_length AS bytes,
            block_ref ~ format('rel \d+/%s/', (SELECT oid FROM pg_database WHERE datname = current_database())) AS is_own
        FROM pg_get_wal_records_info('$START', pg_current_wal_flush_lsn())
    ), own AS (
        SELECT * FROM records WHERE is_own OR xid IN (SELECT xid FROM records WHERE is_own AND xid <> '0')
    )
    SELECT concat_ws(' ', coalesce(sum(bytes), 0),
        count(*) FILTER (WHERE type ~ '^Heap2? (INSERT|UPDATE|HOT_UPDATE|DELETE|MULTI_INSERT)'),
        count(*) FILTER (WHERE type ~ '^Btree (INSERT_LEAF|INSERT_POST|SPLIT_[LR])$')) AS line
    FROM own";

impl Meter {
    fn new(engine: Engine, url: &str) -> Self {
        let mut sql = Sql::open(url);
        if engine != Engine::Postgres {
            let log = format!("{}-wal", url.strip_prefix("sqlite://").unwrap());
            return Self::Sqlite { sql, log };
        }
        // The slot keeps the log although other tests cause checkpoints.
        sql.execute(
            "CREATE EXTENSION pg_walinspect; \
             SELECT pg_create_physical_replication_slot('costs_' || right(current_database(), 32), true, true)",
        );
        Self::Postgres { sql, url: url.to_owned(), start: String::new() }
    }

    fn start(&mut self) {
        match self {
            Self::Postgres { sql, url, start } => {
                *start = sql.lines("SELECT pg_current_wal_insert_lsn()::text AS line").remove(0);
                statements::take(url);
            }
            // Without a log, the next write begins a new one.
            Self::Sqlite { sql, .. } => sql.execute("PRAGMA wal_checkpoint(TRUNCATE)"),
        }
    }

    fn totals(&mut self) -> Totals {
        match self {
            Self::Postgres { sql, url, start } => {
                let mut statements = statements::take(url);
                // Each connection sends this about once a second.
                statements.retain(|statement| !statement.starts_with("DISCARD PLANS"));
                let line = sql.lines(&WAL.replace("$START", start)).remove(0);
                let counts: Vec<i64> = line.split(' ').map(|count| count.parse().unwrap()).collect();
                vec![
                    ("round-trips", i64::try_from(statements.len()).unwrap()),
                    ("wal-bytes", counts[0]),
                    ("rows", counts[1]),
                    ("index-entries", counts[2]),
                ]
            }
            Self::Sqlite { log, .. } => {
                let log = fs::read(log).unwrap();
                let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
                vec![("wal-pages", i64::try_from((log.len() - 32) / (24 + page)).unwrap())]
            }
        }
    }
}
