//! The HTTP server of the axum peers.

use crate::{NewUser, User};
use anyhow::Result;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use uuid::Uuid;

/// A database of users.
pub trait Store: Send + Sync + 'static {
    fn read(&self, id: Uuid) -> impl Future<Output = Result<Option<User>>> + Send;
    /// Returns up to `limit` users after an id.
    fn page(&self, after: Uuid, limit: i64) -> impl Future<Output = Result<Vec<User>>> + Send;
    /// Writes a new user durably.
    fn create(&self, user: &User) -> impl Future<Output = Result<()>> + Send;
}

/// Serves the users of a database until the process is killed.
///
/// # Errors
/// If the address cannot be bound.
pub async fn serve<S: Store>(listen: SocketAddr, store: S) -> Result<()> {
    let app = Router::new()
        .route("/readyz", get(StatusCode::OK))
        .route("/users", get(page::<S>).post(create::<S>))
        .route("/users/{id}", get(read::<S>))
        .with_state(Arc::new(store));
    let listener = TcpListener::bind(listen).await?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, app).await?)
}

/// Every failure is a 500, because the load requests only users that exist.
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

#[derive(Deserialize)]
struct PageQuery {
    limit: i64,
    after: Option<Uuid>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    next_cursor: Option<Uuid>,
    items: Vec<User>,
}

async fn read<S: Store>(State(store): State<Arc<S>>, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    Ok(match store.read(id).await? {
        Some(user) => Json(user).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

async fn page<S: Store>(
    State(store): State<Arc<S>>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page>, Failure> {
    let items = store.page(query.after.unwrap_or_default(), query.limit).await?;
    Ok(Json(Page { next_cursor: items.last().map(|user| user.id), items }))
}

async fn create<S: Store>(
    State(store): State<Arc<S>>,
    Json(body): Json<NewUser>,
) -> Result<Response, Failure> {
    let user = body.into_user()?;
    store.create(&user).await?;
    let location = [(header::LOCATION, format!("/users/{}", user.id))];
    Ok((StatusCode::CREATED, location, Json(user)).into_response())
}
