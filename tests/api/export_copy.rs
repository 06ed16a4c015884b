//! A copy of a tenant's users, groups and members, as docs/import-and-export.md tells clients to maintain it.

use crate::api::feed_helpers::{follow, number};
use crate::support::api::text;
use crate::support::http::Client;
use roster::domain::digest::Digest;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

#[derive(Debug, PartialEq)]
pub(crate) struct TenantCopy {
    /// The revision up to which the copy is complete.
    pub(crate) revision: u64,
    /// The version, time and attributes of each user, by id.
    pub(crate) users: BTreeMap<String, Value>,
    groups: BTreeMap<String, Value>,
    /// The ids of groups and users.
    members: BTreeSet<(String, String)>,
}

impl TenantCopy {
    pub(crate) fn of_export(lines: &[Value]) -> Self {
        let [head, entries @ .., end] = lines else { panic!("the export has two lines or more") };
        let mut copy = Self {
            revision: number(&head["revision"]),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            members: BTreeSet::new(),
        };
        for entry in entries {
            let is_new = match text(&entry["resource"]) {
                "member" => copy.members.insert(member(entry)),
                kind => copy.resources(kind).insert(text(&entry["id"]).to_owned(), state(entry)).is_none(),
            };
            assert!(is_new, "a resource has two lines: {entry}");
        }
        let counts = [copy.users.len(), copy.groups.len(), copy.members.len()];
        assert_eq!(json!(counts), json!([end["users"], end["groups"], end["members"]]));
        copy
    }

    /// Applies all changes after the copy's revision.
    pub(crate) async fn follow(&mut self, client: &Client) {
        for row in follow(client, self.revision, "").await {
            self.apply(&row);
            self.revision = number(&row["revision"]);
        }
    }

    /// The digest that the change feed has at the copy's revision.
    pub(crate) fn digest(&self) -> Digest {
        let of = |resources: &BTreeMap<String, Value>, digest: fn(Uuid, i64) -> Digest| {
            let digests =
                resources.iter().map(|(id, state)| digest(parse(id), state["version"].as_i64().unwrap()));
            digests.fold(Digest::default(), |all, one| all ^ one)
        };
        let members = self.members.iter().map(|(group, user)| Digest::of_member(parse(group), parse(user)));
        let members = members.fold(Digest::default(), |all, one| all ^ one);
        of(&self.users, Digest::of_user) ^ of(&self.groups, Digest::of_group) ^ members
    }

    fn resources(&mut self, kind: &str) -> &mut BTreeMap<String, Value> {
        if kind == "user" { &mut self.users } else { &mut self.groups }
    }

    pub(crate) fn apply(&mut self, row: &Value) {
        let (kind, action) = text(&row["type"]).split_once('.').expect("a type has two parts");
        match (kind, action) {
            ("member", _) => self.apply_member(row, action),
            ("user" | "group", "deleted") => {
                let id = text(&row["id"]);
                self.resources(kind).remove(id);
                self.members.retain(|(group, _)| group != id);
            }
            ("user" | "group", _) => self.write(kind, row),
            _ => {}
        }
    }

    fn apply_member(&mut self, row: &Value, action: &str) {
        match action {
            "added" => self.members.insert(member(row)),
            _ => self.members.remove(&member(row)),
        };
        if let Some(group) = self.groups.get_mut(text(&row["groupId"]))
            && number(&group["version"]) < number(&row["version"])
        {
            (group["version"], group["time"]) = (row["version"].clone(), row["time"].clone());
        }
    }

    fn write(&mut self, kind: &str, row: &Value) {
        let (id, is_creation) = (text(&row["id"]), text(&row["type"]).ends_with(".created"));
        let Some(held) = self.resources(kind).get_mut(id) else {
            if is_creation {
                self.resources(kind).insert(id.to_owned(), state(row));
            }
            return;
        };
        // A group that is updated together with its members has the same version in several rows, so rows of the version
        // that the copy holds are applied.
        if number(&held["version"]) > number(&row["version"]) {
            return;
        }
        for (name, value) in row["after"].as_object().expect("an update has values") {
            held["after"][name] = value.clone();
        }
        (held["version"], held["time"]) = (row["version"].clone(), row["time"].clone());
    }
}

fn parse(id: &str) -> Uuid {
    id.parse().expect("the id is a UUID")
}

fn member(entry: &Value) -> (String, String) {
    (text(&entry["groupId"]).to_owned(), text(&entry["userId"]).to_owned())
}

fn state(entry: &Value) -> Value {
    json!({ "version": entry["version"], "time": entry["time"], "after": entry["after"] })
}
