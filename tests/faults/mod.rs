//! Faults in the environment of a running server, and the promises that it keeps under each of them ([`subject`]).
//! docs/reliability.md lists every fault with its test; some tests are in `process`.

mod clock;
mod descriptors;
mod disk;
mod full_disks;
mod kills;
mod pauses;
mod postgres;
mod sqlite;
pub(crate) mod subject;
