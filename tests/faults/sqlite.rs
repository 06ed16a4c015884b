//! The file of a SQLite database is locked, read-only or damaged. `process::sqlite_files` has tests with deleted and
//! replaced files, and `process::startup` with files that are no database.

use crate::faults::disk::Disk;
use crate::faults::subject::{Affected, Subject, builder};
use crate::process::full_disk::build_library;
use crate::support::block_on;
use crate::support::command::{CommandOutput, roster, run};
use crate::support::database::{Database, Engine};
use crate::support::http::Client;
use crate::support::server::Server;
use serde_json::json;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

fn file(database: &Database) -> PathBuf {
    database.file().expect("SQLite has a file")
}

/// The output of a command that must fail.
#[track_caller]
fn failure(arguments: &[&str], url: &str) -> CommandOutput {
    let mut command = roster(Path::new("/"));
    command.args(arguments).env("DATABASE_URL", url).env("ROSTER_LISTEN", "127.0.0.1:0");
    run(&mut command, LIMIT).expect_code(1)
}

/// Overwrites bytes of a file.
fn overwrite(file: &Path, offset: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(file).expect("the file opens");
    file.seek(SeekFrom::Start(offset)).expect("the file is seekable");
    file.write_all(bytes).expect("the bytes are written");
}

const PAGE: usize = 4096;

/// The offset of the first page of a table.
fn page_of(database: &Database, table: &str) -> u64 {
    let root = format!("SELECT rootpage AS number FROM sqlite_schema WHERE name = '{table}'");
    let pages = u64::try_from(database.sql().number(&root)).expect("the number is positive");
    (pages - 1) * PAGE as u64
}

#[test]
fn a_lock_of_another_process_refuses_writes_and_no_reads() {
    block_on(async {
        let database = Database::sqlite();
        let subject = Subject::start(&database.url()).await;
        let mut other = database.sql();
        other.execute("BEGIN IMMEDIATE");
        subject.check_fault(Affected::Writes).await;
        other.execute("ROLLBACK");
        subject.check_recovery().await;
    });
}

/// The kernel makes a file system read-only when its device fails.
#[test]
fn a_file_system_that_becomes_read_only_refuses_writes_and_no_reads() {
    block_on(async {
        let (database, directory) =
            (Database::sqlite(), tempfile::tempdir().expect("the directory is created"));
        let (library, switch) = (build_library(directory.path()), directory.path().join("read-only"));
        let server = builder(&database.url()).env("LD_PRELOAD", &library);
        let server = server.env("READ_ONLY", &switch.display().to_string());
        let subject = Subject::start_with(server, &database.url()).await;
        fs::write(&switch, "").expect("the file is written");
        subject.check_fault(Affected::Writes).await;
        fs::remove_file(&switch).expect("the file is deleted");
        subject.check_recovery().await;
    });
}

/// The process may not ignore the mode of a file, as root otherwise may.
#[test]
fn a_read_only_file_is_reported_at_startup() {
    let database = Database::migrated(Engine::Sqlite);
    fs::set_permissions(file(&database), Permissions::from_mode(0o400)).expect("the mode is set");
    let server = format!("DATABASE_URL='{}' setpriv --bounding-set=-dac_override roster", database.url());
    let mut server = Server::from_shell_command(&server).spawn();
    assert_eq!(server.wait(LIMIT).code(), Some(1));
    assert!(server.log().contains("attempt to write a readonly database"), "{}", server.log());
}

#[test]
fn a_read_only_file_system_is_reported_at_startup() {
    let disk = Disk::mount("8m");
    let url = format!("sqlite://{}", disk.path().join("roster.db").display());
    for is_new in [true, false] {
        if !is_new {
            let mut server = Server::builder(&url).start();
            server.stop(LIMIT);
        }
        disk.set_read_only(true);
        for command in ["serve", "migrate"] {
            let output = failure(&[command], &url);
            let line = output.error_line();
            assert!(line.contains("Read-only file system") || line.contains("unable to open"), "{line}");
        }
        disk.set_read_only(false);
    }
    block_on(async { Subject::start(&url).await.check_recovery().await });
}

#[test]
fn damage_at_startup_is_reported_and_changes_no_file() {
    let database = Database::sqlite();
    block_on(Subject::start(&database.url())).server.stop(LIMIT);
    let (file, intact) = (file(&database), fs::read(file(&database)).expect("the file can be read"));
    let damaged = |change: &dyn Fn()| {
        fs::write(&file, &intact).expect("the file is written");
        change();
        fs::read(&file).expect("the file can be read")
    };
    let truncate = |length: usize| fs::write(&file, &intact[..length]).expect("the file is written");
    let needed_at_startup = [
        damaged(&|| overwrite(&file, 0, &[7; 100])),
        damaged(&|| truncate(50)),
        damaged(&|| truncate(10 * PAGE)),
        damaged(&|| truncate(intact.len() - PAGE)),
    ];
    let needed_later = damaged(&|| overwrite(&file, page_of(&database, "heads"), &[7; PAGE]));
    let check = |damage: &[u8], command| {
        fs::write(&file, damage).expect("the file is written");
        let output = failure(&[command], &database.url());
        let line = output.error_line();
        assert!(line.contains("malformed") || line.contains("not a database"), "{line}");
        assert!(fs::read(&file).expect("the file can be read") == damage, "the file was changed");
    };
    for damage in &needed_at_startup {
        for command in ["serve", "migrate", "check"] {
            check(damage, command);
        }
    }
    check(&needed_later, "check");
    fs::write(&file, &intact).expect("the file is written");
    let server = Server::builder(&database.url()).start();
    block_on(async { Client::new(&server).get("/readyz").send().await.expect(200) });
}

/// A server does not read every page when it starts.
#[test]
fn a_damaged_page_is_reported_when_it_is_read() {
    block_on(async {
        let database = Database::sqlite();
        let mut subject = Subject::start(&database.url()).await;
        let group =
            subject.client.post("/groups", &json!({ "displayName": "A" })).send().await.expect(201).json();
        subject.server.stop(LIMIT);
        let (file, intact) = (file(&database), fs::read(file(&database)).expect("the file can be read"));
        let page = page_of(&database, "users");
        subject.restart_with(builder(&database.url()));
        subject.ready().await.expect(200);
        overwrite(&file, page, &[7; PAGE]);
        let reason = subject.check_fault(Affected::Everything).await;
        assert_eq!(reason, "The database is damaged. Stop the server and restore a backup.");
        let list = subject.client.get("/users").send().await.expect(503).json();
        assert_eq!(list["detail"], "The database is damaged. Nothing was done; retry later.");
        // What does not need the page still works.
        let group = format!("/groups/{}", group["id"].as_str().expect("the group has an id"));
        subject.client.get(&group).send().await.expect(200);
        let line = subject.server.wait_for_log("stop the server and restore a backup", LIMIT);
        assert!(line.contains("ERROR"), "{line}");
        subject.server.kill();
        fs::write(&file, &intact).expect("the file is written");
        for suffix in ["-wal", "-shm"] {
            drop(fs::remove_file(format!("{}{suffix}", file.display())));
        }
        subject.restart_with(builder(&database.url()));
        subject.check_recovery().await;
    });
}

/// An unfinished write at the end of the log, as after a power failure.
#[test]
fn garbage_at_the_end_of_the_write_ahead_log_loses_no_write() {
    block_on(async {
        let database = Database::sqlite();
        let mut subject = Subject::start(&database.url()).await;
        subject.send().await;
        subject.server.kill();
        let log = format!("{}-wal", file(&database).display());
        let length = fs::metadata(&log).expect("the log exists").len();
        assert!(length > 0, "the log contains the writes");
        overwrite(Path::new(&log), length, &[7; 3 * PAGE + 100]);
        subject.restart_with(builder(&database.url()));
        subject.check_recovery().await;
    });
}

/// SQLite ignores a log that it cannot read. The database is then as it was at the last checkpoint.
#[test]
fn a_destroyed_write_ahead_log_leaves_a_consistent_database() {
    block_on(async {
        let database = Database::sqlite();
        let mut subject = Subject::start(&database.url()).await;
        subject.server.stop(LIMIT);
        subject.restart_with(builder(&database.url()));
        subject.client.post("/groups", &json!({ "displayName": "in the log" })).send().await.expect(201);
        subject.server.kill();
        let log = format!("{}-wal", file(&database).display());
        let length = fs::metadata(&log).expect("the log exists").len();
        overwrite(Path::new(&log), 0, &vec![7; usize::try_from(length).expect("the log is small")]);
        subject.restart_with(builder(&database.url()));
        subject.check_recovery().await;
    });
}
