//! Query plans with 100,000 users. Each engine explains every statement of a list with the values that the statement had.
//! A release build also prints meaningful times: `tests/run --release plans:: -- --nocapture --test-threads=1`.

mod dataset;
mod explain;
mod history;
mod listing;
mod members;
mod reverts;
