//! `/users/{id}/restore` and `/groups/{id}/restore`.

use super::context::{Admin, Context};
use super::endpoint::{Url, post, url};
use super::openapi::{OperationDocs, examples};
use super::params::NoQuery;
use super::path::PathId;
use super::resources::Native;
use super::response::{Response, etag};
use crate::domain::json::to_map;
use crate::ops::restore::{Restorable, Restore, Restored};
use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::marker::PhantomData;

/// The URL that restores a resource.
pub(super) fn restore_url<R: Native + Restorable>() -> Url {
    url(format!("{}/{{id}}/restore", R::PATH), [post(restore::<R>).docs(docs::<R>)])
}

/// A restored resource with the ids of its memberships.
#[derive(Serialize)]
struct Representation<T> {
    #[serde(flatten)]
    resource: T,
    restored: Map<String, Value>,
}

/// `POST /users/{id}/restore`, `POST /groups/{id}/restore`
async fn restore<R: Native + Restorable>(
    context: Context<Admin>,
    PathId(id): PathId,
    _: NoQuery,
) -> Response {
    let restore = Restore::<R> { tenant: context.tenant(), id, now: context.now(), of: PhantomData };
    let Restored { resource, others, missing } = context.write::<R, _>(restore).await?;
    let [restored, gone] = R::MEMBERSHIPS;
    let restored = [(restored, others), (gone, missing)];
    let restored = restored.into_iter().map(|(name, ids)| (name.to_owned(), json!(ids))).collect();
    let body = Representation { resource: resource.representation(), restored };
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(resource.stamp().version))).json(body))
}

fn docs<R: Native + Restorable>() -> OperationDocs {
    let (docs, [restored, missing]) = (R::DOCS.resource, R::MEMBERSHIPS);
    let (name, noun) = (docs.name, docs.noun());
    let mut example = to_map(&(docs.example)());
    example.insert("restored".to_owned(), json!({ restored: [examples::MANAGER], missing: [] }));
    let description = format!(
        "Recreates a deleted {noun} with its id, its attributes and externalIds, and with the memberships that it had when \
         it was deleted. `{missing}` lists those whose other side no longer exists. The response is 409 if the {noun} \
         exists, or if a unique value belongs to another resource, and 410 if the values were erased."
    );
    OperationDocs::keyed(&format!("restore{name}"), docs.tag, &format!("Restore a deleted {noun}"), &["id"])
        .describe(&description)
        .json(200, &format!("The restored {noun}."), &["ETag"], &format!("Restored{name}"), &example.into())
        .errors(&[409, 410, 504])
}
