//! Compares the columns and tables that index users and groups with their documents.

use super::Check;
use super::index::{EMAILS, GROUP_EXTERNAL_IDS, IdRange, IndexRows, USER_EXTERNAL_IDS};
use crate::db::error::DbError;
use crate::db::rows::{
    GroupRow, NewGroupRow, NewUserRow, UserRow, email_rows, external_id_rows, group_columns,
    group_external_id_rows, user_columns,
};
use crate::db::types::{Json, Uid};
use crate::domain::group::Group;
use crate::domain::user::{StoredUser, User};
use crate::schema::{groups, users};
use diesel::prelude::*;
use serde_json::{Map, Value};
use uuid::Uuid;

/// The number of users or groups in a page. Their documents have at most 64 KiB each.
const PAGE: usize = 100;

/// A user, its keys, and its folded document.
type UserPageRow = (UserRow, String, Option<String>, Json<Map<String, Value>>);

/// A group, its keys, and its folded document.
type GroupPageRow = (GroupRow, String, Option<String>, Json<Map<String, Value>>);

impl Check<'_> {
    pub(super) fn check_users(&mut self) -> Result<(), DbError> {
        let mut next = Some(Uuid::nil());
        while let Some(after) = next {
            let rows = self.users_after(after)?;
            let range;
            (range, next) = page_range(after, rows.last().map(|(row, ..)| row.id()), rows.len());
            let mut emails = self.index_rows(&EMAILS, range)?;
            let mut external_ids = self.index_rows(&USER_EXTERNAL_IDS, range)?;
            for row in rows {
                let id = row.0.id();
                self.check_user(row, emails.remove(&id), external_ids.remove(&id))?;
            }
            self.report_orphans(EMAILS.name, "user", emails);
            self.report_orphans(USER_EXTERNAL_IDS.name, "user", external_ids);
        }
        Ok(())
    }

    fn users_after(&mut self, after: Uuid) -> QueryResult<Vec<UserPageRow>> {
        let later = users::tenant_id.eq(Uid(self.tenant)).and(users::id.gt(Uid(after)));
        let columns = (user_columns(), users::user_name_key, users::display_name_key, users::folded);
        let query = users::table.filter(later).order(users::id).select(columns);
        self.connection.load(query.limit(i64::try_from(PAGE).unwrap_or(i64::MAX)))
    }

    fn check_user(
        &mut self,
        (row, user_name_key, display_name_key, folded): UserPageRow,
        emails: Option<IndexRows>,
        external_ids: Option<IndexRows>,
    ) -> Result<(), DbError> {
        self.counted.users += 1;
        let id = row.id();
        let user = match User::try_from(StoredUser::from(row)) {
            Ok(user) => user,
            Err(error) => {
                self.report(format!("user {id}: the document is invalid: {error}"));
                return Ok(());
            }
        };
        let expected = NewUserRow::new(self.tenant, &user)?;
        self.compare_column("user", id, "user_name_key", user_name_key == expected.user_name_key);
        self.compare_column("user", id, "display_name_key", display_name_key == expected.display_name_key);
        self.compare_column("user", id, "folded", folded.0 == expected.folded.0);
        let expected = email_rows(self.tenant, &user);
        let expected = expected.into_iter().map(|row| (row.position.to_string(), row.value_key)).collect();
        self.compare_index(&EMAILS, id, emails, &expected);
        let expected = external_id_rows(self.tenant, &user);
        let expected = expected.into_iter().map(|row| (row.source.to_owned(), row.external_id.to_owned()));
        self.compare_index(&USER_EXTERNAL_IDS, id, external_ids, &expected.collect());
        Ok(())
    }

    pub(super) fn check_groups(&mut self) -> Result<(), DbError> {
        let mut next = Some(Uuid::nil());
        while let Some(after) = next {
            let rows = self.groups_after(after)?;
            let range;
            (range, next) = page_range(after, rows.last().map(|(row, ..)| row.id()), rows.len());
            let mut external_ids = self.index_rows(&GROUP_EXTERNAL_IDS, range)?;
            let mut members = self.member_counts(range)?;
            for row in rows {
                let id = row.0.id();
                let members = members.remove(&id).unwrap_or_default();
                self.check_group(row, members, external_ids.remove(&id));
            }
            self.report_orphans(GROUP_EXTERNAL_IDS.name, "group", external_ids);
            self.report_orphans("members", "group", members);
        }
        Ok(())
    }

    fn groups_after(&mut self, after: Uuid) -> QueryResult<Vec<GroupPageRow>> {
        let later = groups::tenant_id.eq(Uid(self.tenant)).and(groups::id.gt(Uid(after)));
        let columns = (group_columns(), groups::display_name_key, groups::unique_name_key, groups::folded);
        let query = groups::table.filter(later).order(groups::id).select(columns);
        self.connection.load(query.limit(i64::try_from(PAGE).unwrap_or(i64::MAX)))
    }

    fn check_group(
        &mut self,
        (row, display_name_key, unique_name_key, folded): GroupPageRow,
        members: i64,
        external_ids: Option<IndexRows>,
    ) {
        self.counted.groups += 1;
        self.counted.members += members;
        let group = Group::from(row);
        let id = group.id;
        self.compare(format!("group {id}: memberCount"), group.member_count, members);
        let expected = NewGroupRow::new(self.tenant, &group, true);
        self.compare_column("group", id, "display_name_key", display_name_key == expected.display_name_key);
        // Null in tenants that do not require unique names, and where they did not when the group was last written.
        let is_unique_key = unique_name_key.is_none() || unique_name_key == expected.unique_name_key;
        self.compare_column("group", id, "unique_name_key", is_unique_key);
        self.compare_column("group", id, "folded", folded.0 == expected.folded.0);
        let expected = group_external_id_rows(self.tenant, &group);
        let expected = expected.into_iter().map(|row| (row.source.to_owned(), row.external_id.to_owned()));
        self.compare_index(&GROUP_EXTERNAL_IDS, id, external_ids, &expected.collect());
    }

    fn compare_column(&mut self, resource: &str, id: Uuid, column: &str, is_equal: bool) {
        if !is_equal {
            self.report(format!("{resource} {id}: {column} differs from the document"));
        }
    }
}

/// The ids that a page covers, and the id after which the next page starts. The last page covers all greater ids.
fn page_range(after: Uuid, last: Option<Uuid>, rows: usize) -> (IdRange, Option<Uuid>) {
    match last.filter(|_| rows == PAGE) {
        Some(last) => ((after, last), Some(last)),
        None => ((after, Uuid::max()), None),
    }
}
