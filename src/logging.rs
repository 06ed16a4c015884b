//! Log lines on stderr, as text or as JSON, filtered by `RUST_LOG` as in env_logger.

use crate::clock::Clock;
use crate::config::LogFormat;
use env_logger::{Builder, Env};
use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use std::io::{self, IsTerminal, Write};

/// Starts logging. Text on a terminal and JSON elsewhere, unless `format` says.
pub(crate) fn start(format: Option<LogFormat>) {
    let on_terminal = io::stderr().is_terminal();
    let default = if on_terminal { LogFormat::Text } else { LogFormat::Json };
    let mut builder = Builder::from_env(Env::default().default_filter_or("info"));
    if format.unwrap_or(default) == LogFormat::Json {
        let clock = Clock::system();
        builder.format(move |out, record| writeln!(out, "{}", json_line(record, &clock)));
    }
    // A second call, as tests make it, finds a logger and leaves it.
    drop(builder.try_init());
}

fn json_line(record: &Record<'_>, clock: &Clock) -> serde_json::Value {
    let mut fields = Fields(serde_json::Map::new());
    // Reading values into a map does not fail.
    drop(record.key_values().visit(&mut fields));
    let Fields(mut line) = fields;
    line.insert("time".into(), clock.now().to_string().into());
    line.insert("level".into(), record.level().as_str().into());
    line.insert("target".into(), record.target().into());
    line.insert("message".into(), record.args().to_string().into());
    line.into()
}

struct Fields(serde_json::Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let number = value.to_u64().map(Into::into).or_else(|| value.to_f64().map(Into::into));
        let value = number.unwrap_or_else(|| value.to_string().into());
        self.0.insert(key.to_string(), value);
        Ok(())
    }
}
