//! A random sync by a connection, mixed with random writes by others, is reverted: the writes of others survive, everything
//! else is as before, and a follower's copy and digest equal the source.

use crate::api::export_copy::TenantCopy;
use crate::api::feed_helpers::{follow, number};
use crate::api::random_sync::{State, Writer, assert_same, attributes, check_copy};
use crate::api::revert_helpers::{OtherServer, apply, connection, head, outcomes, selection};
use crate::support::api::{Api, text};
use crate::support::exports;
use rand::RngExt;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

engine_tests! {
    a_random_sync_is_undone
    a_random_sync_among_writes_of_others_is_undone
    writes_of_others_survive_the_revert_of_several_ranges
}

const STEPS: usize = 120;

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

/// Checks that what others have written last is as before.
#[track_caller]
fn assert_kept(model: &Model, found: &State) {
    let is_mine = |id: &str, name: &str| model.mine.contains(&(id.to_owned(), name.to_owned()));
    let ids: BTreeSet<_> = model.now.resources.keys().chain(found.resources.keys()).collect();
    for id in ids {
        let (now, found) = (model.now.resources.get(id), found.resources.get(id));
        assert!(is_mine(&id.1, "") || now.is_some() == found.is_some(), "{id:?}");
        for (now, found) in now.into_iter().zip(found) {
            for name in now.keys().chain(found.keys()).filter(|name| !is_mine(&id.1, name)) {
                assert_eq!(now.get(name), found.get(name), "{id:?} {name}");
            }
        }
    }
    let exists = |kind: &str, id: &str| found.resources.contains_key(&(kind.to_owned(), id.to_owned()));
    for member in model.now.members.symmetric_difference(&found.members) {
        let can_be = exists("group", &member.0) && exists("user", &member.1);
        assert!(!can_be || model.mine.contains(&member_key(member)), "{member:?}");
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
    for seed in 11..=16 {
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
        let selection = selection(&api.client, start, &actor).await;
        let report = match seed {
            ..15 => apply(&api.client, &selection).await,
            _ => OtherServer { portion: 2, ..OtherServer::DEFAULT }
                .revert(&api, &selection, || {})
                .await
                .unwrap(),
        };
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

async fn writes_of_others_survive_the_revert_of_several_ranges(api: Api) {
    for seed in 51..=54 {
        let (scim, actor) = connection(&api.client, &format!("Okta {seed}")).await;
        let mut writer = Writer::start(&api, seed).await;
        let (before, start) = (State::read(&api.client).await, head(&api.client).await);
        let copy = TenantCopy::of_export(&exports::lines(&api.client, "").await);
        let mut middle = start;
        for step in 0..2 * STEPS {
            if step == STEPS {
                middle = head(&api.client).await;
            }
            let request = match writer.rng.random_bool(0.6) {
                true => writer.sync(&scim, step),
                false => writer.other(&api.client, step),
            };
            writer.write(request).await;
        }
        let mut model = Model::of(before, &actor);
        follow(&api.client, start, "").await.iter().for_each(|row| model.apply(row));
        let end = head(&api.client).await;
        for (after, until) in [(middle, end), (start, middle)] {
            apply(&api.client, &json!({ "after": after, "until": until, "actor": actor })).await;
            assert_kept(&model, &State::read(&api.client).await);
        }
        check_copy(&api.client, copy).await;
    }
}
