//! The allocator options that `.cargo/config.toml` sets at build time.

use crate::support::server::Server;
use crate::support::sqlite;
use std::fs;

/// Without jemalloc's background thread, freed memory stays with the process until more is freed.
#[test]
fn a_background_thread_returns_freed_memory() {
    let database = sqlite::Database::create();
    let server = Server::builder(&database.url()).start();
    let threads = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("the process runs");
    let name = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
    let names: Vec<_> = threads.map(|thread| name(thread.expect("the directory can be read"))).collect();
    assert!(names.iter().any(|name| name.starts_with("jemalloc_bg")), "{names:?}");
}
