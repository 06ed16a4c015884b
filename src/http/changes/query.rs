//! The query of `/changes`.

use crate::domain::change::{ChangeKind, ResourceKind};
use crate::domain::key::Role;
use crate::domain::parse_id;
use crate::http::context::{Context, Reader};
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::ops::changes::{Feed, Read, Resource};
use std::time::Duration;

/// The changes that a request asks for.
pub(super) struct Query {
    /// The revision after which to read.
    pub(super) after: i64,
    limit: usize,
    types: Option<Vec<ChangeKind>>,
    resource: Option<Resource>,
    /// How long to wait for a change.
    pub(super) wait: Duration,
}

impl Query {
    pub(super) fn of(mut params: Params, context: &Context<Reader>) -> Result<Self, Problem> {
        let (limit, after) = (params.limit()?, params.revision("after")?);
        let types = params.take("type").map(|text| types(&text, is_admin(context))).transpose()?;
        let resource = params.take("resource").map(|text| resource(&text)).transpose()?;
        let wait = params.seconds("wait", 60)?;
        params.finish()?;
        Ok(Self { after, limit, types, resource, wait })
    }

    /// Reads a page. A permit to read must be held until the response has been built.
    ///
    /// # Errors
    /// 410 when the changes after the revision are not available.
    pub(super) async fn read(&self, context: &Context<Reader>) -> Result<Feed, Problem> {
        let read = Read {
            tenant: context.tenant(),
            after: self.after,
            limit: self.limit,
            types: self.types.clone(),
            resource: self.resource.clone(),
            admin: is_admin(context),
        };
        context.call(read).await?.map_err(|span| Problem::feed_gone(&span))
    }
}

fn is_admin(context: &Context<Reader>) -> bool {
    context.caller().role >= Role::Admin
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
