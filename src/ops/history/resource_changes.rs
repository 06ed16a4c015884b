//! The changes of one resource.

use super::rows::kinds;
use crate::db::sql::Fragment;
use crate::db::{Class, Operation, Tx};
use crate::domain::change::{ChangeRecord, ResourceKind};
use crate::domain::filter::Value;
use crate::ops::changes::{Loaded, load};
use crate::ops::resource::Resource;
use crate::ops::{OpError, Page};
use diesel::QueryResult;
use std::marker::PhantomData;
use uuid::Uuid;

/// Reads the changes of a user or group and of its memberships, newest first.
#[derive(Debug)]
pub struct ResourceChanges<R> {
    /// The tenant of the resource.
    pub tenant: Uuid,
    /// The id of the resource.
    pub id: Uuid,
    /// The revision of the last change on the previous page.
    pub before: Option<i64>,
    /// The maximum number of changes.
    pub limit: usize,
    /// The type of the resource.
    pub of: PhantomData<R>,
}

impl<R: Resource> Operation for ResourceChanges<R> {
    type Output = Page<ChangeRecord>;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Page<ChangeRecord>, OpError> {
        // A change that is recorded between two statements could be left out.
        tx.in_snapshot(|tx| {
            let page = self.page(tx)?;
            if page.items.is_empty() && self.before.is_none() {
                // A resource without changes exists if its changes have been deleted.
                let _: R::Row = tx.get(R::by_id(self.tenant, self.id))?;
            }
            Ok(page)
        })
    }
}

impl<R: Resource> ResourceChanges<R> {
    fn page(&self, tx: &mut Tx<'_>) -> QueryResult<Page<ChangeRecord>> {
        let [created, ..] = R::KINDS;
        let Loaded { changes: mut items, mut end } =
            self.load(tx, "changes.resource_id", kinds(created.resource()))?;
        if created.resource() == ResourceKind::User {
            let memberships = self.load(tx, "changes.member_id", "changes.resource = 'member'")?;
            items.extend(memberships.changes);
            end = end.into_iter().chain(memberships.end).max();
        }
        items.sort_by_key(|change| std::cmp::Reverse(change.revision));
        items.retain(|change| end.is_none_or(|end| change.revision >= end));
        let more = end.is_some() || items.len() > self.limit;
        items.truncate(self.limit);
        Ok(Page { items, more, total: None })
    }

    /// Loads one change more than the page has, which shows whether another page follows.
    fn load(&self, tx: &mut Tx<'_>, column: &'static str, kinds: &'static str) -> QueryResult<Loaded> {
        let mut condition = Fragment::of(column);
        condition.sql(" = ").value(Value::Id(self.id)).sql(" AND ").sql(kinds);
        condition.sql(" AND changes.revision < ").value(Value::Integer(self.before.unwrap_or(i64::MAX)));
        load(tx, self.tenant, condition, Fragment::of("changes.revision DESC"), self.limit.saturating_add(1))
    }
}
