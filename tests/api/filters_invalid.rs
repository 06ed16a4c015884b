//! Invalid filters (`GET /users?filter=`), and the position that each error names.

use crate::api::problem::problem;
use crate::api::query::{check_filters, users_target};
use crate::support::api::{Api, path, text};
use crate::support::http::Answer;
use serde_json::json;

engine_tests! {
    unknown_attributes_are_rejected
    unfilterable_attributes_are_rejected
    unknown_schemas_are_rejected
    values_of_the_wrong_type_are_rejected
    operators_of_the_wrong_type_are_rejected
    unknown_operators_are_rejected
    complex_attributes_cannot_be_compared
    brackets_require_a_multi_valued_attribute
    brackets_cannot_be_nested
    incomplete_filters_are_rejected
    misplaced_tokens_are_rejected
    mismatched_parentheses_and_brackets_are_rejected
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

/// Marks the position that the error must name: before the invalid token, or at the end if something is missing.
const POSITION: char = '‸';

async fn filtered(api: &Api, filter: &str) -> Answer {
    api.client.get(&users_target(&[("filter", filter)])).send().await
}

/// The number after the word "position".
fn position(detail: &str) -> Option<usize> {
    let (_, rest) = detail.split_once("position ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// Sends a filter without its mark, and checks that the error names the marked position and one of the words.
async fn check_rejected(api: &Api, marked: &str, words: &[&str]) {
    let (before, after) = marked.split_once(POSITION).expect("a mark");
    let response = filtered(api, &format!("{before}{after}")).await;
    assert_eq!(response.code(), 400, "{marked}: {}", response.text());
    let body = problem(&response, 400, "invalid-filter");
    let detail = text(&body["detail"]);
    assert_eq!(position(detail), Some(before.chars().count() + 1), "{marked}: {detail}");
    assert!(words.is_empty() || words.iter().any(|word| detail.contains(word)), "{marked}: {detail}");
}

/// Checks many filters. Alternative words are separated by `|`.
async fn check_all_rejected(api: &Api, cases: &[(&str, &str)]) {
    for &(marked, words) in cases {
        check_rejected(api, marked, &words.split('|').collect::<Vec<_>>()).await;
    }
}

async fn unknown_attributes_are_rejected(api: Api) {
    let cases = [
        (r#"‸foo eq "a""#, "foo"),
        (r#"‸user_name eq "a""#, "user_name"),
        (r#"‸password eq "a""#, "password"),
        ("‸password pr", "password"),
        (r#"‸department eq "a""#, "department"),
        (r#"‸familyName eq "a""#, "familyName"),
        (r#"‸name.foo eq "a""#, "name.foo"),
        (r#"‸userName.value eq "a""#, "userName.value"),
        (r#"‸emails.foo eq "a""#, "emails.foo"),
        (r#"‸emails.value.foo eq "a""#, "emails.value.foo"),
        (r#"‸enterprise.foo eq "a""#, "enterprise.foo"),
        (r#"‸enterprise.manager.foo eq "a""#, "enterprise.manager.foo"),
        (r#"emails[‸foo eq "a"]"#, "foo"),
        (r#"emails[type eq "a" and ‸country eq "b"]"#, "country"),
        (r#"emails[‸userName eq "a"]"#, "userName"),
        (r#"addresses[‸value eq "a"]"#, "value"),
        (r#"userName eq "a" and ‸foo pr"#, "foo"),
        (r#"not (userName eq "a" or (title pr and ‸foo eq true))"#, "foo"),
        (r#"(‸foo pr)"#, "foo"),
        ("‸foo", "foo"),
        (r#"emails[type eq "work"]‸.foo eq "a""#, "foo"),
    ];
    check_all_rejected(&api, &cases).await;
}

async fn unfilterable_attributes_are_rejected(api: Api) {
    api.create(&json!({ "userName": "ada", "externalId": "e", "custom": { "badge": 7 } })).await;
    let cases = [
        ("‸custom pr", "custom"),
        ("‸custom.badge eq 7", "custom"),
        (r#"‸custom.badge eq "7""#, "custom"),
        ("‸extensions pr", "extensions"),
        (r#"‸extensions.colour eq "red""#, "extensions"),
        ("‸externalIds pr", "externalIds"),
        (r#"‸externalIds.native eq "e""#, "externalIds"),
        (r#"‸enterprise.manager.displayName eq "a""#, "enterprise.manager.displayName"),
        ("‸enterprise.manager.displayName pr", "enterprise.manager.displayName"),
        (
            "‸urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName pr",
            "manager.displayName",
        ),
    ];
    check_all_rejected(&api, &cases).await;
}

async fn unknown_schemas_are_rejected(api: Api) {
    let cases = [
        (r#"‸urn:example:params:scim:schemas:badge:1.0:User:colour eq "a""#, "urn:example"),
        (r#"‸urn:ietf:params:scim:schemas:core:2.0:User:department eq "a""#, "department"),
        (r#"‸urn:ietf:params:scim:schemas:core:2.0:User:foo eq "a""#, "foo"),
        (r#"‸urn:ietf:params:scim:schemas:core:2.0:User:custom pr"#, "custom"),
        (r#"‸urn:ietf:params:scim:schemas:core:2.0:Group:displayName eq "a""#, "Group"),
        (r#"‸urn:ietf:params:scim:schemas:core:1.0:User:userName eq "a""#, "core:1.0"),
        (r#"‸urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:userName eq "a""#, "userName"),
        (r#"‸urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:foo eq "a""#, "foo"),
        (r#"title pr and ‸urn:x:y:z eq "a""#, "urn:x:y:z"),
        (r#"emails[‸urn:x:y:z eq "a"]"#, "urn:x:y:z"),
    ];
    check_all_rejected(&api, &cases).await;
}

async fn values_of_the_wrong_type_are_rejected(api: Api) {
    let cases = [
        ("userName eq ‸5", "userName"),
        ("userName eq ‸true", "userName"),
        ("userName co ‸5", "userName"),
        ("userName gt ‸false", "userName"),
        ("userName co ‸null", "userName|null"),
        ("userName gt ‸null", "userName|null"),
        ("title eq ‸5", "title"),
        ("title sw ‸true", "title"),
        ("name.familyName eq ‸5", "familyName"),
        ("emails.value eq ‸5", "value|emails"),
        ("emails eq ‸true", "value|emails"),
        ("emails[value eq ‸5]", "value"),
        (r#"emails[primary eq ‸"true"]"#, "primary"),
        ("emails.primary eq ‸1", "primary"),
        ("externalId eq ‸5", "externalId"),
        ("id eq ‸5", "id"),
        ("id gt ‸null", "id|null"),
        (r#"active eq ‸"true""#, "active"),
        (r#"active eq ‸"""#, "active"),
        ("active eq ‸1", "active"),
        ("active ne ‸0", "active"),
        ("createdAt gt ‸5", "createdAt"),
        ("createdAt eq ‸true", "createdAt"),
        ("createdAt ge ‸null", "createdAt|null"),
        (r#"version eq ‸"1""#, "version"),
        ("version eq ‸true", "version"),
        ("version gt ‸null", "version|null"),
        ("version eq ‸1.5", "version"),
        ("enterprise.manager eq ‸5", "value|manager"),
        ("x509Certificates.value eq ‸5", "value|x509Certificates"),
        ("photos co ‸true", "value|photos"),
        ("userName pr and title eq ‸5", "title"),
    ];
    check_all_rejected(&api, &cases).await;
}

async fn operators_of_the_wrong_type_are_rejected(api: Api) {
    let cases = [
        ("active ‸gt true", "gt|active"),
        ("active ‸ge true", "ge|active"),
        ("active ‸lt false", "lt|active"),
        ("active ‸le false", "le|active"),
        (r#"active ‸co "t""#, "co|active"),
        (r#"active ‸sw "t""#, "sw|active"),
        ("active ‸ew true", "ew|active"),
        ("emails.primary ‸gt true", "gt|primary"),
        ("emails[primary ‸lt true]", "lt|primary"),
        (r#"createdAt ‸co "2026""#, "co|createdAt"),
        (r#"createdAt ‸sw "2026""#, "sw|createdAt"),
        (r#"updatedAt ‸ew "Z""#, "ew|updatedAt"),
        (r#"createdAt ‸sw "2026-01-02T03:04:05Z""#, "sw|createdAt"),
        ("version ‸co 1", "co|version"),
        (r#"version ‸sw "1""#, "sw|version"),
        ("version ‸ew 1", "ew|version"),
        (r#"x509Certificates.value ‸gt "a""#, "gt|value"),
        (r#"x509Certificates ‸ge "a""#, "ge|value|x509Certificates"),
        (r#"x509Certificates.value ‸lt "a""#, "lt|value"),
        (r#"x509Certificates[value ‸le "a"]"#, "le|value"),
    ];
    check_all_rejected(&api, &cases).await;
}

async fn unknown_operators_are_rejected(api: Api) {
    let cases = [
        (r#"userName ‸is "a""#, "is"),
        (r#"userName ‸equals "a""#, "equals"),
        (r#"userName ‸like "a""#, "like"),
        (r#"userName ‸in "a""#, "in"),
        (r#"userName ‸= "a""#, ""),
        (r#"userName ‸== "a""#, ""),
        (r#"userName ‸"a""#, ""),
        ("userName ‸5", ""),
        (r#"userName ‸(eq "a")"#, ""),
        (r#"emails[type ‸is "a"]"#, "is"),
        (r#"userName pr and title ‸xx "a""#, "xx"),
        (r#"userName ‸not eq "a""#, "not"),
        (r#"userName ‸and title pr"#, "and"),
    ];
    check_all_rejected(&api, &cases).await;
}

async fn complex_attributes_cannot_be_compared(api: Api) {
    let cases = [
        (r#"‸name eq "a""#, "name"),
        (r#"‸name co "a""#, "name"),
        (r#"‸enterprise eq "a""#, "enterprise"),
        (r#"‸addresses eq "a""#, "addresses"),
        (r#"‸addresses gt "a""#, "addresses"),
        (r#"title pr or ‸addresses ne "a""#, "addresses"),
    ];
    check_all_rejected(&api, &cases).await;
}

async fn brackets_require_a_multi_valued_attribute(api: Api) {
    let cases = [
        (r#"userName‸[value eq "a"]"#, "userName|\'[\'"),
        (r#"active‸[value eq true]"#, "active|\'[\'"),
        (r#"name‸[familyName eq "a"]"#, "name|\'[\'"),
        (r#"enterprise‸[department eq "a"]"#, "enterprise|\'[\'"),
        (r#"enterprise.manager‸[value eq "a"]"#, "enterprise.manager|\'[\'"),
        (r#"emails.value‸[value eq "a"]"#, "emails.value|\'[\'"),
        (r#"createdAt‸[value pr]"#, "createdAt|\'[\'"),
        (r#"‸custom[badge eq 7]"#, "custom|\'[\'"),
        (r#"‸foo[bar eq 7]"#, "foo|\'[\'"),
    ];
    check_all_rejected(&api, &cases).await;
}

async fn brackets_cannot_be_nested(api: Api) {
    let cases = [
        (r#"emails[‸emails[type eq "a"]]"#, ""),
        (r#"emails[type eq "a" and value‸[type eq "a"]]"#, ""),
        (r#"emails[not (‸addresses[type eq "a"])]"#, ""),
    ];
    check_all_rejected(&api, &cases).await;
}

async fn incomplete_filters_are_rejected(api: Api) {
    let missing = [
        "userName‸",
        "userName eq‸",
        r#"userName eq "a" and‸"#,
        r#"userName eq "a" or‸"#,
        "title pr and not‸",
        "not‸",
        "not (‸",
        "(‸",
        "((((‸",
        r#"(userName eq "a"‸"#,
        r#"((userName eq "a")‸"#,
        r#"not (userName eq "a"‸"#,
        "(userName‸",
        "(userName eq‸",
        "emails[‸",
        "emails[type‸",
        "emails[type eq‸",
        r#"emails[type eq "work"‸"#,
        r#"emails[(type eq "work")‸"#,
        r#"emails[(type eq "work"‸"#,
        r#"emails[type eq "work" and‸"#,
        r#"emails[type eq "work"].value‸"#,
        r#"emails[type eq "work"].value eq‸"#,
        r#"emails[type eq "work"]‸."#,
        r#"userName eq ‸"a"#,
        r#"userName eq ‸"a\""#,
        r#"userName eq ‸""#,
        "userName pr and (title pr or (displayName pr)‸",
    ];
    for marked in missing {
        check_rejected(&api, marked, &[]).await;
    }
}

async fn misplaced_tokens_are_rejected(api: Api) {
    let cases = [
        r#"‸"a" eq userName"#,
        "‸5 eq 5",
        "‸=",
        "‸)",
        "‸]",
        "‸[type eq true]",
        "(‸)",
        "not (‸)",
        "emails[‸]",
        r#"userName eq ‸userName"#,
        "userName eq ‸ada",
        "userName eq ‸'ada'",
        "userName eq ‸(\"ada\")",
        "userName eq ‸[\"ada\"]",
        "userName eq ‸{\"a\":1}",
        "userName eq ‸)",
        "userName eq ‸eq \"a\"",
        r#"userName eq "a" ‸"b""#,
        r#"userName eq "a" ‸title pr"#,
        r#"userName eq "a" ‸&& title pr"#,
        r#"userName eq "a" ‸, title pr"#,
        r#"userName eq "a" ‸; title pr"#,
        r#"userName eq "a" ‸xor title pr"#,
        r#"userName eq "a" ‸not (title pr)"#,
        r#"userName eq "a" ‸(title pr)"#,
        r#"(userName eq "a") ‸(title pr)"#,
        r#"userName pr ‸"a""#,
        "userName pr ‸true",
        r#"userName eq "a" and ‸"b""#,
        r#"userName eq "a" and ‸and title pr"#,
        r#"userName eq "a" or ‸and title pr"#,
        r#"‸and userName eq "a""#,
        r#"‸user name eq "a""#,
        r#"emails[type eq "work" ‸value eq "a"]"#,
        r#"emails[type eq "work"]‸value eq "a""#,
        r#"emails[type eq "work"] ‸eq "a""#,
        r#"emails[‸"work"]"#,
        "‸.userName pr",
        "‸userName. pr",
        "‸userName..x pr",
        "‸1userName pr",
        "‸userNäme pr",
        "‸%20",
    ];
    for marked in cases {
        check_rejected(&api, marked, &[]).await;
    }
}

async fn mismatched_parentheses_and_brackets_are_rejected(api: Api) {
    let cases = [
        r#"userName eq "a"‸)"#,
        r#"(userName eq "a")‸)"#,
        r#"(userName eq "a"‸]"#,
        r#"userName eq "a"‸]"#,
        r#"emails[type eq "work"‸)"#,
        r#"emails[type eq "work"]‸]"#,
        r#"emails[(type eq "work"‸])"#,
        r#"(emails[type eq "work"‸)]"#,
        r#"(userName eq "a" and title pr‸]"#,
    ];
    for marked in cases {
        check_rejected(&api, marked, &[]).await;
    }
}

async fn not_requires_parentheses(api: Api) {
    let cases = [
        r#"not ‸userName eq "a""#,
        "not ‸title pr",
        "title pr and not ‸active eq true",
        "not ‸not (title pr)",
        r#"not ‸emails[type eq "work"]"#,
        "emails[not ‸display pr]",
        "not ‸true",
    ];
    for marked in cases {
        check_rejected(&api, marked, &[]).await;
    }
    check_filters(&api, &[("not (not (title pr))", "")]).await;
}

async fn values_must_be_json(api: Api) {
    let numbers = ["01", "+1", ".5", "1.", "0x1", "1e", "--1", "-", "1_000", "٣", "NaN", "Infinity"];
    let words = ["nul", "tru", "undefined", "yes", "truee"];
    for value in numbers.into_iter().chain(words) {
        for attribute in ["version", "active", "userName"] {
            // The error can point to the start of the value or to the first character that is invalid.
            let filter = format!("{attribute} eq {value}");
            let response = filtered(&api, &filter).await;
            let body = problem(&response, 400, "invalid-filter");
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
    api.named("\u{fffd}").await;
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
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05.678901",
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
    check_all_rejected(&api, &cases).await;
}

async fn an_empty_filter_is_rejected(api: Api) {
    api.named("ada").await;
    for query in ["filter=", "filter=%20", "filter=+++", "limit=1&filter=", "filter=&include=total"] {
        let response = api.client.get(&format!("/users?{query}")).send().await;
        let body = problem(&response, 400, "invalid-filter");
        assert!(position(text(&body["detail"])).is_some(), "{query}: {body}");
    }
    check_rejected(&api, "‸", &[]).await;
}

async fn a_second_filter_is_rejected(api: Api) {
    for query in
        ["filter=title%20pr&filter=title%20pr", "filter=title%20pr&filter=", "filter=x&limit=1&filter=x"]
    {
        let response = api.client.get(&format!("/users?{query}")).send().await;
        problem(&response, 400, "invalid-parameter");
    }
    problem(&api.client.get("/users?Filter=title%20pr").send().await, 400, "invalid-parameter");
}

async fn filter_and_sort_apply_only_to_lists(api: Api) {
    let user = api.named("ada").await;
    let one = path(&user);
    for query in ["filter=title%20pr", "filter=", "sort=id", "sort=-userName"] {
        let body = json!({ "userName": "grace" });
        let target = format!("{one}?{query}");
        for response in [
            api.client.get(&target).send().await,
            api.client.put(&target, &body).send().await,
            api.client.patch(&target, &body).send().await,
            api.client.delete(&target).send().await,
            api.client.post(&format!("/users?{query}"), &body).send().await,
        ] {
            problem(&response, 400, "invalid-parameter");
        }
    }
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
            let body = problem(&filtered(&api, &filter).await, 400, "invalid-filter");
            assert!(position(text(&body["detail"])).is_some(), "{body}");
        }
    }
    // Spaces count as well.
    let spaces = format!("title pr{}", " ".repeat(4_089));
    problem(&filtered(&api, &spaces).await, 400, "invalid-filter");
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
        problem(&filtered(&api, &deep).await, 400, "invalid-filter");
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
    problem(&filtered(&api, &inside).await, 400, "invalid-filter");
}
