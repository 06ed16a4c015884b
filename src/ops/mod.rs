//! Everything that can be asked of the database, each a message: reading this folder tells what the storage can do.

pub mod changes;
pub mod health;
pub mod idempotency;
pub mod keys;
pub mod tenants;
pub mod users;
