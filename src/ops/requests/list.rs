//! Lists recorded requests.

use super::rows::{Row, columns, kind, of_connection};
use crate::db::types::Uid;
use crate::db::{Class, Operation, Tx};
use crate::domain::casefold::casefold;
use crate::domain::change::ResourceKind;
use crate::domain::connection::Connection;
use crate::domain::id;
use crate::domain::inspector::{Mentions, RecordedRequest};
use crate::domain::time::Timestamp;
use crate::ops::{OpError, PAGE_BYTES, records};
use crate::schema::{requests, users};
use diesel::prelude::*;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Reads a page of the requests of a connection, newest first.
#[derive(Debug)]
pub struct List {
    /// The tenant of the connection.
    pub tenant: Uuid,
    /// The id of the connection.
    pub connection: Uuid,
    /// The conditions that the requests satisfy.
    pub filter: Filter,
    /// The id of the last request on the previous page.
    pub before: Option<Uuid>,
    /// The maximum number of requests.
    pub limit: usize,
}

/// The conditions on requests. A request satisfies all of them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The status.
    pub status: Option<StatusFilter>,
    /// The resource.
    pub resource: Option<ResourceFilter>,
    /// The user.
    pub user: Option<UserFilter>,
    /// The earliest time.
    pub since: Option<Timestamp>,
    /// The time before which the requests arrived.
    pub until: Option<Timestamp>,
    /// The code of a note.
    pub note: Option<String>,
}

/// A status, or the first digit of one.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum StatusFilter {
    Class(u16),
    Status(u16),
}

/// The resource that a request concerns.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum ResourceFilter {
    Kind(ResourceKind),
    Id(Uuid),
}

/// A user that a request or its response mentions. If the user exists, its id and its current userName are both searched for.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum UserFilter {
    Id(Uuid),
    Name(String),
}

/// A page of requests.
#[derive(Debug)]
pub struct RequestPage {
    /// The requests.
    pub items: Vec<RecordedRequest>,
    /// The id before which the next page begins; `None` for the last page. A page can be short.
    pub next: Option<Uuid>,
}

/// The number of rows that one statement searches.
const WINDOW: i64 = 500;
/// The time after which a page ends, even if it is short.
const TIME: Duration = Duration::from_millis(200);

impl Operation for List {
    type Output = RequestPage;
    type Error = OpError;
    const CLASS: Class = Class::Page;

    fn run(&self, tx: &mut Tx<'_>) -> Result<RequestPage, OpError> {
        records::find::<Connection>(tx, self.tenant, self.connection)?;
        let user = self.filter.user.as_ref().map(|user| self.user(tx, user)).transpose()?;
        let (ids, next) = self.search(tx, user.as_ref())?;
        self.load(tx, &ids, next)
    }
}

/// The id and the name of a user, as far as they are known.
type User = (Option<Uuid>, Option<String>);

/// The columns on which filters have conditions.
#[derive(Queryable, Selectable)]
#[diesel(table_name = requests)]
struct Candidate {
    id: Uid,
    time: i64,
    status: i16,
    resource: Option<String>,
    resource_id: Option<Uid>,
    codes: String,
    mentions: String,
}

impl List {
    fn user(&self, tx: &mut Tx<'_>, user: &UserFilter) -> Result<User, OpError> {
        let of_tenant = users::table.filter(users::tenant_id.eq(Uid(self.tenant)));
        Ok(match user {
            UserFilter::Id(id) => {
                let name = of_tenant.filter(users::id.eq(Uid(*id))).select(users::user_name);
                (Some(*id), tx.optional(name)?)
            }
            UserFilter::Name(name) => {
                let id = of_tenant.filter(users::user_name_key.eq(casefold(name))).select(users::id);
                let id: Option<Uid> = tx.optional(id)?;
                (id.map(|Uid(id)| id), Some(name.clone()))
            }
        })
    }

    /// Searches for the ids of the requests on the page. Also returns the id before which the next page begins.
    fn search(&self, tx: &mut Tx<'_>, user: Option<&User>) -> Result<(Vec<Uuid>, Option<Uuid>), OpError> {
        let end = Instant::now() + TIME;
        let least = self.filter.since.map_or(Uuid::nil(), |since| id::range_of(since).0);
        let latest = self.filter.until.map_or(Uuid::max(), |until| id::range_of(until).1);
        let mut before = self.before;
        let mut found = Vec::new();
        loop {
            let window = of_connection!(self.tenant, self.connection)
                .filter(requests::id.ge(Uid(least)))
                .filter(requests::id.le(Uid(latest)))
                // The largest id is that of no request.
                .filter(requests::id.lt(Uid(before.unwrap_or(Uuid::max()))))
                .order(requests::id.desc())
                .select(candidate_columns())
                .limit(WINDOW);
            let rows: Vec<Candidate> = tx.load(window)?;
            let is_last = i64::try_from(rows.len()).is_ok_and(|count| count < WINDOW);
            for row in rows {
                before = Some(row.id.0);
                if !self.filter.matches(&row, user) {
                    continue;
                }
                if found.len() == self.limit {
                    let next = found.last().copied();
                    return Ok((found, next));
                }
                found.push(row.id.0);
            }
            if is_last {
                return Ok((found, None));
            }
            if Instant::now() >= end {
                return Ok((found, before));
            }
        }
    }

    /// Loads requests until their total size is that of a page.
    fn load(&self, tx: &mut Tx<'_>, ids: &[Uuid], next: Option<Uuid>) -> Result<RequestPage, OpError> {
        let (mut items, mut size, mut last) = (Vec::new(), 0, None);
        for id in ids {
            if size >= PAGE_BYTES {
                return Ok(RequestPage { items, next: last });
            }
            let row = of_connection!(self.tenant, self.connection).filter(requests::id.eq(Uid(*id)));
            // The request may have been deleted since.
            if let Some(row) = tx.optional::<Row>(row.select(columns()))? {
                size += row.size();
                items.push(row.into());
            }
            last = Some(*id);
        }
        Ok(RequestPage { items, next })
    }
}

fn candidate_columns() -> <Candidate as Selectable<diesel::pg::Pg>>::SelectExpression {
    <Candidate as Selectable<diesel::pg::Pg>>::construct_selection()
}

impl Filter {
    fn matches(&self, row: &Candidate, user: Option<&User>) -> bool {
        let mentions = |id, name| Mentions::parse(&row.mentions).contain(id, name);
        let has_status = match self.status {
            None => true,
            Some(StatusFilter::Class(class)) => row.status.unsigned_abs() / 100 == class,
            Some(StatusFilter::Status(status)) => row.status.unsigned_abs() == status,
        };
        let has_resource = match self.resource {
            None => true,
            Some(ResourceFilter::Kind(resource)) => kind(row.resource.as_deref()) == Some(resource),
            // A bulk request has no type, but concerns the resources that it and its response mention.
            Some(ResourceFilter::Id(id)) => match &row.resource {
                Some(_) => row.resource_id == Some(Uid(id)),
                None => mentions(Some(id), None),
            },
        };
        has_status
            && has_resource
            && self.since.is_none_or(|since| row.time >= i64::from(since))
            && self.until.is_none_or(|until| row.time < i64::from(until))
            && self.note.as_ref().is_none_or(|note| row.codes.contains(&format!(" {note} ")))
            && user.is_none_or(|(id, name)| mentions(*id, name.as_deref()))
    }
}
