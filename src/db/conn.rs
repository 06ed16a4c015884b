//! One connection to either engine, and the r2d2 manager that makes it.

use super::Class;
use super::url::DatabaseUrl;
use backon::{BlockingRetryable, ExponentialBuilder};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, ConnectionError, QueryResult, RunQueryDsl as _};
use std::time::{Duration, Instant};

#[diesel::declare_sql_function]
extern "SQL" {
    /// PostgreSQL's value of a setting.
    fn current_setting(name: Text) -> Text;
}

/// A connection to one of the two engines.
pub enum Connection {
    /// PostgreSQL.
    Postgres(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// The dialect of SQL that an engine understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Dialect {
    Postgres,
    Sqlite,
}

/// Compiles an expression once for each engine: `on_engine!(connection, c => query.load(c))`.
macro_rules! on_engine {
    ($connection:expr, $c:ident => $body:expr) => {
        match $connection {
            $crate::db::Connection::Postgres($c) => $body,
            $crate::db::Connection::Sqlite($c) => $body,
        }
    };
}
pub(super) use on_engine;

impl Connection {
    /// Opens a connection with nothing set on it.
    ///
    /// # Errors
    /// What the engine says, without the URL: it may hold a password.
    pub fn open(url: &DatabaseUrl) -> Result<Self, ConnectionError> {
        match url {
            DatabaseUrl::Postgres(text) => {
                // Before libpq does: so OpenSSL takes nothing down at exit that threads which are about to end still use.
                openssl_sys::init();
                let mut connection = PgConnection::establish(text)?;
                // Diesel tells some errors by their text only. Where this is not allowed, the start warns.
                drop(connection.batch_execute(SPEAK_ENGLISH));
                Ok(Self::Postgres(connection))
            }
            DatabaseUrl::Sqlite(text) | DatabaseUrl::Memory(text) => {
                let mut connection = SqliteConnection::establish(text)?;
                connection
                    .batch_execute("PRAGMA busy_timeout = 5000")
                    .map_err(ConnectionError::CouldntSetupConfiguration)?;
                Ok(Self::Sqlite(connection))
            }
        }
    }

    /// Opens the connection that a server's start is tried with: puts a SQLite file into WAL mode, which stays, and
    /// keeps a database in memory for as long as it is open.
    ///
    /// # Errors
    /// When the database cannot be reached or made.
    pub(super) fn first(url: &DatabaseUrl) -> Result<Self, ConnectionError> {
        let mut connection = Self::open(url)?;
        if let DatabaseUrl::Sqlite(_) = url {
            // Two processes that switch one file at once: one is refused without being made to wait.
            patiently(|| connection.batch_execute("PRAGMA journal_mode = WAL"))
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
        }
        Ok(connection)
    }

    /// What of a PostgreSQL server's settings Roster cannot keep its promises with, a sentence each.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub fn risks(url: &DatabaseUrl) -> Result<Vec<String>, ConnectionError> {
        let Self::Postgres(mut connection) = Self::open(url)? else { return Ok(Vec::new()) };
        let mut setting = |name: &str| {
            let value = diesel::select(current_setting(name)).get_result::<String>(&mut connection);
            value.map_err(ConnectionError::CouldntSetupConfiguration)
        };
        let mut risks = Vec::new();
        for name in ["fsync", "synchronous_commit"] {
            if setting(name)? == "off" {
                risks.push(format!("acknowledged writes can be lost: {name} is off in PostgreSQL"));
            }
        }
        let language = setting("lc_messages")?;
        if !["C", "POSIX", "en"].iter().any(|prefix| language.starts_with(prefix)) && !language.is_empty() {
            risks.push(format!(
                "lc_messages is {language} in PostgreSQL: where it is not English, locks and statements that take too \
                 long are answered with 500 instead of 503"
            ));
        }
        Ok(risks)
    }

    /// The engine's dialect of SQL.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::Postgres,
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Runs statements that give no rows.
    ///
    /// # Errors
    /// The first statement's that fails.
    pub fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        on_engine!(self, c => c.batch_execute(sql))
    }

    /// Begins the outermost transaction with an engine's own statement.
    pub(super) fn begin(&mut self, sql: &str) -> QueryResult<()> {
        on_engine!(self, c => AnsiTransactionManager::begin_transaction_sql(c, sql))
    }

    /// Begins a savepoint in the transaction.
    pub(super) fn begin_savepoint(&mut self) -> QueryResult<()> {
        on_engine!(self, c => AnsiTransactionManager::begin_transaction(c))
    }

    /// Commits the transaction, or releases its innermost savepoint.
    pub(super) fn commit(&mut self) -> QueryResult<()> {
        on_engine!(self, c => AnsiTransactionManager::commit_transaction(c))
    }

    /// Rolls back the transaction, or to its innermost savepoint.
    pub(super) fn rollback(&mut self) -> QueryResult<()> {
        on_engine!(self, c => AnsiTransactionManager::rollback_transaction(c))
    }
}

/// Opens connections and sets them up.
#[derive(Clone, Debug)]
pub(super) struct Manager {
    pub(super) url: DatabaseUrl,
    /// Whose operations its connections carry out.
    pub(super) class: Class,
    /// After which the database gives a statement up; half of it for a lock.
    pub(super) statement_timeout: Duration,
}

/// A connection of the pool.
pub(super) struct Pooled {
    pub(super) connection: Connection,
    /// Set when it must not be used again.
    pub(super) broken: bool,
    /// When PostgreSQL last began to plan anew.
    planned: Instant,
}

/// How long PostgreSQL keeps a plan. It chooses by the size that a table has then, and for an empty one any index is as
/// good as another: for a table that grows it would go on with that choice until statistics are made, within a minute or
/// never.
const PLANS_LAST: Duration = Duration::from_secs(1);

impl Pooled {
    /// Lets go of plans that were made for smaller tables.
    pub(super) fn plan_anew(&mut self) {
        if let Connection::Postgres(c) = &mut self.connection
            && self.planned.elapsed() > PLANS_LAST
        {
            // Should it fail, so will what comes after it.
            drop(c.batch_execute("DISCARD PLANS"));
            self.planned = Instant::now();
        }
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Pooled, ConnectionError> {
        let mut connection = Connection::open(&self.url)?;
        let settings = self.settings();
        if !settings.is_empty() {
            connection.batch_execute(&settings).map_err(ConnectionError::CouldntSetupConfiguration)?;
        }
        Ok(Pooled { connection, broken: false, planned: Instant::now() })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), ConnectionError> {
        pooled.connection.batch_execute("SELECT 1").map_err(ConnectionError::CouldntSetupConfiguration)
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.broken
    }
}

impl Manager {
    fn settings(&self) -> String {
        let statement = self.statement_timeout.as_millis();
        let lock = statement / 2;
        match &self.url {
            DatabaseUrl::Postgres(text) => [
                ("statement_timeout", statement),
                ("lock_timeout", lock),
                // Or a server that stands still in the middle of a write holds up all others.
                ("idle_in_transaction_session_timeout", statement),
            ]
            .iter()
            .filter(|(name, _)| !text.contains(name))
            .map(|(name, millis)| format!("SET {name} = {millis};"))
            .chain([PLAN_BY_INDEXES.to_owned()])
            .collect(),
            DatabaseUrl::Sqlite(_) | DatabaseUrl::Memory(_) => {
                let query_only = self.class != Class::Write;
                format!("PRAGMA busy_timeout = {lock}; {SQLITE_SETTINGS} PRAGMA query_only = {query_only};")
            }
        }
    }
}

const SPEAK_ENGLISH: &str = "SELECT set_config('lc_messages', 'C', false) \
    WHERE current_setting('lc_messages') !~ '^(C|POSIX|en|$)'";

/// Every statement here has its index. Without statistics, or with old ones, PostgreSQL may think that a tenant has few
/// users and read them all.
const PLAN_BY_INDEXES: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off;";

/// FULL: a commit is on the disk before it is answered. secure_delete: what is erased leaves the file.
/// temp_store: nothing is written beside the database, so that the rest of the file system may be read-only.
pub(super) const SQLITE_SETTINGS: &str = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
    PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;";

/// Tries again for a few seconds what fails only because another process does the same at the moment.
pub(super) fn patiently(attempt: impl FnMut() -> QueryResult<()>) -> QueryResult<()> {
    let pauses = ExponentialBuilder::new().with_min_delay(Duration::from_millis(10)).with_max_times(8);
    let collides = |error: &diesel::result::Error| {
        let text = error.to_string();
        ["locked", "already exists", "duplicate key", "concurrently"].iter().any(|sign| text.contains(sign))
    };
    attempt.retry(pauses.with_jitter()).sleep(std::thread::sleep).when(collides).call()
}
