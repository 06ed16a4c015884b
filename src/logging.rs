//! Logging to stderr as text or JSON, filtered by `RUST_LOG` as in env_logger.

use crate::clock::Clock;
use crate::config::LogFormat;
use env_logger::Builder;
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, Record};
use serde::ser::{self, Serialize, SerializeMap, Serializer};
use std::io::{self, IsTerminal, Write};

/// The levels that are logged if `RUST_LOG` is not set. The HTTP server's own lines about starting and stopping only
/// repeat those of Roster.
const DEFAULT_FILTER: &str = "info,actix_server=warn";

/// The format of log lines: the setting, or otherwise text on a terminal and JSON elsewhere.
pub(crate) fn format(set: Option<LogFormat>) -> LogFormat {
    let on_terminal = io::stderr().is_terminal();
    set.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json })
}

/// Starts logging. The filter is the value of `RUST_LOG`.
pub(crate) fn start(format: LogFormat, filter: Option<&str>) {
    let mut builder = Builder::new();
    // The builder itself would report an invalid filter in another format.
    let invalid = filter.and_then(|filter| env_filter::Builder::new().try_parse(filter).err());
    builder.parse_filters(filter.filter(|_| invalid.is_none()).unwrap_or(DEFAULT_FILTER));
    if format == LogFormat::Json {
        let clock = Clock::system();
        builder.format(move |out, record| write_json(out, record, &clock));
    }
    // Tests call this more than once; the first logger stays.
    drop(builder.try_init());
    if let Some(error) = invalid {
        log::warn!("RUST_LOG is not a valid filter and has no effect: {error}");
    }
}

/// Writes the error that ends the program on one line, regardless of the filter. Messages of libpq and clap can have
/// several lines.
pub(crate) fn write_fatal(format: LogFormat, message: &str) {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = io::stderr().lock();
    let mut record = Record::builder();
    record.level(Level::Error).target("roster");
    let written = match format {
        LogFormat::Text => writeln!(out, "roster: {message}"),
        LogFormat::Json => {
            write_json(&mut out, &record.args(format_args!("{message}")).build(), &Clock::system())
        }
    };
    // If stderr is closed, there is no way to report the error.
    drop(written);
}

fn write_json(mut out: impl Write, record: &Record<'_>, clock: &Clock) -> io::Result<()> {
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
