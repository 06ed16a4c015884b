//! `/connections/{id}/requests`, and the summary of them that a connection shows.

use super::context::{Admin, Context};
use super::openapi::{OperationDocs, examples};
use super::pages::{PageItems, page_response};
use super::params::Params;
use super::path::PathId;
use super::problem::Problem;
use super::response::Response;
use crate::domain::change::ResourceKind;
use crate::domain::cursor;
use crate::domain::inspector::explanation::explain;
use crate::domain::parse_id;
use crate::domain::time::Timestamp;
use crate::ops::OpError;
use crate::ops::requests::{Filter, List, ResourceFilter, StatusFilter, Summarize, Summary, UserFilter};
use uuid::Uuid;

/// `GET /connections/{id}/requests`
pub(super) async fn list(
    context: Context<Admin>,
    PathId(connection): PathId,
    mut params: Params,
) -> Response {
    let tenant = context.tenant();
    let (filter, parts) = filter(&mut params)?;
    let id = connection.to_string();
    let parts: Vec<_> = ["requests", &id].into_iter().chain(parts.iter().map(String::as_str)).collect();
    let list = cursor::List::new(tenant, &parts);
    let (limit, before) = (params.limit()?, params.id_cursor(list)?);
    params.finish()?;
    let _permit = context.permit_to_read().await?;
    let page = context.call(List { tenant, connection, filter, before, limit }).await?;
    let mut items = PageItems::default();
    let count = items.extend(&page.items)?;
    let last = page.items.get(..count).and_then(<[_]>::last).filter(|_| count < page.items.len());
    let next = last.map_or(page.next, |last| Some(last.id)).map(|id| list.id_cursor(id));
    page_response(&format!("/connections/{connection}/requests"), &params, items, next, None)
}

/// Takes the conditions, and the parameters that contain them.
fn filter(params: &mut Params) -> Result<(Filter, Vec<String>), Problem> {
    let mut parts = Vec::new();
    let mut take = |name: &'static str| {
        let text = params.take(name);
        parts.extend(text.as_ref().map(|text| format!("{name}={text}")));
        text
    };
    let filter = Filter {
        status: parsed(
            "status",
            take("status"),
            status,
            "must be a status such as 404, or a class such as 4xx",
        )?,
        resource: parsed("resource", take("resource"), resource, "must be `user`, `group` or the id of one")?,
        user: parsed("user", take("user"), user, "must be the id or the userName of a user")?,
        since: parsed("since", take("since"), Timestamp::parse, "must be an RFC 3339 time")?,
        until: parsed("until", take("until"), Timestamp::parse, "must be an RFC 3339 time")?,
        note: parsed("note", take("note"), note, "must be the code of a note")?,
    };
    Ok((filter, parts))
}

fn parsed<T>(
    name: &str,
    text: Option<String>,
    parse: impl Fn(&str) -> Option<T>,
    expected: &str,
) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let parsed = parse(&text);
    parsed.map(Some).ok_or_else(|| Problem::invalid_parameter(format!("`{name}` {expected}.")))
}

fn status(text: &str) -> Option<StatusFilter> {
    if text.len() != 3 {
        return None;
    }
    match text.strip_suffix("xx") {
        Some(class) => class.parse().ok().filter(|class| (1..=5).contains(class)).map(StatusFilter::Class),
        None => text.parse().ok().filter(|status| (100..600).contains(status)).map(StatusFilter::Status),
    }
}

fn resource(text: &str) -> Option<ResourceFilter> {
    let kinds = [ResourceKind::User, ResourceKind::Group];
    let kind = kinds.into_iter().find(|kind| kind.name() == text).map(ResourceFilter::Kind);
    kind.or_else(|| parse_id(text).map(ResourceFilter::Id))
}

fn user(text: &str) -> Option<UserFilter> {
    let name = || (!text.is_empty() && !text.contains('\0')).then(|| UserFilter::Name(text.to_owned()));
    parse_id(text).map(UserFilter::Id).or_else(name)
}

fn note(text: &str) -> Option<String> {
    explain(text).map(|explanation| explanation.code.to_owned())
}

pub(super) fn list_docs() -> OperationDocs {
    let parameters =
        ["id", "requestStatus", "requestResource", "user", "since", "until", "note", "limit", "cursor"];
    OperationDocs::keyed("listRequests", "connections", "List the requests of a connection", &parameters)
        .describe(
            "The requests that the identity provider has sent, newest first, with their responses and with notes that explain \
             them. The newest 10,000 are kept, for at most 30 days.",
        )
        .json(
            200,
            "A page of requests. It can be short, or empty, and still have `nextCursor`.",
            &["Link"],
            "RecordedRequestPage",
            &examples::page("requests", examples::recorded_request().into()),
        )
}

/// The summary of the requests of a connection.
pub(super) async fn summary(context: &Context<Admin>, connection: Uuid) -> Result<Summary, OpError> {
    context.call(Summarize { tenant: context.tenant(), connection, now: context.now() }).await
}
