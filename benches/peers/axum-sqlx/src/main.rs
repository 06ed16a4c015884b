//! The main peer: axum and sqlx, written for speed. Its pool does not ping, its statements are prepared, and a create is one
//! INSERT, or with `--rows same` the rows that Roster writes for a user, in one transaction.

mod postgres;
mod same_rows;
mod sqlite;
mod statements;
mod store;

use clap::{Parser, ValueEnum};
use peer_user::server::serve;
use std::net::SocketAddr;
use store::Store;

/// Serves the users of the peers' table.
#[derive(Debug, Parser)]
struct Args {
    /// The address to listen on.
    #[arg(long)]
    listen: SocketAddr,
    /// The URL of the database.
    #[arg(long)]
    database: String,
    /// The number of connections to the database.
    #[arg(long, default_value_t = 16)]
    pool: u32,
    /// The rows that a create writes.
    #[arg(long, value_enum, default_value_t = Rows::One)]
    rows: Rows,
}

/// The rows that a create writes.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Rows {
    /// One row of the peers' table.
    One,
    /// The same rows as Roster: the user, its e-mails and external id, the head and the change.
    Same,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    serve(args.listen, Store::open(&args.database, args.pool, args.rows).await?).await
}
