//! A random sync by a connection, mixed with random writes by others, is reverted: the writes of others survive, everything
//! else is as before, and a follower's copy and digest equal the source.

use crate::api::export_copy::TenantCopy;
use crate::api::feed_helpers::{follow, number};
use crate::api::fixture::full_user;
use crate::api::group_helpers::create_named_group;
use crate::api::revert_helpers::{apply, connection, head, outcomes, selection};
use crate::support::api::{Api, text};
use crate::support::exports;
use crate::support::http::{Client, Request};
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

engine_tests! {
    a_random_sync_is_undone
    a_random_sync_among_writes_of_others_is_undone
}

const STEPS: usize = 120;

/// Makes random writes.
struct Writer {
    rng: XorShiftRng,
    users: Vec<String>,
    groups: Vec<String>,
}

impl Writer {
    /// A tenant with a few users and groups.
    async fn start(api: &Api, seed: u64) -> Self {
        let mut writer =
            Self { rng: XorShiftRng::seed_from_u64(seed), users: Vec::new(), groups: Vec::new() };
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

    async fn write(&mut self, request: Request) {
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
    fn sync(&mut self, scim: &Client, step: usize) -> Request {
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
            10 => {
                let name = format!("n{}", self.rng.random_range(0..12));
                send(
                    Method::PATCH,
                    user,
                    patch(json!([{ "op": "replace", "path": "userName", "value": name }])),
                )
            }
            11 => {
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
    fn other(&mut self, client: &Client, step: usize) -> Request {
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
type Attributes = BTreeMap<String, Value>;

fn attributes(snapshot: &Map<String, Value>) -> Attributes {
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
struct State {
    resources: BTreeMap<(String, String), Attributes>,
    members: BTreeSet<(String, String)>,
}

impl State {
    async fn read(client: &Client) -> Self {
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

    fn set_member(&mut self, member: &(String, String), is_member: bool) {
        match is_member {
            true => self.members.insert(member.clone()),
            false => self.members.remove(member),
        };
    }

    fn write(&mut self, id: &(String, String), action: &str, old: &Attributes, new: &Attributes) {
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

/// The id of a user or group with an attribute (or "" for whether it exists), or "member" with the ids of a membership.
type Key = (String, String);

/// What others have done: the state that remains without the writes of the connection.
struct Model {
    actor: Value,
    /// The present state.
    now: State,
    /// The state that only the writes of others have led to.
    kept: State,
    /// The values that others have given to attributes.
    given: BTreeMap<Key, Option<Value>>,
    /// The attributes, existences and memberships that the connection has written last.
    mine: BTreeSet<Key>,
}

impl Model {
    fn of(state: State, actor: &Value) -> Self {
        let (given, mine) = (BTreeMap::new(), BTreeSet::new());
        Self { actor: actor.clone(), kept: state.clone(), now: state, given, mine }
    }

    fn note(&mut self, key: Key, is_mine: bool) {
        match is_mine {
            true => self.mine.insert(key),
            false => self.mine.remove(&key),
        };
    }

    fn apply(&mut self, row: &Value) {
        let (kind, action) = text(&row["type"]).split_once('.').expect("a type has two parts");
        let is_mine = row["actor"] == self.actor;
        match kind {
            "member" => {
                let member = (text(&row["groupId"]).to_owned(), text(&row["userId"]).to_owned());
                self.now.set_member(&member, action == "added");
                if !is_mine {
                    self.kept.set_member(&member, action == "added");
                }
                self.note(member_key(&member), is_mine);
            }
            "user" | "group" => {
                self.apply_resource((kind.to_owned(), text(&row["id"]).to_owned()), action, row, is_mine)
            }
            _ => {}
        }
    }

    fn apply_resource(&mut self, id: (String, String), action: &str, row: &Value, is_mine: bool) {
        let values = |name: &str| row[name].as_object().map(attributes).unwrap_or_default();
        let (old, new) = (values("before"), values("after"));
        let names: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
        for name in names.iter().filter(|name| action != "updated" || old.get(*name) != new.get(*name)) {
            let key = (id.1.clone(), name.clone());
            if !is_mine && action == "updated" {
                self.given.insert(key.clone(), new.get(name).cloned());
            }
            self.note(key, is_mine);
        }
        if action != "updated" {
            self.note((id.1.clone(), String::new()), is_mine);
        }
        if action == "deleted" {
            let members: Vec<_> =
                self.now.members.iter().filter(|(group, _)| *group == id.1).cloned().collect();
            members.iter().for_each(|member| self.note(member_key(member), is_mine));
        }
        self.now.write(&id, action, &old, &new);
        if !is_mine {
            self.kept.write(&id, action, &old, &new);
        }
    }

    /// The state that a revert with these conflicts must lead to.
    fn expected(&self, report: &Value) -> State {
        let conflicts: BTreeSet<Key> =
            report["conflicts"].as_array().unwrap().iter().map(conflict_key).collect();
        let has_conflict = |id: &str| conflicts.iter().any(|(of, _)| of == id);
        let mut expected = State::default();
        let ids: BTreeSet<_> = self.now.resources.keys().chain(self.kept.resources.keys()).collect();
        for id in ids {
            let is_mine = |name: &str| self.mine.contains(&(id.1.clone(), name.to_owned()));
            let (now, kept) = (self.now.resources.get(id), self.kept.resources.get(id));
            let source = if is_mine("") && !has_conflict(&id.1) { kept } else { now };
            let Some(source) = source else { continue };
            let mut values = source.clone();
            let names: BTreeSet<_> =
                source.keys().chain(kept.into_iter().flatten().map(|(name, _)| name)).collect();
            for name in names.into_iter().filter(|name| is_mine(name)) {
                let key = (id.1.clone(), name.clone());
                let value = match (kept, self.given.get(&key)) {
                    _ if conflicts.contains(&key) => continue,
                    (Some(kept), _) => kept.get(name).cloned(),
                    (None, Some(given)) => given.clone(),
                    (None, None) => continue,
                };
                match value {
                    Some(value) => drop(values.insert(name.clone(), value)),
                    None => drop(values.remove(name)),
                }
            }
            expected.resources.insert(id.clone(), values);
        }
        let exists =
            |kind: &str, id: &String| expected.resources.contains_key(&(kind.to_owned(), id.clone()));
        for member in self.now.members.union(&self.kept.members) {
            let key = member_key(member);
            let source = match self.mine.contains(&key) && !conflicts.contains(&key) {
                true => &self.kept,
                false => &self.now,
            };
            if source.members.contains(member) && exists("group", &member.0) && exists("user", &member.1) {
                expected.members.insert(member.clone());
            }
        }
        expected
    }
}

fn member_key((group, user): &(String, String)) -> Key {
    (format!("member {group}"), user.clone())
}

fn conflict_key(conflict: &Value) -> Key {
    match text(&conflict["resource"]) {
        "member" => {
            member_key(&(text(&conflict["groupId"]).to_owned(), text(&conflict["userId"]).to_owned()))
        }
        _ => {
            (text(&conflict["id"]).to_owned(), conflict["attribute"].as_str().unwrap_or_default().to_owned())
        }
    }
}

/// Follows the changes with a copy, and compares the copy and its digest with the source.
async fn check_copy(client: &Client, mut copy: TenantCopy) {
    for row in follow(client, copy.revision, "").await {
        copy.apply(&row);
        copy.revision = number(&row["revision"]);
        assert_eq!(row["digest"], copy.digest().to_string(), "{row}");
    }
    assert_eq!(copy, TenantCopy::of_export(&exports::lines(client, "").await));
}

/// Checks that two states are equal. If they are not, the message contains only what differs, and its changes.
#[track_caller]
fn assert_same(found: &State, expected: &State, rows: &[Value], report: &Value) {
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

async fn a_random_sync_is_undone(api: Api) {
    let mut kinds = BTreeSet::new();
    for seed in 1..=3 {
        let (scim, actor) = connection(&api.client, &format!("Okta {seed}")).await;
        let mut writer = Writer::start(&api, seed).await;
        let (before, start) = (State::read(&api.client).await, head(&api.client).await);
        let copy = TenantCopy::of_export(&exports::lines(&api.client, "").await);
        for step in 0..STEPS {
            let request = writer.sync(&scim, step);
            writer.write(request).await;
        }
        assert_ne!(State::read(&api.client).await, before);
        let report = apply(&api.client, &selection(&api.client, start, &actor).await).await;
        assert_eq!(report["conflicts"], json!([]), "{report}");
        kinds.extend(outcomes(&report).into_iter().map(str::to_owned));
        let rows = follow(&api.client, start, "").await;
        assert_same(&State::read(&api.client).await, &before, &rows, &report);
        check_copy(&api.client, copy).await;
    }
    assert_eq!(
        kinds,
        ["add", "delete", "remove", "restore", "unchanged", "update"].map(str::to_owned).into()
    );
}

async fn a_random_sync_among_writes_of_others_is_undone(api: Api) {
    let mut reasons = BTreeSet::new();
    for seed in 11..=14 {
        let (scim, actor) = connection(&api.client, &format!("Okta {seed}")).await;
        let mut writer = Writer::start(&api, seed).await;
        let (before, start) = (State::read(&api.client).await, head(&api.client).await);
        let copy = TenantCopy::of_export(&exports::lines(&api.client, "").await);
        for step in 0..2 * STEPS {
            let request = match writer.rng.random_bool(0.6) {
                true => writer.sync(&scim, step),
                false => writer.other(&api.client, step),
            };
            writer.write(request).await;
        }
        let mut model = Model::of(before, &actor);
        follow(&api.client, start, "").await.iter().for_each(|row| model.apply(row));
        assert!(State::read(&api.client).await == model.now, "the model applies all changes");
        let report = apply(&api.client, &selection(&api.client, start, &actor).await).await;
        let conflicts = report["conflicts"].as_array().unwrap();
        reasons.extend(conflicts.iter().map(|conflict| text(&conflict["reason"]).to_owned()));
        // A later write of somebody else is named only if there is one.
        for conflict in conflicts.iter().filter(|conflict| conflict["reason"] == "changed") {
            assert_ne!(conflict["actor"], actor);
            assert!(number(&conflict["revision"]) > start, "{conflict}");
        }
        let rows = follow(&api.client, start, "").await;
        assert_same(&State::read(&api.client).await, &model.expected(&report), &rows, &report);
        check_copy(&api.client, copy).await;
    }
    assert!(["changed", "deleted", "missing"].iter().all(|reason| reasons.contains(*reason)), "{reasons:?}");
}
