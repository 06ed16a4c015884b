//! The peer for the targets: axum and sqlx, tuned for speed. Its pools do not ping, and its statements are prepared. A create
//! is a single INSERT, or with `--full-schema` the rows that Roster writes for a user, in one transaction.

mod rows;
mod store;

use clap::Parser;
use peers::server::serve;
use std::net::SocketAddr;

#[derive(Parser)]
struct Args {
    #[arg(long)]
    listen: SocketAddr,
    /// The URL of the database.
    #[arg(long)]
    database: String,
    /// The number of connections to the database.
    #[arg(long, default_value_t = 16)]
    pool: u32,
    /// Whether a create writes the same rows as Roster: the user, its e-mails and externalId, the head and the change.
    #[arg(long)]
    full_schema: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Args { listen, database, pool, full_schema } = Args::parse();
    if database.starts_with("postgres") {
        serve(listen, store::postgres(&database, pool, full_schema).await?).await
    } else {
        serve(listen, store::sqlite(&database, pool, full_schema).await?).await
    }
}
