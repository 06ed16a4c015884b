//! Log lines as JSON objects.

use crate::clock::Clock;
use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use serde::ser::{self, Serialize, SerializeMap, Serializer};
use std::io::{self, Write};

pub(super) fn write_json(mut out: impl Write, record: &Record<'_>, clock: &Clock) -> io::Result<()> {
    serde_json::to_writer(&mut out, &JsonLine { record, clock })?;
    writeln!(out)
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
