//! `/users`.

use super::context::{Admin, Context, Writer};
use super::extractor::extractor;
use super::openapi::{OperationDocs, ResourceDocs, examples};
use super::params::Params;
use super::path::PathId;
use super::problem::Problem;
use super::resources::{Docs, Native};
use super::response::{Response, no_content};
use crate::db::Operation;
use crate::domain::body::WriteMode;
use crate::domain::condition::Conditions;
use crate::domain::fields::FieldError;
use crate::domain::time::Timestamp;
use crate::domain::user::{Draft, Representation, User};
use crate::ops::OpError;
use crate::ops::users::{Create, Delete, Erase, RedactHistory};
use actix_web::HttpRequest;
use serde::Serialize;
use serde_json::Value;
use std::marker::PhantomData;
use uuid::Uuid;

impl Native for User {
    const PATH: &'static str = "/users";
    const HAS_GROUPS: bool = true;
    const DOCS: Docs = Docs {
        resource: ResourceDocs { name: "User", tag: "users", example: examples::user },
        query: ["filter", "sort"],
        projection: ["attributes", "excludedAttributes"],
        include: ("includeInUsers", &["includeInUser"]),
        new: examples::new_user,
        replace: None,
        patch: examples::user_patch,
        links: &[],
    };

    fn representation(&self) -> impl Serialize {
        Representation::from(self)
    }

    fn draft(body: Value, mode: WriteMode) -> Result<Draft, Vec<FieldError>> {
        Draft::read(body, mode)
    }

    fn create(tenant: Uuid, draft: Draft, now: Timestamp) -> impl Operation<Output = Self, Error = OpError> {
        Create { tenant, id: Uuid::now_v7(), draft, now }
    }
}

/// `DELETE /users/{id}`
pub(super) async fn delete(
    context: Context<Writer>,
    conditions: Conditions,
    Erasure(erasure): Erasure,
    PathId(id): PathId,
) -> Response {
    let (tenant, now) = (context.tenant(), context.now());
    match erasure {
        None => context.call(Delete { tenant, id, conditions, now, of: PhantomData }).await?,
        Some(context) => {
            context.call(Erase { tenant, id, conditions, now }).await?;
            // If a call fails, a repeat of the request continues with the rows that are left.
            while context.call(RedactHistory { tenant, id }).await? {}
        }
    }
    Ok(no_content())
}

pub(super) fn delete_docs() -> OperationDocs {
    User::DOCS.resource.delete("Delete a user", &["erase"])
}

/// The parameter `erase`, which only admins may send.
pub(super) struct Erasure(Option<Context<Admin>>);

extractor!(Erasure);

impl Erasure {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut params = Params::of(request)?;
        let erase = params.flag("erase", "true")?;
        params.finish()?;
        erase.then(|| Context::of(request)).transpose().map(Self)
    }
}
