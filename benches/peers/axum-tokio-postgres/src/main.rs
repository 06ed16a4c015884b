//! A peer: axum and tokio-postgres. Every connection pipelines queries; the responses arrive in order.

mod store;

use clap::Parser;
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
    #[arg(long, default_value_t = 4)]
    connections: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    serve(args.listen, Store::open(&args.database, args.connections).await?).await
}
