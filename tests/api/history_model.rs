//! After random writes, `at` returns for every revision what the same request returned when that revision was the newest.

use crate::api::feed_helpers::{follow, number};
use crate::api::fixture::full_user;
use crate::api::problem::gone_problem;
use crate::api::query::items;
use crate::support::api::{Api, text};
use crate::support::http::{Client, Request};
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

engine_tests! {
    past_states_equal_those_read_at_the_time
    states_are_known_without_the_changes_that_led_to_them
}

const STEPS: usize = 130;
const MAX_USERS: usize = 10;
const MAX_GROUPS: usize = 9;

/// The responses to reads of users, groups and memberships, by path; `None` is 404.
type State = BTreeMap<String, Option<Value>>;

/// Makes random writes and remembers the state after each.
struct Recorder {
    client: Client,
    rng: XorShiftRng,
    /// The ids of all users and groups, including deleted ones.
    users: Vec<String>,
    groups: Vec<String>,
    /// The states by the newest revision.
    states: BTreeMap<u64, State>,
}

impl Recorder {
    async fn run(api: &Api, seed: u64) -> Self {
        let (users, groups, states) = (Vec::new(), Vec::new(), BTreeMap::new());
        let rng = XorShiftRng::seed_from_u64(seed);
        let mut recorder = Self { client: api.client.clone(), rng, users, groups, states };
        for step in 0..STEPS {
            recorder.write(step).await;
            let head = number(&recorder.client.get("/changes").send().await.expect(200).json()["head"]);
            let mut state = State::new();
            for path in recorder.paths() {
                state.insert(path.clone(), read(&recorder.client, &path, "").await);
            }
            recorder.states.insert(head, state);
        }
        recorder
    }

    async fn write(&mut self, step: usize) {
        let response = self.request(step).send().await;
        assert!(response.code() < 500, "{}", response.text());
        if response.code() == 201 {
            let resource = response.json();
            let list = if resource.get("userName").is_some() { &mut self.users } else { &mut self.groups };
            list.push(text(&resource["id"]).to_owned());
        }
    }

    /// A random write. Some fail, and some change nothing.
    fn request(&mut self, step: usize) -> Request {
        let client = self.client.clone();
        let (user, group) = (self.path("/users", step), self.path("/groups", step));
        let some_users = self.users.iter().cloned().sample(&mut self.rng, 3);
        let member = format!("{group}/members/{}", some_users.first().map_or("none", String::as_str));
        match self.rng.random_range(0..16) {
            0..3 if self.users.len() < MAX_USERS => client.post("/users", &full_user(&format!("u{step}"))),
            0..5 => client.patch(&user, &self.patch(step)),
            5 => client.put(&user, &json!({ "userName": format!("r{step}") })),
            6 => client.delete(&user),
            7..9 if self.groups.len() < MAX_GROUPS => client.post(
                "/groups",
                &json!({ "displayName": format!("g{step}"), "externalId": format!("e{step}") }),
            ),
            9 if self.groups.len() < MAX_GROUPS => {
                let members: Vec<_> = some_users.iter().map(|id| json!({ "value": id })).collect();
                client.post(
                    "/scim/v2/Groups",
                    &json!({ "displayName": format!("s{step}"), "members": members }),
                )
            }
            10 => client.delete(&group),
            11 => client.delete(&member),
            12 => client.put(&member, &json!({})),
            13 => client.post(&format!("{group}/members"), &json!({ "userIds": some_users })),
            14 => {
                let scim = format!("/scim/v2{}", group.replace("/groups", "/Groups"));
                let values: Vec<_> = some_users.iter().map(|id| json!({ "value": id })).collect();
                let operations = json!([
                    { "op": "replace", "path": "displayName", "value": format!("p{step}") },
                    { "op": "replace", "path": "members", "value": values },
                ]);
                let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
                let body = json!({ "schemas": schemas, "Operations": operations });
                client.request(Method::PATCH, &scim).body("application/scim+json", body.to_string())
            }
            _ => client.patch(
                &group,
                &json!({ "custom": { "step": step % 3 }, "displayName": format!("n{}", step % 4) }),
            ),
        }
    }

    /// The path of a random user or group.
    fn path(&mut self, list: &str, step: usize) -> String {
        let ids = if list == "/users" { &self.users } else { &self.groups };
        let id = ids.iter().choose(&mut self.rng);
        format!("{list}/{}", id.cloned().unwrap_or_else(|| step.to_string()))
    }

    fn patch(&mut self, step: usize) -> Value {
        let manager = self.users.iter().choose(&mut self.rng);
        match self.rng.random_range(0..5) {
            0 => json!({ "title": format!("t{}", step % 3), "nickName": null }),
            1 => json!({ "displayName": format!("d{step}"), "active": step.is_multiple_of(2) }),
            2 => json!({ "enterprise": { "manager": { "value": manager } } }),
            3 => json!({ "emails": [{ "value": format!("{step}@example.com") }], "externalId": null }),
            _ => {
                json!({ "userName": format!("n{step}"), "custom": { "a": [step, null] }, "enterprise": null })
            }
        }
    }

    /// The paths of all reads.
    fn paths(&self) -> Vec<String> {
        let of_users =
            self.users.iter().flat_map(|id| [format!("/users/{id}?"), format!("/users/{id}/groups?")]);
        let of_groups =
            self.groups.iter().flat_map(|id| [format!("/groups/{id}?"), format!("/groups/{id}/members?")]);
        of_users.chain(of_groups).collect()
    }

    /// The state after a revision, for all paths.
    fn expected(&self, revision: u64) -> State {
        let state = &self.states[&revision];
        self.paths().into_iter().map(|path| (path.clone(), state.get(&path).cloned().flatten())).collect()
    }
}

/// The response to a read, or `None` if it is 404.
async fn read(client: &Client, path: &str, at: &str) -> Option<Value> {
    let response = client.get(&format!("{path}{at}")).send().await;
    if response.code() == 404 { None } else { Some(response.expect(200).json()) }
}

async fn past_states_equal_those_read_at_the_time(api: Api) {
    let recorder = Recorder::run(&api, 17).await;
    let rows = follow(&api.client, 0, "").await;
    let mut copy = Copy::default();
    check_copy(&api.client, &recorder, &copy, 0).await;
    for row in &rows {
        let revision = number(&row["revision"]);
        copy.apply(row);
        if !recorder.states.contains_key(&revision) {
            // A revision within a transaction.
            check_copy(&api.client, &recorder, &copy, revision).await;
            continue;
        }
        let points = [format!("at={revision}"), format!("at={}", text(&row["time"]))];
        for (path, expected) in recorder.expected(revision) {
            for point in &points {
                assert_eq!(read(&api.client, &path, point).await, expected, "{path}{point}");
            }
        }
    }
    assert!(copy.deletions > 7, "the writes deleted few resources");
}

/// The ids of users and groups, and the memberships, after a number of changes.
#[derive(Default)]
struct Copy {
    resources: BTreeSet<String>,
    /// The ids of the groups and of their members.
    members: BTreeSet<(String, String)>,
    deletions: usize,
}

impl Copy {
    fn apply(&mut self, row: &Value) {
        let id = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        match text(&row["type"]) {
            "user.created" | "group.created" => drop(self.resources.insert(id("id"))),
            "user.deleted" | "group.deleted" => {
                self.deletions += 1;
                self.resources.remove(&id("id"));
                self.members.retain(|(group, _)| *group != id("id"));
            }
            "member.added" => drop(self.members.insert((id("groupId"), id("userId")))),
            "member.removed" => drop(self.members.remove(&(id("groupId"), id("userId")))),
            _ => {}
        }
    }

    fn members_of(&self, group: &str) -> Vec<&str> {
        self.members.iter().filter(|(of, _)| of == group).map(|(_, user)| user.as_str()).collect()
    }

    fn groups_of(&self, user: &str) -> Vec<&str> {
        self.members.iter().filter(|(_, member)| member == user).map(|(group, _)| group.as_str()).collect()
    }
}

/// Checks which resources and memberships exist after a revision.
async fn check_copy(client: &Client, recorder: &Recorder, copy: &Copy, revision: u64) {
    let at = format!("?at={revision}");
    for id in &recorder.users {
        let groups = read(client, &format!("/users/{id}/groups"), &at).await;
        let ids: Option<Vec<_>> =
            groups.as_ref().map(|page| items(page).iter().map(|group| text(&group["id"])).collect());
        let expected = copy.resources.contains(id).then(|| copy.groups_of(id));
        assert_eq!(ids, expected, "the groups of {id} at {revision}");
        assert_eq!(read(client, &format!("/users/{id}"), &at).await.is_some(), expected.is_some());
    }
    for id in &recorder.groups {
        let members = read(client, &format!("/groups/{id}/members"), &at).await;
        let ids: Option<Vec<_>> =
            members.as_ref().map(|page| items(page).iter().map(|member| text(&member["userId"])).collect());
        let expected = copy.resources.contains(id).then(|| copy.members_of(id));
        assert_eq!(ids, expected, "the members of {id} at {revision}");
        let count =
            read(client, &format!("/groups/{id}"), &at).await.map(|group| number(&group["memberCount"]));
        assert_eq!(count, expected.map(|members| members.len() as u64));
    }
}

/// Removes the times that only the deleted changes contained.
fn without_times(mut value: Value) -> Value {
    let fields = |value: &mut Value| {
        if let Some(map) = value.as_object_mut() {
            map.remove("updatedAt");
            map.remove("addedAt");
        }
    };
    fields(&mut value);
    value["items"].as_array_mut().into_iter().flatten().for_each(fields);
    value
}

async fn states_are_known_without_the_changes_that_led_to_them(api: Api) {
    let recorder = Recorder::run(&api, 23).await;
    let rows = follow(&api.client, 0, "").await;
    let earliest = rows.len() as u64 / 2;
    // The members of a group that has been deleted are known only from the changes since its creation.
    let is_old = |row: &&Value| number(&row["revision"]) < earliest && row["type"] == "group.created";
    let old: BTreeSet<_> = rows.iter().filter(is_old).map(|row| text(&row["id"])).collect();
    let deleted = rows.iter().filter(|row| row["type"] == "group.deleted").map(|row| text(&row["id"]));
    let unknown: Vec<_> = deleted.filter(|group| old.contains(group)).collect();
    assert!(!unknown.is_empty(), "no group was created early and deleted late");
    api.sql().execute(&format!("DELETE FROM changes WHERE revision < {earliest}"));
    for (revision, time) in rows.iter().map(|row| (number(&row["revision"]), text(&row["time"]))) {
        let Some(state) = recorder.states.get(&revision) else { continue };
        for (path, expected) in state {
            let read = api.client.get(&format!("{path}at={revision}")).send().await;
            if revision + 1 < earliest {
                assert_eq!(gone_problem(&read)["earliest"], earliest, "{path}");
                gone_problem(&api.client.get(&format!("{path}at={time}")).send().await);
                continue;
            }
            let text = format!("{path}{}", expected.clone().unwrap_or_default());
            match expected {
                // A list of groups may lack the group: without the change that added the user, nothing names it.
                Some(_) if unknown.iter().any(|group| text.contains(group)) => {
                    assert!(
                        matches!(read.code(), 410 | 200) && (read.code() == 410 || path.contains("/users/"))
                    );
                }
                None => assert_eq!(read.code(), 404, "{path}at={revision}: {}", read.text()),
                Some(value) => {
                    let found = without_times(read.expect(200).json());
                    assert_eq!(found, without_times(value.clone()), "{path}at={revision}");
                }
            }
        }
    }
}
