//! Applies the members of a batch.

use super::{Apply, Outcome};
use crate::db::types::Uid;
use crate::db::{Connection, Tx};
use crate::domain::casefold::casefold;
use crate::domain::fields::FieldError;
use crate::ops::OpError;
use crate::ops::by_tenant::QualifiedId;
use crate::ops::members::{Added, OnLocked, add_known, lock_users};
use crate::schema::groups;
use diesel::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// The memberships of a batch.
#[derive(Default)]
pub(super) struct Memberships {
    /// The groups with a name. A line can name a group only if there is one.
    by_name: HashMap<String, Vec<Uuid>>,
    all: Vec<Membership>,
    /// The users that exist, which are locked.
    users: HashSet<QualifiedId>,
}

struct Membership {
    /// The index of the line in the batch.
    index: usize,
    group: Uuid,
    user: Uuid,
    /// The name of the group, if the line is that of a user.
    name: Option<String>,
}

impl Memberships {
    /// Looks up the groups that a line names. Returns an error for each name that does not belong to exactly one group.
    pub(super) fn check_names(
        &mut self,
        connection: &mut Connection,
        tenant: Uuid,
        names: &[String],
    ) -> Result<Vec<FieldError>, OpError> {
        let mut errors = Vec::new();
        for name in names {
            let key = casefold(name);
            if !self.by_name.contains_key(&key) {
                self.by_name.insert(key.clone(), groups_named(connection, tenant, &key)?);
            }
            let problem = match self.by_name.get(&key).map(Vec::as_slice) {
                Some([_]) => continue,
                Some([_, _, ..]) => "several groups have the name",
                _ => "no group has the name",
            };
            errors.push(FieldError::new("/groups", "unknown-group", format!("{problem} `{name:.100}`")));
        }
        Ok(errors)
    }

    /// Adds the memberships of a user in groups that [`Self::check_names`] has found.
    pub(super) fn push_named(&mut self, index: usize, user: Uuid, names: &[String]) {
        for name in names {
            if let Some([group]) = self.by_name.get(&casefold(name)).map(Vec::as_slice) {
                self.all.push(Membership { index, group: *group, user, name: Some(name.clone()) });
            }
        }
    }

    /// Adds a membership.
    pub(super) fn push(&mut self, index: usize, group: Uuid, user: Uuid) {
        self.all.push(Membership { index, group, user, name: None });
    }

    /// Locks the users against deletion.
    pub(super) fn lock_users(&mut self, connection: &mut Connection, tenant: Uuid) -> Result<(), OpError> {
        let users = self.all.iter().map(|member| (tenant, member.user));
        self.users = lock_users(connection, users, OnLocked::Wait)?;
        Ok(())
    }

    /// Writes the memberships whose user and group exist.
    pub(super) fn add(
        &self,
        apply: &Apply,
        tx: &mut Tx<'_>,
        outcomes: &mut [Outcome],
    ) -> Result<(), OpError> {
        if self.all.is_empty() {
            return Ok(());
        }
        let exists = |member: &&Membership| self.users.contains(&(apply.tenant, member.user));
        let members: BTreeSet<_> =
            self.all.iter().filter(exists).map(|member| (member.group, member.user)).collect();
        let mut added = add_known(tx, apply.tenant, &members, apply.now)?;
        for member in &self.all {
            let is_unknown = !exists(&member);
            if let Some(outcome) = outcomes.get_mut(member.index) {
                member.report(is_unknown, &mut added, outcome)?;
            }
        }
        Ok(())
    }
}

impl Membership {
    /// Adds the result of the membership to that of its line. Of several lines for a new member, the first adds it.
    fn report(&self, is_unknown: bool, added: &mut Added, outcome: &mut Outcome) -> Result<(), OpError> {
        let is_missing = added.missing.contains(&self.group);
        let is_new = added.new.remove(&(self.group, self.user));
        match &self.name {
            Some(_) if is_missing || is_unknown => {
                return Err(OpError::retry("a group was deleted concurrently"));
            }
            Some(name) if is_new => add_group(self.user, name, outcome),
            Some(_) => {}
            None if is_unknown || is_missing => {
                let user = FieldError::new("/userId", "unknown-user", "no user has this id");
                let group = FieldError::new("/groupId", "unknown-group", "no group has this id");
                let errors = [(is_unknown, user), (is_missing, group)].into_iter();
                *outcome = Outcome::Refused(
                    errors.filter_map(|(is_wrong, error)| is_wrong.then_some(error)).collect(),
                );
            }
            None if is_new => *outcome = Outcome::Created(None),
            None => {}
        }
        Ok(())
    }
}

/// Adds a new group of a user to the result of the user's line.
fn add_group(user: Uuid, name: &str, outcome: &mut Outcome) {
    if *outcome == Outcome::Unchanged {
        *outcome = Outcome::Updated(user, Box::default());
    }
    if let Outcome::Updated(_, difference) = outcome {
        difference.before.entry("groups").or_insert_with(|| json!([]));
        let groups = difference.after.entry("groups").or_insert_with(|| json!([]));
        groups.as_array_mut().into_iter().for_each(|groups| groups.push(Value::from(name)));
    }
}

/// The ids of groups with a name, at most two.
fn groups_named(connection: &mut Connection, tenant: Uuid, key: &str) -> QueryResult<Vec<Uuid>> {
    let named = groups::tenant_id.eq(Uid(tenant)).and(groups::display_name_key.eq(key.to_owned()));
    let ids: Vec<Uid> = connection.load(groups::table.filter(named).select(groups::id).limit(2))?;
    Ok(ids.into_iter().map(|Uid(id)| id).collect())
}
