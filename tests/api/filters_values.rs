//! Filters (`GET /users?filter=`): how values of each type compare.

use crate::api::filters::create_people;
use crate::api::query::{check_filters, list_filtered, matching_names, names, quoted};
use crate::support::api::{Api, text};
use crate::support::table::{section, section_with_values};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

engine_tests! {
    most_strings_are_compared_by_folded_form
    case_exact_strings_are_compared_exactly
    strings_are_ordered_by_code_point
    starts_with_works_at_the_end_of_unicode
    no_character_is_a_wildcard
    string_literals_use_json_escapes
    ids_are_compared_exactly
    versions_are_compared_as_numbers
    times_are_compared_as_instants
    times_are_compared_beyond_microseconds
    every_rfc_3339_spelling_is_accepted
}

/// Filters, or operators and values, and the users that match them.
const TABLE: &str = include_str!("filters_values.txt");

table_tests! { TABLE by check_section:
    booleans_support_equality;
    case_exact_strings
    case_exact_certificates
    strings_are_ordered_by_code_point
    ids_are_compared_exactly
    versions_are_compared_as_numbers
    times_are_compared_as_instants
    creation_and_update_times
    times_are_compared_beyond_microseconds
    every_rfc_3339_spelling_is_accepted
}

async fn check_section(api: Api, name: &str) {
    create_people(&api).await;
    check_filters(&api, &section(TABLE, name)).await;
}

/// Checks which users match each term, which is an operator and a value, for each attribute.
async fn check_terms(api: &Api, attributes: &[&str], cases: &[(impl AsRef<str>, &str)]) {
    for attribute in attributes {
        for (term, expected) in cases {
            check_filters(api, &[(format!("{attribute} {}", term.as_ref()), *expected)]).await;
        }
    }
}

async fn most_strings_are_compared_by_folded_form(api: Api) {
    // These attributes are compared like userName.
    for (name, value) in [("1", "Straße"), ("2", "E\u{301}MILE"), ("3", "ΣΊΣΥΦΟΣ"), ("4", "ﬀ")] {
        let email = json!([{ "value": format!("{value}@x"), "type": value }]);
        let body = json!({ "userName": value, "displayName": value, "title": value, "emails": email, "name": { "familyName": value }, "nickName": name });
        api.create(&body).await;
    }
    let cases = [
        ("eq", "STRASSE", "Straße"),
        ("eq", "straẞe", "Straße"),
        ("sw", "STRAS", "Straße"),
        ("ew", "sSE", "Straße"),
        ("co", "ASS", "Straße"),
        ("co", "aß", "Straße"),
        ("eq", "\u{c9}mile", "E\u{301}MILE"),
        ("eq", "e\u{301}MILE", "E\u{301}MILE"),
        ("sw", "é", "E\u{301}MILE"),
        ("ew", "MILE", "E\u{301}MILE"),
        ("eq", "σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("eq", "FF", "ﬀ"),
        ("le", "FF", "ﬀ"),
        ("eq", "emile", ""),
    ];
    for (operator, value, expected) in cases {
        for attribute in ["userName", "displayName", "title", "name.familyName", "emails.type"] {
            let filter = format!("{attribute} {operator} {}", quoted(value));
            assert_eq!(matching_names(&api, &filter).await, expected, "{filter}");
        }
    }
    for (value, expected) in [("STRASSE@X", "Straße"), ("éMILE@X", "E\u{301}MILE")] {
        assert_eq!(matching_names(&api, &format!("emails.value eq {}", quoted(value))).await, expected);
    }
}

async fn case_exact_strings_are_compared_exactly(api: Api) {
    for (name, value) in [("1", "Abc"), ("2", "abc"), ("3", "ABD")] {
        let list = json!([{ "value": value }]);
        let body = json!({ "userName": name, "externalId": value, "profileUrl": value, "photos": list });
        api.create(&body).await;
    }
    let attributes = ["externalId", "profileUrl", "photos.value", "photos"];
    check_terms(&api, &attributes, &section(TABLE, "case_exact_strings")).await;
    let body = json!({ "userName": "4", "x509Certificates": [{ "value": "MIIAbcde" }] });
    api.create(&body).await;
    check_filters(&api, &section(TABLE, "case_exact_certificates")).await;
}

/// The order is that of folded code points, not of a language: accented letters follow z, and emoji follow the BMP.
async fn strings_are_ordered_by_code_point(api: Api) {
    for value in ["Zoe", "Émile", "～", "😀", "a-b", "AB"] {
        api.create(&json!({ "userName": value, "displayName": value, "title": value })).await;
    }
    let cases = section(TABLE, "strings_are_ordered_by_code_point");
    check_terms(&api, &["userName", "displayName", "title"], &cases).await;
}

/// `sw` searches the range from a string to its successor. These strings have no successor, or none in the next code
/// point.
async fn starts_with_works_at_the_end_of_unicode(api: Api) {
    let last = ["\u{10ffff}a", "\u{d7ff}a", "\u{e000}a", "\u{10ffff}\u{10ffff}", "\u{7f}a"];
    for value in last {
        let email = json!([{ "value": format!("{}@x", value.replace('\u{7f}', "del")) }]);
        let body = json!({ "userName": value, "externalId": value, "displayName": value, "emails": email });
        api.create(&body).await;
    }
    let cases = [
        ("\u{10ffff}", vec![last[0], last[3]]),
        ("\u{10ffff}\u{10ffff}", vec![last[3]]),
        ("\u{d7ff}", vec![last[1]]),
        ("\u{e000}", vec![last[2]]),
    ];
    for (beginning, expected) in cases {
        for attribute in ["userName", "displayName", "externalId", "emails.value"] {
            let filter = format!("{attribute} sw {}", quoted(beginning));
            assert_eq!(matching_names(&api, &filter).await, expected.join(" "), "{filter:?}");
        }
    }
    assert_eq!(matching_names(&api, "userName sw \"\u{7f}\"").await, last[4]);
}

async fn no_character_is_a_wildcard(api: Api) {
    let special = [
        "100%",
        "100x",
        "a_b",
        "axb",
        "a*b",
        "a?b",
        "a[b]",
        "back\\slash",
        "quo\"te",
        "it's",
        "😀",
        "a\nb",
        "$1",
    ];
    for value in special {
        let body = json!({ "userName": value, "displayName": value, "externalId": value, "title": value });
        api.create(&body).await;
    }
    let parts =
        ["%", "_", "*", "?", "[", "]", "\\", "\"", "'", "😀", "\n", "$", "100%", "a_", "a*", "a[", "k\\s"];
    for attribute in ["userName", "displayName", "externalId", "title"] {
        for value in special {
            for operator in ["eq", "sw", "ew", "co"] {
                let filter = format!("{attribute} {operator} {}", quoted(value));
                assert_eq!(matching_names(&api, &filter).await, value, "{filter}");
            }
        }
        for part in parts {
            let filter = format!("{attribute} co {}", quoted(part));
            let expected: Vec<_> = special.into_iter().filter(|value| value.contains(part)).collect();
            assert_eq!(matching_names(&api, &filter).await, expected.join(" "), "{filter}");
        }
        for part in ["%", "_", "a_", "a?", "*", "100%", "\\"] {
            let filter = format!("{attribute} sw {}", quoted(part));
            let expected: Vec<_> = special.into_iter().filter(|value| value.starts_with(part)).collect();
            assert_eq!(matching_names(&api, &filter).await, expected.join(" "), "{filter}");
        }
        for part in ["%", "_b", "?b", "*", "\\slash", "]"] {
            let filter = format!("{attribute} ew {}", quoted(part));
            let expected: Vec<_> = special.into_iter().filter(|value| value.ends_with(part)).collect();
            assert_eq!(matching_names(&api, &filter).await, expected.join(" "), "{filter}");
        }
    }
}

async fn string_literals_use_json_escapes(api: Api) {
    for value in ["é", "a/b", "a\tb\nc", "😀", "\\u00e9", "a\"]b", "(", "\u{1}"] {
        api.create(&json!({ "userName": value, "title": value })).await;
    }
    let cases = [
        (r#""\u00e9""#, "é"),
        (r#""\u00E9""#, "é"),
        (r#""é""#, "é"),
        (r#""a\/b""#, "a/b"),
        (r#""a/b""#, "a/b"),
        (r#""a\tb\nc""#, "a\tb\nc"),
        (r#""\ud83d\ude00""#, "😀"),
        (r#""\uD83D\uDE00""#, "😀"),
        (r#""😀""#, "😀"),
        (r#""\\u00e9""#, "\\u00e9"),
        (r#""a\"]b""#, "a\"]b"),
        (r#""(""#, "("),
        (r#""\u0001""#, "\u{1}"),
    ];
    for attribute in ["userName", "title"] {
        for (value, expected) in cases {
            let filter = format!("{attribute} eq {value}");
            assert_eq!(matching_names(&api, &filter).await, expected, "{filter}");
            let filter = format!("({filter} and {attribute} co {value})");
            assert_eq!(matching_names(&api, &filter).await, expected, "{filter}");
        }
    }
}

async fn ids_are_compared_exactly(api: Api) {
    let created = create_people(&api).await;
    let id = text(&created[1]["id"]);
    let (plain, upper) = (id.replace('-', ""), id.to_uppercase());
    assert_ne!(upper, id, "the id has no letters");
    let values = [
        ("{id}", id),
        ("{upper}", &upper),
        ("{plain}", &plain),
        ("{plain start}", &plain[..12]),
        ("{shortened}", &id[..35]),
        ("{end}", &id[8..]),
        ("{unknown}", &uuid::Uuid::now_v7().to_string()),
    ];
    check_terms(&api, &["id"], &section_with_values(TABLE, "ids_are_compared_exactly", &values)).await;
    for length in 1..=36 {
        let start = &id[..length];
        let matching: Vec<_> =
            created.iter().filter(|user| text(&user["id"]).starts_with(start)).cloned().collect();
        let filter = format!("id sw \"{start}\"");
        assert_eq!(matching_names(&api, &filter).await, names(&matching).join(" "), "{filter}");
    }
}

async fn versions_are_compared_as_numbers(api: Api) {
    let created = create_people(&api).await;
    api.patch(&created[1], &json!({ "title": "Rear Admiral" })).await;
    check_filters(&api, &section(TABLE, "versions_are_compared_as_numbers")).await;
    for number in ["9223372036854775808", "-9223372036854775809", "99999999999999999999999999", "1e400"] {
        let response = list_filtered(&api, &format!("version lt {number}")).await;
        assert!(matches!(response.code(), 200 | 400), "{number}: {}", response.text());
    }
}

#[track_caller]
fn moment(user: &Value, attribute: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text(&user[attribute]), &Rfc3339).expect("RFC 3339")
}

async fn times_are_compared_as_instants(api: Api) {
    let created = create_people(&api).await;
    let second = moment(&created[1], "createdAt");
    let offsets = [(0, 0), (5, 30), (-11, 0), (14, 0), (-3, -30)];
    for (hours, minutes) in offsets {
        let offset = UtcOffset::from_hms(hours, minutes, 0).expect("the offset is valid");
        let time = second.to_offset(offset).format(&Rfc3339).expect("the time can be formatted");
        let cases = section_with_values(TABLE, "times_are_compared_as_instants", &[("{time}", &time)]);
        check_terms(&api, &["createdAt"], &cases).await;
    }
    let patched = api.patch(&created[0], &json!({ "title": "new" })).await;
    let (patched_at, last) = (text(&patched["updatedAt"]), text(&created[3]["createdAt"]));
    let values = [("{patched_at}", patched_at), ("{last}", last)];
    check_filters(&api, &section_with_values(TABLE, "creation_and_update_times", &values)).await;
}

/// A time between two microseconds equals neither.
async fn times_are_compared_beyond_microseconds(api: Api) {
    let created = create_people(&api).await;
    let time = text(&created[1]["createdAt"]).trim_end_matches('Z');
    let cases = section_with_values(TABLE, "times_are_compared_beyond_microseconds", &[("{time}", time)]);
    check_terms(&api, &["createdAt"], &cases).await;
}

async fn every_rfc_3339_spelling_is_accepted(api: Api) {
    create_people(&api).await;
    check_filters(&api, &section(TABLE, "every_rfc_3339_spelling_is_accepted")).await;
    // Times at the limits of the format are either compared or rejected.
    for special in ["0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2016-12-31T23:59:60Z"] {
        let response = list_filtered(&api, &format!("createdAt gt \"{special}\"")).await;
        assert!(matches!(response.code(), 200 | 400), "{special}: {}", response.text());
    }
}
