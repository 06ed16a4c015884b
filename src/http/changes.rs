//! `/changes`.

use super::context::{Context, Reader};
use super::openapi::{OperationDocs, examples};
use super::pages::PageItems;
use super::params::Params;
use super::problem::Problem;
use super::response::Response;
use crate::domain::change::{ChangeKind, ResourceKind};
use crate::domain::digest::Digest;
use crate::domain::key::Role;
use crate::domain::parse_id;
use crate::ops::changes::{Feed, Read, Resource};
use actix_web::HttpResponse;
use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
struct FeedRest {
    next: i64,
    head: i64,
    epoch: Uuid,
    digest: Option<Digest>,
}

/// `GET /changes`
pub(super) async fn read(context: Context<Reader>, mut params: Params) -> Response {
    let admin = context.caller().role >= Role::Admin;
    let (limit, after) = (params.limit()?, params.revision("after")?);
    let types = params.take("type").map(|text| types(&text, admin)).transpose()?;
    let resource = params.take("resource").map(|text| resource(&text)).transpose()?;
    params.finish()?;
    let read = Read { tenant: context.tenant(), after, limit, types, resource, admin };
    let _permit = context.permit_to_read().await?;
    match context.call(read).await? {
        Ok(feed) => respond(&feed),
        Err(span) => Err(Problem::feed_gone(&span)),
    }
}

fn respond(feed: &Feed) -> Response {
    let mut items = PageItems::default();
    let count = items.extend(&feed.changes)?;
    let last = feed.changes.get(..count).and_then(<[_]>::last).filter(|_| count < feed.changes.len());
    let (next, digest) =
        last.map_or((feed.next, feed.digest), |change_record| (change_record.revision, change_record.digest));
    let rest = FeedRest { next, head: feed.span.head, epoch: feed.span.epoch, digest };
    let body = items.into_object("items", &rest)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}

pub(super) fn read_docs() -> OperationDocs {
    let parameters = ["after", "limit", "type", "resource"];
    OperationDocs::keyed("listChanges", "changes", "Read the change feed", &parameters)
        .describe("To continue, pass `next` as `after`. Changes to keys and connections require the role `admin`. Changes \
             to tenants are in the feed of the tenant `default`.")
        .json(200, "The changes after a revision.", &[], "Changes", &examples::changes())
        .errors(&[410])
}

fn types(text: &str, admin: bool) -> Result<Vec<ChangeKind>, Problem> {
    let parse = |name: &str| {
        ChangeKind::from_name(name).ok_or_else(|| {
            Problem::invalid_parameter(format!("`type` names an unknown change type, `{name:.100}`."))
        })
    };
    let types = text.split(',').map(parse).collect::<Result<Vec<_>, _>>()?;
    if !admin && types.iter().any(|kind| kind.resource().is_admin_only()) {
        return Err(Problem::insufficient_role(Role::Admin));
    }
    Ok(types)
}

fn resource(text: &str) -> Result<Resource, Problem> {
    let kind = ResourceKind::from_name(text).map(Resource::Kind);
    kind.or_else(|| parse_id(text).map(Resource::One)).ok_or_else(|| {
        let kinds = ResourceKind::ALL.map(ResourceKind::name).join(", ");
        Problem::invalid_parameter(format!("`resource` must be the id of a resource or one of {kinds}."))
    })
}
