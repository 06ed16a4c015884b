//! Operations that no client can ask for: they hold an actor, panic, lose races.

use diesel::prelude::*;
use roster::db::{Class, DbError, Isolation, Operation, Results, Tx, types::Uid};
use roster::domain::DEFAULT_TENANT;
use roster::schema::heads;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// Does nothing, as a reader.
#[derive(Debug)]
pub(crate) struct Read;

impl Operation for Read {
    type Output = ();
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        tx.get::<i32>(diesel::select(1.into_sql::<diesel::sql_types::Integer>()))?;
        Ok(())
    }
}

/// Writes the head row and fails to come back.
#[derive(Debug)]
pub(crate) struct PanicInWrite;

impl Operation for PanicInWrite {
    type Output = ();
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        spoil_head(tx)?;
        panic!("in a writer, as the test wants it")
    }
}

/// Fails to come back from reading.
#[derive(Debug)]
pub(crate) struct PanicInRead;

impl Operation for PanicInRead {
    type Output = ();
    const CLASS: Class = Class::Read;

    fn run(&self, _: &mut Tx<'_>) -> Result<(), DbError> {
        panic!("in a reader, as the test wants it")
    }
}

/// Counts that it ran.
#[derive(Debug)]
pub(crate) struct Counted(pub(crate) Arc<AtomicUsize>);

impl Operation for Counted {
    type Output = ();
    const CLASS: Class = Class::Write;

    fn run(&self, _: &mut Tx<'_>) -> Result<(), DbError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Says that it has begun and waits until it may end: `C` is 0 for a reader, 1 for a page, 2 for a writer.
#[derive(Debug)]
pub(crate) struct Held<const C: usize> {
    begun: Sender<()>,
    may_end: Mutex<Receiver<()>>,
}

impl<const C: usize> Held<C> {
    /// The operation, what hears that it has begun, and what lets it end when it is dropped.
    pub(crate) fn new() -> (Self, Receiver<()>, Sender<()>) {
        let ((begun, has_begun), (end, may_end)) = (channel(), channel());
        (Self { begun, may_end: Mutex::new(may_end) }, has_begun, end)
    }
}

impl<const C: usize> Operation for Held<C> {
    type Output = ();
    const CLASS: Class = [Class::Read, Class::Page, Class::Write, Class::Scan][C];

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        if C == 2 {
            move_users(tx, 1)?;
        }
        self.begun.send(()).expect("the test waits");
        // Ends when the other side is dropped.
        self.may_end.lock().unwrap().recv().unwrap_err();
        Ok(())
    }
}

/// Reads the number of users, gives the other time to do the same, and writes it back: a lost update waiting to
/// happen, unless the isolation is SERIALIZABLE and losers try again.
#[derive(Debug)]
pub(crate) struct ReadThenWrite {
    pub(crate) tries: Arc<AtomicUsize>,
    /// Only the first try of each waits for the other.
    pub(crate) both_have_read: Arc<std::sync::Barrier>,
    pub(crate) first: std::sync::atomic::AtomicBool,
}

impl Operation for ReadThenWrite {
    type Output = ();
    const CLASS: Class = Class::Write;
    const ISOLATION: Isolation = Isolation::Serializable;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        self.tries.fetch_add(1, Ordering::SeqCst);
        let users = users(tx)?;
        if self.first.swap(false, Ordering::SeqCst) {
            self.both_have_read.wait();
        }
        let head = diesel::update(heads::table.find(Uid(DEFAULT_TENANT))).set(heads::users.eq(users + 1));
        tx.execute(head)?;
        Ok(())
    }
}

/// The counter of users in the head row, which the probes use as a place to write.
#[derive(Debug)]
pub(crate) struct Users;

impl Operation for Users {
    type Output = i64;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<i64, DbError> {
        Ok(users(tx)?)
    }
}

fn users(tx: &mut Tx<'_>) -> QueryResult<i64> {
    let head = heads::table.find(Uid(DEFAULT_TENANT)).select(heads::users);
    tx.get(head)
}

fn spoil_head(tx: &mut Tx<'_>) -> QueryResult<()> {
    move_users(tx, 1_000)
}

fn move_users(tx: &mut Tx<'_>, by: i64) -> QueryResult<()> {
    let head = diesel::update(heads::table.find(Uid(DEFAULT_TENANT))).set(heads::users.eq(heads::users + by));
    tx.execute(head).map(drop)
}

/// Notes how many of its kind are carried out together.
#[derive(Debug)]
pub(crate) struct Together(pub(crate) Arc<Mutex<Vec<usize>>>);

impl Operation for Together {
    type Output = ();
    const CLASS: Class = Class::Write;
    const MAX_BATCH: usize = 200;

    fn run(&self, _: &mut Tx<'_>) -> Result<(), DbError> {
        self.0.lock().unwrap().push(1);
        Ok(())
    }

    fn run_batch(operations: &[&Self], _: &mut Tx<'_>) -> Results<()> {
        operations[0].0.lock().unwrap().push(operations.len());
        Ok(operations.iter().map(|_| Ok(())).collect())
    }
}

/// Notes among them that it was carried out.
#[derive(Debug)]
pub(crate) struct Noted(pub(crate) Arc<Mutex<Vec<usize>>>);

impl Noted {
    /// What it notes.
    pub(crate) const SIZE: usize = 0;
}

impl Operation for Noted {
    type Output = ();
    const CLASS: Class = Class::Write;

    fn run(&self, _: &mut Tx<'_>) -> Result<(), DbError> {
        self.0.lock().unwrap().push(Self::SIZE);
        Ok(())
    }
}

/// Does what another operation does, and may break after that.
#[derive(Debug)]
pub(crate) struct Brittle<O> {
    pub(crate) operation: O,
    pub(crate) breaks: Option<Break>,
}

/// How an operation breaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Break {
    Panic,
    Statement,
}

impl<O: Operation> Operation for Brittle<O> {
    type Output = O::Output;
    const CLASS: Class = O::CLASS;
    const MAX_BATCH: usize = 200;

    fn run(&self, tx: &mut Tx<'_>) -> Result<O::Output, DbError> {
        let output = self.operation.run(tx)?;
        self.perhaps_break(tx)?;
        Ok(output)
    }

    fn run_batch(operations: &[&Self], tx: &mut Tx<'_>) -> Results<O::Output> {
        let inner: Vec<_> = operations.iter().map(|brittle| &brittle.operation).collect();
        let results = O::run_batch(&inner, tx)?;
        operations.iter().try_for_each(|brittle| brittle.perhaps_break(tx))?;
        Ok(results)
    }
}

impl<O> Brittle<O> {
    fn perhaps_break(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        match self.breaks {
            None => {}
            Some(Break::Panic) => panic!("in a batch, as the test wants it"),
            Some(Break::Statement) => {
                tx.execute(diesel::sql_query("SELECT 1 FROM nowhere"))?;
            }
        }
        Ok(())
    }
}
