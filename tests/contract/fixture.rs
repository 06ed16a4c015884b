//! A migrated database on each engine, and builders for the operations that most tests use.

use crate::support::database;
use roster::db::{Database, DatabaseUrl, Operation, Options, migrate};
use roster::domain::DEFAULT_TENANT;
use roster::domain::change::ChangeRecord;
use roster::domain::condition::{Conditions, Tags};
use roster::domain::group::{self, Group};
use roster::domain::member::MembershipEdit;
use roster::domain::origin::{Actor, ActorKind, Origin};
use roster::domain::time::Timestamp;
use roster::domain::user::{Draft, User, WriteMode};
use roster::ops::OpError;
use roster::ops::changes::Read;
use roster::ops::groups;
use roster::ops::listing::{self, ListPage, Query};
use roster::ops::resource::Resource;
use roster::ops::users::Create;
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

/// Turns each function into one test per engine. `with CHANGE:` first applies a function to the database options.
macro_rules! each_engine {
    (with $change:path: $($test:ident),* $(,)?) => {$(
        mod $test {
            use crate::contract::fixture::{Engine, run_with};

            #[test]
            fn sqlite() {
                run_with(Engine::Sqlite, $change, super::$test);
            }

            #[test]
            fn memory() {
                run_with(Engine::Memory, $change, super::$test);
            }

            #[test]
            fn postgres() {
                run_with(Engine::Postgres, $change, super::$test);
            }
        }
    )*};
    ($($test:ident),* $(,)?) => {
        each_engine!(with crate::contract::fixture::default_options: $($test),*);
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Memory,
    Postgres,
}

/// A migrated database, which is removed when this is dropped.
pub(crate) struct TestDatabase {
    pub(crate) database: Database,
    pub(crate) options: Options,
    url: String,
    /// Deletes the database when this is dropped. `None` for a database in memory.
    _storage: Option<database::Database>,
}

/// The time at which tests write unless they set another: microseconds since 1970.
pub(crate) const NOON: i64 = 1_767_268_800_000_000;

/// Runs a test on one engine inside an actix system, then closes the database.
pub(crate) fn run(engine: Engine, test: impl AsyncFnOnce(&TestDatabase)) {
    run_with(engine, default_options, test);
}

/// [`run`] with changed options.
pub(crate) fn run_with(
    engine: Engine,
    change: impl FnOnce(&mut Options),
    test: impl AsyncFnOnce(&TestDatabase),
) {
    actix_web::rt::System::new().block_on(async {
        let db = TestDatabase::new(engine, change);
        test(&db).await;
        db.database.close().await;
    });
}

/// Leaves the options as they are.
pub(crate) fn default_options(_: &mut Options) {}

impl TestDatabase {
    fn new(engine: Engine, change: impl FnOnce(&mut Options)) -> Self {
        let storage = match engine {
            Engine::Sqlite => Some(database::Database::migrated(database::Engine::Sqlite)),
            Engine::Memory => None,
            Engine::Postgres => Some(database::Database::migrated(database::Engine::Postgres)),
        };
        let url = storage.as_ref().map_or_else(|| "sqlite://:memory:".to_owned(), database::Database::url);
        let mut options = Options {
            url: url.parse::<DatabaseUrl>().unwrap(),
            readers: 2,
            // A single writer, so that a test can hold up all writes by occupying it.
            writers: 1,
            queue: 1024,
            large_results: 8,
            deadline: Duration::from_secs(10),
            slow: Duration::from_secs(1),
            wal: true,
        };
        change(&mut options);
        let database = Database::start(&options).unwrap();
        if engine == Engine::Memory {
            migrate::run(&options.url).unwrap();
        }
        Self { database, options, url, _storage: storage }
    }

    /// The value for `DATABASE_URL`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn call<O: Operation>(&self, operation: O) -> Result<O::Output, O::Error> {
        self.call_as("test", operation).await
    }

    /// Calls an operation whose changes are recorded with this request id.
    pub(crate) async fn call_as<O: Operation>(
        &self,
        request_id: &str,
        operation: O,
    ) -> Result<O::Output, O::Error> {
        self.database.call(&origin(request_id), operation).await
    }

    pub(crate) async fn list<R: Resource>(&self, query: Query<R>) -> Result<ListPage<R>, OpError> {
        listing::list(&self.database, &origin("test"), query, &mut None).await
    }

    /// All pages of a list from the query's position on.
    pub(crate) async fn list_all<R: Resource>(&self, mut query: Query<R>) -> Vec<ListPage<R>> {
        let mut pages = Vec::new();
        loop {
            let page = self.list(query.clone()).await.unwrap();
            query.after = page.next.clone();
            pages.push(page);
            if query.after.is_none() {
                return pages;
            }
        }
    }

    /// Creates a user from a JSON body.
    pub(crate) async fn create_user(&self, body: Value) -> Result<User, OpError> {
        self.call(new_user(body)).await
    }

    /// Creates a group from a JSON body.
    pub(crate) async fn create_group(&self, body: Value) -> Result<Group, OpError> {
        self.call(new_group(body)).await
    }

    /// All changes of the default tenant so far, oldest first.
    pub(crate) async fn changes(&self) -> Vec<ChangeRecord> {
        let mut all: Vec<ChangeRecord> = Vec::new();
        loop {
            let after = all.last().map_or(0, |change| change.revision);
            let read =
                Read { tenant: DEFAULT_TENANT, after, limit: 500, types: None, resource: None, admin: true };
            let feed = self.call(read).await.unwrap().unwrap();
            if feed.changes.is_empty() {
                return all;
            }
            all.extend(feed.changes);
        }
    }
}

/// The origin of a write by the tests' key, in a request with this id.
pub(crate) fn origin(request_id: &str) -> Origin {
    let actor = Actor { kind: ActorKind::Key, id: "tester".into() };
    let request_id = request_id.into();
    let (trace_id, deadline, bulk, plan, revisions) = (None, None, false, None, None);
    let tenant = DEFAULT_TENANT;
    Origin { actor, tenant, request_id, trace_id, deadline, bulk, plan, revisions }
}

pub(crate) fn draft(body: Value, mode: WriteMode) -> Draft {
    Draft::read(body, mode).expect("the body is a valid user")
}

pub(crate) fn new_user(body: Value) -> Create {
    let draft = draft(body, WriteMode::Create);
    Create { tenant: DEFAULT_TENANT, id: Uuid::now_v7(), draft, now: Timestamp::from(NOON) }
}

pub(crate) fn new_group(body: Value) -> groups::Create {
    let draft = group::Draft::read(body, WriteMode::Create).expect("the body is a valid group");
    let (id, members) = (Uuid::now_v7(), MembershipEdit::default());
    groups::Create { tenant: DEFAULT_TENANT, id, draft, members, now: Timestamp::from(NOON) }
}

/// The condition of `If-Match: "VERSION"`.
pub(crate) fn if_match(version: i64) -> Conditions {
    let tags = Tags::parse(&format!("\"{version}\"")).expect("the tag is valid");
    Conditions { if_match: Some(tags), if_none_match: None }
}

/// The error of a write whose unique value belongs to another resource.
pub(crate) fn conflict(attribute: &'static str, value: &str) -> OpError {
    OpError::Conflict { attribute, value: value.to_owned(), existing: None }
}
