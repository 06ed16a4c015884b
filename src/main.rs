//! The `roster` command.

/// Requests are made of many small values that one thread makes and another drops: see docs/performance.md.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

use std::process::ExitCode;

fn main() -> ExitCode {
    roster::cli::main()
}
