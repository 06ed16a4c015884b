//! The error tables of docs/okta.md and docs/entra.md agree with the server: the situations of each row are produced, and
//! the responses compared with the row.

use crate::docs::error_codes::{code_spans, rows};
use crate::docs::pages::read;
use crate::support::api::{Api, Engine, run_with, text};
use crate::support::http::{Client, Response};
use crate::support::percent_encoded;
use reqwest::Method;
use roster::domain::time::Timestamp;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};
use tokio::task::JoinSet;
use uuid::Uuid;

/// The number of failed attempts that the server accepts.
const ATTEMPTS: usize = 20;

/// The words by which a cause describes a situation, after the beginning of its row.
const SITUATIONS: [(&str, &str); 27] = [
    ("401", "token is wrong"),
    ("401", "expired"),
    ("401", "revoked"),
    ("403", "role `reader`"),
    ("404", "different path"),
    ("404", "deleted in Roster"),
    ("409", "`userName`"),
    ("409", "`externalId`"),
    ("409", "group name"),
    ("409", "e-mail address"),
    ("400", "e-mail without `@`"),
    ("400", "neither true nor false"),
    ("400", "value that is too long"),
    ("400", "member who is not a user"),
    ("400", "not JSON"),
    ("400", "that no schema defines"),
    ("400", "attribute is not in the schema"),
    ("400", "type in a target has no quotes"),
    ("400", "removes `active`"),
    ("400", "clears `active`"),
    ("400 `noTarget`", "profile `strict`"),
    ("400", "too many members"),
    ("412", "changed the resource first"),
    ("413", "`ROSTER_BODY_LIMIT`"),
    ("429", "failed authentication attempts"),
    ("429", "connection is held"),
    ("503", "overloaded"),
];

/// A server with a user and the clients of an identity provider.
struct Provider {
    api: Api,
    connection: Value,
    lenient: Client,
    strict: Client,
    user: String,
}

#[test]
fn the_provider_pages_describe_the_errors_that_the_server_returns() {
    let settings = [("ROSTER_FAILED_ATTEMPTS", &*ATTEMPTS.to_string())];
    run_with(Engine::Sqlite, &settings, async |api| {
        let provider = Provider::new(api).await;
        for page in ["docs/okta.md", "docs/entra.md"] {
            for row in rows(&read(page), "response") {
                provider.check_row(page, &row).await;
            }
        }
    });
}

impl Provider {
    async fn new(api: Api) -> Self {
        let user = api.create(&json!({ "userName": "ada" })).await;
        let (connection, lenient) = connect(&api, "lenient").await;
        let (_, strict) = connect(&api, "strict").await;
        let body = json!({ "userName": "bob", "externalId": "7" });
        post(&lenient, "/Users", &body).await.expect(201);
        Self { connection, lenient, strict, user: format!("/Users/{}", text(&user["id"])), api }
    }

    /// Produces the situations that the cause of a row describes.
    async fn check_row(&self, page: &str, row: &[String]) {
        let [expected, cause, ..] = row else { panic!("{page}: {row:?}") };
        let (status, types) = (&expected[..3], code_spans(expected).collect::<Vec<_>>());
        let described: Vec<_> = SITUATIONS
            .iter()
            .filter(|(of, words)| expected.starts_with(of) && cause.contains(words))
            .collect();
        assert!(!described.is_empty(), "{page}: no situation for {row:?}");
        for (_, words) in described {
            for scim_type in
                if types.is_empty() { vec![""] } else { types.iter().map(String::as_str).collect() }
            {
                let response = self.produce(words, scim_type).await;
                let found = serde_json::from_slice::<Value>(&response.bytes).expect("the body is JSON");
                assert_eq!(
                    (response.code().to_string().as_str(), found["scimType"].as_str().unwrap_or_default()),
                    (status, scim_type),
                    "{page}: {words}: {found}"
                );
            }
        }
    }

    /// The response in a situation. The type distinguishes situations that are described in the same words.
    async fn produce(&self, words: &str, scim_type: &str) -> Response {
        match words {
            "token is wrong" => get(&self.lenient.with_key("wrong"), "/Users").await,
            "expired" => self.with_expired_token().await,
            "revoked" => self.with_revoked_token().await,
            "role `reader`" => {
                let key =
                    self.api.client.post("/keys", &json!({ "role": "reader" })).send().await.expect(201);
                post(&self.api.client.with_key(text(&key.json()["secret"])), "/Users", &json!({})).await
            }
            "different path" => self.lenient.get("/Users").send().await,
            "deleted in Roster" => get(&self.lenient, &format!("/Users/{}", Uuid::now_v7())).await,
            "`userName`" => post(&self.lenient, "/Users", &json!({ "userName": "ada" })).await,
            "`externalId`" => {
                post(&self.lenient, "/Users", &json!({ "userName": "new", "externalId": "7" })).await
            }
            "group name" => self.with_taken_group_name().await,
            "e-mail address" => self.with_taken_email().await,
            "e-mail without `@`" => self.create(json!({ "emails": [{ "value": "x" }] })).await,
            "neither true nor false" => self.create(json!({ "active": "maybe" })).await,
            "value that is too long" => self.create(json!({ "displayName": "x".repeat(300) })).await,
            "member who is not a user" => {
                let members = json!([{ "value": Uuid::now_v7() }]);
                post(&self.lenient, "/Groups", &json!({ "displayName": "a", "members": members })).await
            }
            "not JSON" => send(&self.lenient, Method::POST, "/Users", "{").await,
            "that no schema defines" => self.with_unknown_attribute(scim_type).await,
            "attribute is not in the schema" => self.with_unknown_attribute("invalidFilter").await,
            "type in a target has no quotes" => {
                let path = "emails[type eq work].value";
                self.patch(&self.lenient, json!({ "op": "replace", "path": path, "value": "a@b" })).await
            }
            "removes `active`" | "clears `active`" => {
                self.patch(&self.strict, json!({ "op": "remove", "path": "active" })).await
            }
            "profile `strict`" => {
                let path = "emails[type eq \"work\"].value";
                self.patch(&self.strict, json!({ "op": "replace", "path": path, "value": "a@b" })).await
            }
            "too many members" => self.with_too_many_members().await,
            "changed the resource first" => {
                let patch = patch_op(json!({ "op": "replace", "path": "title", "value": "x" }));
                let request = self.lenient.request(Method::PATCH, &format!("/scim/v2{}", self.user));
                let request = request.header("if-match", "W/\"9\"");
                request.body("application/scim+json", patch.to_string()).send().await
            }
            "`ROSTER_BODY_LIMIT`" => self.create(json!({ "title": "x".repeat(1_100_000) })).await,
            "failed authentication attempts" => {
                let elsewhere = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
                let client = Client::from_address(&self.api.server, "wrong", elsewhere);
                for _ in 0..ATTEMPTS {
                    get(&client, "/Users").await;
                }
                get(&client, "/Users").await
            }
            "connection is held" => self.with_held_connection().await,
            "overloaded" => overloaded().await,
            words => panic!("no situation for {words:?}"),
        }
    }

    /// Creates a user with a new `userName`.
    async fn create(&self, mut body: Value) -> Response {
        body["userName"] = json!(Uuid::now_v7());
        post(&self.lenient, "/Users", &body).await
    }

    async fn patch(&self, client: &Client, operation: Value) -> Response {
        send(client, Method::PATCH, &self.user, &patch_op(operation).to_string()).await
    }

    async fn with_unknown_attribute(&self, scim_type: &str) -> Response {
        match scim_type {
            "invalidFilter" => {
                get(&self.lenient, &format!("/Users?filter={}", percent_encoded("colour eq \"red\""))).await
            }
            "invalidPath" => {
                self.patch(&self.strict, json!({ "op": "replace", "path": "colour", "value": "red" })).await
            }
            _ => {
                let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "c",
                    "colour": "red" });
                post(&self.strict, "/Users", &body).await
            }
        }
    }

    async fn create_token(&self, body: &Value) -> (String, Client) {
        let tokens = format!("/connections/{}/tokens", text(&self.connection["id"]));
        let token = self.api.client.post(&tokens, body).send().await.expect(201).json();
        (format!("{tokens}/{}", text(&token["id"])), self.api.client.with_key(text(&token["secret"])))
    }

    async fn with_revoked_token(&self) -> Response {
        let (path, client) = self.create_token(&json!({})).await;
        self.api.client.delete(&path).send().await.expect(204);
        get(&client, "/Users").await
    }

    async fn with_expired_token(&self) -> Response {
        let soon = SystemTime::now() + Duration::from_millis(300);
        let soon = soon.duration_since(SystemTime::UNIX_EPOCH).expect("the clock is right").as_micros();
        let soon = Timestamp::from(i64::try_from(soon).expect("the time is in range"));
        let (path, client) = self.create_token(&json!({ "expiresAt": soon.to_string() })).await;
        let mut response = get(&client, "/Users").await;
        while response.code() == 200 {
            response = get(&client, "/Users").await;
        }
        self.api.client.delete(&path).send().await;
        response
    }

    /// Deletes users with a connection whose brake permits none.
    async fn with_held_connection(&self) -> Response {
        let brake = json!({ "users": 0, "percent": 0 });
        let body = json!({ "name": Uuid::now_v7(), "brake": brake });
        let connection = self.api.client.post("/connections", &body).send().await.expect(201).json();
        let tokens = format!("/connections/{}/tokens", text(&connection["id"]));
        let token = self.api.client.post(&tokens, &json!({})).send().await.expect(201).json();
        let client = self.api.client.with_key(text(&token["secret"]));
        client.delete(&format!("/scim/v2{}", self.user)).send().await
    }

    async fn with_taken_group_name(&self) -> Response {
        let client = self.in_new_tenant("uniqueGroupNames").await;
        let group = json!({ "displayName": "a" });
        post(&client, "/Groups", &group).await.expect(201);
        post(&client, "/Groups", &group).await
    }

    async fn with_taken_email(&self) -> Response {
        let client = self.in_new_tenant("uniqueEmails").await;
        let user = |name: &str| json!({ "userName": name, "emails": [{ "value": "a@example.com" }] });
        post(&client, "/Users", &user("ada")).await.expect(201);
        post(&client, "/Users", &user("bob")).await
    }

    /// A client of a new tenant with a setting, which the other situations do not have.
    async fn in_new_tenant(&self, setting: &str) -> Client {
        let name = format!("t-{}", Uuid::now_v7());
        let tenant = json!({ "name": name, setting: true });
        self.api.client.post("/tenants", &tenant).send().await.expect(201);
        self.api.client.in_tenant(&name)
    }

    async fn with_too_many_members(&self) -> Response {
        let group = post(&self.lenient, "/Groups", &json!({ "displayName": "a" })).await.expect(201).json();
        self.api.sql().execute("UPDATE groups SET member_count = 100001");
        let response = get(&self.lenient, "/Groups?count=2").await;
        self.api.sql().execute("UPDATE groups SET member_count = 0");
        let path = format!("/Groups/{}", text(&group["id"]));
        send(&self.lenient, Method::DELETE, &path, "").await.expect(204);
        response
    }
}

/// The first response to more writes than the queue holds, while another process locks the database.
async fn overloaded() -> Response {
    let api = Api::start(Engine::Sqlite, &[("ROSTER_QUEUE_SIZE", "1")]);
    let mut lock = api.sql();
    lock.execute("BEGIN IMMEDIATE");
    let write = |index: usize| {
        let (client, body) = (api.client.clone(), json!({ "userName": index.to_string() }));
        async move { post(&client, "/Users", &body).await }
    };
    let mut writes: JoinSet<_> = (0..8).map(write).collect();
    let first = writes.join_next().await.expect("a write finishes").expect("the write does not panic");
    lock.execute("ROLLBACK");
    first
}

/// Creates a connection with a token. Returns the connection and a client that uses the token.
async fn connect(api: &Api, profile: &str) -> (Value, Client) {
    let body = json!({ "name": profile, "profile": profile });
    let connection = api.client.post("/connections", &body).send().await.expect(201).json();
    let tokens = format!("/connections/{}/tokens", text(&connection["id"]));
    let token = api.client.post(&tokens, &json!({})).send().await.expect(201).json();
    (connection, api.client.with_key(text(&token["secret"])))
}

fn patch_op(operation: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] })
}

async fn get(client: &Client, path: &str) -> Response {
    client.get(&format!("/scim/v2{path}")).send().await
}

async fn post(client: &Client, path: &str, body: &Value) -> Response {
    send(client, Method::POST, path, &body.to_string()).await
}

async fn send(client: &Client, method: Method, path: &str, body: &str) -> Response {
    let request = client.request(method, &format!("/scim/v2{path}"));
    request.body("application/scim+json", body.to_owned()).send().await
}
