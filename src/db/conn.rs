//! A connection to either engine, and the r2d2 manager that opens it.

use super::Class;
use super::file::{self, OpenFiles};
use super::url::DatabaseUrl;
use backon::{BlockingRetryable, ExponentialBuilder};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, ConnectionError, QueryResult, RunQueryDsl as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[diesel::declare_sql_function]
extern "SQL" {
    /// The value of a PostgreSQL setting.
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
#[expect(missing_docs, reason = "the names are self-explanatory")]
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
    /// Opens a connection with default settings. Does not create a SQLite file.
    ///
    /// # Errors
    /// The engine's error, or that the SQLite file has several hard links. It does not contain the URL, which may contain
    /// a password.
    pub fn open(url: &DatabaseUrl) -> Result<Self, ConnectionError> {
        file::check_links(url).map_err(|error| ConnectionError::BadConnection(error.to_string()))?;
        Self::open_again(url)
    }

    /// Opens a connection to a database that this process has already opened. A hard link that was added in the meantime
    /// does no harm, because no other process can open it.
    fn open_again(url: &DatabaseUrl) -> Result<Self, ConnectionError> {
        let to_open = url.to_open();
        match url {
            DatabaseUrl::Postgres(_) => {
                // If libpq initialized OpenSSL first, OpenSSL would free its state at exit while threads still use it.
                openssl_sys::init();
                let mut connection = PgConnection::establish(&to_open)?;
                // Diesel reports some errors only as text. If the setting cannot be changed, Roster warns at startup.
                drop(connection.batch_execute(ENGLISH_MESSAGES));
                Ok(Self::Postgres(connection))
            }
            DatabaseUrl::Sqlite(_) | DatabaseUrl::Memory(_) => {
                let mut connection = SqliteConnection::establish(&to_open)?;
                // secure_delete: deleted values are overwritten in the file. Without it, even moving a row, as a migration
                // may do, would leave a copy of its values.
                connection
                    .batch_execute("PRAGMA busy_timeout = 5000; PRAGMA secure_delete = ON")
                    .map_err(ConnectionError::CouldntSetupConfiguration)?;
                Ok(Self::Sqlite(connection))
            }
        }
    }

    /// Opens the first connection at startup. Switches a SQLite file to WAL mode, which is permanent. The write-ahead log
    /// or an in-memory database exists as long as this connection is open.
    ///
    /// # Errors
    /// The engine's error when the database cannot be reached or does not exist.
    pub(super) fn first(url: &DatabaseUrl) -> Result<Self, ConnectionError> {
        let mut connection = Self::open(url)?;
        if let DatabaseUrl::Sqlite(_) = url {
            // When two processes switch the same file at once, SQLite rejects one of them immediately.
            retry_contention(|| connection.batch_execute("PRAGMA journal_mode = WAL"))
                .and_then(|()| connection.batch_execute(OPEN_FILES))
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
        }
        Ok(connection)
    }

    /// Warnings about PostgreSQL settings with which Roster can lose writes or misreport errors.
    ///
    /// # Errors
    /// The engine's error when the settings cannot be read.
    pub fn check_settings(url: &DatabaseUrl) -> Result<Vec<String>, ConnectionError> {
        let Self::Postgres(mut connection) = Self::open(url)? else { return Ok(Vec::new()) };
        let mut setting = |name: &str| {
            let value = diesel::select(current_setting(name)).get_result::<String>(&mut connection);
            value.map_err(ConnectionError::CouldntSetupConfiguration)
        };
        let mut warnings = Vec::new();
        for name in ["fsync", "synchronous_commit"] {
            if setting(name)? == "off" {
                warnings.push(format!("acknowledged writes can be lost: {name} is off in PostgreSQL"));
            }
        }
        let language = setting("lc_messages")?;
        if !["C", "POSIX", "en"].iter().any(|prefix| language.starts_with(prefix)) && !language.is_empty() {
            warnings.push(format!(
                "lc_messages is {language} in PostgreSQL: unless it is English, timeouts, canceled statements and a full \
                 disk return 500 instead of 503"
            ));
        }
        Ok(warnings)
    }

    /// The engine's dialect of SQL.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::Postgres,
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Runs statements that return no rows.
    ///
    /// # Errors
    /// The error of the first statement that fails.
    pub fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        on_engine!(self, c => c.batch_execute(sql))
    }

    /// Whether this is a connection to PostgreSQL that the server has not closed, as far as is known without a round trip.
    pub(super) fn is_open_postgres(&mut self) -> bool {
        let Self::Postgres(c) = self else { return false };
        // The end of the stream follows the reason for closing, so it is found by the second read.
        (0..2).all(|_| c.notifications_iter().all(|notification| notification.is_ok()))
    }

    /// Begins a transaction with an engine-specific statement.
    pub(super) fn begin(&mut self, sql: &str) -> QueryResult<()> {
        on_engine!(self, c => AnsiTransactionManager::begin_transaction_sql(c, sql))
    }

    /// Creates a savepoint.
    pub(super) fn begin_savepoint(&mut self) -> QueryResult<()> {
        on_engine!(self, c => AnsiTransactionManager::begin_transaction(c))
    }

    /// Releases the innermost savepoint, or commits the transaction if there is none.
    pub(super) fn commit(&mut self) -> QueryResult<()> {
        on_engine!(self, c => AnsiTransactionManager::commit_transaction(c))
    }

    /// Rolls back to the innermost savepoint, or rolls back the transaction if there is none.
    pub(super) fn rollback(&mut self) -> QueryResult<()> {
        on_engine!(self, c => AnsiTransactionManager::rollback_transaction(c))
    }
}

/// Opens and configures the connections of a pool.
#[derive(Clone, Debug)]
pub(super) struct Manager {
    pub(super) url: DatabaseUrl,
    /// The files of a SQLite database.
    pub(super) files: Option<Arc<OpenFiles>>,
    /// The class of operations that its connections run.
    pub(super) class: Class,
    /// The timeout of a statement. The timeout of a lock is half as long.
    pub(super) statement_timeout: Duration,
}

/// A connection of the pool.
pub(super) struct Pooled {
    pub(super) connection: Connection,
    /// Whether the connection must be closed.
    pub(super) broken: bool,
    /// When the plans of prepared statements were last discarded.
    plans_discarded: Instant,
    /// How long a statement waits for a lock, if Roster has set this for a connection to PostgreSQL.
    pub(super) lock_timeout: Option<Duration>,
}

/// How long a connection keeps the plans of prepared statements. PostgreSQL chooses a plan by the current size of a
/// table, and for an empty table any index is as good as another. Without the limit, it would keep that choice for a
/// growing table until statistics are collected, which can take a minute or never happen.
const PLAN_LIFETIME: Duration = Duration::from_secs(1);

impl Pooled {
    /// Discards plans that may have been made for smaller tables.
    pub(super) fn discard_stale_plans(&mut self) {
        if let Connection::Postgres(c) = &mut self.connection
            && self.plans_discarded.elapsed() > PLAN_LIFETIME
        {
            // If this fails, so does the next statement, which reports the error.
            drop(c.batch_execute("DISCARD PLANS"));
            self.plans_discarded = Instant::now();
        }
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Pooled, ConnectionError> {
        let mut connection = Connection::open_again(&self.url)?;
        let settings = self.settings();
        if !settings.is_empty() {
            connection.batch_execute(&settings).map_err(ConnectionError::CouldntSetupConfiguration)?;
        }
        self.check_files(&mut connection)?;
        let lock_timeout = self.sets("lock_timeout").then(|| self.lock_timeout());
        Ok(Pooled { connection, broken: false, plans_discarded: Instant::now(), lock_timeout })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), ConnectionError> {
        pooled.connection.batch_execute("SELECT 1").map_err(ConnectionError::CouldntSetupConfiguration)
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.broken
    }
}

impl Manager {
    /// Checks that the connection has opened the same files as the server's other connections.
    fn check_files(&self, connection: &mut Connection) -> Result<(), ConnectionError> {
        let Some(files) = &self.files else { return Ok(()) };
        connection.batch_execute(OPEN_FILES).map_err(ConnectionError::CouldntSetupConfiguration)?;
        files.check().map_err(|error| ConnectionError::BadConnection(error.to_string()))
    }

    fn lock_timeout(&self) -> Duration {
        self.statement_timeout / 2
    }

    /// Whether Roster sets this PostgreSQL setting, because the URL does not.
    fn sets(&self, name: &str) -> bool {
        matches!(&self.url, DatabaseUrl::Postgres(text) if !text.contains(name))
    }

    fn settings(&self) -> String {
        let statement = self.statement_timeout.as_millis();
        let lock = self.lock_timeout().as_millis();
        match &self.url {
            DatabaseUrl::Postgres(_) => [
                ("statement_timeout", statement),
                ("lock_timeout", lock),
                // Otherwise, a Roster server that hangs during a write would block all others.
                ("idle_in_transaction_session_timeout", statement),
            ]
            .iter()
            .filter(|(name, _)| self.sets(name))
            .map(|(name, millis)| format!("SET {name} = {millis};"))
            .chain([PREFER_INDEXES.to_owned()])
            .collect(),
            DatabaseUrl::Sqlite(_) | DatabaseUrl::Memory(_) => {
                let query_only = self.class != Class::Write;
                format!("PRAGMA busy_timeout = {lock}; {SQLITE_SETTINGS} PRAGMA query_only = {query_only};")
            }
        }
    }
}

const ENGLISH_MESSAGES: &str = "SELECT set_config('lc_messages', 'C', false) \
    WHERE current_setting('lc_messages') !~ '^(C|POSIX|en|$)'";

/// Every statement can use an index. With missing or outdated statistics, PostgreSQL may expect that a tenant has few
/// users, and scan all of them.
pub(super) const PREFER_INDEXES: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off;";

/// `synchronous = FULL`: a commit is on disk before the response is sent. `temp_store = MEMORY`: SQLite creates no
/// temporary files, so the rest of the file system can be read-only.
pub(super) const SQLITE_SETTINGS: &str = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
    PRAGMA temp_store = MEMORY;";

/// SQLite opens the files only when a statement first reads them.
const OPEN_FILES: &str = "SELECT count(*) FROM sqlite_schema";

/// Retries for a few seconds while an attempt fails because another process makes the same change.
pub(super) fn retry_contention(attempt: impl FnMut() -> QueryResult<()>) -> QueryResult<()> {
    let pauses = ExponentialBuilder::new().with_min_delay(Duration::from_millis(10)).with_max_times(8);
    let is_contention = |error: &diesel::result::Error| {
        let text = error.to_string();
        ["locked", "already exists", "duplicate key", "concurrently"].iter().any(|sign| text.contains(sign))
    };
    attempt.retry(pauses.with_jitter()).sleep(std::thread::sleep).when(is_contention).call()
}
