//! `roster backup` of a SQLite database during writes, `roster epoch renew`, and the errors of the commands.

use crate::process::writers::check_history;
use crate::support::command::{CommandOutput, in_empty_environment, roster, run};
use crate::support::database::{Database, on_both_engines};
use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::sql::Sql;
use crate::support::{block_on, file_names};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinSet;

const LIMIT: Duration = Duration::from_secs(60);

on_both_engines!(Database: clients_see_a_renewed_epoch_at_once);

pub(crate) fn directory() -> TempDir {
    tempfile::tempdir().expect("the temporary directory is created")
}

pub(crate) fn backup(url: &str, file: &Path) -> CommandOutput {
    run(roster(Path::new("/")).arg("backup").arg(file).env("DATABASE_URL", url), LIMIT)
}

fn renew_epochs(url: &str) -> CommandOutput {
    run(roster(Path::new("/")).args(["epoch", "renew"]).env("DATABASE_URL", url), LIMIT)
}

pub(crate) fn sql(file: &Path) -> Sql {
    Sql::open(&format!("sqlite://{}", file.display()))
}

const WRITERS: usize = 16;
const COPIES: usize = 5;
/// The number of users created before each copy, and after the last one.
const USERS_BETWEEN: usize = 200;

/// The name of the database's directory must be percent-encoded in a URL.
#[test]
fn a_copy_made_during_writes_contains_every_acknowledged_write() {
    let (home, copies) = (directory(), directory());
    fs::create_dir(home.path().join("our data")).expect("the directory is created");
    let url = format!("sqlite://{}/roster.db", home.path().join("our%20data").display());
    let server = Server::builder(&url).start();
    let (written, backups) = block_on(async {
        let creators = Creators::start(&Client::new(&server));
        let mut backups = Vec::new();
        for number in 0..COPIES {
            creators.wait_for(USERS_BETWEEN * (number + 1)).await;
            let (url, file) = (url.clone(), copies.path().join(format!("{number}.db")));
            let copy = tokio::task::spawn_blocking(move || {
                let start = Instant::now();
                let output = backup(&url, &file).expect_success();
                let size = fs::metadata(&file).expect("the copy exists").len();
                assert_eq!(output.stdout, format!("bytes written: {size}\n"));
                (start, file)
            });
            backups.push(copy.await.expect("the copy is made"));
        }
        creators.wait_for(USERS_BETWEEN * (COPIES + 1)).await;
        (creators.stop().await, backups)
    });
    assert_eq!(file_names(copies.path()), ["0.db", "1.db", "2.db", "3.db", "4.db"], "only the copies");
    for (start, file) in backups {
        let mode = fs::metadata(&file).expect("the copy exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        check_copy(&mut sql(&file), start, &written);
    }
}

/// Checks that a copy is intact and contains all users whose creation was acknowledged before `start`, and otherwise
/// only users that were created later.
fn check_copy(copy: &mut Sql, start: Instant, written: &BTreeMap<String, Instant>) {
    check_integrity(copy);
    let names = copy.lines("SELECT user_name AS line FROM users");
    let unique: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(unique.len(), names.len(), "a user is present twice");
    let before: BTreeSet<_> = written
        .iter()
        .filter(|(_, acknowledged)| **acknowledged < start)
        .map(|(name, _)| name.clone())
        .collect();
    assert!(before.len() >= USERS_BETWEEN);
    let missing: Vec<_> = before.difference(&unique).collect();
    assert_eq!(missing, Vec::<&String>::new(), "acknowledged users are missing");
    assert!(unique.iter().all(|name| written.contains_key(name)), "a user was never created");
    check_history(copy);
    let revisions = copy.lines("SELECT CAST(revision AS text) AS line FROM changes ORDER BY revision");
    let expected: Vec<_> = (1..=names.len()).map(|revision| revision.to_string()).collect();
    assert_eq!(revisions, expected);
}

fn check_integrity(sql: &mut Sql) {
    assert_eq!(sql.lines("SELECT integrity_check AS line FROM pragma_integrity_check"), ["ok"]);
}

/// Tasks that create users until they are stopped.
struct Creators {
    tasks: JoinSet<Vec<(String, Instant)>>,
    created: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Creators {
    fn start(client: &Client) -> Self {
        let mut creators = Self { tasks: JoinSet::new(), created: Arc::default(), stop: Arc::default() };
        for number in 0..WRITERS {
            let (client, created, stop) = (client.clone(), creators.created.clone(), creators.stop.clone());
            creators.tasks.spawn(async move {
                let mut written = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let name = format!("user {number} {}", written.len());
                    // Large enough that a copy takes some time.
                    let body = json!({ "userName": name, "custom": { "note": "x".repeat(8_000) } });
                    client.post("/users", &body).send().await.expect(201);
                    written.push((name, Instant::now()));
                    created.fetch_add(1, Ordering::Relaxed);
                }
                written
            });
        }
        creators
    }

    /// Waits until this many users have been created.
    async fn wait_for(&self, count: usize) {
        let start = Instant::now();
        while self.created.load(Ordering::Relaxed) < count {
            assert!(start.elapsed() < LIMIT, "creating {count} users took too long");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Stops the tasks and returns the names of the users with the times of the responses.
    async fn stop(self) -> BTreeMap<String, Instant> {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}

/// The contents of a database, as a client reads them.
pub(crate) struct State {
    pub(crate) users: Value,
    pub(crate) head: Value,
    pub(crate) epoch: Value,
}

impl State {
    pub(crate) async fn read(client: &Client) -> Self {
        let mut feed = client.get("/changes?after=0").send().await.expect(200).json();
        let mut users = client.get("/users").send().await.expect(200).json();
        Self { users: users["items"].take(), head: feed["head"].take(), epoch: feed["epoch"].take() }
    }
}

pub(crate) async fn create(client: &Client, names: &[&str]) {
    for name in names {
        client.post("/users", &json!({ "userName": name })).send().await.expect(201);
    }
}

/// The copy is compact, so no page of it contains erased values. It has the whole schema and the planner's statistics.
#[test]
fn a_copy_has_the_whole_schema_and_no_erased_values() {
    const ERASED: &str = "erased-before-the-copy";
    let (database, copies) = (Database::sqlite(), directory());
    let server = Server::builder(&database.url()).start();
    block_on(async {
        let client = Client::new(&server);
        let created = client.post("/users", &json!({ "userName": ERASED })).send().await.expect(201).json();
        create(&client, &["ada"]).await;
        let path = format!("/users/{}?erase=true", created["id"].as_str().expect("the user has an id"));
        client.delete(&path).send().await.expect(204);
    });
    let file = copies.path().join("copy.db");
    backup(&database.url(), &file).expect_success();
    let bytes = fs::read(&file).expect("the copy exists");
    let contains = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains("ada") && !contains(ERASED));
    for query in [
        "SELECT type || name || coalesce(sql, '') AS line FROM sqlite_schema ORDER BY 1",
        "SELECT tbl || idx || stat AS line FROM sqlite_stat1 ORDER BY 1",
        "SELECT version AS line FROM __diesel_schema_migrations ORDER BY 1",
    ] {
        assert_eq!(sql(&file).lines(query), database.sql().lines(query));
    }
}

/// Checks that the backup fails with one line that contains all of `words`.
#[track_caller]
fn check_fails(url: &str, file: &Path, words: &[&str]) {
    let output = backup(url, file).expect_code(1);
    let line = output.error_line();
    assert!(words.iter().all(|word| line.contains(word)), "{words:?}: {line}");
    assert_eq!(output.stdout, "");
}

fn migrated() -> Database {
    let database = Database::sqlite();
    run(roster(Path::new("/")).arg("migrate").env("DATABASE_URL", database.url()), LIMIT).expect_success();
    database
}

#[test]
fn existing_files_are_never_overwritten() {
    let (database, copies) = (migrated(), directory());
    let (url, path) = (database.url(), |name: &str| copies.path().join(name));
    fs::write(path("notes"), "Dear diary").expect("the file is written");
    fs::create_dir(path("folder")).expect("the directory is created");
    symlink("nowhere", path("link")).expect("the link is created");
    fs::write(path("half.partial"), "half").expect("the file is written");
    let names = file_names(copies.path());
    for name in ["notes", "folder", "link"] {
        check_fails(&url, &path(name), &[name, "already exists"]);
    }
    check_fails(&url, &database.file().expect("SQLite has a file"), &["roster.db", "already exists"]);
    check_fails(&url, &path("half"), &["half.partial", "another backup"]);
    assert_eq!(file_names(copies.path()), names);
    assert_eq!(fs::read_to_string(path("notes")).expect("the file exists"), "Dear diary");
    assert_eq!(fs::read_to_string(path("half.partial")).expect("the file exists"), "half");
}

#[test]
fn missing_databases_are_not_created() {
    let (missing, copies) = (Database::sqlite(), directory());
    let copy = copies.path().join("copy.db");
    check_fails(&missing.url(), &copy, &["does not exist", &missing.url()]);
    check_fails("sqlite://:memory:", &copy, &["in-memory"]);
    check_fails("postgres://roster:s3cr3t@127.0.0.1:1/roster", &copy, &["pg_dump"]);
    let url = missing.url();
    for url in [url.as_str(), "sqlite://:memory:"] {
        let output = renew_epochs(url).expect_code(1);
        assert!(output.error_line().contains(&format!("the database {url} does not exist")), "{output:#?}");
    }
    assert!(!missing.file().expect("SQLite has a file").exists());
    assert_eq!(file_names(copies.path()), Vec::<String>::new());
}

#[test]
fn a_failed_backup_leaves_no_file() {
    let (database, copies) = (migrated(), directory());
    let url = database.url();
    check_fails(&url, &copies.path().join("no/such/copy.db"), &["cannot create", "no/such/copy.db"]);
    // Not even root can create a file there.
    check_fails(&url, Path::new("/proc/copy.db"), &["cannot create", "/proc/copy.db"]);
    let broken = copies.path().join("broken.db");
    fs::write(&broken, "Dear diary, this is no database. ".repeat(100)).expect("the file is written");
    let broken_url = format!("sqlite://{}", broken.display());
    check_fails(&broken_url, &copies.path().join("copy.db"), &["not a database"]);

    // Limits files to 64 KiB, which has the effect of a full disk.
    let limited = format!("trap '' XFSZ; ulimit -f 64; exec {} backup copy.db", env!("CARGO_BIN_EXE_roster"));
    let mut command = in_empty_environment("bash", copies.path());
    let output = run(command.args(["-c", &limited]).env("DATABASE_URL", &url), LIMIT).expect_code(1);
    assert!(output.error_line().contains("cannot copy"), "{output:#?}");
    assert_eq!(file_names(copies.path()), ["broken.db"]);
    backup(&url, &copies.path().join("copy.db")).expect_success();
}

fn clients_see_a_renewed_epoch_at_once(database: &Database) {
    let server = Server::builder(&database.url()).start();
    block_on(async {
        let client = Client::new(&server);
        client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201);
        let epochs = async || {
            let (default, acme) = (State::read(&client).await, State::read(&client.in_tenant("acme")).await);
            [default.epoch, acme.epoch]
        };
        let before = epochs().await;
        assert_eq!(renew_epochs(&database.url()).expect_success().stdout, "epochs renewed: 2\n");
        let after = epochs().await;
        let names: BTreeSet<_> = before.iter().chain(&after).map(ToString::to_string).collect();
        assert_eq!(names.len(), 4, "{before:?} {after:?}");
        assert_eq!(epochs().await, after);
    });
}
