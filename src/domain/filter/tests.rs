use super::*;
use crate::domain::schema::{GROUPS, USERS, Vocabulary};
use proptest::prelude::*;
use std::ops::Bound::{Excluded, Included, Unbounded};

fn parse(text: &str) -> Result<Filter, InvalidFilter> {
    Filter::parse(text, &USERS, Vocabulary::Native)
}

fn is(path: &[&'static str], test: Test) -> Filter {
    Filter::Is(path.to_vec(), test)
}

fn equal(text: &str) -> Test {
    Test::Equal(Value::Text(text.to_owned()))
}

fn title(text: &str) -> Filter {
    is(&["title"], equal(text))
}

fn element(list: &'static str, test: Filter) -> Filter {
    Filter::Element { list, test: Box::new(test) }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

#[test]
fn not_binds_before_and_and_and_before_or() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(title);
    assert_eq!(
        parse(r#"title eq "A" or title eq "b" and not(title eq "c") or title eq "d""#),
        Ok(Filter::Any(vec![a.clone(), Filter::All(vec![b.clone(), not(c.clone())]), d]))
    );
    assert_eq!(
        parse(r#"(title eq "a" OR (title eq "b")) And title EQ "c""#),
        Ok(Filter::All(vec![Filter::Any(vec![a, b]), c]))
    );
}

#[test]
fn lists_are_compared_by_value_and_value_paths_match_one_element() {
    let value = || is(&["value"], equal("a@x"));
    let work = || is(&["type"], equal("work"));
    assert_eq!(parse(r#"emails eq "A@x""#), Ok(element("emails", value())));
    assert_eq!(parse(r#"emails.value ne "A@x""#), Ok(not(element("emails", value()))));
    assert_eq!(parse("emails pr"), Ok(element("emails", Filter::All(vec![]))));
    assert_eq!(parse("emails eq null"), Ok(not(element("emails", Filter::All(vec![])))));
    let both = || element("emails", Filter::All(vec![work(), value()]));
    assert_eq!(parse(r#"emails[type eq "work" and value eq "a@X"]"#), Ok(both()));
    assert_eq!(parse(r#"emails[type eq "work"].value eq "a@x""#), Ok(both()));
    assert_eq!(parse(r#"emails[type eq "work"].value ne "a@x""#), Ok(not(both())));
    assert_eq!(
        parse(r#"enterprise.manager eq "M""#),
        Ok(is(&["enterprise", "manager", "value"], equal("m")))
    );
}

#[test]
fn memberships_are_lists_of_ids() {
    let id = Uuid::from_u128(7);
    let has_id = || is(&["value"], Test::Equal(Value::Id(id)));
    for text in ["groups eq ", "Groups.VALUE eq ", "urn:ietf:params:scim:schemas:core:2.0:User:groups eq "] {
        assert_eq!(parse(&format!("{text}\"{id}\"")), Ok(element("groups", has_id())), "{text}");
    }
    assert_eq!(parse(&format!("groups ne \"{id}\"")), Ok(not(element("groups", has_id()))));
    assert_eq!(parse("groups pr"), Ok(element("groups", Filter::All(vec![]))));
    let of_groups = |text: &str| Filter::parse(text, &GROUPS, Vocabulary::Native);
    assert_eq!(of_groups(&format!("members[value eq \"{id}\"]")), Ok(element("members", has_id())));
    assert_eq!(of_groups("members eq \"x\""), Ok(element("members", is(&["value"], Test::Never))));
    assert_eq!(
        of_groups("memberCount gt 7"),
        Ok(is(&["memberCount"], Test::Within(Excluded(Value::Integer(7)), Unbounded)))
    );
    let error = of_groups("title pr").unwrap_err();
    assert_eq!((error.position, error.detail.as_str()), (1, "'title' is not an attribute of groups"));
}

#[test]
fn ranges_of_the_same_value_are_merged() {
    let within = Test::Within(Excluded(Value::Integer(1)), Included(Value::Integer(5)));
    assert_eq!(
        parse("version gt 1 and title pr and version le 5 and version ge 1"),
        Ok(Filter::All(vec![is(&["version"], within), is(&["title"], Test::Present)]))
    );
}

#[test]
fn prefixes_become_ranges() {
    let range = |from: &str, to: Option<&str>| {
        let text = |text: &str| Value::Text(text.to_owned());
        Test::Within(Included(text(from)), to.map_or(Unbounded, |to| Excluded(text(to))))
    };
    for (prefix, from, to) in [
        ("Ad", "ad", Some("ae")),
        ("\u{d7ff}", "\u{d7ff}", Some("\u{e000}")),
        ("a\u{10ffff}", "a\u{10ffff}", Some("b")),
        ("\u{10ffff}", "\u{10ffff}", None),
        ("", "", None),
    ] {
        assert_eq!(parse(&format!("title sw \"{prefix}\"")), Ok(is(&["title"], range(from, to))));
    }
}

#[test]
fn times_are_exact_to_the_nanosecond() {
    let at = |micros: i64| Value::Integer(1_767_323_045_000_000 + micros);
    let time = |operator: &str, fraction: &str| match parse(&format!(
        r#"createdAt {operator} "2026-01-02T05:04:05{fraction}+02:00""#
    )) {
        Ok(Filter::Is(_, test)) => test,
        other => panic!("{other:?}"),
    };
    assert_eq!(time("eq", ".000001"), Test::Equal(at(1)));
    assert_eq!(time("eq", ".0000015"), Test::Never);
    assert_eq!(time("eq", ".000001000000"), Test::Equal(at(1)));
    assert_eq!(time("eq", ".000001000001"), Test::Never);
    assert_eq!(time("ge", ".000001000001"), Test::Within(Excluded(at(1)), Unbounded));
    assert_eq!(time("gt", ".0000015"), Test::Within(Excluded(at(1)), Unbounded));
    assert_eq!(time("ge", ".0000015"), Test::Within(Excluded(at(1)), Unbounded));
    assert_eq!(time("lt", ".0000015"), Test::Within(Unbounded, Included(at(1))));
    assert_eq!(time("lt", ".000001"), Test::Within(Unbounded, Excluded(at(1))));
    assert_eq!(time("le", ""), Test::Within(Unbounded, Included(at(0))));
}

#[test]
fn errors_have_positions() {
    for (text, position, detail) in [
        ("", 1, "expected the name of an attribute, found the end"),
        ("title", 6, "expected an operator, found the end"),
        ("title eq", 9, "a string in double quotes"),
        ("title is \"a\"", 7, "'is' is not an operator"),
        ("title eq a", 10, "found 'a'"),
        ("title eq 'a'", 10, "a string in double quotes"),
        ("title eq \"é\" and x pr", 18, "'x' is not an attribute of users"),
        ("title eq \"a", 10, "the string is not terminated"),
        ("title eq \"\\x\"", 10, "not a valid JSON string"),
        ("title eq \"\\u0000\"", 10, "U+0000"),
        ("title eq \"a\" \"b\"", 14, "'and', 'or' or the end"),
        ("title eq \"a\" and", 17, "the name of an attribute"),
        ("(title pr", 10, "'and', 'or' or ')'"),
        ("title pr)", 9, "'and', 'or' or the end"),
        ("not title pr", 5, "'(' after 'not'"),
        ("active gt true", 8, "active supports only the operators eq, ne and pr"),
        ("active eq \"true\"", 11, "active must be compared with true or false"),
        ("title eq 7", 10, "title must be compared with a string"),
        ("title gt null", 10, "null supports only the operators eq and ne"),
        ("version eq 1.5", 12, "version must be compared with an integer"),
        ("createdAt gt \"2026-01-02\"", 14, "an RFC 3339 time, such as"),
        ("createdAt co \"2026\"", 11, "createdAt supports only the operators"),
        ("x509Certificates gt \"a\"", 18, "value supports only the operators"),
        ("name eq \"a\"", 1, "name has no value; specify one of its sub-attributes"),
        ("addresses eq \"a\"", 1, "addresses has no value"),
        ("custom pr", 1, "cannot be filtered by custom"),
        ("name[givenName pr]", 5, "must follow the name of a list"),
        ("emails[value[type pr]]", 13, "must not be inside another"),
        ("emails[x pr]", 8, "'x' is not an attribute of emails"),
        ("emails[]", 8, "the name of an attribute"),
        ("emails[type pr].x pr", 16, "'x' is not an attribute of emails"),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.detail.contains(detail), "{text}: {error}");
    }
}

#[test]
fn limits_are_enforced() {
    let long = |length: usize| format!("title eq \"{}\"", "a".repeat(length - 11));
    assert!(parse(&long(LENGTH_LIMIT)).is_ok());
    assert_eq!(parse(&long(LENGTH_LIMIT + 1)).unwrap_err().position, LENGTH_LIMIT + 1);
    let deep = |depth: usize| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&deep(DEPTH_LIMIT)).is_ok());
    assert_eq!(parse(&deep(DEPTH_LIMIT + 1)).unwrap_err().position, DEPTH_LIMIT + 1);
    let siblings = vec!["(title pr)"; 20].join(" and ");
    assert!(parse(&siblings).is_ok(), "adjacent parentheses are not nested");
    let many = |terms: usize| vec!["title pr"; terms].join(" or ");
    assert!(parse(&many(TERM_LIMIT)).is_ok());
    assert_eq!(parse(&many(TERM_LIMIT + 1)).unwrap_err().position, TERM_LIMIT * 12 + 1);
}

fn passes(test: &Test, id: Uuid) -> bool {
    let id = Value::Id(id);
    match test {
        Test::Never => false,
        Test::Equal(value) => *value == id,
        Test::Within(from, to) => (from.clone(), to.clone()).contains(&id),
        other => panic!("{other:?}"),
    }
}

use std::ops::RangeBounds;

fn near_ids() -> impl Strategy<Value = (Uuid, String)> {
    let near = (any::<u128>(), 0usize..38, "[0-9a-gA-F\\-~!]{0,3}");
    near.prop_map(|(id, keep, then)| {
        let id = Uuid::from_u128(id);
        let text: String = id.to_string().chars().take(keep).collect();
        (id, text + &then)
    })
}

proptest! {
    #[test]
    fn ids_compare_like_their_texts((id, text) in near_ids(), other in any::<u128>(), near in -2i128..=2) {
        for id in [id, Uuid::from_u128(other), Uuid::from_u128(id.as_u128().wrapping_add_signed(near))] {
            let shown = id.to_string();
            prop_assert_eq!(passes(&ids::equal(&text), id), shown == text);
            prop_assert_eq!(passes(&ids::after(&text, false), id), shown > text);
            prop_assert_eq!(passes(&ids::after(&text, true), id), shown >= text);
            prop_assert_eq!(passes(&ids::before(&text, false), id), shown < text);
            prop_assert_eq!(passes(&ids::before(&text, true), id), shown <= text);
            prop_assert_eq!(passes(&ids::starts_with(&text), id), shown.starts_with(&text));
        }
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in any::<String>()) {
        drop(parse(&text));
    }

    #[test]
    fn arbitrary_tokens_do_not_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", "[", "]", "not", "and", "or", "title", "emails", "emails.type", "eq", "ne", "pr", "gt", "co",
                "\"a\"", "\"", "\\", "true", "null", "1", "-1e9999", ".value", ".", "value", "createdAt", "é", "\0",
            ]),
            0..1_500,
        ),
        glue in prop::sample::select(vec!["", " ", "  "]),
    ) {
        let text = words.join(glue);
        if let Err(error) = parse(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.position), "{error}");
        }
    }
}

#[test]
fn a_value_filter_is_parsed_up_to_its_closing_bracket() {
    let emails = crate::domain::attribute::USER.iter().find(|attribute| attribute.name == "emails").unwrap();
    let text = r#"[type eq "Wo]rk" and value ew "@x"].value"#;
    let value_filter = ValueFilter::parse(text, emails, Literals::Typed).unwrap();
    assert_eq!(value_filter.strings, ["Wo]rk", "@x"]);
    assert_eq!(value_filter.rest, ".value");
    let test =
        Filter::All(vec![is(&["type"], equal("wo]rk")), is(&["value"], Test::EndsWith("@x".to_owned()))]);
    assert_eq!(value_filter.filter, test);
    for text in ["[", "[]", "[type eq \"a\"", "[emails.type pr]", "[type pr]\"", "[x pr]"] {
        assert!(ValueFilter::parse(text, emails, Literals::Typed).is_err(), "{text}");
    }
}
