//! Many clients at once.

use crate::api::problem::{assert_taken, problem};
use crate::support::api::{Api, at_once, path, with_status};
use crate::support::http::Client;
use crate::support::server::Server;
use serde_json::{Value, json};
use std::collections::BTreeSet;

both_engines! {
    one_name_is_created_once
    one_external_id_is_created_once
    of_writers_with_one_tag_one_wins
    of_deletions_one_succeeds
    a_freed_name_is_had_once
    patches_of_different_attributes_all_count
    names_are_swapped_by_nobody
    many_names_are_created_once_each
    two_servers_agree
    a_brawl_leaves_order
}

const MANY: usize = 50;

/// The spellings of one name.
fn spelling(index: usize) -> String {
    let name = ["straße-\u{e9}", "STRASSE-E\u{301}", "Strasse-e\u{301}", "sTRAẞE-\u{c9}"][index % 4];
    name.to_owned()
}

async fn one_name_is_created_once(api: Api) {
    for _ in 0..3 {
        let answers = at_once(MANY, |index| {
            let request = api
                .client
                .post("/users", &json!({ "userName": spelling(index), "title": index.to_string() }));
            async move { request.send().await }
        });
        let answers = answers.await;
        assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (1, MANY - 1));
        answers
            .iter()
            .filter(|answer| answer.code() == 409)
            .for_each(|answer| assert_taken(answer, "userName"));
        let winner = answers.iter().find(|answer| answer.code() == 201).expect("a winner").json();
        assert_eq!(api.page("?include=total").await, json!({ "items": [winner], "total": 1 }));
        api.client.delete(&path(&winner)).send().await.expect(204);
    }
}

async fn one_external_id_is_created_once(api: Api) {
    let answers = at_once(MANY, |index| {
        let request =
            api.client.post("/users", &json!({ "userName": index.to_string(), "externalId": "one" }));
        async move { request.send().await }
    });
    let answers = answers.await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (1, MANY - 1));
    answers
        .iter()
        .filter(|answer| answer.code() == 409)
        .for_each(|answer| assert_taken(answer, "externalId"));
    assert_eq!(api.page("?include=total").await["total"], 1);
}

async fn of_writers_with_one_tag_one_wins(api: Api) {
    let user = api.named("ada").await;
    for round in 1..=4_u64 {
        let tag = format!("\"{round}\"");
        let answers = at_once(MANY, |index| {
            let title = json!({ "userName": "ada", "title": format!("{round}-{index}") });
            let request = match index % 2 {
                0 => api.client.put(&path(&user), &title),
                _ => api.client.patch(&path(&user), &title),
            };
            let request = request.header("if-match", &tag);
            async move { request.send().await }
        });
        let answers = answers.await;
        assert_eq!((with_status(&answers, 200), with_status(&answers, 412)), (1, MANY - 1));
        let lost = answers.iter().filter(|answer| answer.code() == 412);
        lost.for_each(|answer| drop(problem(answer, 412, "precondition-failed")));
        let winner = answers.iter().find(|answer| answer.code() == 200).expect("a winner").json();
        assert_eq!(winner["version"], round + 1);
        assert_eq!(api.read(&user).await, winner);
    }
}

async fn of_deletions_one_succeeds(api: Api) {
    let user = api.named("ada").await;
    let answers = at_once(MANY, |_| {
        let request = api.client.delete(&path(&user));
        async move { request.send().await }
    });
    let answers = answers.await;
    assert_eq!((with_status(&answers, 204), with_status(&answers, 404)), (1, MANY - 1));
    assert_eq!(api.page("?include=total").await, json!({ "items": [], "total": 0 }));
}

async fn a_freed_name_is_had_once(api: Api) {
    let user = api.create(&json!({ "userName": "ada", "externalId": "1" })).await;
    let answers = at_once(MANY, |index| {
        let request = match index {
            0 => api.client.delete(&path(&user)),
            _ => api.client.post("/users", &json!({ "userName": "ADA", "externalId": "1" })),
        };
        async move { request.send().await }
    });
    let answers = answers.await;
    assert_eq!(with_status(&answers, 204), 1);
    let created = with_status(&answers, 201);
    assert!(created <= 1, "{created} have the name");
    assert_eq!(with_status(&answers, 409), MANY - 1 - created);
    assert_eq!(api.page("?include=total").await["total"], created);
}

async fn patches_of_different_attributes_all_count(api: Api) {
    let user = api.named("ada").await;
    let answers = at_once(MANY, |index| {
        let request = api.client.patch(&path(&user), &json!({ "custom": { index.to_string(): index } }));
        async move { request.send().await }
    });
    let answers = answers.await;
    assert_eq!(with_status(&answers, 200), MANY);
    let versions: BTreeSet<_> = answers.iter().map(|answer| answer.json()["version"].as_u64()).collect();
    assert_eq!(versions, (2..MANY as u64 + 2).map(Some).collect());
    let found = api.read(&user).await;
    let custom: serde_json::Map<String, Value> =
        (0..MANY).map(|index| (index.to_string(), json!(index))).collect();
    assert_eq!((&found["custom"], &found["version"]), (&Value::Object(custom), &json!(MANY + 1)));
}

async fn names_are_swapped_by_nobody(api: Api) {
    let users = [api.named("ada").await, api.named("grace").await];
    let answers = at_once(MANY, |index| {
        let name = ["GRACE", "ADA"][index % 2];
        let request = api.client.patch(&path(&users[index % 2]), &json!({ "userName": name }));
        async move { request.send().await }
    });
    let answers = answers.await;
    assert_eq!(with_status(&answers, 409), MANY);
    answers.iter().for_each(|answer| assert_taken(answer, "userName"));
    assert_eq!(api.page("").await["items"], json!(users));
}

async fn many_names_are_created_once_each(api: Api) {
    let answers = at_once(200, |index| {
        let request = api.client.post("/users", &json!({ "userName": format!("u{}", index % 40) }));
        async move { request.send().await }
    });
    let answers = answers.await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (40, 160));
    let page = api.page("?include=total").await;
    let items = page["items"].as_array().expect("a list");
    let names: BTreeSet<_> = items.iter().map(|user| user["userName"].to_string()).collect();
    assert_eq!((names.len(), &page["total"]), (40, &json!(40)));
}

async fn two_servers_agree(api: Api) {
    let other = Server::builder(&api.database_url()).start();
    let clients = [api.client.clone(), Client::new(&other)];
    let answers = at_once(MANY, |index| {
        let request = clients[index % 2].post("/users", &json!({ "userName": spelling(index / 2) }));
        async move { request.send().await }
    });
    let answers = answers.await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (1, MANY - 1));
    let winner = answers.iter().find(|answer| answer.code() == 201).expect("a winner").json();
    let answers = at_once(MANY, |index| {
        let patch = json!({ "title": index.to_string() });
        let request = clients[index % 2].patch(&path(&winner), &patch).header("if-match", "\"1\"");
        async move { request.send().await }
    });
    let answers = answers.await;
    assert_eq!((with_status(&answers, 200), with_status(&answers, 412)), (1, MANY - 1));
    // Each wants the name that the other has: in PostgreSQL a deadlock, which the server must undo.
    let users = [api.named("ada").await, api.named("grace").await];
    let answers = at_once(10, |index| {
        let name = ["GRACE", "ADA"][index % 2];
        let request = clients[index % 2].patch(&path(&users[index % 2]), &json!({ "userName": name }));
        async move { request.send().await }
    });
    answers.await.iter().for_each(|answer| assert_taken(answer, "userName"));
    for client in &clients {
        let page = client.get("/users?include=total").send().await.expect(200).json();
        assert_eq!((&page["total"], page["items"].as_array().map(Vec::len)), (&json!(3), Some(3)));
    }
}

/// One of some requests about five names, told by a number.
fn blow(client: &Client, targets: &[String], number: usize) -> crate::support::http::Request {
    let target = &targets[number % targets.len()];
    let body = json!({ "userName": format!("n{}", number / 7 % 5), "title": number.to_string() });
    match number / 3 % 5 {
        0 | 1 => client.post("/users", &body),
        2 => client.put(target, &body),
        3 => client.patch(target, &body),
        _ => client.delete(target),
    }
}

async fn a_brawl_leaves_order(api: Api) {
    let mut targets = Vec::new();
    for round in 0..6 {
        for index in 0..5 {
            let answer = api.client.post("/users", &json!({ "userName": format!("n{index}") })).send().await;
            assert!(matches!(answer.code(), 201 | 409), "{}", answer.text());
        }
        let page = api.page("").await;
        targets.extend(page["items"].as_array().expect("a list").iter().map(path));
        let answers = at_once(MANY, |index| {
            let request = blow(&api.client, &targets, index * 31 + round * 17);
            async move { request.send().await }
        });
        for answer in answers.await {
            assert!(matches!(answer.code(), 200 | 201 | 204 | 404 | 409), "{}", answer.text());
        }
        let page = api.page("?include=total").await;
        let users = page["items"].as_array().expect("a list");
        let names: BTreeSet<_> = users.iter().map(|user| user["userName"].to_string()).collect();
        assert_eq!((names.len(), &page["total"]), (users.len(), &json!(users.len())), "{page}");
    }
}
