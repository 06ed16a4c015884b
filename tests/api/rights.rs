//! The rights of every kind of caller, in one table of all endpoints.

use crate::api::callers::{
    client_with_key, client_with_role, create_expired_key, create_key, create_tenant, key_path,
};
use crate::api::group_helpers::{add_members, create_named_group};
use crate::api::problem::{assert_problem, assert_unauthorized};
use crate::support::api::{Api, text};
use crate::support::http::{Client, Request, Response};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use uuid::Uuid;

engine_tests! {
    every_caller_has_the_rights_in_the_table
    the_role_is_checked_before_the_body
    the_table_covers_every_method_of_its_paths
    other_methods_return_405_for_every_caller
    only_operators_can_act_in_other_tenants
    the_table_covers_every_link
}

/// A request, and the status that each kind of caller receives.
struct Endpoint {
    method: &'static str,
    path: &'static str,
    statuses: [u16; 7],
    body: &'static str,
}

impl Endpoint {
    fn parse(line: &'static str) -> Self {
        let mut columns = line.split_whitespace();
        let mut next = || columns.next().expect("the row has another column");
        let (method, path) = (next(), next());
        let statuses = [(); 7].map(|()| next().parse().expect("the column is a status"));
        Self { method, path, statuses, body: columns.next().unwrap_or_default() }
    }
}

/// The rights of all endpoints.
static RIGHTS: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    let lines = include_str!("rights.txt").lines();
    lines.filter(|line| !line.starts_with('#')).map(Endpoint::parse).collect()
});

/// The kinds of callers, which are the columns of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unauthenticated,
    Reader,
    Writer,
    Admin,
    Operator,
    OtherTenantAdmin,
    OtherTenantOperator,
}

#[derive(Debug)]
struct Caller {
    kind: Kind,
    name: &'static str,
    client: Client,
}

/// A request of the table and its expected status.
struct Case {
    method: Method,
    target: String,
    body: String,
    status: u16,
}

impl Case {
    fn request(&self, client: &Client) -> Request {
        let request = client.request(self.method.clone(), &self.target);
        match self.body.as_str() {
            "" => request,
            // PATCH accepts this media type as well.
            body => request.body("application/json", body.to_owned()),
        }
    }
}

/// Starts a server that does not limit failed authentication attempts, of which these tests make many.
fn start(api: &Api) -> Api {
    Api::start(api.engine, &[("ROSTER_FAILED_ATTEMPTS", "0")])
}

/// Creates callers of every kind, some in several variants.
async fn callers(api: &Api) -> Vec<Caller> {
    let operator = &api.client;
    create_tenant(operator, "other").await;
    let other_tenant = operator.in_tenant("other");
    let operator_key = client_with_role(operator, "operator").await;
    let caller = |kind, name, client| Caller { kind, name, client };
    let mut callers: Vec<_> = unauthenticated_callers(api).await;
    callers.extend([
        caller(Kind::Reader, "reader", client_with_role(operator, "reader").await),
        caller(Kind::Writer, "writer", client_with_role(operator, "writer").await),
        caller(Kind::Admin, "admin", client_with_role(operator, "admin").await),
        caller(Kind::Operator, "operator", operator_key.clone()),
        caller(Kind::Operator, "the configured admin key", operator.clone()),
        caller(
            Kind::OtherTenantAdmin,
            "admin of another tenant",
            client_with_role(&other_tenant, "admin").await,
        ),
        caller(Kind::OtherTenantOperator, "operator in another tenant", operator_key.in_tenant("other")),
        caller(
            Kind::OtherTenantOperator,
            "operator of another tenant",
            client_with_role(&other_tenant, "operator").await,
        ),
        caller(
            Kind::Operator,
            "operator of another tenant in this one",
            client_with_role(&other_tenant, "operator").await.in_tenant("default"),
        ),
    ]);
    callers
}

/// Callers without a valid key.
async fn unauthenticated_callers(api: &Api) -> Vec<Caller> {
    let revoked = create_key(&api.client, &json!({ "role": "operator" })).await;
    client_with_key(&api.client, &revoked).get("/users").send().await.expect(200);
    api.client.delete(&key_path(&revoked)).send().await.expect(204);
    let expired = client_with_key(&api.client, &create_expired_key(api, "operator").await);
    let caller = |name, client| Caller { kind: Kind::Unauthenticated, name, client };
    vec![
        caller("no key", Client::anonymous(&api.server)),
        caller("garbage", api.client.with_key("garbage")),
        caller("revoked key", client_with_key(&api.client, &revoked)),
        caller("expired key", expired),
    ]
}

/// The values of the placeholders in a path and its body.
#[derive(Clone)]
struct Ids {
    id: String,
    member: String,
    /// Whether all ids exist.
    exists: bool,
}

/// Creates the resources of the placeholders, and returns their ids and some unknown ids.
async fn ids(api: &Api, placeholder: &str, names_member: bool) -> Vec<Ids> {
    let client = &api.client;
    let new = Uuid::now_v7().to_string();
    let mut member = String::new();
    let created = match placeholder {
        "user" => client.post("/users", &json!({ "userName": new })).send().await.expect(201).json(),
        "group" => {
            let group = create_named_group(client, &new).await;
            let user = client.post("/users", &json!({ "userName": new })).send().await.expect(201).json();
            add_members(client, &group, std::slice::from_ref(&user)).await;
            member = text(&user["id"]).to_owned();
            group
        }
        "key" => create_key(client, &json!({ "role": "reader" })).await,
        "operator-key" => create_key(client, &json!({ "role": "operator" })).await,
        "connection" => {
            let body = json!({ "name": new });
            let connection = client.post("/connections", &body).send().await.expect(201).json();
            let tokens = format!("/connections/{}/tokens", text(&connection["id"]));
            let token = client.post(&tokens, &json!({})).send().await.expect(201).json();
            member = text(&token["id"]).to_owned();
            connection
        }
        "tenant" => create_tenant(client, &new).await,
        other => panic!("the table has an unknown placeholder: {{{other}}}"),
    };
    let existing = Ids { id: text(&created["id"]).to_owned(), member, exists: true };
    let unknown_id = |name: &str| Ids { id: name.to_owned(), exists: false, ..existing.clone() };
    let unknown_member = |name: &str| Ids { member: name.to_owned(), exists: false, ..existing.clone() };
    let (names, mut all) = ([new.as_str(), "unknown"], vec![existing.clone()]);
    // Only an existing key can have a role that is too high for the caller.
    if placeholder != "operator-key" {
        all.extend(names.map(unknown_id));
    }
    if names_member {
        all.extend(names.map(unknown_member));
    }
    all
}

/// The requests to an endpoint of the table by one kind of caller.
async fn cases(api: &Api, endpoint: &Endpoint, kind: Kind) -> Vec<Case> {
    let &Endpoint { method, path, body, statuses } = endpoint;
    let status = statuses[kind as usize];
    let case = |target: String, body: String, status: u16| Case {
        method: Method::from_bytes(method.as_bytes()).expect("the method is valid"),
        target,
        body: body.replace("{new}", &Uuid::now_v7().to_string()),
        status,
    };
    let Some((before, (placeholder, after))) =
        path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    else {
        return vec![case(path.to_owned(), body.to_owned(), status)];
    };
    let denied = matches!(status, 401 | 403);
    let of_ids = |Ids { id, member, exists }: Ids| {
        let after = after.replace("{member}", &member);
        let status = if exists || denied { status } else { 404 };
        case(format!("{before}{id}{after}"), body.replace("{member}", &member), status)
    };
    ids(api, placeholder, after.contains("{member}")).await.into_iter().map(of_ids).collect()
}

/// A description of the difference between a response and its expected status, if any.
fn mismatch(response: &Response, status: u16) -> Option<String> {
    let code = match status {
        401 => Some("unauthorized"),
        403 => Some("forbidden"),
        404 => Some("not-found"),
        409 => Some("conflict"),
        415 => Some("unsupported-media-type"),
        _ => None,
    };
    let found =
        || serde_json::from_slice::<Value>(&response.bytes).ok()?.get("code")?.as_str().map(str::to_owned);
    let names_role = || response.text().contains("(requires `");
    if response.code() == status && found().as_deref() == code && (status != 403 || names_role()) {
        return None;
    }
    Some(format!("{} {:?} instead of {status} {code:?}", response.code(), found()))
}

#[track_caller]
fn assert_no_mismatches(mismatches: &[String]) {
    assert!(mismatches.is_empty(), "{} mismatches:\n{}", mismatches.len(), mismatches.join("\n"));
}

async fn every_caller_has_the_rights_in_the_table(api: Api) {
    let api = start(&api);
    let callers = callers(&api).await;
    let (mut mismatches, mut sent) = (Vec::new(), 0);
    for endpoint in RIGHTS.iter() {
        for caller in &callers {
            for case in cases(&api, endpoint, caller.kind).await {
                let response = case.request(&caller.client).send().await;
                let found = mismatch(&response, case.status);
                mismatches.extend(
                    found.map(|text| format!("{}: {} {}: {text}", caller.name, endpoint.method, case.target)),
                );
                sent += 1;
                mismatches.extend(head_mismatch(&case, caller).await);
            }
        }
    }
    assert_no_mismatches(&mismatches);
    assert!(sent > RIGHTS.len() * callers.len(), "requests were left out: {sent}");
}

/// A description of the difference between HEAD and GET, if any.
async fn head_mismatch(case: &Case, caller: &Caller) -> Option<String> {
    if case.method != Method::GET {
        return None;
    }
    let response = caller.client.request(Method::HEAD, &case.target).send().await;
    let differs = response.code() != case.status || !response.bytes.is_empty();
    differs.then(|| format!("{}: HEAD {}: {response:?}", caller.name, case.target))
}

async fn the_role_is_checked_before_the_body(api: Api) {
    let api = start(&api);
    let callers = callers(&api).await;
    let mut mismatches = Vec::new();
    let with_bodies = || RIGHTS.iter().filter(|endpoint| !endpoint.body.is_empty());
    // A right that depends on the body can be checked only after the body is read.
    let denied_by_role = |endpoint: &&Endpoint, kind: Kind| {
        let same =
            with_bodies().filter(|other| (other.method, other.path) == (endpoint.method, endpoint.path));
        let mut statuses = same.map(|other| other.statuses[kind as usize]);
        statuses.all(|status| matches!(status, 401 | 403))
    };
    for caller in &callers {
        for endpoint in with_bodies().filter(|endpoint| denied_by_role(endpoint, caller.kind)) {
            // The role of this key is known only after the key is read.
            if endpoint.path.contains("{operator-key}") {
                continue;
            }
            for case in cases(&api, endpoint, caller.kind).await {
                for (media_type, body) in [("application/json", "{"), ("text/plain", "x")] {
                    let request = caller.client.request(case.method.clone(), &case.target);
                    let response = request.body(media_type, body).send().await;
                    let found = mismatch(&response, case.status);
                    mismatches.extend(found.map(|text| {
                        format!("{}: {} {}: {text}", caller.name, endpoint.method, endpoint.path)
                    }));
                }
            }
        }
    }
    assert_no_mismatches(&mismatches);
}

/// The methods of each path in the table.
fn methods() -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut methods: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for Endpoint { method, path, .. } in RIGHTS.iter().filter(|endpoint| endpoint.path != "/nothing") {
        let path = path.split('?').next().unwrap_or(path);
        let of_path = methods.entry(path).or_default();
        of_path.extend([(*method).to_owned(), "OPTIONS".to_owned()]);
        if *method == "GET" {
            of_path.insert("HEAD".to_owned());
        }
    }
    methods
}

/// The paths of the table with unknown ids, on which the supported methods do not depend, and their methods.
fn paths() -> Vec<(String, BTreeSet<String>)> {
    let with_ids = |path: &str| {
        let id =
            |part: &str| if part.starts_with('{') { Uuid::now_v7().to_string() } else { part.to_owned() };
        path.split('/').map(id).collect::<Vec<_>>().join("/")
    };
    methods().into_iter().map(|(path, methods)| (with_ids(path), methods)).collect()
}

fn is_public(path: &str) -> bool {
    RIGHTS.iter().any(|endpoint| endpoint.path == path && endpoint.statuses[0] != 401)
}

fn allowed(response: &Response) -> BTreeSet<String> {
    let allow = response.header("allow").unwrap_or_else(|| panic!("no Allow: {:?}", response.headers));
    allow.split(", ").map(str::to_owned).collect()
}

async fn the_table_covers_every_method_of_its_paths(api: Api) {
    let api = start(&api);
    let callers = callers(&api).await;
    for (path, methods) in paths() {
        for Caller { kind, client, name } in &callers {
            let response = client.request(Method::OPTIONS, &path).send().await;
            if *kind == Kind::Unauthenticated && !is_public(&path) {
                assert_unauthorized(&response);
                continue;
            }
            assert_eq!((response.code(), allowed(&response)), (204, methods.clone()), "{name}: {path}");
        }
    }
}

async fn other_methods_return_405_for_every_caller(api: Api) {
    let api = start(&api);
    let callers = callers(&api).await;
    for (path, methods) in paths() {
        for name in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"] {
            if methods.contains(name) {
                continue;
            }
            for Caller { kind, client, .. } in &callers {
                let method = Method::from_bytes(name.as_bytes()).expect("the method is valid");
                let response = client.request(method, &path).send().await;
                if *kind == Kind::Unauthenticated && !is_public(&path) {
                    assert_unauthorized(&response);
                    continue;
                }
                assert_problem(&response, 405, "method-not-allowed");
                assert_eq!(allowed(&response), methods, "{name} {path}");
            }
        }
    }
}

/// Other roles receive 403 even if the tenant is unknown or their own.
async fn only_operators_can_act_in_other_tenants(api: Api) {
    let api = start(&api);
    create_tenant(&api.client, "other").await;
    let mut others = Vec::new();
    for role in ["reader", "writer", "admin"] {
        others.push(client_with_role(&api.client, role).await);
        others.push(client_with_role(&api.client.in_tenant("other"), role).await);
    }
    for endpoint in
        RIGHTS.iter().filter(|endpoint| endpoint.statuses[0] == 401 && endpoint.path != "/nothing")
    {
        for tenant in ["default", "other", "nobody", ""] {
            for client in &others {
                for case in cases(&api, endpoint, Kind::Reader).await {
                    let response = case.request(&client.in_tenant(tenant)).send().await;
                    assert_eq!(
                        mismatch(&response, 403),
                        None,
                        "{tenant:?} {} {}",
                        endpoint.method,
                        endpoint.path
                    );
                }
            }
            // An invalid key is reported first.
            for case in cases(&api, endpoint, Kind::Unauthenticated).await {
                let response = case.request(&api.client.with_key("garbage").in_tenant(tenant)).send().await;
                assert_eq!(
                    mismatch(&response, 401),
                    None,
                    "{tenant:?} {} {}",
                    endpoint.method,
                    endpoint.path
                );
            }
        }
    }
    for endpoint in
        RIGHTS.iter().filter(|endpoint| endpoint.statuses[0] == 401 && !endpoint.path.starts_with("/tenants"))
    {
        for case in cases(&api, endpoint, Kind::Operator).await {
            let response = case.request(&api.client.in_tenant("nobody")).send().await;
            assert_eq!(mismatch(&response, 404), None, "{} {}", endpoint.method, endpoint.path);
        }
    }
}

/// Every path in docs/api.md is in the table.
#[test]
fn the_table_covers_every_documented_path() {
    let table: BTreeSet<_> = methods().keys().map(|path| pattern(path)).collect();
    let rows = include_str!("../../docs/api.md").lines().filter(|line| line.starts_with("| `/"));
    let cells = rows.filter_map(|row| row.trim_start_matches("| ").split(" |").next());
    let quoted = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let paths: Vec<_> = quoted.filter_map(|path| path.split('?').next()).map(pattern).collect();
    assert!(paths.contains(&"/users/{}".to_owned()), "docs/api.md has a different format: {paths:?}");
    let missing: Vec<_> = paths.iter().filter(|path| !table.contains(*path)).collect();
    assert!(missing.is_empty(), "{missing:?} are not in the table");
}

/// A path with empty placeholders.
fn pattern(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn the_table_covers_every_link(api: Api) {
    let start = api.client.get("/").send().await.expect(200).json();
    let table = methods();
    let links: BTreeSet<_> =
        start["links"].as_object().expect("the start page has links").values().map(text).collect();
    // tests/scim covers SCIM.
    let is_covered = |link: &&str| table.contains_key(*link) || *link == "/scim/v2";
    assert!(links.iter().all(is_covered), "{links:?}");
    let top = table.keys().filter_map(|path| path.split(['/', '?']).nth(1)).filter(|name| !name.is_empty());
    for name in top.filter(|name| !matches!(*name, "nothing" | "healthz" | "health" | "import")) {
        assert!(links.contains(format!("/{name}").as_str()), "/{name} is not linked");
    }
}
