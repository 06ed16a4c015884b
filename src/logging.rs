//! Logging to stderr as text or JSON, filtered by `RUST_LOG` as in env_logger.

use crate::clock::Clock;
use crate::config::LogFormat;
use env_logger::{Builder, Env};
use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use serde::ser::{self, Serialize, SerializeMap, Serializer};
use std::io::{self, IsTerminal, Write};

/// Starts logging. Without a `format`, logs text on a terminal and JSON elsewhere.
pub(crate) fn start(format: Option<LogFormat>) {
    let on_terminal = io::stderr().is_terminal();
    let default = if on_terminal { LogFormat::Text } else { LogFormat::Json };
    let mut builder = Builder::from_env(Env::default().default_filter_or("info"));
    if format.unwrap_or(default) == LogFormat::Json {
        let clock = Clock::system();
        builder.format(move |out, record| {
            serde_json::to_writer(&mut *out, &JsonLine { record, clock: &clock })?;
            writeln!(out)
        });
    }
    // Tests call this more than once; the first logger stays.
    drop(builder.try_init());
}

/// A log record that serializes without intermediate values, because every request logs one.
struct JsonLine<'r> {
    record: &'r Record<'r>,
    clock: &'r Clock,
}

impl Serialize for JsonLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("time", &self.clock.now())?;
        line.serialize_entry("level", self.record.level().as_str())?;
        line.serialize_entry("target", self.record.target())?;
        line.serialize_entry("message", self.record.args())?;
        self.record.key_values().visit(&mut Fields(&mut line)).map_err(ser::Error::custom)?;
        line.end()
    }
}

struct Fields<'l, M>(&'l mut M);

impl<'kvs, M: SerializeMap> VisitSource<'kvs> for Fields<'_, M> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let Self(line) = self;
        let written = if let Some(number) = value.to_u64() {
            line.serialize_entry(key.as_str(), &number)
        } else if let Some(number) = value.to_f64() {
            line.serialize_entry(key.as_str(), &number)
        } else if let Some(text) = value.to_borrowed_str() {
            line.serialize_entry(key.as_str(), text)
        } else {
            line.serialize_entry(key.as_str(), &format_args!("{value}"))
        };
        written.map_err(|_| Error::msg("cannot be written as JSON"))
    }
}
