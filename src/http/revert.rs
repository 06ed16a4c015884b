//! `/changes/revert`.

use super::body::JsonBody;
use super::context::{Admin, Context};
use super::openapi::{BODY, JSON, OperationDocs, examples};
use super::params::NoQuery;
use super::problem::Problem;
use super::response::Response;
use crate::domain::key::Role;
use crate::domain::revert::RevertRequest;
use crate::ops::OpError;
use crate::ops::revert::{PORTION, Report, Reverter};
use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::json;

/// `POST /changes/revert`
pub(super) async fn revert(context: Context<Admin>, _: NoQuery, body: JsonBody) -> Response {
    let RevertRequest { selection, head } = body.read(RevertRequest::read)?;
    let permit = context.state().imports.clone().try_acquire_owned();
    let _permit = permit.map_err(|_| Problem::too_many_imports())?;
    let context = context.without_deadline();
    let (database, origin) = (context.state().database.clone(), context.caller().origin.clone());
    let mut reverter = Reverter::open(database, origin, context.tenant(), selection, PORTION).await?;
    match head {
        None => {
            while reverter.plan_next().await? {
                check(&context).await?;
            }
            Ok(HttpResponse::Ok().json(reverter.finish(false)))
        }
        Some(head) if head != reverter.head() => Err(Problem::head_moved(reverter.head(), head)),
        Some(head) => apply(&context, reverter, head).await,
    }
}

/// The results of a revert that ended early.
#[derive(Serialize)]
struct Failure<P> {
    #[serde(flatten)]
    report: Report,
    problem: P,
}

/// Applies the portions. If the first one fails, nothing was done, and the response is the problem.
async fn apply(context: &Context<Admin>, mut reverter: Reverter, head: i64) -> Response {
    loop {
        let problem = match apply_next(context, &mut reverter, head).await {
            Ok(true) => continue,
            Ok(false) => return Ok(HttpResponse::Ok().json(reverter.finish(true))),
            Err(problem) => problem,
        };
        if !reverter.has_applied() {
            return Err(problem);
        }
        let problem = problem.body(&context.caller().origin.request_id);
        return Ok(HttpResponse::Ok().json(Failure { report: reverter.finish(true), problem }));
    }
}

async fn apply_next(context: &Context<Admin>, reverter: &mut Reverter, head: i64) -> Result<bool, Problem> {
    check(context).await?;
    reverter.apply_next(context.now()).await.map_err(|error| match error {
        OpError::PreconditionFailed(Some(newest)) => Problem::head_moved(newest, head),
        error => error.into(),
    })
}

/// Checks between two portions that the server is not stopping, and that the key is still valid.
async fn check(context: &Context<Admin>) -> Result<(), Problem> {
    if context.state().is_stopping() {
        return Err(Problem::server_stopping());
    }
    context.check_key(Role::Admin).await
}

pub(super) fn revert_docs() -> OperationDocs {
    let actor = json!({ "type": "connection", "id": examples::CONNECTION });
    OperationDocs::keyed("revertChanges", "changes", "Revert the changes of an actor", &[])
        .describe(
            "Undoes what one actor did to users, groups and members in the revisions after `after` up to `until`, at most \
             10,000 changes. Writes of others are kept: `conflicts` lists what is therefore not undone. With `plan` (the \
             default), nothing is written. Otherwise, `head` must be the `head` of a plan; if it is not the newest revision \
             any more, the response is 412. Every 1,000 changes are undone in one transaction, which `portions` lists. If the \
             revert ends early, the response contains `problem`, and `pending` is the number of items that were not processed. \
             Requires the role `admin`.",
        )
        .body(JSON, "Revert", &json!({ "after": 40, "until": 42, "actor": actor, "plan": true }))
        .json(200, "The plan or the results.", &[], "Reverted", &examples::reverted())
        .errors(&BODY)
        .errors(&[410, 412, 504])
}
