//! What the errors for unknown query parameters suggest.

use crate::api::problem::assert_problem;
use crate::support::api::{Api, text};
use serde_json::Value;

engine_tests! {
    unknown_parameters_suggest_a_filter_or_a_similar_name
}

async fn unknown_parameters_suggest_a_filter_or_a_similar_name(api: Api) {
    let user = api.create_named("ada").await;
    let one = format!("/users/{}", text(&user["id"]));
    for (target, suggestion) in [
        ("/users?email=ada@example.com", "`filter=emails.value eq \"…\"`"),
        ("/users?username=ada", "`filter=userName eq \"…\"`"),
        ("/users?active=true", "`filter=active eq true`"),
        ("/users?department=x", "`filter=enterprise.department eq \"…\"`"),
        ("/users?limt=5", "`limit`"),
        ("/users?filters=x", "`filter`"),
        ("/users?sortBy=userName", "`sort`"),
        ("/groups?name=x&displayname=x", "`filter=displayName eq \"…\"`"),
        ("/groups?member=x", "`filter=members.value eq \"…\"`"),
        ("/changes?afte=5", "`after`"),
        ("/keys?curser=x", "`cursor`"),
        (&format!("{one}?attribute=userName"), "`attributes`"),
    ] {
        let problem = assert_problem(&api.client.get(target).send().await, 400, "invalid-parameter");
        assert!(text(&problem["detail"]).contains(suggestion), "{target}: {problem}");
    }
    // The suggested filters are valid.
    for filter in
        ["emails.value%20eq%20%22a%22", "active%20eq%20true", "enterprise.department%20eq%20%22x%22"]
    {
        api.client.get(&format!("/users?filter={filter}")).send().await.expect(200);
    }
    for target in ["/users?colour=red", "/livez?x", &format!("{one}?x"), "/me?x"] {
        let response = api.client.get(target).send().await;
        let detail =
            serde_json::from_slice::<Value>(&response.bytes).expect("the body is JSON")["detail"].to_string();
        assert!(!detail.contains("mean") && !detail.contains("search"), "{target}: {detail}");
    }
}
