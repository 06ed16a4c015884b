//! Copies of a SQLite database that is being written, their way back, and what is told where there can be none.

use crate::process::crew::check_history;
use crate::process::database::{Database, on_both_engines};
use crate::support::command::{Ended, in_empty_environment, roster, run};
use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const LIMIT: Duration = Duration::from_secs(60);

on_both_engines!(a_renewed_epoch_is_told_at_once);

/// A directory for copies.
struct Shelf(TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn place(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The names of all that is there.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("a directory");
        let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a name in UTF-8");
        let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
        names.sort();
        names
    }
}

fn backup(url: &str, file: &Path) -> Ended {
    run(roster(Path::new("/")).arg("backup").arg(file).env("DATABASE_URL", url), LIMIT)
}

fn renew_epochs(url: &str) -> Ended {
    run(roster(Path::new("/")).args(["epoch", "renew"]).env("DATABASE_URL", url), LIMIT)
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

fn sql(file: &Path) -> Sql {
    Sql::open(&format!("sqlite://{}", file.display()))
}

const WRITERS: usize = 16;
const COPIES: usize = 5;
/// So many users are created before each copy, and after the last one.
const BETWEEN: usize = 200;

/// A database in a directory whose name SQLite takes from a URL only when it is encoded.
#[test]
fn a_copy_of_what_is_being_written_has_all_that_was_answered() {
    let (home, shelf) = (Shelf::new(), Shelf::new());
    fs::create_dir(home.place("of ours")).expect("a directory");
    let url = format!("sqlite://{}/roster.db", home.place("of%20ours").display());
    let server = Server::builder(&url).start();
    let (written, copies) = runtime().block_on(async {
        let writers = Writers::send_in(&Client::new(&server));
        let mut copies = Vec::new();
        for number in 0..COPIES {
            writers.wait_for(BETWEEN * (number + 1)).await;
            let (url, file) = (url.clone(), shelf.place(&format!("{number}.db")));
            let made = tokio::task::spawn_blocking(move || {
                let begun = Instant::now();
                let ended = backup(&url, &file).ok();
                assert_eq!(ended.stdout, format!("{} bytes\n", fs::metadata(&file).expect("a file").len()));
                (begun, file)
            });
            copies.push(made.await.expect("a copy"));
        }
        writers.wait_for(BETWEEN * (COPIES + 1)).await;
        (writers.call_back().await, copies)
    });
    assert_eq!(shelf.names(), ["0.db", "1.db", "2.db", "3.db", "4.db"], "copies, and nothing beside them");
    for (begun, file) in copies {
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        check_copy(&mut sql(&file), begun, &written);
    }
}

/// Compares a copy with what the writers were told, and when.
fn check_copy(copy: &mut Sql, begun: Instant, written: &BTreeMap<String, Instant>) {
    assert_eq!(copy.lines("SELECT integrity_check AS line FROM pragma_integrity_check"), ["ok"]);
    let names = copy.lines("SELECT user_name AS line FROM users");
    let unique: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(unique.len(), names.len(), "a user is there twice");
    let before: BTreeSet<_> =
        written.iter().filter(|(_, answered)| **answered < begun).map(|(name, _)| name.clone()).collect();
    assert!(before.len() >= BETWEEN);
    assert_eq!(
        before.difference(&unique).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "answered, and not there"
    );
    assert!(unique.iter().all(|name| written.contains_key(name)), "never created");
    check_history(copy);
    let revisions = copy.lines("SELECT CAST(revision AS text) AS line FROM changes ORDER BY revision");
    let expected: Vec<_> = (1..=names.len()).map(|revision| revision.to_string()).collect();
    assert_eq!(revisions, expected);
}

/// Clients that create users until they are called back.
struct Writers {
    tasks: JoinSet<Vec<(String, Instant)>>,
    done: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Writers {
    fn send_in(client: &Client) -> Self {
        let mut writers = Self { tasks: JoinSet::new(), done: Arc::default(), stop: Arc::default() };
        for writer in 0..WRITERS {
            let (client, done, stop) = (client.clone(), writers.done.clone(), writers.stop.clone());
            writers.tasks.spawn(async move {
                let mut written = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let name = format!("user {writer} {}", written.len());
                    // Large enough for a copy to take a while.
                    let body = json!({ "userName": name, "custom": { "note": "x".repeat(8_000) } });
                    client.post("/users", &body).send().await.expect(201);
                    written.push((name, Instant::now()));
                    done.fetch_add(1, Ordering::Relaxed);
                }
                written
            });
        }
        writers
    }

    /// Waits until so many users were created.
    async fn wait_for(&self, wanted: usize) {
        let since = Instant::now();
        while self.done.load(Ordering::Relaxed) < wanted {
            assert!(since.elapsed() < LIMIT, "the writers do not come on");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Gives the names, with when the answer was there.
    async fn call_back(self) -> BTreeMap<String, Instant> {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}

#[test]
fn a_copy_put_in_place_is_the_database_again_and_followers_notice() {
    let (database, shelf) = (Database::sqlite(), Shelf::new());
    let (url, file, copy) = (database.url(), database.file().expect("a file"), shelf.place("copy.db"));
    let mut server = Server::builder(&url).start();
    let (kept, lost) = runtime().block_on(async {
        let client = Client::new(&server);
        client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201);
        create(&client, &["ada", "bob"]).await;
        backup(&url, &copy).ok();
        let kept = seen(&client).await;
        create(&client, &["eve", "mallory"]).await;
        (kept, seen(&client).await)
    });
    stop(&mut server);

    for suffix in ["-wal", "-shm"] {
        // A server that was stopped well leaves none.
        drop(fs::remove_file(format!("{}{suffix}", file.display())));
    }
    fs::rename(&copy, &file).expect("the copy is put in place");
    assert_eq!(renew_epochs(&url).ok().stdout, "2 renewed\n");

    let mut server = Server::builder(&url).start();
    runtime().block_on(async {
        let client = Client::new(&server);
        let now = seen(&client).await;
        assert_eq!((&now.users, &now.head), (&kept.users, &kept.head));
        assert!(now.epoch != kept.epoch && kept.epoch == lost.epoch);
        // Whoever followed is ahead, and told so.
        let gone = client.get(&format!("/changes?after={}", lost.head)).send().await.expect(410).json();
        assert_eq!((&gone["code"], &gone["head"], &gone["epoch"]), (&"gone".into(), &now.head, &now.epoch));
        create(&client, &["eve", "mallory"]).await;
        assert_eq!(seen(&client).await.head, lost.head, "the same revision, of another history");
    });
    stop(&mut server);
    assert_eq!(sql(&file).lines("SELECT integrity_check AS line FROM pragma_integrity_check"), ["ok"]);
}

/// What a client sees of a database.
struct Seen {
    users: Value,
    head: Value,
    epoch: Value,
}

async fn seen(client: &Client) -> Seen {
    let mut feed = client.get("/changes?after=0").send().await.expect(200).json();
    let mut users = client.get("/users").send().await.expect(200).json();
    Seen { users: users["items"].take(), head: feed["head"].take(), epoch: feed["epoch"].take() }
}

async fn create(client: &Client, names: &[&str]) {
    for name in names {
        client.post("/users", &json!({ "userName": name })).send().await.expect(201);
    }
}

fn stop(server: &mut Server) {
    server.signal("TERM");
    assert_eq!(server.wait(LIMIT).code(), Some(0), "{}", server.log());
}

/// What was erased is in no page of the copy, and the schema is there whole, as the planner's figures are.
#[test]
fn a_copy_has_live_rows_only_and_all_of_the_schema() {
    const MARK: &str = "erased-before-the-copy";
    let (database, shelf) = (Database::sqlite(), Shelf::new());
    let server = Server::builder(&database.url()).start();
    runtime().block_on(async {
        let client = Client::new(&server);
        let made = client.post("/users", &json!({ "userName": MARK })).send().await.expect(201).json();
        create(&client, &["ada"]).await;
        let path = format!("/users/{}?erase=true", made["id"].as_str().expect("an id"));
        client.delete(&path).send().await.expect(204);
    });
    let file = shelf.place("copy.db");
    backup(&database.url(), &file).ok();
    let bytes = fs::read(&file).expect("the copy");
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("ada") && !holds(MARK));
    for query in [
        "SELECT type || name || coalesce(sql, '') AS line FROM sqlite_schema ORDER BY 1",
        "SELECT tbl || idx || stat AS line FROM sqlite_stat1 ORDER BY 1",
        "SELECT version AS line FROM __diesel_schema_migrations ORDER BY 1",
    ] {
        assert_eq!(sql(&file).lines(query), database.sql().lines(query));
    }
}

/// Refused in one line that says all of `words`; nothing is made.
#[track_caller]
fn refuses(url: &str, file: &Path, words: &[&str]) {
    let ended = backup(url, file).with_code(1);
    let line = ended.only_line();
    assert!(words.iter().all(|word| line.contains(word)), "{words:?}: {line}");
    assert_eq!(ended.stdout, "");
}

/// A migrated database.
fn migrated() -> Database {
    let database = Database::sqlite();
    run(roster(Path::new("/")).arg("migrate").env("DATABASE_URL", database.url()), LIMIT).ok();
    database
}

#[test]
fn what_exists_is_never_overwritten() {
    let (database, shelf) = (migrated(), Shelf::new());
    let url = database.url();
    fs::write(shelf.place("notes"), "Dear diary").expect("a file");
    fs::create_dir(shelf.place("folder")).expect("a directory");
    symlink("nowhere", shelf.place("link")).expect("a link");
    fs::write(shelf.place("half.partial"), "half").expect("a file");
    let names = shelf.names();
    for name in ["notes", "folder", "link"] {
        refuses(&url, &shelf.place(name), &[name, "exists already"]);
    }
    refuses(&url, &database.file().expect("a file"), &["roster.db", "exists already"]);
    refuses(&url, &shelf.place("half"), &["half.partial", "another backup"]);
    assert_eq!(shelf.names(), names);
    assert_eq!(fs::read_to_string(shelf.place("notes")).expect("a text"), "Dear diary");
    assert_eq!(fs::read_to_string(shelf.place("half.partial")).expect("a text"), "half");
}

#[test]
fn what_is_not_there_is_not_made() {
    let (missing, shelf) = (Database::sqlite(), Shelf::new());
    let copy = shelf.place("copy.db");
    refuses(&missing.url(), &copy, &["does not exist", &missing.url()]);
    refuses("sqlite://:memory:", &copy, &["in memory"]);
    refuses("postgres://roster:s3cr3t@127.0.0.1:1/roster", &copy, &["pg_dump"]);
    let url = missing.url();
    for url in [url.as_str(), "sqlite://:memory:"] {
        let ended = renew_epochs(url).with_code(1);
        assert!(ended.only_line().contains(&format!("the database {url} does not exist")), "{ended:#?}");
    }
    assert!(!missing.file().expect("a file").exists());
    assert_eq!(shelf.names(), Vec::<String>::new());
}

#[test]
fn a_copy_that_fails_leaves_nothing() {
    let (database, shelf) = (migrated(), Shelf::new());
    let url = database.url();
    refuses(&url, &shelf.place("no/such/copy.db"), &["cannot create", "no/such/copy.db"]);
    // Not even root makes a file there.
    refuses(&url, Path::new("/proc/copy.db"), &["cannot create", "/proc/copy.db"]);
    let broken = shelf.place("broken.db");
    fs::write(&broken, "Dear diary, this is no database. ".repeat(100)).expect("a file");
    refuses(&format!("sqlite://{}", broken.display()), &shelf.place("copy.db"), &["not a database"]);

    // No file may have more than 64 KiB: as on a disk that is full.
    let full = format!("trap '' XFSZ; ulimit -f 64; exec {} backup copy.db", env!("CARGO_BIN_EXE_roster"));
    let mut command = in_empty_environment("bash", shelf.0.path());
    let ended = run(command.args(["-c", &full]).env("DATABASE_URL", &url), LIMIT).with_code(1);
    assert!(ended.only_line().contains("cannot copy"), "{ended:#?}");
    assert_eq!(shelf.names(), ["broken.db"]);
    backup(&url, &shelf.place("copy.db")).ok();
}

fn a_renewed_epoch_is_told_at_once(database: &Database) {
    let server = Server::builder(&database.url()).start();
    runtime().block_on(async {
        let client = Client::new(&server);
        client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201);
        let epochs = async || [seen(&client).await.epoch, seen(&client.in_tenant("acme")).await.epoch];
        let before = epochs().await;
        assert_eq!(renew_epochs(&database.url()).ok().stdout, "2 renewed\n");
        let after = epochs().await;
        let names: BTreeSet<_> = before.iter().chain(&after).map(ToString::to_string).collect();
        assert_eq!(names.len(), 4, "{before:?} {after:?}");
        assert_eq!(epochs().await, after);
    });
}
