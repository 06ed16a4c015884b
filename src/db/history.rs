//! Records changes in the histories of tenants.

use super::conn::Connection;
use super::error::DbError;
use super::sql::{Fragment, Statement};
use super::transaction::error_at_commit;
use super::types::{Id, Json, Uid};
use super::unique;
use crate::domain::change::{Change, ChangeKind};
use crate::domain::digest::{Digest, Steps};
use crate::domain::filter::Value;
use crate::domain::origin::{Origin, Revisions};
use crate::schema::{changes, heads};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{BigInt, Bool};
use serde::Serialize;
use serde_json::Map;
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// Assigns the next revisions of each tenant to its changes and inserts them. Each change comes with the index of its
/// call, which is also the index of its origin. Locks the head rows in the order of tenant ids. If a head row is
/// missing, the tenant does not exist. Then checks the values that the tenant requires to be unique.
///
/// If the digest of the tenant is unknown, it remains so, and the changes have none: counting a large tenant would take too
/// long while other writes wait. [`super::digests`] counts it.
///
/// Returns the revisions of the calls whose origins collect them.
pub(super) fn insert(
    connection: &mut Connection,
    origins: &[&Origin],
    changes: Vec<(usize, Change)>,
) -> Result<Vec<NewRevision>, DbError> {
    let mut revisions = Vec::new();
    for (tenant, mut changes) in by_tenant(origins, changes)? {
        let has_rules = match connection {
            Connection::Postgres(c) => append_in_one_statement(c, tenant, &mut changes)?,
            Connection::Sqlite(c) => append(c, tenant, &mut changes)?,
        };
        if has_rules {
            unique::check(connection, tenant, &changes)?;
        }
        revisions.extend(changes.iter().filter_map(|change| change.new_revision(change.revision)));
    }
    Ok(revisions)
}

/// The revision of a change that is not committed yet, with the collection of its request.
pub(super) struct NewRevision {
    revisions: Revisions,
    revision: i64,
}

impl NewRevision {
    /// Adds the revision to the collection, because the change is now committed.
    pub(super) fn publish(self) {
        self.revisions.add(self.revision);
    }
}

/// Groups changes by their tenants, and numbers those of each tenant.
fn by_tenant<'o>(
    origins: &[&'o Origin],
    changes: Vec<(usize, Change)>,
) -> Result<BTreeMap<Uuid, Vec<NewChange<'o>>>, DbError> {
    let mut by_tenant: BTreeMap<Uuid, (Steps, Vec<NewChange<'o>>)> = BTreeMap::new();
    for (call, change) in changes {
        let no_origin = || DbError::Internal("a change does not belong to a call".to_owned());
        let origin = origins.get(call).ok_or_else(no_origin)?;
        let (steps, changes) = by_tenant.entry(change.tenant).or_default();
        let step = steps.next(&change);
        changes.push(NewChange::new(origin, changes.len(), change, step));
    }
    Ok(by_tenant.into_iter().map(|(tenant, (_, changes))| (tenant, changes)).collect())
}

/// The number of users created by the changes, minus the number deleted.
fn user_growth(changes: &[NewChange<'_>]) -> i64 {
    growth(changes, ChangeKind::USER_CREATED, ChangeKind::USER_DELETED)
}

/// The number of groups created by the changes, minus the number deleted.
fn group_growth(changes: &[NewChange<'_>]) -> i64 {
    growth(changes, ChangeKind::GROUP_CREATED, ChangeKind::GROUP_DELETED)
}

fn growth(changes: &[NewChange<'_>], created: ChangeKind, deleted: ChangeKind) -> i64 {
    let step = |change: &NewChange<'_>| match change.kind {
        kind if kind == created.name() => 1,
        kind if kind == deleted.name() => -1,
        _ => 0,
    };
    changes.iter().map(step).sum()
}

/// Returns whether the tenant may require unique values.
fn append(c: &mut SqliteConnection, tenant: Uuid, changes: &mut [NewChange<'_>]) -> Result<bool, DbError> {
    let head = heads::table.find(Uid(tenant));
    let columns = (heads::revision, heads::unique_values, heads::digest, heads::digest_revision);
    let (previous, has_rules, digest, of): (i64, bool, Option<i64>, Option<i64>) =
        head.select(columns).first(c)?;
    let mut digest = digest.filter(|_| of == Some(previous));
    for change in &mut *changes {
        change.revision += previous;
        digest = digest.zip(change.digest).map(|(before, step)| before ^ step);
        change.digest = digest;
        diesel::insert_into(changes::table).values(&*change).execute(c)?;
    }
    let newest = changes.last().map_or(previous, |change| change.revision);
    let update = diesel::update(head).set((
        heads::revision.eq(newest),
        heads::users.eq(heads::users + user_growth(changes)),
        heads::groups.eq(heads::groups + group_growth(changes)),
        heads::digest.eq(digest),
        heads::digest_revision.eq(newest),
    ));
    update.execute(c)?;
    Ok(has_rules)
}

/// Does the same as [`append`] in one statement, because other servers wait for the head row until the commit.
fn append_in_one_statement(
    c: &mut PgConnection,
    tenant: Uuid,
    changes: &mut [NewChange<'_>],
) -> Result<bool, DbError> {
    let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
    let steps = changes.iter().filter_map(|change| change.digest).fold(0, |all, step| all ^ step);
    let mut statement = Fragment::default();
    statement.sql("WITH head AS (UPDATE heads SET revision = revision + ").value(Value::Integer(count));
    statement.sql(", digest_revision = revision + ").value(Value::Integer(count));
    statement.sql(", digest = CASE WHEN digest_revision = revision THEN digest # ");
    statement.value(Value::Integer(steps)).sql(" END");
    statement.sql(", users = users + ").value(Value::Integer(user_growth(changes)));
    statement.sql(", groups = groups + ").value(Value::Integer(group_growth(changes)));
    statement.sql(" WHERE tenant_id = ").value(Value::Id(tenant));
    statement.sql(" RETURNING revision - ").value(Value::Integer(count));
    statement.sql(" AS previous, digest # ").value(Value::Integer(steps));
    statement.sql(" AS previous_digest, unique_values)");
    insert_rows(&mut statement, "previous + revision", "previous_digest");
    statement.sql("head, ");
    statement.rows("changes", changes)?;
    statement.sql(" RETURNING (SELECT unique_values FROM head), (SELECT previous FROM head)");
    let inserted: Vec<(bool, i64)> = Statement::<(Bool, BigInt)>::of(statement).load(c)?;
    match inserted.first() {
        Some((has_rules, previous)) if inserted.len() == changes.len() => {
            changes.iter_mut().for_each(|change| change.revision += previous);
            Ok(*has_rules)
        }
        _ => Err(DbError::NoRow),
    }
}

/// Inserts users and the changes that record their creation, in one statement outside a transaction. The statement must
/// begin with `WITH new_users AS (…), new_external_ids AS (…)`, where the former returns the column `id` of the inserted
/// users. Returns their ids, or `None` if nothing was done because several tenants, a unique value, or the settings of
/// the tenant or of the session require a transaction. Also publishes their revisions to the calls that collect them.
///
/// As in a transaction, the head row is locked last: its new values depend on all rows whose insertion may wait.
pub(super) fn insert_with_users(
    connection: &mut Connection,
    origins: &[&Origin],
    users: Fragment,
    changes: Vec<(usize, Change)>,
) -> Result<Option<HashSet<Uuid>>, DbError> {
    let Connection::Postgres(c) = connection else { return Ok(None) };
    let by_tenant = Vec::from_iter(by_tenant(origins, changes)?);
    let [(tenant, changes)] = &*by_tenant else { return Ok(None) };
    let mut statement = users;
    statement.sql(", created AS (SELECT * FROM ").rows("changes", changes)?.sql(
        " WHERE resource_id IN (SELECT id FROM new_users)), \
         new AS (SELECT count(*) AS users, bit_xor(digest) AS digest FROM created), \
         head AS (UPDATE heads SET revision = revision + (SELECT users FROM new), users = users + (SELECT users FROM new), \
         digest_revision = revision + (SELECT users FROM new), \
         digest = CASE WHEN digest_revision = revision THEN digest # (SELECT digest FROM new) END \
         WHERE (SELECT users FROM new) > 0 AND (SELECT count(*) FROM new_external_ids) >= 0 AND NOT unique_values \
         AND tenant_id = ",
    );
    statement.value(Value::Id(*tenant)).sql(
        " RETURNING revision - (SELECT users FROM new) AS previous, \
         digest # (SELECT digest FROM new) AS previous_digest)",
    );
    // Without the head row, the revision is null, so the statement fails.
    let revision = "(SELECT previous FROM head) + row_number() OVER (ORDER BY revision)";
    insert_rows(&mut statement, revision, "(SELECT previous_digest FROM head)");
    statement.sql("created RETURNING resource_id, revision");
    match Statement::<(Id, BigInt)>::of(statement).load::<(Uid, i64)>(c) {
        Ok(created) if created.is_empty() => Ok(None),
        Ok(created) => {
            let created: HashMap<_, _> =
                created.into_iter().map(|(Uid(id), revision)| (id, revision)).collect();
            let revision = |change: &NewChange<'_>| {
                created.get(&change.resource_id.0).and_then(|revision| change.new_revision(*revision))
            };
            changes.iter().filter_map(revision).for_each(NewRevision::publish);
            Ok(Some(created.into_keys().collect()))
        }
        Err(DieselError::DatabaseError(kind, _)) if needs_transaction(&kind) => Ok(None),
        Err(error) => Err(error_at_commit(connection, error)),
    }
}

/// Whether the server has rejected a statement that can succeed in a transaction.
fn needs_transaction(error: &DatabaseErrorKind) -> bool {
    use DatabaseErrorKind::{NotNullViolation, ReadOnlyTransaction, UniqueViolation};
    matches!(error, UniqueViolation | NotNullViolation | ReadOnlyTransaction)
}

/// Appends an `INSERT … SELECT` of changes, up to and including `FROM`. `revision` is the expression for the revision
/// of a row, and `previous_digest` is the one for the digest before the first row.
fn insert_rows(statement: &mut Fragment, revision: &'static str, previous_digest: &'static str) {
    statement.sql(
        " INSERT INTO changes (tenant_id, revision, time, actor_type, actor_id, request_id, type, resource, resource_id, \
         member_id, version, before, after, erased, trace_id, reverts, digest) SELECT tenant_id, ",
    );
    statement.sql(revision).sql(
        ", time, actor_type, actor_id, request_id, type, resource, resource_id, member_id, version, before, after, \
         erased, trace_id, reverts, ",
    );
    statement.sql(previous_digest).sql(" # bit_xor(digest) OVER (ORDER BY revision) FROM ");
}

#[derive(Insertable, Serialize)]
#[diesel(table_name = changes)]
pub(super) struct NewChange<'a> {
    tenant_id: Uid,
    /// The revision, which is relative to the head row's revision until that is known.
    revision: i64,
    time: i64,
    actor_type: String,
    actor_id: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<Uid>,
    #[serde(rename = "type")]
    kind: &'static str,
    pub(super) resource: &'static str,
    pub(super) resource_id: Uid,
    member_id: Option<Uid>,
    version: i64,
    before: Option<Json<Map<String, serde_json::Value>>>,
    pub(super) after: Option<Json<Map<String, serde_json::Value>>>,
    erased: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reverts: Option<Json<Vec<i64>>>,
    /// The tenant's digest after the change, which is relative to the digest before it until that is known.
    digest: Option<i64>,
    /// The collection of the request, if it has one.
    #[serde(skip)]
    #[diesel(skip_insertion)]
    revisions: Option<&'a Revisions>,
}

impl<'a> NewChange<'a> {
    fn new(origin: &'a Origin, index: usize, change: Change, step: Digest) -> Self {
        Self {
            tenant_id: Uid(change.tenant),
            revision: i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1),
            time: change.time.into(),
            actor_type: origin.actor.kind.to_string(),
            actor_id: &origin.actor.id,
            request_id: &origin.request_id,
            trace_id: origin.trace_id.map(|id| Uid(id.into())),
            kind: change.kind.name(),
            resource: change.kind.resource().name(),
            resource_id: Uid(change.id),
            member_id: change.member.map(Uid),
            version: change.version,
            before: change.before.map(Json),
            after: change.after.map(Json),
            erased: change.erased,
            reverts: (!change.reverts.is_empty()).then_some(Json(change.reverts)),
            digest: Some(step.into()),
            revisions: origin.revisions.as_ref(),
        }
    }

    fn new_revision(&self, revision: i64) -> Option<NewRevision> {
        self.revisions.map(|revisions| NewRevision { revisions: revisions.clone(), revision })
    }
}
