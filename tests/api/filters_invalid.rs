//! Invalid filters (`GET /users?filter=`), and the position that each error names.

use crate::api::problem::{assert_problem, check_queries_rejected, check_user_writes_reject};
use crate::api::query::{check_filters, list_filtered};
use crate::support::api::{Api, path, text};
use crate::support::table::section;
use serde_json::json;

engine_tests! {
    unfilterable_attributes_are_rejected
    misplaced_tokens_are_rejected
    not_requires_parentheses
    values_must_be_json
    nul_and_lone_surrogates_are_rejected
    invalid_utf8_is_rejected
    malformed_times_are_rejected
    positions_count_characters
    an_empty_filter_is_rejected
    a_second_filter_is_rejected
    filter_and_sort_apply_only_to_lists
    the_length_is_limited
    the_depth_is_limited
    the_number_of_terms_is_limited
}

/// Filters with a mark, and words, at least one of which must be in the error.
const TABLE: &str = include_str!("filters_invalid.txt");

table_tests! { TABLE by check_section:
    unknown_attributes_are_rejected
    unknown_schemas_are_rejected
    values_of_the_wrong_type_are_rejected
    operators_of_the_wrong_type_are_rejected
    unknown_operators_are_rejected
    complex_attributes_cannot_be_compared
    brackets_require_a_multi_valued_attribute
    brackets_cannot_be_nested
    incomplete_filters_are_rejected
    mismatched_parentheses_and_brackets_are_rejected;
    unfilterable_attributes_are_rejected
    misplaced_tokens_are_rejected
    not_requires_parentheses
}

/// Marks the position that the error must name: before the invalid token, or at the end if something is missing.
const POSITION: char = '‸';

/// The number after the word "position".
fn position(detail: &str) -> Option<usize> {
    let (_, rest) = detail.split_once("position ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// Sends a filter without its mark, and checks that the error names the marked position and one of the words.
async fn check_rejected(api: &Api, marked: &str, words: &[&str]) {
    let (before, after) = marked.split_once(POSITION).expect("the filter has a mark");
    let response = list_filtered(api, &format!("{before}{after}")).await;
    assert_eq!(response.code(), 400, "{marked}: {}", response.text());
    let body = assert_problem(&response, 400, "invalid-filter");
    let detail = text(&body["detail"]);
    assert_eq!(position(detail), Some(before.chars().count() + 1), "{marked}: {detail}");
    assert!(words.is_empty() || words.iter().any(|word| detail.contains(word)), "{marked}: {detail}");
}

async fn check_section(api: Api, name: &str) {
    check_table(&api, name).await;
}

/// Checks the filters in a section of the table.
async fn check_table(api: &Api, name: &str) {
    for (marked, words) in section(TABLE, name) {
        let words: Vec<_> = words.split('|').filter(|word| !word.is_empty()).collect();
        check_rejected(api, marked, &words).await;
    }
}

async fn unfilterable_attributes_are_rejected(api: Api) {
    api.create(&json!({ "userName": "ada", "externalId": "e", "custom": { "badge": 7 } })).await;
    check_table(&api, "unfilterable_attributes_are_rejected").await;
}

async fn misplaced_tokens_are_rejected(api: Api) {
    check_table(&api, "misplaced_tokens_are_rejected").await;
    // Single quotes are not JSON.
    check_rejected(&api, "userName eq ‸'ada'", &[]).await;
}

async fn not_requires_parentheses(api: Api) {
    check_table(&api, "not_requires_parentheses").await;
    check_filters(&api, &[("not (not (title pr))", "")]).await;
}

async fn values_must_be_json(api: Api) {
    let numbers = ["01", "+1", ".5", "1.", "0x1", "1e", "--1", "-", "1_000", "٣", "NaN", "Infinity"];
    let words = ["nul", "tru", "undefined", "yes", "truee"];
    for value in numbers.into_iter().chain(words) {
        for attribute in ["version", "active", "userName"] {
            // The error can point to the start of the value or to the first character that is invalid.
            let filter = format!("{attribute} eq {value}");
            let response = list_filtered(&api, &filter).await;
            let body = assert_problem(&response, 400, "invalid-filter");
            let at = position(text(&body["detail"])).unwrap_or_else(|| panic!("{filter}: {body}"));
            assert!(at > attribute.len() + 4 && at <= filter.chars().count() + 1, "{filter}: {body}");
        }
    }
    let strings = [
        r#"userName eq ‸"\x""#,
        r#"userName eq ‸"\u12""#,
        r#"userName eq ‸"\u12g4""#,
        r#"userName eq ‸"ab\'""#,
        "userName eq ‸\"a\nb\"",
        "userName eq ‸\"a\tb\"",
        "userName eq ‸\"\u{1}\"",
    ];
    for marked in strings {
        check_rejected(&api, marked, &[]).await;
    }
}

async fn nul_and_lone_surrogates_are_rejected(api: Api) {
    let cases = [
        r#"userName eq ‸"\u0000""#,
        r#"title co ‸"a\u0000b""#,
        r#"emails[value eq ‸"\u0000"]"#,
        "userName eq ‸\"\0\"",
        r#"userName eq ‸"\ud800""#,
        r#"userName eq ‸"a\udc00b""#,
        r#"userName eq ‸"\ud83dx""#,
        r#"userName eq ‸"\ud83d\ud83d""#,
        r#"userName eq ‸"\ude00\ud83d""#,
        r#"userName eq ‸"\ud83d\n""#,
    ];
    for marked in cases {
        check_rejected(&api, marked, &[]).await;
    }
}

/// Invalid UTF-8 must not be replaced by U+FFFD, which would match this user.
async fn invalid_utf8_is_rejected(api: Api) {
    api.create_named("\u{fffd}").await;
    for bytes in ["%FF", "%C3", "%ED%A0%80", "a%80"] {
        let target = format!("/users?filter=userName%20eq%20%22{bytes}%22");
        let response = api.client.get(&target).send().await.expect(400);
        let body = response.json();
        assert!(matches!(text(&body["code"]), "invalid-filter" | "invalid-parameter"), "{bytes}: {body}");
    }
}

async fn malformed_times_are_rejected(api: Api) {
    let times = [
        "",
        "yesterday",
        "2026-01-02",
        "2026-01-02T03:04Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T25:00:00Z",
        "2026-01-02T00:60:00Z",
        "2026-01-02T00:00:61Z",
        "2026-01-02T00:00:00+24:00",
        "2026-01-02T00:00:00+01:60",
        "2026-01-02T00:00:00+1",
        "2026-01-02T00:00:00+0100",
        "2026-01-02T00:00:00.Z",
        "2026-1-2T3:4:5Z",
        " 2026-01-02T00:00:00Z",
        "2026-01-02T00:00:00Z ",
        "20260102T000000Z",
        "12026-01-02T00:00:00Z",
        "+2026-01-02T00:00:00Z",
        "2026-W01-1T00:00:00Z",
        "1767312000",
        "Fri, 02 Jan 2026 00:00:00 GMT",
        "２026-01-02T00:00:00Z",
    ];
    for time in times {
        for start in ["createdAt gt ‸", "title pr and updatedAt eq ‸"] {
            check_rejected(&api, &format!("{start}\"{time}\""), &["createdAt", "updatedAt"]).await;
        }
    }
}

/// Positions count neither bytes nor UTF-16 code units.
async fn positions_count_characters(api: Api) {
    let cases = [
        (r#"title eq "é" and ‸foo pr"#, "foo"),
        (r#"title eq "😀😀" and ‸foo pr"#, "foo"),
        ("title eq \"e\u{301}\u{301}\" ‸bar", ""),
        (r#"title eq "\u00e9\ud83d\ude00" and ‸foo pr"#, "foo"),
        ("title eq \"\u{202e}א\" and active eq ‸\"ß\"", "active"),
        (r#"(title eq "漢字"‸"#, ""),
    ];
    for (marked, word) in cases {
        check_rejected(&api, marked, &[word]).await;
    }
}

async fn an_empty_filter_is_rejected(api: Api) {
    api.create_named("ada").await;
    for query in ["filter=", "filter=%20", "filter=+++", "limit=1&filter=", "filter=&include=total"] {
        let response = api.client.get(&format!("/users?{query}")).send().await;
        let body = assert_problem(&response, 400, "invalid-filter");
        assert!(position(text(&body["detail"])).is_some(), "{query}: {body}");
    }
    check_rejected(&api, "‸", &[]).await;
}

async fn a_second_filter_is_rejected(api: Api) {
    let invalid = [
        "filter=title%20pr&filter=title%20pr",
        "filter=title%20pr&filter=",
        "filter=x&limit=1&filter=x",
        "Filter=title%20pr",
    ];
    check_queries_rejected(&api.client, "/users", &invalid).await;
}

async fn filter_and_sort_apply_only_to_lists(api: Api) {
    let user = api.create_named("ada").await;
    let invalid = ["filter=title%20pr", "filter=", "sort=id", "sort=-userName"];
    check_queries_rejected(&api.client, &path(&user), &invalid).await;
    check_user_writes_reject(&api.client, &user, &invalid).await;
    assert_eq!(api.page("").await["items"], json!([user]));
}

/// A filter with this length in bytes, whose string repeats `fill`.
fn long(bytes: usize, fill: &str) -> String {
    let frame = r#"title eq """#.len();
    let filled = fill.repeat((bytes - frame) / fill.len());
    let rest = "x".repeat(bytes - frame - filled.len());
    format!("title eq \"{filled}{rest}\"")
}

async fn the_length_is_limited(api: Api) {
    for fill in ["a", "é", "😀", "%", "\\\\"] {
        for bytes in [4_095, 4_096] {
            let filter = long(bytes, fill);
            assert_eq!(filter.len(), bytes);
            check_filters(&api, &[(&filter, "")]).await;
        }
        for bytes in [4_097, 4_098, 8_192] {
            let filter = long(bytes, fill);
            assert_eq!(filter.len(), bytes);
            let body = assert_problem(&list_filtered(&api, &filter).await, 400, "invalid-filter");
            assert!(position(text(&body["detail"])).is_some(), "{body}");
        }
    }
    // Spaces count as well.
    let spaces = format!("title pr{}", " ".repeat(4_089));
    assert_problem(&list_filtered(&api, &spaces).await, 400, "invalid-filter");
}

async fn the_depth_is_limited(api: Api) {
    api.create(&json!({ "userName": "ada", "title": "x", "emails": [{ "value": "a@x", "type": "work" }] }))
        .await;
    let nested =
        |depth: usize, open: &str, core: &str| format!("{}{core}{}", open.repeat(depth), ")".repeat(depth));
    let work = r#"emails[type eq "work"]"#;
    let inside = |depth: usize| format!("emails[{}]", nested(depth, "(", r#"type eq "work""#));
    for filter in [
        nested(16, "(", "title pr"),
        nested(16, "not (", "title pr"),
        nested(15, "(", work),
        inside(15),
        // Parentheses that are not nested do not add up.
        vec!["(title pr)"; 50].join(" and "),
        vec![nested(16, "(", "title pr"); 3].join(" and "),
    ] {
        check_filters(&api, &[(&filter, "ada")]).await;
    }
    let deep = "(".repeat(4_096);
    for marked in [
        format!("{}‸{}", "(".repeat(16), nested(1, "(", "title pr") + &")".repeat(16)),
        format!("{}not ‸(title pr){}", "not (".repeat(16), ")".repeat(16)),
        format!("{}emails‸[type pr]{}", "(".repeat(16), ")".repeat(16)),
        format!("emails[{}‸(type pr){}]", "(".repeat(15), ")".repeat(15)),
        format!("title pr and {}‸(title pr){}", "(".repeat(16), ")".repeat(16)),
        format!("{}‸{}", &deep[..16], &deep[16..]),
    ] {
        check_rejected(&api, &marked, &[]).await;
    }
    for deep in ["not(".repeat(1_024), "emails[".repeat(585), "(not ".repeat(819)] {
        assert_problem(&list_filtered(&api, &deep).await, 400, "invalid-filter");
    }
}

async fn the_number_of_terms_is_limited(api: Api) {
    api.create(&json!({ "userName": "ada", "title": "x", "emails": [{ "value": "a@x", "type": "work" }] }))
        .await;
    for operator in [" and ", " or "] {
        let hundred = vec!["title pr"; 100].join(operator);
        check_filters(&api, &[(&hundred, "ada"), (&format!("({hundred})"), "ada")]).await;
        check_rejected(&api, &format!("{hundred}{operator}‸title pr"), &[]).await;
        check_rejected(&api, &format!("{hundred}{operator}(‸title pr{operator}title pr)"), &[]).await;
    }
    let halves =
        format!("({}) and ({})", vec!["title pr"; 50].join(" or "), vec!["title pr"; 50].join(" and "));
    check_filters(&api, &[(&halves, "ada")]).await;
    let inside = format!("emails[{}]", vec!["type pr"; 101].join(" and "));
    assert_problem(&list_filtered(&api, &inside).await, 400, "invalid-filter");
}
