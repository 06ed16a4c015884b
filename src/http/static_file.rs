//! Files that anyone can request without a key. Each is compressed only once: compressing the largest takes 10 ms, so
//! clients without a key could otherwise occupy a processor with 100 requests per second.

use super::problem::Problem;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_ENCODING, AcceptEncoding, CONTENT_ENCODING, ContentEncoding, Encoding, VARY,
};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::sync::OnceLock;

/// A file that does not change while the server runs.
pub(super) struct StaticFile {
    content_type: String,
    plain: Bytes,
    gzip: OnceLock<Bytes>,
}

impl StaticFile {
    pub(super) fn new(content_type: impl Into<String>, plain: impl Into<Bytes>) -> Self {
        Self { content_type: content_type.into(), plain: plain.into(), gzip: OnceLock::new() }
    }

    /// The response with the file, compressed if the client accepts gzip.
    ///
    /// # Errors
    /// 406 if the client accepts neither the file nor its compressed form.
    pub(super) fn respond(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        let mut response = HttpResponse::Ok();
        response.content_type(self.content_type.as_str()).insert_header((VARY, ACCEPT_ENCODING.as_str()));
        let supported = [Encoding::gzip(), Encoding::identity()];
        let encoding = match request.get_header::<AcceptEncoding>() {
            Some(accepted) => accepted.negotiate(supported.iter()),
            None => Some(Encoding::identity()),
        };
        match encoding {
            Some(encoding) if encoding == Encoding::gzip() => {
                let gzip = self.gzip.get_or_init(|| compressed(&self.plain)).clone();
                Ok(response.insert_header((CONTENT_ENCODING, ContentEncoding::Gzip)).body(gzip))
            }
            Some(_) => Ok(response.body(self.plain.clone())),
            None => Err(Problem::of_status(StatusCode::NOT_ACCEPTABLE)),
        }
    }
}

fn compressed(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    drop(encoder.write_all(plain));
    encoder.finish().unwrap_or_default().into()
}
