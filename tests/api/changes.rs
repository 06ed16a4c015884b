//! `GET /changes`: changes of users, keys and tenants, pagination, filters and retention.

use crate::api::callers::{
    client_with_key, client_with_role, create_key, create_tenant, create_user, get, key_path, tenant_path,
};
use crate::api::feed_helpers::{follow, number, page, recorded_attributes};
use crate::api::fixture::full_user;
use crate::api::problem::{assert_problem, check_queries_rejected, gone_problem};
use crate::api::query::items;
use crate::support::api::{Api, path, text};
use crate::support::http::Client;
use reqwest::Method;
use roster::domain::digest::Digest;
use serde_json::{Value, json};
use std::collections::BTreeSet;

engine_tests! {
    changes_have_external_ids_in_place_of_external_id
    a_new_feed_is_empty
    a_page_is_private_and_has_no_etag
    user_changes_have_every_field
    key_changes_have_every_field
    tenant_changes_have_every_field
    failed_and_empty_writes_produce_no_change
    changes_name_their_actor_and_request
    every_revision_is_returned_once
    limits_are_validated_and_capped
    changes_are_filtered_by_type
    changes_are_filtered_by_resource
    readers_and_writers_see_no_key_or_tenant_changes
    next_moves_past_excluded_changes
    unknown_parameters_are_rejected
    revisions_after_the_head_are_gone
    deleted_revisions_are_gone
    an_emptied_feed_continues_from_the_head
    the_feed_survives_a_kill
}

/// The digest of a tenant without users, groups and members.
const EMPTY: &str = "0000000000000000";

async fn a_new_feed_is_empty(api: Api) {
    let first = get(&api.client, "/changes").await;
    let expected = json!({ "items": [], "next": 0, "head": 0, "epoch": first["epoch"], "digest": EMPTY });
    assert_eq!(first, expected);
    uuid::Uuid::parse_str(text(&first["epoch"])).expect("an epoch is a UUID");
    for query in ["?after=0", "?limit=1", "?type=user.created", "?resource=user"] {
        assert_eq!(get(&api.client, &format!("/changes{query}")).await, expected, "{query}");
    }
}

async fn a_page_is_private_and_has_no_etag(api: Api) {
    for index in 0..3 {
        api.create_named(&format!("u{index}")).await;
    }
    let response = api.client.get("/changes?limit=1").send().await.expect(200);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    assert_eq!((response.header("etag"), response.header("link")), (None, None));
    let head = api.client.request(Method::HEAD, "/changes").send().await.expect(200);
    assert_eq!(head.text(), "");
    assert_problem(&api.client.get("/changes").accept("text/html").send().await, 406, "not-acceptable");
}

/// The newest change.
async fn last_change(client: &Client) -> Value {
    follow(client, 0, "").await.pop().expect("the feed has a change")
}

async fn user_changes_have_every_field(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "writer" })).await;
    let writer = client_with_key(&api.client, &key);
    let actor = json!({ "type": "key", "id": key["id"] });
    let create = writer.post("/users", &full_user("ada")).header("x-request-id", "one");
    let user = create.send().await.expect(201).json();
    let id = text(&user["id"]).parse().expect("the id is a UUID");
    let digest = |version| Digest::of_user(id, version).to_string();
    let expected = json!({
        "revision": 2, "time": user["createdAt"], "actor": actor, "requestId": "one", "type": "user.created",
        "resource": "user", "id": user["id"], "version": 1, "before": null, "after": recorded_attributes(&user),
        "digest": digest(1),
    });
    assert_eq!(last_change(&api.client).await, expected);
    let patch = json!({
        "title": "Countess", "nickName": "Babs", "externalId": null, "name": { "givenName": "Ada" },
        "emails": [{ "value": "ada@example.com" }], "active": true, "custom": { "badge": null },
    });
    let patched = writer.patch(&path(&user), &patch).header("x-request-id", "two").send().await;
    let patched = patched.expect(200).json();
    let changed = ["title", "externalIds", "name", "emails", "active", "custom"];
    let part = |user: &Value| -> Value {
        changed.iter().map(|name| ((*name).to_owned(), recorded_attributes(user)[*name].clone())).collect()
    };
    let expected = json!({
        "revision": 3, "time": patched["updatedAt"], "actor": actor, "requestId": "two", "type": "user.updated",
        "resource": "user", "id": user["id"], "version": 2, "before": part(&user), "after": part(&patched),
        "digest": digest(2),
    });
    assert_eq!(last_change(&api.client).await, expected);
    assert_eq!(expected["after"]["externalIds"], json!({}));
    writer.delete(&path(&user)).header("x-request-id", "three").send().await.expect(204);
    let row = last_change(&api.client).await;
    let expected = json!({
        "revision": 4, "time": row["time"], "actor": actor, "requestId": "three", "type": "user.deleted",
        "resource": "user", "id": user["id"], "version": 3, "before": recorded_attributes(&patched), "after": null,
        "digest": EMPTY,
    });
    assert_eq!(row, expected);
    assert!(text(&row["time"]) > text(&patched["updatedAt"]), "{row}");
}

async fn key_changes_have_every_field(api: Api) {
    let actor = json!({ "type": "admin", "id": "admin" });
    let body = json!({ "role": "writer", "name": "ci", "expiresAt": "2040-01-01T00:00:00+01:00" });
    let created = api.client.post("/keys", &body).header("x-request-id", "one").send().await.expect(201);
    let key = created.json();
    let recorded = json!({ "name": "ci", "role": "writer", "expiresAt": "2039-12-31T23:00:00.000000Z" });
    let expected = json!({
        "revision": 1, "time": key["createdAt"], "actor": actor, "requestId": "one", "type": "key.created",
        "digest": EMPTY,
        "resource": "key", "id": key["id"], "version": 1, "before": null, "after": recorded,
    });
    assert_eq!(last_change(&api.client).await, expected);
    let patch = json!({ "role": "reader", "name": "ci", "expiresAt": null });
    let patch = api.client.patch(&key_path(&key), &patch).header("x-request-id", "two");
    patch.send().await.expect(200);
    let row = last_change(&api.client).await;
    let expected = json!({
        "revision": 2, "time": row["time"], "actor": actor, "requestId": "two", "type": "key.updated",
        "digest": EMPTY,
        "resource": "key", "id": key["id"], "version": 2,
        "before": { "role": "writer", "expiresAt": recorded["expiresAt"] },
        "after": { "role": "reader", "expiresAt": null },
    });
    assert_eq!(row, expected);
    assert!(text(&row["time"]) > text(&key["createdAt"]), "{row}");
    api.client.delete(&key_path(&key)).header("x-request-id", "three").send().await.expect(204);
    let deleted = last_change(&api.client).await;
    let expected = json!({
        "revision": 3, "time": deleted["time"], "actor": actor, "requestId": "three", "type": "key.deleted",
        "digest": EMPTY,
        "resource": "key", "id": key["id"], "version": 3,
        "before": { "name": "ci", "role": "reader", "expiresAt": null }, "after": null,
    });
    assert_eq!(deleted, expected);
    assert!(text(&deleted["time"]) > text(&row["time"]), "{deleted}");
}

async fn tenant_changes_have_every_field(api: Api) {
    let actor = json!({ "type": "admin", "id": "admin" });
    // Changes of tenants are always in the feed of `default`, whichever tenant the operator acts in.
    create_tenant(&api.client, "other").await;
    let operator = api.client.in_tenant("other");
    let create = operator.post("/tenants", &json!({ "name": "acme" })).header("x-request-id", "one");
    let tenant = create.send().await.expect(201).json();
    let expected = json!({
        "revision": 2, "time": tenant["createdAt"], "actor": actor, "requestId": "one",
        "digest": EMPTY,
        "type": "tenant.created", "resource": "tenant", "id": tenant["id"], "version": 1, "before": null,
        "after": { "name": "acme", "uniqueGroupNames": false, "uniqueEmails": false },
    });
    assert_eq!(last_change(&api.client).await, expected);
    let patch = json!({ "name": "acme", "uniqueGroupNames": true });
    let patch = operator.patch(&tenant_path(&tenant), &patch).header("x-request-id", "two");
    let patched = patch.send().await.expect(200).json();
    let expected = json!({
        "revision": 3, "time": patched["updatedAt"], "actor": actor, "requestId": "two",
        "digest": EMPTY,
        "type": "tenant.updated", "resource": "tenant", "id": tenant["id"], "version": 2,
        "before": { "uniqueGroupNames": false }, "after": { "uniqueGroupNames": true },
    });
    assert_eq!(last_change(&api.client).await, expected);
    operator.delete(&tenant_path(&tenant)).header("x-request-id", "three").send().await.expect(204);
    let row = last_change(&api.client).await;
    let expected = json!({
        "revision": 4, "time": row["time"], "actor": actor, "requestId": "three", "type": "tenant.deleted",
        "digest": EMPTY,
        "resource": "tenant", "id": tenant["id"], "version": 3,
        "before": { "name": "acme", "uniqueGroupNames": true, "uniqueEmails": false }, "after": null,
    });
    assert_eq!(row, expected);
    assert!(text(&row["time"]) > text(&patched["updatedAt"]), "{row}");
    assert_eq!(follow(&operator, 0, "").await, Vec::<Value>::new());
}

async fn failed_and_empty_writes_produce_no_change(api: Api) {
    let user = api.create_named("ada").await;
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let tenant = create_tenant(&api.client, "acme").await;
    let before = follow(&api.client, 0, "").await;
    assert_eq!(before.len(), 3);
    let (one, client) = (path(&user), &api.client);
    for (request, status) in [
        (client.post("/users", &json!({ "userName": "ADA" })), 409),
        (client.post("/users", &json!({})), 422),
        (client.patch(&one, &json!({ "title": null })), 200),
        (client.patch(&one, &json!({ "userName": "ada" })), 200),
        (client.patch(&one, &json!({ "title": "x" })).header("if-match", "\"2\""), 412),
        (client.put(&one, &json!({ "userName": "ada" })), 200),
        (client.patch(&key_path(&key), &json!({ "role": "reader" })), 200),
        (client.patch(&key_path(&key), &json!({ "role": "x" })), 422),
        (client.patch(&tenant_path(&tenant), &json!({ "name": "acme" })), 200),
        (client.post("/tenants", &json!({ "name": "acme" })), 409),
        (client.delete(&format!("/users/{}", uuid::Uuid::now_v7())), 404),
        (client_with_key(client, &key).delete(&one), 403),
        (client.get("/users"), 200),
    ] {
        request.send().await.expect(status);
    }
    assert_eq!(follow(client, 0, "").await, before);
}

async fn changes_name_their_actor_and_request(api: Api) {
    let admin = create_key(&api.client, &json!({ "role": "admin" })).await;
    let client = client_with_key(&api.client, &admin);
    let created = create_key(&client, &json!({ "role": "writer" })).await;
    let response =
        client_with_key(&client, &created).post("/users", &json!({ "userName": "ada" })).send().await;
    let request_id = response.header("x-request-id").expect("the response has the header").to_owned();
    let rows = follow(&api.client, 0, "").await;
    let actors: Vec<_> = rows.iter().map(|row| row["actor"].clone()).collect();
    let key = |key: &Value| json!({ "type": "key", "id": key["id"] });
    assert_eq!(actors, [json!({ "type": "admin", "id": "admin" }), key(&admin), key(&created)]);
    assert_eq!(rows[2]["requestId"], request_id);
    // A deleted key is still named.
    api.client.delete(&key_path(&created)).send().await.expect(204);
    assert_eq!(follow(&api.client, 0, "").await[..3], rows);
}

/// Makes 30 changes of users, keys and tenants, and returns them.
async fn history(api: &Api) -> Vec<Value> {
    for index in 0..6 {
        let user = api.create_named(&format!("u{index}")).await;
        api.patch(&user, &json!({ "title": "x" })).await;
        let key = create_key(&api.client, &json!({ "role": "reader" })).await;
        if index % 2 == 0 {
            api.client.delete(&path(&user)).send().await.expect(204);
            api.client.patch(&key_path(&key), &json!({ "name": "x" })).send().await.expect(200);
            api.client.delete(&key_path(&key)).send().await.expect(204);
            create_tenant(&api.client, &format!("t{index}")).await;
        }
    }
    let rows = follow(&api.client, 0, "").await;
    assert_eq!(rows.len(), 6 * 3 + 3 * 4);
    rows
}

async fn every_revision_is_returned_once(api: Api) {
    let rows = history(&api).await;
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row["revision"], index + 1);
    }
    for limit in [1, 2, 7, 29, 30, 31, 500] {
        assert_eq!(follow(&api.client, 0, &format!("&limit={limit}")).await, rows, "by {limit}");
    }
    for after in 0..=rows.len() {
        let page = page(&api.client, after as u64, "&limit=3").await;
        let expected = &rows[after..rows.len().min(after + 3)];
        assert_eq!((items(&page), number(&page["next"])), (expected, (after + expected.len()) as u64));
        assert_eq!(
            (&page["head"], &page["epoch"]),
            (&json!(30), &get(&api.client, "/changes").await["epoch"])
        );
    }
}

async fn limits_are_validated_and_capped(api: Api) {
    for index in 0..26 {
        let user = api.create_named(&format!("u{index}")).await;
        api.client.delete(&path(&user)).send().await.expect(204);
    }
    assert_eq!(items(&get(&api.client, "/changes").await).len(), 50);
    for (limit, count) in [("1", 1), ("51", 51), ("500", 52), ("501", 52), ("99999999999999999999", 52)] {
        let page = get(&api.client, &format!("/changes?limit={limit}")).await;
        assert_eq!(items(&page).len(), count, "{limit}");
    }
    let invalid = ["limit=0", "limit=-1", "limit=x", "limit=", "limit=1.5"];
    check_queries_rejected(&api.client, "/changes", &invalid).await;
}

async fn changes_are_filtered_by_type(api: Api) {
    let rows = history(&api).await;
    for types in [
        vec!["user.created"],
        vec!["user.updated"],
        vec!["user.deleted"],
        vec!["user.erased"],
        vec!["key.created"],
        vec!["key.updated", "key.deleted"],
        vec!["tenant.created", "tenant.updated", "tenant.deleted"],
        vec!["user.created", "user.deleted", "key.created", "tenant.created"],
    ] {
        let is_wanted = |row: &&Value| types.contains(&text(&row["type"]));
        let expected: Vec<_> = rows.iter().filter(is_wanted).cloned().collect();
        for limit in [1, 2, 50] {
            let parameters = format!("&limit={limit}&type={}", types.join(","));
            assert_eq!(follow(&api.client, 0, &parameters).await, expected, "{types:?}");
        }
    }
    for types in [
        "",
        ",",
        "user",
        "user.*",
        "*",
        "user.renamed",
        "User.created",
        "user.created,",
        ",user.created",
        "user.created,,key.created",
        "user.created%20",
        "user.created;key.created",
        "user.created,x",
    ] {
        check_queries_rejected(&api.client, "/changes", &[&format!("type={types}")]).await;
    }
}

async fn changes_are_filtered_by_resource(api: Api) {
    let rows = history(&api).await;
    let ids: BTreeSet<_> = rows.iter().map(|row| text(&row["id"])).collect();
    assert_eq!(ids.len(), 6 + 6 + 3);
    for resource in ids.into_iter().chain(["user", "key", "tenant"]) {
        let is_wanted = |row: &&Value| row["id"] == resource || row["resource"] == resource;
        let expected: Vec<_> = rows.iter().filter(is_wanted).cloned().collect();
        assert!(!expected.is_empty());
        for limit in [1, 50] {
            let parameters = format!("&limit={limit}&resource={resource}");
            assert_eq!(follow(&api.client, 0, &parameters).await, expected, "{resource}");
        }
    }
    let unknown = format!("&resource={}", uuid::Uuid::now_v7());
    assert_eq!(follow(&api.client, 0, &unknown).await, Vec::<Value>::new());
    // Both filters apply.
    let of_user = format!("&type=user.updated,key.created&resource={}", text(&rows[0]["id"]));
    assert_eq!(follow(&api.client, 0, &of_user).await, [rows[1].clone()]);
    assert_eq!(follow(&api.client, 0, "&type=user.created&resource=key").await, Vec::<Value>::new());
    for resource in ["", "users", "User", "x", "user,key", "user.created"] {
        check_queries_rejected(&api.client, "/changes", &[&format!("resource={resource}")]).await;
    }
}

async fn readers_and_writers_see_no_key_or_tenant_changes(api: Api) {
    let rows = history(&api).await;
    let is_user_change = |row: &&Value| row["resource"] == "user";
    let user_changes: Vec<_> = rows.iter().filter(is_user_change).cloned().collect();
    let head = rows.len() as u64 + 4;
    let mut clients = Vec::new();
    for role in ["reader", "writer", "admin", "operator"] {
        clients.push(client_with_role(&api.client, role).await);
    }
    for client in &clients[..2] {
        for limit in [1, 4, 50] {
            assert_eq!(follow(client, 0, &format!("&limit={limit}")).await, user_changes);
        }
        let page = page(client, 0, "&limit=500").await;
        assert_eq!((number(&page["next"]), number(&page["head"])), (head, head));
        let key = rows.iter().find(|row| row["resource"] == "key").expect("the feed has a change of a key");
        for hidden in ["key", "tenant", text(&key["id"])] {
            let found = follow(client, 0, &format!("&resource={hidden}")).await;
            assert_eq!(found, Vec::<Value>::new(), "{hidden}");
        }
        for types in
            ["key.created", "key.updated", "key.deleted", "tenant.created", "user.created,key.created"]
        {
            let response = client.get(&format!("/changes?type={types}")).send().await;
            assert_problem(&response, 403, "forbidden");
        }
        let own = follow(client, 0, "&type=user.created,user.updated,user.deleted,user.erased").await;
        assert_eq!(own, user_changes);
    }
    for client in &clients[2..] {
        assert_eq!(follow(client, 0, "").await[..rows.len()], rows);
    }
}

async fn next_moves_past_excluded_changes(api: Api) {
    let user = api.create_named("ada").await;
    for _ in 0..20 {
        create_key(&api.client, &json!({ "role": "admin" })).await;
    }
    let reader = client_with_role(&api.client, "reader").await;
    for (client, parameters) in [
        (&reader, ""),
        (&reader, "&limit=2"),
        (&api.client, "&type=user.created"),
        (&api.client, "&resource=user"),
        (&api.client, &format!("&resource={}", text(&user["id"]))),
        (&api.client, "&type=user.created,user.deleted&limit=2"),
    ] {
        let first = page(client, 0, parameters).await;
        assert_eq!(items(&first).len(), 1, "{parameters}");
        // `next` must move past the excluded changes, or a follower would request the same page forever.
        let rest = page(client, number(&first["next"]), parameters).await;
        assert_eq!((items(&rest).len(), number(&rest["next"])), (0, 22), "{parameters}");
    }
    api.client.delete(&path(&user)).send().await.expect(204);
    let rest = page(&reader, 22, "").await;
    assert_eq!((items(&rest)[0]["type"].as_str(), number(&rest["next"])), (Some("user.deleted"), 23));
}

async fn unknown_parameters_are_rejected(api: Api) {
    api.create_named("ada").await;
    let invalid = [
        "after=-1",
        "after=x",
        "after=",
        "after=1.0",
        "after=%201",
        "after=0&after=0",
        "wait=61",
        "wait=-1",
        "wait=1.5",
        "wait=",
        "cursor=x",
        "include=total",
        "filter=id%20pr",
        "sort=id",
        "attributes=id",
        "types=user.created",
        "erased=true",
        "type=user.created&type=user.deleted",
    ];
    check_queries_rejected(&api.client, "/changes", &invalid).await;
    assert_problem(&api.client.post("/changes", &json!({})).send().await, 405, "method-not-allowed");
    assert_problem(&api.client.get("/changes/1").send().await, 404, "not-found");
}

/// Checks that the changes after a revision are gone (410), and the available revisions that the error names.
async fn assert_gone(client: &Client, after: &str, earliest: u64, head: u64) {
    let epoch = &get(client, &format!("/changes?after={head}")).await["epoch"];
    for parameters in ["", "&limit=1", "&type=user.created", "&resource=user"] {
        let response = client.get(&format!("/changes?after={after}{parameters}")).send().await;
        let body = gone_problem(&response);
        assert_eq!((&body["earliest"], &body["head"]), (&json!(earliest), &json!(head)), "{after}");
        assert_eq!(&body["epoch"], epoch);
    }
}

async fn revisions_after_the_head_are_gone(api: Api) {
    for after in ["1", "2", "9223372036854775807"] {
        let response = api.client.get(&format!("/changes?after={after}")).send().await;
        assert_eq!(gone_problem(&response)["head"], 0, "{after}");
    }
    for count in 1..=3 {
        api.create_named(&format!("u{count}")).await;
        assert_gone(&api.client, &(count + 1).to_string(), 1, count).await;
        assert_gone(&api.client, "9223372036854775807", 1, count).await;
        assert_eq!(number(&page(&api.client, count, "").await["next"]), count);
    }
    // The head is the same for readers who cannot see the newest changes.
    let reader = client_with_role(&api.client, "reader").await;
    assert_eq!(items(&page(&reader, 4, "").await).len(), 0);
    assert_gone(&reader, "5", 1, 4).await;
    // A number beyond every possible revision is either invalid or after the head.
    let response = api.client.get("/changes?after=99999999999999999999").send().await;
    assert!(matches!(response.code(), 400 | 410), "{}", response.text());
}

async fn deleted_revisions_are_gone(api: Api) {
    let rows = history(&api).await;
    for earliest in [4, 5, 17, 30] {
        api.sql().execute(&format!("DELETE FROM changes WHERE revision < {earliest}"));
        assert_gone(&api.client, "0", earliest, 30).await;
        assert_gone(&api.client, &(earliest - 2).to_string(), earliest, 30).await;
        let index = usize::try_from(earliest).expect("the number is small") - 1;
        assert_eq!(follow(&api.client, earliest - 1, "&limit=4").await, rows[index..]);
    }
    // `after` defaults to 0, which is gone as well.
    gone_problem(&api.client.get("/changes").send().await);
}

async fn an_emptied_feed_continues_from_the_head(api: Api) {
    let user = api.create_named("ada").await;
    api.patch(&user, &json!({ "title": "x" })).await;
    api.sql().execute("DELETE FROM changes");
    for after in ["0", "1"] {
        let body = gone_problem(&api.client.get(&format!("/changes?after={after}")).send().await);
        assert_eq!(body["head"], 2, "{after}");
    }
    assert_eq!(follow(&api.client, 2, "").await, Vec::<Value>::new());
    api.create_named("grace").await;
    let rows = follow(&api.client, 2, "").await;
    assert_eq!((rows.len(), &rows[0]["revision"]), (1, &json!(3)));
    assert_gone(&api.client, "1", 3, 3).await;
}

async fn the_feed_survives_a_kill(api: Api) {
    let rows = history(&api).await;
    let epoch = get(&api.client, "/changes").await["epoch"].clone();
    let api = api.restart();
    assert_eq!(follow(&api.client, 0, "&limit=7").await, rows);
    assert_eq!(get(&api.client, "/changes").await["epoch"], epoch);
    create_user(&api.client, &json!({ "userName": "late" })).await;
    assert_eq!(follow(&api.client, 30, "").await[0]["revision"], 31);
}

async fn changes_have_external_ids_in_place_of_external_id(api: Api) {
    let user = api.create(&json!({ "userName": "ada", "externalId": "7" })).await;
    api.patch(&user, &json!({ "externalId": "8" })).await;
    api.client.delete(&path(&user)).send().await.expect(204);
    let feed = get(&api.client, "/changes").await;
    let ids = |index: usize, side: &str| {
        let values = &feed["items"][index][side];
        assert!(values.get("externalId").is_none(), "{values}");
        values["externalIds"].clone()
    };
    assert_eq!(ids(0, "after"), json!({ "native": "7" }));
    assert_eq!((ids(1, "before"), ids(1, "after")), (json!({ "native": "7" }), json!({ "native": "8" })));
    assert_eq!(ids(2, "before"), json!({ "native": "8" }));
}
