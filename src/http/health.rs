//! What needs no key: the start page and the probes.

use super::State;
use super::params::Params;
use super::problem::Problem;
use crate::db::{Database, DbError};
use crate::domain::change::Origin;
use crate::ops::health::{CanWrite, PendingMigrations};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// `GET /`: what this is.
pub(super) async fn index(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    Params::none(&request)?;
    Ok(HttpResponse::Ok().json(json!({
        "name": "roster",
        "version": env!("CARGO_PKG_VERSION"),
        "url": state.public_url,
        "links": { "users": "/users", "livez": "/livez", "readyz": "/readyz" },
    })))
}

/// `GET /livez`: the process answers.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// `GET /readyz`: the process can do its work, down to the database.
pub(super) async fn ready(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    if state.is_stopping() {
        return Err(Problem::unavailable("stopping", "the server is stopping"));
    }
    match state.readiness.of(&state.database).await {
        Ok(()) => Ok(HttpResponse::Ok().json(json!({ "status": "ready" }))),
        Err(detail) => Err(Problem::unavailable("not-ready", detail)),
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

/// A server that is overloaded is ready: taking it from the balancer would only move the load.
async fn ask(database: &Database) -> Result<(), &'static str> {
    let origin = Origin::server();
    let busy =
        |error: &DbError| matches!(error, DbError::Overloaded | DbError::DeadlinePassed | DbError::Busy(_));
    match database.call(&origin, PendingMigrations).await {
        Ok(0) => {}
        Ok(_) => return Err("migrations are pending"),
        Err(error) if busy(&error) => {}
        Err(_) => return Err("the database cannot be read"),
    }
    match database.call(&origin, CanWrite).await {
        Err(error) if !busy(&error) => Err("the database cannot be written"),
        _ => Ok(()),
    }
}
