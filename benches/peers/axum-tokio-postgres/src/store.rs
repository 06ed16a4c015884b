//! A few connections, each with its prepared statements.

use anyhow::{Context, Result};
use peer_user::User;
use serde_json::value::RawValue;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_postgres::types::Json;
use tokio_postgres::{Client, NoTls, Row, Statement};
use uuid::Uuid;

const READ: &str = "SELECT id, external_id, user_name, given_name, family_name, display_name, title, active, emails, \
                    version, created_at, updated_at FROM peer_users WHERE id = $1";
const PAGE: &str = "SELECT id, external_id, user_name, given_name, family_name, display_name, title, active, emails, \
                    version, created_at, updated_at FROM peer_users WHERE id > $1 ORDER BY id LIMIT $2";
const CREATE: &str = "INSERT INTO peer_users (id, external_id, user_name, given_name, family_name, display_name, title, \
                      active, emails, version, created_at, updated_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

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
    /// Connects and prepares.
    pub(crate) async fn open(url: &str, connections: usize) -> Result<Self> {
        let mut sessions = Vec::new();
        for _ in 0..connections {
            sessions.push(Session::open(url).await?);
        }
        Ok(Self { sessions, next: AtomicUsize::new(0) })
    }

    /// One user.
    pub(crate) async fn read(&self, id: Uuid) -> Result<Option<User>> {
        let session = self.session()?;
        let row = session.client.query_opt(&session.read, &[&id]).await?;
        row.as_ref().map(user).transpose()
    }

    /// The users after an id.
    pub(crate) async fn page(&self, after: Uuid, limit: i64) -> Result<Vec<User>> {
        let session = self.session()?;
        let rows = session.client.query(&session.page, &[&after, &limit]).await?;
        rows.iter().map(user).collect()
    }

    /// Inserts a user in a transaction of its own.
    pub(crate) async fn create(&self, user: &User) -> Result<()> {
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

    fn session(&self) -> Result<&Session> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.sessions.get(turn % self.sessions.len()).context("no connection")
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
    let emails: Json<Box<RawValue>> = row.try_get(8)?;
    Ok(User {
        id: row.try_get(0)?,
        external_id: row.try_get(1)?,
        user_name: row.try_get(2)?,
        given_name: row.try_get(3)?,
        family_name: row.try_get(4)?,
        display_name: row.try_get(5)?,
        title: row.try_get(6)?,
        active: row.try_get(7)?,
        emails: emails.0,
        version: row.try_get(9)?,
        created_at: row.try_get(10)?,
        updated_at: row.try_get(11)?,
    })
}
