//! Creating, reading, patching and deleting tenants, and the `Roster-Tenant` header.

use crate::api::callers::{
    client_with_key, client_with_role, create_key, create_tenant, create_user, get, tenant_path,
};
use crate::api::fixture::with_field;
use crate::api::problem::{
    assert_conflicts, assert_invalid, assert_invalid_fields, assert_problem, assert_state_conflict,
    assert_taken, assert_unauthorized, check_preconditions, check_queries_rejected,
};
use crate::support::api::{Api, count_with_status, expect_one_success, path, send_concurrently, text};
use crate::support::http::Client;
use reqwest::Method;
use serde_json::{Value, json};

engine_tests! {
    the_default_tenant_exists
    a_tenant_needs_only_a_name
    names_are_lowercase_letters_digits_and_hyphens
    fields_are_validated
    names_are_unique
    concurrent_creates_of_one_name_succeed_once
    a_patch_changes_only_named_fields
    a_rename_applies_at_once
    preconditions_apply
    the_default_tenant_cannot_be_renamed_or_deleted
    malformed_bodies_and_unknown_ids_are_rejected
    tenants_are_listed_in_creation_order
    unknown_parameters_are_rejected
    creations_ignore_idempotency_keys
    the_tenant_header_must_name_one_existing_tenant
    only_an_empty_tenant_can_be_deleted
    deleting_a_tenant_deletes_its_rows
    a_deleted_tenant_leaves_nothing_behind
    a_tenant_is_never_deleted_while_users_are_created
}

const DEFAULT: &str = "00000000-0000-7000-8000-000000000001";

async fn post(api: &Api, body: Value) -> crate::support::http::Response {
    api.client.post("/tenants", &body).send().await
}

async fn the_default_tenant_exists(api: Api) {
    let list = get(&api.client, "/tenants").await;
    let tenant = list["items"][0].clone();
    let expected = json!({
        "id": DEFAULT, "name": "default", "uniqueGroupNames": false, "uniqueEmails": false, "version": 1,
        "createdAt": tenant["createdAt"], "updatedAt": tenant["createdAt"],
    });
    assert_eq!(list, json!({ "items": [expected] }));
    assert_eq!(get(&api.client, &tenant_path(&tenant)).await, tenant);
}

async fn a_tenant_needs_only_a_name(api: Api) {
    for (name, unique) in [("acme", None), ("beta", Some(false)), ("gamma", Some(true))] {
        let mut body = json!({ "name": name });
        if let Some(unique) = unique {
            body["uniqueGroupNames"] = json!(unique);
        }
        let response = post(&api, body).await.expect(201);
        let tenant = response.json();
        let expected = json!({
            "id": tenant["id"], "name": name, "uniqueGroupNames": unique.unwrap_or(false),
            "uniqueEmails": false, "version": 1,
            "createdAt": tenant["createdAt"], "updatedAt": tenant["createdAt"],
        });
        assert_eq!(tenant, expected);
        assert_eq!(response.header("location"), Some(tenant_path(&tenant).as_str()));
        assert_eq!(response.header("etag"), Some("\"1\""));
        assert_eq!(response.header("cache-control"), Some("private, no-cache"));
        assert_eq!(text(&tenant["createdAt"]).len(), "2026-01-02T03:04:05.678901Z".len());
        let found = api.client.get(&tenant_path(&tenant)).send().await.expect(200);
        assert_eq!((found.json(), found.header("etag")), (tenant, Some("\"1\"")));
    }
}

async fn names_are_lowercase_letters_digits_and_hyphens(api: Api) {
    let long = "x".repeat(63);
    for name in ["a", "0", "-", "--", "a-b", "-a-", "2026-01-02", "default-", "defaults", "null", &long] {
        let tenant = create_tenant(&api.client, name).await;
        assert_eq!(tenant["name"], name);
        let user = create_user(&api.client.in_tenant(name), &json!({ "userName": name })).await;
        assert_eq!(get(&api.client.in_tenant(name), "/users").await["items"], json!([user]));
    }
    let too_long = "x".repeat(64);
    let acme = create_tenant(&api.client, "acme").await;
    for name in [
        "", "default", "A", "Acme", "DEFAULT", "a b", " a", "a ", "a.b", "a_b", "a/b", "ä", "ａ", "a\n",
        "\n", "a\0", "*", &too_long,
    ] {
        assert_invalid_fields(&post(&api, json!({ "name": name })).await, &["/name"]);
        let patch = api.client.patch(&tenant_path(&acme), &json!({ "name": name })).send().await;
        assert_invalid_fields(&patch, &["/name"]);
    }
    assert_eq!(get(&api.client, &tenant_path(&acme)).await, acme);
    assert_eq!(get(&api.client, "/tenants?include=total").await["total"], 13);
}

async fn fields_are_validated(api: Api) {
    assert_invalid(&post(&api, json!({})).await, &[("/name", "required")]);
    assert_invalid(&post(&api, json!({ "name": null })).await, &[("/name", "required")]);
    let all = json!({
        "name": 1, "uniqueGroupNames": "true", "uniqueEmails": 1, "Name": "x", "users": [], "role": "admin",
    });
    let errors = [
        ("/name", "wrong-type"),
        ("/uniqueGroupNames", "wrong-type"),
        ("/uniqueEmails", "wrong-type"),
        ("/Name", "unknown-field"),
        ("/users", "unknown-field"),
        ("/role", "unknown-field"),
    ];
    assert_invalid(&post(&api, all).await, &errors);
    for body in [json!([]), json!("acme"), json!(null)] {
        assert_invalid(&post(&api, body).await, &[("", "wrong-type")]);
    }
    // A returned tenant can be sent back, and null means absent.
    let mut sent = get(&api.client, &format!("/tenants/{DEFAULT}")).await;
    sent["name"] = json!("acme");
    sent["uniqueGroupNames"] = json!(null);
    let tenant = post(&api, sent).await.expect(201).json();
    assert_ne!(tenant["id"], DEFAULT);
    let target = tenant_path(&tenant);
    let patch = async |body: Value| api.client.patch(&target, &body).send().await;
    assert_invalid(&patch(json!({ "name": null })).await, &[("/name", "required")]);
    assert_invalid(&patch(json!({ "id": DEFAULT })).await, &[("/id", "read-only")]);
    assert_invalid(&patch(json!({ "foo": null })).await, &[("/foo", "unknown-field")]);
    assert_invalid(&patch(json!({ "uniqueGroupNames": 1 })).await, &[("/uniqueGroupNames", "wrong-type")]);
    assert_eq!(patch(tenant.clone()).await.expect(200).json(), tenant);
    assert_eq!(get(&api.client, "/tenants?include=total").await["total"], 2);
}

async fn names_are_unique(api: Api) {
    let acme = create_tenant(&api.client, "acme").await;
    let beta = create_tenant(&api.client, "beta").await;
    assert_taken(&post(&api, json!({ "name": "acme" })).await, "name");
    let patch = api.client.patch(&tenant_path(&beta), &json!({ "name": "acme" })).send().await;
    assert_taken(&patch, "name");
    assert_eq!(get(&api.client, &tenant_path(&beta)).await, beta);
    // A patch can repeat the current name.
    let same = api.client.patch(&tenant_path(&acme), &json!({ "name": "acme" })).send().await.expect(200);
    assert_eq!((same.json(), same.header("etag")), (acme, Some("\"1\"")));
}

async fn concurrent_creates_of_one_name_succeed_once(api: Api) {
    let responses = send_concurrently(30, |_| api.client.post("/tenants", &json!({ "name": "acme" }))).await;
    expect_one_success(&responses, 201, 409);
    assert_conflicts(&responses, "name");
    assert_eq!(get(&api.client, "/tenants?include=total").await["total"], 2);
    assert_eq!(get(&api.client.in_tenant("acme"), "/users").await, json!({ "items": [] }));
}

async fn a_patch_changes_only_named_fields(api: Api) {
    for name in ["acme", "default"] {
        let tenant = match name {
            "default" => get(&api.client, &format!("/tenants/{DEFAULT}")).await,
            name => create_tenant(&api.client, name).await,
        };
        let patch = json!({ "uniqueGroupNames": true });
        let response = api.client.patch(&tenant_path(&tenant), &patch).send().await.expect(200);
        let patched = response.json();
        let mut expected = with_field(&tenant, "uniqueGroupNames", json!(true));
        expected["version"] = json!(2);
        expected["updatedAt"] = patched["updatedAt"].clone();
        assert_eq!((&patched, response.header("etag")), (&expected, Some("\"2\"")));
        assert!(text(&patched["updatedAt"]) > text(&tenant["updatedAt"]), "{patched}");
        assert_eq!(get(&api.client, &tenant_path(&tenant)).await, patched);
        // Equal values change nothing.
        for patch in [json!({}), patch, patched.clone()] {
            let response = api.client.patch(&tenant_path(&tenant), &patch).send().await.expect(200);
            assert_eq!((response.json(), response.header("etag")), (patched.clone(), Some("\"2\"")));
        }
    }
}

async fn a_rename_applies_at_once(api: Api) {
    let tenant = create_tenant(&api.client, "acme").await;
    let admin = client_with_role(&api.client.in_tenant("acme"), "admin").await;
    let user = create_user(&api.client.in_tenant("acme"), &json!({ "userName": "ada" })).await;
    for (old, new) in [("acme", "beta"), ("beta", "gamma"), ("gamma", "acme")] {
        api.client.patch(&tenant_path(&tenant), &json!({ "name": new })).send().await.expect(200);
        assert_eq!(get(&api.client.in_tenant(new), "/users").await["items"], json!([user]));
        assert_problem(&api.client.in_tenant(old).get("/users").send().await, 404, "not-found");
        assert_eq!(get(&admin, &path(&user)).await, user);
    }
    // A former name is free, and a new tenant with that name is empty.
    create_tenant(&api.client, "beta").await;
    assert_eq!(get(&api.client.in_tenant("beta"), "/users").await, json!({ "items": [] }));
}

async fn preconditions_apply(api: Api) {
    let tenant = create_tenant(&api.client, "acme").await;
    let target = tenant_path(&tenant);
    check_preconditions(&api.client, &target, &json!({ "name": "x" })).await;
    let minimal = api
        .client
        .patch(&target, &json!({ "name": "beta" }))
        .header("if-match", "\"1\"")
        .header("prefer", "return=minimal");
    let response = minimal.send().await.expect(204);
    assert_eq!((response.text().as_str(), response.header("etag")), ("", Some("\"2\"")));
    assert_eq!(response.header("preference-applied"), Some("return=minimal"));
    assert_problem(&minimal.send().await, 412, "precondition-failed");
    let created = api.client.post("/tenants", &json!({ "name": "acme" })).header("prefer", "return=minimal");
    let created = created.send().await.expect(201);
    assert_eq!((created.text().as_str(), created.header("etag")), ("", Some("\"1\"")));
    let location = created.header("location").expect("the response has the header");
    assert_eq!(get(&api.client, location).await["name"], "acme");
    api.client.delete(&target).header("if-match", "\"2\"").send().await.expect(204);
    assert_problem(&api.client.get(&target).send().await, 404, "not-found");
}

async fn the_default_tenant_cannot_be_renamed_or_deleted(api: Api) {
    let target = format!("/tenants/{DEFAULT}");
    let tenant = get(&api.client, &target).await;
    let renamed = api.client.patch(&target, &json!({ "name": "acme" })).send().await;
    assert_eq!((renamed.code(), &renamed.json()["code"]), (409, &json!("conflict")));
    let renamed =
        api.client.patch(&target, &json!({ "name": "acme", "uniqueGroupNames": true })).send().await;
    assert_eq!((renamed.code(), &renamed.json()["code"]), (409, &json!("conflict")));
    assert_state_conflict(&api.client.delete(&target).send().await);
    assert_eq!(get(&api.client, &target).await, tenant);
    create_tenant(&api.client, "acme").await;
}

async fn malformed_bodies_and_unknown_ids_are_rejected(api: Api) {
    let tenant = create_tenant(&api.client, "acme").await;
    let target = tenant_path(&tenant);
    for (method, target) in [(Method::POST, "/tenants"), (Method::PATCH, target.as_str())] {
        let send = async |media_type: &str, body: &str| {
            api.client.request(method.clone(), target).body(media_type, body.to_owned()).send().await
        };
        let typed = send("text/plain", r#"{"name":"beta"}"#).await;
        assert_problem(&typed, 415, "unsupported-media-type");
        for body in ["", "{", r#"{"name":"beta","name":"gamma"}"#] {
            assert_problem(&send("application/json", body).await, 400, "malformed-body");
        }
    }
    let missing = format!("/tenants/{}", uuid::Uuid::now_v7());
    for target in [missing.as_str(), "/tenants/acme", "/tenants/default", "/tenants/x"] {
        assert_problem(&api.client.get(target).send().await, 404, "not-found");
        assert_problem(&api.client.delete(target).send().await, 404, "not-found");
        assert_problem(&api.client.patch(target, &json!({ "name": "x" })).send().await, 404, "not-found");
    }
    assert_eq!(get(&api.client, "/tenants?include=total").await["total"], 2);
}

async fn tenants_are_listed_in_creation_order(api: Api) {
    let mut names = vec!["default".to_owned()];
    for index in 0..53 {
        names.push(format!("t{}", (index * 37) % 100));
        create_tenant(&api.client, &names[index + 1]).await;
    }
    let of_page = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("the value is a list").iter();
        items.map(|tenant| text(&tenant["name"]).to_owned()).collect()
    };
    assert_eq!(of_page(&get(&api.client, "/tenants").await), names[..50]);
    let (mut seen, mut target) = (Vec::new(), "/tenants?limit=20".to_owned());
    loop {
        let page = get(&api.client, &format!("{target}&include=total")).await;
        assert_eq!(page["total"], 54);
        seen.extend(of_page(&page));
        let Some(cursor) = page.get("nextCursor") else { break };
        target = format!("/tenants?limit=20&cursor={}", text(cursor));
    }
    assert_eq!(seen, names);
}

async fn unknown_parameters_are_rejected(api: Api) {
    let invalid =
        ["filter=name%20pr", "sort=name", "attributes=name", "limit=0", "include=users", "name=acme"];
    check_queries_rejected(&api.client, "/tenants", &invalid).await;
    check_queries_rejected(&api.client, &format!("/tenants/{DEFAULT}"), &invalid).await;
    let tenant = create_tenant(&api.client, "acme").await;
    let delete = api.client.delete(&format!("{}?force=true", tenant_path(&tenant))).send().await;
    assert_problem(&delete, 400, "invalid-parameter");
    assert_problem(&api.client.get("/tenants?cursor=x").send().await, 400, "invalid-cursor");
}

async fn creations_ignore_idempotency_keys(api: Api) {
    for (name, key) in [("a", "k"), ("b", "k"), ("c", ""), ("d", "a b")] {
        let post = api.client.post("/tenants", &json!({ "name": name })).header("idempotency-key", key);
        let response = post.send().await.expect(201);
        assert_eq!(
            (response.json()["name"].as_str(), response.header("idempotency-replayed")),
            (Some(name), None)
        );
        assert_taken(&post.send().await, "name");
    }
    assert_eq!(api.sql().number("SELECT count(*) AS number FROM idempotency"), 0);
}

async fn the_tenant_header_must_name_one_existing_tenant(api: Api) {
    create_tenant(&api.client, "acme").await;
    for [one, other] in [["acme", "acme"], ["acme", "default"], ["default", "default"], ["nobody", "acme"]] {
        for target in ["/users", "/keys", "/changes"] {
            let twice = api.client.get(target).header("roster-tenant", one).header("roster-tenant", other);
            assert_problem(&twice.send().await, 400, "invalid-header");
        }
    }
    let body = json!({ "userName": "ada" });
    let twice = api.client.in_tenant("acme").post("/users", &body).header("roster-tenant", "default");
    assert_problem(&twice.send().await, 400, "invalid-header");
    for name in ["Acme", "acme ,", "", "acme,default", "nobody", "é", "%61cme", "x".repeat(500).as_str()] {
        assert_problem(&api.client.in_tenant(name).get("/users").send().await, 404, "not-found");
    }
    for tenant in ["acme", "default"] {
        assert_eq!(get(&api.client.in_tenant(tenant), "/users").await, json!({ "items": [] }));
    }
}

async fn only_an_empty_tenant_can_be_deleted(api: Api) {
    let tenant = create_tenant(&api.client, "acme").await;
    let acme = api.client.in_tenant("acme");
    let users = [
        create_user(&acme, &json!({ "userName": "ada" })).await,
        create_user(&acme, &json!({ "userName": "b" })).await,
    ];
    for user in &users {
        assert_state_conflict(&api.client.delete(&tenant_path(&tenant)).send().await);
        assert_eq!(get(&acme, &path(user)).await, *user);
        acme.delete(&path(user)).send().await.expect(204);
    }
    let response = api.client.delete(&tenant_path(&tenant)).send().await.expect(204);
    assert_eq!((response.text().as_str(), response.header("etag")), ("", None));
    for _ in 0..2 {
        assert_problem(&api.client.get(&tenant_path(&tenant)).send().await, 404, "not-found");
        assert_problem(&api.client.delete(&tenant_path(&tenant)).send().await, 404, "not-found");
        assert_problem(&acme.get("/users").send().await, 404, "not-found");
    }
    assert_eq!(get(&api.client, "/tenants?include=total").await["total"], 1);
}

/// Number of keys, recorded responses, changes, users, feed heads and tenants in the database.
fn row_counts(api: &Api) -> [i64; 6] {
    let mut sql = api.sql();
    ["keys", "idempotency", "changes", "users", "heads", "tenants"]
        .map(|table| sql.number(&format!("SELECT count(*) AS number FROM {table}")))
}

/// Creates a tenant with one key of each role, and creates and deletes three users in it.
async fn create_used_tenant(api: &Api, name: &str) -> (Value, Vec<Client>) {
    let tenant = create_tenant(&api.client, name).await;
    let own = api.client.in_tenant(name);
    let mut callers = Vec::new();
    for role in ["reader", "writer", "admin", "operator"] {
        callers.push(client_with_key(&api.client, &create_key(&own, &json!({ "role": role })).await));
    }
    for number in 0..3 {
        let post = callers[1].post("/users", &json!({ "userName": format!("u{number}") }));
        let response = post.header("idempotency-key", &format!("k{number}")).send().await.expect(201);
        own.delete(&path(&response.json())).send().await.expect(204);
    }
    (tenant, callers)
}

async fn deleting_a_tenant_deletes_its_rows(api: Api) {
    create_user(&api.client, &json!({ "userName": "ada" })).await;
    client_with_role(&api.client, "admin").await;
    create_used_tenant(&api, "other").await;
    let before = row_counts(&api);
    let (tenant, _) = create_used_tenant(&api, "acme").await;
    let [keys, responses, changes, users, heads, tenants] = before;
    // The last change is the creation of the tenant in the feed of `default`.
    let expected = [keys + 4, responses + 3, changes + 4 + 6 + 1, users, heads + 1, tenants + 1];
    assert_eq!(row_counts(&api), expected);
    api.client.delete(&tenant_path(&tenant)).send().await.expect(204);
    assert_eq!(row_counts(&api), [keys, responses, changes + 2, users, heads, tenants]);
}

async fn a_deleted_tenant_leaves_nothing_behind(api: Api) {
    let (tenant, callers) = create_used_tenant(&api, "acme").await;
    for client in &callers {
        client.get("/users").send().await.expect(200);
    }
    api.client.delete(&tenant_path(&tenant)).send().await.expect(204);
    for client in &callers {
        assert_unauthorized(&client.get("/users").send().await);
        assert_unauthorized(&client.post("/users", &json!({ "userName": "x" })).send().await);
        assert_unauthorized(&client.in_tenant("default").get("/users").send().await);
    }
    for target in ["/users", "/keys", "/changes"] {
        assert_problem(&api.client.in_tenant("acme").get(target).send().await, 404, "not-found");
    }
    // The name is free, and a new tenant with that name is empty.
    let again = create_tenant(&api.client, "acme").await;
    assert_ne!(again["id"], tenant["id"]);
    let acme = api.client.in_tenant("acme");
    assert_eq!(get(&acme, "/keys").await, json!({ "items": [] }));
    let feed = get(&acme, "/changes").await;
    assert_eq!((&feed["items"], &feed["head"]), (&json!([]), &json!(0)));
    let post = acme.post("/users", &json!({ "userName": "u0" })).header("idempotency-key", "k0");
    assert_eq!(post.send().await.expect(201).header("idempotency-replayed"), None);
    assert_eq!(get(&acme, "/changes").await["items"][0]["revision"], 1);
    for client in &callers {
        assert_unauthorized(&client.get("/users").send().await);
    }
}

async fn a_tenant_is_never_deleted_while_users_are_created(api: Api) {
    for round in 0..12 {
        let name = format!("t{round}");
        let tenant = create_tenant(&api.client, &name).await;
        let own = api.client.in_tenant(&name);
        let writer = client_with_role(&own, "writer").await;
        let responses = send_concurrently(9, |index| {
            let body = json!({ "userName": format!("u{index}") });
            match index {
                // The position of the deletion differs from round to round.
                _ if index == round % 9 => api.client.delete(&tenant_path(&tenant)),
                _ if index % 2 == 0 => own.post("/users", &body),
                _ => writer.post("/users", &body),
            }
        })
        .await;
        let created = count_with_status(&responses, 201);
        let deleted = count_with_status(&responses, 204) == 1;
        for response in &responses {
            assert!(matches!(response.code(), 201 | 204 | 401 | 404 | 409), "{}", response.text());
        }
        assert!(!(deleted && created > 0), "{created} users were acknowledged in a tenant that was deleted");
        let found = own.get("/users?include=total").send().await;
        match deleted {
            true => drop(assert_problem(&found, 404, "not-found")),
            false => assert_eq!(found.expect(200).json()["total"], created),
        }
    }
    let orphans = "SELECT count(*) AS number FROM users WHERE tenant_id NOT IN (SELECT id FROM tenants)";
    assert_eq!(api.sql().number(orphans), 0);
}
