//! `/keys`.

use super::body::JsonBody;
use super::context::{Admin, Context};
use super::credentials::Stale;
use super::openapi::{BODY, JSON, OperationDocs, ResourceDocs, examples};
use super::params::NoQuery;
use super::records::Served;
use super::response::{Response, etag, new_secret};
use super::state::State;
use crate::domain::key::{Draft, Key};
use crate::ops::OpError;
use crate::ops::keys::{Create, Fixed, Scope};
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ETAG, LOCATION};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

impl Served for Key {
    type Right = Admin;
    const PATH: &'static str = "/keys";
    const DOCS: ResourceDocs = ResourceDocs { name: "Key", tag: "keys", example: || examples::key().into() };
    const PATCH_EXAMPLE: fn() -> Value = || json!({ "role": "reader" });

    fn representation<'r>(&'r self, _: &'r State) -> impl Serialize {
        self
    }

    fn scope(context: &Context<Admin>) -> Scope {
        Scope { tenant: Some(context.tenant()), role: context.caller().role }
    }

    fn stale(id: Uuid) -> Stale {
        Stale::One(id)
    }
}

/// A key with its secret, which only the response that creates the key shows.
#[derive(Serialize)]
struct NewKey<'k> {
    #[serde(flatten)]
    key: &'k Key,
    secret: &'k str,
}

/// `POST /keys`
pub(super) async fn create(context: Context<Admin>, _: NoQuery, body: JsonBody) -> Response {
    let context = context.with_current_role().await?;
    let draft = body.read(|body| Draft::read(body, context.now()))?;
    if draft.role > context.caller().role {
        return Err(OpError::Forbidden(draft.role).into());
    }
    let (id, tenant) = (Uuid::now_v7(), context.tenant());
    let secret = new_secret(id)?;
    let fixed = Fixed { tenant, hash: secret.hash() };
    let create = Create { id, fixed, draft, now: context.now() };
    let key = context.call(create).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/keys/{id}")))
        .insert_header((ETAG, etag(key.version)))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(NewKey { key: &key, secret: secret.reveal() }))
}

pub(super) fn create_docs() -> OperationDocs {
    let description = "The key with its secret, which no other response contains.";
    OperationDocs::keyed("createKey", "keys", "Create a key", &[])
        .body(JSON, "NewKey", &examples::new_key())
        .json(201, description, &["Location", "ETag"], "KeyWithSecret", &examples::key_with_secret())
        .links(201, &["getKey", "patchKey", "deleteKey"])
        .errors(&BODY)
        .errors(&[504])
}

pub(super) fn delete_docs() -> OperationDocs {
    let operation = Key::DOCS.delete("Revoke a key", &[]).describe(
        "The key stays listed with `revokedAt` for 90 days. Revoking it again has no effect, and changing it returns 409.",
    );
    operation.response(204, "The key is revoked.", &[], None)
}
