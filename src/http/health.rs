//! What needs no key: the start page and the probes.

use super::State;
use super::params::Params;
use super::problem::Problem;
use crate::db::{Class, Database, DbError};
use crate::domain::origin::Origin;
use crate::ops::health::{CanWrite, PendingMigrations};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Where to go from the start page.
pub(super) const LINKS: [(&str, &str); 6] = [
    ("docs", "/docs"),
    ("groups", "/groups"),
    ("livez", "/livez"),
    ("openapi", "/openapi.json"),
    ("readyz", "/readyz"),
    ("users", "/users"),
];

/// `GET /`: what this is.
pub(super) async fn index(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    Ok(HttpResponse::Ok().json(json!({
        "name": "roster",
        "version": env!("CARGO_PKG_VERSION"),
        "url": state.public_url,
        "links": LINKS.into_iter().collect::<BTreeMap<_, _>>(),
    })))
}

/// `GET /livez`: the process answers.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// `GET /readyz`: the process can do its work, down to the database.
pub(super) async fn ready(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let stopping = || Problem::stopping("the server is stopping");
    if state.is_stopping() {
        return Err(stopping());
    }
    match state.readiness.of(&state.database).await {
        // It may have been told to stop while the database was asked.
        _ if state.is_stopping() => Err(stopping()),
        Ok(()) => Ok(HttpResponse::Ok().json(json!({ "status": "ready" }))),
        Err(detail) => Err(Problem::not_ready(detail)),
    }
}

/// How long an answer is kept: probes of many balancers cost the database one question.
const KEEP: Duration = Duration::from_secs(1);

/// The last answer.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Result<(), &'static str>)>>);

impl Readiness {
    async fn of(&self, database: &Database) -> Result<(), &'static str> {
        let mut last = self.0.lock().await;
        match *last {
            Some((when, answer)) if when.elapsed() < KEEP => answer,
            _ => {
                let answer = ask(database).await;
                *last = Some((Instant::now(), answer));
                answer
            }
        }
    }
}

/// How long the database may take for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the database can be read and written. A writer that waits (for a lock, or behind others) says nothing
/// against it as long as it can be read.
async fn ask(database: &Database) -> Result<(), &'static str> {
    let origin = Origin::server();
    let finished = database.finished(Class::Read);
    let patience = tokio::time::sleep(PATIENCE);
    let read = tokio::time::timeout(PATIENCE, database.call(&origin, PendingMigrations));
    let write = tokio::time::timeout(PATIENCE, database.call(&origin, CanWrite));
    let (read, write) = tokio::join!(read, write);
    match read {
        Ok(Ok(0)) => {}
        Ok(Ok(_)) => return Err("migrations are pending"),
        Ok(Err(error)) if !is_busy(&error) => return Err("the database cannot be read"),
        _ => {
            // Overload is not unreadiness, taking the server from the balancer would only move the load; but then
            // calls are finished all the while.
            patience.await;
            if database.finished(Class::Read) == finished {
                return Err("the database does not answer");
            }
        }
    }
    match write {
        Ok(Err(error)) if !is_busy(&error) => Err("the database cannot be written"),
        _ => Ok(()),
    }
}

fn is_busy(error: &DbError) -> bool {
    matches!(error, DbError::Overloaded | DbError::DeadlinePassed | DbError::Busy(_))
}
