//! Helpers for all suites: databases on both engines, the server as a process, and clients for it.

pub(crate) mod api;
pub(crate) mod command;
pub(crate) mod database;
pub(crate) mod exports;
pub(crate) mod http;
pub(crate) mod http2;
pub(crate) mod postgres;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod sql;
pub(crate) mod sqlite;
pub(crate) mod statements;
pub(crate) mod table;
pub(crate) mod tls;

use std::path::Path;

/// The root directory of the repository.
pub(crate) fn repository_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the files and directories in a directory, sorted.
pub(crate) fn file_names(directory: &Path) -> Vec<String> {
    let entries =
        std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("the directory can be read").file_name())
        .map(|name| name.into_string().expect("the name is UTF-8"))
        .collect();
    names.sort();
    names
}

/// Runs a future on a runtime with several threads.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Runtime::new().expect("the runtime starts").block_on(future)
}

/// Percent-encodes all but unreserved characters (RFC 3986, section 2.3), for a value inside a URL.
pub(crate) fn percent_encoded(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}
