//! A server with an empty database, and the few things that most tests do with it.

use crate::support::http::{Answer, Client};
use crate::support::server::Server;
use crate::support::sql::Sql;
use crate::support::{postgres, sqlite};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;

/// What a server keeps its users in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

#[derive(Debug)]
enum Database {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Database {
    fn create(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::Sqlite(sqlite::Database::create()),
            Engine::Postgres => Self::Postgres(postgres::Database::create()),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Sqlite(database) => database.url(),
            Self::Postgres(database) => database.url(),
        }
    }
}

/// A server, a client of it, and the database behind; dropped in this order.
#[derive(Debug)]
pub(crate) struct Api {
    /// With the admin key.
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) engine: Engine,
    database: Database,
}

/// Runs a test with a server of its own.
pub(crate) fn run<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Api) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { test(Api::start(engine, &[])).await });
}

impl Api {
    /// Starts a server on a fresh database, with settings in its environment.
    pub(crate) fn start(engine: Engine, settings: &[(&str, &str)]) -> Self {
        Self::start_on(Database::create(engine), engine, settings)
    }

    fn start_on(database: Database, engine: Engine, settings: &[(&str, &str)]) -> Self {
        let mut builder = Server::builder(&database.url());
        for (name, value) in settings {
            builder = builder.env(name, value);
        }
        let server = builder.start();
        Self { client: Client::new(&server), server, engine, database }
    }

    /// Kills the server and starts another on the same database.
    pub(crate) fn restart(self) -> Self {
        let Self { mut server, database, engine, .. } = self;
        server.kill();
        Self::start_on(database, engine, &[])
    }

    /// Stops the server by SIGTERM and starts another on the same database.
    pub(crate) fn restart_gracefully(self) -> Self {
        let Self { mut server, database, engine, .. } = self;
        server.signal("TERM");
        assert_eq!(server.wait(Duration::from_secs(30)).code(), Some(0));
        Self::start_on(database, engine, &[])
    }

    /// SQL beside the server.
    pub(crate) fn sql(&self) -> Sql {
        Sql::open(&self.database_url())
    }

    /// The URL of the database.
    pub(crate) fn database_url(&self) -> String {
        self.database.url()
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        let base = self.server.base();
        base.trim_start_matches("http://").parse().expect("a base is http:// and an address")
    }

    /// Creates a user and gives it as the answer shows it.
    pub(crate) async fn create(&self, body: &Value) -> Value {
        self.client.post("/users", body).send().await.expect(201).json()
    }

    /// Creates a user that has nothing but a name.
    pub(crate) async fn named(&self, name: &str) -> Value {
        self.create(&json!({ "userName": name })).await
    }

    /// Reads a user that exists.
    pub(crate) async fn read(&self, user: &Value) -> Value {
        self.client.get(&path(user)).send().await.expect(200).json()
    }

    /// Patches a user that exists and gives it as the answer shows it.
    pub(crate) async fn patch(&self, user: &Value, patch: &Value) -> Value {
        self.client.patch(&path(user), patch).send().await.expect(200).json()
    }

    /// Replaces a user that exists and gives it as the answer shows it.
    pub(crate) async fn replace(&self, user: &Value, body: &Value) -> Value {
        self.client.put(&path(user), body).send().await.expect(200).json()
    }

    /// A page of the list of users.
    pub(crate) async fn page(&self, query: &str) -> Value {
        self.client.get(&format!("/users{query}")).send().await.expect(200).json()
    }
}

/// `/users/{id}` of a user.
pub(crate) fn path(user: &Value) -> String {
    format!("/users/{}", text(&user["id"]))
}

/// A JSON string.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no string: {value}"))
}

/// Makes `count` calls at once and gives what each answered.
pub(crate) async fn at_once<F>(count: usize, call: impl FnMut(usize) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    (0..count).map(call).collect::<JoinSet<_>>().join_all().await
}

/// How many of the answers have a status.
pub(crate) fn with_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.code() == status).count()
}
