//! Rows of `requests`.

use crate::db::types::{Json, Uid};
use crate::domain::change::ResourceKind;
use crate::domain::inspector::{Body, Mentions, Note, RecordedRequest, Subject};
use crate::schema::requests;
use diesel::pg::Pg;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// A row, with all its columns.
#[derive(Queryable, Selectable, Insertable, Serialize)]
#[diesel(table_name = requests)]
pub(super) struct Row {
    pub(super) tenant_id: Uid,
    pub(super) connection_id: Uid,
    pub(super) id: Uid,
    time: i64,
    status: i16,
    resource: Option<String>,
    resource_id: Option<Uid>,
    codes: String,
    mentions: String,
    method: String,
    path: String,
    query: Option<String>,
    erased: bool,
    details: Json<Details>,
    request: Option<String>,
    response: Option<String>,
}

/// The document in `details`. A later release can add members, which this one ignores.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details {
    request_id: String,
    /// In microseconds.
    duration: u64,
    revisions: Vec<i64>,
    revision_count: i64,
    notes: Vec<Note>,
    plan: Option<Value>,
    request_bytes: Option<i64>,
    response_bytes: Option<i64>,
}

/// The columns of a [`Row`]. They are the same on both engines.
pub(super) fn columns() -> <Row as Selectable<Pg>>::SelectExpression {
    <Row as Selectable<Pg>>::construct_selection()
}

/// The requests of a connection.
macro_rules! of_connection {
    ($tenant:expr, $connection:expr) => {
        requests::table
            .filter(requests::tenant_id.eq(Uid($tenant)).and(requests::connection_id.eq(Uid($connection))))
    };
}
pub(super) use of_connection;

impl Row {
    /// The approximate size, in bytes.
    pub(super) fn size(&self) -> usize {
        let texts = [&self.request, &self.response, &self.query].into_iter().flatten().map(String::len);
        let details = &self.details.0;
        let notes = details.notes.iter().filter_map(|note| note.detail.as_ref().map(String::len));
        let plan = details.plan.as_ref().map_or(0, |plan| plan.to_string().len());
        1_024 + texts.chain(notes).sum::<usize>() + plan
    }
}

impl From<&RecordedRequest> for Details {
    fn from(recorded: &RecordedRequest) -> Self {
        Self {
            request_id: recorded.request_id.clone(),
            duration: u64::try_from(recorded.duration.as_micros()).unwrap_or(u64::MAX),
            revisions: recorded.revisions.clone(),
            revision_count: recorded.revision_count,
            notes: recorded.notes.clone(),
            plan: recorded.plan.clone(),
            request_bytes: recorded.request.bytes,
            response_bytes: recorded.response.bytes,
        }
    }
}

impl From<&RecordedRequest> for Row {
    fn from(recorded: &RecordedRequest) -> Self {
        Self {
            tenant_id: Uid(recorded.tenant),
            connection_id: Uid(recorded.connection),
            id: Uid(recorded.id),
            time: recorded.time.into(),
            status: i16::try_from(recorded.status).unwrap_or(i16::MAX),
            resource: recorded.subject.kind.map(|kind| kind.name().to_owned()),
            resource_id: recorded.subject.id.map(Uid),
            codes: recorded.codes(),
            mentions: recorded.mentions.to_text(),
            method: recorded.method.clone(),
            path: recorded.path.clone(),
            query: recorded.query.clone(),
            erased: recorded.erased,
            details: Json(Details::from(recorded)),
            request: recorded.request.text.clone(),
            response: recorded.response.text.clone(),
        }
    }
}

impl From<Row> for RecordedRequest {
    fn from(row: Row) -> Self {
        let Json(details) = row.details;
        Self {
            id: row.id.0,
            tenant: row.tenant_id.0,
            connection: row.connection_id.0,
            time: row.time.into(),
            method: row.method,
            path: row.path,
            query: row.query,
            status: row.status.unsigned_abs(),
            duration: Duration::from_micros(details.duration),
            request_id: details.request_id,
            subject: Subject { kind: kind(row.resource.as_deref()), id: row.resource_id.map(|Uid(id)| id) },
            request: Body { text: row.request, bytes: details.request_bytes },
            response: Body { text: row.response, bytes: details.response_bytes },
            revisions: details.revisions,
            revision_count: details.revision_count,
            notes: details.notes,
            plan: details.plan,
            mentions: Mentions::parse(&row.mentions),
            erased: row.erased,
        }
    }
}

/// The resource type with this name.
pub(super) fn kind(name: Option<&str>) -> Option<ResourceKind> {
    ResourceKind::ALL.into_iter().find(|kind| Some(kind.name()) == name)
}
