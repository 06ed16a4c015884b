//! Panics. A defect in one operation, request or task must not affect the others, so each catches its own panics.

use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;

/// Runs a future to its end.
///
/// # Errors
/// The message of the panic, if the future panics.
pub(crate) async fn catch<F: Future>(future: F) -> Result<F::Output, String> {
    let caught = AssertUnwindSafe(future).catch_unwind().await;
    caught.map_err(|panic| message(panic.as_ref()).to_owned())
}

/// The message of a caught panic.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a value that is not text")
}
