//! Operations on the change feed.

use crate::db::budget::{Budget, StoredSize};
use crate::db::commits::Head;
use crate::db::lock::{ForUpdate, Lock as _};
use crate::db::sql::Fragment;
use crate::db::types::{Json, Measured, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::change::{ChangeKind, ChangeRecord, ResourceKind};
use crate::domain::digest::Digest;
use crate::domain::filter::Value;
use crate::domain::time::Timestamp;
use crate::ops::{OpError, PAGE_BYTES};
use crate::schema::{changes, heads};
use diesel::prelude::*;
use serde::Serialize;
use serde_json::Map;
use uuid::Uuid;

/// Reads the changes of a tenant after a revision.
#[derive(Debug)]
pub struct Read {
    /// The tenant.
    pub tenant: Uuid,
    /// The last revision that the reader has seen.
    pub after: i64,
    /// The maximum number of changes.
    pub limit: usize,
    /// The types of changes to include; `None` includes all.
    pub types: Option<Vec<ChangeKind>>,
    /// The resources whose changes to include; `None` includes all.
    pub resource: Option<Resource>,
    /// Whether to include changes that only admins may see.
    pub admin: bool,
}

/// A selection of resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// All resources of a kind.
    Kind(ResourceKind),
    /// The resource with this id.
    One(Uuid),
}

/// A page of the change feed.
#[derive(Debug)]
pub struct Feed {
    /// The changes.
    pub changes: Vec<ChangeRecord>,
    /// The revision after which the next page starts.
    pub next: i64,
    /// The available range of revisions.
    pub span: Span,
    /// The digest of the tenant at the revision `next`; `None` if it is unknown.
    pub digest: Option<Digest>,
}

/// The range of revisions that a feed contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The oldest stored revision, or head + 1 if no change is stored.
    pub earliest: i64,
    /// The newest revision.
    pub head: i64,
    /// The epoch of the history.
    pub epoch: Uuid,
}

/// The maximum number of revisions that one read examines.
const WINDOW: i64 = 5_000;

impl Operation for Read {
    type Output = Result<Feed, Span>;
    type Error = OpError;
    const CLASS: Class = Class::Poll;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Result<Feed, Span>, OpError> {
        let head = head(tx, self.tenant)?;
        // Revisions have no gaps, so a number of revisions is a range.
        let last = match self.resource {
            // Changes of one resource are read through their own indexes, so the range need not be limited.
            Some(Resource::One(_)) => head.revision,
            _ => head.revision.min(self.after.saturating_add(WINDOW)),
        };
        let Loaded { mut changes, mut end } = self.changes(tx, last)?;
        // Read last: if the change after `after` still exists now, no change was missing while the changes were read.
        let span = span(tx, self.tenant, &head)?;
        if self.after > span.head || self.after + 1 < span.earliest {
            return Ok(Err(span));
        }
        changes.retain(|change_record| change_record.revision <= end.unwrap_or(last));
        if changes.len() >= self.limit {
            changes.truncate(self.limit);
            end = changes.last().map(|change_record| change_record.revision);
        }
        let next = end.unwrap_or(last);
        let digest = if next == head.revision { head.digest() } else { digest_at(tx, self.tenant, next)? };
        Ok(Ok(Feed { changes, next, span, digest }))
    }
}

type ChangeRow = (
    i64,
    i64,
    String,
    String,
    String,
    Option<Uid>,
    String,
    String,
    Uid,
    Option<Uid>,
    i64,
    Option<Measured<Map<String, serde_json::Value>>>,
    Option<Measured<Map<String, serde_json::Value>>>,
    bool,
    Option<Json<Vec<i64>>>,
    Option<i64>,
);

impl StoredSize for ChangeRow {
    fn stored_size(&self) -> usize {
        [&self.11, &self.12].into_iter().flatten().map(StoredSize::stored_size).sum()
    }
}

/// Changes in the order in which they were loaded.
pub(super) struct Loaded {
    pub(super) changes: Vec<ChangeRecord>,
    /// The revision after which the read ended because the changes filled a page; `None` if the read was not cut short.
    pub(super) end: Option<i64>,
}

impl Read {
    fn changes(&self, connection: &mut Connection, last: i64) -> QueryResult<Loaded> {
        let Some(Resource::One(id)) = self.resource else {
            return self.load_changes(connection, last, self.condition());
        };
        // The changes of a user include those of its memberships. Each column has its own index, and no row has the id in
        // both.
        let mut all = Loaded { changes: Vec::new(), end: None };
        for column in ["changes.resource_id", "changes.member_id"] {
            let mut condition = self.condition();
            condition.sql(" AND ").sql(column).sql(" = ").value(Value::Id(id));
            let Loaded { changes, end } = self.load_changes(connection, last, condition)?;
            all.changes.extend(changes);
            all.end = all.end.into_iter().chain(end).min();
        }
        all.changes.sort_by_key(|change_record| change_record.revision);
        Ok(all)
    }

    fn load_changes(
        &self,
        connection: &mut Connection,
        last: i64,
        mut condition: Fragment,
    ) -> QueryResult<Loaded> {
        condition.sql(" AND changes.revision > ").value(Value::Integer(self.after));
        condition.sql(" AND changes.revision <= ").value(Value::Integer(last));
        load(connection, self.tenant, condition, Fragment::of("changes.revision"), self.limit)
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

/// Loads the changes of a tenant that satisfy a condition, at most `limit`, until they fill a page.
pub(super) fn load(
    connection: &mut Connection,
    tenant: Uuid,
    condition: Fragment,
    order: Fragment,
    limit: usize,
) -> QueryResult<Loaded> {
    let query = changes::table
        .filter(changes::tenant_id.eq(Uid(tenant)).and(condition))
        .order(order)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((
            changes::revision,
            changes::time,
            changes::actor_type,
            changes::actor_id,
            changes::request_id,
            changes::trace_id,
            changes::kind,
            changes::resource,
            changes::resource_id,
            changes::member_id,
            changes::version,
            changes::before,
            changes::after,
            changes::erased,
            changes::reverts,
            changes::digest,
        ));
    let mut budget = Budget::of(PAGE_BYTES);
    let rows: Vec<ChangeRow> = connection.load_within(query, limit, &mut budget)?;
    let changes: Vec<_> = rows.into_iter().map(change_record).collect();
    let end = changes.last().filter(|_| budget.is_spent()).map(|change_record| change_record.revision);
    Ok(Loaded { changes, end })
}

fn change_record(row: ChangeRow) -> ChangeRecord {
    let (
        revision,
        time,
        actor_type,
        actor_id,
        request_id,
        trace,
        kind,
        resource,
        id,
        member,
        version,
        before,
        after,
        erased,
        reverts,
        digest,
    ) = row;
    let known = ChangeKind::from_name(&kind);
    let shown = |document: Measured<Map<String, serde_json::Value>>| match known {
        Some(kind) => kind.shown(document.value),
        None => document.value,
    };
    ChangeRecord {
        revision,
        time: Timestamp::from(time),
        actor_type,
        actor_id,
        request_id,
        trace_id: trace.map(|Uid(id)| id.into()),
        kind,
        resource,
        id: id.0,
        member: member.map(|Uid(id)| id),
        version,
        before: before.map(shown),
        after: after.map(shown),
        erased,
        reverts: reverts.map(|reverts| reverts.0).unwrap_or_default(),
        digest: digest.map(Digest::from),
    }
}

/// Renews the epochs of tenants, in the order of their ids. After a restore, a revision can denote a different change
/// than the one that consumers of the feed have seen.
#[derive(Debug)]
pub struct RenewEpochs {
    /// The last tenant of the previous call.
    pub after: Option<Uuid>,
    /// The maximum number of tenants.
    pub limit: usize,
    /// Creates a new epoch.
    pub epoch: fn() -> Uuid,
}

impl Operation for RenewEpochs {
    /// The ids of the tenants.
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

/// Reads the heads of tenants. Tenants that do not exist are left out.
#[derive(Debug)]
pub struct Heads(pub Vec<Uuid>);

impl Operation for Heads {
    type Output = Vec<(Uuid, Head)>;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        let rows: Vec<(Uid, i64, Uid)> = tx.load_ids(
            self.0.iter().copied().map(Uid),
            |ids| heads::table.filter(heads::tenant_id.eq_any(ids)).select(head_columns()),
            |id| heads::table.find(id).select(head_columns()),
        )?;
        let head = |(Uid(tenant), revision, Uid(epoch))| (tenant, Head { revision, epoch });
        Ok(rows.into_iter().map(head).collect())
    }
}

fn head_columns() -> (heads::tenant_id, heads::revision, heads::epoch) {
    (heads::tenant_id, heads::revision, heads::epoch)
}

/// The head row of a tenant.
#[derive(Queryable)]
struct HeadRow {
    revision: i64,
    epoch: Uid,
    digest: Option<i64>,
    digest_revision: Option<i64>,
}

impl HeadRow {
    /// The digest of the tenant at its head, if it is known.
    fn digest(&self) -> Option<Digest> {
        self.digest.filter(|_| self.digest_revision == Some(self.revision)).map(Digest::from)
    }
}

/// The range of revisions that the history of a tenant contains.
pub(super) fn span_of(connection: &mut Connection, tenant: Uuid) -> QueryResult<Span> {
    let head = head(connection, tenant)?;
    span(connection, tenant, &head)
}

fn head(connection: &mut Connection, tenant: Uuid) -> QueryResult<HeadRow> {
    let columns = (heads::revision, heads::epoch, heads::digest, heads::digest_revision);
    connection.get(heads::table.find(Uid(tenant)).select(columns))
}

fn span(connection: &mut Connection, tenant: Uuid, head: &HeadRow) -> QueryResult<Span> {
    let earliest =
        changes::table.filter(changes::tenant_id.eq(Uid(tenant))).select(diesel::dsl::min(changes::revision));
    let earliest: Option<i64> = connection.get(earliest)?;
    let (Uid(epoch), head) = (head.epoch, head.revision);
    Ok(Span { earliest: earliest.unwrap_or(head + 1).min(head + 1), head, epoch })
}

fn digest_at(connection: &mut Connection, tenant: Uuid, revision: i64) -> QueryResult<Option<Digest>> {
    let change = changes::table.find((Uid(tenant), revision)).select(changes::digest);
    let digest: Option<Option<i64>> = connection.optional(change)?;
    Ok(digest.flatten().map(Digest::from))
}
