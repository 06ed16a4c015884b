//! Whether the database answers.

use crate::db::{Class, DbError, Operation, Tx, migrate};

/// Goes through the readers: gives how many migrations of this release the database lacks.
#[derive(Debug)]
pub struct PendingMigrations;

impl Operation for PendingMigrations {
    type Output = usize;
    type Error = DbError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<usize, DbError> {
        migrate::pending(tx).map(|pending| pending.len())
    }
}

/// Goes through the writer: begins and commits a transaction that does nothing.
#[derive(Debug)]
pub struct CanWrite;

impl Operation for CanWrite {
    type Output = ();
    type Error = DbError;
    const CLASS: Class = Class::Write;

    fn run(&self, _: &mut Tx<'_>) -> Result<(), DbError> {
        Ok(())
    }
}
