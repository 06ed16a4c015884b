//! Who is measured, and what each is asked for.

use crate::request::{Description, Request};
use crate::rows::{body, scim_body};
use crate::server::KEY;
use crate::wrk::Entry;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// What is done to a server.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// Reads one of all users by its id.
    Read,
    /// Lists 50 users from anywhere.
    Page,
    /// Reads nine times, creates once.
    Mixed,
    /// Creates a user.
    Create,
}

impl Scenario {
    /// All, those that write at the end.
    pub const ALL: [Self; 4] = [Self::Read, Self::Page, Self::Mixed, Self::Create];
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read by id",
            Self::Page => "page of 50",
            Self::Mixed => "90/10",
            Self::Create => "create",
        })
    }
}

/// The project's server.
pub const ROSTER: &str = "roster";
/// axum and sqlx with the better pool.
pub const PEER: &str = "axum-sqlx";
/// The same, writing what Roster writes.
pub const SAME_ROWS: &str = "axum-sqlx, same rows";
/// axum and tokio-postgres.
pub const PIPELINED: &str = "axum-tokio-postgres";
/// The project's server, asked by SCIM.
pub const SCIM: &str = "roster, SCIM";
/// A SCIM server in Python that keeps its users in memory.
pub const SCIM2_SERVER: &str = "scim2-server";
/// The ceiling.
pub const CONSTANT: &str = "actix-constant";

/// The requests of one server, and the ids that fill them.
#[derive(Clone, Debug)]
pub struct Asked {
    read: (Request, PathBuf),
    page: Option<(Request, PathBuf)>,
    create: Option<(Request, PathBuf)>,
}

impl Asked {
    /// Of Roster: with its key, and pages by its cursors.
    pub fn roster(ids: &Path, cursors: &Path) -> Self {
        let key = key();
        Self {
            read: (Request::get("/users/{id}", &key), ids.to_owned()),
            page: Some((Request::get("/users?limit=50&cursor={id}", &key), cursors.to_owned())),
            create: Some((roster_create(&load_body()), ids.to_owned())),
        }
    }

    /// Of Roster by SCIM: what the native API is asked, too.
    pub fn roster_scim(ids: &Path) -> Self {
        Self::scim("/scim/v2/Users", ids, key())
    }

    /// Of scim2-server: the same, without a key.
    pub fn scim2_server(ids: &Path) -> Self {
        Self::scim("/v2/Users", ids, BTreeMap::new())
    }

    fn scim(users: &str, ids: &Path, headers: BTreeMap<String, String>) -> Self {
        let read = Request::get(&format!("{users}/{{id}}"), &headers);
        let create = scim_create(users, &load_scim_body(), headers);
        Self { read: (read, ids.to_owned()), page: None, create: Some((create, ids.to_owned())) }
    }

    /// Of a peer: without a key, and pages by ids.
    pub fn peer(ids: &Path) -> Self {
        let none = BTreeMap::new();
        Self {
            read: (Request::get("/users/{id}", &none), ids.to_owned()),
            page: Some((Request::get("/users?limit=50&after={id}", &none), ids.to_owned())),
            create: Some((create(&load_body(), none), ids.to_owned())),
        }
    }

    /// Of another server.
    pub fn described(description: Description, ids: &Path) -> Self {
        let ids = description.ids.unwrap_or_else(|| ids.to_owned());
        let with_ids = |request: Request| (request, ids.clone());
        Self {
            read: with_ids(description.read),
            page: description.page.map(with_ids),
            create: description.create.map(with_ids),
        }
    }

    /// The load of a scenario, when the server knows what it needs.
    pub fn load(&self, scenario: Scenario) -> Option<Vec<Entry>> {
        let entry = |weight, (request, ids): &(Request, PathBuf)| Entry {
            weight,
            request: request.clone(),
            ids: ids.clone(),
        };
        Some(match scenario {
            Scenario::Read => vec![entry(100, &self.read)],
            Scenario::Page => vec![entry(100, self.page.as_ref()?)],
            Scenario::Create => vec![entry(100, self.create.as_ref()?)],
            Scenario::Mixed => vec![entry(90, &self.read), entry(10, self.create.as_ref()?)],
        })
    }
}

/// A create on Roster.
pub fn roster_create(body: &str) -> Request {
    create(body, key())
}

/// A create on scim2-server.
pub fn scim2_server_create() -> Request {
    scim_create("/v2/Users", &load_scim_body(), BTreeMap::new())
}

/// What shows Roster the key.
pub fn key() -> BTreeMap<String, String> {
    BTreeMap::from([("Authorization".to_owned(), format!("Bearer {KEY}"))])
}

fn create(body: &str, headers: BTreeMap<String, String>) -> Request {
    post("/users", "application/json", body, headers)
}

fn scim_create(users: &str, body: &str, headers: BTreeMap<String, String>) -> Request {
    post(users, "application/scim+json", body, headers)
}

fn post(path: &str, media_type: &str, body: &str, mut headers: BTreeMap<String, String>) -> Request {
    headers.insert("Content-Type".to_owned(), media_type.to_owned());
    Request { method: "POST".to_owned(), path: path.to_owned(), headers, body: Some(body.to_owned()) }
}

fn load_body() -> String {
    body("Ada", "99")
}

fn load_scim_body() -> String {
    scim_body("Ada", "99")
}
