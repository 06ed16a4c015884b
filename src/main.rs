//! The `roster` command.

use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// A request is many small values that one thread makes and another drops. What it gives: docs/performance.md.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    roster::cli::main()
}
