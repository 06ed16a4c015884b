//! A few connections, each with its own prepared statements.

use anyhow::{Context, Result};
use peer_user::sql::{CREATE, PAGE, READ};
use peer_user::{User, server};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_postgres::types::Json;
use tokio_postgres::{Client, NoTls, Row, Statement};
use uuid::Uuid;

/// The connections, used in turn.
pub(crate) struct Store {
    sessions: Vec<Session>,
    next: AtomicUsize,
}

struct Session {
    client: Client,
    read: Statement,
    page: Statement,
    create: Statement,
}

impl Store {
    /// Opens the connections and prepares their statements.
    pub(crate) async fn open(url: &str, connections: usize) -> Result<Self> {
        let mut sessions = Vec::new();
        for _ in 0..connections {
            sessions.push(Session::open(url).await?);
        }
        Ok(Self { sessions, next: AtomicUsize::new(0) })
    }

    fn session(&self) -> Result<&Session> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.sessions.get(turn % self.sessions.len()).context("no connection")
    }
}

impl server::Store for Store {
    async fn read(&self, id: Uuid) -> Result<Option<User>> {
        let session = self.session()?;
        let row = session.client.query_opt(&session.read, &[&id]).await?;
        row.as_ref().map(user).transpose()
    }

    async fn page(&self, after: Uuid, limit: i64) -> Result<Vec<User>> {
        let session = self.session()?;
        let rows = session.client.query(&session.page, &[&after, &limit]).await?;
        rows.iter().map(user).collect()
    }

    async fn create(&self, user: &User) -> Result<()> {
        let session = self.session()?;
        let (id, emails) = (&user.id, Json(&user.emails));
        let (name, times) = ((&user.given_name, &user.family_name), (&user.created_at, &user.updated_at));
        let client = &session.client;
        client
            .execute(
                &session.create,
                &[
                    id,
                    &user.external_id,
                    &user.user_name,
                    name.0,
                    name.1,
                    &user.display_name,
                    &user.title,
                    &user.active,
                    &emails,
                    &user.version,
                    times.0,
                    times.1,
                ],
            )
            .await?;
        Ok(())
    }
}

impl Session {
    async fn open(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("the connection broke: {error}");
            }
        });
        let (read, page) = (client.prepare(READ).await?, client.prepare(PAGE).await?);
        let create = client.prepare(CREATE).await?;
        Ok(Self { client, read, page, create })
    }
}

fn user(row: &Row) -> Result<User> {
    peer_user::user!(row, Json)
}
