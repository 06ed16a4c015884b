//! What the parts of a run on one engine share: databases, ids, servers to be started on them.

use crate::database::{Databases, Engine};
use crate::http::{Answer, Http};
use crate::options::Options;
use crate::progress::Progress;
use crate::request::{self, NUMBER_WIDTH, Request};
use crate::roles::{self, Asked};
use crate::round::Bench;
use crate::rows;
use crate::server::Server;
use crate::stop::Stop;
use crate::wrk::Wrk;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// The database that all others are copies of.
pub const BASE: &str = "base";
/// How many ids the load asks for at most.
const IDS: u64 = 100_000;
/// How many cursors the load pages by at most.
const CURSORS: usize = 2_000;
/// How many users scim2-server keeps before the load: it checks a new one against each.
const SCIM2_USERS: usize = 1_000;

/// The stage.
#[derive(Debug)]
pub struct Stage {
    pub engine: Engine,
    pub options: Options,
    pub databases: Databases,
    pub wrk: Wrk,
    pub stop: Stop,
    pub progress: Progress,
    binaries: PathBuf,
}

impl Stage {
    /// Makes the databases.
    pub fn open(engine: Engine, options: &Options, stop: &Stop, planned: u64) -> Result<Self> {
        let databases = Databases::open(engine, options.data.as_deref(), stop)?;
        let wrk = Wrk::new(databases.directory(), stop)?;
        let own = std::env::current_exe()?;
        let binaries = own.parent().context("a directory of binaries")?.to_owned();
        let (options, stop, progress) = (options.clone(), stop.clone(), Progress::new(planned));
        let stage = Self { engine, options, databases, wrk, stop, progress, binaries };
        stage.settle(BASE, stage.options.users)?;
        stage.keep_examples()?;
        Ok(stage)
    }

    /// Makes a database of so many users, and the file of its ids.
    pub fn settle(&self, name: &str, users: u64) -> Result<()> {
        self.progress.say(&format!("{}: making {users} users", self.engine.title()));
        rows::settle(&self.databases, self.engine, name, users, &self.options.roster, &self.stop)?;
        let id = match self.engine {
            Engine::Postgres => "id::text",
            Engine::Sqlite => "lower(hex(id))",
        };
        let sql = format!("SELECT {id} FROM users ORDER BY random() LIMIT {IDS}");
        let ids: Vec<String> = self.databases.column(name, &sql)?.iter().map(|id| dashed(id)).collect();
        Ok(fs::write(self.ids(name), ids.join("\n"))?)
    }

    /// The file of the ids of a database.
    pub fn ids(&self, name: &str) -> PathBuf {
        self.file(&format!("{name}.ids"))
    }

    /// What Roster is asked, on a copy of the base.
    pub fn roster_asked(&self) -> Asked {
        Asked::roster(&self.ids(BASE), &self.file("cursors"))
    }

    /// What a peer is asked, on a copy of the base.
    pub fn peer_asked(&self) -> Asked {
        Asked::peer(&self.ids(BASE))
    }

    /// What Roster is asked by SCIM, on a copy of the base.
    pub fn scim_asked(&self) -> Asked {
        Asked::roster_scim(&self.ids(BASE))
    }

    /// What scim2-server is asked, once it was started.
    pub fn scim2_asked(&self) -> Asked {
        Asked::scim2_server(&self.ids("scim2"))
    }

    /// Starts Roster on a database.
    pub fn roster(&self, database: &str) -> Result<Server> {
        Server::roster(&self.options.roster, &self.databases.url(database), &self.stop)
    }

    /// Starts axum and sqlx on a database.
    pub fn axum_sqlx(&self, database: &str, pool: u32, rows: &str) -> Result<Server> {
        let (url, pool) = (self.databases.url(database), pool.to_string());
        self.peer("peer-axum-sqlx", &["--database", &url, "--pool", &pool, "--rows", rows])
    }

    /// Starts axum and tokio-postgres on a database.
    pub fn pipelined(&self, database: &str) -> Result<Server> {
        self.peer("peer-axum-tokio-postgres", &["--database", &self.databases.url(database)])
    }

    /// Starts the ceiling.
    pub fn constant(&self) -> Result<Server> {
        let (user, page) = (self.file("user.json"), self.file("page.json"));
        self.peer(
            "peer-actix-constant",
            &["--user", &user.to_string_lossy(), "--page", &page.to_string_lossy()],
        )
    }

    /// Starts scim2-server, and gives it users: it has no database.
    pub fn scim2_server(&self) -> Result<Server> {
        let target = self.binaries.parent().context("a directory of what is built")?;
        let server = Server::scim2_server(&target.join("scim2-server/bin/scim2-server"), &self.stop)?;
        let create = roles::scim2_server_create();
        let mut ids = Vec::new();
        for number in 0..SCIM2_USERS {
            self.stop.check()?;
            // It ends each connection after an answer.
            let mut http = Http::open(server.address)?;
            let user = http.send(&create.fill("", &format!("{number:0NUMBER_WIDTH$}"))?)?.json()?;
            ids.push(user.get("id").and_then(Value::as_str).context("an id")?.to_owned());
        }
        fs::write(self.ids("scim2"), ids.join("\n"))?;
        Ok(server)
    }

    /// The other servers, with what they are asked.
    pub fn others(&self) -> Result<Vec<(String, Server, Asked)>> {
        if self.options.server.len() != self.options.describe.len() {
            bail!("each --server needs its --describe");
        }
        let described = self.options.server.iter().zip(&self.options.describe);
        described
            .map(|((name, url), file)| {
                let asked = Asked::described(request::read_description(file)?, &self.ids(BASE));
                Ok((name.clone(), Server::running(url)?, asked))
            })
            .collect()
    }

    /// How the closed loop is run here.
    pub fn bench(&self) -> Bench<'_> {
        let Options { rounds, seconds, .. } = self.options;
        Bench { wrk: &self.wrk, database: self.databases.pid(), rounds, seconds, progress: &self.progress }
    }

    fn peer(&self, binary: &str, arguments: &[&str]) -> Result<Server> {
        Server::peer(&self.binaries.join(binary), arguments, &self.stop)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.databases.directory().join(name)
    }

    /// Keeps a user and a page for the ceiling, and the cursors of a walk for the load.
    fn keep_examples(&self) -> Result<()> {
        let server = self.roster(BASE)?;
        let mut http = Http::open(server.address)?;
        let ids = fs::read_to_string(self.ids(BASE))?;
        let user = ask(&mut http, &format!("/users/{}", ids.lines().next().context("no users")?))?;
        fs::write(self.file("user.json"), user.body)?;
        fs::write(self.file("page.json"), ask(&mut http, "/users?limit=50")?.body)?;
        fs::write(self.file("cursors"), walk(&mut http, CURSORS)?.join("\n"))?;
        server.end()
    }
}

/// Asks Roster.
pub fn ask(http: &mut Http, path: &str) -> Result<Answer> {
    tell(http, "GET", path, None)
}

/// Has Roster do something.
pub fn tell(http: &mut Http, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
    let mut headers = roles::key();
    if body.is_some() {
        headers.insert("Content-Type".to_owned(), "application/json".to_owned());
    }
    let (method, body) = (method.to_owned(), body.map(Value::to_string));
    let answer = http.send(&Request { method, path: path.to_owned(), headers, body }.fill("", "")?)?;
    if !(200..300).contains(&answer.status) {
        bail!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(answer)
}

/// The cursors of the pages of 50 after the first.
pub fn walk(http: &mut Http, most: usize) -> Result<Vec<String>> {
    let mut cursors: Vec<String> = Vec::new();
    while cursors.len() < most {
        let cursor = cursors.last().map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let page = ask(http, &format!("/users?limit=50{cursor}"))?.json()?;
        let Some(next) = page.get("nextCursor").and_then(Value::as_str) else { break };
        cursors.push(next.to_owned());
    }
    Ok(cursors)
}

/// An id with its dashes.
fn dashed(id: &str) -> String {
    let hex: String = id.chars().filter(|c| *c != '-').collect();
    let piece = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [piece(0, 8), piece(8, 12), piece(12, 16), piece(16, 20), piece(20, 32)].join("-")
}
