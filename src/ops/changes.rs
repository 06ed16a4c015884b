//! The change feed: read, and begun anew.

use crate::db::lock::{ForUpdate, Lock as _};
use crate::db::sql::Fragment;
use crate::db::types::{Json, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::change::{ChangeKind, ChangeRecord, ResourceKind};
use crate::domain::filter::Value;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::schema::{changes, heads};
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Map;
use uuid::Uuid;

/// Reads the changes of a tenant behind a revision.
#[derive(Debug)]
pub struct Read {
    /// The tenant.
    pub tenant: Uuid,
    /// The last revision that the reader has seen.
    pub after: i64,
    /// At most so many.
    pub limit: usize,
    /// Only of these types.
    pub types: Option<Vec<ChangeKind>>,
    /// Only of this kind of resource, or of this one.
    pub resource: Option<Resource>,
    /// Whether what only admins may know is shown.
    pub admin: bool,
}

/// What changes are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// All of a kind.
    Kind(ResourceKind),
    /// One, by its id.
    One(Uuid),
}

/// Changes behind a revision.
#[derive(Debug)]
pub struct Feed {
    /// The changes.
    pub changes: Vec<ChangeRecord>,
    /// The revision to ask after next.
    pub next: i64,
    /// Where the feed stands.
    pub span: Span,
}

/// Where a feed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The oldest revision that is kept; one more than the head when none is.
    pub earliest: i64,
    /// The newest revision.
    pub head: i64,
    /// The name of this history.
    pub epoch: Uuid,
}

/// How many revisions are looked at for one answer.
const WINDOW: i64 = 5_000;

impl Operation for Read {
    type Output = Result<Feed, Span>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Result<Feed, Span>, OpError> {
        let span = span(tx, self.tenant)?;
        if self.after > span.head || self.after + 1 < span.earliest {
            return Ok(Err(span));
        }
        // Revisions have no gaps, so that a window is a range.
        let last = match self.resource {
            // These have an index of their own.
            Some(Resource::One(_)) => span.head,
            _ => span.head.min(self.after.saturating_add(WINDOW)),
        };
        let changes = self.changes(tx, last)?;
        let full = changes.len() == self.limit;
        let next = changes.last().filter(|_| full).map_or(last, |change_record| change_record.revision);
        Ok(Ok(Feed { changes, next, span }))
    }
}

type ChangeRow = (
    i64,
    i64,
    String,
    String,
    String,
    String,
    String,
    Uid,
    Option<Uid>,
    i64,
    Option<Json<Map<String, serde_json::Value>>>,
    Option<Json<Map<String, serde_json::Value>>>,
    bool,
);

impl Read {
    fn changes(&self, connection: &mut Connection, last: i64) -> QueryResult<Vec<ChangeRecord>> {
        let Some(Resource::One(id)) = self.resource else {
            return self.load_changes(connection, last, self.condition());
        };
        // What tells of a user tells of its memberships, too. Each has an index of its own, and no row has both.
        let mut changes = Vec::new();
        for column in ["changes.resource_id", "changes.member_id"] {
            let mut condition = self.condition();
            condition.sql(" AND ").sql(column).sql(" = ").value(Value::Id(id));
            changes.extend(self.load_changes(connection, last, condition)?);
        }
        changes.sort_by_key(|change_record| change_record.revision);
        changes.truncate(self.limit);
        Ok(changes)
    }

    fn load_changes(
        &self,
        connection: &mut Connection,
        last: i64,
        condition: Fragment,
    ) -> QueryResult<Vec<ChangeRecord>> {
        let range = changes::revision.gt(self.after).and(changes::revision.le(last));
        let query = changes::table
            .filter(changes::tenant_id.eq(Uid(self.tenant)).and(range).and(condition))
            .order(changes::revision)
            .limit(i64::try_from(self.limit).unwrap_or(i64::MAX))
            .select((
                changes::revision,
                changes::time,
                changes::actor_type,
                changes::actor_id,
                changes::request_id,
                changes::kind,
                changes::resource,
                changes::resource_id,
                changes::member_id,
                changes::version,
                changes::before,
                changes::after,
                changes::erased,
            ));
        let rows: Vec<ChangeRow> = connection.load(query)?;
        Ok(rows.into_iter().map(change_record).collect())
    }

    fn condition(&self) -> Fragment {
        let mut condition = Fragment::truth();
        if !self.admin {
            let hidden = ResourceKind::ALL.into_iter().filter(|kind| kind.is_admin_only());
            let hidden: Vec<_> = hidden.map(|kind| format!("'{kind}'")).collect();
            condition.sql(format!(" AND changes.resource NOT IN ({})", hidden.join(", ")));
        }
        if let Some(types) = &self.types {
            let types: Vec<_> = types.iter().map(|kind| format!("'{kind}'")).collect();
            condition.sql(format!(" AND changes.type IN ({})", types.join(", "))).unprepared();
        }
        if let Some(Resource::Kind(kind)) = self.resource {
            condition.sql(" AND changes.resource = ").value(Value::Text(kind.to_string()));
        }
        condition
    }
}

fn change_record(row: ChangeRow) -> ChangeRecord {
    let (
        revision,
        time,
        actor_type,
        actor_id,
        request_id,
        kind,
        resource,
        id,
        member,
        version,
        before,
        after,
        erased,
    ) = row;
    ChangeRecord {
        revision,
        time: Timestamp::from(time),
        actor_type,
        actor_id,
        request_id,
        kind,
        resource,
        id: id.0,
        member: member.map(|Uid(id)| id),
        version,
        before: before.map(|Json(map)| map),
        after: after.map(|Json(map)| map),
        erased,
    }
}

/// Gives the histories of some tenants, in the order of the tenants' ids, new names: after a restore a revision may stand
/// for another change than the one that followers have seen.
#[derive(Debug)]
pub struct RenewEpochs {
    /// Behind this tenant.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
    /// Makes a name.
    pub epoch: fn() -> Uuid,
}

impl Operation for RenewEpochs {
    /// The tenants.
    type Output = Vec<Uuid>;
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Uuid>, OpError> {
        let query = heads::table
            .filter(heads::tenant_id.gt(Uid(self.after.unwrap_or(Uuid::nil()))))
            .order(heads::tenant_id)
            .limit(i64::try_from(self.limit).unwrap_or(i64::MAX))
            .select(heads::tenant_id);
        let tenants: Vec<Uid> = tx.load(ForUpdate::on(query))?;
        for tenant in &tenants {
            let head = heads::table.find(*tenant);
            let update = diesel::update(head).set(heads::epoch.eq(Uid((self.epoch)())));
            tx.execute(update)?;
        }
        Ok(tenants.into_iter().map(|Uid(id)| id).collect())
    }
}

fn span(connection: &mut Connection, tenant: Uuid) -> QueryResult<Span> {
    let head = heads::table.find(Uid(tenant)).select((heads::revision, heads::epoch));
    let (head, Uid(epoch)): (i64, Uid) = connection.get(head)?;
    let earliest =
        changes::table.filter(changes::tenant_id.eq(Uid(tenant))).select(diesel::dsl::min(changes::revision));
    let earliest: Option<i64> = connection.get(earliest)?;
    Ok(Span { earliest: earliest.unwrap_or(head + 1).min(head + 1), head, epoch })
}
