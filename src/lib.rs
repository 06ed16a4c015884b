//! Roster: the user directory that a company's backend services share. This page describes the architecture.
//!
//! # The path of a request
//! ```text
//! http/users.rs            parses the request into a domain value; `Context<Right>` proves the caller's right
//!   -> ops::users::Create    the message: an operation with named inputs and an output type
//!     -> db::Database::call    the only entry point to the database: admission, deadline
//!       -> database actor        one of a SyncArbiter pool; each actor holds one r2d2 connection
//!         -> Create::run(&self, &mut Tx)  Diesel, for writes inside a transaction
//!           -> row -> domain value -> representation -> response
//! ```
//! Imports go one way: `http -> ops -> db, domain`. [`domain`] imports none of our other modules, [`db`] does not
//! depend on any operation, and [`ops`] does not depend on HTTP. [`tasks`] run in the background.
//! A panic affects only the operation, request or task in which it occurs. Adding an endpoint touches four places: its
//! handler with its OpenAPI description, one line of the URL table in `src/http/mod.rs`, one operation, and one test.
//! Migrations are only needed if a table changes.
//!
//! # Connections
//! `http/server` accepts connections. A connection is closed when its client does not read. With TLS, it is encrypted by
//! rustls, and the client chooses HTTP/2 or HTTP/1.1. HTTP/1.1 runs in a channel, encrypted or not, which parks followers and
//! refuses heads that arrive too slowly. HTTP/2 has its own dispatcher, which limits and cancels requests.
//!
//! # Calls and queues
//! [`db::Database::call`] puts a call into the queue of a pool of actors (rows, pages, scans, writes) and wakes an actor if
//! one is idle. An actor works until its queue is empty. A call whose caller no longer waits or whose deadline has passed
//! is not started: the actor that starts the call and the caller that abandons it compete for the call's ticket, and only
//! one gets it.
//!
//! Waiting calls take turns: the classes that share a pool ([`db::Class`]), within a class the tenants, and within a tenant
//! the keys (`db/waiting.rs`). Each class has its own limit on waiting calls. Beyond it, the newest call of the key with the
//! most waiting calls in the tenant with the most is refused, so a caller that floods the server refuses only its own calls.
//!
//! The actor catches panics and rolls back, replaces broken connections, and retries serialization failures. If the
//! connection breaks during the commit, the result is `outcome-unknown`.
//!
//! # Batches
//! While all actors of a pool are busy, calls wait in the queue. The next idle actor takes the call whose turn it is and
//! waiting calls of the same kind, in the same fair order, at most [`db::Operation::MAX_BATCH`], and runs them in one transaction
//! ([`db::Operation::run_batch`]). Under load, they share the commit and, on PostgreSQL, the round trips. Each call has
//! its own result: a failing call is rolled back to a savepoint without affecting the others. After any unexpected
//! error, including a panic, the batch is rolled back and each call runs alone. A batch never waits to fill: a call
//! that finds an idle actor runs immediately.
//!
//! # Authentication and rights
//! A credential is verified by its hash ([`domain::key`]). Verified credentials are cached for up to two seconds
//! ([`http::credentials`]) and refreshed while in use, so authentication adds no database call to a request. Rights
//! are types: a handler that writes takes a `Context<Writer>` (`http/context.rs`).
//!
//! # Writes
//! An operation locks the rows that it changes, writes them, and records its [`domain::change::Change`]s. At the end of the
//! transaction, [`db`] updates the tenant's head row, numbers the changes from it, inserts them and commits. The lock on the
//! head row is held through the commit, so revisions are gap-free and in commit order, with one server or many. The head row
//! also has the tenant's [`domain::digest::Digest`], which each change updates without reading anything else. On
//! PostgreSQL, creates of users do all of this in one statement ([`db::Operation::run_in_one_statement`]).
//!
//! # Members
//! A member is a row ([`ops::members`]). A membership write locks the users that it adds and then the group's row, and never
//! reads the member list. The group's counter and version therefore agree with the rows, many calls can share a statement,
//! and a group of 100,000 members costs no more than a group of ten.
//!
//! # Filters and lists
//! A filter is parsed into a tree ([`domain::filter`]) that knows the type of each value. [`domain::attribute`] defines the
//! attributes, and [`domain::schema`] resolves their native and SCIM names. One module ([`db::filter_sql`]) turns the tree into
//! SQL and finds the terms that an index can serve; their candidates are looked up and sorted. Otherwise, [`ops::listing`]
//! scans rows in list order, one window per call, so that no call takes long. A resource type defines its schema, its
//! [`db::table`] and its [`ops::resource::Resource`].
//!
//! # SCIM
//! `http/scim` is a second front end to the same operations and has no queries of its own. [`domain::scim`] converts between
//! SCIM and native values. A PUT or PATCH is a pure function of the stored resource, which runs on the locked row inside the
//! transaction ([`ops::users::Edit`], [`ops::groups::Edit`]); members are added and removed in the same transaction. A
//! connection's token determines its source of externalIds and its profile, lenient or strict.
//!
//! # Metrics
//! The parts of the server own their metrics, and `http/metrics` registers them when the server starts. Labels have values from
//! fixed sets. Requests and actors keep the series that they update, because looking one up needs a lock.
//!
//! # Engines
//! One enum holds either connection, [`db::query`] runs a Diesel query on both, and [`db::types`] has the SQL types
//! that the engines name differently. Case-insensitive keys are folded by the application ([`domain::casefold`]) and
//! compared as bytes, so order never depends on a locale. Attributes without a column are in one JSON document; a
//! second document holds the same values with strings folded.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
mod console;
pub mod db;
pub mod domain;
pub mod error;
mod first_key;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod listen;
mod logging;
mod metrics;
pub mod ops;
mod panics;
pub mod schema;
pub mod tasks;
