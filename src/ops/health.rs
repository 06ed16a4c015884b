//! Health checks of the database.

use crate::db::types::Uid;
use crate::db::{Class, DbError, Operation, Tx, migrate};
use crate::schema::idempotency;
use diesel::prelude::*;
use uuid::Uuid;

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

/// Inserts and deletes a row of about a page in a transaction that is committed, through a writer. A smaller row would not
/// prove that the tables can grow, because it may fit into an existing page. A rolled back transaction would prove
/// nothing, because it never reaches the disk.
#[derive(Debug)]
pub struct CanWrite {
    /// An id that distinguishes the row from the rows of other servers.
    pub id: Uuid,
    /// The content of the row. It must be incompressible, because PostgreSQL compresses large values.
    pub content: String,
}

impl Operation for CanWrite {
    type Output = ();
    type Error = DbError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        use idempotency::dsl;
        let tenant = dsl::tenant_id.eq(Uid(self.id));
        let row = (
            tenant,
            dsl::caller.eq(""),
            dsl::method.eq(""),
            dsl::path.eq("/readyz"),
            dsl::idempotency_key.eq(""),
            dsl::body_hash.eq([].as_slice()),
            dsl::status.eq(0),
            dsl::headers.eq(""),
            dsl::body.eq(&self.content),
            dsl::created_at.eq(i64::MAX),
        );
        tx.execute(diesel::insert_into(dsl::idempotency).values(row))?;
        tx.execute(diesel::delete(dsl::idempotency.filter(tenant)))?;
        Ok(())
    }
}
