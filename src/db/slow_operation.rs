//! The log line of a slow operation.

use crate::domain::origin::Origin;
use log::kv::Value;
use log::{Level, Record};
use std::time::Duration;

/// Warns about an operation that waited and ran for this long.
pub(super) fn warn(origin: &Origin, operation: &str, waited: Duration, took: Duration) {
    let milliseconds = |duration: Duration| Value::from(duration.as_millis() as u64);
    let mut fields = vec![
        ("operation", Value::from(operation)),
        ("request_id", Value::from(&*origin.request_id)),
        ("waited_ms", milliseconds(waited)),
        ("took_ms", milliseconds(took)),
    ];
    fields.extend(origin.trace_id.as_ref().map(|id| ("trace_id", Value::from_display(id))));
    let mut record = Record::builder();
    record.level(Level::Warn).target(module_path!()).key_values(&fields);
    log::logger().log(&record.args(format_args!("slow operation")).build());
}
