//! `/export`.

use super::context::{Context, Reader, Right};
use super::headers::NDJSON;
use super::in_flight::{PART, Reservation};
use super::openapi::{OperationDocs, examples};
use super::params::Params;
use super::problem::Problem;
use super::response::Response;
use crate::domain::snapshot_position::SnapshotPosition;
use crate::ops::PAGE_BYTES;
use crate::ops::export::Export;
use actix_web::http::Method;
use actix_web::web::Bytes;
use actix_web::{Error, HttpRequest, HttpResponse};
use futures_util::stream;
use serde_json::json;

/// `GET /export`
pub(super) async fn export(context: Context<Reader>, request: HttpRequest, mut params: Params) -> Response {
    let after = params.take("after").map(|text| position(&text)).transpose()?;
    params.finish()?;
    let (database, origin) = (&context.state().database, &context.caller().origin);
    let after = after.unwrap_or(SnapshotPosition::START);
    let mut export = Export::start(database, origin, context.tenant(), after).await?;
    let mut response = HttpResponse::Ok();
    response.content_type(NDJSON);
    if request.method() == Method::HEAD {
        return Ok(response.streaming(stream::empty::<Result<Bytes, Error>>()));
    }
    let reservation = context.state().in_flight.reserve(Some(context.caller()), PAGE_BYTES, true);
    let reservation = reservation.ok_or_else(Problem::too_much_unread)?;
    // An error of the first page is an error response. Later errors can only end the body early.
    let unsent = export.next(database, origin).await?.unwrap_or_default().into();
    let lines = Lines { context: context.without_deadline(), export, unsent, _reservation: reservation };
    Ok(response.streaming(stream::try_unfold(lines, Lines::next_or_log)))
}

pub(super) fn export_docs() -> OperationDocs {
    let content = json!({ NDJSON: { "schema": { "type": "string" }, "example": examples::export() } });
    OperationDocs::keyed("export", "changes", "Export all users, groups and members", &["exportAfter"])
        .describe(
            "Returns one JSON object per line: first the revision from which to follow `/changes`, then users, groups and \
             members, each sorted by id, and last the number of lines of each kind. If the export fails, the body ends \
             early, without its last line.",
        )
        .response(200, "The lines of the export.", &[], Some(content))
}

fn position(text: &str) -> Result<SnapshotPosition, Problem> {
    SnapshotPosition::parse(text)
        .ok_or_else(|| Problem::invalid_parameter(format!("`after` must be {}.", SnapshotPosition::FORMS)))
}

/// The rest of an export. The connection requests the next part when it has sent the previous one, so a client that reads
/// slowly holds one page in memory, and neither a permit nor an actor.
struct Lines {
    context: Context<Reader>,
    export: Export,
    unsent: Bytes,
    _reservation: Reservation,
}

impl Lines {
    async fn next_or_log(self) -> Result<Option<(Bytes, Self)>, Error> {
        let request_id = self.context.caller().origin.request_id.clone();
        self.next().await.map_err(|problem| {
            log::warn!(request_id = &*request_id; "an export ended early: {problem}");
            problem.into()
        })
    }

    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Problem> {
        let state = self.context.state();
        if state.is_stopping() {
            return Err(Problem::server_stopping());
        }
        while self.unsent.is_empty() {
            self.context.check_key(Reader::ROLE).await?;
            match self.export.next(&state.database, &self.context.caller().origin).await? {
                Some(lines) => self.unsent = lines.into(),
                None => return Ok(None),
            }
        }
        let part = self.unsent.split_to(self.unsent.len().min(PART));
        Ok(Some((part, self)))
    }
}
