//! A peer: axum and tokio-postgres. Every connection carries many queries at once, their answers come in order.

mod store;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use clap::Parser;
use peer_user::NewUser;
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;
use store::Store;
use tokio::net::TcpListener;
use uuid::Uuid;

/// Serves the users of a table of its own.
#[derive(Debug, Parser)]
struct Args {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// Where the database is.
    #[arg(long)]
    database: String,
    /// How many connections to it.
    #[arg(long, default_value_t = 4)]
    connections: usize,
}

#[derive(Debug, Deserialize)]
struct PageQuery {
    limit: i64,
    after: Option<Uuid>,
}

/// Whatever fails is a 500: the load never asks for what is not there.
struct Failure(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0.to_string()).into_response()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let store = Arc::new(Store::open(&args.database, args.connections).await?);
    let app = Router::new()
        .route("/readyz", get(StatusCode::OK))
        .route("/users", get(page).post(create))
        .route("/users/{id}", get(read))
        .with_state(store);
    let listener = TcpListener::bind(args.listen).await?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, app).await?)
}

async fn read(State(store): State<Arc<Store>>, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    Ok(match store.read(id).await? {
        Some(user) => Json(user).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

async fn page(State(store): State<Arc<Store>>, Query(query): Query<PageQuery>) -> Result<Response, Failure> {
    let users = store.page(query.after.unwrap_or_default(), query.limit).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], peer_user::json(&users)?).into_response())
}

async fn create(State(store): State<Arc<Store>>, Json(body): Json<NewUser>) -> Result<Response, Failure> {
    let user = body.into_user()?;
    store.create(&user).await?;
    let location = [(header::LOCATION, format!("/users/{}", user.id))];
    Ok((StatusCode::CREATED, location, Json(user)).into_response())
}
