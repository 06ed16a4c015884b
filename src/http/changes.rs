//! `/changes`.

use super::State;
use super::auth::Reader;
use super::params::Params;
use super::problem::Problem;
use crate::domain::change::{ChangeKind, ChangeRecord, ResourceKind};
use crate::domain::key::Role;
use crate::domain::parse_id;
use crate::ops::changes::{Read, Resource};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
struct FeedBody {
    items: Vec<ChangeRecord>,
    next: i64,
    head: i64,
    epoch: Uuid,
}

/// `GET /changes`
pub(super) async fn read(
    Reader(caller): Reader,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let admin = caller.role >= Role::Admin;
    let mut params = Params::of(&request)?;
    let (limit, after) = (params.limit()?, params.revision("after")?);
    let types = params.take("type").map(|text| types(&text, admin)).transpose()?;
    let resource = params.take("resource").map(|text| resource(&text)).transpose()?;
    params.finish()?;
    let read = Read { tenant: caller.tenant, after, limit, types, resource, admin };
    match state.database.call(&caller.origin, read).await? {
        Ok(feed) => Ok(HttpResponse::Ok().json(FeedBody {
            items: feed.facts,
            next: feed.next,
            head: feed.span.head,
            epoch: feed.span.epoch,
        })),
        Err(span) => Err(Problem::feed_gone(&span)),
    }
}

fn types(text: &str, admin: bool) -> Result<Vec<ChangeKind>, Problem> {
    let known = |name: &str| {
        ChangeKind::from_name(name)
            .ok_or_else(|| Problem::invalid_parameter(format!("'{name:.100}' is not a type of changes")))
    };
    let types = text.split(',').map(known).collect::<Result<Vec<_>, _>>()?;
    if !admin && types.iter().any(|kind| kind.resource().is_admin_only()) {
        return Err(Problem::forbidden("the key's role is too small for these types"));
    }
    Ok(types)
}

fn resource(text: &str) -> Result<Resource, Problem> {
    let kind = ResourceKind::from_name(text).map(Resource::Kind);
    kind.or_else(|| parse_id(text).map(Resource::One)).ok_or_else(|| {
        let kinds = ResourceKind::ALL.map(ResourceKind::name).join(", ");
        Problem::invalid_parameter(format!("resource must be an id or one of {kinds}"))
    })
}
