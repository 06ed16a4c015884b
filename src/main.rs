//! The `roster` command.

use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// Requests allocate many small values on one thread and free them on another, which jemalloc handles faster than the
/// system allocator. docs/performance.md has the measurements.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    roster::cli::main()
}
