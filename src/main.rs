//! The `roster` command.

/// Requests are made of many small values that one thread makes and another drops: see docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::process::ExitCode;

fn main() -> ExitCode {
    roster::cli::main()
}
