//! Health checks of the database.

use crate::db::{Class, DbError, Operation, Tx, migrate};

/// Counts the pending migrations of this release, through a reader.
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

/// Commits an empty transaction, through a writer.
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
