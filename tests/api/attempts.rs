//! Keys cannot be tried out: failed attempts are limited for each address.

use crate::api::callers::{get, key_path, make_key, of_role, with_secret};
use crate::api::problem::{assert_unauthorized, problem};
use crate::support::api::{Api, Engine, at_once, text, with_status};
use crate::support::http::{Answer, Client};
use crate::support::raw;
use crate::support::server::{ADMIN_KEY, Server};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

both_engines! {
    failed_attempts_are_limited
    a_hundred_without_the_setting
    none_is_too_many_when_switched_off
    every_bad_key_is_an_attempt
    what_is_no_attempt
    good_keys_go_on
    another_address_has_its_own
    an_address_cannot_be_made_up
    attempts_at_once_are_counted_all
    a_key_that_has_become_bad_does_not_go_on
}

const LIMIT: usize = 5;

fn start(api: &Api) -> Api {
    Api::start(api.engine, &[("ROSTER_FAILED_ATTEMPTS", &LIMIT.to_string())])
}

/// Checks that an answer is that of too many attempts, and gives after how many seconds another may be made.
#[track_caller]
fn assert_too_many(answer: &Answer) -> u64 {
    problem(answer, 429, "too-many-attempts");
    assert_eq!(answer.header("www-authenticate"), None);
    let seconds = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("Retry-After");
    assert!((1..=60).contains(&seconds), "{seconds}");
    seconds
}

async fn attempt(api: &Api) -> Answer {
    api.client.keyed("garbage").get("/users").send().await
}

/// Makes as many attempts as may fail.
async fn use_up(api: &Api) {
    for _ in 0..LIMIT {
        assert_unauthorized(&attempt(api).await);
    }
    assert_too_many(&attempt(api).await);
}

async fn failed_attempts_are_limited(api: Api) {
    let api = start(&api);
    use_up(&api).await;
    for _ in 0..3 {
        assert_too_many(&attempt(&api).await);
    }
    // Whatever is asked for.
    let client = api.client.keyed("rst_garbage");
    for request in [
        client.post("/users", &json!({ "userName": "ada" })),
        client.delete("/keys/x"),
        client.get("/nothing"),
        client.put("/users", &json!({})),
        client.in_tenant("nobody").get("/users"),
    ] {
        assert_too_many(&request.send().await);
    }
}

async fn a_hundred_without_the_setting(api: Api) {
    for _ in 0..100 {
        assert_unauthorized(&attempt(&api).await);
    }
    assert_too_many(&attempt(&api).await);
}

async fn none_is_too_many_when_switched_off(api: Api) {
    let api = Api::start(api.engine, &[("ROSTER_FAILED_ATTEMPTS", "0")]);
    for _ in 0..150 {
        assert_unauthorized(&attempt(&api).await);
    }
}

async fn every_bad_key_is_an_attempt(api: Api) {
    let revoked = make_key(&api.client, &json!({ "role": "reader" })).await;
    api.client.delete(&key_path(&revoked)).send().await.expect(204);
    let past = json!({ "role": "reader", "expiresAt": "2020-01-01T00:00:00Z" });
    let expired = make_key(&api.client, &past).await;
    let bad = [
        "garbage".to_owned(),
        String::new(),
        format!("{ADMIN_KEY}x"),
        text(&revoked["secret"]).to_owned(),
        text(&expired["secret"]).to_owned(),
        format!("rst_{}_{}", uuid::Uuid::now_v7(), "a".repeat(49)),
    ];
    for key in bad {
        let server = strict(&api);
        assert_unauthorized(&Client::with_key(&server, &key).get("/users").send().await);
        assert_too_many(&Client::with_key(&server, "garbage").get("/users").send().await);
    }
    // Another scheme is an attempt as well, and so are two keys.
    for lines in [&["Basic dGVzdDp0ZXN0"][..], &["Bearer a", "Bearer b"]] {
        let server = strict(&api);
        let get = Client::anonymous(&server).get("/users");
        let get = lines.iter().fold(get, |get, line| get.header("authorization", line));
        assert_unauthorized(&get.send().await);
        assert_too_many(&Client::with_key(&server, "garbage").get("/users").send().await);
    }
}

/// A server on the same database for which one attempt is enough.
fn strict(api: &Api) -> Server {
    Server::builder(&api.database_url()).env("ROSTER_FAILED_ATTEMPTS", "1").start()
}

async fn what_is_no_attempt(api: Api) {
    let api = start(&api);
    let nobody = Client::anonymous(&api.server);
    let reader = of_role(&api.client, "reader").await;
    for _ in 0..LIMIT * 2 {
        // Without a key nothing is tried, with a good one nothing fails, and what is public asks for none.
        assert_unauthorized(&nobody.get("/users").send().await);
        problem(&reader.get("/keys").send().await, 403, "forbidden");
        problem(&reader.in_tenant("default").get("/users").send().await, 403, "forbidden");
        problem(&api.client.in_tenant("nobody").get("/users").send().await, 404, "not-found");
        api.client.keyed("garbage").get("/livez").send().await.expect(200);
    }
    use_up(&api).await;
    for _ in 0..3 {
        assert_unauthorized(&nobody.get("/users").send().await);
        for target in ["/", "/livez", "/readyz"] {
            api.client.keyed("garbage").get(target).send().await.expect(200);
        }
    }
}

async fn good_keys_go_on(api: Api) {
    let api = start(&api);
    let writer = of_role(&api.client, "writer").await;
    get(&writer, "/users").await;
    use_up(&api).await;
    for index in 0..LIMIT * 3 {
        let body = json!({ "userName": format!("u{index}") });
        writer.post("/users", &body).send().await.expect(201);
        get(&api.client, "/keys").await;
        problem(&writer.get("/keys").send().await, 403, "forbidden");
        assert_too_many(&attempt(&api).await);
    }
    // Nor does success take anything back.
    assert_too_many(&attempt(&api).await);
}

async fn another_address_has_its_own(api: Api) {
    let api = start(&api);
    use_up(&api).await;
    let other = |key: &str| {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        Client::from_address(&api.server, key, address).get("/users")
    };
    for _ in 0..LIMIT {
        assert_unauthorized(&other("garbage").send().await);
        assert_too_many(&attempt(&api).await);
    }
    assert_too_many(&other("garbage").send().await);
    other(ADMIN_KEY).send().await.expect(200);
}

async fn an_address_cannot_be_made_up(api: Api) {
    let api = start(&api);
    for index in 0..LIMIT * 2 {
        let address = format!("192.0.2.{index}");
        let get = api.client.keyed("garbage").get("/users").header("x-forwarded-for", &address);
        let get = get.header("forwarded", &format!("for={address}")).header("x-real-ip", &address);
        let answer = get.send().await;
        match index < LIMIT {
            true => assert_unauthorized(&answer),
            false => drop(assert_too_many(&answer)),
        }
    }
    // Nor by another connection.
    for _ in 0..3 {
        let request = "GET /users HTTP/1.1\r\nHost: roster\r\nAuthorization: Bearer x\r\n\r\n";
        raw::ask(api.address(), request).problem(429, "too-many-attempts");
    }
}

async fn attempts_at_once_are_counted_all(api: Api) {
    let api = start(&api);
    let answers = at_once(50, |_| {
        let request = api.client.keyed("garbage").get("/users");
        async move { request.send().await }
    });
    let answers = answers.await;
    assert_eq!((with_status(&answers, 401), with_status(&answers, 429)), (LIMIT, 50 - LIMIT));
}

async fn a_key_that_has_become_bad_does_not_go_on(api: Api) {
    let api = start(&api);
    let mut clients = Vec::new();
    for _ in 0..2 {
        let key = make_key(&api.client, &json!({ "role": "reader" })).await;
        let client = with_secret(&api.client, &key);
        get(&client, "/users").await;
        clients.push((client, key));
    }
    use_up(&api).await;
    for (index, (client, key)) in clients.iter().enumerate() {
        get(client, "/users").await;
        let target = key_path(key);
        match index {
            0 => api.client.delete(&target).send().await.expect(204),
            _ => {
                let past = json!({ "expiresAt": "2020-01-01T00:00:00Z" });
                api.client.patch(&target, &past).send().await.expect(200)
            }
        };
        assert_too_many(&client.get("/users").send().await);
    }
}

/// The minute is the same on every engine.
#[test]
fn after_the_time_that_is_said_they_may_go_on() {
    crate::support::api::run(Engine::Sqlite, async |api| {
        let api = start(&api);
        use_up(&api).await;
        let seconds = assert_too_many(&attempt(&api).await);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        use_up(&api).await;
    });
}
