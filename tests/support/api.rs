//! A server with an empty database, and the requests that most tests send to it.

pub(crate) use crate::support::database::Engine;

use crate::support::database::{Database, Lock};
use crate::support::http::{Client, Request, Response};
use crate::support::server::Server;
use crate::support::sql::Sql;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;

/// All orders of users.
pub(crate) const ORDERS: [&str; 10] = [
    "id",
    "-id",
    "userName",
    "-userName",
    "displayName",
    "-displayName",
    "createdAt",
    "-createdAt",
    "updatedAt",
    "-updatedAt",
];

/// A server, a client of it, and its database. They are dropped in this order.
#[derive(Debug)]
pub(crate) struct Api {
    /// Sends the admin key.
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) engine: Engine,
    database: Database,
}

/// Runs a test with a new server on a new database.
pub(crate) fn run<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Api) -> F) {
    run_with(engine, &[], test);
}

/// Runs a test with a new server that has these settings as environment variables, on a new database.
pub(crate) fn run_with<F: Future<Output = ()>>(
    engine: Engine,
    settings: &[(&str, &str)],
    test: impl FnOnce(Api) -> F,
) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the runtime starts");
    runtime.block_on(async { test(Api::start(engine, settings)).await });
}

impl Api {
    /// Starts a server on a new migrated database, with these settings as environment variables.
    pub(crate) fn start(engine: Engine, settings: &[(&str, &str)]) -> Self {
        Self::start_on(Database::migrated(engine), engine, settings)
    }

    /// Starts a server on a new database without tables, with these settings as environment variables.
    pub(crate) fn start_on_empty_database(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let database = Database::create(engine);
        database.create_file();
        Self::start_on(database, engine, settings)
    }

    fn start_on(database: Database, engine: Engine, settings: &[(&str, &str)]) -> Self {
        let mut builder = Server::builder(&database.url());
        for (name, value) in settings {
            builder = builder.env(name, value);
        }
        let server = builder.start();
        Self { client: Client::new(&server), server, engine, database }
    }

    /// Kills the server and starts another one on the same database.
    pub(crate) fn restart(self) -> Self {
        let Self { mut server, database, engine, .. } = self;
        server.kill();
        Self::start_on(database, engine, &[])
    }

    /// Stops the server with SIGTERM and starts another one on the same database.
    pub(crate) fn restart_gracefully(self) -> Self {
        let Self { mut server, database, engine, .. } = self;
        server.stop(Duration::from_secs(30));
        Self::start_on(database, engine, &[])
    }

    /// A connection to the database for SQL statements of the test itself.
    pub(crate) fn sql(&self) -> Sql {
        self.database.sql()
    }

    /// Takes a lock that makes writes of this user wait.
    pub(crate) fn lock(&self, user: &str) -> Lock {
        self.database.lock(user)
    }

    /// The value of `DATABASE_URL`.
    pub(crate) fn database_url(&self) -> String {
        self.database.url()
    }

    /// The address on which the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Creates a user and returns it as in the response.
    pub(crate) async fn create(&self, body: &Value) -> Value {
        self.client.post("/users", body).send().await.expect(201).json()
    }

    /// Creates a user with only a `userName`.
    pub(crate) async fn create_named(&self, name: &str) -> Value {
        self.create(&json!({ "userName": name })).await
    }

    /// Reads an existing user.
    pub(crate) async fn read(&self, user: &Value) -> Value {
        self.client.get(&path(user)).send().await.expect(200).json()
    }

    /// Patches an existing user and returns it as in the response.
    pub(crate) async fn patch(&self, user: &Value, patch: &Value) -> Value {
        self.client.patch(&path(user), patch).send().await.expect(200).json()
    }

    /// Replaces an existing user and returns it as in the response.
    pub(crate) async fn replace(&self, user: &Value, body: &Value) -> Value {
        self.client.put(&path(user), body).send().await.expect(200).json()
    }

    /// A page of the list of users, for a query string with its question mark.
    pub(crate) async fn page(&self, query: &str) -> Value {
        self.client.get(&format!("/users{query}")).send().await.expect(200).json()
    }
}

/// The path `/users/{id}` of a user.
pub(crate) fn path(user: &Value) -> String {
    format!("/users/{}", text(&user["id"]))
}

/// The text of a JSON string.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

/// Sends `count` requests concurrently and returns their responses in any order.
pub(crate) async fn send_concurrently(
    count: usize,
    mut request: impl FnMut(usize) -> Request,
) -> Vec<Response> {
    let send = |request: Request| async move { request.send().await };
    (0..count).map(|index| send(request(index))).collect::<JoinSet<_>>().join_all().await
}

/// Checks that exactly one response has the status `success` and all others `failure`, and returns the former.
#[track_caller]
pub(crate) fn expect_one_success(responses: &[Response], success: u16, failure: u16) -> &Response {
    assert_eq!(
        (count_with_status(responses, success), count_with_status(responses, failure)),
        (1, responses.len() - 1)
    );
    responses.iter().find(|response| response.code() == success).expect("one response succeeds")
}

/// Number of responses with a status.
pub(crate) fn count_with_status(responses: &[Response], status: u16) -> usize {
    responses.iter().filter(|response| response.code() == status).count()
}
