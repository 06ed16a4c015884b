//! The upper bound: actix-web with constant responses and no database.

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::{Bytes, Path, get, post};
use actix_web::{App, HttpResponse, HttpServer};
use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Parser)]
struct Args {
    #[arg(long)]
    listen: SocketAddr,
    /// A file with the representation of a user.
    #[arg(long)]
    user: PathBuf,
    /// A file with the representation of a page.
    #[arg(long)]
    page: PathBuf,
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let (user, page) = (Bytes::from(std::fs::read(&args.user)?), Bytes::from(std::fs::read(&args.page)?));
    let app = move || {
        let (read, page, created) = (user.clone(), page.clone(), user.clone());
        App::new()
            .route("/readyz", get().to(HttpResponse::Ok))
            .route("/users/{id}", get().to(move |_id: Path<String>| json(StatusCode::OK, &read)))
            .route("/users", get().to(move || json(StatusCode::OK, &page)))
            .route("/users", post().to(move |_body: Bytes| json(StatusCode::CREATED, &created)))
    };
    Ok(HttpServer::new(app).bind(args.listen)?.run().await?)
}

fn json(status: StatusCode, body: &Bytes) -> std::future::Ready<HttpResponse> {
    std::future::ready(HttpResponse::build(status).content_type(ContentType::json()).body(body.clone()))
}
