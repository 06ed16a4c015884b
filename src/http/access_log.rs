//! The log line of each request.

use super::api::is_public;
use super::auth::{Caller, RefusedCaller};
use super::inspector::RequestNotes;
use super::problem::LoggedProblem;
use super::scim::FailedOperations;
use super::traceparent::traceparent;
use actix_web::HttpMessage;
use actix_web::dev::ServiceResponse;
use log::kv::Value;
use log::{Level, Record};
use std::time::Duration;

/// Logs a request with its response. The line has no caller and no tenant if the request was refused before its caller
/// was known.
pub(super) fn log_request(
    response: &ServiceResponse,
    route: Option<&str>,
    request_id: &str,
    duration: Duration,
) {
    let request = response.request();
    // Probes arrive every second and would fill the log, also while the server is not ready.
    let status = response.status();
    let failed = (status.is_client_error() || status.is_server_error()) && request.path() != "/readyz";
    let level = if is_public(request.path()) && !failed { Level::Debug } else { Level::Info };
    if !log::log_enabled!(level) {
        return;
    }
    let address = request.peer_addr().map(|address| address.ip());
    let mut fields = vec![
        ("method", Value::from(request.method().as_str())),
        ("route", Value::from(route.unwrap_or("-"))),
        ("status", Value::from(status.as_u16())),
        ("duration_ms", Value::from(duration.as_secs_f64() * 1e3)),
        ("request_id", Value::from(request_id)),
    ];
    fields.extend(address.as_ref().map(|address| ("client_address", Value::from_display(address))));
    let (of_request, of_response) = (request.extensions(), response.response().extensions());
    let caller = of_request.get().map(|Caller { origin, .. }| (&origin.tenant, &origin.actor));
    let refused = || of_request.get().map(|RefusedCaller { tenant, actor }| (tenant, actor));
    if let Some((tenant, actor)) = caller.or_else(refused) {
        fields.push(("tenant", Value::from_display(tenant)));
        fields.push(("caller_type", Value::from_display(&actor.kind)));
        fields.push(("caller_id", Value::from(&*actor.id)));
    }
    if of_request.get().is_some_and(Caller::is_dry) {
        fields.push(("dry_run", Value::from(true)));
    }
    if let Some(FailedOperations(count)) = of_response.get() {
        fields.push(("failed", Value::from(*count)));
    }
    if let Some(LoggedProblem { code, detail }) = of_response.get() {
        fields.extend([("code", Value::from(code.as_str())), ("detail", Value::from(detail.as_str()))]);
    }
    let notes = of_request.get::<RequestNotes>().filter(|notes| !notes.is_empty());
    fields.extend(notes.map(|notes| ("scim_notes", Value::from_display(notes))));
    fields.extend(traceparent(request.headers()).map(|(text, _)| ("traceparent", Value::from(text))));
    let mut record = Record::builder();
    record.level(level).target(module_path!()).key_values(&fields);
    log::logger().log(&record.args(format_args!("request")).build());
}
