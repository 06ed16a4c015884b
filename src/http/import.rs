//! `/import`.

use super::body::{check_encoding, decompressed, media_type, unreadable};
use super::context::{Admin, Context};
use super::extractor::extractor;
use super::headers::NDJSON;
use super::openapi::OperationDocs;
use super::params::Params;
use super::problem::Problem;
use super::response::{Response, write_json};
use crate::domain::import::{Format, Line, Mapping};
use crate::domain::json;
use crate::domain::key::Role;
use crate::ops::import::{Importer, OpenError, Options, Summary, Totals, batches};
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderName};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::{self, LocalBoxStream, Stream, StreamExt as _};
use serde::Serialize;
use serde_json::json;
use std::convert::Infallible;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

const CSV: &str = "text/csv";

/// `POST /import`
pub(super) async fn import(
    context: Context<Admin>,
    parameters: Parameters,
    request: HttpRequest,
    payload: web::Payload,
) -> Response {
    let Parameters { options, expected_head, format } = parameters;
    let permit = context.state().imports.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::too_many_imports())?;
    let context = context.without_deadline();
    let (database, origin) = (context.state().database.clone(), context.caller().origin.clone());
    let importer = Importer::new(database, origin, context.tenant(), options, Totals::default());
    let (head, _) = importer.head().await?;
    if let Some(expected) = expected_head.filter(|expected| *expected != head) {
        return Err(Problem::head_moved(head, expected));
    }
    let pieces = pieces(context.clone(), request, payload.into_inner()).boxed_local();
    let input = batches(pieces, format).await.map_err(|error| match error {
        OpenError::Invalid(errors) => Problem::invalid_fields(errors),
        OpenError::Input(problem) => problem,
    })?;
    let planned_at = options.plan.then_some(head);
    let batches = input.batches.boxed_local();
    let import = Import { context, importer, batches, planned_at, _permit: permit };
    Ok(HttpResponse::Ok().content_type(NDJSON).streaming(import.results()))
}

/// The parameters of an import.
pub(super) struct Parameters {
    options: Options,
    expected_head: Option<i64>,
    format: Format,
}

extractor!(Parameters);

impl Parameters {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut params = Params::of(request)?;
        let (matching, mode) = (params.named("match")?, params.named("mode")?.unwrap_or_default());
        let plan = params.take("plan").map(|text| boolean(&text)).transpose()?.unwrap_or_default();
        let expected_head = params.number("expectHead", 0)?;
        let map = params.take("map");
        params.finish()?;
        let options = Options { matching, mode, plan, resuming: false };
        Ok(Self { options, expected_head, format: format(request, map)? })
    }
}

fn boolean(text: &str) -> Result<bool, Problem> {
    text.parse().map_err(|_| Problem::invalid_parameter("`plan` must be `true` or `false`."))
}

fn format(request: &HttpRequest, map: Option<String>) -> Result<Format, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let accepted = media_type(content_type.unwrap_or_default(), &[NDJSON, CSV]);
    let accept_post = HeaderName::from_static("accept-post");
    let found = accepted.map_err(|problem| problem.with(accept_post, &[NDJSON, CSV].join(", ")))?;
    check_encoding(request)?;
    match map {
        map if found == CSV => {
            Ok(Format::Csv(map.map(|text| mapping(&text)).transpose()?.unwrap_or_default()))
        }
        None => Ok(Format::Ndjson),
        Some(_) => Err(Problem::invalid_parameter(format!("`map` is only supported for {CSV}."))),
    }
}

fn mapping(text: &str) -> Result<Mapping, Problem> {
    let invalid = |error: String| Problem::invalid_parameter(format!("`map` {error}."));
    let value = json::parse(text.as_bytes()).map_err(|_| invalid("must be a JSON object".to_owned()))?;
    Mapping::read(value).map_err(|errors| {
        invalid(
            errors.first().map_or_else(String::new, |error| format!("{} {}", error.pointer, error.detail)),
        )
    })
}

/// The interval at which the upload checks whether the server is stopping.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// The pieces of an upload. It ends when nothing arrives within the deadline of a request.
fn pieces(
    context: Context<Admin>,
    request: HttpRequest,
    payload: Payload,
) -> impl Stream<Item = Result<Bytes, Problem>> {
    let body = decompressed(&request, payload);
    stream::try_unfold((context, request, body), |(context, request, mut body)| async move {
        let end = Instant::now() + context.state().deadline;
        loop {
            match timeout(CHECK_INTERVAL, body.next()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(piece))) => return Ok(Some((piece, (context, request, body)))),
                Ok(Some(Err(_))) => return Err(unreadable(&request)),
                Err(_) if context.state().is_stopping() => return Err(Problem::server_stopping()),
                Err(_) if Instant::now() >= end => return Err(Problem::body_timeout()),
                Err(_) => {}
            }
        }
    })
}

/// An import whose results are sent while its input arrives.
struct Import {
    context: Context<Admin>,
    importer: Importer,
    batches: LocalBoxStream<'static, Result<Vec<Line>, Problem>>,
    /// The newest revision before a plan.
    planned_at: Option<i64>,
    _permit: OwnedSemaphorePermit,
}

/// The last line of an import that ended early.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<P> {
    #[serde(flatten)]
    totals: Totals,
    last_line: u64,
    problem: P,
}

impl Import {
    /// The results, as lines of JSON. A client that does not read them stops the import.
    fn results(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(Some(self), |import| async move {
            let mut import = import?;
            let mut out = Vec::new();
            // An empty part would end the response.
            while out.is_empty() {
                let next = import.apply_next().await;
                import.write_reports(&mut out);
                match next {
                    Ok(true) => {}
                    Ok(false) => return Some((import.end(out).await, None)),
                    Err(problem) => return Some((import.fail(out, &problem), None)),
                }
            }
            Some((Ok(out.into()), Some(import)))
        })
    }

    /// Applies the next batch. Returns `false` if there is none.
    async fn apply_next(&mut self) -> Result<bool, Problem> {
        let Some(lines) = self.batches.next().await.transpose()? else { return Ok(false) };
        if self.context.state().is_stopping() {
            return Err(Problem::server_stopping());
        }
        self.context.check_key(Role::Admin).await?;
        self.importer.apply(lines, self.context.now()).await?;
        Ok(true)
    }

    fn write_reports(&mut self, out: &mut Vec<u8>) {
        for report in self.importer.take_reports() {
            write_line(out, &report);
        }
    }

    async fn end(mut self, mut out: Vec<u8>) -> Result<Bytes, Infallible> {
        self.importer.finish();
        self.write_reports(&mut out);
        let head = match self.planned_at {
            Some(head) => Ok(head),
            None => self.importer.head().await.map(|(head, _)| head),
        };
        match head {
            Ok(head) => {
                write_line(&mut out, &Summary { totals: self.importer.totals(), head });
                Ok(out.into())
            }
            Err(error) => self.fail(out, &error.into()),
        }
    }

    fn fail(&self, mut out: Vec<u8>, problem: &Problem) -> Result<Bytes, Infallible> {
        let (totals, last_line) = (self.importer.totals(), self.importer.last_line());
        let problem = problem.body(&self.context.caller().origin.request_id);
        write_line(&mut out, &Failure { totals, last_line, problem });
        Ok(out.into())
    }
}

fn write_line(out: &mut Vec<u8>, line: &impl Serialize) {
    match write_json(out, line) {
        Ok(()) => out.push(b'\n'),
        Err(error) => log::error!("a result of an import cannot be serialized: {error}"),
    }
}

pub(super) fn import_docs() -> OperationDocs {
    let example = "{\"userName\":\"ada\",\"displayName\":\"Ada Lovelace\"}\n{\"userName\":\"grace\"}\n";
    let rows = "userName,name.givenName,emails.value,groups\nada,Ada,ada@example.com,Engineers;Writers\n";
    let result = json!({ "line": 2, "errors": [{
        "pointer": "/emails/0/value",
        "code": "invalid-email",
        "detail": "must have exactly one @, with text on both sides",
    }] });
    let summary = json!({ "created": 1, "updated": 0, "unchanged": 0, "refused": 1, "head": 42 });
    let results = format!("{result}\n{summary}\n");
    let text = |example: &str| json!({ "schema": { "type": "string" }, "example": example });
    let parameters = ["importMatch", "mode", "plan", "expectHead", "map"];
    OperationDocs::keyed("import", "users", "Import users, groups and members", &parameters)
        .describe(
            "Creates or updates a user, a group or a member for each line of a stream of any length, and streams the \
             results at the same time: a line for each refused line and, in a plan, for each change; last, a summary. If \
             the import ends early, the last line contains `problem` and `lastLine`; later lines were not applied. Requires \
             the role `admin`.",
        )
        .body_content(&json!({ NDJSON: text(example), CSV: text(rows) }))
        .response(200, "The results.", &[], Some(json!({ NDJSON: text(&results) })))
        .errors(&[408, 412, 415, 422])
}
