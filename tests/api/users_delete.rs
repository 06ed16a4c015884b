//! `DELETE /users/{id}`.

use crate::api::fixture::full;
use crate::api::problem::problem;
use crate::support::api::{Api, path};
use serde_json::json;

both_engines! {
    a_user_goes_for_good
    what_was_unique_is_free_again
    others_stay
}

async fn a_user_goes_for_good(api: Api) {
    let user = api.create(&full("ada")).await;
    let answer = api.client.delete(&path(&user)).send().await.expect(204);
    assert_eq!(answer.text(), "");
    assert_eq!((answer.header("content-type"), answer.header("content-length")), (None, None));
    assert_eq!(answer.header("etag"), None);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    for _ in 0..2 {
        problem(&api.client.get(&path(&user)).send().await, 404, "not-found");
        problem(&api.client.delete(&path(&user)).send().await, 404, "not-found");
    }
    assert_eq!(api.page("?include=total").await, json!({ "items": [], "total": 0 }));
}

async fn what_was_unique_is_free_again(api: Api) {
    let first = api.create(&full("ada")).await;
    api.client.delete(&path(&first)).send().await.expect(204);
    let second = api.create(&full("ada")).await;
    assert_ne!(second["id"], first["id"]);
    assert_eq!((&second["version"], &second["externalId"]), (&json!(1), &first["externalId"]));
    problem(&api.client.get(&path(&first)).send().await, 404, "not-found");
}

async fn others_stay(api: Api) {
    let users = [api.create(&full("ada")).await, api.named("grace").await, api.named("joan").await];
    api.client.delete(&path(&users[1])).send().await.expect(204);
    assert_eq!(api.page("").await["items"], json!([users[0], users[2]]));
    // A body that a client sends along says nothing.
    let request = api.client.delete(&path(&users[2])).json(&json!({ "id": users[0]["id"] }));
    request.send().await.expect(204);
    assert_eq!(api.page("").await["items"], json!([users[0]]));
}
