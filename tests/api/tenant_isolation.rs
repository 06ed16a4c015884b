//! Isolation of tenants: no path, id, filter, cursor, key or feed gives access to another tenant.

use crate::api::callers::{
    client_with_key, client_with_role, create_key, create_tenant, create_user, get, key_path,
};
use crate::api::feed_helpers::{follow, recorded_attributes};
use crate::api::fixture::{full_user, with_field};
use crate::api::problem::{assert_problem, assert_taken};
use crate::api::query::{items, list_users, users_target};
use crate::support::api::{Api, path, text};
use crate::support::http::{Client, Request};
use reqwest::Method;
use serde_json::{Value, json};

engine_tests! {
    equal_users_can_exist_in_both_tenants
    uniqueness_applies_per_tenant
    ids_of_another_tenant_are_unknown
    requests_for_another_tenants_user_change_nothing
    lists_and_totals_are_isolated
    filters_are_isolated
    orders_are_isolated
    cursors_are_bound_to_their_tenant
    idempotency_keys_are_scoped_to_the_tenant
    idempotency_keys_are_scoped_to_the_caller
    a_manager_in_another_tenant_has_no_name
    keys_are_isolated
    changes_are_isolated
    preconditions_reveal_nothing
}

/// Two tenants: acme and beta.
struct Tenants {
    /// A client with an admin key of each tenant.
    admins: [Client; 2],
    /// An equal user in each tenant.
    users: [Value; 2],
}

async fn create_tenants(api: &Api) -> Tenants {
    let mut admins = Vec::new();
    let mut users = Vec::new();
    for name in ["acme", "beta"] {
        create_tenant(&api.client, name).await;
        let admin = client_with_role(&api.client.in_tenant(name), "admin").await;
        users.push(create_user(&admin, &full_user("ada")).await);
        admins.push(admin);
    }
    Tenants {
        admins: admins.try_into().expect("there are two tenants"),
        users: users.try_into().expect("there are two tenants"),
    }
}

async fn equal_users_can_exist_in_both_tenants(api: Api) {
    let Tenants { admins, users } = create_tenants(&api).await;
    assert_ne!(users[0]["id"], users[1]["id"]);
    let own = ["id", "createdAt", "updatedAt"];
    let same =
        own.iter().fold(users[1].clone(), |user, name| with_field(&user, name, users[0][*name].clone()));
    assert_eq!(same, users[0]);
    for (admin, user) in admins.iter().zip(&users) {
        assert_eq!(get(admin, &path(user)).await, *user);
        assert_eq!(get(admin, "/users?include=total").await, json!({ "items": [user], "total": 1 }));
    }
    assert_eq!(get(&api.client, "/users?include=total").await, json!({ "items": [], "total": 0 }));
    // Equal renames and externalIds do not conflict either.
    for (admin, user) in admins.iter().zip(&users) {
        let patch = json!({ "userName": "grace", "externalId": "1" });
        admin.patch(&path(user), &patch).send().await.expect(200);
    }
}

async fn uniqueness_applies_per_tenant(api: Api) {
    let Tenants { admins, .. } = create_tenants(&api).await;
    for admin in &admins {
        assert_taken(&admin.post("/users", &json!({ "userName": "ADA" })).send().await, "userName");
        let body = json!({ "userName": "grace", "externalId": "ada-701984" });
        assert_taken(&admin.post("/users", &body).send().await, "externalId");
        create_user(admin, &json!({ "userName": "grace" })).await;
    }
}

/// All requests for a user and a key.
fn requests(client: &Client, user: &str, key: &str) -> Vec<Request> {
    let body = json!({ "userName": "taken over", "title": "x" });
    vec![
        client.get(user),
        client.request(Method::HEAD, user),
        client.get(&format!("{user}?attributes=userName")),
        client.put(user, &body),
        client.patch(user, &body),
        client.delete(user),
        client.delete(&format!("{user}?erase=true")),
        client.get(key),
        client.request(Method::HEAD, key),
        client.patch(key, &json!({ "role": "reader", "name": "taken over" })),
        client.delete(key),
    ]
}

async fn ids_of_another_tenant_are_unknown(api: Api) {
    let Tenants { admins, users } = create_tenants(&api).await;
    let default_user = api.create_named("ada").await;
    let default_key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let mut keys = Vec::new();
    for admin in &admins {
        keys.push(create_key(admin, &json!({ "role": "reader" })).await);
    }
    let unknown = format!("/users/{}", uuid::Uuid::now_v7());
    let unknown_key = format!("/keys/{}", uuid::Uuid::now_v7());
    let operator = &api.client;
    let operator_in_acme = operator.in_tenant("acme");
    for (client, user, key) in [
        (&admins[0], path(&users[1]), key_path(&keys[1])),
        (&admins[1], path(&users[0]), key_path(&keys[0])),
        (&admins[0], path(&default_user), key_path(&default_key)),
        (operator, path(&users[0]), key_path(&keys[0])),
        (&operator_in_acme, path(&users[1]), key_path(&keys[1])),
        (&operator_in_acme, path(&default_user), key_path(&default_key)),
    ] {
        let foreign = requests(client, &user, &key);
        let nonexistent = requests(client, &unknown, &unknown_key);
        for (foreign, nonexistent) in foreign.into_iter().zip(nonexistent) {
            let with_id = |request: Request| request.header("x-request-id", "same");
            let (found, expected) = (with_id(foreign).send().await, with_id(nonexistent).send().await);
            // The bodies are byte-for-byte equal.
            assert_eq!((found.code(), found.text()), (404, expected.text()));
        }
    }
    assert_eq!(get(operator, &path(&default_user)).await, default_user);
    for (admin, (user, key)) in admins.iter().zip(users.iter().zip(&keys)) {
        assert_eq!(get(admin, &path(user)).await, *user);
        assert_eq!(get(admin, &key_path(key)).await["role"], "reader");
        client_with_key(operator, key).get("/users").send().await.expect(200);
    }
}

async fn requests_for_another_tenants_user_change_nothing(api: Api) {
    let Tenants { admins, users } = create_tenants(&api).await;
    let before = follow(&admins[1], 0, "").await;
    for request in requests(&admins[0], &path(&users[1]), "/keys/x") {
        request.send().await.expect(404);
    }
    let tenant = api.client.in_tenant("beta");
    assert_eq!(follow(&tenant, 0, "").await, before);
    assert_eq!(get(&admins[1], "/users").await["items"], json!([users[1]]));
}

/// Selects the users of a tenant that a filter must match.
type Expected<'f> = &'f dyn Fn(&[Value]) -> Vec<Value>;

/// Creates two tenants, one with five users, and one with three users who have the same names as users of the first.
async fn create_populated_tenants(api: &Api) -> (Tenants, [Vec<Value>; 2]) {
    let both = create_tenants(api).await;
    let mut all_users = both.users.clone().map(|user| vec![user]);
    for number in 0..4 {
        for (tenant, admin) in both.admins.iter().enumerate().filter(|(tenant, _)| number < 4 - 2 * tenant) {
            let body = json!({
                "userName": format!("u{number}"), "externalId": format!("e{number}"), "title": "Engineer",
                "displayName": format!("D{}", 9 - number), "emails": [{ "value": "shared@example.com" }],
            });
            all_users[tenant].push(create_user(admin, &body).await);
        }
    }
    (both, all_users)
}

async fn lists_and_totals_are_isolated(api: Api) {
    let (Tenants { admins, .. }, all_users) = create_populated_tenants(&api).await;
    for (admin, own_users) in admins.iter().zip(&all_users) {
        assert_eq!(list_users(admin, &[("limit", "1")]).await, *own_users);
        let page = get(admin, "/users?limit=1&include=total").await;
        assert_eq!(page["total"], own_users.len());
        admin.delete(&path(&own_users[2])).send().await.expect(204);
        assert_eq!(get(admin, "/users?include=total").await["total"], own_users.len() - 1);
    }
    // A deletion in one tenant does not change the total of the other.
    assert_eq!(get(&admins[0], "/users?include=total").await["total"], all_users[0].len() - 1);
}

async fn filters_are_isolated(api: Api) {
    let (Tenants { admins, users }, all_users) = create_populated_tenants(&api).await;
    let all = |own_users: &[Value]| own_users.to_vec();
    let but_first = |own_users: &[Value]| own_users[1..].to_vec();
    let first = |own_users: &[Value]| own_users[..1].to_vec();
    let second = |own_users: &[Value]| own_users[1..2].to_vec();
    let none = |_: &[Value]| Vec::new();
    let filters: [(String, Expected<'_>); 13] = [
        ("userName eq \"ADA\"".to_owned(), &first),
        ("userName sw \"u\"".to_owned(), &but_first),
        ("externalId eq \"e0\"".to_owned(), &second),
        ("emails.value eq \"shared@example.com\"".to_owned(), &but_first),
        ("emails.value sw \"s\" and title eq \"engineer\"".to_owned(), &but_first),
        ("displayName sw \"d\"".to_owned(), &but_first),
        ("active eq true".to_owned(), &but_first),
        ("active eq false or userName eq \"u0\"".to_owned(), &|own_users: &[Value]| own_users[..2].to_vec()),
        ("createdAt gt \"2020-01-01T00:00:00Z\"".to_owned(), &all),
        ("title co \"gin\"".to_owned(), &but_first),
        ("not (title pr and nickName eq \"x\")".to_owned(), &all),
        ("id pr".to_owned(), &all),
        ("userName eq \"nobody\"".to_owned(), &none),
    ];
    for (admin, own_users) in admins.iter().zip(&all_users) {
        for (filter, expected) in &filters {
            let expected = expected(own_users);
            let parameters = [("filter", filter.as_str()), ("limit", "2")];
            assert_eq!(list_users(admin, &parameters).await, expected, "{filter}");
            let page = get(admin, &users_target(&[("filter", filter), ("include", "total")])).await;
            assert_eq!(page["total"], expected.len(), "{filter}");
        }
    }
    // An id exists only in its own tenant.
    for (admin, [own, other]) in admins.iter().zip([[&users[0], &users[1]], [&users[1], &users[0]]]) {
        let by_id = async |id: &Value| list_users(admin, &[("filter", &format!("id eq {id}"))]).await;
        assert_eq!((by_id(&own["id"]).await, by_id(&other["id"]).await), (vec![own.clone()], vec![]));
    }
}

async fn orders_are_isolated(api: Api) {
    let (Tenants { admins, .. }, all_users) = create_populated_tenants(&api).await;
    for (admin, own_users) in admins.iter().zip(&all_users) {
        for order in ["id", "userName", "displayName", "createdAt", "updatedAt"] {
            let mut expected: Vec<_> = own_users.iter().map(|user| user["id"].clone()).collect();
            // displayName is "Babs Jensen" and then descends from D9. userName and the times ascend.
            if order == "displayName" {
                expected[1..].reverse();
            }
            let ids = async |sort: &str| -> Vec<Value> {
                let found = list_users(admin, &[("sort", sort), ("limit", "2")]).await;
                found.iter().map(|user| user["id"].clone()).collect()
            };
            assert_eq!(ids(order).await, expected, "{order}");
            expected.reverse();
            assert_eq!(ids(&format!("-{order}")).await, expected, "-{order}");
        }
    }
}

async fn cursors_are_bound_to_their_tenant(api: Api) {
    let (Tenants { admins, .. }, _) = create_populated_tenants(&api).await;
    for admin in &admins {
        for _ in 0..2 {
            create_key(admin, &json!({ "role": "reader" })).await;
        }
    }
    let operator_in_acme = |name: &str| api.client.in_tenant(name);
    for target in [
        "/users?limit=1",
        "/users?limit=1&sort=userName",
        "/users?limit=1&sort=-createdAt",
        "/users?limit=1&filter=active%20eq%20true",
        "/users?limit=1&filter=title%20pr",
        "/keys?limit=1",
    ] {
        let cursor = text(&get(&admins[0], target).await["nextCursor"]).to_owned();
        let next = format!("{target}&cursor={cursor}");
        for client in [&admins[0], &operator_in_acme("acme")] {
            assert_eq!(items(&get(client, &next).await).len(), 1, "{target}");
        }
        for client in [&admins[1], &operator_in_acme("beta"), &api.client] {
            assert_problem(&client.get(&next).send().await, 400, "invalid-cursor");
        }
    }
}

async fn idempotency_keys_are_scoped_to_the_tenant(api: Api) {
    create_tenant(&api.client, "acme").await;
    let body = json!({ "userName": "ada" });
    let post = async |tenant: &str, body: &Value| {
        api.client.in_tenant(tenant).post("/users", body).header("idempotency-key", "k").send().await
    };
    // One caller acts in two tenants.
    let in_default = post("default", &body).await.expect(201);
    let in_acme = post("acme", &body).await.expect(201);
    assert_eq!(in_acme.header("idempotency-replayed"), None);
    assert_ne!(in_default.json()["id"], in_acme.json()["id"]);
    for (tenant, first) in [("default", &in_default), ("acme", &in_acme)] {
        let again = post(tenant, &body).await;
        assert_eq!((again.code(), again.text()), (201, first.text()));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_problem(&post(tenant, &json!({ "userName": "x" })).await, 422, "idempotency-key-reused");
    }
    // Without the header, the caller acts in its own tenant.
    let own = api.client.post("/users", &body).header("idempotency-key", "k").send().await;
    assert_eq!(own.text(), in_default.text());
    for tenant in ["default", "acme"] {
        assert_eq!(get(&api.client.in_tenant(tenant), "/users?include=total").await["total"], 1);
    }
}

async fn idempotency_keys_are_scoped_to_the_caller(api: Api) {
    let [one, other] =
        [client_with_role(&api.client, "writer").await, client_with_role(&api.client, "writer").await];
    let post = async |client: &Client, name: &str| {
        client.post("/users", &json!({ "userName": name })).header("idempotency-key", "k").send().await
    };
    let first = post(&one, "ada").await.expect(201);
    let second = post(&other, "grace").await.expect(201);
    assert_eq!(
        (post(&one, "ada").await.text(), post(&other, "grace").await.text()),
        (first.text(), second.text())
    );
    assert_problem(&post(&one, "grace").await, 422, "idempotency-key-reused");
    assert_taken(&post(&api.client, "ada").await, "userName");
    assert_eq!(get(&api.client, "/users?include=total").await["total"], 2);
}

async fn a_manager_in_another_tenant_has_no_name(api: Api) {
    let Tenants { admins, users } = create_tenants(&api).await;
    for (index, (boss, name)) in
        [(&users[0], json!("Babs Jensen")), (&users[1], json!(null))].iter().enumerate()
    {
        let manager = json!({ "value": boss["id"], "displayName": "made up" });
        let body = json!({ "userName": format!("u{index}"), "enterprise": { "manager": manager } });
        let expected = json!({ "value": boss["id"], "displayName": name });
        let user = create_user(&admins[0], &body).await;
        assert_eq!(user["enterprise"]["manager"], expected);
        assert_eq!(get(&admins[0], &path(&user)).await, user);
        let operator_in_acme = api.client.in_tenant("acme");
        assert_eq!(get(&operator_in_acme, &path(&user)).await, user);
        let page = get(&admins[0], "/users?sort=-id&limit=1").await;
        assert_eq!(page["items"][0]["enterprise"]["manager"], expected);
        let put = admins[0].put(&path(&user), &body).send().await.expect(200).json();
        assert_eq!(put["enterprise"]["manager"], expected);
    }
}

async fn keys_are_isolated(api: Api) {
    let Tenants { admins, .. } = create_tenants(&api).await;
    let mut created = Vec::new();
    for (admin, name) in admins.iter().zip(["one", "other"]) {
        created.push(create_key(admin, &json!({ "role": "writer", "name": name })).await);
    }
    for (index, admin) in admins.iter().enumerate() {
        let list = get(admin, "/keys?include=total").await;
        // The tenant has the key of its admin and the new key.
        assert_eq!((&list["total"], &list["items"][1]["id"]), (&json!(2), &created[index]["id"]));
        assert!(!list.to_string().contains(text(&created[1 - index]["id"])), "{list}");
    }
    assert_eq!(get(&api.client, "/keys?include=total").await, json!({ "items": [], "total": 0 }));
    // A key writes to its own tenant, and can be revoked only there.
    let writer = client_with_key(&api.client, &created[0]);
    create_user(&writer, &json!({ "userName": "grace" })).await;
    assert_eq!(get(&admins[0], "/users?include=total").await["total"], 2);
    assert_eq!(get(&admins[1], "/users?include=total").await["total"], 1);
    assert_problem(&admins[1].delete(&key_path(&created[0])).send().await, 404, "not-found");
    writer.get("/users").send().await.expect(200);
}

async fn changes_are_isolated(api: Api) {
    let Tenants { admins, users } = create_tenants(&api).await;
    for (round, title) in ["x", "y", "z"].iter().enumerate() {
        for (admin, user) in admins.iter().zip(&users).take(2 - round % 2) {
            admin.patch(&path(user), &json!({ "title": title })).send().await.expect(200);
        }
    }
    let pages = [get(&admins[0], "/changes").await, get(&admins[1], "/changes").await];
    assert_ne!(pages[0]["epoch"], pages[1]["epoch"]);
    for (index, (admin, count)) in admins.iter().zip([5, 4]).enumerate() {
        let rows = follow(admin, 0, "").await;
        let found: Vec<_> = rows.iter().map(|row| (row["revision"].clone(), row["type"].clone())).collect();
        let kinds = ["key.created", "user.created", "user.updated", "user.updated", "user.updated"];
        let numbered: Vec<_> = (1..=count).zip(kinds).map(|(n, kind)| (json!(n), json!(kind))).collect();
        assert_eq!(found, numbered);
        assert_eq!(rows[1]["after"], recorded_attributes(&users[index]));
        // The id of the other tenant's user is not in the feed.
        let other = text(&users[1 - index]["id"]);
        assert_eq!(follow(admin, 0, &format!("&resource={other}")).await, Vec::<Value>::new());
        assert!(!json!(rows).to_string().contains(other));
        let tenant = api.client.in_tenant(["acme", "beta"][index]);
        assert_eq!(follow(&tenant, 0, "").await, rows);
    }
}

async fn preconditions_reveal_nothing(api: Api) {
    let Tenants { admins, users } = create_tenants(&api).await;
    for tag in ["\"1\"", "*", "\"7\""] {
        for name in ["if-match", "if-none-match"] {
            let get = admins[0].get(&path(&users[1])).header(name, tag).send().await;
            let unknown_path = format!("/users/{}", uuid::Uuid::now_v7());
            let unknown = admins[0].get(&unknown_path).header(name, tag).send().await;
            assert_eq!((get.code(), &get.json()["code"]), (404, &unknown.json()["code"]));
            let delete = admins[0].delete(&path(&users[1])).header(name, tag).send().await;
            let unknown = admins[0].delete(&unknown_path).header(name, tag).send().await;
            assert_eq!((delete.code(), &delete.json()["code"]), (unknown.code(), &unknown.json()["code"]));
        }
    }
    assert_eq!(get(&admins[1], &path(&users[1])).await, users[1]);
}
