//! Random writes by a connection and by others, and the state that they lead to.

use crate::api::export_copy::TenantCopy;
use crate::api::feed_helpers::{follow, number};
use crate::api::fixture::full_user;
use crate::api::group_helpers::create_named_group;
use crate::support::api::{Api, text};
use crate::support::exports;
use crate::support::http::{Client, Request};
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Makes random writes.
pub(crate) struct Writer {
    pub(crate) rng: XorShiftRng,
    /// Whether the connection changes userNames and externalIds, which users then exchange.
    pub(crate) renames: bool,
    users: Vec<String>,
    groups: Vec<String>,
}

impl Writer {
    /// A tenant with a few users and groups.
    pub(crate) async fn start(api: &Api, seed: u64) -> Self {
        let mut writer = Self {
            rng: XorShiftRng::seed_from_u64(seed),
            renames: true,
            users: Vec::new(),
            groups: Vec::new(),
        };
        for index in 0..8 {
            let user = api.create(&full_user(&format!("old{seed}-{index}"))).await;
            writer.users.push(text(&user["id"]).to_owned());
        }
        for index in 0..4 {
            let group = create_named_group(&api.client, &format!("old{index}")).await;
            writer.groups.push(text(&group["id"]).to_owned());
            let members = writer.users.iter().cloned().sample(&mut writer.rng, 3);
            let body = json!({ "userIds": members });
            let path = format!("/groups/{}/members", text(&group["id"]));
            api.client.post(&path, &body).send().await.expect(204);
        }
        writer
    }

    pub(crate) async fn write(&mut self, request: Request) {
        let response = request.send().await;
        assert!(response.code() < 500, "{}", response.text());
        if response.code() == 201 {
            let resource = response.json();
            let is_user = resource.get("userName").is_some();
            let list = if is_user { &mut self.users } else { &mut self.groups };
            list.push(text(&resource["id"]).to_owned());
        }
    }

    fn user(&mut self) -> String {
        self.users.iter().choose(&mut self.rng).expect("there are users").clone()
    }

    fn group(&mut self) -> String {
        self.groups.iter().choose(&mut self.rng).expect("there are groups").clone()
    }

    /// A random SCIM request of the connection. Some fail, and some change nothing.
    pub(crate) fn sync(&mut self, scim: &Client, step: usize) -> Request {
        let send = |method: Method, path: String, body: Value| {
            let request = scim.request(method, &format!("/scim/v2{path}"));
            if body.is_null() { request } else { request.body("application/scim+json", body.to_string()) }
        };
        let patch = |operations: Value| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        let (user, group, member) = (self.user(), self.group(), self.user());
        let (user, group) = (format!("/Users/{user}"), format!("/Groups/{group}"));
        let member = json!([{ "value": member }]);
        match self.rng.random_range(0..14) {
            0..2 => {
                let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
                let name = format!("n{}", self.rng.random_range(0..12));
                let user = json!({ "schemas": schemas, "userName": name, "externalId": format!("e{step}"), "title": "t" });
                send(Method::POST, "/Users".to_owned(), user)
            }
            2 => {
                let schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
                let group =
                    json!({ "schemas": schemas, "displayName": format!("g{step}"), "members": member });
                send(Method::POST, "/Groups".to_owned(), group)
            }
            3 => send(Method::DELETE, user, Value::Null),
            4 => send(Method::DELETE, group, Value::Null),
            5..7 => {
                let operation = json!([{ "op": "add", "path": "members", "value": member }]);
                send(Method::PATCH, group, patch(operation))
            }
            7..9 => {
                let filter = format!("members[value eq {}]", member[0]["value"]);
                send(Method::PATCH, group, patch(json!([{ "op": "remove", "path": filter }])))
            }
            9 => {
                let name = format!("p{}", self.rng.random_range(0..4));
                send(
                    Method::PATCH,
                    group,
                    patch(json!([{ "op": "replace", "path": "displayName", "value": name }])),
                )
            }
            10 if self.renames => {
                let name = format!("n{}", self.rng.random_range(0..12));
                send(
                    Method::PATCH,
                    user,
                    patch(json!([{ "op": "replace", "path": "userName", "value": name }])),
                )
            }
            11 if self.renames => {
                let id = format!("e{}", self.rng.random_range(0..6));
                send(
                    Method::PATCH,
                    user,
                    patch(json!([{ "op": "replace", "path": "externalId", "value": id }])),
                )
            }
            _ => {
                let (active, title) = (self.rng.random_bool(0.5), self.rng.random_range(0..3));
                let value = json!({ "active": active, "title": format!("t{title}") });
                send(Method::PATCH, user, patch(json!([{ "op": "replace", "value": value }])))
            }
        }
    }

    /// A random request of somebody else, through the native API.
    pub(crate) fn other(&mut self, client: &Client, step: usize) -> Request {
        let (user, group, member) = (self.user(), self.group(), self.user());
        let member = format!("/groups/{group}/members/{member}");
        let (user, group) = (format!("/users/{user}"), format!("/groups/{group}"));
        match self.rng.random_range(0..12) {
            0 => client.post("/users", &json!({ "userName": format!("o{step}") })),
            1 => client.post("/groups", &json!({ "displayName": format!("o{step}") })),
            2 => client.delete(&user),
            3 => client.delete(&group),
            4..6 => client.put(&member, &json!({})),
            6 => client.delete(&member),
            7 => client.patch(&group, &json!({ "custom": { "step": step } })),
            8 => client.patch(&user, &json!({ "externalId": format!("o{step}") })),
            9 => client.patch(&user, &json!({ "userName": format!("n{}", step % 12) })),
            _ => client
                .patch(&user, &json!({ "title": format!("t{}", step % 3), "nickName": format!("o{step}") })),
        }
    }
}

/// The values of a user or group by attribute. The externalId of each source is a separate attribute.
pub(crate) type Attributes = BTreeMap<String, Value>;

pub(crate) fn attributes(snapshot: &Map<String, Value>) -> Attributes {
    let mut attributes = Attributes::new();
    for (name, value) in snapshot {
        match value.as_object().filter(|_| name == "externalIds") {
            Some(ids) => attributes
                .extend(ids.iter().map(|(source, id)| (format!("externalIds.{source}"), id.clone()))),
            None => drop(attributes.insert(name.clone(), value.clone())),
        }
    }
    attributes
}

/// What exists: users and groups by kind and id, and memberships.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) resources: BTreeMap<(String, String), Attributes>,
    pub(crate) members: BTreeSet<(String, String)>,
}

impl State {
    pub(crate) async fn read(client: &Client) -> Self {
        let mut state = Self::default();
        let lines = exports::lines(client, "").await;
        for line in &lines[1..lines.len() - 1] {
            let kind = text(&line["resource"]).to_owned();
            if kind == "member" {
                state.members.insert((text(&line["groupId"]).to_owned(), text(&line["userId"]).to_owned()));
            } else {
                let snapshot = line["after"].as_object().expect("a resource has values");
                state.resources.insert((kind, text(&line["id"]).to_owned()), attributes(snapshot));
            }
        }
        state
    }

    pub(crate) fn set_member(&mut self, member: &(String, String), is_member: bool) {
        match is_member {
            true => self.members.insert(member.clone()),
            false => self.members.remove(member),
        };
    }

    pub(crate) fn write(&mut self, id: &(String, String), action: &str, old: &Attributes, new: &Attributes) {
        match action {
            "created" => drop(self.resources.insert(id.clone(), new.clone())),
            "deleted" => {
                self.resources.remove(id);
                self.members.retain(|(group, _)| *group != id.1);
            }
            _ => {
                let Some(attributes) = self.resources.get_mut(id) else { return };
                attributes.retain(|name, _| !old.contains_key(name) || new.contains_key(name));
                // The externalIds of all sources are recorded, even if only one has changed.
                let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(*value));
                attributes.extend(changed.map(|(name, value)| (name.clone(), value.clone())));
            }
        }
    }
}

/// Follows the changes with a copy, and compares the copy and its digest with the source.
pub(crate) async fn check_copy(client: &Client, mut copy: TenantCopy) {
    for row in follow(client, copy.revision, "").await {
        copy.apply(&row);
        copy.revision = number(&row["revision"]);
        assert_eq!(row["digest"], copy.digest().to_string(), "{row}");
    }
    assert_eq!(copy, TenantCopy::of_export(&exports::lines(client, "").await));
}

/// Checks that two states are equal. If they are not, the message contains only what differs, and its changes.
#[track_caller]
pub(crate) fn assert_same(found: &State, expected: &State, rows: &[Value], report: &Value) {
    let ids: BTreeSet<_> = found.resources.keys().chain(expected.resources.keys()).collect();
    let resources = ids.into_iter().filter(|id| found.resources.get(id) != expected.resources.get(id));
    let members =
        found.members.symmetric_difference(&expected.members).flat_map(|(group, user)| [group, user]);
    let different: BTreeSet<_> = resources.map(|(_, id)| id).chain(members).map(String::as_str).collect();
    let concerns = |value: &&Value| {
        ["id", "groupId", "userId"]
            .iter()
            .any(|name| value[name].as_str().is_some_and(|id| different.contains(id)))
    };
    let rows: Vec<_> = rows.iter().filter(concerns).map(Value::to_string).collect();
    let conflicts = report["conflicts"].as_array().unwrap().iter().chain(report["items"].as_array().unwrap());
    let report: Vec<_> = conflicts.filter(concerns).map(Value::to_string).collect();
    assert!(found == expected, "{different:?} differ:\n{}\n{}", rows.join("\n"), report.join("\n"));
}
