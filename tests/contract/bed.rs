//! A migrated database of each engine with a door to it.

use crate::support::{postgres, sqlite};
use roster::db::{Database, DatabaseUrl, DbError, Operation, Options, migrate};
use roster::domain::DEFAULT_TENANT;
use roster::domain::change::ChangeRecord;
use roster::domain::group::{self, Group};
use roster::domain::member::Membership;
use roster::domain::origin::{Actor, ActorKind, Origin};
use roster::domain::time::Timestamp;
use roster::domain::user::{Draft, ReadAs, User};
use roster::ops::changes::Read;
use roster::ops::groups;
use roster::ops::listing::{self, Listed, Query};
use roster::ops::resource::Resource;
use roster::ops::users::Create;
use serde_json::Value;
use std::any::Any;
use std::time::Duration;
use uuid::Uuid;

/// Makes each function two or three tests, one for each engine.
macro_rules! each_engine {
    ($($test:ident),* $(,)?) => {$(
        mod $test {
            use crate::contract::bed::{Engine, run};

            #[test]
            fn sqlite() {
                run(Engine::Sqlite, super::$test);
            }

            #[test]
            fn memory() {
                run(Engine::Memory, super::$test);
            }

            #[test]
            fn postgres() {
                run(Engine::Postgres, super::$test);
            }
        }
    )*};
}

/// Where a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Memory,
    Postgres,
}

/// What a test works with.
pub(crate) struct Bed {
    pub(crate) database: Database,
    pub(crate) options: Options,
    url: String,
    /// Keeps the database until the test is over.
    _home: Box<dyn Any>,
}

/// The time at which tests write unless they say otherwise.
pub(crate) const NOON: i64 = 1_767_268_800_000_000;

/// Runs a test on one engine, inside an actix system, and closes the door behind it.
pub(crate) fn run(engine: Engine, test: impl AsyncFnOnce(&Bed)) {
    run_with(engine, |_| {}, test);
}

/// The same with other options.
pub(crate) fn run_with(engine: Engine, change: impl FnOnce(&mut Options), test: impl AsyncFnOnce(&Bed)) {
    actix_web::rt::System::new().block_on(async {
        let bed = Bed::new(engine, change);
        test(&bed).await;
        bed.database.close().await;
    });
}

impl Bed {
    fn new(engine: Engine, change: impl FnOnce(&mut Options)) -> Self {
        let (url, home): (String, Box<dyn Any>) = match engine {
            Engine::Sqlite => {
                let home = sqlite::Database::create();
                (home.url(), Box::new(home))
            }
            Engine::Memory => ("sqlite://:memory:".to_owned(), Box::new(())),
            Engine::Postgres => {
                let home = postgres::Database::create();
                (home.url(), Box::new(home))
            }
        };
        let mut options = Options {
            url: url.parse::<DatabaseUrl>().unwrap(),
            readers: 2,
            // Who holds it holds all writes back.
            writers: 1,
            queue: 1024,
            deadline: Duration::from_secs(10),
            slow: Duration::from_secs(1),
        };
        change(&mut options);
        let database = Database::start(&options).unwrap();
        migrate::run(&options.url).unwrap();
        Self { database, options, url, _home: home }
    }

    /// What `DATABASE_URL` would be.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn call<O: Operation>(&self, operation: O) -> Result<O::Output, DbError> {
        self.database.call(&origin("test"), operation).await
    }

    pub(crate) async fn list<R: Resource>(&self, query: Query<R>) -> Result<Listed<R>, DbError> {
        listing::list(&self.database, &origin("test"), query).await
    }

    /// Creates a user from JSON.
    pub(crate) async fn create(&self, body: Value) -> Result<User, DbError> {
        self.call(create(body)).await
    }

    /// Creates a group from JSON.
    pub(crate) async fn create_group(&self, body: Value) -> Result<Group, DbError> {
        self.call(create_group(body)).await
    }

    /// Every change so far.
    pub(crate) async fn facts(&self) -> Vec<ChangeRecord> {
        let mut all: Vec<ChangeRecord> = Vec::new();
        loop {
            let after = all.last().map_or(0, |fact| fact.revision);
            let read =
                Read { tenant: DEFAULT_TENANT, after, limit: 500, types: None, resource: None, admin: true };
            let feed = self.call(read).await.unwrap().unwrap();
            if feed.facts.is_empty() {
                return all;
            }
            all.extend(feed.facts);
        }
    }
}

/// On behalf of a test, in a request of this id.
pub(crate) fn origin(request_id: &str) -> Origin {
    Origin { actor: Actor { kind: ActorKind::Key, id: "tester".into() }, request_id: request_id.into() }
}

pub(crate) fn draft(body: Value, read_as: ReadAs) -> Draft {
    Draft::read(body, read_as).expect("a valid user")
}

pub(crate) fn create_group(body: Value) -> groups::Create {
    let draft = group::Draft::read(body, ReadAs::New).expect("a valid group");
    let (id, members) = (Uuid::now_v7(), Membership::default());
    groups::Create { tenant: DEFAULT_TENANT, id, draft, members, now: Timestamp::from(NOON) }
}

pub(crate) fn create(body: Value) -> Create {
    let draft = draft(body, ReadAs::New);
    Create { tenant: DEFAULT_TENANT, id: Uuid::now_v7(), draft, now: Timestamp::from(NOON) }
}
