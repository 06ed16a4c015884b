//! `/me`: the caller of a request.

use crate::api::callers::{client_with_key, create_key, create_tenant, key_path};
use crate::api::problem::{assert_problem, assert_unauthorized};
use crate::support::api::{Api, text};
use crate::support::http::Client;
use serde_json::{Value, json};

engine_tests! {
    me_returns_the_calling_key
    me_returns_the_tenant_that_an_operator_acts_in
    me_returns_the_connection_of_a_token
    me_refuses_a_key_that_another_server_has_revoked
    errors_outside_scim_say_where_a_token_works
}

/// The time of expiry of keys and tokens.
const EXPIRY: &str = "2100-01-01T00:00:00.000000Z";

async fn me(client: &Client) -> Value {
    client.get("/me").send().await.expect(200).json()
}

async fn me_returns_the_calling_key(api: Api) {
    let tenant = me(&api.client).await["tenant"].clone();
    assert_eq!(
        me(&api.client).await,
        json!({ "type": "admin", "id": "admin", "name": null, "tenant": tenant, "role": "operator", "expiresAt": null })
    );
    assert_eq!(tenant["name"], "default");
    for role in ["reader", "writer", "admin", "operator"] {
        let body = json!({ "role": role, "name": "a name", "expiresAt": EXPIRY });
        let key = create_key(&api.client, &body).await;
        let client = client_with_key(&api.client, &key);
        let expected = json!({ "type": "key", "id": key["id"], "name": "a name", "tenant": tenant, "role": role,
            "expiresAt": EXPIRY });
        assert_eq!(me(&client).await, expected);
        assert_problem(&client.get("/me?x=1").send().await, 400, "invalid-parameter");
        api.client.delete(&key_path(&key)).send().await.expect(204);
        assert_unauthorized(&client.get("/me").send().await);
    }
}

async fn me_returns_the_tenant_that_an_operator_acts_in(api: Api) {
    let acme = create_tenant(&api.client, "acme").await;
    let tenant = json!({ "id": acme["id"], "name": "acme" });
    assert_eq!(me(&api.client.in_tenant("acme")).await["tenant"], tenant);
    let key = create_key(&api.client.in_tenant("acme"), &json!({ "role": "reader" })).await;
    let own = me(&client_with_key(&api.client, &key)).await;
    assert_eq!((&own["tenant"], &own["name"], &own["expiresAt"]), (&tenant, &Value::Null, &Value::Null));
    let key = create_key(&api.client, &json!({ "role": "operator" })).await;
    let acting = me(&client_with_key(&api.client, &key).in_tenant("acme")).await;
    assert_eq!((&acting["tenant"], &acting["id"]), (&tenant, &key["id"]));
}

/// Creates a connection, and returns it with a client that uses its token.
async fn connect(api: &Api) -> (Value, Client) {
    let connection =
        api.client.post("/connections", &json!({ "name": "Okta" })).send().await.expect(201).json();
    let tokens = format!("/connections/{}/tokens", text(&connection["id"]));
    let token = api.client.post(&tokens, &json!({ "expiresAt": EXPIRY })).send().await.expect(201).json();
    (connection, client_with_key(&api.client, &token))
}

async fn me_returns_the_connection_of_a_token(api: Api) {
    let (connection, client) = connect(&api).await;
    let tenant = me(&api.client).await["tenant"].clone();
    let expected = json!({ "type": "connection", "id": connection["id"], "name": "Okta", "tenant": tenant,
        "role": "writer", "expiresAt": EXPIRY });
    assert_eq!(me(&client).await, expected);
    let users = client.get("/scim/v2/Me").send().await;
    assert_eq!(users.code(), 501, "{}", users.text());
}

/// This server still has the key in its cache.
async fn me_refuses_a_key_that_another_server_has_revoked(api: Api) {
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let client = client_with_key(&api.client, &key);
    me(&client).await;
    api.sql().execute("UPDATE keys SET revoked_at = created_at");
    assert_unauthorized(&client.get("/me").send().await);
}

/// The refusals do not count as failed attempts.
async fn errors_outside_scim_say_where_a_token_works(api: Api) {
    let api = Api::start(api.engine, &[("ROSTER_FAILED_ATTEMPTS", "2")]);
    let (_, client) = connect(&api).await;
    for _ in 0..3 {
        for path in ["/users", "/users/x", "/keys", "/changes"] {
            let response = client.get(path).send().await;
            assert_unauthorized(&response);
            assert!(
                text(&response.json()["detail"]).contains("works only under `/scim/v2`"),
                "{}",
                response.text()
            );
        }
        for path in ["/Users", "/scim/Users", "/scim", "/api/scim/v2/Users", "/nothing"] {
            let problem = assert_problem(&client.get(path).send().await, 404, "not-found");
            assert!(text(&problem["detail"]).contains("works only under `/scim/v2`"), "{problem}");
        }
    }
    client.get("/scim/v2/Users").send().await.expect(200);
    assert_unauthorized(&client.with_key("garbage").get("/Users").send().await);
}
