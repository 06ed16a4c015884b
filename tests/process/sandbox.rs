//! The server works within the restrictions of `ops/systemd/roster.service`. A trace of its system calls is compared with
//! the unit, because tests run without systemd.

use crate::support::block_on;
use crate::support::command::{in_empty_environment, run};
use crate::support::database::{Database, on_both_engines};
use crate::support::http::Client;
use crate::support::repository_root;
use crate::support::server::{ADMIN_KEY, Server};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

on_both_engines! { Database: the_server_stays_within_the_systemd_unit }

/// Tracing makes every system call many times slower.
const LIMIT: Duration = Duration::from_secs(60);

fn the_server_stays_within_the_systemd_unit(database: &Database) {
    let directory = tempfile::tempdir().expect("the temporary directory is created");
    let file = directory.path().join("trace");
    let mut server =
        Server::from_shell_command(&format!("strace -D -f -qq -e signal=none -o {} roster", file.display()))
            .env("DATABASE_URL", &database.url())
            .env("ROSTER_ADMIN_KEY", ADMIN_KEY)
            .env("ROSTER_LOG_FORMAT", "text")
            .start();
    use_everything(&Client::new(&server));
    server.stop(LIMIT);

    let trace = Trace(fs::read_to_string(file).expect("the trace is a file"));
    let (unit, groups) = (Unit::read(), groups());
    let called = trace.calls();
    assert!(
        called.contains("accept4") && called.contains("exit_group"),
        "the trace is incomplete: {called:?}"
    );
    let mut allowed = unit.system_calls(&groups);
    // SQLite gives the files that it creates as root to the owner of the database.
    if is_root(directory.path()) {
        allowed.insert("fchown");
    }
    assert_eq!(called.difference(&allowed).collect::<Vec<_>>(), [&""; 0]);
    let families = unit.values("RestrictAddressFamilies").flat_map(str::split_whitespace).collect();
    let opened = trace.first_arguments("socket");
    assert!(!opened.is_empty() && opened.is_subset(&families), "{opened:?}");
    assert_eq!(trace.calls_with(|line| line.contains("CLONE_NEW")), [""; 0]);
    assert_eq!(trace.calls_with(makes_memory_executable), [""; 0]);
    assert_eq!(trace.calls_with(|line| opens_for_writing(line) && !is_state(database, line)), [""; 0]);

    let narrower = Unit("SystemCallFilter=@system-service\nSystemCallFilter=~@network-io".to_owned());
    assert!(called.difference(&narrower.system_calls(&groups)).any(|call| *call == "accept4"));
}

/// Requests that use the database, memory and the network in every way: rows, pages, scans, a wait, a compressed export,
/// large bodies, SCIM, keys and an erasure.
fn use_everything(client: &Client) {
    let create = json!({ "userName": "ada", "custom": { "text": "x".repeat(10_000) } });
    block_on(async {
        let user = id(&client.post("/users", &create).send().await.expect(201).json());
        let group =
            id(&client.post("/groups", &json!({ "displayName": "Poets" })).send().await.expect(201).json());
        client.put(&format!("/groups/{group}/members/{user}"), &json!({})).send().await.expect(204);
        for path in [
            "/readyz",
            "/users?filter=custom.text%20sw%20%22x%22",
            "/scim/v2/Users?filter=active%20eq%20true",
            "/changes?after=0",
            "/changes?wait=1",
            "/export",
        ] {
            client.get(path).send().await.expect(200);
        }
        client.get("/export").header("Accept-Encoding", "gzip").send().await.expect(200);
        let key = json!({ "name": "traced", "role": "reader" });
        let key = id(&client.post("/keys", &key).send().await.expect(201).json());
        client.delete(&format!("/keys/{key}")).send().await.expect(204);
        client.delete(&format!("/users/{user}?erase=true")).send().await.expect(204);
    });
}

fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap_or_else(|| panic!("no id in {resource}")).to_owned()
}

fn is_root(directory: &Path) -> bool {
    fs::metadata(directory).expect("the directory exists").uid() == 0
}

/// What `MemoryDenyWriteExecute=` forbids.
fn makes_memory_executable(line: &str) -> bool {
    let (mmap, mprotect) = (line.contains(" mmap("), line.contains(" mprotect("));
    line.contains("PROT_EXEC") && (mprotect || mmap && line.contains("PROT_WRITE"))
}

fn opens_for_writing(line: &str) -> bool {
    line.contains(" open") && ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| line.contains(flag))
}

/// Whether the call names the database or a file beside it. PostgreSQL needs no file.
fn is_state(database: &Database, line: &str) -> bool {
    match database.url().strip_prefix("sqlite://") {
        Some(path) => line.contains(&format!("\"{path}")),
        None => false,
    }
}

/// The output of strace: a line per call, or two if another thread's call came between its beginning and its end.
struct Trace(String);

impl Trace {
    fn calls(&self) -> BTreeSet<&str> {
        self.0
            .lines()
            .filter_map(|line| Some(line.split_once(' ')?.1.trim_start().split_once('(')?.0))
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
            .collect()
    }

    fn first_arguments(&self, call: &str) -> BTreeSet<&str> {
        let call = format!(" {call}(");
        let arguments = self.0.lines().filter_map(|line| line.split_once(&call));
        arguments.filter_map(|(_, arguments)| arguments.split(',').next()).collect()
    }

    fn calls_with(&self, condition: impl Fn(&str) -> bool) -> Vec<&str> {
        self.0.lines().filter(|line| condition(line)).collect()
    }
}

/// The text of a unit.
struct Unit(String);

impl Unit {
    fn read() -> Self {
        let path = repository_root().join("ops/systemd/roster.service");
        Self(fs::read_to_string(path).expect("the unit can be read"))
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix('='))
    }

    /// The system calls that the filter allows.
    fn system_calls<'a>(&'a self, groups: &'a BTreeMap<String, Vec<String>>) -> BTreeSet<&'a str> {
        let mut allowed = BTreeSet::new();
        for value in self.values("SystemCallFilter") {
            let names = value.trim_start_matches('~').split_whitespace();
            let calls: BTreeSet<_> = names.flat_map(|name| expand(name, groups)).collect();
            match value.starts_with('~') {
                true => allowed.retain(|call| !calls.contains(call)),
                false => allowed.extend(calls),
            }
        }
        allowed
    }
}

/// The groups of system calls that systemd defines, such as `@file-system`. They can contain other groups.
fn groups() -> BTreeMap<String, Vec<String>> {
    let mut list = in_empty_environment("systemd-analyze", Path::new("/"));
    let output = run(list.args(["syscall-filter", "--no-pager"]), LIMIT).expect_success().stdout;
    let mut groups = BTreeMap::<String, Vec<String>>::new();
    let mut current = String::new();
    for line in output.lines().filter(|line| !line.trim_start().starts_with('#') && !line.is_empty()) {
        match line.strip_prefix("    ") {
            Some(name) => groups.entry(current.clone()).or_default().push(name.to_owned()),
            None => current = line.to_owned(),
        }
    }
    groups
}

fn expand<'a>(name: &'a str, groups: &'a BTreeMap<String, Vec<String>>) -> Vec<&'a str> {
    match groups.get(name) {
        Some(members) => members.iter().flat_map(|member| expand(member, groups)).collect(),
        None => vec![name],
    }
}
