//! Runs one of the CPU-bound hot paths a given number of times, so that `benches/guard` can count its instructions.
//!
//! Usage: `instructions NAME TIMES`. Without arguments, it prints the names.
#![expect(clippy::expect_used, clippy::panic, reason = "the inputs are constant and valid")]

use actix_web::http::{Method, StatusCode};
use prometheus_client::registry::Registry;
use roster::domain::filter::Filter;
use roster::domain::schema::{USERS, Vocabulary};
use roster::domain::time::Timestamp;
use roster::domain::user::{Draft, Representation, StoredUser, User, WriteMode, document};
use roster::http::metrics::Requests;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;
use uuid::Uuid;

/// The filter with which an identity provider looks up a user, and a filter as a person would write it.
const FILTERS: [&str; 2] = [
    r#"userName eq "ada.lovelace@example.com""#,
    r#"active eq true and (emails[type eq "work" and value sw "ada"] or enterprise.department co "Analytical") and createdAt ge "2026-01-01T00:00:00Z""#,
];

/// The duration of a request.
const DURATION: Duration = Duration::from_millis(2);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [name, times] => measure(name, times.parse().expect("the second argument is a number")),
        _ => println!("filter read patch representation stored metrics"),
    }
}

/// Runs a path. The setup takes the same number of instructions for any number of runs, so the guard subtracts it.
fn measure(name: &str, times: usize) {
    let (body, user) = (body(), user());
    let stored = stored(&user);
    let requests = Requests::new(["/users/{id}".to_owned()], &mut Registry::default());
    let patch =
        json!({"title": "Countess", "emails": [{"value": "ada@example.com"}], "custom": {"a": null, "b": 2}});
    for _ in 0..times {
        match name {
            "filter" => {
                for text in FILTERS {
                    let filter = Filter::parse(black_box(text), &USERS, Vocabulary::Native);
                    black_box(filter.expect("the filter is valid"));
                }
            }
            "read" => {
                let value: Value = serde_json::from_str(black_box(&body)).expect("JSON");
                black_box(Draft::read(value, WriteMode::Create).expect("the user is valid"));
            }
            "patch" => {
                let draft = Draft::patch(black_box(&user), black_box(&patch)).expect("the patch is valid");
                black_box(user.with(draft));
            }
            "representation" => {
                let representation = Representation::from(black_box(&user));
                black_box(serde_json::to_string(&representation).expect("JSON"));
            }
            "stored" => {
                let mut out = Vec::with_capacity(2048);
                black_box(&stored).write(&mut out).expect("the user is valid");
                black_box(out);
            }
            "metrics" => {
                let _in_progress = requests.begin();
                requests.record(black_box(Some("/users/{id}")), &Method::GET, StatusCode::OK, DURATION);
            }
            _ => panic!("no path is named {name}"),
        }
    }
}

fn body() -> String {
    let body = json!({
        "userName": "ada.lovelace@example.com",
        "externalId": "e-1815",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "displayName": "Ada Lovelace",
        "title": "Analyst",
        "emails": [
            {"value": "ada.lovelace@example.com", "type": "work", "primary": true},
            {"value": "ada@home.example", "type": "home"},
        ],
        "phoneNumbers": [{"value": "+44 20 7946 0000", "type": "work"}],
        "enterprise": {"department": "Analytical Engines", "employeeNumber": "1815"},
        "custom": {"a": 1},
    });
    body.to_string()
}

fn user() -> User {
    let value = serde_json::from_str(&body()).expect("JSON");
    let draft = Draft::read(value, WriteMode::Create).expect("the user is valid");
    User {
        groups: None,
        id: Uuid::from_u128(1),
        attributes: draft.attributes,
        external_ids: BTreeMap::from([("native".to_owned(), "e-1815".to_owned())]),
        version: 1,
        created_at: Timestamp::from(1_767_268_800_000_000),
        updated_at: Timestamp::from(1_767_268_800_000_000),
    }
}

fn stored(user: &User) -> StoredUser {
    StoredUser {
        id: user.id,
        user_name: user.attributes.user_name.clone(),
        display_name: user.attributes.display_name.clone(),
        active: user.attributes.active,
        document: document(user).expect("JSON").get().to_owned(),
        version: user.version,
        created_at: user.created_at,
        updated_at: user.updated_at,
        manager_name: None,
        groups: None,
    }
}
