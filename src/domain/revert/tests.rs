use super::*;
use crate::domain::change::ChangeKind;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The actor whose changes are reverted, and somebody else.
const MINE: &str = "mine";
const OTHER: &str = "other";

fn author(id: &str) -> Author {
    Author { kind: "key".to_owned(), id: id.to_owned() }
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn fact(revision: i64, kind: ChangeKind, by: &str, before: Option<&Value>, after: Option<&Value>) -> Fact {
    Fact { revision, kind, role: role(by), before: before.map(map), after: after.map(map) }
}

fn role(by: &str) -> Role {
    if by == MINE { Role::Selected } else { Role::Other(author(by)) }
}

/// A change that undoes others.
fn undoing(revisions: &[i64], fact: Fact) -> Fact {
    Fact { role: Role::Undo(revisions.to_vec()), ..fact }
}

/// A change that the actor made after the range.
fn after_the_range(fact: Fact) -> Fact {
    Fact { role: Role::Later(author(MINE)), ..fact }
}

fn created(revision: i64, by: &str, after: &Value) -> Fact {
    fact(revision, ChangeKind::USER_CREATED, by, None, Some(after))
}

fn updated(revision: i64, by: &str, before: &Value, after: &Value) -> Fact {
    fact(revision, ChangeKind::USER_UPDATED, by, Some(before), Some(after))
}

fn deleted(revision: i64, by: &str, before: &Value) -> Fact {
    fact(revision, ChangeKind::USER_DELETED, by, Some(before), None)
}

fn trail<const N: usize>(facts: [Fact; N]) -> Trail {
    let mut trail = Trail::default();
    facts.into_iter().rev().for_each(|fact| trail.add(fact));
    trail.finished()
}

fn decide<const N: usize>(facts: [Fact; N], present: Option<&Value>) -> Decision {
    trail(facts).decide(present.map(map).as_ref(), None)
}

fn values(decision: &Decision) -> Value {
    json!(decision.values)
}

fn conflicts(decision: &Decision) -> Vec<(Option<&str>, Reason, Option<i64>)> {
    let of = |conflict| {
        let Conflict { attribute, reason, revision, .. }: &Conflict = conflict;
        (attribute.as_deref(), *reason, *revision)
    };
    decision.conflicts.iter().map(of).collect()
}

#[test]
fn attributes_return_to_their_values_before_the_changes() {
    let changes = [
        updated(1, MINE, &json!({ "title": "a", "locale": null }), &json!({ "title": "b", "locale": "en" })),
        updated(2, MINE, &json!({ "title": "b" }), &json!({ "title": "c" })),
        updated(3, OTHER, &json!({ "active": true }), &json!({ "active": false })),
    ];
    let present = json!({ "title": "c", "locale": "en", "active": false });
    let decision = decide(changes, Some(&present));
    assert_eq!(decision.step, Step::Update);
    assert_eq!(values(&decision), json!({ "title": "a", "locale": null }));
    assert_eq!(decision.reverts(), [1, 2].into());
    assert_eq!(conflicts(&decision), []);
    assert_eq!(
        Value::from(merge(map(&present), &decision.values)),
        json!({ "title": "a", "locale": null, "active": false })
    );
}

#[test]
fn later_writes_of_others_are_kept() {
    let changes = [
        updated(1, MINE, &json!({ "title": "a", "locale": "de" }), &json!({ "title": "b", "locale": "en" })),
        updated(2, OTHER, &json!({ "title": "b" }), &json!({ "title": "c" })),
    ];
    let decision = decide(changes, Some(&json!({ "title": "c", "locale": "en" })));
    assert_eq!(values(&decision), json!({ "locale": "de" }));
    assert_eq!(conflicts(&decision), [(Some("title"), Reason::Changed, Some(2))]);
    assert_eq!(decision.conflicts[0].actor, Some(author(OTHER)));
}

#[test]
fn writes_of_others_in_between_are_kept() {
    let changes = [
        updated(1, MINE, &json!({ "title": "a" }), &json!({ "title": "b" })),
        updated(2, OTHER, &json!({ "title": "b" }), &json!({ "title": "c" })),
        updated(3, MINE, &json!({ "title": "c" }), &json!({ "title": "d" })),
    ];
    let decision = decide(changes, Some(&json!({ "title": "d" })));
    assert_eq!(values(&decision), json!({ "title": "c" }));
    assert_eq!(decision.reverts(), [3].into());
}

#[test]
fn nothing_is_done_if_the_value_is_the_previous_one() {
    let undone = [
        updated(1, MINE, &json!({ "title": "a" }), &json!({ "title": "b" })),
        updated(2, OTHER, &json!({ "title": "b" }), &json!({ "title": "a" })),
    ];
    let changed_back = [
        updated(1, MINE, &json!({ "title": "a" }), &json!({ "title": "b" })),
        updated(2, MINE, &json!({ "title": "b" }), &json!({ "title": "a" })),
    ];
    for changes in [undone, changed_back] {
        let decision = decide(changes, Some(&json!({ "title": "a" })));
        assert_eq!((decision.step, conflicts(&decision)), (Step::Unchanged, vec![]));
        assert_eq!(decision.reverts(), [].into());
    }
}

#[test]
fn the_external_id_of_each_source_is_an_attribute() {
    let ids =
        |ids: &[(&str, &str)]| json!({ "externalIds": ids.iter().copied().collect::<BTreeMap<_, _>>() });
    let changes = [
        updated(1, MINE, &ids(&[("native", "n")]), &ids(&[("native", "n"), ("c", "1")])),
        updated(2, OTHER, &ids(&[("native", "n"), ("c", "1")]), &ids(&[("native", "m"), ("c", "1")])),
        updated(3, MINE, &ids(&[("native", "m"), ("c", "1")]), &ids(&[("native", "m"), ("c", "2")])),
    ];
    let present = ids(&[("native", "m"), ("c", "2")]);
    let decision = decide(changes, Some(&present));
    assert_eq!(values(&decision), json!({ "externalIds.c": null }));
    assert_eq!(Value::from(merge(map(&present), &decision.values)), ids(&[("native", "m")]));
}

#[test]
fn a_created_resource_is_deleted_unless_others_have_changed_it() {
    let user = json!({ "userName": "a", "title": null });
    let decision = decide([created(1, MINE, &user)], Some(&user));
    assert_eq!((decision.step, decision.reverts()), (Step::Delete, [1].into()));
    let changed = updated(2, OTHER, &json!({ "title": null }), &json!({ "title": "x" }));
    let decision =
        decide([created(1, MINE, &user), changed], Some(&json!({ "userName": "a", "title": "x" })));
    assert_eq!(decision.step, Step::Unchanged);
    assert_eq!(conflicts(&decision), [(None, Reason::Changed, Some(2))]);
    // The value that somebody else gave it is not lost, either.
    let changed = updated(2, OTHER, &json!({ "title": null }), &json!({ "title": "x" }));
    let again = updated(3, MINE, &json!({ "title": "x" }), &json!({ "title": "y" }));
    let decision =
        decide([created(1, MINE, &user), changed, again], Some(&json!({ "userName": "a", "title": "y" })));
    assert_eq!((decision.step, values(&decision)), (Step::Update, json!({ "title": "x" })));
    assert_eq!(conflicts(&decision), [(None, Reason::Changed, Some(2))]);
    let trail = trail([created(1, MINE, &user)]);
    assert_eq!(trail.creation(), Some(1));
    let added = Write { revision: 9, author: author(OTHER) };
    let decision = trail.decide(Some(&map(&user)), Some(&added));
    assert_eq!(decision.step, Step::Unchanged);
    assert_eq!(conflicts(&decision), [(None, Reason::Changed, Some(9))]);
}

#[test]
fn an_external_id_of_another_source_keeps_a_created_resource() {
    let user = json!({ "userName": "a", "externalIds": {} });
    let changed = updated(2, OTHER, &json!({ "externalIds": {} }), &json!({ "externalIds": { "c": "1" } }));
    let present = json!({ "userName": "a", "externalIds": { "c": "1" } });
    let decision = decide([created(1, MINE, &user), changed], Some(&present));
    assert_eq!(conflicts(&decision), [(None, Reason::Changed, Some(2))]);
    // Its own externalId remains.
    let user = json!({ "userName": "a", "externalIds": { "c": "1" } });
    let changed = updated(2, OTHER, &json!({ "userName": "a" }), &json!({ "userName": "b" }));
    let present = json!({ "userName": "b", "externalIds": { "c": "1" } });
    assert_eq!(decide([created(1, MINE, &user), changed], Some(&present)).step, Step::Unchanged);
}

#[test]
fn nothing_is_left_to_undo_of_a_resource_that_was_created_and_deleted() {
    let user = json!({ "userName": "a" });
    for by in [MINE, OTHER] {
        let decision = decide([created(1, MINE, &user), deleted(2, by, &user)], None);
        assert_eq!((decision.step, conflicts(&decision)), (Step::Unchanged, vec![]));
    }
}

#[test]
fn a_deleted_resource_is_restored_with_its_values_before_the_changes() {
    let changes = [
        updated(1, MINE, &json!({ "title": "a" }), &json!({ "title": "b" })),
        updated(2, OTHER, &json!({ "locale": "de" }), &json!({ "locale": "en" })),
        deleted(3, MINE, &json!({ "userName": "u", "title": "b", "locale": "en" })),
    ];
    let decision = decide(changes, None);
    assert_eq!((decision.step, decision.reverts()), (Step::Restore, [1, 3].into()));
    assert_eq!(values(&decision), json!({ "title": "a" }));
    assert_eq!(decision.claims(), [("userName".to_owned(), "u".to_owned())]);
}

#[test]
fn a_deletion_or_restore_by_others_is_kept() {
    let user = json!({ "userName": "u", "title": "b" });
    let update = || updated(1, MINE, &json!({ "title": "a" }), &json!({ "title": "b" }));
    // Somebody else has already undone the deletion.
    let decision = decide([deleted(2, MINE, &user), created(3, OTHER, &user)], Some(&user));
    assert_eq!((decision.step, conflicts(&decision)), (Step::Unchanged, vec![]));
    let decision = decide([update(), deleted(2, MINE, &user), created(3, OTHER, &user)], Some(&user));
    assert_eq!(conflicts(&decision), [(Some("title"), Reason::Changed, Some(3))]);
    let decision = decide([update(), deleted(2, OTHER, &user)], None);
    assert_eq!(conflicts(&decision), [(None, Reason::Deleted, Some(2))]);
    let again = [deleted(2, MINE, &user), created(3, OTHER, &user), deleted(4, OTHER, &user)];
    assert_eq!(conflicts(&decide(again, None)), [(None, Reason::Deleted, Some(4))]);
    let again = [created(1, MINE, &user), deleted(2, OTHER, &user), created(3, OTHER, &user)];
    assert_eq!(conflicts(&decide(again, Some(&user))), [(None, Reason::Recreated, Some(3))]);
}

#[test]
fn a_restore_is_undone_by_a_deletion() {
    let user = json!({ "userName": "u" });
    let decision = decide([deleted(1, OTHER, &user), created(2, MINE, &user)], Some(&user));
    assert_eq!((decision.step, decision.reverts()), (Step::Delete, [2].into()));
    let decision = decide([deleted(1, MINE, &user), created(2, MINE, &user)], Some(&user));
    assert_eq!((decision.step, conflicts(&decision)), (Step::Unchanged, vec![]));
}

#[test]
fn erased_values_cannot_be_restored() {
    let decision = decide([fact(1, ChangeKind::USER_DELETED, MINE, None, None)], None);
    assert_eq!(conflicts(&decision), [(None, Reason::Erased, None)]);
    let blank = fact(1, ChangeKind::USER_UPDATED, MINE, None, None);
    let decision = decide([blank, deleted(2, MINE, &json!({ "userName": "u" }))], None);
    assert_eq!(conflicts(&decision), [(None, Reason::Erased, None)]);
}

#[test]
fn writes_that_a_revert_has_undone_do_not_count() {
    let title = |revision, by, before: &str, after: &str| {
        updated(revision, by, &json!({ "title": before }), &json!({ "title": after }))
    };
    // Somebody else changed the title, but this was undone.
    let changes =
        [title(1, MINE, "a", "b"), title(2, OTHER, "b", "c"), undoing(&[2], title(3, OTHER, "c", "b"))];
    let decision = decide(changes, Some(&json!({ "title": "b" })));
    assert_eq!((values(&decision), conflicts(&decision)), (json!({ "title": "a" }), vec![]));
    // The revert was reverted, so the change by somebody else counts again.
    let changes = [
        title(1, MINE, "a", "b"),
        title(2, OTHER, "b", "c"),
        undoing(&[2], title(3, OTHER, "c", "b")),
        undoing(&[3], title(4, OTHER, "b", "c")),
    ];
    let decision = decide(changes, Some(&json!({ "title": "c" })));
    assert_eq!(conflicts(&decision), [(Some("title"), Reason::Changed, Some(2))]);
    // A revert of this change leaves nothing to undo.
    let changes = [title(1, MINE, "a", "b"), undoing(&[1], title(2, OTHER, "b", "a"))];
    let decision = decide(changes, Some(&json!({ "title": "a" })));
    assert_eq!((decision.step, conflicts(&decision)), (Step::Unchanged, vec![]));
    // Another attribute of the same change was not undone.
    let both =
        updated(1, OTHER, &json!({ "title": "a", "locale": "de" }), &json!({ "title": "b", "locale": "en" }));
    let changes = [
        updated(0, MINE, &json!({ "title": "x", "locale": "x" }), &json!({ "title": "a", "locale": "de" })),
        both,
        undoing(&[1], title(2, OTHER, "b", "a")),
    ];
    let decision = decide(changes, Some(&json!({ "title": "a", "locale": "en" })));
    assert_eq!(values(&decision), json!({ "title": "x" }));
    assert_eq!(conflicts(&decision), [(Some("locale"), Reason::Changed, Some(1))]);
}

#[test]
fn a_deletion_that_a_revert_has_undone_does_not_count() {
    let user = json!({ "userName": "u", "title": "b" });
    let update = || updated(1, MINE, &json!({ "title": "a" }), &json!({ "title": "b" }));
    let changes = [update(), deleted(2, OTHER, &user), undoing(&[2], created(3, OTHER, &user))];
    let decision = decide(changes, Some(&user));
    assert_eq!((values(&decision), conflicts(&decision)), (json!({ "title": "a" }), vec![]));
    // The restore was undone as well, so the newest deletion is not the one to be undone.
    let changes = [
        deleted(1, MINE, &user),
        undoing(&[1], created(2, OTHER, &user)),
        undoing(&[2], deleted(3, OTHER, &user)),
    ];
    let decision = decide(changes, None);
    assert_eq!((decision.step, decision.undoes, decision.deletion), (Step::Restore, Some(1), Some(3)));
}

#[test]
fn later_writes_of_the_actor_count_unless_they_change_nothing_together() {
    let title = |revision, before: &str, after: &str| {
        updated(revision, MINE, &json!({ "title": before }), &json!({ "title": after }))
    };
    let later = |fact: Fact| after_the_range(fact);
    let changes = [title(1, "a", "b"), later(title(2, "b", "c"))];
    let decision = decide(changes, Some(&json!({ "title": "c" })));
    assert_eq!(conflicts(&decision), [(Some("title"), Reason::Changed, Some(2))]);
    let changes = [title(1, "a", "b"), later(title(2, "b", "c")), later(title(3, "c", "b"))];
    let decision = decide(changes, Some(&json!({ "title": "b" })));
    assert_eq!((values(&decision), conflicts(&decision)), (json!({ "title": "a" }), vec![]));
    // Somebody else wrote the value in between.
    let other = updated(3, OTHER, &json!({ "title": "c" }), &json!({ "title": "d" }));
    let changes = [title(1, "a", "b"), later(title(2, "b", "c")), other, later(title(4, "d", "b"))];
    let decision = decide(changes, Some(&json!({ "title": "b" })));
    assert_eq!(conflicts(&decision), [(Some("title"), Reason::Changed, Some(4))]);
    // A created user that the actor has changed and changed back is deleted.
    let user = json!({ "title": "b" });
    let changes = [created(1, MINE, &user), later(title(2, "b", "c")), later(title(3, "c", "b"))];
    assert_eq!(decide(changes, Some(&user)).step, Step::Delete);
}

/// Users whose userName the actor has changed: the id, the name before the change and the present one.
fn renamed(users: &[(u128, &str, &str)], owners: &[(&str, u128)]) -> Vec<(Step, Option<Uuid>)> {
    let present: Vec<_> = users.iter().map(|(_, _, now)| map(&json!({ "userName": now }))).collect();
    let change = |(_, before, now): &(u128, &str, &str)| {
        updated(1, MINE, &json!({ "userName": before }), &json!({ "userName": now }))
    };
    let mut decisions: Vec<_> =
        users.iter().map(|user| decide([change(user)], Some(&json!({ "userName": user.2 })))).collect();
    let owners =
        owners.iter().map(|(name, id)| (("userName".to_owned(), (*name).to_owned()), Uuid::from_u128(*id)));
    let claimants = users.iter().zip(&present).zip(&mut decisions);
    let claimants = claimants.map(|((user, present), decision)| Claimant {
        id: Uuid::from_u128(user.0),
        present: Some(present),
        decision,
    });
    settle(&mut claimants.collect::<Vec<_>>(), &owners.collect());
    let result = |decision: &Decision| {
        (decision.step, decision.conflicts.first().and_then(|conflict| conflict.existing_id))
    };
    decisions.iter().map(result).collect()
}

#[test]
fn users_can_exchange_unique_values() {
    let exchanged = renamed(&[(1, "A", "b"), (2, "b", "a")], &[("a", 2), ("b", 1)]);
    assert_eq!(exchanged, [(Step::Update, None), (Step::Update, None)]);
}

#[test]
fn values_of_other_resources_are_left_alone() {
    let other = Some(Uuid::from_u128(9));
    let one = renamed(&[(1, "a", "b")], &[("a", 9), ("b", 1)]);
    assert_eq!(one, [(Step::Unchanged, other)]);
    // The second user keeps `b`, which the first one needs.
    let chain = renamed(&[(1, "b", "x"), (2, "a", "b")], &[("a", 9), ("b", 2), ("x", 1)]);
    assert_eq!(chain, [(Step::Unchanged, Some(Uuid::from_u128(2))), (Step::Unchanged, other)]);
    // Both users had the name `a`, one after the other.
    let both = renamed(&[(1, "a", "x"), (2, "a", "y")], &[("x", 1), ("y", 2)]);
    assert_eq!(both, [(Step::Update, None), (Step::Unchanged, Some(Uuid::from_u128(1)))]);
}

fn member(changes: &[(i64, bool, &str)], is_member: bool, can_be: bool) -> (Step, Option<Reason>) {
    let mut trail = MemberTrail::default();
    for (revision, added, by) in changes.iter().rev() {
        trail.add(*revision, *added, &role(by));
    }
    let (group_id, user_id) = (Uuid::nil(), Uuid::nil());
    let (outcome, conflict) = trail.decide(Target::Member { group_id, user_id }, is_member, can_be);
    (outcome.outcome, conflict.map(|conflict| conflict.reason))
}

#[test]
fn memberships_are_undone_unless_others_have_changed_them() {
    assert_eq!(member(&[(1, true, MINE)], true, true), (Step::Remove, None));
    assert_eq!(member(&[(1, false, MINE)], false, true), (Step::Add, None));
    assert_eq!(member(&[(1, false, MINE)], false, false), (Step::Unchanged, Some(Reason::Missing)));
    assert_eq!(member(&[(1, true, MINE), (2, false, MINE)], false, true), (Step::Unchanged, None));
    assert_eq!(member(&[(1, true, MINE), (2, false, OTHER)], false, true), (Step::Unchanged, None));
    let again = [(1, true, MINE), (2, false, OTHER), (3, true, OTHER)];
    assert_eq!(member(&again, true, true), (Step::Unchanged, Some(Reason::Changed)));
    let between = [(1, false, MINE), (2, true, OTHER), (3, false, MINE)];
    assert_eq!(member(&between, false, true), (Step::Add, None));
    let mut trail = MemberTrail::default();
    trail.add(3, true, &Role::Undo(vec![2]));
    trail.add(2, false, &role(OTHER));
    trail.add(1, true, &Role::Selected);
    let (group_id, user_id) = (Uuid::nil(), Uuid::nil());
    let (undone, conflict) = trail.decide(Target::Member { group_id, user_id }, true, true);
    assert_eq!((undone.outcome, conflict), (Step::Remove, None));
    // The deletion of the group has removed the member.
    assert_eq!(member(&[(1, true, MINE)], false, false), (Step::Unchanged, None));
}

#[test]
fn requests_are_read() {
    let actor = json!({ "type": "connection", "id": "c" });
    let request = |body: Value| RevertRequest::read(body).map(|request| request.head);
    assert_eq!(request(json!({ "after": 0, "until": 1, "actor": actor })), Ok(None));
    assert_eq!(request(json!({ "after": 0, "until": 1, "actor": actor, "plan": true, "head": 1 })), Ok(None));
    assert_eq!(
        request(json!({ "after": 0, "until": 1, "actor": actor, "plan": false, "head": 1 })),
        Ok(Some(1))
    );
    let errors = |body: Value| {
        let errors = RevertRequest::read(body).unwrap_err().into_iter();
        errors.map(|error| format!("{} {}", error.pointer, error.code)).collect::<Vec<_>>()
    };
    assert_eq!(
        errors(json!({})),
        [
            "/after required",
            "/until required",
            "/actor required",
            "/actor/type required",
            "/actor/id required"
        ]
    );
    let body = json!({ "after": 1, "until": 1, "actor": { "type": "server", "id": "x", "y": 1 }, "plan": false, "z": 1 });
    let expected = [
        "/until invalid-range",
        "/actor/type unknown-actor",
        "/actor/y unknown-field",
        "/head required",
        "/z unknown-field",
    ];
    assert_eq!(errors(body), expected);
    let body = json!({ "after": -1, "until": "2", "actor": actor, "plan": 1, "head": 1.5 });
    assert_eq!(
        errors(body),
        ["/after wrong-type", "/until wrong-type", "/plan wrong-type", "/head wrong-type"]
    );
}

/// A write of an attribute: by the actor or somebody else, of one of a few attributes, to one of a few values.
fn writes() -> impl Strategy<Value = Vec<(bool, usize, u8)>> {
    prop::collection::vec((any::<bool>(), 0..3_usize, 0..3_u8), 0..20)
}

proptest! {
    /// An attribute whose last write is by somebody else keeps its value. Any other has the value before the actor's last
    /// consecutive writes.
    #[test]
    fn only_the_last_writes_of_the_actor_are_undone(writes in writes()) {
        let names = ["title", "locale", "nickName"];
        let (mut facts, mut state) = (Vec::new(), map(&json!({ "title": 0, "locale": 0, "nickName": 0 })));
        // The values of each attribute, with the writers.
        let mut history: BTreeMap<&str, Vec<(bool, Value)>> =
            names.iter().map(|name| (*name, vec![(false, json!(0))])).collect();
        for (revision, (mine, name, value)) in (1..).zip(writes) {
            let (name, value) = (names[name], json!(value));
            if state[name] == value {
                continue;
            }
            let by = if mine { MINE } else { OTHER };
            facts.push(updated(revision, by, &json!({ name: state[name] }), &json!({ name: value })));
            history.get_mut(name).unwrap().push((mine, value.clone()));
            state[name] = value;
        }
        let mut trail = Trail::default();
        facts.into_iter().rev().for_each(|fact| trail.add(fact));
        let decision = trail.finished().decide(Some(&state), None);
        let after = merge(state, &decision.values);
        for name in names {
            let last = history[name].iter().rev().find(|(mine, _)| !mine);
            prop_assert_eq!(Some(&after[name]), last.map(|(_, value)| value));
        }
    }
}
