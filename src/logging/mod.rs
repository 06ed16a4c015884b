//! Logging to stderr as text or JSON, filtered by `RUST_LOG` as in env_logger. A separate thread writes the lines.

mod json;
mod writer;

use crate::clock::Clock;
use crate::config::LogFormat;
use env_logger::{Builder, Logger, Target};
use json::write_json;
use log::{Level, Log, Metadata, Record};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use writer::LineWriter;
pub(crate) use writer::dropped_lines;

/// The levels that are logged if `RUST_LOG` is not set. The HTTP server's own lines about starting and stopping only
/// repeat those of Roster.
const DEFAULT_FILTER: &str = "info,actix_server=warn";

/// The format of log lines: the setting, or otherwise text on a terminal and JSON elsewhere.
pub(crate) fn format(set: Option<LogFormat>) -> LogFormat {
    let on_terminal = io::stderr().is_terminal();
    set.unwrap_or(if on_terminal { LogFormat::Text } else { LogFormat::Json })
}

/// Starts logging. The filter is the value of `RUST_LOG`.
///
/// # Errors
/// If the thread that writes the lines cannot be started.
pub(crate) fn start(format: LogFormat, filter: Option<&str>) -> io::Result<Output> {
    let writer = LineWriter::start(io::stderr())?;
    let mut builder = Builder::new();
    // The builder itself would report an invalid filter in another format.
    let invalid = filter.and_then(|filter| env_filter::Builder::new().try_parse(filter).err());
    builder.parse_filters(filter.filter(|_| invalid.is_none()).unwrap_or(DEFAULT_FILTER));
    if format == LogFormat::Json {
        let clock = Clock::system();
        builder.format(move |out, record| write_json(out, record, &clock));
    }
    let logger = builder.target(Target::Pipe(Box::new(writer.clone()))).build();
    log::set_max_level(logger.filter());
    // This fails only if logging has been started before.
    drop(log::set_boxed_logger(Box::new(FlushedLogger { logger, writer: writer.clone() })));
    if let Some(error) = invalid {
        log::warn!("RUST_LOG is not a valid filter and has no effect: {error}");
    }
    Ok(Output { format, writer })
}

/// Ends the process at once, after all log lines have been written.
pub(crate) fn exit(code: i32) -> ! {
    log::logger().flush();
    std::process::exit(code)
}

/// The logger of env_logger, whose own `flush` does nothing.
struct FlushedLogger {
    logger: Logger,
    writer: LineWriter,
}

impl Log for FlushedLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        self.logger.log(record);
    }

    fn flush(&self) {
        self.writer.wait_until_written();
    }
}

/// The output of the log, for lines that are written regardless of the filter.
#[derive(Clone)]
pub(crate) struct Output {
    format: LogFormat,
    writer: LineWriter,
}

impl Output {
    /// Writes an error that ends the program or a thread, on one line. Messages of libpq and clap can have several lines.
    pub(crate) fn write_fatal(&self, message: &str) {
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut line = Vec::new();
        let mut record = Record::builder();
        record.level(Level::Error).target("roster");
        let formatted = match self.format {
            LogFormat::Text => writeln!(line, "roster: {message}"),
            LogFormat::Json => {
                write_json(&mut line, &record.args(format_args!("{message}")).build(), &Clock::system())
            }
        };
        // Writing to memory does not fail.
        drop(formatted);
        self.writer.add(&line);
        self.writer.wait_until_written();
    }

    /// Logs panics in the format of the log.
    pub(crate) fn log_panics(&self) {
        let output = self.clone();
        std::panic::set_hook(Box::new(move |panic| output.write_fatal(&description(panic))));
    }
}

fn description(panic: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => format!("thread {name} {panic} {backtrace}"),
        _ => format!("thread {name} {panic}"),
    }
}
