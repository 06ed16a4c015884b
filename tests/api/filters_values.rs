//! Filters (`GET /users?filter=`): how values of each type compare.

use crate::api::filters::create_people;
use crate::api::query::{check_filters, matching_names, names, quoted, users_target};
use crate::support::api::{Api, text};
use crate::support::http::Answer;
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
    booleans_support_equality
    ids_are_compared_exactly
    versions_are_compared_as_numbers
    times_are_compared_as_instants
    times_are_compared_beyond_microseconds
    every_rfc_3339_spelling_is_accepted
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
    let cases = [
        (r#"eq "Abc""#, "1"),
        (r#"eq "aBC""#, ""),
        (r#"ne "Abc""#, "2 3"),
        (r#"sw "Ab""#, "1"),
        (r#"sw "ab""#, "2"),
        (r#"sw "A""#, "1 3"),
        (r#"co "b""#, "1 2"),
        (r#"co "BD""#, "3"),
        (r#"ew "c""#, "1 2"),
        (r#"ew "C""#, ""),
        (r#"gt "ABD""#, "1 2"),
        (r#"ge "Abc""#, "1 2"),
        (r#"lt "Abc""#, "3"),
        (r#"le "Abc""#, "1 3"),
    ];
    for attribute in ["externalId", "profileUrl", "photos.value", "photos"] {
        for (term, expected) in cases {
            let filter = format!("{attribute} {term}");
            assert_eq!(matching_names(&api, &filter).await, expected, "{filter}");
        }
    }
    let body = json!({ "userName": "4", "x509Certificates": [{ "value": "MIIAbcde" }] });
    api.create(&body).await;
    let cases = [
        (r#"x509Certificates.value eq "MIIAbcde""#, "4"),
        (r#"x509Certificates.value eq "miiabcde""#, ""),
        (r#"x509Certificates.value sw "MII""#, "4"),
        (r#"x509Certificates.value sw "mii""#, ""),
        (r#"x509Certificates.value co "bcd""#, "4"),
        (r#"x509Certificates.value ew "DE""#, ""),
        (r#"x509Certificates[value eq "MIIAbcde"]"#, "4"),
    ];
    check_filters(&api, &cases).await;
}

/// The order is that of folded code points, not of a language: accented letters follow z, and emoji follow the BMP.
async fn strings_are_ordered_by_code_point(api: Api) {
    for value in ["Zoe", "Émile", "～", "😀", "a-b", "AB"] {
        api.create(&json!({ "userName": value, "displayName": value, "title": value })).await;
    }
    let cases = [
        (r#"gt "z""#, "Zoe Émile ～ 😀"),
        (r#"gt "ZZ""#, "Émile ～ 😀"),
        (r#"gt "～""#, "😀"),
        (r#"ge "～""#, "～ 😀"),
        (r#"lt "～""#, "Zoe Émile a-b AB"),
        (r#"le "zoe""#, "Zoe a-b AB"),
        (r#"lt "ab""#, "a-b"),
        (r#"gt "A-B""#, "Zoe Émile ～ 😀 AB"),
        (r#"gt "😀""#, ""),
    ];
    for attribute in ["userName", "displayName", "title"] {
        for (term, expected) in cases {
            let filter = format!("{attribute} {term}");
            assert_eq!(matching_names(&api, &filter).await, expected, "{filter}");
        }
    }
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

async fn booleans_support_equality(api: Api) {
    create_people(&api).await;
    let cases = [
        ("active eq true", "Ada alan bob"),
        ("active eq false", "grace"),
        ("active ne true", "grace"),
        ("active ne false", "Ada alan bob"),
        ("not (active eq true)", "grace"),
        ("emails.primary eq true", "Ada grace"),
        ("emails.primary eq false", "Ada grace"),
        // `ne` also matches users without an element.
        ("emails.primary ne true", "alan bob"),
        ("addresses.primary ne true", "Ada grace alan bob"),
        ("addresses.primary eq true", ""),
        ("addresses[primary ne true]", "Ada grace"),
        ("emails.primary pr", "Ada grace"),
    ];
    check_filters(&api, &cases).await;
}

async fn ids_are_compared_exactly(api: Api) {
    let created = create_people(&api).await;
    let all = "Ada grace alan bob";
    let id = text(&created[1]["id"]);
    let (plain, upper) = (id.replace('-', ""), id.to_uppercase());
    assert_ne!(upper, id, "an id of digits only");
    let cases = [
        (format!("eq \"{id}\""), "grace"),
        (format!("ne \"{id}\""), "Ada alan bob"),
        (format!("gt \"{id}\""), "alan bob"),
        (format!("ge \"{id}\""), "grace alan bob"),
        (format!("lt \"{id}\""), "Ada"),
        (format!("le \"{id}\""), "Ada grace"),
        (format!("sw \"{id}\""), "grace"),
        (format!("ew \"{}\"", &id[8..]), "grace"),
        ("co \"-7\"".to_owned(), all),
        ("sw \"\"".to_owned(), all),
        // Ids are compared exactly, with any string.
        (format!("eq \"{upper}\""), ""),
        (format!("sw \"{upper}\""), ""),
        (format!("ne \"{upper}\""), all),
        (format!("eq \"{plain}\""), ""),
        (format!("sw \"{}\"", &plain[..12]), ""),
        (format!("eq \"{{{id}}}\""), ""),
        (format!("eq \" {id}\""), ""),
        (format!("eq \"{id}0\""), ""),
        (format!("sw \"{id}0\""), ""),
        (format!("eq \"{}\"", &id[..35]), ""),
        ("eq \"\"".to_owned(), ""),
        ("eq \"garbage\"".to_owned(), ""),
        ("eq \"\\u00e9\"".to_owned(), ""),
        ("ne \"garbage\"".to_owned(), all),
        ("sw \"garbage\"".to_owned(), ""),
        ("sw \"%\"".to_owned(), ""),
        ("lt \"garbage\"".to_owned(), all),
        ("ge \"garbage\"".to_owned(), ""),
        (format!("eq \"{}\"", uuid::Uuid::now_v7()), ""),
    ];
    for (term, expected) in cases {
        check_filters(&api, &[(&format!("id {term}"), expected)]).await;
    }
    for length in 1..=36 {
        let beginning = &id[..length];
        let with_it: Vec<_> =
            created.iter().filter(|user| text(&user["id"]).starts_with(beginning)).cloned().collect();
        let filter = format!("id sw \"{beginning}\"");
        assert_eq!(matching_names(&api, &filter).await, names(&with_it).join(" "), "{filter}");
    }
}

async fn versions_are_compared_as_numbers(api: Api) {
    let created = create_people(&api).await;
    api.patch(&created[1], &json!({ "title": "Rear Admiral" })).await;
    let all = "Ada grace alan bob";
    let cases = [
        ("version eq 2", "grace"),
        ("version ne 2", "Ada alan bob"),
        ("version gt 1", "grace"),
        ("version ge 1", all),
        ("version lt 2", "Ada alan bob"),
        ("version le 1", "Ada alan bob"),
        ("version eq 0", ""),
        ("version gt -1", all),
        ("version le 9007199254740993", all),
        ("not (version gt 1)", "Ada alan bob"),
    ];
    check_filters(&api, &cases).await;
    for number in ["9223372036854775808", "-9223372036854775809", "99999999999999999999999999", "1e400"] {
        let response = filtered(&api, &format!("version lt {number}")).await;
        assert!(matches!(response.code(), 200 | 400), "{number}: {}", response.text());
    }
}

async fn filtered(api: &Api, filter: &str) -> Answer {
    api.client.get(&users_target(&[("filter", filter)])).send().await
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
        let offset = UtcOffset::from_hms(hours, minutes, 0).expect("an offset");
        let spelled = second.to_offset(offset).format(&Rfc3339).expect("a time of this century");
        let cases = [
            ("eq", "grace"),
            ("ne", "Ada alan bob"),
            ("gt", "alan bob"),
            ("ge", "grace alan bob"),
            ("lt", "Ada"),
            ("le", "Ada grace"),
        ];
        for (operator, expected) in cases {
            check_filters(&api, &[(&format!("createdAt {operator} \"{spelled}\""), expected)]).await;
        }
    }
    let patched = api.patch(&created[0], &json!({ "title": "new" })).await;
    let (patched_at, last) = (text(&patched["updatedAt"]), text(&created[3]["createdAt"]));
    let cases = [
        (format!("updatedAt eq \"{patched_at}\""), "Ada"),
        (format!("updatedAt gt \"{last}\""), "Ada"),
        (format!("updatedAt le \"{last}\""), "grace alan bob"),
        (format!("createdAt ge \"{patched_at}\""), ""),
        (format!("createdAt lt \"{patched_at}\" and updatedAt ge \"{patched_at}\""), "Ada"),
    ];
    for (filter, expected) in cases {
        check_filters(&api, &[(&filter, expected)]).await;
    }
}

/// A time between two microseconds equals neither.
async fn times_are_compared_beyond_microseconds(api: Api) {
    let created = create_people(&api).await;
    let spelled = text(&created[1]["createdAt"]).trim_end_matches('Z');
    let cases = [
        ("eq", "000Z", "grace"),
        ("gt", "000000Z", "alan bob"),
        ("eq", "5Z", ""),
        ("ne", "5Z", "Ada grace alan bob"),
        ("gt", "5Z", "alan bob"),
        ("ge", "5Z", "alan bob"),
        ("lt", "5Z", "Ada grace"),
        ("le", "5Z", "Ada grace"),
        ("eq", "001Z", ""),
        ("lt", "001Z", "Ada grace"),
        ("ge", "999Z", "alan bob"),
    ];
    for (operator, digits, expected) in cases {
        check_filters(&api, &[(&format!("createdAt {operator} \"{spelled}{digits}\""), expected)]).await;
    }
}

async fn every_rfc_3339_spelling_is_accepted(api: Api) {
    create_people(&api).await;
    let all = "Ada grace alan bob";
    let cases = [
        (r#"createdAt gt "2020-02-29T00:00:00Z""#, all),
        (r#"createdAt gt "2020-02-29T23:59:59.9Z""#, all),
        (r#"createdAt gt "2020-02-29t23:59:59z""#, all),
        (r#"createdAt gt "2020-02-29T23:59:59-00:00""#, all),
        (r#"createdAt lt "9999-12-31T23:59:59.999999Z""#, all),
        (r#"createdAt gt "0000-01-01T00:00:00Z""#, all),
        (r#"createdAt gt "1969-12-31T23:59:59.5Z""#, all),
        (r#"createdAt lt "1969-12-31T23:59:59.5Z""#, ""),
        (r#"createdAt gt "2020-02-29T23:59:59\u005a""#, all),
    ];
    check_filters(&api, &cases).await;
    // Times at the limits of the format are either compared or rejected.
    for special in ["0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2016-12-31T23:59:60Z"] {
        let response = filtered(&api, &format!("createdAt gt \"{special}\"")).await;
        assert!(matches!(response.code(), 200 | 400), "{special}: {}", response.text());
    }
}
