//! The allocator, as `.cargo/config.toml` has it built.

use crate::support::server::Server;
use crate::support::sqlite;
use std::fs;

/// Without it memory that was freed is kept until more is freed.
#[test]
fn a_thread_gives_memory_back() {
    let home = sqlite::Database::create();
    let server = Server::builder(&home.url()).start();
    let threads = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("the server's threads");
    let name = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
    let names: Vec<_> = threads.map(|thread| name(thread.expect("a thread"))).collect();
    assert!(names.iter().any(|name| name.starts_with("jemalloc_bg")), "{names:?}");
}
