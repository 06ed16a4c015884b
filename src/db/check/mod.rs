//! Recounts a database and reports where it differs from what is stored: digests, counters, revisions, and the tables and
//! columns that index users and groups.

mod history;
mod index;
mod resources;

use super::conn::{Connection, Dialect, PREFER_INDEXES};
use super::digests;
use super::error::DbError;
use super::types::Uid;
use crate::domain::digest::Digest;
use crate::schema::{heads, tenants};
use diesel::prelude::*;
use std::fmt::Display;
use uuid::Uuid;

/// The numbers of checked rows, and of the differences found.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub struct Totals {
    pub tenants: i64,
    pub users: i64,
    pub groups: i64,
    pub members: i64,
    pub changes: i64,
    pub differences: i64,
}

/// Checks every tenant, each in one snapshot, and passes a line for each difference to `report`. Reads pages of limited
/// size and writes nothing.
///
/// # Errors
/// Any error of the database, or a column that contains invalid JSON.
pub fn run(connection: &mut Connection, report: &mut dyn FnMut(&str)) -> Result<Totals, DbError> {
    let begin = match connection.dialect() {
        Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        Dialect::Sqlite => "BEGIN",
    };
    if connection.dialect() == Dialect::Postgres {
        connection.batch_execute(PREFER_INDEXES)?;
    }
    let (mut totals, mut after) = (Totals::default(), Uuid::nil());
    loop {
        connection.begin(begin)?;
        let next = next_tenant(connection, after)?;
        if let Some((id, name)) = &next {
            let (counted, tenant) = (Totals { tenants: 1, ..Totals::default() }, *id);
            let mut check = Check { connection, tenant, name, counted, report };
            check.run()?;
            totals = totals.plus(check.counted);
        }
        connection.rollback()?;
        match next {
            Some((id, _)) => after = id,
            None => return Ok(totals),
        }
    }
}

fn next_tenant(connection: &mut Connection, after: Uuid) -> QueryResult<Option<(Uuid, String)>> {
    let later = tenants::table.filter(tenants::id.gt(Uid(after))).order(tenants::id).limit(1);
    let next: Option<(Uid, String)> = connection.optional(later.select((tenants::id, tenants::name)))?;
    Ok(next.map(|(Uid(id), name)| (id, name)))
}

/// The check of one tenant.
struct Check<'c> {
    connection: &'c mut Connection,
    tenant: Uuid,
    name: &'c str,
    counted: Totals,
    report: &'c mut dyn FnMut(&str),
}

/// The head row of a tenant.
#[derive(Clone, Copy, Queryable)]
struct Head {
    revision: i64,
    users: i64,
    groups: i64,
    digest: Option<i64>,
    digest_revision: Option<i64>,
}

impl Head {
    /// The digest, if it is known.
    fn digest(self) -> Option<Digest> {
        self.digest.filter(|_| self.digest_revision == Some(self.revision)).map(Digest::from)
    }
}

impl Check<'_> {
    fn run(&mut self) -> Result<(), DbError> {
        self.check_users()?;
        self.check_groups()?;
        let columns = (heads::revision, heads::users, heads::groups, heads::digest, heads::digest_revision);
        let head: Option<Head> =
            self.connection.optional(heads::table.find(Uid(self.tenant)).select(columns))?;
        let Some(head) = head else {
            self.report("it has no row in heads");
            return Ok(());
        };
        self.compare("the number of users", head.users, self.counted.users);
        self.compare("the number of groups", head.groups, self.counted.groups);
        let digest = digests::count(self.connection, self.tenant)?;
        match head.digest() {
            Some(stored) => self.compare("the digest", stored, digest),
            None => self.report(format!("the digest is unknown, recounted {digest}")),
        }
        self.check_history(head)
    }

    fn report(&mut self, difference: impl Display) {
        self.counted.differences += 1;
        (self.report)(&format!("tenant {}: {difference}", self.name));
    }

    /// Reports a stored value that differs from the recounted value.
    fn compare<T: Display + PartialEq>(&mut self, what: impl Display, stored: T, counted: T) {
        if stored != counted {
            self.report(format!("{what} is {stored}, recounted {counted}"));
        }
    }
}

impl Totals {
    fn plus(self, other: Self) -> Self {
        Self {
            tenants: self.tenants + other.tenants,
            users: self.users + other.users,
            groups: self.groups + other.groups,
            members: self.members + other.members,
            changes: self.changes + other.changes,
            differences: self.differences + other.differences,
        }
    }
}
