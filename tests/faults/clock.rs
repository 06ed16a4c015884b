//! The clock of the server is set back by an hour, and forward again, while the server runs. libfaketime changes what the
//! process reads from the clock; as in reality, the monotonic clock continues.

use crate::faults::subject::{Subject, builder};
use crate::support::api::{path, text};
use crate::support::block_on;
use crate::support::database::{Database, on_both_engines};
use crate::support::http::Client;
use crate::support::server::Builder;
use roster::domain::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

on_both_engines! {
    Database:
    times_and_revisions_increase_when_the_clock_is_set_back,
    lists_continue_when_the_clock_is_set_back,
    keys_follow_the_clock_and_revocations_do_not,
}

/// A clock that a test can shift.
struct Clock(TempDir);

impl Clock {
    fn new() -> Self {
        let clock = Self(tempfile::tempdir().expect("the temporary directory is created"));
        clock.shift("+0");
        clock
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("shift")
    }

    /// Shifts the clock from the real time, for example by `-1h`.
    fn shift(&self, by: &str) {
        let new = self.0.path().join("new");
        fs::write(&new, by).expect("the file is written");
        fs::rename(&new, self.file()).expect("the file is renamed");
    }

    /// Builds a server with this clock.
    fn builder(&self, url: &str) -> Builder {
        builder(url)
            .env("LD_PRELOAD", &library())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file().display().to_string())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
    }
}

/// The path of libfaketime, which depends on the architecture.
fn library() -> String {
    let directories = fs::read_dir("/usr/lib").expect("the directory exists").flatten();
    let mut libraries = directories.map(|entry| entry.path().join("faketime/libfaketime.so.1"));
    let found = libraries.find(|path| path.exists()).expect("libfaketime is installed");
    found.display().to_string()
}

fn time(value: &Value) -> Timestamp {
    Timestamp::parse(text(value)).expect("the value is a time")
}

async fn create(client: &Client, name: &str) -> Value {
    let create = client.post("/users", &json!({ "userName": name })).header("idempotency-key", name);
    create.send().await.expect(201).json()
}

/// Creates a user, which proves that the clock of the server is an hour before this user's creation.
async fn create_an_hour_before(client: &Client, user: &Value) -> Value {
    let created = create(client, "earlier").await;
    let limit = time(&user["createdAt"]).minus(Duration::from_secs(50 * 60));
    assert!(time(&created["createdAt"]) < limit, "the clock was not set back: {created}");
    created
}

fn times_and_revisions_increase_when_the_clock_is_set_back(database: &Database) {
    block_on(async {
        let clock = Clock::new();
        let subject = Subject::start_with(clock.builder(&database.url()), &database.url()).await;
        let client = &subject.client;
        let user = create(client, "ada").await;
        let mut updated = time(&user["updatedAt"]);
        for (round, shift) in ["-1h", "+0", "+1h", "-1h"].into_iter().enumerate() {
            clock.shift(shift);
            if round == 0 {
                create_an_hour_before(client, &user).await;
            }
            let patched =
                client.patch(&path(&user), &json!({ "title": shift, "nickName": round.to_string() }));
            let patched = patched.send().await.expect(200).json();
            assert_eq!(patched["version"], round + 2);
            assert!(time(&patched["updatedAt"]) > updated, "{patched}");
            updated = time(&patched["updatedAt"]);
            subject.ready().await.expect(200);
            // A repeated request is recognized.
            let repeated =
                client.post("/users", &json!({ "userName": "ada" })).header("idempotency-key", "ada");
            let repeated = repeated.send().await.expect(201);
            assert_eq!(repeated.header("idempotency-replayed"), Some("true"));
            check_feed(client).await;
        }
        check_poll(client).await;
        subject.check_recovery().await;
    });
}

/// Checks that revisions have no gaps, and that the times of each resource's changes increase.
async fn check_feed(client: &Client) {
    let feed = client.get("/changes?after=0&limit=500").send().await.expect(200).json();
    let items = feed["items"].as_array().expect("the feed has items");
    let mut times = std::collections::HashMap::new();
    for (index, change) in items.iter().enumerate() {
        assert_eq!(change["revision"], index + 1);
        let at = time(&change["time"]);
        let previous = times.insert(text(&change["id"]), at);
        assert!(previous.is_none_or(|previous| previous < at), "{change}");
    }
}

/// Checks that a poll waits as long as it should.
async fn check_poll(client: &Client) {
    let head = client.get("/changes?after=0&limit=1").send().await.expect(200).json()["head"].clone();
    let began = Instant::now();
    client.get(&format!("/changes?after={head}&wait=1")).send().await.expect(200);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(10), "{took:?}");
}

fn lists_continue_when_the_clock_is_set_back(database: &Database) {
    block_on(async {
        let clock = Clock::new();
        let subject = Subject::start_with(clock.builder(&database.url()), &database.url()).await;
        let client = &subject.client;
        let mut last = Value::Null;
        for number in 0..5 {
            last = create(client, &number.to_string()).await;
        }
        let expected = client.get("/users").send().await.expect(200).json()["items"].clone();
        let mut page = client.get("/users?limit=2").send().await.expect(200).json();
        let mut walked = page["items"].as_array().expect("the page has items").clone();
        clock.shift("-1h");
        create_an_hour_before(client, &last).await;
        while let Some(cursor) = page["nextCursor"].as_str() {
            page = client.get(&format!("/users?limit=2&cursor={cursor}")).send().await.expect(200).json();
            walked.extend(page["items"].as_array().expect("the page has items").clone());
        }
        assert_eq!(Value::from(walked), expected, "users that exist during the whole walk are returned once");
        let all = client.get("/users?sort=createdAt").send().await.expect(200).json();
        let names: BTreeSet<_> =
            all["items"].as_array().unwrap().iter().map(|user| text(&user["userName"])).collect();
        assert!(names.contains("earlier") && names.len() == expected.as_array().unwrap().len() + 1);
        subject.check_recovery().await;
    });
}

fn keys_follow_the_clock_and_revocations_do_not(database: &Database) {
    block_on(async {
        let clock = Clock::new();
        let subject = Subject::start_with(clock.builder(&database.url()), &database.url()).await;
        let client = &subject.client;
        let key = async |minutes: u64| {
            let expiry =
                roster::clock::Clock::system().now().plus(Duration::from_secs(minutes * 60)).to_string();
            let key = client.post("/keys", &json!({ "role": "reader", "expiresAt": expiry }));
            key.send().await.expect(201).json()
        };
        let (valid, revoked, expiring) = (key(300).await, key(300).await, key(30).await);
        let status =
            async |key: &Value| client.with_key(text(&key["secret"])).get("/users").send().await.code();
        let revoke = async |key: &Value| {
            client.delete(&format!("/keys/{}", text(&key["id"]))).send().await.expect(204);
        };
        revoke(&revoked).await;
        for shift in ["-1h", "+0", "+1h"] {
            clock.shift(shift);
            let expected = if shift == "+1h" { 401 } else { 200 };
            assert_eq!(status(&expiring).await, expected, "{shift}");
            assert_eq!((status(&valid).await, status(&revoked).await), (200, 401), "{shift}");
        }
        clock.shift("-1h");
        revoke(&valid).await;
        assert_eq!(status(&valid).await, 401);
        subject.check_recovery().await;
    });
}
