//! Tenants whose users must not share e-mail addresses.

use crate::api::callers::{create_tenant, create_user, get, tenant_path};
use crate::api::fixture::with_field;
use crate::api::problem::{assert_conflicts, assert_not_unique, assert_taken_by};
use crate::support::api::{Api, Engine, count_with_status, path, send_concurrently, text};
use crate::support::http::{Client, Request};
use crate::support::server::Server;
use serde_json::{Value, json};

engine_tests! {
    emails_are_unique_if_the_tenant_requires_it
    upserts_and_bulk_operations_name_the_user_with_the_address
    an_address_is_free_again_once_its_user_no_longer_has_it
    the_rule_can_be_enabled_only_without_conflicts
    conflicts_are_listed_up_to_a_limit
    a_search_that_finds_conflicts_waits_for_no_lock
    the_rules_can_be_enabled_together
    unique_emails_hold_while_the_rule_is_enabled
    unique_emails_hold_under_concurrent_writes
}

fn with_emails(user_name: &str, emails: &[&str]) -> Value {
    let emails: Vec<_> = emails.iter().map(|value| json!({ "value": value })).collect();
    json!({ "userName": user_name, "emails": emails })
}

/// A client in a new tenant that requires unique e-mail addresses.
async fn strict_tenant(api: &Api) -> Client {
    let tenant = json!({ "name": "acme", "uniqueEmails": true });
    let tenant = api.client.post("/tenants", &tenant).send().await.expect(201).json();
    assert_eq!(tenant["uniqueEmails"], true);
    api.client.in_tenant("acme")
}

fn enable(api: &Api, tenant: &Value, enabled: bool) -> Request {
    api.client.patch(&tenant_path(tenant), &json!({ "uniqueEmails": enabled }))
}

async fn emails_are_unique_if_the_tenant_requires_it(api: Api) {
    let acme = strict_tenant(&api).await;
    let ada = create_user(&acme, &with_emails("ada", &["ada@x.com", "Straße@x.com"])).await;
    let bob = create_user(&acme, &with_emails("bob", &["bob@x.com"])).await;
    for taken in ["ada@x.com", "ADA@X.COM", "STRASSE@x.com"] {
        let body = with_emails("bob", &["bob2@x.com", taken]);
        let post = acme.post("/users", &with_field(&body, "userName", json!("eve"))).send().await;
        assert_taken_by(&post, "emails", &ada);
        assert_taken_by(&acme.put(&path(&bob), &body).send().await, "emails", &ada);
        let patch = json!({ "emails": body["emails"] });
        assert_taken_by(&acme.patch(&path(&bob), &patch).send().await, "emails", &ada);
    }
    assert_eq!(get(&acme, "/users").await["items"], json!([ada, bob]));
    // A user can have an address twice, and users without addresses never conflict.
    let twice = json!([{ "value": "ada@x.com", "type": "work" }, { "value": "ADA@x.com", "type": "home" }]);
    acme.patch(&path(&ada), &json!({ "emails": twice })).send().await.expect(200);
    acme.patch(&path(&ada), &json!({ "title": "Countess" })).send().await.expect(200);
    create_user(&acme, &with_emails("carol", &[])).await;
    create_user(&acme, &with_emails("dan", &[])).await;
    // Other tenants are not affected.
    api.create(&with_emails("ada", &["ada@x.com"])).await;
    api.create(&with_emails("bob", &["ada@x.com"])).await;
}

async fn upserts_and_bulk_operations_name_the_user_with_the_address(api: Api) {
    let acme = strict_tenant(&api).await;
    let ada = create_user(&acme, &with_emails("ada", &["ada@x.com"])).await;
    let bob =
        create_user(&acme, &with_field(&with_emails("bob", &["bob@x.com"]), "externalId", json!("b"))).await;
    for (by, body) in [
        ("userName", with_emails("eve", &["ADA@x.com"])),
        ("userName", with_emails("bob", &["ADA@x.com"])),
        ("externalId", with_field(&with_emails("eve", &["ADA@x.com"]), "externalId", json!("e"))),
        ("externalId", with_field(&with_emails("bob", &["ADA@x.com"]), "externalId", json!("b"))),
    ] {
        let upsert = acme.put(&format!("/users?match={by}"), &body).send().await;
        assert_taken_by(&upsert, "emails", &ada);
    }
    let scim_path = format!("/Users/{}", text(&bob["id"]));
    let shared = with_emails("bob", &["ADA@x.com"]);
    let patch = json!({ "Operations": [{ "op": "add", "path": "emails", "value": shared["emails"] }] });
    let operations = json!([
        { "method": "POST", "path": "/Users", "bulkId": "1", "data": with_emails("eve", &["ada@x.com"]) },
        { "method": "PUT", "path": scim_path, "data": shared },
        { "method": "PATCH", "path": scim_path, "data": patch },
        { "method": "POST", "path": "/Users", "bulkId": "2", "data": with_emails("carol", &["new@x.com"]) },
        { "method": "POST", "path": "/Users", "bulkId": "3", "data": with_emails("eve", &["NEW@x.com"]) },
    ]);
    let bulk =
        acme.post("/scim/v2/Bulk", &json!({ "Operations": operations })).send().await.expect(200).json();
    let carol = get(&acme, "/users?filter=userName%20eq%20%22carol%22").await["items"][0].clone();
    let owners = [Some(&ada), Some(&ada), Some(&ada), None, Some(&carol)];
    for (result, owner) in bulk["Operations"].as_array().expect("the value is a list").iter().zip(owners) {
        let Some(owner) = owner else { continue };
        let error = (&result["status"], &result["response"]["scimType"]);
        assert_eq!(error, (&json!("409"), &json!("uniqueness")), "{result}");
        assert!(text(&result["response"]["detail"]).contains(text(&owner["id"])), "{result}");
    }
    assert_eq!(get(&acme, "/users").await["items"], json!([ada, bob, carol]));
}

async fn an_address_is_free_again_once_its_user_no_longer_has_it(api: Api) {
    let acme = strict_tenant(&api).await;
    let ada = create_user(&acme, &with_emails("ada", &["ada@x.com"])).await;
    acme.patch(&path(&ada), &json!({ "emails": [] })).send().await.expect(200);
    let bob = create_user(&acme, &with_emails("bob", &["ada@x.com"])).await;
    assert_taken_by(&acme.post("/users", &with_emails("c", &["ada@x.com"])).send().await, "emails", &bob);
    acme.delete(&path(&bob)).send().await.expect(204);
    create_user(&acme, &with_emails("c", &["ada@x.com"])).await;
}

async fn the_rule_can_be_enabled_only_without_conflicts(api: Api) {
    let tenant = create_tenant(&api.client, "acme").await;
    assert_eq!(tenant["uniqueEmails"], false);
    let acme = api.client.in_tenant("acme");
    let ada = create_user(&acme, &with_emails("ada", &["a@x", "ada@x"])).await;
    let bob = create_user(&acme, &with_emails("bob", &["A@X"])).await;
    api.create(&with_emails("ada", &["ada@x"])).await;
    let conflict =
        json!([{ "attribute": "emails", "value": "a@x", "count": 2, "ids": [ada["id"], bob["id"]] }]);
    let refused = enable(&api, &tenant, true).send().await;
    assert_eq!(assert_not_unique(&refused), (conflict.clone(), 1));
    assert_eq!(get(&api.client, &tenant_path(&tenant)).await, tenant);
    acme.patch(&path(&bob), &json!({ "emails": [{ "value": "bob@x" }] })).send().await.expect(200);
    assert_eq!(enable(&api, &tenant, true).send().await.expect(200).json()["uniqueEmails"], true);
    let shared = json!({ "emails": [{ "value": "A@X" }] });
    assert_taken_by(&acme.patch(&path(&bob), &shared).send().await, "emails", &ada);
    // Other settings can change while the rule applies.
    api.client.patch(&tenant_path(&tenant), &json!({ "name": "beta" })).send().await.expect(200);
    let beta = api.client.in_tenant("beta");
    assert_taken_by(&beta.patch(&path(&bob), &shared).send().await, "emails", &ada);
    enable(&api, &tenant, false).send().await.expect(200);
    beta.patch(&path(&bob), &shared).send().await.expect(200);
    assert_eq!(assert_not_unique(&enable(&api, &tenant, true).send().await), (conflict, 1));
}

async fn conflicts_are_listed_up_to_a_limit(api: Api) {
    let tenant = create_tenant(&api.client, "acme").await;
    let acme = api.client.in_tenant("acme");
    // Twelve users share one address, and 103 pairs of users one each.
    let users = send_concurrently(218, |index| {
        let address = if index < 12 { "a@x".to_owned() } else { format!("b{:03}@x", index / 2) };
        acme.post("/users", &with_emails(&format!("user{index}"), &[&address]))
    })
    .await;
    assert_eq!(count_with_status(&users, 201), 218);
    let (conflicts, count) = assert_not_unique(&enable(&api, &tenant, true).send().await);
    let conflicts = conflicts.as_array().expect("the value is a list").clone();
    assert_eq!((conflicts.len(), count), (100, 104));
    let values: Vec<_> = conflicts.iter().map(|conflict| text(&conflict["value"])).collect();
    let expected: Vec<_> =
        ["a@x".to_owned()].into_iter().chain((6..105).map(|index| format!("b{index:03}@x"))).collect();
    assert_eq!(values, expected);
    let ids = |conflict: &Value| conflict["ids"].as_array().expect("the value is a list").len();
    assert_eq!((&conflicts[0]["count"], ids(&conflicts[0])), (&json!(12), 10));
    assert!(conflicts[1..].iter().all(|conflict| conflict["count"] == 2 && ids(conflict) == 2));
}

/// Other writes never wait for such a search, because it needs none of the locks that writes need.
async fn a_search_that_finds_conflicts_waits_for_no_lock(api: Api) {
    let tenant = create_tenant(&api.client, "acme").await;
    let acme = api.client.in_tenant("acme");
    for name in ["ada", "bob"] {
        create_user(&acme, &with_emails(name, &["a@x"])).await;
        acme.post("/groups", &json!({ "displayName": "Poets" })).send().await.expect(201);
    }
    let mut writer = api.sql();
    writer.execute(match api.engine {
        Engine::Sqlite => "BEGIN IMMEDIATE",
        Engine::Postgres => {
            "BEGIN; SELECT revision FROM heads FOR UPDATE; SELECT version FROM tenants FOR UPDATE"
        }
    });
    for setting in ["uniqueEmails", "uniqueGroupNames"] {
        let refused = api.client.patch(&tenant_path(&tenant), &json!({ setting: true })).send().await;
        assert_eq!(assert_not_unique(&refused).1, 1);
    }
    writer.execute("ROLLBACK");
    assert_eq!(get(&api.client, &tenant_path(&tenant)).await, tenant);
}

async fn the_rules_can_be_enabled_together(api: Api) {
    let tenant = create_tenant(&api.client, "acme").await;
    let acme = api.client.in_tenant("acme");
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        ids.push(create_user(&acme, &with_emails(name, &["a@x"])).await);
        ids.push(acme.post("/groups", &json!({ "displayName": "Poets" })).send().await.expect(201).json());
    }
    let both = json!({ "uniqueEmails": true, "uniqueGroupNames": true });
    let refused = api.client.patch(&tenant_path(&tenant), &both).send().await;
    let of = |index: usize| [&ids[index]["id"], &ids[index + 2]["id"]];
    let expected = json!([
        { "attribute": "emails", "value": "a@x", "count": 2, "ids": of(0) },
        { "attribute": "displayName", "value": "poets", "count": 2, "ids": of(1) },
    ]);
    assert_eq!(assert_not_unique(&refused), (expected, 2));
}

/// A second server on PostgreSQL, and a client of it. On SQLite, which has only one server, another client of that server.
fn second_client(api: &Api) -> (Option<Server>, Client) {
    let server = (api.engine == Engine::Postgres).then(|| Server::builder(&api.database_url()).start());
    let client = server.as_ref().map_or_else(|| api.client.clone(), Client::new);
    (server, client)
}

/// Users with one address are created while the tenant makes addresses unique: either that fails, or one user is created.
async fn unique_emails_hold_while_the_rule_is_enabled(api: Api) {
    let (_second, other) = second_client(&api);
    for round in 0..8 {
        let name = format!("t{round}");
        let tenant = create_tenant(&api.client, &name).await;
        let own = api.client.in_tenant(&name);
        let clients = [&own, &other.in_tenant(&name)];
        let responses = send_concurrently(9, |index| match index {
            _ if index == round => enable(&api, &tenant, true),
            _ => clients[index % 2].post("/users", &with_emails(&format!("user{index}"), &["a@x"])),
        })
        .await;
        let (created, is_unique) =
            (count_with_status(&responses, 201), count_with_status(&responses, 200) == 1);
        assert!(responses.iter().all(|response| matches!(response.code(), 200 | 201 | 409)), "{responses:?}");
        assert_eq!(created, if is_unique { 1 } else { 8 });
        let again = own.post("/users", &with_emails("again", &["A@x"])).send().await;
        assert_eq!(again.code(), if is_unique { 409 } else { 201 });
    }
}

async fn unique_emails_hold_under_concurrent_writes(api: Api) {
    let acme = strict_tenant(&api).await;
    let (_second, other) = second_client(&api);
    let other = other.in_tenant("acme");
    let mut users = Vec::new();
    for index in 0..8 {
        users.push(create_user(&acme, &with_emails(&format!("user{index}"), &[])).await);
    }
    for round in 0..4 {
        let address = format!("a{round}@x");
        let responses = send_concurrently(16, |index| {
            let client = if index % 2 == 0 { &acme } else { &other };
            match index {
                0..8 => client.patch(&path(&users[index]), &json!({ "emails": [{ "value": address }] })),
                _ => client.post("/users", &with_emails(&format!("{round}-{index}"), &[&address])),
            }
        })
        .await;
        let succeeded = count_with_status(&responses, 200) + count_with_status(&responses, 201);
        assert_eq!((succeeded, count_with_status(&responses, 409)), (1, 15));
        assert_conflicts(&responses, "emails");
        let filter = format!("/users?filter=emails.value%20eq%20%22{address}%22");
        assert_eq!(get(&acme, &filter).await["items"].as_array().map(Vec::len), Some(1));
    }
}
