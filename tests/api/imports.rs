//! `POST /import`: which resources its lines create, change or leave alone.

use crate::api::group_helpers::create_named_group;
use crate::api::problem::assert_problem;
use crate::support::api::{Api, text};
use crate::support::http::{Client, Request};
use serde_json::{Value, json};

engine_tests! {
    lines_create_update_or_leave_users
    a_refused_line_leaves_no_trace
    lines_for_one_user_keep_their_order
    lines_of_an_export_copy_a_tenant
    a_plan_reports_differences_and_changes_nothing
    existing_resources_are_matched_by_the_chosen_attribute
    records_add_users_to_groups
    rules_of_the_tenant_refuse_single_lines
    an_import_that_cannot_begin_returns_a_problem
}

pub(crate) const NDJSON: &str = "application/x-ndjson";
pub(crate) const CSV: &str = "text/csv";

pub(crate) fn request(client: &Client, query: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Request {
    let request = client.request(reqwest::Method::POST, &format!("/import{query}"));
    request.body(media_type, body.into()).accept(NDJSON)
}

/// The lines of the response to an import.
pub(crate) async fn results(
    client: &Client,
    query: &str,
    media_type: &str,
    body: impl Into<Vec<u8>>,
) -> Vec<Value> {
    let response = request(client, query, media_type, body).send().await.expect(200);
    assert_eq!(response.header("content-type"), Some(NDJSON));
    let text = response.text();
    text.lines().map(|line| serde_json::from_str(line).expect("the line is JSON")).collect()
}

/// The results of an import of lines of JSON.
async fn import(client: &Client, query: &str, lines: &[Value]) -> Vec<Value> {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    results(client, query, NDJSON, body).await
}

/// The counts of created, updated, unchanged and refused lines in the summary.
#[track_caller]
pub(crate) fn counts(results: &[Value]) -> [u64; 4] {
    let summary = results.last().expect("there is a summary");
    ["created", "updated", "unchanged", "refused"]
        .map(|name| summary[name].as_u64().unwrap_or_else(|| panic!("{results:?}")))
}

async fn head(client: &Client) -> Value {
    client.get("/changes").send().await.expect(200).json()["head"].take()
}

async fn user_names(client: &Client) -> Vec<String> {
    let users = client.get("/users?limit=500").send().await.expect(200).json();
    users["items"].as_array().unwrap().iter().map(|user| text(&user["userName"]).to_owned()).collect()
}

async fn lines_create_update_or_leave_users(api: Api) {
    let before =
        api.create(&json!({ "userName": "ADA", "title": "Countess", "name": { "familyName": "L" } })).await;
    let lines = [
        json!({ "userName": "ada", "name": { "givenName": "Ada" } }),
        json!({ "userName": "grace", "emails": [{ "value": "grace@x.com" }] }),
    ];
    let results = import(&api.client, "", &lines).await;
    assert_eq!(counts(&results), [1, 1, 0, 0]);
    let after = api.read(&before).await;
    assert_eq!(after["name"]["givenName"], "Ada");
    assert_eq!((&after["name"]["familyName"], &after["title"]), (&json!("L"), &json!("Countess")));
    assert_eq!(after["userName"], "ada", "the line sets the spelling");
    let moved = head(&api.client).await;
    assert_eq!(results.last().unwrap()["head"], moved);
    assert_eq!(counts(&import(&api.client, "", &lines).await), [0, 0, 2, 0]);
    assert_eq!(head(&api.client).await, moved, "a repeated import changes nothing");
}

async fn a_refused_line_leaves_no_trace(api: Api) {
    api.create(&json!({ "userName": "taken", "externalId": "e-1" })).await;
    let lines = [
        json!({ "userName": "a" }),
        json!({ "userName": " ", "emails": [{ "value": "x" }], "shoeSize": 43 }),
        json!({ "userName": "b", "externalId": "e-1" }),
        json!({ "userName": "c" }),
    ];
    let results = import(&api.client, "", &lines).await;
    assert_eq!(counts(&results), [2, 0, 0, 2]);
    let pointers = |result: &Value| -> Vec<(String, String)> {
        let errors = result["errors"].as_array().unwrap().iter();
        errors.map(|error| (text(&error["code"]).to_owned(), text(&error["pointer"]).to_owned())).collect()
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<_> {
        pairs.iter().map(|(code, pointer)| ((*code).to_owned(), (*pointer).to_owned())).collect()
    };
    assert_eq!((&results[0]["line"], &results[1]["line"]), (&json!(2), &json!(3)));
    let expected =
        [("blank", "/userName"), ("invalid-email", "/emails/0/value"), ("unknown-field", "/shoeSize")];
    assert_eq!(pointers(&results[0]), pairs(&expected));
    assert_eq!(pointers(&results[1]), pairs(&[("taken", "/externalId")]));
    assert_eq!(
        user_names(&api.client).await,
        ["taken", "a", "c"],
        "users are created in the order of their lines"
    );
    assert_eq!(head(&api.client).await, 3);
}

async fn lines_for_one_user_keep_their_order(api: Api) {
    let titles = ["one", "two", "three"].map(|title| json!({ "userName": "ada", "title": title }));
    let renamed = [
        json!({ "userName": "bob", "externalId": "b" }),
        json!({ "userName": "eve", "externalId": "b" }),
        json!({ "userName": "bob", "externalId": "c" }),
    ];
    assert_eq!(counts(&import(&api.client, "", &titles).await), [1, 2, 0, 0]);
    assert_eq!(counts(&import(&api.client, "?match=externalId", &renamed).await), [2, 1, 0, 0]);
    let users = api.page("").await;
    assert_eq!(users["items"][0]["title"], "three");
    assert_eq!(user_names(&api.client).await, ["ada", "eve", "bob"]);
}

/// Lines of an export with two users, a group and its members.
fn export() -> Vec<Value> {
    let id = |number: u32| format!("0191d6ae-5f00-7000-8000-{number:012}");
    let time = "2026-01-02T03:04:05.678901Z";
    let connection = id(99);
    let entry = |kind: &str, number: u32, after: Value| json!({ "resource": kind, "id": id(number), "version": 3, "time": time, "createdAt": time, "after": after });
    let member = |user: u32| json!({ "resource": "member", "groupId": id(3), "userId": id(user), "version": 2, "addedAt": time });
    vec![
        json!({ "revision": 42, "epoch": id(98), "digest": "0123456789abcdef" }),
        entry(
            "user",
            1,
            json!({ "userName": "ada", "title": "x", "externalIds": { "native": "n", connection: "c" } }),
        ),
        entry("user", 2, json!({ "userName": "bob", "active": false, "externalIds": {} })),
        entry("group", 3, json!({ "displayName": "Engineers", "externalIds": { "native": "g" } })),
        member(1),
        member(2),
        json!({ "end": true, "users": 2, "groups": 1, "members": 2 }),
    ]
}

async fn lines_of_an_export_copy_a_tenant(api: Api) {
    let mut lines = export();
    let plan = import(&api.client, "?plan=true", &lines).await;
    assert_eq!(counts(&plan), [5, 0, 0, 0], "{plan:?}");
    assert_eq!((&plan[0]["action"], &plan[0]["id"]), (&json!("create"), &lines[1]["id"]));
    assert_eq!((&plan[3]["groupId"], &plan[3]["userId"]), (&lines[3]["id"], &lines[1]["id"]));
    assert_eq!(head(&api.client).await, 0);

    assert_eq!(counts(&import(&api.client, "", &lines).await), [5, 0, 0, 0]);
    let ada = api.read(&lines[1]).await;
    assert_eq!((&ada["id"], &ada["externalIds"]), (&lines[1]["id"], &lines[1]["after"]["externalIds"]));
    assert_eq!(api.read(&lines[2]).await["active"], false);
    let group = format!("/groups/{}", text(&lines[3]["id"]));
    let group = api.client.get(&group).send().await.expect(200).json();
    assert_eq!((&group["memberCount"], &group["externalId"]), (&json!(2), &json!("g")));
    assert_eq!(counts(&import(&api.client, "", &lines).await), [0, 0, 5, 0]);

    lines.pop();
    lines[4]["userId"] = json!("0191d6ae-5f00-7000-8000-00000000000a");
    let results = import(&api.client, "", &lines).await;
    assert_eq!(counts(&results), [0, 0, 4, 2], "{results:?}");
    assert_eq!(results[0]["errors"][0]["code"], "unknown-user");
    assert_eq!((&results[1]["line"], &results[1]["errors"][0]["code"]), (&json!(7), &json!("truncated")));
}

async fn a_plan_reports_differences_and_changes_nothing(api: Api) {
    let ada = api.create(&json!({ "userName": "ada", "title": "Countess", "active": true })).await;
    api.create_named("bob").await;
    let lines = [
        json!({ "userName": "ada", "title": null, "active": false }),
        json!({ "userName": "bob" }),
        json!({ "userName": "eve" }),
        json!({ "userName": "" }),
    ];
    let plan = import(&api.client, "?plan=true", &lines).await;
    let expected = json!({ "line": 1, "id": ada["id"], "action": "update",
        "before": { "title": "Countess", "active": true }, "after": { "title": null, "active": false } });
    assert_eq!(plan[0], expected);
    assert_eq!(plan[1], json!({ "line": 3, "id": null, "action": "create" }));
    assert_eq!((&plan[2]["line"], counts(&plan)), (&json!(4), [1, 1, 1, 1]));
    assert_eq!(api.read(&ada).await, ada);
    assert_eq!((plan[3]["head"].clone(), head(&api.client).await), (json!(2), json!(2)));

    let late = request(&api.client, "?expectHead=1", NDJSON, lines[0].to_string()).send().await;
    assert_problem(&late, 412, "precondition-failed");
    assert_eq!(counts(&import(&api.client, "?expectHead=2", &lines).await), [1, 1, 1, 1]);
}

async fn existing_resources_are_matched_by_the_chosen_attribute(api: Api) {
    let ada = api.create(&json!({ "userName": "ada", "externalId": "1" })).await;
    let renamed = json!({ "userName": "grace", "externalId": "1" });
    assert_eq!(
        counts(&import(&api.client, "?match=externalId", std::slice::from_ref(&renamed)).await),
        [0, 1, 0, 0]
    );
    let by_id = json!({ "id": ada["id"], "title": "x" });
    assert_eq!(counts(&import(&api.client, "?match=id", &[by_id]).await), [0, 1, 0, 0]);
    let read = api.read(&ada).await;
    assert_eq!((&read["userName"], &read["title"]), (&json!("grace"), &json!("x")));

    let results = import(&api.client, "?match=externalId", &[json!({ "userName": "x", "title": 1 })]).await;
    let pointers: Vec<_> =
        results[0]["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert_eq!(pointers, ["/title", "/externalId"]);
    let results = import(&api.client, "?match=externalId&mode=create", &[renamed]).await;
    assert_eq!(
        (&results[0]["errors"][0]["pointer"], counts(&results)),
        (&json!("/externalId"), [0, 0, 0, 1])
    );
}

async fn records_add_users_to_groups(api: Api) {
    let group = create_named_group(&api.client, "Engineers").await;
    for name in ["Twice", "Twice"] {
        create_named_group(&api.client, name).await;
    }
    let rows = "userName,Login,groups,active\nada,x,engineers,\nbob,y,Twice;None,maybe\neve,z,,\n";
    let unknown = request(&api.client, "", CSV, rows).send().await.expect(422).json();
    assert_eq!(
        (&unknown["errors"][0]["pointer"], &unknown["errors"][0]["code"]),
        (&json!("/Login"), &json!("unknown-field"))
    );
    let query = "?map=%7B%22columns%22%3A%7B%22Login%22%3A%22nickName%22%7D%7D";
    let first = results(&api.client, query, CSV, rows).await;
    assert_eq!(counts(&first), [2, 0, 0, 1], "{first:?}");
    let errors = first[0]["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors.iter().map(|error| text(&error["pointer"])).collect();
    assert_eq!((&first[0]["line"], pointers), (&json!(3), vec!["/active", "/groups", "/groups"]));
    let members =
        api.client.get(&format!("/groups/{}/members", text(&group["id"]))).send().await.expect(200).json();
    assert_eq!(
        (&members["items"][0]["userName"], members["items"].as_array().unwrap().len()),
        (&json!("ada"), 1)
    );
    assert_eq!(api.page("?filter=userName%20eq%20%22ada%22").await["items"][0]["nickName"], "x");
    let plan =
        results(&api.client, &format!("{query}&plan=true"), CSV, rows.replace("eve,z,", "eve,z,Engineers"))
            .await;
    assert_eq!(plan[1]["after"], json!({ "groups": ["Engineers"] }), "{plan:?}");
    let moved = head(&api.client).await;
    assert_eq!(counts(&results(&api.client, query, CSV, rows).await), [0, 0, 2, 1]);
    assert_eq!(head(&api.client).await, moved);
}

async fn rules_of_the_tenant_refuse_single_lines(api: Api) {
    let tenant = json!({ "name": "acme", "uniqueEmails": true });
    api.client.post("/tenants", &tenant).send().await.expect(201);
    let acme = api.client.in_tenant("acme");
    let user = |number: usize, address: usize| json!({ "userName": format!("u{number}"), "emails": [{ "value": format!("{address}@x.com") }] });
    let lines: Vec<_> = (1..=20).map(|number| user(number, if number == 14 { 3 } else { number })).collect();
    for query in ["?plan=true", ""] {
        let results = import(&acme, query, &lines).await;
        let refused: Vec<_> = results.iter().filter(|result| result["errors"].is_array()).collect();
        assert_eq!(refused.len(), 1, "{results:?}");
        assert_eq!(
            (&refused[0]["line"], &refused[0]["errors"][0]["pointer"]),
            (&json!(14), &json!("/emails"))
        );
        assert_eq!(counts(&results), [19, 0, 0, 1]);
    }
    assert_eq!(user_names(&acme).await.len(), 19);
}

async fn an_import_that_cannot_begin_returns_a_problem(api: Api) {
    for (query, media_type, body, status, code) in [
        ("", "application/json", "{}", 415, "unsupported-media-type"),
        ("", "text/csv; charset=iso-8859-1", "userName\n", 415, "unsupported-media-type"),
        ("?match=email", NDJSON, "", 400, "invalid-parameter"),
        ("?mode=replace", NDJSON, "", 400, "invalid-parameter"),
        ("?plan=1", NDJSON, "", 400, "invalid-parameter"),
        ("?map=%7B%7D", NDJSON, "", 400, "invalid-parameter"),
        ("?map=x", CSV, "userName\n", 400, "invalid-parameter"),
        ("?dryRun=true", NDJSON, "", 400, "invalid-parameter"),
        ("", CSV, "", 422, "invalid"),
        ("", NDJSON, "\u{feff}", 200, ""),
    ] {
        let response = request(&api.client, query, media_type, body).send().await;
        match status {
            200 => assert_eq!(response.expect(200).json()["refused"], 0),
            _ => drop(assert_problem(&response, status, code)),
        }
    }
    let wrong = request(&api.client, "", "text/plain", "").send().await;
    assert_eq!(wrong.header("accept-post"), Some("application/x-ndjson, text/csv"));
    let utf16 = request(&api.client, "", CSV, b"\xff\xfeu\0".to_vec()).send().await.expect(422).json();
    assert_eq!(utf16["errors"][0]["code"], "encoding");
}
