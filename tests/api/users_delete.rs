//! Deleting users: `DELETE /users/{id}`.

use crate::api::fixture::full_user;
use crate::api::problem::assert_problem;
use crate::support::api::{Api, path};
use serde_json::json;

engine_tests! {
    other_users_are_unaffected
    a_deleted_user_cannot_be_found
    unique_values_are_free_after_deletion
}

async fn other_users_are_unaffected(api: Api) {
    let users = [
        api.create(&full_user("ada")).await,
        api.create_named("grace").await,
        api.create_named("joan").await,
    ];
    api.client.delete(&path(&users[1])).send().await.expect(204);
    assert_eq!(api.page("").await["items"], json!([users[0], users[2]]));
    // A request body is ignored.
    let request = api.client.delete(&path(&users[2])).json(&json!({ "id": users[0]["id"] }));
    request.send().await.expect(204);
    assert_eq!(api.page("").await["items"], json!([users[0]]));
}

async fn a_deleted_user_cannot_be_found(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let response = api.client.delete(&path(&user)).send().await.expect(204);
    assert_eq!(response.text(), "");
    assert_eq!((response.header("content-type"), response.header("content-length")), (None, None));
    assert_eq!(response.header("etag"), None);
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    for _ in 0..2 {
        assert_problem(&api.client.get(&path(&user)).send().await, 404, "not-found");
        assert_problem(&api.client.delete(&path(&user)).send().await, 404, "not-found");
    }
    assert_eq!(api.page("?include=total").await, json!({ "items": [], "total": 0 }));
}

async fn unique_values_are_free_after_deletion(api: Api) {
    let first = api.create(&full_user("ada")).await;
    api.client.delete(&path(&first)).send().await.expect(204);
    let second = api.create(&full_user("ada")).await;
    assert_ne!(second["id"], first["id"]);
    assert_eq!((&second["version"], &second["externalId"]), (&json!(1), &first["externalId"]));
    assert_problem(&api.client.get(&path(&first)).send().await, 404, "not-found");
}
