//! Database calls on behalf of the operator: from the command line, or at the first start.

use crate::db::Database;
use crate::domain::DEFAULT_TENANT;
use crate::domain::key::{Draft, Secret};
use crate::domain::origin::{Actor, ActorKind, Origin};
use crate::domain::time::Timestamp;
use crate::error::AppError;
use crate::ops::keys;
use uuid::Uuid;

/// The origin of changes made by a command.
pub(crate) fn origin() -> Origin {
    Origin {
        actor: Actor { kind: ActorKind::Cli, id: "cli".into() },
        tenant: DEFAULT_TENANT,
        request_id: Uuid::now_v7().to_string().into(),
        trace_id: None,
        deadline: None,
        bulk: false,
        plan: None,
        revisions: None,
    }
}

/// Creates a key and returns its secret.
///
/// # Errors
/// If no random bytes are available or the database call fails.
pub(crate) async fn create_key(
    database: &Database,
    tenant: Uuid,
    draft: Draft,
    now: Timestamp,
) -> Result<Secret, AppError> {
    let id = Uuid::now_v7();
    let secret = Secret::generate(id).map_err(|error| {
        AppError::new(format!("cannot read random bytes from the operating system: {error}"))
    })?;
    let fixed = keys::Fixed { tenant, hash: secret.hash() };
    let create = keys::Create { id, fixed, draft, now };
    database.call(&origin(), create).await.map_err(AppError::new)?;
    Ok(secret)
}
