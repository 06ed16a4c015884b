//! Runs operations once, on one connection.

use super::actor::Call;
use super::commits::Commits;
use super::conn::{Connection, Dialect, Pooled};
use super::error::{CallError, DbError};
use super::history::{self, NewRevision};
use super::metrics::Metrics;
use super::sql::Fragment;
use super::{Class, Isolation, Operation, OptionalResults, Results};
use crate::domain::change::{Change, ChangeKind};
use crate::domain::origin::Origin;
use std::collections::HashSet;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The connection that an operation uses. Writes run in a transaction on it.
pub struct Tx<'a> {
    connection: &'a mut Connection,
    /// The origin of each call.
    origins: &'a [&'a Origin],
    /// The index of the current call.
    call: usize,
    /// The recorded changes, each with the index of its call.
    changes: Vec<(usize, Change)>,
    /// The tenants whose changes have been inserted.
    changed_tenants: Vec<Uuid>,
    /// The types of the inserted changes.
    inserted: Vec<ChangeKind>,
    /// The revisions of the inserted changes of calls that collect them.
    revisions: Vec<NewRevision>,
}

impl<'a> Tx<'a> {
    fn new(connection: &'a mut Connection, origins: &'a [&'a Origin]) -> Self {
        let (changes, changed_tenants, inserted, revisions) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { connection, origins, call: 0, changes, changed_tenants, inserted, revisions }
    }

    /// The connection, for engine-specific statements.
    pub fn connection(&mut self) -> &mut Connection {
        self.connection
    }

    /// Runs reads in one snapshot of the database.
    ///
    /// # Errors
    /// The error of `read`, or of the database.
    pub fn in_snapshot<T, E: CallError>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let begin = match self.dialect() {
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Dialect::Sqlite => "BEGIN",
        };
        self.connection.begin(begin).map_err(DbError::from)?;
        let read = read(self);
        self.connection.rollback().map_err(DbError::from)?;
        read
    }

    /// Runs reads in one transaction on SQLite, which otherwise locks and unlocks the file for each statement. On
    /// PostgreSQL, a transaction would only add round trips.
    ///
    /// # Errors
    /// The error of `read`, or of the database.
    pub fn in_sqlite_snapshot<T, E: CallError>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        match self.dialect() {
            Dialect::Postgres => read(self),
            Dialect::Sqlite => self.in_snapshot(read),
        }
    }

    /// The origin of the current call.
    ///
    /// # Errors
    /// [`DbError::Internal`] outside a call.
    pub fn origin(&self) -> Result<&'a Origin, DbError> {
        let no_origin = || DbError::Internal("there is no current call".to_owned());
        self.origins.get(self.call).copied().ok_or_else(no_origin)
    }

    /// Whether several calls share the transaction.
    pub fn is_batch(&self) -> bool {
        self.origins.len() > 1
    }

    /// Whether all calls of the transaction have the same caller.
    pub fn has_one_caller(&self) -> bool {
        let mut actors = self.origins.iter().map(|origin| &origin.actor);
        actors.next().is_none_or(|first| actors.all(|actor| actor == first))
    }

    /// Records a change. Changes are numbered and inserted at the end of the transaction, because numbering locks the
    /// tenant's head row until the commit.
    pub fn record(&mut self, change: Change) {
        self.changes.push((self.call, change));
    }

    /// The changes recorded so far that have not been inserted.
    pub fn recorded(&mut self) -> impl ExactSizeIterator<Item = &mut Change> {
        self.changes.iter_mut().map(|(_, change)| change)
    }

    /// Numbers and inserts the changes recorded so far, and checks the values that the tenant requires to be unique. The end
    /// of the transaction does this, too; only an operation that rolls back its own writes must call it, for the check.
    ///
    /// # Errors
    /// [`DbError::Taken`] if a value is not unique, or another error of the database.
    pub fn insert_changes(&mut self) -> Result<(), DbError> {
        let changes = self.take_changes();
        self.inserted.extend(changes.iter().map(|(_, change)| change.kind));
        self.revisions.extend(history::insert(self.connection, self.origins, changes)?);
        Ok(())
    }

    fn take_changes(&mut self) -> Vec<(usize, Change)> {
        self.changed_tenants.extend(self.changes.iter().map(|(_, change)| change.tenant));
        self.changed_tenants.dedup();
        std::mem::take(&mut self.changes)
    }

    /// Completes a statement that inserts users with the recorded changes, and runs it outside a transaction. Returns the
    /// ids of the inserted users, or `None` if nothing was done and a transaction is needed.
    ///
    /// # Errors
    /// [`DbError::OutcomeUnknown`] if the connection is lost. After any other error, nothing was done.
    pub fn insert_users_with_changes(&mut self, users: Fragment) -> Result<Option<HashSet<Uuid>>, DbError> {
        let changes = self.take_changes();
        let users = history::insert_with_users(self.connection, self.origins, users, changes)?;
        self.inserted.extend(users.iter().flatten().map(|_| ChangeKind::USER_CREATED));
        Ok(users)
    }

    /// Sets the call of the batch to which the next recorded changes belong. If there is a single call, all changes belong to
    /// it: the call itself runs a batch of other operations.
    pub fn set_call(&mut self, call: usize) {
        self.call = if self.origins.len() == 1 { 0 } else { call };
    }

    /// Runs one call of a batch in a savepoint. An error that concerns only this call rolls back to the savepoint and is
    /// returned as the inner result.
    ///
    /// # Errors
    /// An error that concerns the whole batch.
    pub fn savepoint<T, E: CallError>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<Result<T, E>, E> {
        let (changes, inserted, revisions) = (self.changes.len(), self.inserted.len(), self.revisions.len());
        self.connection.begin_savepoint().map_err(DbError::from)?;
        match work(self) {
            Ok(done) => {
                self.connection.commit().map_err(DbError::from)?;
                Ok(Ok(done))
            }
            Err(error) => {
                rollback(self.connection, error.database())?;
                self.changes.truncate(changes);
                self.inserted.truncate(inserted);
                self.revisions.truncate(revisions);
                if error.database().is_none() { Ok(Err(error)) } else { Err(error) }
            }
        }
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection
    }
}

/// Runs the calls of a batch one after another, each in a savepoint.
///
/// # Errors
/// An error that concerns the whole batch.
pub fn run_each<O: Operation>(operations: &[&O], tx: &mut Tx<'_>) -> Results<O::Output, O::Error> {
    let calls = operations.iter().enumerate();
    calls
        .map(|(call, operation)| {
            tx.set_call(call);
            tx.savepoint(|tx| operation.run(tx))
        })
        .collect()
}

/// Runs writes in a transaction, with the declared exceptions, and reads without one. Calls start after BEGIN, which
/// waits for SQLite's lock. Calls whose callers have given up by then are skipped.
pub(super) fn attempt<O: Operation>(
    Pooled { connection, lock_timeout, .. }: &mut Pooled,
    calls: &[&Call<O>],
    commits: &Commits,
    metrics: &Metrics,
) -> Results<O::Output, O::Error> {
    if in_transaction::<O>() {
        let deadline = calls.iter().map(|call| call.deadline).min();
        let remaining = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let lock_timeout = shorter_lock_timeout(*lock_timeout, remaining);
        let is_planned = calls.iter().any(|call| call.origin.plan.is_some());
        if O::IN_ONE_STATEMENT && !is_planned && lock_timeout.is_none() && connection.is_open_postgres() {
            let run = |operations: &[&O], origins: &[&Origin]| {
                let mut tx = Tx::new(connection, origins);
                let results = O::run_in_one_statement(operations, &mut tx)?;
                if results.is_some() {
                    commits.publish(&tx.changed_tenants);
                    metrics.count_changes(&tx.inserted);
                }
                Ok(results)
            };
            if let Some(results) = start(calls, run)? {
                return Ok(results);
            }
        }
        begin(connection, O::ISOLATION, lock_timeout)?;
    }
    let run = |operations: &[&O], origins: &[&Origin]| {
        run_started(connection, operations, origins, (commits, metrics)).map(Some)
    };
    Ok(start(calls, run)?.unwrap_or_default())
}

/// Starts calls and runs the operations of those whose callers have not given up. Returns a result for each call, or
/// `None` if `run` does.
fn start<O: Operation>(
    calls: &[&Call<O>],
    run: impl FnOnce(&[&O], &[&Origin]) -> OptionalResults<O::Output, O::Error>,
) -> OptionalResults<O::Output, O::Error> {
    let started: Vec<_> = calls.iter().map(|call| call.ticket.start()).collect();
    let kept = || calls.iter().zip(&started).filter_map(|(call, started)| started.then_some(*call));
    let operations: Vec<_> = kept().map(|call| &call.operation).collect();
    let origins: Vec<_> = kept().map(|call| &call.origin).collect();
    let Some(results) = run(&operations, &origins)? else { return Ok(None) };
    let mut results = results.into_iter();
    let result = |started| if started { results.next() } else { Some(Err(DbError::DeadlinePassed.into())) };
    Ok(Some(started.into_iter().filter_map(result).collect()))
}

fn in_transaction<O: Operation>() -> bool {
    O::CLASS == Class::Write && O::IN_TRANSACTION
}

/// Runs the operations of the calls that have started, and ends the transaction of writes: with a commit or, if the request
/// has a plan, with a rollback. Its changes are inserted before that, because this checks unique values.
fn run_started<O: Operation>(
    connection: &mut Connection,
    operations: &[&O],
    origins: &[&Origin],
    (commits, metrics): (&Commits, &Metrics),
) -> Results<O::Output, O::Error> {
    let mut tx = Tx::new(connection, origins);
    let output = results(operations, &mut tx);
    if !in_transaction::<O>() {
        return output;
    }
    // A call whose writes are rolled back runs alone.
    let plan = origins.first().and_then(|origin| origin.plan.as_ref());
    let planned = plan.map(|plan| (plan, tx.changes.clone()));
    let output = output.and_then(|output| Ok(tx.insert_changes().map(|()| output)?));
    let (changed_tenants, inserted, revisions) = (tx.changed_tenants, tx.inserted, tx.revisions);
    match (output, planned) {
        (Ok(output), Some((plan, changes))) => {
            rollback(connection, None)?;
            plan.add(changes.into_iter().map(|(_, change)| change));
            Ok(output)
        }
        (Ok(output), None) => {
            commit(connection)?;
            revisions.into_iter().for_each(NewRevision::publish);
            commits.publish(&changed_tenants);
            metrics.count_changes(&inserted);
            Ok(output)
        }
        (Err(error), _) => {
            rollback(connection, error.database())?;
            Err(error)
        }
    }
}

/// Runs the operations and returns a result for each. If there is only one, its error is the error of the batch.
fn results<O: Operation>(operations: &[&O], tx: &mut Tx<'_>) -> Results<O::Output, O::Error> {
    match operations {
        [] => return Ok(Vec::new()),
        [operation] => return Ok(vec![Ok(operation.run(tx)?)]),
        _ => {}
    }
    let results = O::run_batch(operations, tx)?;
    match results.len() == operations.len() {
        true => Ok(results),
        false => Err(DbError::Internal("not every call has a result".to_owned()).into()),
    }
}

/// The lock timeout of a transaction with little remaining time: half of this time or more. Otherwise, its caller would give up
/// first and not learn whether the write took effect. If enough time remains, the usual timeout applies.
fn shorter_lock_timeout(usual: Option<Duration>, remaining: Option<Duration>) -> Option<Duration> {
    let (usual, remaining) = usual.zip(remaining)?;
    (remaining < usual * 3 / 2).then(|| (remaining / 2).max(SHORT_LOCK_TIMEOUT.min(remaining * 3 / 4)))
}

/// Long enough for the short waits of concurrent writes. Under load, most writes start shortly before their deadlines.
const SHORT_LOCK_TIMEOUT: Duration = Duration::from_millis(100);

/// Begins a transaction. A lock timeout is set without another round trip.
fn begin(
    connection: &mut Connection,
    isolation: Isolation,
    lock_timeout: Option<Duration>,
) -> Result<(), DbError> {
    let sql = match (connection.dialect(), isolation) {
        (Dialect::Sqlite, _) => "BEGIN IMMEDIATE",
        // Not READ WRITE, which would override `default_transaction_read_only`. Hosting providers set it when a disk is
        // almost full.
        (Dialect::Postgres, Isolation::ReadCommitted) => "BEGIN ISOLATION LEVEL READ COMMITTED",
        (Dialect::Postgres, Isolation::Serializable) => "BEGIN ISOLATION LEVEL SERIALIZABLE",
    };
    let with_timeout =
        lock_timeout.map(|timeout| format!("{sql}; SET LOCAL lock_timeout = {}", timeout.as_millis()));
    Ok(connection.begin(with_timeout.as_deref().unwrap_or(sql))?)
}

/// Rolls back to the innermost savepoint, or rolls back the transaction if there is none, because of an error. If the
/// engine caused the error, it may have rolled back already.
fn rollback(connection: &mut Connection, cause: Option<&DbError>) -> Result<(), DbError> {
    match connection.rollback() {
        Err(error) if cause.is_none() => Err(DbError::Unavailable(format!("the rollback failed: {error}"))),
        _ => Ok(()),
    }
}

fn commit(connection: &mut Connection) -> Result<(), DbError> {
    connection.commit().map_err(|error| {
        let error = match error {
            diesel::result::Error::RollbackErrorOnCommit { commit_error, .. } => *commit_error,
            other => other,
        };
        error_at_commit(connection, error)
    })
}

/// The error of a statement that commits.
pub(super) fn error_at_commit(connection: &mut Connection, error: diesel::result::Error) -> DbError {
    let alive = connection.batch_execute("SELECT 1").is_ok();
    DbError::from(error).at_commit(alive)
}
