//! Helpers that plan and apply reverts.

use crate::api::callers::{client_with_key, create_key, get};
use crate::api::feed_helpers::number;
use crate::contract::fixture::{NOON, origin};
use crate::support::api::{Api, text};
use crate::support::http::{Client, Request};
use roster::db::{Database, Options};
use roster::domain::DEFAULT_TENANT;
use roster::domain::revert::RevertRequest;
use roster::domain::time::Timestamp;
use roster::ops::OpError;
use roster::ops::revert::Reverter;
use serde_json::{Value, json};
use std::time::Duration;

/// The actor of `ROSTER_ADMIN_KEY`.
pub(crate) fn admin() -> Value {
    json!({ "type": "admin", "id": "admin" })
}

/// A client with a new key of a role, and the actor of its changes.
pub(crate) async fn actor_with_role(client: &Client, role: &str) -> (Client, Value) {
    let key = create_key(client, &json!({ "role": role })).await;
    (client_with_key(client, &key), json!({ "type": "key", "id": key["id"] }))
}

/// A client with the token of a new connection, and the actor of its changes.
pub(crate) async fn connection(client: &Client, name: &str) -> (Client, Value) {
    let connection = client.post("/connections", &json!({ "name": name })).send().await.expect(201).json();
    let tokens = format!("/connections/{}/tokens", text(&connection["id"]));
    let token = client.post(&tokens, &json!({})).send().await.expect(201).json();
    (client.with_key(text(&token["secret"])), json!({ "type": "connection", "id": connection["id"] }))
}

/// The newest revision.
pub(crate) async fn head(client: &Client) -> u64 {
    number(&get(client, "/changes?limit=1").await["head"])
}

/// The body of a request to plan or apply a revert of what an actor did after a revision.
pub(crate) async fn selection(client: &Client, after: u64, actor: &Value) -> Value {
    json!({ "after": after, "until": head(client).await, "actor": actor })
}

/// A request for a plan.
pub(crate) fn plan_request(client: &Client, selection: &Value) -> Request {
    client.post("/changes/revert", selection)
}

/// A plan, after checking that it has written nothing.
pub(crate) async fn plan(client: &Client, selection: &Value) -> Value {
    let before = head(client).await;
    let plan = plan_request(client, selection).send().await.expect(200).json();
    assert_eq!((number(&plan["head"]), head(client).await), (before, before), "{plan}");
    assert_eq!((plan.get("portions"), plan.get("pending")), (None, None), "{plan}");
    plan
}

/// A request that applies a plan.
pub(crate) fn apply_request(client: &Client, selection: &Value, head: &Value) -> Request {
    let mut body = selection.clone();
    (body["plan"], body["head"]) = (json!(false), head.clone());
    client.post("/changes/revert", &body)
}

/// Applies a plan, and checks that what it did is what was planned. Returns the response.
pub(crate) async fn apply(client: &Client, selection: &Value) -> Value {
    let plan = plan(client, selection).await;
    let applied = apply_request(client, selection, &plan["head"]).send().await.expect(200).json();
    for name in ["changes", "items", "conflicts", "conflictCount"] {
        assert_eq!(applied[name], plan[name], "{applied}");
    }
    assert_eq!((&applied["pending"], applied.get("problem")), (&json!(0), None), "{applied}");
    assert_eq!(number(&applied["head"]), head(client).await, "{applied}");
    applied
}

/// Reverts what an actor did after a revision.
pub(crate) async fn revert(client: &Client, after: u64, actor: &Value) -> Value {
    apply(client, &selection(client, after, actor).await).await
}

/// The outcome of each item, in order.
pub(crate) fn outcomes(report: &Value) -> Vec<&str> {
    let items = report["items"].as_array().expect("the items are a list");
    items.iter().map(|item| text(&item["outcome"])).collect()
}

/// The attribute and the reason of each conflict, in order.
pub(crate) fn conflicts(report: &Value) -> Vec<(&str, &str)> {
    let conflicts = report["conflicts"].as_array().expect("the conflicts are a list");
    assert_eq!(report["conflictCount"], conflicts.len(), "{report}");
    for conflict in conflicts {
        let ids = if conflict["resource"] == "member" { 2 } else { 1 };
        assert_eq!(conflict.as_object().map(|members| members.len()), Some(ids + 6), "{conflict}");
    }
    conflicts
        .iter()
        .map(|conflict| (conflict["attribute"].as_str().unwrap_or("-"), text(&conflict["reason"])))
        .collect()
}

/// A revert by another server, in the process of the test.
pub(crate) struct OtherServer {
    /// The number of changes in a transaction.
    pub(crate) portion: usize,
    /// The number of portions after which the revert ends early.
    pub(crate) portions: usize,
    /// The deadline of a portion.
    pub(crate) deadline: Duration,
}

impl OtherServer {
    pub(crate) const DEFAULT: Self =
        Self { portion: 1_000, portions: usize::MAX, deadline: Duration::from_secs(30) };

    /// Reverts a selection, and calls `opened` once it has been read.
    pub(crate) async fn revert(
        &self,
        api: &Api,
        selection: &Value,
        opened: impl FnOnce() + Send + 'static,
    ) -> Result<Value, OpError> {
        let Self { portion, portions, deadline } = *self;
        let request = RevertRequest::read(selection.clone()).expect("the selection is valid");
        let options = Options {
            url: api.database_url().parse().expect("the URL is valid"),
            readers: 1,
            writers: 1,
            queue: 100,
            large_results: 1,
            deadline,
            slow: Duration::from_secs(30),
            wal: true,
        };
        let run = async move || {
            let database = Database::start(&options).expect("the database can be reached");
            let (tenant, origin) = (DEFAULT_TENANT, origin("test"));
            let mut reverter =
                Reverter::open(database.clone(), origin, tenant, request.selection, portion).await?;
            opened();
            for _ in 0..portions {
                if !reverter.apply_next(Timestamp::from(NOON)).await? {
                    break;
                }
            }
            database.close().await;
            Ok(json!(reverter.finish(true)))
        };
        let run = move || actix_web::rt::System::new().block_on(run());
        tokio::task::spawn_blocking(run).await.expect("the revert does not panic")
    }
}
