//! `roster restore`: what it puts in place and keeps, what it refuses, and kills at every step.

use crate::process::backup::{State, backup, create, directory, sql};
use crate::support::block_on;
use crate::support::command::{CommandOutput, roster, run};
use crate::support::database::Database;
use crate::support::http::Client;
use crate::support::server::Server;
use crate::support::{file_names, repository_root};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

fn restore(url: &str, file: &Path) -> CommandOutput {
    run(roster(Path::new("/")).arg("restore").arg(file).env("DATABASE_URL", url), LIMIT)
}

fn url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

const USERS: &str = "SELECT user_name AS line FROM users ORDER BY 1";
const EPOCHS: &str = "SELECT hex(epoch) AS line FROM heads ORDER BY tenant_id";
const INTEGRITY: &str = "SELECT integrity_check AS line FROM pragma_integrity_check";

/// A database of a server that was killed, so its write-ahead log contains writes, and an older backup of it.
struct Killed {
    database: Database,
    file: PathBuf,
    copies: TempDir,
    backup: PathBuf,
}

impl Killed {
    /// The backup contains the user `ada`, and the database also contains `eve`.
    fn new() -> Self {
        let (database, copies) = (Database::sqlite(), directory());
        let (file, backup_file) =
            (database.file().expect("SQLite has a file"), copies.path().join("copy.db"));
        let mut server = Server::builder(&database.url()).start();
        block_on(async {
            let client = Client::new(&server);
            client.post("/tenants", &json!({ "name": "acme" })).send().await.expect(201);
            create(&client, &["ada"]).await;
            backup(&database.url(), &backup_file).expect_success();
            create(&client, &["eve"]).await;
        });
        server.kill();
        Self { database, file, copies, backup: backup_file }
    }

    fn home(&self) -> &Path {
        self.file.parent().expect("the file is in a directory")
    }

    fn restore(&self) -> CommandOutput {
        restore(&self.database.url(), &self.backup)
    }

    /// The names and contents of the database's files. SQLite's shared memory is not content.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let names = file_names(self.home()).into_iter().filter(|name| !name.ends_with("-shm"));
        names.map(|name| (name.clone(), fs::read(self.home().join(name)).expect("the file exists"))).collect()
    }

    /// Checks that restoring `backup` fails with a line that contains all of `words`, and changes nothing.
    #[track_caller]
    fn check_fails(&self, url: &str, backup: &Path, words: &[&str]) {
        let before = self.files();
        let output = restore(url, backup).expect_code(1);
        let line = output.error_line();
        assert!(words.iter().all(|word| line.contains(word)), "{words:?}: {line}");
        assert_eq!(output.stdout, "");
        assert!(self.files() == before, "{words:?}: {:?}", file_names(self.home()));
    }
}

#[test]
fn a_restored_backup_has_the_old_state_and_a_new_epoch() {
    let killed = Killed::new();
    let url = killed.database.url();
    let mut server = Server::builder(&url).start();
    let lost = block_on(State::read(&Client::new(&server)));
    server.kill();
    let output = killed.restore().expect_success();
    let kept = output.stdout.strip_prefix("epochs renewed: 2\nreplaced database: ").expect("the output");
    let kept = Path::new(kept.trim_end());
    let name = kept.file_name().and_then(|name| name.to_str()).expect("the path has a name");
    assert!(name.starts_with("roster.db.replaced-2"), "{name}");
    assert_eq!(file_names(killed.home()), ["roster.db", "roster.db.lock", name]);
    assert_eq!(sql(kept).lines(USERS), ["ada", "eve"]);

    let mut server = Server::builder(&url).start();
    block_on(async {
        let client = Client::new(&server);
        let restored = State::read(&client).await;
        assert_eq!(restored.users[0]["userName"], "ada");
        assert_eq!(restored.users[1], json!(null));
        assert_ne!(restored.epoch, lost.epoch);
        // A follower's position is ahead of the restored history, so it receives 410.
        let gone = client.get(&format!("/changes?after={}", lost.head)).send().await.expect(410).json();
        assert_eq!((&gone["code"], &gone["head"]), (&"gone".into(), &restored.head));
        assert_eq!(gone["epoch"], restored.epoch);
        create(&client, &["eve"]).await;
        assert_eq!(State::read(&client).await.head, lost.head, "the revision is reused in the new epoch");
    });
    server.stop(LIMIT);
    assert_eq!(sql(&killed.file).lines(INTEGRITY), ["ok"]);
    assert_ne!(sql(&killed.file).lines(EPOCHS)[1], sql(&killed.backup).lines(EPOCHS)[1]);
}

#[test]
fn a_database_in_use_is_not_replaced() {
    let killed = Killed::new();
    let url = killed.database.url();
    let mut server = Server::builder(&url).start();
    let output = killed.restore().expect_code(1);
    assert!(output.error_line().contains("another server uses the database"), "{output:#?}");
    block_on(create(&Client::new(&server), &["bob"]));
    server.stop(LIMIT);
    let mut other = sql(&killed.file);
    other.execute("BEGIN; SELECT count(*) FROM users");
    let output = killed.restore().expect_code(1);
    assert!(output.error_line().contains("database is locked; stop every process"), "{output:#?}");
    drop(other);
    assert_eq!(sql(&killed.file).lines(USERS), ["ada", "bob", "eve"]);
    assert_eq!(file_names(killed.home()), ["roster.db", "roster.db.lock"]);
    killed.restore().expect_success();
}

#[test]
fn only_intact_backups_of_roster_are_restored() {
    let killed = Killed::new();
    let (database, path) = (killed.database.url(), |name: &str| killed.copies.path().join(name));
    let changed = |name: &str, statement: &str| {
        fs::copy(&killed.backup, path(name)).expect("the backup is copied");
        sql(&path(name)).execute(statement);
        path(name)
    };
    fs::write(path("notes"), "Dear diary, this is no database. ".repeat(100)).expect("the file is written");
    fs::write(path("empty"), "").expect("the file is written");
    sql(&path("other")).execute("CREATE TABLE users (id INTEGER)");
    let mut bytes = fs::read(&killed.backup).expect("the backup exists");
    let last_page = bytes.len() - 4096;
    bytes[last_page..].fill(0xaa);
    fs::write(path("holes"), bytes).expect("the file is written");
    let newer =
        changed("newer", "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')");
    let live = changed("live", "PRAGMA journal_mode = WAL");
    fs::write(path("live-wal"), "a part of the content").expect("the file is written");

    for (file, words) in [
        (path("missing"), &["cannot open", "missing"][..]),
        (path(""), &["directory"]),
        (path("notes"), &["notes", "not a database"]),
        (path("empty"), &["empty", "not a database of Roster"]),
        (path("other"), &["other", "not a database of Roster"]),
        (path("holes"), &["holes", "it is damaged"]),
        (newer, &["newer", "29991231000001"]),
        (live, &["live-wal", "not a backup"]),
        (killed.file.clone(), &["is the database itself"]),
    ] {
        killed.check_fails(&database, &file, words);
    }
    killed.check_fails("sqlite://:memory:", &killed.backup, &["in-memory"]);
    let postgres = "postgres://roster:s3cr3t@127.0.0.1:1/roster";
    killed.check_fails(postgres, &killed.backup, &["pg_restore", "`roster epoch renew`"]);
    killed.restore().expect_success();
}

#[test]
fn a_lost_database_is_restored() {
    let killed = Killed::new();
    fs::remove_file(&killed.file).expect("the file is deleted");
    // SQLite would apply this log to the restored database.
    killed.check_fails(&killed.database.url(), &killed.backup, &["roster.db-wal", "another database"]);
    fs::remove_file(killed.home().join("roster.db-wal")).expect("the file is deleted");
    assert_eq!(killed.restore().expect_success().stdout, "epochs renewed: 2\n");
    assert_eq!(sql(&killed.file).lines(USERS), ["ada"]);
}

#[test]
fn an_erasure_in_the_backup_is_completed() {
    let killed = Killed::new();
    // The state after the deletion of the user and before the removal of its values from the history.
    sql(&killed.backup).execute(
        "INSERT INTO erasures (tenant_id, user_id, version, time, actor_type, actor_id, request_id, \
         responses_through, redacted) SELECT tenant_id, id, 2, 0, 'key', 'x', 'y', 0, 0 FROM users; \
         DELETE FROM users; UPDATE heads SET users = 0",
    );
    killed.restore().expect_success();
    let _server = Server::builder(&killed.database.url()).start();
    let mut sql = sql(&killed.file);
    sql.wait_for_number("SELECT count(*) AS number FROM erasures", 0, LIMIT);
    let values = "SELECT count(*) AS number FROM changes WHERE after LIKE '%ada%'";
    let erased = "SELECT count(*) AS number FROM changes WHERE type = 'user.erased'";
    assert_eq!((sql.number(values), sql.number(erased)), (0, 1));
}

/// A library between the command and the kernel kills the command before each call that changes or syncs a file.
#[test]
fn a_kill_at_any_step_leaves_the_old_or_the_restored_database() {
    let killed = Killed::new();
    let library = killed.copies.path().join("kill_at.so");
    let source = repository_root().join("tests/process/kill_at.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(built.expect("cc runs").success());
    let (files, old_epochs) = (killed.files(), sql(&killed.backup).lines(EPOCHS));
    assert!(!files["roster.db-wal"].is_empty());
    let (mut kept, mut restored) = (0, 0);
    for step in 1.. {
        let home = directory();
        for (name, bytes) in &files {
            fs::write(home.path().join(name), bytes).expect("the copy is written");
        }
        let file = home.path().join("roster.db");
        let mut command = roster(Path::new("/"));
        command.arg("restore").arg(&killed.backup).env("DATABASE_URL", url(&file));
        let output = run(command.env("LD_PRELOAD", &library).env("KILL_AT", step.to_string()), LIMIT);
        let mut database = sql(&file);
        assert_eq!(database.lines(INTEGRITY), ["ok"], "step {step}");
        let epochs = database.lines(EPOCHS);
        match database.lines(USERS).len() {
            2 => {
                assert_eq!(epochs, old_epochs, "step {step}");
                kept += 1;
            }
            1 => {
                assert!(epochs.iter().all(|epoch| !old_epochs.contains(epoch)), "step {step}");
                restored += 1;
            }
            users => panic!("step {step}: {users} users"),
        }
        drop(database);
        if output.code == Some(0) {
            break;
        }
        // Each repetition takes as long as the command itself.
        if step % 4 != 0 {
            continue;
        }
        restore(&url(&file), &killed.backup).expect_success();
        assert_eq!(sql(&file).lines(USERS), ["ada"], "step {step}");
        let names = file_names(home.path());
        assert!(!names.iter().any(|name| name.contains("restoring")), "step {step}: {names:?}");
    }
    assert!(kept > 10 && restored > 1, "{kept} kills before the replacement, {restored} after it");
}
