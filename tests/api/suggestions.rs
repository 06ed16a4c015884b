//! What the errors for unknown query parameters suggest.

use crate::api::problem::assert_problem;
use crate::support::api::{Api, text};
use crate::support::percent_encoded;
use serde_json::{Value, json};

engine_tests! {
    unknown_parameters_suggest_a_filter_or_a_similar_name
}

async fn unknown_parameters_suggest_a_filter_or_a_similar_name(api: Api) {
    let user = api.create_named("ada").await;
    let id = text(&user["id"]);
    let one = format!("/users/{id}");
    let group = api.client.post("/groups", &json!({ "displayName": "a" })).send().await.expect(201).json();
    let group = text(&group["id"]);
    for (target, suggestion) in [
        ("/users?email=ada@example.com", "`filter=emails.value eq \"…\"`"),
        ("/users?username=ada", "`filter=userName eq \"…\"`"),
        ("/users?active=true", "`filter=active eq true`"),
        ("/users?department=x", "`filter=enterprise.department eq \"…\"`"),
        ("/users?limt=5", "`limit`"),
        ("/users?filters=x", "`filter`"),
        ("/users?sortBy=userName", "`sort`"),
        ("/users?sort_by=userName", "`sort`"),
        ("/users?phone=1", "`filter=phoneNumbers.value eq \"…\"`"),
        ("/users?custom.plan=pro", "`filter=custom.plan eq \"…\"`"),
        ("/groups?name=x&displayname=x", "`filter=displayName eq \"…\"`"),
        ("/groups?member=x", "`filter=members.value eq \"…\"`"),
        ("/changes?afte=5", "`after`"),
        ("/keys?curser=x", "`cursor`"),
        (&format!("{one}?attribute=userName"), "`attributes`"),
        (&format!("{one}?email=x"), "`/users?filter=emails.value eq \"…\"`"),
        (&format!("/groups/{group}?name=x"), "`/groups?filter=displayName eq \"…\"`"),
        (
            &format!("{one}/groups?name=x"),
            &format!("`/groups?filter=members.value eq \"{id}\" and displayName eq \"…\"`"),
        ),
        (
            &format!("/groups/{group}/members?userName=x"),
            &format!("`/users?filter=groups.value eq \"{group}\" and userName eq \"…\"`"),
        ),
        (&format!("/groups/{group}/members?limits=x"), "`limit`"),
    ] {
        let problem = assert_problem(&api.client.get(target).send().await, 400, "invalid-parameter");
        assert!(text(&problem["detail"]).contains(suggestion), "{target}: {problem}");
    }
    // The suggested filters are valid.
    for filter in
        ["emails.value eq \"a\"", "active eq true", "enterprise.department eq \"x\"", "custom.plan eq \"x\""]
    {
        for member in [String::new(), format!("groups.value eq \"{group}\" and ")] {
            let filter = percent_encoded(&format!("{member}{filter}"));
            api.client.get(&format!("/users?filter={filter}")).send().await.expect(200);
        }
    }
    for target in ["/users?colour=red", "/livez?x", &format!("{one}?x"), "/me?x"] {
        let response = api.client.get(target).send().await;
        let detail =
            serde_json::from_slice::<Value>(&response.bytes).expect("the body is JSON")["detail"].to_string();
        assert!(!detail.contains("mean") && !detail.contains("search"), "{target}: {detail}");
    }
}
