//! Followers of `/changes` during concurrent writes: each sees every committed change once, in order, and can
//! reconstruct the final state.

use crate::api::callers::{client_with_role, create_key, create_tenant, create_user, get, key_path};
use crate::api::feed_helpers::{follow, number, page, replay, states};
use crate::api::query::{items, list_users};
use crate::support::api::{Api, Engine, path};
use crate::support::http::Client;
use crate::support::server::Server;
use serde_json::{Value, json};
use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

engine_tests! {
    followers_see_every_change_exactly_once
    filtered_followers_miss_no_change
    each_tenant_numbers_its_own_revisions
}

const WRITERS: usize = 16;
const USERS_EACH: usize = 10;

/// How long the writers may take.
const TIMEOUT: Duration = Duration::from_secs(180);

/// The progress that the writers share with the followers.
#[derive(Clone, Debug, Default)]
struct Work {
    /// Number of acknowledged changes.
    changes: Arc<AtomicU64>,
    /// Whether the writers have finished.
    finished: Arc<AtomicBool>,
}

impl Work {
    fn count_change(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }
}

/// Creates, changes and deletes users and keys. Writes that fail or change nothing are not counted.
async fn write(client: Client, writer: usize, work: Work) {
    for number in 0..USERS_EACH {
        let body = json!({ "userName": format!("writer {writer} user {number}"), "custom": { "n": number } });
        let user = create_user(&client, &body).await;
        work.count_change();
        client.post("/users", &body).send().await.expect(409);
        for title in ["x", "x", "y"] {
            let patch = json!({ "title": title, "name": { "familyName": title } });
            client.patch(&path(&user), &patch).send().await.expect(200);
        }
        work.count_change();
        work.count_change();
        if number % 3 == 0 {
            client.delete(&path(&user)).send().await.expect(204);
            work.count_change();
        }
        if number % 4 == 0 {
            let key = create_key(&client, &json!({ "role": "reader" })).await;
            client.delete(&key_path(&key)).send().await.expect(204);
            work.count_change();
            work.count_change();
        }
    }
}

/// Follows from the beginning until the writers have finished and the head is reached. Returns the changes, and the
/// number of pages that made progress while the writers ran.
async fn follow_live(client: Client, parameters: String, work: Work) -> (Vec<Value>, usize) {
    let since = Instant::now();
    let (mut rows, mut after, mut live) = (Vec::new(), 0, 0);
    loop {
        let at_end = work.finished.load(Ordering::SeqCst);
        let page = page(&client, after, &parameters).await;
        rows.extend_from_slice(items(&page));
        let progress = number(&page["next"]) > after;
        after = number(&page["next"]);
        live += usize::from(!at_end && progress);
        if at_end && after == number(&page["head"]) {
            return (rows, live);
        }
        assert!(since.elapsed() < TIMEOUT, "the writers do not finish");
    }
}

/// Runs 16 writers, which share the clients, while each follower follows with its parameters. Returns the number of
/// changes and the result of each follower.
async fn run_writers(writers: &[Client], followers: Vec<(Client, &str)>) -> (u64, Vec<(Vec<Value>, usize)>) {
    let work = Work::default();
    let mut following = Vec::new();
    for (client, parameters) in followers {
        following.push(tokio::spawn(follow_live(client, parameters.to_owned(), work.clone())));
    }
    let mut writing = JoinSet::new();
    for writer in 0..WRITERS {
        writing.spawn(write(writers[writer % writers.len()].clone(), writer, work.clone()));
    }
    writing.join_all().await;
    work.finished.store(true, Ordering::SeqCst);
    let mut followed = Vec::new();
    for follower in following {
        followed.push(follower.await.expect("the follower finishes"));
    }
    (work.changes.load(Ordering::SeqCst), followed)
}

#[track_caller]
fn assert_gap_free(rows: &[Value], count: u64) {
    let revisions: Vec<_> = rows.iter().map(|row| number(&row["revision"])).collect();
    let expected: Vec<_> = (1..=count).collect();
    assert!(revisions == expected, "expected revisions 1 to {count}: {revisions:?}");
}

async fn followers_see_every_change_exactly_once(api: Api) {
    // A SQLite file has only one server.
    let other = (api.engine == Engine::Postgres).then(|| Server::builder(&api.database_url()).start());
    let other_client = other.as_ref().map_or_else(|| api.client.clone(), Client::new);
    // The creation of the reader's key is the first change.
    let reader = client_with_role(&api.client, "reader").await;
    let followers = vec![
        (api.client.clone(), ""),
        (other_client.clone(), "&limit=3"),
        (reader, "&limit=7"),
        (other_client.clone(), "&limit=500"),
    ];
    let (changes, followed) = run_writers(&[api.client.clone(), other_client], followers).await;
    let rows = follow(&api.client, 0, "").await;
    assert_gap_free(&rows, changes + 1);
    let user_changes: Vec<_> = rows.iter().filter(|row| row["resource"] == "user").cloned().collect();
    for (index, (seen, live)) in followed.iter().enumerate() {
        let expected = if index == 2 { &user_changes } else { &rows };
        assert!(seen == expected, "follower {index} saw {} of {} changes", seen.len(), expected.len());
        assert!(*live > 5, "follower {index} read only {live} pages while the writers ran");
    }
    let users = list_users(&api.client, &[("limit", "500")]).await;
    assert_eq!(users.len(), WRITERS * (USERS_EACH - USERS_EACH.div_ceil(3)));
    assert_eq!(replay(&rows), states(&users));
    // The versions of one resource are consecutive.
    for user in &users {
        let history = rows.iter().filter(|row| row["id"] == user["id"]);
        let versions: Vec<_> = history.map(|row| row["version"].clone()).collect();
        assert_eq!(versions, [1, 2, 3], "{user}");
    }
}

async fn filtered_followers_miss_no_change(api: Api) {
    let filters = ["&type=user.created&limit=2", "&resource=key&limit=3", "&type=user.deleted,key.deleted"];
    let followers = filters.map(|filter| (api.client.clone(), filter)).into();
    let (changes, followed) = run_writers(from_ref(&api.client), followers).await;
    let rows = follow(&api.client, 0, "").await;
    assert_gap_free(&rows, changes);
    let is_wanted: [fn(&Value) -> bool; 3] = [
        |row| row["type"] == "user.created",
        |row| row["resource"] == "key",
        |row| row["type"] == "user.deleted" || row["type"] == "key.deleted",
    ];
    for ((seen, _), is_wanted) in followed.iter().zip(is_wanted) {
        let expected: Vec<_> = rows.iter().filter(|row| is_wanted(row)).cloned().collect();
        assert!(*seen == expected, "{} changes instead of {}", seen.len(), expected.len());
    }
}

async fn each_tenant_numbers_its_own_revisions(api: Api) {
    let mut clients = Vec::new();
    for name in ["acme", "beta", "gamma"] {
        create_tenant(&api.client, name).await;
        clients.push(api.client.in_tenant(name));
    }
    let followers = clients.iter().map(|client| (client.clone(), "&limit=5")).collect();
    let (changes, followed) = run_writers(&clients, followers).await;
    let mut all = 0;
    for (client, (seen, _)) in clients.iter().zip(followed) {
        let head = number(&get(client, "/changes?limit=1").await["head"]);
        assert_gap_free(&seen, head);
        assert_eq!(replay(&seen), states(&list_users(client, &[("limit", "500")]).await));
        all += head;
    }
    assert_eq!(all, changes);
    // The feed of `default` has the creations of the three tenants and none of the changes in them.
    assert_gap_free(&follow(&api.client, 0, "").await, 3);
}
