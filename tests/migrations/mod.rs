//! The migrations: both engines have the same ones, `roster` and the real `diesel` command produce the same schema, every
//! migration can be reverted, `src/schema.rs` agrees with both databases, and concurrent starts are safe.

mod concurrent_starts;
mod data;
mod directories;
mod indexes;
mod readiness;
mod schema;
mod tools;
mod workspace;
