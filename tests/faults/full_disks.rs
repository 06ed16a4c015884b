//! A disk without space for the database. `process::full_disk` has further tests with failing system calls.

use crate::faults::disk::Disk;
use crate::faults::subject::{Affected, Subject};
use crate::process::cluster::Cluster;
use crate::support::block_on;
use crate::support::database::on_both_engines;
use crate::support::sql::Sql;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

on_both_engines!(SmallDatabase: a_full_disk_refuses_writes_and_no_reads);

/// A database on a disk of 32 MiB.
struct SmallDatabase {
    url: String,
    /// The PostgreSQL server, whose other files are on another disk.
    _cluster: Option<Cluster>,
    disk: Disk,
}

impl SmallDatabase {
    fn sqlite() -> Self {
        let disk = Disk::mount("32m");
        let url = format!("sqlite://{}", disk.path().join("roster.db").display());
        Self { url, _cluster: None, disk }
    }

    fn postgres() -> Self {
        let (cluster, disk) = (Cluster::start(), Disk::mount("32m"));
        let directory = disk.path().join("tablespace");
        fs::create_dir(&directory).expect("the directory is created");
        let owner = fs::metadata(cluster.data()).expect("the directory exists");
        chown(&directory, Some(owner.uid()), Some(owner.gid())).expect("the owner is set");
        let mut sql = Sql::open(cluster.url());
        sql.execute(&format!("CREATE TABLESPACE small LOCATION '{}'", directory.display()));
        sql.execute("CREATE DATABASE small TABLESPACE small");
        let (server, _) = cluster.url().rsplit_once('/').expect("the URL names a database");
        let url = format!("{server}/small");
        Self { url, _cluster: Some(cluster), disk }
    }
}

/// Space that was allocated before can still be used, so not every write is refused.
fn a_full_disk_refuses_writes_and_no_reads(database: &SmallDatabase) {
    block_on(async {
        let subject = Subject::start(&database.url).await;
        database.disk.fill();
        let large = json!({ "text": random_text(15_000) });
        let mut refused = None;
        for number in 0..500 {
            let user = json!({ "userName": format!("large-{number}"), "custom": large });
            let response = subject.client.post("/users", &user).send().await;
            if response.code() != 201 {
                refused = Some(response.expect(503));
                break;
            }
        }
        let refused = refused.expect("the disk is full").json();
        let detail = "The disk of the database is full. Nothing was done; retry later.";
        assert_eq!((&refused["code"], &refused["detail"]), (&json!("database-unavailable"), &json!(detail)));
        let reason = subject.check_fault(Affected::SomeWrites).await;
        assert_eq!(reason, "The disk of the database is full.");
        database.disk.free();
        subject.check_recovery().await;
    });
}

/// Without space for its write-ahead log, PostgreSQL ends, and cannot start again before there is space.
#[test]
fn a_full_disk_of_the_log_of_postgres_loses_no_write() {
    let mut cluster = Cluster::start_with(&["min_wal_size=32MB", "max_wal_size=32MB"]);
    let disk = Disk::mount("80m");
    cluster.move_log(disk.path());
    block_on(async {
        let subject = Subject::start(cluster.url()).await;
        disk.fill();
        let large = json!({ "text": random_text(15_000) });
        let mut number = 0;
        while subject.ready().await.code() == 200 {
            number += 1;
            assert!(number < 2_000, "the server is ready although the log of the database has no space");
            let user = json!({ "userName": format!("large-{number}"), "custom": large });
            let response = subject.client.post("/users", &user).send().await;
            assert!([201, 503, 504].contains(&response.code()), "{}", response.text());
        }
        subject.send().await;
        disk.free();
        cluster.start_if_ended();
        subject.check_recovery().await;
    });
}

/// Text that PostgreSQL cannot compress much.
fn random_text(length: usize) -> String {
    (0..length / 32).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect()
}
