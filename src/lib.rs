//! Roster: the user directory that a company's backend services share.
//!
//! # One way through the house
//! ```text
//! http/users.rs            a request becomes a domain value; a right is proved by an extractor type
//!   -> ops::users::Create    a message: an operation with named inputs and an output type
//!     -> db::Database::call    the only door: admission, deadline
//!       -> database actor        a SyncArbiter pool; each actor holds one r2d2 connection
//!         -> Create::run(&self, &mut Tx)  Diesel, a writer's inside a transaction
//!           -> row -> domain value -> representation -> response
//! ```
//! Imports go `http -> ops -> db, domain`. [`domain`] imports nothing of ours, [`db`]'s actors know no operation,
//! [`ops`] know no HTTP. [`tasks`] are what the server does of itself. Adding an endpoint touches its handler, one line
//! of the table of URLs in `src/http/mod.rs`, one operation and one test; both migration folders only if a table changes.
//!
//! # The door
//! [`db::Database::call`] puts a call in the bounded queue of its class (rows, pages, scans, writes) and wakes an actor only
//! if one is idle; an actor works until its queue is empty. A caller that left, or whose deadline passed, costs
//! nothing: a ticket belongs to whoever comes first, the actor that begins the call or the caller that gives it up.
//! A panic is caught, rolled back and answered; a broken connection is replaced; a serialization failure is tried
//! again; a connection that breaks while committing is told as `outcome-unknown`.
//!
//! # Work that waits is done together
//! While its actors are busy, calls gather in a queue. An actor that comes for the next one takes with it, up to a limit,
//! all others of the same kind ([`db::Operation::MAX_BATCH`]), and carries them out in one transaction
//! ([`db::Operation::run_batch`]): so under load the commit, and on PostgreSQL the round trips, are shared. Each call has its
//! own result: what one asks in vain is undone alone. When anything else goes wrong, a panic included, all is rolled back
//! and each is carried out alone. Nothing waits for a batch to fill: a call that finds an actor free is carried out at once.
//!
//! # Who calls
//! A key is proved by its hash ([`domain::key`]). Keys are known for up to two seconds ([`http::credentials`]) and read
//! again while they are used, so that a request costs no call for its key. Rights are extractor types
//! ([`http::auth`]): a handler that writes asks for a `Writer`.
//!
//! # A write
//! Its operation locks what it changes, writes, and records its [`domain::change::Change`]s. Last of all the door
//! takes the tenant's head row, numbers the changes from it, inserts them and commits: the head's lock is held
//! through the commit, so revisions are gap-free and in commit order, on one server or many.
//!
//! # Who is in a group
//! Members are rows ([`ops::members`]). Whoever adds or removes some locks the users that it adds, then the group's row,
//! never the list: so its counter and its version agree with the rows, many calls share a statement, and a group of a
//! hundred thousand costs no more than one of ten.
//!
//! # Finding users and groups
//! A filter is read once into a tree ([`domain::filter`]) that knows the kind of each value it compares; names are
//! looked up in one table ([`domain::attribute`]), which the native API and SCIM call by different names. One place
//! ([`db::filter_sql`]) writes the tree as SQL, and finds what an index is good for: then a few candidates are looked up
//! and sorted. Else [`ops::listing`] reads rows in the list's order, a window a call, so that nothing waits long. What a
//! type of resources has to say for itself is its schema, its [`db::table`], and its [`ops::resource::Resource`].
//!
//! # SCIM
//! [`domain::scim`] reads SCIM's bodies into native ones and shows native values as SCIM does; a PATCH is a function of a
//! value. `http/scim` is a second face of the same operations and has no queries of its own. A user is read, patched and
//! written under the version that was read, once more when somebody was faster; who is in a group comes and goes in the
//! group's own transaction. A connection's token says whose externalIds are meant, and how strictly requests are read.
//!
//! # Two engines
//! One enum over the two connections, [`on_engine!`] compiles an expression for both, and [`db::types`] has the SQL
//! types that they spell differently. Keys are folded by us ([`domain::fold`]) and compared as bytes, so order never
//! depends on a locale. What has no column is in one JSON document, beside it the same with strings folded.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod domain;
pub mod error;
pub mod http;
mod logging;
pub mod ops;
pub mod schema;
pub mod tasks;
