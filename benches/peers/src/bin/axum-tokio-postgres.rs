//! A peer with axum and tokio-postgres. A few connections pipeline their queries.

use anyhow::{Context, Result};
use clap::Parser;
use peers::sql::{CREATE, PAGE, READ};
use peers::{User, server};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_postgres::types::Json;
use tokio_postgres::{Client, NoTls, Row, Statement};
use uuid::Uuid;

const CONNECTIONS: usize = 4;

#[derive(Parser)]
struct Args {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    database: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    server::serve(args.listen, Store::open(&args.database).await?).await
}

/// The connections are used in turn.
struct Store {
    connections: Vec<Connection>,
    next: AtomicUsize,
}

struct Connection {
    client: Client,
    read: Statement,
    page: Statement,
    create: Statement,
}

impl Store {
    async fn open(url: &str) -> Result<Self> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(Connection::open(url).await?);
        }
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    fn connection(&self) -> Result<&Connection> {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        self.connections.get(index).context("no connection")
    }
}

impl Connection {
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

impl server::Store for Store {
    async fn read(&self, id: Uuid) -> Result<Option<User>> {
        let connection = self.connection()?;
        let row = connection.client.query_opt(&connection.read, &[&id]).await?;
        row.as_ref().map(user).transpose()
    }

    async fn page(&self, after: Uuid, limit: i64) -> Result<Vec<User>> {
        let connection = self.connection()?;
        let rows = connection.client.query(&connection.page, &[&after, &limit]).await?;
        rows.iter().map(user).collect()
    }

    #[rustfmt::skip]
    async fn create(&self, user: &User) -> Result<()> {
        let connection = self.connection()?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 12] = [
            &user.id, &user.external_id, &user.user_name, &user.name.given_name, &user.name.family_name,
            &user.display_name, &user.title, &user.active, &Json(&user.emails), &user.version,
            &user.created_at, &user.updated_at,
        ];
        connection.client.execute(&connection.create, &values).await?;
        Ok(())
    }
}

fn user(row: &Row) -> Result<User> {
    peers::user!(row, Json)
}
