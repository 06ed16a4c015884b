//! Reverts in several transactions, of several ranges, and by several servers: the result does not depend on how a revert is
//! split.

use crate::api::callers::get;
use crate::api::export_copy::TenantCopy;
use crate::api::feed_helpers::{follow, number};
use crate::api::group_helpers::{
    add_members, create_group, create_named_group, create_users, group_path, member_names, member_path,
};
use crate::api::random_sync::{State, Writer, assert_same, check_copy};
use crate::api::revert_helpers::{
    OtherServer, actor_with_role, apply, apply_request, conflicts, connection, head, outcomes, plan, revert,
    selection,
};
use crate::support::api::{Api, Engine, path, text};
use crate::support::exports;
use rand::RngExt;
use roster::ops::OpError;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Duration;

engine_tests! {
    small_portions_have_the_result_of_a_single_one
    ranges_are_reverted_one_after_another
    members_of_a_restored_group_do_not_depend_on_the_portions
    the_members_of_restored_groups_count
    a_portion_with_a_canceled_statement_is_split
    a_portion_that_would_miss_its_deadline_is_split
    no_other_write_precedes_the_first_portion
    servers_revert_the_same_range_at_the_same_time
    a_revert_that_ended_early_is_completed
    groups_are_locked_after_users
    reverts_name_the_membership_that_ended
    resources_that_would_be_too_large_are_left_alone
    a_created_user_with_undone_memberships_is_deleted
}

const STEPS: usize = 120;

async fn small_portions_have_the_result_of_a_single_one(api: Api) {
    for (seed, portion) in [(21, 1), (22, 2), (23, 3), (24, 7), (25, 1)] {
        let (scim, actor) = connection(&api.client, &format!("Okta {seed}")).await;
        let mut writer = Writer::start(&api, seed).await;
        writer.renames = false;
        let (before, start) = (State::read(&api.client).await, head(&api.client).await);
        let copy = TenantCopy::of_export(&exports::lines(&api.client, "").await);
        for step in 0..STEPS {
            let request = writer.sync(&scim, step);
            writer.write(request).await;
        }
        let selection = selection(&api.client, start, &actor).await;
        let planned = plan(&api.client, &selection).await;
        let server = OtherServer { portion, ..OtherServer::DEFAULT };
        let report = server.revert(&api, &selection, || {}).await.unwrap();
        assert!(report["portions"].as_array().unwrap().len() > 5, "{report}");
        // Within a portion, the items are in another order.
        let items = |report: &Value| {
            let items = report["items"].as_array().unwrap().iter();
            items.map(Value::to_string).collect::<BTreeSet<_>>()
        };
        assert_eq!((conflicts(&report), items(&report)), (vec![], items(&planned)));
        let rows = follow(&api.client, start, "").await;
        assert_same(&State::read(&api.client).await, &before, &rows, &report);
        check_copy(&api.client, copy).await;
    }
}

async fn ranges_are_reverted_one_after_another(api: Api) {
    for seed in 31..=36 {
        let (scim, actor) = connection(&api.client, &format!("Okta {seed}")).await;
        let mut writer = Writer::start(&api, seed).await;
        let (before, start) = (State::read(&api.client).await, head(&api.client).await);
        let middle = writer.rng.random_range(STEPS / 4..STEPS * 3 / 4);
        let mut states = Vec::new();
        for step in 0..STEPS {
            if step == middle || step == middle / 2 {
                states.push((head(&api.client).await, State::read(&api.client).await));
            }
            let request = writer.sync(&scim, step);
            writer.write(request).await;
        }
        states.insert(0, (start, before));
        // A step can change nothing, so that two ranges are one.
        states.dedup_by_key(|(after, _)| *after);
        let mut until = head(&api.client).await;
        // The newest of the ranges is reverted first.
        for (after, state) in states.into_iter().rev() {
            let selection = json!({ "after": after, "until": until, "actor": actor });
            let report = apply(&api.client, &selection).await;
            let rows = follow(&api.client, start, "").await;
            assert_same(&State::read(&api.client).await, &state, &rows, &report);
            assert_eq!(report["conflicts"], json!([]), "{report}");
            until = after;
        }
    }
}

async fn members_of_a_restored_group_do_not_depend_on_the_portions(api: Api) {
    for portion in [1, 2, 3, 5, 1_000] {
        let (writer, actor) = actor_with_role(&api.client, "writer").await;
        let users: Vec<_> = create_users(&api.client, 4).await;
        let group = create_named_group(&api.client, "a").await;
        add_members(&api.client, &group, &users[..3]).await;
        let start = head(&api.client).await;
        writer.delete(&member_path(&group, &users[0])).send().await.expect(204);
        add_members(&writer, &group, &users[3..]).await;
        let new = writer.post("/users", &json!({ "userName": "new" })).send().await.expect(201).json();
        add_members(&writer, &group, std::slice::from_ref(&new)).await;
        writer.delete(&path(&users[1])).send().await.expect(204);
        writer.delete(&group_path(&group)).send().await.expect(204);
        let selection = selection(&api.client, start, &actor).await;
        let report =
            OtherServer { portion, ..OtherServer::DEFAULT }.revert(&api, &selection, || {}).await.unwrap();
        assert_eq!(conflicts(&report), [], "{report}");
        assert_eq!(member_names(&api.client, &group).await, ["u0", "u1", "u2"], "{portion}: {report}");
        for user in &users {
            api.client.delete(&path(user)).send().await.expect(204);
        }
    }
}

async fn the_members_of_restored_groups_count(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let users = create_users(&api.client, 12).await;
    let mut groups = Vec::new();
    for name in ["a", "b", "c"] {
        let group = create_named_group(&api.client, name).await;
        add_members(&api.client, &group, &users).await;
        groups.push(group);
    }
    let start = head(&api.client).await;
    for group in &groups {
        writer.delete(&group_path(group)).send().await.expect(204);
    }
    let selection = selection(&api.client, start, &actor).await;
    let report =
        OtherServer { portion: 26, ..OtherServer::DEFAULT }.revert(&api, &selection, || {}).await.unwrap();
    let portions = report["portions"].as_array().unwrap();
    let sizes: Vec<_> = portions.iter().map(|portion| number(&portion["items"])).collect();
    assert_eq!(sizes, [2, 1]);
}

/// Makes writes of a user fail as if the database had canceled the statement.
fn make_slow(api: &Api, user: &Value) {
    let id = text(&user["id"]).replace('-', "");
    match api.engine {
        Engine::Sqlite => api.sql().execute(&format!(
            "CREATE TRIGGER slow BEFORE UPDATE ON users WHEN hex(OLD.id) = '{}' \
             BEGIN SELECT RAISE(ABORT, 'out of memory'); END",
            id.to_uppercase()
        )),
        Engine::Postgres => {
            api.sql().execute(
                "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE 'canceling statement due to statement timeout'; END $$",
            );
            api.sql().execute(&format!(
                "CREATE TRIGGER slow BEFORE UPDATE ON users FOR EACH ROW WHEN (OLD.id = '{id}') EXECUTE FUNCTION slow()"
            ));
        }
    }
}

async fn a_portion_with_a_canceled_statement_is_split(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let users = create_users(&api.client, 9).await;
    let start = head(&api.client).await;
    for user in &users {
        writer.patch(&path(user), &json!({ "title": "x" })).send().await.expect(200);
    }
    make_slow(&api, &users[4]);
    let selection = selection(&api.client, start, &actor).await;
    let planned = plan(&api.client, &selection).await;
    let report = apply_request(&api.client, &selection, &planned["head"]).send().await.expect(200).json();
    assert_eq!((conflicts(&report), &report["pending"]), (vec![("-", "timeout")], &json!(0)));
    assert_eq!(report["conflicts"][0]["id"], users[4]["id"]);
    for (index, user) in users.iter().enumerate() {
        let expected = if index == 4 { json!("x") } else { Value::Null };
        assert_eq!(api.read(user).await["title"], expected);
    }
}

async fn a_portion_that_would_miss_its_deadline_is_split(api: Api) {
    if api.engine == Engine::Sqlite {
        return; // SQLite has no function that sleeps.
    }
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let users = create_users(&api.client, 16).await;
    let start = head(&api.client).await;
    for user in &users {
        writer.patch(&path(user), &json!({ "title": "x" })).send().await.expect(200);
    }
    let mut sql = api.sql();
    sql.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(0.15); RETURN NEW; END $$",
    );
    sql.execute("CREATE TRIGGER slow BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION slow()");
    // All updates together take longer than this.
    let server = OtherServer { deadline: Duration::from_secs(2), ..OtherServer::DEFAULT };
    let selection = selection(&api.client, start, &actor).await;
    let report = server.revert(&api, &selection, || {}).await.unwrap();
    assert_eq!((conflicts(&report), &report["pending"]), (vec![], &json!(0)));
    assert_eq!(outcomes(&report), ["update"; 16]);
}

async fn no_other_write_precedes_the_first_portion(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let users = create_users(&api.client, 2).await;
    let start = head(&api.client).await;
    for user in &users {
        writer.patch(&path(user), &json!({ "title": "x" })).send().await.expect(200);
    }
    let selection = selection(&api.client, start, &actor).await;
    let ((opened, is_open), (resume, resumed)) = (mpsc::channel(), mpsc::channel::<()>());
    let wait = move || {
        opened.send(()).unwrap();
        resumed.recv().unwrap();
    };
    let server = OtherServer { portion: 1, ..OtherServer::DEFAULT };
    let reverting = server.revert(&api, &selection, wait);
    let writing = async {
        tokio::task::spawn_blocking(move || is_open.recv().unwrap()).await.unwrap();
        api.create_named("bob").await;
        resume.send(()).unwrap();
    };
    let (result, ()) = tokio::join!(reverting, writing);
    let newest = i64::try_from(head(&api.client).await).unwrap();
    assert_eq!(result, Err(OpError::PreconditionFailed(Some(newest))));
    assert_eq!(api.read(&users[0]).await["title"], "x");
}

async fn servers_revert_the_same_range_at_the_same_time(api: Api) {
    let (scim, actor) = connection(&api.client, "Okta").await;
    let mut writer = Writer::start(&api, 41).await;
    writer.renames = false;
    let (before, start) = (State::read(&api.client).await, head(&api.client).await);
    let copy = TenantCopy::of_export(&exports::lines(&api.client, "").await);
    for step in 0..2 * STEPS {
        let request = writer.sync(&scim, step);
        writer.write(request).await;
    }
    let selection = selection(&api.client, start, &actor).await;
    let end = head(&api.client).await;
    let server = OtherServer { portion: 2, ..OtherServer::DEFAULT };
    // Each server begins again while the other one has written since its plan.
    let repeated = async || {
        loop {
            match server.revert(&api, &selection, || {}).await {
                Ok(report) => return report,
                Err(error) => assert!(matches!(error, OpError::PreconditionFailed(_)), "{error}"),
            }
        }
    };
    let reports = tokio::join!(repeated(), repeated());
    for report in [&reports.0, &reports.1] {
        assert_eq!((conflicts(report), &report["pending"]), (vec![], &json!(0)));
    }
    let rows = follow(&api.client, start, "").await;
    assert_same(&State::read(&api.client).await, &before, &rows, &reports.1);
    check_copy(&api.client, copy).await;
    // No change was undone twice.
    let mut undone = BTreeSet::new();
    for row in rows.iter().filter(|row| number(&row["revision"]) > end) {
        let id =
            row["id"].as_str().map_or_else(|| format!("{}{}", row["groupId"], row["userId"]), str::to_owned);
        assert!(undone.insert((id, row["type"].to_string(), row["reverts"].to_string())), "{row}");
    }
}

async fn a_revert_that_ended_early_is_completed(api: Api) {
    let (scim, actor) = connection(&api.client, "Okta").await;
    let mut writer = Writer::start(&api, 42).await;
    writer.renames = false;
    let (before, start) = (State::read(&api.client).await, head(&api.client).await);
    for step in 0..STEPS {
        let request = writer.sync(&scim, step);
        writer.write(request).await;
    }
    let selection = selection(&api.client, start, &actor).await;
    for portions in [1, 5, 15, 40] {
        let report = OtherServer { portion: 1, portions, ..OtherServer::DEFAULT }
            .revert(&api, &selection, || {})
            .await
            .unwrap();
        assert_eq!(report["portions"].as_array().unwrap().len(), portions);
        assert_ne!(report["pending"], 0);
    }
    let report = apply(&api.client, &selection).await;
    assert_eq!(conflicts(&report), []);
    let rows = follow(&api.client, start, "").await;
    assert_same(&State::read(&api.client).await, &before, &rows, &report);
}

async fn groups_are_locked_after_users(api: Api) {
    if api.engine == Engine::Sqlite {
        return; // SQLite has a single writer.
    }
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let users = create_users(&api.client, 2).await;
    // The first user is to be a member again, and the second one is a member of a group that is to be restored.
    for user in &users {
        let [updated, left, deleted] = [
            create_named_group(&api.client, "a").await,
            create_named_group(&api.client, "b").await,
            create_named_group(&api.client, "c").await,
        ];
        add_members(&api.client, &left, &users[..1]).await;
        add_members(&api.client, &deleted, &users[1..]).await;
        let start = head(&api.client).await;
        writer.patch(&group_path(&updated), &json!({ "displayName": "x" })).send().await.expect(200);
        writer.delete(&member_path(&left, &users[0])).send().await.expect(204);
        writer.delete(&group_path(&deleted)).send().await.expect(204);
        let selection = selection(&api.client, start, &actor).await;
        let planned = plan(&api.client, &selection).await;
        let mut lock = api.lock(text(&user["id"]));
        let request = apply_request(&api.client, &selection, &planned["head"]);
        let applying = tokio::spawn(async move { request.send().await });
        let wait = move || {
            lock.wait_for_waiter();
            lock
        };
        let lock = tokio::task::spawn_blocking(wait).await.unwrap();
        api.sql().execute("SELECT id FROM groups FOR UPDATE NOWAIT");
        lock.release();
        applying.await.unwrap().expect(200);
        assert_eq!(member_names(&api.client, &left).await, ["u0"]);
        assert_eq!(member_names(&api.client, &deleted).await, ["u1"]);
    }
}

async fn reverts_name_the_membership_that_ended(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let group = create_named_group(&api.client, "a").await;
    for portion in [1, 1_000] {
        let start = head(&api.client).await;
        let new = writer.post("/users", &json!({ "userName": "new" })).send().await.expect(201).json(); // 1
        writer
            .patch(&group_path(&group), &json!({ "displayName": format!("b{portion}") }))
            .send()
            .await
            .expect(200); // 2
        add_members(&writer, &group, std::slice::from_ref(&new)).await; // 3
        writer.patch(&path(&new), &json!({ "title": "x" })).send().await.expect(200); // 4
        let selection = selection(&api.client, start, &actor).await;
        let end = head(&api.client).await;
        OtherServer { portion, ..OtherServer::DEFAULT }.revert(&api, &selection, || {}).await.unwrap();
        let rows = follow(&api.client, end, "").await;
        let reverts = |kind: &str| {
            let row = rows.iter().find(|row| row["type"] == kind).unwrap();
            let reverts = row["reverts"].as_array().unwrap().iter();
            reverts.map(|revision| number(revision) - start).collect::<Vec<_>>()
        };
        assert_eq!(reverts("member.removed"), [3]);
        assert_eq!(reverts("user.deleted"), [1, 4]);
        assert_eq!(reverts("group.updated"), [2]);
    }
}

async fn resources_that_would_be_too_large_are_left_alone(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let value = |length: usize| json!({ "urn:example:x": { "text": "x".repeat(length) } });
    let user = api.create(&json!({ "userName": "a", "extensions": value(50_000) })).await;
    let group = create_group(&api.client, &json!({ "displayName": "a", "extensions": value(50_000) })).await;
    let start = head(&api.client).await;
    let custom = json!({ "custom": { "text": "x".repeat(15_500) } });
    for path in [path(&user), group_path(&group)] {
        writer.patch(&path, &json!({ "extensions": null })).send().await.expect(200);
        api.client.patch(&path, &custom).send().await.expect(200);
    }
    let report = revert(&api.client, start, &actor).await;
    assert_eq!(outcomes(&report), ["unchanged", "unchanged"]);
    assert_eq!(conflicts(&report), [("-", "too-large"), ("-", "too-large")]);
    // It is reverted once it is small enough.
    api.patch(&user, &json!({ "custom": null })).await;
    let report = revert(&api.client, start, &actor).await;
    assert_eq!(outcomes(&report), ["update", "unchanged"]);
    assert_eq!(api.read(&user).await["extensions"], user["extensions"]);
}

async fn a_created_user_with_undone_memberships_is_deleted(api: Api) {
    let (writer, actor) = actor_with_role(&api.client, "writer").await;
    let [first, second] =
        [create_named_group(&api.client, "a").await, create_named_group(&api.client, "b").await];
    let start = head(&api.client).await;
    let new = writer.post("/users", &json!({ "userName": "new" })).send().await.expect(201).json();
    add_members(&writer, &first, std::slice::from_ref(&new)).await;
    let middle = head(&api.client).await;
    // Later, the actor removes the membership, adds another one, and changes the user.
    writer.delete(&member_path(&first, &new)).send().await.expect(204);
    add_members(&writer, &second, std::slice::from_ref(&new)).await;
    writer.patch(&path(&new), &json!({ "title": "x" })).send().await.expect(200);
    let report = revert(&api.client, middle, &actor).await;
    assert_eq!((outcomes(&report), conflicts(&report)), (vec!["update", "add", "remove"], vec![]));
    let report = apply(&api.client, &json!({ "after": start, "until": middle, "actor": actor })).await;
    assert_eq!((outcomes(&report), conflicts(&report)), (vec!["delete", "unchanged"], vec![]));
    assert_eq!(get(&api.client, "/users?include=total").await["total"], 0);
}
