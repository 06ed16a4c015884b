//! Texts that would be commands in SQL, JSON paths, patterns or headers are only data.

use crate::support::api::{Api, text};
use crate::support::percent_encoded;
use serde_json::{Value, json};

engine_tests! {
    a_filter_finds_exactly_the_text_that_it_names
    no_parameter_can_change_the_statement
    no_parameter_can_add_a_header
}

const HOSTILE: [&str; 12] = [
    "'; DROP TABLE users; --",
    "\" OR 1=1 --",
    "') OR ('1'='1",
    "x' UNION SELECT secret FROM keys --",
    "$1 $2 ?1 :id @p",
    "%_%",
    "\\' \\\" \\\\",
    "a.b[0]['c']",
    "$.attributes.userName",
    "{\"$ne\":null}",
    "line\r\nSet-Cookie: x=y",
    "E'\\x27' /* */ #{7*7} ${7*7}",
];

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The userNames that match a filter.
async fn matching(api: &Api, filter: &str) -> Vec<String> {
    let page = api.page(&format!("?filter={}", percent_encoded(filter))).await;
    let users = page["items"].as_array().expect("the page has items");
    users.iter().map(|user| text(&user["userName"]).to_owned()).collect()
}

async fn a_filter_finds_exactly_the_text_that_it_names(api: Api) {
    for (index, text) in HOSTILE.into_iter().enumerate() {
        let values = json!({ "value": text, "other": index });
        api.create(
            &json!({ "userName": format!("u{index}"), "title": text, "displayName": text, "custom": values }),
        )
        .await;
    }
    for (index, text) in HOSTILE.into_iter().enumerate() {
        let expected = [format!("u{index}")];
        for attribute in ["title", "displayName", "custom.value"] {
            for operator in ["eq", "co", "sw", "ew"] {
                let filter = format!("{attribute} {operator} {}", quoted(text));
                assert_eq!(matching(&api, &filter).await, expected, "{filter}");
            }
        }
    }
}

/// Each parameter of a list, with each text. A name in `custom` is the only name that a request can invent.
async fn no_parameter_can_change_the_statement(api: Api) {
    api.create_named("ada").await;
    for text in HOSTILE {
        let value = percent_encoded(text);
        for parameter in
            ["filter", "sort", "cursor", "limit", "include", "attributes", "excludedAttributes", text]
        {
            let response =
                api.client.get(&format!("/users?{}={value}", percent_encoded(parameter))).send().await;
            assert_eq!(response.code(), 400, "{parameter} {text}: {}", response.text());
        }
        let filter = percent_encoded(&format!("custom.{text} eq 1 or custom.a.{text} pr"));
        let response = api.client.get(&format!("/users?filter={filter}")).send().await;
        assert!([200, 400].contains(&response.code()), "{text}: {}", response.text());
        let found = response.json()["items"].as_array().map_or(0, Vec::len);
        assert_eq!(found, 0, "{text}: {}", response.text());
        for path in [format!("/users/{value}"), format!("/users?filter=userName%20{value}")] {
            let code = api.client.get(&path).send().await.code();
            assert!([400, 404].contains(&code), "{path}: {code}");
        }
    }
    assert_eq!(api.page("?include=total").await["total"], 1);
}

/// The link to the next page repeats the filter, and the response to an error repeats parts of the request.
async fn no_parameter_can_add_a_header(api: Api) {
    for name in ["ada", "grace"] {
        api.create_named(name).await;
    }
    let filter = percent_encoded(r#"userName pr or title eq "x\r\nX-Evil: 1""#);
    let page = api.client.get(&format!("/users?limit=1&filter={filter}")).send().await.expect(200);
    assert!(page.header("link").is_some_and(|link| link.ends_with("; rel=\"next\"")), "{:?}", page.headers);
    assert_eq!(page.header("x-evil"), None);
    let wrong = api.client.get("/users?x%0d%0aX-Evil:%201=1").send().await;
    assert_eq!((wrong.code(), wrong.header("x-evil")), (400, None));
}
