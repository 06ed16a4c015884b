//! The ceiling: what actix-web gives on this machine when there is nothing to do. Answers are files' contents.

use actix_web::http::header::ContentType;
use actix_web::web::{Bytes, Data, Path, get};
use actix_web::{App, HttpResponse, HttpServer};
use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Answers every request with the same bytes.
#[derive(Debug, Parser)]
struct Args {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// The body of a user.
    #[arg(long)]
    user: PathBuf,
    /// The body of a page.
    #[arg(long)]
    page: PathBuf,
}

#[derive(Clone)]
struct Bodies {
    user: Bytes,
    page: Bytes,
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let bodies = Bodies { user: std::fs::read(&args.user)?.into(), page: std::fs::read(&args.page)?.into() };
    let app = move || {
        App::new()
            .app_data(Data::new(bodies.clone()))
            .route("/readyz", get().to(HttpResponse::Ok))
            .route("/users/{id}", get().to(user))
            .route("/users", get().to(page))
            .route("/users", actix_web::web::post().to(create))
    };
    Ok(HttpServer::new(app).bind(args.listen)?.run().await?)
}

async fn user(_id: Path<String>, bodies: Data<Bodies>) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(bodies.user.clone())
}

async fn page(bodies: Data<Bodies>) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(bodies.page.clone())
}

async fn create(_body: Bytes, bodies: Data<Bodies>) -> HttpResponse {
    HttpResponse::Created().content_type(ContentType::json()).body(bodies.user.clone())
}
