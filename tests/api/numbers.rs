//! Numbers in `custom`: each is stored exactly or rejected.

use crate::api::problem::assert_invalid;
use crate::support::api::{Api, path};
use crate::support::http::{Request, Response};
use reqwest::Method;
use serde_json::{Value, json};

engine_tests! {
    integers_are_returned_exactly
    integers_beyond_64_bits_are_rejected
    integers_larger_than_any_float_are_rejected
    floats_are_returned_with_equal_value
    numbers_and_strings_are_distinct
}

/// Adds a body with a number in `custom`, spelled as given.
fn with_number(request: Request, number: &str) -> Request {
    request.body("application/json", format!(r#"{{"userName":"u{number}","custom":{{"n":[{number}]}}}}"#))
}

async fn post(api: &Api, number: &str) -> Response {
    with_number(api.client.request(Method::POST, "/users"), number).send().await
}

/// The text of the number in a response.
#[track_caller]
fn number_text(response: &Response) -> String {
    let text = response.text();
    let from = text.find(r#""n":["#).unwrap_or_else(|| panic!("{text}")) + 5;
    let length = text[from..].find(']').expect("the list ends");
    text[from..from + length].to_owned()
}

async fn integers_are_returned_exactly(api: Api) {
    for number in [
        "0",
        "-1",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551615",
        "12345678901234567890",
        "1000000000000000000",
        "10000000000000000000",
    ] {
        let created = post(&api, number).await.expect(201);
        let user = created.json();
        let found = api.client.get(&path(&user)).send().await.expect(200);
        assert_eq!((number_text(&created).as_str(), number_text(&found).as_str()), (number, number));
        let again =
            with_number(api.client.request(Method::PUT, &path(&user)), number).send().await.expect(200);
        assert_eq!((again.json(), number_text(&again).as_str()), (user, number));
    }
}

async fn integers_beyond_64_bits_are_rejected(api: Api) {
    for number in [
        "18446744073709551616",
        "-9223372036854775809",
        "-18446744073709551615",
        "100000000000000000000",
        "340282366920938463463374607431768211456",
    ] {
        assert_invalid(&post(&api, number).await, &[("/custom/n/0", "unstorable")]);
    }
    let several =
        r#"{"userName":"u","custom":{"a":1e300,"b":{"c":18446744073709551617},"d":"99999999999999999999"}}"#;
    let request = api.client.request(Method::POST, "/users").body("application/json", several);
    let errors = crate::api::problem::invalid_fields(&request.send().await);
    assert!(errors.contains(&("/custom/b/c".to_owned(), "unstorable".to_owned())), "{errors:?}");
    assert!(errors.iter().all(|(pointer, _)| pointer != "/custom/d"), "{errors:?}");
    assert_eq!(api.page("").await["items"], json!([]));
}

async fn integers_larger_than_any_float_are_rejected(api: Api) {
    // They are valid JSON, so the status is 422. The parser cannot continue, so the detail names the line and column
    // instead of a pointer.
    for number in [format!("1{}", "0".repeat(309)), "9".repeat(400), format!("-{}", "9".repeat(5_000))] {
        let body = format!(r#"{{"userName":"u","custom":{{"n":[{number}]}}}}"#);
        let request = api.client.request(Method::POST, "/users").body("application/json", body);
        assert_invalid(&request.send().await, &[("", "unstorable")]);
    }
}

async fn floats_are_returned_with_equal_value(api: Api) {
    for number in [
        "1e300",
        "-1e300",
        "0.1",
        "-0.0",
        "-0",
        "0.0",
        "1e16",
        "1e15",
        "5e-324",
        "2.2250738585072014e-308",
        "1.5",
        "1.0",
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "123456789.123456789",
        "1e-7",
        "0.30000000000000004",
        "1e22",
        "1e23",
        "9007199254740993.0",
        "9.007199254740993e15",
        "1e19",
        "1.8446744073709552e19",
        "-9.223372036854775808e18",
        "1E+2",
        "1e0",
        "4.35",
        "2.5e-8",
        "1e-400",
        "100.0",
        "1.0e20",
        "-1e17",
        "3.141592653589793238462643383279",
    ] {
        let expected: f64 = number.parse().expect("the text is a float");
        let created = post(&api, number).await.expect(201);
        let user = created.json();
        let found = api.client.get(&path(&user)).send().await.expect(200);
        for response in [&created, &found] {
            let read: f64 = number_text(response).parse().expect("the text is a number");
            assert_eq!(read, expected, "{number} came back as {}", number_text(response));
        }
        for repeat in 0..2 {
            let put =
                with_number(api.client.request(Method::PUT, &path(&user)), number).send().await.expect(200);
            assert_eq!(
                put.header("etag"),
                Some("\"1\""),
                "{number}, put again {repeat}: {}",
                number_text(&put)
            );
        }
        let patch = json!({ "custom": found.json()["custom"] });
        let patch = api.client.patch(&path(&user), &patch).send().await.expect(200);
        assert_eq!(patch.header("etag"), Some("\"1\""), "{number}, patched by {}", number_text(&found));
    }
}

async fn numbers_and_strings_are_distinct(api: Api) {
    let custom = r#"{"n":[1,"1",1.0,"1.0",true,"true",null,"null"]}"#;
    let body = format!(r#"{{"userName":"ada","custom":{custom}}}"#);
    let request = api.client.request(Method::POST, "/users").body("application/json", body);
    let user = request.send().await.expect(201).json();
    let kinds: Vec<_> =
        user["custom"]["n"].as_array().expect("the value is a list").iter().map(Value::is_string).collect();
    assert_eq!(kinds, [false, true, false, true, false, true, false, true]);
    assert_eq!(api.read(&user).await, user);
}
