//! `/users`.

use super::context::{Admin, Context, Writer, new_id};
use super::credentials::OnDrop;
use super::extractor::extractor;
use super::openapi::{OperationDocs, ResourceDocs, examples};
use super::params::Params;
use super::path::PathId;
use super::problem::Problem;
use super::resources::{Docs, Native, Write};
use super::response::{Response, no_content};
use crate::db::Operation;
use crate::domain::body::WriteMode;
use crate::domain::condition::Conditions;
use crate::domain::fields::FieldError;
use crate::domain::key::Role;
use crate::domain::time::Timestamp;
use crate::domain::user::{Draft, Representation, StoredUser, User};
use crate::ops::OpError;
use crate::ops::resource::UniqueKey;
use crate::ops::users::{Create, Delete, Erase, Redact, Remaining, TruncateLog};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;
use uuid::Uuid;

impl Native for User {
    const PATH: &'static str = "/users";
    type Stored = StoredUser;
    const HAS_GROUPS: bool = true;
    const DOCS: Docs = Docs {
        resource: ResourceDocs { name: "User", tag: "users", example: examples::user },
        query: ["filter", "sort"],
        matched: "match",
        projection: ["attributes", "excludedAttributes"],
        include: ("includeInUsers", &["includeInUser"]),
        new: examples::new_user,
        replace: None,
        patch: examples::user_patch,
        links: &["listUserChanges"],
    };

    const MEMBERSHIPS: [&'static str; 2] = ["groups", "missingGroups"];
    const MATCHED: &'static [UniqueKey] = &[UniqueKey::ExternalId, UniqueKey::UserName];

    fn representation(&self) -> impl Serialize {
        Representation::from(self)
    }

    fn external_ids(&self) -> &BTreeMap<String, String> {
        &self.external_ids
    }

    fn draft(body: Value, mode: WriteMode) -> Result<Draft, Vec<FieldError>> {
        Draft::read(body, mode)
    }

    fn create(tenant: Uuid, draft: Draft, now: Timestamp) -> impl Operation<Output = Self, Error = OpError> {
        Create { tenant, id: new_id(now), draft, now }
    }
}

impl Write for StoredUser {
    fn version(&self) -> i64 {
        self.version
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        self.write(out)
    }
}

/// `DELETE /users/{id}`
pub(super) async fn delete(deletion: Deletion, conditions: Conditions, PathId(id): PathId) -> Response {
    let context = match deletion {
        Deletion::Erase(context) => return erase(&context, id, conditions).await,
        Deletion::Delete(context) => context,
    };
    let (tenant, now) = (context.tenant(), context.now());
    context.call(Delete { tenant, id, conditions, now, of: PhantomData }).await?;
    Ok(no_content())
}

pub(super) fn delete_docs() -> OperationDocs {
    let accepted = "The user was deleted. The server completes the erasure in the background.";
    User::DOCS.resource.delete("Delete a user", &["erase"]).response(202, accepted, &[], None)
}

/// Deletes a user and removes its values. If removing the values fails or takes too long after the user is deleted, the
/// background task completes it.
async fn erase(context: &Context<Admin>, id: Uuid, conditions: Conditions) -> Response {
    // The task is also notified if the request is cancelled.
    let _notify = OnDrop(|| context.state().incomplete_erasures.notify_one());
    let erase = Erase { tenant: context.tenant(), id, conditions, now: context.now() };
    let remaining = context.call(erase).await?;
    Ok(match complete(context, id, remaining).await {
        Ok(true) => no_content(),
        _ => HttpResponse::Accepted().finish(),
    })
}

/// Continues an erasure. Returns whether it is complete.
async fn complete(context: &Context<Admin>, id: Uuid, mut remaining: Remaining) -> Result<bool, Problem> {
    while remaining == Remaining::Values {
        context.check_key(Role::Admin).await?;
        let redact = Redact { tenant: context.tenant(), id, now: context.now() };
        remaining = context.call(redact).await?;
    }
    if remaining == Remaining::Requests {
        remaining = context.search_requests(id).await?;
    }
    if remaining == Remaining::Nothing {
        return Ok(true);
    }
    for pause in PAUSES {
        if context.call(TruncateLog).await? {
            return Ok(true);
        }
        tokio::time::sleep(pause).await;
    }
    Ok(context.call(TruncateLog).await?)
}

/// Pauses between attempts to truncate SQLite's log, so that short reads can finish.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(100)];

/// The right that a deletion requires, which depends on the parameter `erase`.
pub(super) enum Deletion {
    Delete(Context<Writer>),
    Erase(Context<Admin>),
}

extractor!(Deletion);

impl Deletion {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut params = Params::of(request)?;
        let erase = params.flag("erase", "true");
        // The role is checked before the parameters.
        let deletion = match erase {
            Ok(true) => Self::Erase(Context::of(request)?),
            _ => Self::Delete(Context::of(request)?),
        };
        erase.and_then(|_| params.finish()).map(|()| deletion)
    }
}
