//! `GET /export`.

use crate::api::callers::{
    check_head, client_with_key, create_key, create_tenant, create_user, get, key_path,
};
use crate::api::export_copy::TenantCopy;
use crate::api::feed_helpers::number;
use crate::api::fixture::full_user;
use crate::api::group_helpers::{
    add_members, create_group, create_named_group, create_users, group_path, member_path,
};
use crate::api::problem::assert_problem;
use crate::api::query::{items, list_users};
use crate::support::api::{Api, path, send_concurrently, text};
use crate::support::exports::{create_large_users, lines, parse};
use crate::support::http::Client;
use crate::support::raw::RawConnection;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinSet;

engine_tests! {
    lines_have_the_form_of_changes
    pages_join_and_exports_resume_anywhere
    an_export_and_the_changes_after_it_equal_the_source
    other_tenants_are_not_exported
    invalid_requests_are_rejected
    an_export_ends_early_when_its_key_is_revoked
}

async fn lines_have_the_form_of_changes(api: Api) {
    let client = &api.client;
    let ada = api.create(&full_user("ada")).await;
    let grace = api.create_named("grace").await;
    let grace = api.patch(&grace, &json!({ "enterprise": { "manager": { "value": ada["id"] } } })).await;
    let body = json!({ "displayName": "Engineers", "externalId": "e-1", "custom": { "a": null } });
    let group = create_group(client, &body).await;
    add_members(client, &group, std::slice::from_ref(&grace)).await;
    let feed = get(client, "/changes").await;
    let created = |id: &Value| {
        let mut rows = items(&feed).iter().filter(|row| row["id"] == *id);
        rows.next().expect("the resource was created")["after"].clone()
    };
    let mut of_grace = created(&grace["id"]);
    of_grace["enterprise"]["manager"] = json!({ "value": ada["id"] });
    let group = get(client, &group_path(&group)).await;
    let line = |kind: &str, resource: &Value, after: Value| {
        json!({ "resource": kind, "id": resource["id"], "version": resource["version"], "time": resource["updatedAt"],
            "createdAt": resource["createdAt"], "after": after })
    };
    let member = get(client, &member_path(&group, &grace)).await;
    let expected = [
        json!({ "revision": feed["head"], "epoch": feed["epoch"] }),
        line("user", &ada, created(&ada["id"])),
        line("user", &grace, of_grace),
        line("group", &group, created(&group["id"])),
        json!({ "resource": "member", "groupId": group["id"], "userId": grace["id"], "version": 2,
            "addedAt": member["addedAt"] }),
        json!({ "end": true, "users": 2, "groups": 1, "members": 1 }),
    ];
    assert_eq!(lines(client, "").await, expected);
}

/// The number of users in a group, which exceeds two pages.
const USERS: usize = 1_010;

async fn pages_join_and_exports_resume_anywhere(api: Api) {
    let client = &api.client;
    let body = |index| json!({ "userName": format!("u{index}") });
    let created = send_concurrently(USERS, |index| client.post("/users", &body(index))).await;
    let users: Vec<_> = created.into_iter().map(|response| response.expect(201).json()).collect();
    for group in [create_named_group(client, "a").await, create_named_group(client, "b").await] {
        for users in users.chunks(600) {
            add_members(client, &group, users).await;
        }
    }
    let all = client.get("/export").send().await.expect(200);
    assert_eq!(all.header("content-encoding"), None);
    let lines = parse(&all.text());
    let end = json!({ "end": true, "users": USERS, "groups": 2, "members": 2 * USERS });
    assert_eq!((lines.len(), lines.last()), (3 * USERS + 4, Some(&end)));
    let keys: Vec<_> = lines[1..=3 * USERS + 2].iter().map(position).collect();
    assert!(keys.is_sorted_by(|one, other| rank(one) < rank(other)), "a resource is missing or out of order");
    for (encoding, decode) in [("gzip", gunzip as fn(&[u8]) -> Vec<u8>), ("zstd", unzstd)] {
        let compressed = client.get("/export").header("accept-encoding", encoding).send().await.expect(200);
        assert_eq!(compressed.header("content-encoding"), Some(encoding));
        assert!(compressed.bytes.len() < all.bytes.len() / 4);
        assert!(decode(&compressed.bytes) == all.bytes, "{encoding} returns other lines");
    }
    // The first and the last resource of each kind, and the last of a page.
    for index in [0, 499, USERS - 1, USERS, USERS + 1, USERS + 2, USERS + 501, 3 * USERS + 1] {
        let rest =
            parse(&client.get(&format!("/export?after={}", keys[index])).send().await.expect(200).text());
        assert_eq!(rest[0], lines[0]);
        assert!(rest[1..rest.len() - 1] == lines[index + 2..lines.len() - 1], "after {}", keys[index]);
    }
}

/// The position of a line, as `after` names it.
fn position(line: &Value) -> String {
    match text(&line["resource"]) {
        "member" => format!("member:{}:{}", text(&line["groupId"]), text(&line["userId"])),
        kind => format!("{kind}:{}", text(&line["id"])),
    }
}

/// The order of positions: users, groups, members, each by id.
fn rank(position: &str) -> (Option<usize>, &str) {
    (["user", "group", "member"].iter().position(|kind| position.starts_with(kind)), position)
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut decoded).expect("the body is gzip");
    decoded
}

fn unzstd(bytes: &[u8]) -> Vec<u8> {
    zstd::decode_all(bytes).expect("the body is zstd")
}

const WRITERS: usize = 4;

/// Each writer creates, changes and deletes resources until it is stopped.
async fn write(client: Client, writer: usize, shared: Value, stop: Arc<AtomicBool>) {
    let mut kept = Vec::new();
    for number in 0_usize.. {
        let user = create_user(&client, &json!({ "userName": format!("writer {writer} {number}") })).await;
        client.patch(&path(&user), &json!({ "title": number.to_string() })).send().await.expect(200);
        let group = create_named_group(&client, &format!("{writer} {number}")).await;
        for group in [&shared, &group] {
            add_members(&client, group, std::slice::from_ref(&user)).await;
        }
        client.patch(&group_path(&group), &json!({ "displayName": "x" })).send().await.expect(200);
        kept.push((user, group));
        if number % 3 == 2 {
            let (user, group) = kept.swap_remove(number / 3);
            client.delete(&member_path(&shared, &user)).send().await.expect(204);
            client.delete(&path(&user)).send().await.expect(204);
            client.delete(&group_path(&group)).send().await.expect(204);
        }
        if stop.load(Ordering::SeqCst) {
            return;
        }
    }
}

async fn an_export_and_the_changes_after_it_equal_the_source(api: Api) {
    let client = &api.client;
    let shared = create_named_group(client, "shared").await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: JoinSet<_> =
        (0..WRITERS).map(|writer| write(client.clone(), writer, shared.clone(), stop.clone())).collect();
    let mut copies = Vec::new();
    while copies.len() < 5 {
        let copy = TenantCopy::of_export(&lines(client, "").await);
        let moved = number(&get(client, "/changes?limit=1").await["head"]) > copy.revision;
        if moved && copy.revision > 50 {
            copies.push(copy);
        }
    }
    stop.store(true, Ordering::SeqCst);
    writers.join_all().await;
    let source = TenantCopy::of_export(&lines(client, "").await);
    let users = list_users(client, &[("limit", "500")]).await;
    assert!(source.users.keys().eq(users.iter().map(|user| text(&user["id"]))), "the export lacks users");
    for mut copy in copies {
        let after = copy.revision;
        copy.follow(client).await;
        assert!(copy == source, "the export after revision {after} and its changes differ from the source");
    }
}

async fn other_tenants_are_not_exported(api: Api) {
    create_users(&api.client, 2).await;
    create_tenant(&api.client, "acme").await;
    let acme = api.client.in_tenant("acme");
    let head = lines(&acme, "").await;
    assert_eq!(head[1..], [json!({ "end": true, "users": 0, "groups": 0, "members": 0 })]);
    create_users(&acme, 1).await;
    let exported = lines(&acme, "").await;
    let user = &list_users(&acme, &[]).await[0];
    assert_eq!((exported.len(), &exported[1]["id"]), (3, &user["id"]));
    assert_eq!(exported[0]["epoch"], get(&acme, "/changes").await["epoch"]);
}

async fn invalid_requests_are_rejected(api: Api) {
    let client = &api.client;
    for query in ["after=1", "after=key:018f2c7e-6c1a-7d3b-9a51-0f4e8b2d7c61", "after=", "limit=5"] {
        let response = client.get(&format!("/export?{query}")).send().await;
        assert_problem(&response, 400, "invalid-parameter");
    }
    for accepted in ["application/x-ndjson", "application/json", "*/*"] {
        let response = client.get("/export").accept(accepted).send().await.expect(200);
        assert_eq!(response.header("content-type"), Some("application/x-ndjson"));
    }
    assert_problem(&client.get("/export").accept("text/html").send().await, 406, "not-acceptable");
    let ndjson = client.get("/users").accept("application/x-ndjson").send().await;
    assert_problem(&ndjson, 406, "not-acceptable");
    check_head(client, "/export", 200).await;
}

async fn an_export_ends_early_when_its_key_is_revoked(api: Api) {
    create_large_users(&api.client).await;
    let key = create_key(&api.client, &json!({ "role": "reader" })).await;
    let mut slow = RawConnection::connect_with_small_buffer(api.address()).await;
    let request =
        format!("GET /export HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", text(&key["secret"]));
    slow.send(request.as_bytes());
    assert_eq!(slow.receive_status(), 200);
    api.client.delete(&key_path(&key)).send().await.expect(204);
    let received = slow.receive_to_end();
    assert!(received.len() > 100_000, "only {} bytes were received", received.len());
    assert!(!received.ends_with(b"0\r\n\r\n"), "the body seems to be complete");
    let refused = client_with_key(&api.client, &key).get("/export").send().await;
    assert_problem(&refused, 401, "unauthorized");
    api.server.wait_for_log("an export ended early", std::time::Duration::from_secs(10));
}
