//! Erasures that their request cannot complete: the response is 202, and a background task completes them.

use crate::process::writers::Writers;
use crate::support::block_on;
use crate::support::command::{roster, run};
use crate::support::database::{Database, on_both_engines};
use crate::support::http::{Client, Request, Response};
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinSet;

on_both_engines! {
    Database:
    an_erasure_is_completed_after_a_kill,
    no_response_denies_an_erasure_that_took_place,
    erasures_of_a_deleted_tenant_end,
}

/// Part of every value that an erasure must remove.
const SECRET: &str = "7f3a9c";

/// The id of the trace of the request.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Time limit for the background task.
const LIMIT: Duration = Duration::from_secs(30);

const INCOMPLETE: &str = "SELECT count(*) AS number FROM erasures";
const ERASED: &str = "SELECT count(*) AS number FROM changes WHERE type = 'user.erased'";
const WITH_VALUES: &str = "SELECT count(*) AS number FROM changes \
                           WHERE CAST(before AS text) LIKE '%7f3a9c%' OR CAST(after AS text) LIKE '%7f3a9c%'";

/// Creates a user and adds this many updates to its history. Returns the user's path.
async fn create(client: &Client, sql: &mut Sql, updates: usize) -> String {
    let body = json!({ "userName": SECRET, "custom": { "note": SECRET.repeat(20) } });
    let user = client.post("/users", &body).send().await.expect(201).json();
    sql.execute(&format!(
        "INSERT INTO changes (tenant_id, revision, time, actor_type, actor_id, request_id, type, resource, resource_id, \
         version, before, after, erased) \
         WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {updates}) \
         SELECT tenant_id, revision + n, time, actor_type, actor_id, request_id, 'user.updated', resource, resource_id, \
         version, after, after, erased FROM changes CROSS JOIN s; \
         UPDATE heads SET revision = revision + {updates}"
    ));
    format!("/users/{}", user["id"].as_str().expect("the user has an id"))
}

/// The request that erases a user.
fn erasure(client: &Client, path: &str) -> Request {
    let request = client.delete(&format!("{path}?erase=true")).header("x-request-id", "the-erasure");
    request.header("traceparent", &format!("00-{TRACE}-b7ad6b7169203331-01"))
}

async fn erase(client: &Client, path: &str) -> Response {
    erasure(client, path).send().await
}

/// Checks that the erasure is recorded once, as a change by its caller, and that no change has values.
async fn check_complete(client: &Client, sql: &mut Sql, path: &str) {
    let changes = format!("/changes?type=user.erased&resource={}", path.trim_start_matches("/users/"));
    let change = client.get(&changes).send().await.expect(200).json()["items"][0].clone();
    let origin = (&change["actor"]["id"], &change["requestId"], &change["traceId"]);
    assert_eq!(
        (origin, &change["version"]),
        ((&json!("admin"), &json!("the-erasure"), &json!(TRACE)), &json!(2)),
        "{change}"
    );
    assert_eq!((sql.number(ERASED), sql.number(WITH_VALUES), sql.number(INCOMPLETE)), (1, 0, 0));
    client.get(path).send().await.expect(404);
    erase(client, path).await.expect(204);
    assert_eq!(sql.number(ERASED), 1);
}

/// Whether any file of a SQLite database contains the secret.
fn files_contain_secret(file: &Path) -> bool {
    let contains = |path: &str| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
    };
    let file = file.display();
    contains(&file.to_string()) || contains(&format!("{file}-wal"))
}

/// A lock on one of the later changes of the user. The erasure has been committed in part when it reaches this change.
#[test]
fn a_locked_change_delays_only_the_erasure() {
    let database = Database::postgres();
    let server = Server::builder(&database.url()).env("ROSTER_REQUEST_DEADLINE", "1s").start();
    let (client, mut sql, mut holder) = (Client::new(&server), database.sql(), database.sql());
    block_on(async {
        let path = create(&client, &mut sql, 600).await;
        holder.execute("BEGIN; SELECT revision FROM changes WHERE revision = 590 FOR UPDATE");
        let accepted = erase(&client, &path).await.expect(202);
        assert_eq!(accepted.text(), "");
        client.get(&path).send().await.expect(404);
        assert_eq!((sql.number(ERASED), sql.number(INCOMPLETE)), (0, 1));
        client.post("/users", &json!({ "userName": "ada" })).send().await.expect(201);
        holder.execute("ROLLBACK");
        sql.wait_for_number(INCOMPLETE, 0, LIMIT);
        check_complete(&client, &mut sql, &path).await;
    });
}

/// The task completes the erasure as a change by the key that requested it.
#[test]
fn a_request_stops_erasing_when_its_key_is_revoked() {
    let database = Database::postgres();
    let server = Server::builder(&database.url()).start();
    let (admin, mut sql, mut holder) = (Client::new(&server), database.sql(), database.sql());
    block_on(async {
        let path = create(&admin, &mut sql, 1_500).await;
        let key = admin.post("/keys", &json!({ "role": "admin" })).send().await.expect(201).json();
        let [id, secret] = ["id", "secret"].map(|name| key[name].as_str().expect("the value is a string"));
        holder.execute("BEGIN; SELECT revision FROM changes WHERE revision = 590 FOR UPDATE");
        let request = admin.with_key(secret).delete(&format!("{path}?erase=true"));
        let erasing = tokio::spawn(async move { request.send().await });
        sql.wait_for_lock_waiters(1);
        admin.delete(&format!("/keys/{id}")).send().await.expect(204);
        holder.execute("ROLLBACK");
        erasing.await.expect("the request does not panic").expect(202);
        sql.wait_for_number(INCOMPLETE, 0, LIMIT);
        let erased = admin.get("/changes?type=user.erased").send().await.expect(200).json();
        assert_eq!(
            (&erased["items"][0]["actor"]["id"], sql.number(WITH_VALUES)),
            (&key["id"], 0),
            "{erased}"
        );
    });
}

/// The erasure and the creation of a user with that manager overlap: both wait for the tenant's head row, or one waits for
/// the other.
#[test]
fn no_response_stored_during_an_erasure_names_the_user() {
    let database = Database::postgres();
    let server = Server::builder(&database.url()).start();
    let (client, mut sql, mut holder) = (Client::new(&server), database.sql(), database.sql());
    block_on(async {
        for (round, (path, is_first)) in
            [("/users", true), ("/users", false), ("/scim/v2/Users", true), ("/scim/v2/Users", false)]
                .into_iter()
                .enumerate()
        {
            let manager = json!({ "userName": format!("manager{round}"), "displayName": SECRET });
            let manager = client.post("/users", &manager).send().await.expect(201).json()["id"].clone();
            let extension = match path {
                "/users" => "enterprise",
                _ => "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            };
            let user =
                json!({ "userName": format!("user{round}"), extension: { "manager": { "value": manager } } });
            let create = client.post(path, &user).header("idempotency-key", &round.to_string());
            let manager = manager.as_str().expect("the user has an id");
            let erase = client.delete(&format!("/users/{manager}?erase=true"));
            let requests = if is_first { [create, erase] } else { [erase, create] };
            holder.execute("BEGIN; SELECT revision FROM heads FOR UPDATE");
            let mut running = Vec::new();
            for request in requests {
                running.push(tokio::spawn(async move { request.send().await }));
                sql.wait_for_lock_waiters(i64::try_from(running.len()).expect("the number is small"));
            }
            holder.execute("ROLLBACK");
            for request in running {
                let response = request.await.expect("the request does not panic");
                assert!(matches!(response.code(), 201 | 204), "{}", response.text());
            }
            let named = format!("SELECT count(*) AS number FROM idempotency WHERE body LIKE '%{SECRET}%'");
            assert_eq!(sql.number(&named), 0, "{path}, creation first: {is_first}");
        }
        assert_eq!(sql.number("SELECT count(*) AS number FROM idempotency"), 4);
    });
}

/// The values remain in the write-ahead log while a reader uses it.
#[test]
fn an_open_reader_delays_only_the_erasure() {
    let database = Database::sqlite();
    let file = database.file().expect("SQLite has a file");
    // A request that waited for the reader would wait for half of the deadline.
    let start = || Server::builder(&database.url()).env("ROSTER_REQUEST_DEADLINE", "10m").start();
    let mut server = start();
    block_on(async {
        let (mut client, mut sql, mut reader) = (Client::new(&server), database.sql(), database.sql());
        let path = create(&client, &mut sql, 10).await;
        reader.execute("BEGIN; SELECT count(*) FROM users");
        for name in ["ada", "bob"] {
            erase(&client, &path).await.expect(202);
            client.post("/users", &json!({ "userName": name })).send().await.expect(201);
        }
        assert!(files_contain_secret(&file), "the reader does not keep the values");
        assert_eq!((sql.number(ERASED), sql.number(WITH_VALUES), sql.number(INCOMPLETE)), (1, 0, 1));
        server.kill();
        server = start();
        client = Client::new(&server);
        erase(&client, &path).await.expect(202);
        reader.execute("ROLLBACK");
        sql.wait_for_number(INCOMPLETE, 0, LIMIT);
        assert!(!files_contain_secret(&file));
        erase(&client, &path).await.expect(204);
    });
}

/// Also checks that a backup between the kill and the completion contains no values next to `user.erased`, and that a
/// server completes the erasure in the backup.
fn an_erasure_is_completed_after_a_kill(database: &Database) {
    let mut server = Server::builder(&database.url()).start();
    let mut sql = database.sql();
    let path = block_on(async {
        let client = Client::new(&server);
        let path = create(&client, &mut sql, 5_000).await;
        let request = erasure(&client, &path);
        let erasing = tokio::spawn(async move { request.try_send().await });
        sql.wait_for_number(INCOMPLETE, 1, LIMIT);
        server.kill();
        drop(erasing.await);
        path
    });
    assert_eq!((sql.number(ERASED), sql.number(INCOMPLETE)), (0, 1), "the erasure was not interrupted");
    assert!(sql.number(WITH_VALUES) > 0);
    let last = "SELECT max(revision) AS number FROM changes WHERE erased AND type <> 'user.deleted'";
    assert_eq!(sql.number("SELECT redacted_through AS number FROM erasures"), sql.number(last));
    // This value shows that the completion does not search the redacted changes again.
    sql.execute("UPDATE changes SET before = '{}' WHERE revision = 1");
    let copies = tempfile::tempdir().expect("the temporary directory is created");
    let copy = database.file().map(|_| copies.path().join("copy.db"));
    if let Some(copy) = &copy {
        let mut backup = roster(copies.path());
        run(backup.arg("backup").arg(copy).env("DATABASE_URL", database.url()), LIMIT).expect_success();
    }
    check_completion(&database.url(), database.file().as_deref(), &path);
    if let Some(copy) = copy {
        assert!(files_contain_secret(&copy));
        check_completion(&format!("sqlite://{}", copy.display()), Some(&copy), &path);
    }
}

/// Checks that a new server completes the erasure.
fn check_completion(url: &str, file: Option<&Path>, path: &str) {
    let server = Server::builder(url).start();
    let mut sql = Sql::open(url);
    sql.wait_for_number(INCOMPLETE, 0, LIMIT);
    assert_eq!(sql.number("SELECT count(*) AS number FROM changes WHERE before IS NOT NULL"), 1);
    block_on(check_complete(&Client::new(&server), &mut sql, path));
    assert!(!file.is_some_and(files_contain_secret));
}

/// Backups keep the write-ahead log open, so the erasure ends after the last one.
#[test]
fn no_backup_contains_values_next_to_the_erasure() {
    let (database, copies) =
        (Database::sqlite(), tempfile::tempdir().expect("the temporary directory is created"));
    let server = Server::builder(&database.url()).start();
    let (client, mut sql) = (Client::new(&server), database.sql());
    block_on(async {
        let path = create(&client, &mut sql, 5_000).await;
        let request = erasure(&client, &path);
        let erasing = tokio::spawn(async move { request.send().await });
        let mut states = Vec::new();
        while !erasing.is_finished() {
            let file = copies.path().join(format!("{}.db", states.len()));
            run(roster(copies.path()).arg("backup").arg(&file).env("DATABASE_URL", database.url()), LIMIT)
                .expect_success();
            let mut copy = Sql::open(&format!("sqlite://{}", file.display()));
            states.push((copy.number(ERASED), copy.number(WITH_VALUES)));
        }
        assert!(states.iter().all(|(erased, values)| *erased == 0 || *values == 0), "{states:?}");
        let response = erasing.await.expect("the request does not panic");
        assert!(matches!(response.code(), 202 | 204), "{}", response.text());
        sql.wait_for_number(INCOMPLETE, 0, LIMIT);
        check_complete(&client, &mut sql, &path).await;
    });
}

/// The queue is so short that most requests are refused. 503 means that the user still exists.
fn no_response_denies_an_erasure_that_took_place(database: &Database) {
    const USERS: usize = 24;
    let server = Server::builder(&database.url()).env("ROSTER_QUEUE_SIZE", "4").start();
    let (client, mut sql) = (Client::new(&server), database.sql());
    block_on(async {
        let mut paths = Vec::new();
        for number in 0..USERS {
            let body = json!({ "userName": format!("{number}-{SECRET}") });
            let user = client.post("/users", &body).send().await.expect(201).json();
            paths.push(format!("/users/{}", user["id"].as_str().expect("the user has an id")));
        }
        // Each erasure consists of several calls.
        sql.execute(&format!(
            "INSERT INTO changes (tenant_id, revision, time, actor_type, actor_id, request_id, type, resource, \
             resource_id, version, before, after, erased) \
             WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 600) \
             SELECT tenant_id, revision + n * {USERS}, time, actor_type, actor_id, request_id, 'user.updated', resource, \
             resource_id, version, after, after, erased FROM changes CROSS JOIN s; \
             UPDATE heads SET revision = 601 * {USERS}"
        ));
        let writers = Writers::start(client.clone(), USERS, LIMIT);
        let erasures: JoinSet<_> =
            paths.into_iter().map(|path| erase_until_gone(client.clone(), path)).collect();
        let refused: usize = erasures.join_all().await.into_iter().sum();
        assert!(refused > 0, "no erasure was refused");
        writers.stop_and_check(&mut sql).await;
        sql.wait_for_number(INCOMPLETE, 0, LIMIT);
        let users = i64::try_from(USERS).expect("the number is small");
        assert_eq!((sql.number(ERASED), sql.number(WITH_VALUES)), (users, 0));
    });
}

/// Repeats an erasure until it succeeds. Returns the number of refusals, after each of which the user must exist.
async fn erase_until_gone(client: Client, path: String) -> usize {
    for refused in 0.. {
        match erase(&client, &path).await.code() {
            202 | 204 => return refused,
            503 => {}
            other => panic!("{other}"),
        }
        let found = async || client.get(&path).send().await.code();
        let mut code = found().await;
        while code == 503 {
            code = found().await;
        }
        assert_eq!(code, 200, "the erasure was refused, but the user is gone");
    }
    0
}

/// The tenant of an incomplete erasure is deleted with its history, so the erasure cannot be recorded.
fn erasures_of_a_deleted_tenant_end(database: &Database) {
    let mut server = Server::builder(&database.url()).start();
    let mut sql = database.sql();
    block_on(create(&Client::new(&server), &mut sql, 1));
    server.stop(LIMIT);
    // The id of a user serves as the id of a tenant that does not exist.
    sql.execute(
        "INSERT INTO erasures (tenant_id, user_id, version, time, actor_type, actor_id, request_id, \
         responses_through, redacted) SELECT id, id, 2, 0, 'key', 'x', 'y', 0, redacted FROM users CROSS JOIN (SELECT 1 = 0 AS redacted) AS no",
    );
    let server = Server::builder(&database.url()).start();
    sql.wait_for_number(INCOMPLETE, 0, LIMIT);
    assert!(!server.log().contains("incomplete"), "{}", server.log());
    assert_eq!(sql.number(ERASED), 0);
}
