//! The files of a SQLite database: their modes, the lock of the server, and files that disappear while it runs.

use crate::process::check::check_finds_nothing;
use crate::support::api::{Api, Engine, path};
use crate::support::command::{CommandOutput, roster, run};
use crate::support::database::{Database, migrate};
use crate::support::http::{Client, Response};
use crate::support::server::Server;
use crate::support::sql::wait_until;
use crate::support::{block_on, file_names};
use roster::db::Connection;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

/// Runs `roster ARGUMENTS` in the directory of a database.
fn command(directory: &Path, url: &str, arguments: &[&str]) -> CommandOutput {
    let mut command = roster(directory);
    run(command.args(arguments).env("DATABASE_URL", url).env("ROSTER_LISTEN", "127.0.0.1:0"), LIMIT)
}

fn file(database: &Database) -> PathBuf {
    database.file().expect("SQLite has a file")
}

fn directory(database: &Database) -> PathBuf {
    file(database).parent().expect("the file is in a directory").to_owned()
}

/// The files of a running server, each with its mode.
fn modes(database: &Database) -> Vec<(String, u32)> {
    let directory = directory(database);
    let mode = |name: &str| fs::metadata(directory.join(name)).expect("the file exists").permissions().mode();
    file_names(&directory).into_iter().map(|name| (name.clone(), mode(&name) & 0o777)).collect()
}

async fn create(server: &Server, name: &str) -> Response {
    Client::new(server).post("/users", &json!({ "userName": name })).send().await
}

/// The log of a deleted database can contain writes that are nowhere else.
#[test]
fn no_database_is_created_next_to_the_log_of_another_one() {
    let database = Database::sqlite();
    let mut server = Server::builder(&database.url()).start();
    block_on(create(&server, "ada")).expect(201);
    server.kill();
    let (file, lost) = (file(&database), directory(&database).join("moved.db"));
    fs::rename(&file, &lost).expect("the file is renamed");
    for arguments in [&["migrate"][..], &["serve"], &["key", "create", "--init", "--role", "reader"]] {
        let output = command(Path::new("/"), &database.url(), arguments).expect_code(1);
        assert!(output.error_line().contains("its write-ahead log does"), "{output:#?}");
    }
    fs::rename(&lost, &file).expect("the file is renamed");
    let server = Server::builder(&database.url()).start();
    assert_eq!(block_on(Client::new(&server).get("/users").send()).json()["items"][0]["userName"], "ada");
}

const FILES: [&str; 4] = ["roster.db", "roster.db-shm", "roster.db-wal", "roster.db.lock"];

#[test]
fn only_the_owner_can_read_the_files_of_a_new_database() {
    for migrate in [false, true] {
        let database = Database::sqlite();
        if migrate {
            command(Path::new("/"), &database.url(), &["migrate"]).expect_success();
        }
        let server = Server::builder(&database.url()).start();
        block_on(create(&server, "ada")).expect(201);
        assert_eq!(modes(&database), FILES.map(|name| (name.to_owned(), 0o600)), "migrate: {migrate}");
    }
}

/// Earlier releases created files that everyone can read. The files of a server that was killed are still there.
#[test]
fn other_accounts_lose_access_to_the_files_of_an_existing_database() {
    let database = Database::sqlite();
    let start = || Server::builder(&database.url()).start();
    let mut server = start();
    block_on(create(&server, "ada")).expect(201);
    server.kill();
    let permit = || {
        for name in FILES {
            let path = directory(&database).join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("the mode is set");
        }
    };
    let expected = FILES.map(|name| (name.to_owned(), 0o600));
    permit();
    let server = start();
    block_on(create(&server, "bob")).expect(201);
    assert_eq!(modes(&database), expected);
    permit();
    command(Path::new("/"), &database.url(), &["migrate"]).expect_success();
    assert_eq!(modes(&database), expected);
    block_on(create(&server, "eve")).expect(201);
}

#[test]
fn connections_create_no_file_in_any_mode() {
    let database = Database::sqlite();
    for query in ["", "?mode=ro", "?mode=rw", "?mode=rwc", "?m%6fde=rwc", "?mode=%72wc"] {
        let url = format!("{}{query}", database.url()).parse().expect("the URL is valid");
        assert!(Connection::open(&url).is_err(), "{url}");
        assert!(!file(&database).exists(), "{url}");
    }
}

#[test]
fn a_second_server_on_the_same_file_is_refused() {
    let database = Database::sqlite();
    let mut server = Server::builder(&database.url()).start();
    let directory = directory(&database);
    symlink("roster.db", directory.join("link.db")).expect("the link is created");
    for url in [&database.url(), "sqlite://roster.db", "sqlite://link.db"] {
        let output = command(&directory, url, &["serve"]).expect_code(1);
        let line = output.error_line();
        assert!(line.contains("another server uses the database") && line.contains(url), "{line}");
    }
    server.kill();
    Server::builder(&database.url()).start();
}

/// Through another link, SQLite would use another write-ahead log.
#[test]
fn a_database_with_several_hard_links_is_refused() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).start();
    let directory = directory(&database);
    let link = directory.join("link.db");
    fs::hard_link(file(&database), &link).expect("the link is created");
    for url in ["sqlite://roster.db", "sqlite://link.db"] {
        for arguments in [
            &["key", "create", "--role", "reader"][..],
            &["key", "list"],
            &["migrate"],
            &["migrate", "--status"],
            &["backup", "copy.db"],
            &["epoch", "renew"],
        ] {
            let output = command(&directory, url, arguments).expect_code(1);
            assert!(output.error_line().contains("the file has 2 hard links"), "{output:?}");
        }
    }
    let output = command(&directory, "sqlite://link.db", &["serve"]).expect_code(1);
    assert!(output.error_line().contains("the file has 2 hard links"), "{output:?}");
    // The running server opens its connections when they are first needed.
    block_on(create(&server, "ada")).expect(201);
    fs::remove_file(&link).expect("the link is deleted");
    assert_eq!(file_names(&directory), ["link.db.lock"].into_iter().chain(FILES).collect::<Vec<_>>());
    command(&directory, "sqlite://roster.db", &["key", "list"]).expect_success();
}

#[test]
fn commands_work_next_to_a_running_server() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).start();
    let directory = directory(&database);
    for arguments in [
        &["migrate", "--status"][..],
        &["migrate"],
        &["key", "create", "--role", "reader"],
        &["key", "list"],
        &["backup", "copy.db"],
        &["epoch", "renew"],
    ] {
        command(&directory, "sqlite://roster.db", arguments).expect_success();
    }
    block_on(create(&server, "ada")).expect(201);
}

/// A server whose database disappears.
struct Victim {
    api: Api,
    file: PathBuf,
    user: String,
}

impl Victim {
    async fn start() -> Self {
        let api = Api::start(Engine::Sqlite, &[]);
        let file = PathBuf::from(api.database_url().trim_start_matches("sqlite://"));
        let user = path(&api.create_named("ada").await);
        // All kinds of connections are open.
        for path in [&*user, "/users", "/readyz", "/users?filter=title%20eq%20%22x%22"] {
            api.client.get(path).send().await.expect(200);
        }
        Self { api, file, user }
    }

    fn path(&self, suffix: &str) -> PathBuf {
        format!("{}{suffix}", self.file.display()).into()
    }

    /// Renames a file of the database away.
    fn hide(&self, suffix: &str) {
        fs::rename(self.path(suffix), self.path(".hidden")).expect("the file is renamed");
    }

    async fn check_writes_are_refused(&self) {
        let body = json!({ "userName": "lost" });
        check_refused(&self.api.client.post("/users", &body).send().await);
        check_refused(&self.api.client.patch(&self.user, &json!({ "title": "lost" })).send().await);
        let scim = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "lost" });
        check_refused(&self.api.client.post("/scim/v2/Users", &scim).send().await);
        // The last result is cached for a second.
        wait_until_async(async || self.ready().await.code() == 503).await;
        let ready = self.ready().await.expect(503).json();
        assert_eq!(ready["code"], "not-ready");
        assert!(ready["detail"].to_string().contains("deleted or replaced"), "{ready}");
    }

    async fn check_reads_are_refused(&self) {
        for path in [&*self.user, "/users", "/users?filter=title%20eq%20%22x%22", "/scim/v2/Users"] {
            check_refused(&self.api.client.get(path).send().await);
        }
    }

    async fn ready(&self) -> Response {
        self.api.client.get("/readyz").send().await
    }

    /// Checks that the log has a single error, which contains `words`.
    fn check_log(&self, words: &str) {
        let log = self.api.server.log();
        let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
        assert!(errors.len() == 1 && errors[0].contains(words), "{errors:#?}");
    }

    /// Checks that the server works as before.
    async fn check_recovery(&self) {
        wait_until_async(async || self.ready().await.code() == 200).await;
        self.api.client.get(&self.user).send().await.expect(200);
        self.api.create_named("bob").await;
        assert_eq!(self.api.page("?include=total").await["total"], 2, "a refused write took effect");
        check_finds_nothing(&self.api.database_url());
    }
}

#[track_caller]
fn check_refused(response: &Response) {
    let problem = response.clone().expect(503).json();
    assert!(problem["detail"].to_string().contains("deleted or replaced"), "{problem}");
    assert!(response.header("retry-after").is_some());
}

async fn wait_until_async(mut holds: impl AsyncFnMut() -> bool) {
    let since = std::time::Instant::now();
    while !holds().await {
        assert!(since.elapsed() < LIMIT, "still false after {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_file_is_reported_and_not_created_again() {
    let victim = Victim::start().await;
    victim.hide("");
    victim.check_reads_are_refused().await;
    victim.check_writes_are_refused().await;
    assert!(!victim.file.exists(), "the server created a file");
    victim.check_log("roster.db was deleted");
    fs::rename(victim.path(".hidden"), &victim.file).expect("the file is renamed");
    victim.check_recovery().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_file_is_reported_and_not_used() {
    let victim = Victim::start().await;
    let other = Database::migrated(Engine::Sqlite);
    victim.hide("");
    fs::copy(file(&other), &victim.file).expect("the file is copied");
    victim.check_reads_are_refused().await;
    victim.check_writes_are_refused().await;
    victim.check_log("roster.db was replaced");
    fs::rename(victim.path(".hidden"), &victim.file).expect("the file is renamed");
    victim.check_recovery().await;
}

/// What was written before the deletion is still in the log that the server has opened, and reaches the database when
/// the server stops.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_write_ahead_log_is_reported_and_loses_no_acknowledged_write() {
    let victim = Victim::start().await;
    fs::remove_file(victim.path("-wal")).expect("the file is deleted");
    victim.check_reads_are_refused().await;
    victim.check_writes_are_refused().await;
    victim.check_log("roster.db-wal was deleted");
    let Victim { api, user, .. } = victim;
    let api = api.restart_gracefully();
    api.client.get(&user).send().await.expect(200);
    assert_eq!(api.page("?include=total").await["total"], 1);
}

/// Another process creates new shared memory, which the server does not use. Neither may overwrite the other's writes.
#[tokio::test(flavor = "multi_thread")]
async fn deleted_shared_memory_is_reported_and_loses_no_acknowledged_write() {
    let victim = Victim::start().await;
    fs::remove_file(victim.path("-shm")).expect("the file is deleted");
    victim.check_reads_are_refused().await;
    // This write remains in the log when its connection is closed. If the server copied the log, it would be lost.
    victim.api.sql().execute("CREATE TABLE other (id INTEGER)");
    victim.check_writes_are_refused().await;
    victim.check_reads_are_refused().await;
    victim.check_log("roster.db-shm was deleted");
    let Victim { api, user, .. } = victim;
    let api = api.restart_gracefully();
    api.client.get(&user).send().await.expect(200);
    assert_eq!(api.page("?include=total").await["total"], 1);
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM other"), 0);
    let check = "SELECT count(*) AS number FROM pragma_integrity_check WHERE integrity_check = 'ok'";
    assert_eq!(api.sql().number(check), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_lock_was_deleted_stops_serving() {
    let victim = Victim::start().await;
    victim.hide(".lock");
    victim.check_reads_are_refused().await;
    let other = Server::builder(&victim.api.database_url()).start();
    create(&other, "bob").await.expect(201);
    victim.check_writes_are_refused().await;
    victim.check_log("roster.db.lock was deleted");
}

/// The connections that the server opens later do not create a file either.
#[test]
fn a_file_that_is_deleted_before_the_first_request_is_not_created_again() {
    let database = Database::sqlite();
    migrate(&database.url());
    let server = Server::builder(&format!("{}?mode=rwc", database.url())).start();
    let hidden = directory(&database).join("hidden.db");
    fs::rename(file(&database), hidden).expect("the file is renamed");
    check_refused(&block_on(create(&server, "lost")));
    check_refused(&block_on(Client::new(&server).get("/users").send()));
    wait_until(LIMIT, "the server is not ready", || {
        block_on(Client::new(&server).get("/readyz").send()).code() == 503
    });
    assert!(!file(&database).exists(), "the server created a file");
}
