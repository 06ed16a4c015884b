//! Reads the groups of users.

use crate::db::sql::{Fragment, Statement};
use crate::db::types::{Id, Uid};
use crate::db::{Class, Connection, Operation, Tx};
use crate::domain::filter::Value;
use crate::domain::user::UserGroup;
use crate::ops::resource::{Form, UserGroups};
use crate::ops::{OpError, Results};
use diesel::QueryResult;
use diesel::sql_types::Text;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The maximum total number of groups of the users in a response.
pub const MAX_GROUPS: usize = 100_000;
/// The maximum number of groups of one user that are read together with the user. If there are more, only a call that has
/// a permit for a large result reads them.
pub const FEW_GROUPS: usize = 1_000;

/// Reads the groups of the users of a page with one statement.
#[derive(Debug)]
pub struct GroupsOf {
    /// The tenant of the users.
    pub tenant: Uuid,
    /// The ids of the users, in the order of the page.
    pub users: Vec<Uuid>,
    /// The maximum total number of groups.
    pub max_groups: usize,
}

impl Operation for GroupsOf {
    /// The groups of each user, in the order of the users. There are fewer entries than users if the users have too
    /// many groups.
    type Output = Vec<Vec<UserGroup>>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, OpError> {
        Ok(groups_of(tx, self.tenant, &self.users, self.max_groups)?)
    }
}

/// Runs an operation on users and reads their groups in the same call. With a second call, each request would wait in
/// the queue twice.
#[derive(Debug)]
pub struct WithGroups<O> {
    /// The tenant of the users.
    pub tenant: Uuid,
    /// The operation to whose output the groups are added.
    pub operation: O,
    /// The maximum number of groups of one user. If a user is in more, `groups` stays `None`.
    pub max_groups: usize,
}

impl<O> Operation for WithGroups<O>
where
    O: Operation<Error = OpError>,
    O::Output: HasUser,
{
    type Output = O::Output;
    type Error = OpError;
    const CLASS: Class = O::CLASS;
    const MAX_BATCH: usize = O::MAX_BATCH;

    fn run(&self, tx: &mut Tx<'_>) -> Result<O::Output, OpError> {
        let mut output = self.operation.run(tx)?;
        if let Some(user) = output.user_groups() {
            read_groups(tx, self.tenant, vec![user], self.max_groups)?;
        }
        Ok(output)
    }

    /// Reads the groups with one statement per tenant.
    fn run_batch(calls: &[&Self], tx: &mut Tx<'_>) -> Results<O::Output> {
        let operations: Vec<&O> = calls.iter().map(|call| &call.operation).collect();
        let mut results = O::run_batch(&operations, tx)?;
        let mut by_tenant: BTreeMap<Uuid, Vec<UserGroups<'_>>> = BTreeMap::new();
        let max_groups = calls.iter().map(|call| call.max_groups).min().unwrap_or(0);
        for (call, output) in calls.iter().zip(&mut results) {
            if let Some(user) = output.as_mut().ok().and_then(HasUser::user_groups) {
                by_tenant.entry(call.tenant).or_default().push(user);
            }
        }
        for (tenant, users) in by_tenant {
            read_groups(tx, tenant, users, max_groups)?;
        }
        Ok(results)
    }
}

/// An output that can contain a user.
pub trait HasUser: Send + 'static {
    /// The id and the groups of the user, if there is one.
    fn user_groups(&mut self) -> Option<UserGroups<'_>>;
}

impl<F: Form> HasUser for F {
    fn user_groups(&mut self) -> Option<UserGroups<'_>> {
        Form::user_groups(self)
    }
}

impl<F: Form> HasUser for Option<F> {
    fn user_groups(&mut self) -> Option<UserGroups<'_>> {
        self.as_mut().and_then(F::user_groups)
    }
}

impl<F: Form, E: Send + 'static> HasUser for Result<F, E> {
    fn user_groups(&mut self) -> Option<UserGroups<'_>> {
        self.as_mut().ok().and_then(F::user_groups)
    }
}

/// Reads the groups of users who are in at most `max` groups each: with one statement, or with one per user if they are
/// in too many groups together.
fn read_groups(
    connection: &mut Connection,
    tenant: Uuid,
    users: Vec<UserGroups<'_>>,
    max: usize,
) -> QueryResult<()> {
    let ids: Vec<_> = users.iter().map(|(id, _)| *id).collect();
    let together = load(connection, tenant, &ids, MAX_GROUPS)?;
    for (user, of_user) in users {
        let alone = match together {
            Some(_) => None,
            None => load(connection, tenant, &[user], max)?,
        };
        let found = together.as_ref().or(alone.as_ref());
        let groups = found.map(|found| found.get(&user).map_or(&[][..], Vec::as_slice));
        *of_user = groups.filter(|groups| groups.len() <= max).map(<[_]>::to_vec);
    }
    Ok(())
}

/// The groups of users, in the order of the users, which may contain duplicates. Ends before the user whose groups
/// would exceed the total of `max`.
fn groups_of(
    connection: &mut Connection,
    tenant: Uuid,
    users: &[Uuid],
    max: usize,
) -> QueryResult<Vec<Vec<UserGroup>>> {
    if let Some(found) = load(connection, tenant, users, max)? {
        return Ok(users.iter().map(|user| found.get(user).cloned().unwrap_or_default()).collect());
    }
    let (mut groups, mut left): (Vec<Vec<UserGroup>>, _) = (Vec::new(), max);
    if users.len() == 1 {
        return Ok(groups);
    }
    for user in users {
        let Some(mut found) = load(connection, tenant, &[*user], left)? else { break };
        let found = found.remove(user).unwrap_or_default();
        left = left.saturating_sub(found.len());
        groups.push(found);
    }
    Ok(groups)
}

/// The groups of users, by user, in the order of their ids; `None` if there are more than `limit`. The names are read
/// with a subquery, because an engine could execute a join by scanning all groups.
fn load(
    connection: &mut Connection,
    tenant: Uuid,
    users: &[Uuid],
    limit: usize,
) -> QueryResult<Option<BTreeMap<Uuid, Vec<UserGroup>>>> {
    let mut statement = Fragment::of(
        "SELECT members.user_id, members.group_id, (SELECT groups.display_name FROM groups \
         WHERE groups.tenant_id = members.tenant_id AND groups.id = members.group_id) FROM members \
         WHERE members.tenant_id = ",
    );
    statement.value(Value::Id(tenant)).sql(" AND members.user_id").is_one_of(users);
    statement.sql(" ORDER BY members.user_id, members.group_id");
    let rows: Vec<(Uid, Uid, String)> =
        connection.load_first(Statement::<(Id, Id, Text)>::of(statement), limit.saturating_add(1))?;
    if rows.len() > limit {
        return Ok(None);
    }
    let mut groups: BTreeMap<Uuid, Vec<UserGroup>> = BTreeMap::new();
    for (Uid(user), Uid(id), display_name) in rows {
        groups.entry(user).or_default().push(UserGroup { id, display_name });
    }
    Ok(Some(groups))
}
