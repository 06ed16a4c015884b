//! Tests of the oracle and the generator without a server.

use crate::oracle::Settings;
use crate::oracle::attribute::{Attribute, Kind, of_elements, of_users};
use crate::oracle::filter::{Filter, Leaf, Path, terms};
use crate::oracle::generate::requests;
use crate::oracle::node::Text;
use crate::oracle::population::bodies;
use crate::oracle::print::{Printed, print};
use crate::oracle::runner::sample;
use crate::oracle::source::Source;
use crate::oracle::term::{Operand, Operator, Term};
use crate::oracle::times;
use crate::oracle::tree::Tree;
use crate::oracle::users::{Sort, SortKey, Users};
use crate::support::table::section;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Four users: Ada has most attributes, Bob hardly any, Cem empty values, and Dee two e-mail addresses.
fn four_users() -> Users {
    let mut users = [
        json!({
            "userName": "Ada", "displayName": "Straße", "externalId": "X-1", "active": true,
            "name": { "familyName": "Lovelace" }, "profileUrl": "https://x.com/A",
            "emails": [{ "value": "ada@x.com", "type": "work", "primary": true }],
            "x509Certificates": [{ "value": "MIID", "primary": false }],
            "enterprise": { "department": "R&D", "manager": { "value": "7", "displayName": "Bob" } },
        }),
        json!({ "userName": "bob", "displayName": null, "active": false, "emails": [], "enterprise": {} }),
        json!({
            "userName": "CEM", "displayName": "cafe\u{301}", "title": "", "active": true,
            "name": { "familyName": "", "givenName": null }, "emails": null,
            "phoneNumbers": [{ "type": "work", "primary": false }],
            "addresses": [{ "formatted": null, "primary": false }],
        }),
        json!({
            "userName": "dee", "displayName": "ada", "externalId": "x-1", "active": true,
            "emails": [
                { "value": "dee@x.com", "type": "home", "display": "Dee", "primary": false },
                { "value": "D@Y.com", "type": "WORK", "primary": false },
            ],
            "addresses": [{ "formatted": "Ada Str. 1", "type": "home", "primary": true }],
        }),
    ];
    for (index, user) in users.iter_mut().enumerate() {
        complete(user, index);
    }
    Users::new(users.to_vec())
}

/// Adds the values that the server assigns, and groups.
fn complete(user: &mut Value, index: usize) {
    let groups =
        (0..index % 3).map(|group| json!({ "value": format!("{group:08}-0000-7000-8000-000000000000") }));
    user["groups"] = groups.collect();
    user["id"] = json!(format!("00000000-0000-7000-8000-{index:012x}"));
    user["version"] = json!(index % 3 + 1);
    user["createdAt"] = json!(format!("2026-01-02T03:04:05.{:06}Z", index + 1));
    user["updatedAt"] = json!(format!("2026-01-02T03:04:05.{:06}Z", 500_000 - index));
}

fn attribute(of: Vec<Attribute>, name: &str) -> Attribute {
    of.into_iter()
        .find(|attribute| attribute.name == name)
        .unwrap_or_else(|| panic!("there is no attribute {name}"))
}

fn term(attribute: Attribute, word: &str, operand: &Value) -> Term {
    let operators = Operator::of(attribute.kind).iter();
    let operator = *operators
        .clone()
        .find(|operator| operator.word() == word)
        .expect("the attribute accepts the operator");
    let operand = match operand {
        Value::Null => Operand::Nothing,
        Value::Bool(flag) => Operand::Flag(*flag),
        Value::Number(number) => Operand::Number(number.as_i64().expect("the number is an integer")),
        Value::String(text) if attribute.kind == Kind::Time => {
            Operand::Time(times::parse(text), text.clone())
        }
        Value::String(text) => Operand::Text(Text::new(text)),
        other => panic!("{other} is not an operand"),
    };
    Term { attribute, operator, operand }
}

/// A filter on an attribute of the user.
fn filter_on(name: &str, word: &str, operand: impl Into<Value>) -> Filter {
    Tree::Leaf(Leaf::Term(term(attribute(of_users(), name), word, &operand.into())))
}

/// A comparison of a sub-attribute of `emails`.
fn email_term(name: &str, word: &str, operand: impl Into<Value>) -> Term {
    term(attribute(of_elements("emails"), name), word, &operand.into())
}

fn email_filter(inner: Tree<Term>, tail: Option<Term>) -> Filter {
    Tree::Leaf(Leaf::Path(Path { list: "emails", inner, tail }))
}

fn not<T>(inner: Tree<T>) -> Tree<T> {
    Tree::Not(Box::new(inner))
}

/// The first letters of the names of the users that a filter finds, in the order of creation.
fn found(filter: &Filter) -> String {
    let sort = Sort { by: SortKey::Id, descending: false };
    letters(&four_users(), filter, sort)
}

fn letters(users: &Users, filter: &Filter, sort: Sort) -> String {
    let name = |user: &Value| {
        user["userName"].as_str().expect("the user has a name").chars().next().expect("the name is not empty")
    };
    users.found(filter, sort).iter().map(|user| name(&user.shown).to_ascii_lowercase()).collect()
}

/// Filters and the users that match them.
const TABLE: &str = include_str!("self_tests.txt");

#[test]
fn terms_find_the_documented_users() {
    for (filter, expected) in section(TABLE, "terms_find_the_documented_users") {
        let mut parts = filter.splitn(3, ' ');
        let (name, operator) = (
            parts.next().expect("the term has an attribute"),
            parts.next().expect("the term has an operator"),
        );
        let operand: Value =
            parts.next().map_or(Value::Null, |json| json.parse().expect("the operand is JSON"));
        assert_eq!(found(&filter_on(name, operator, operand)), expected, "{filter}");
    }
}

#[test]
fn a_value_path_applies_to_one_element() {
    let leaf = Tree::Leaf;
    let work = || leaf(email_term("type", "eq", "work"));
    let at_x = || leaf(email_term("value", "ew", "@x.com"));
    for (filter, expected) in [
        (email_filter(Tree::All(vec![work(), at_x()]), None), "a"),
        (email_filter(Tree::Any(vec![work(), at_x()]), None), "ad"),
        (email_filter(not(at_x()), None), "d"),
        (not(email_filter(at_x(), None)), "bc"),
        (email_filter(leaf(email_term("value", "ne", "dee@x.com")), None), "ad"),
        (email_filter(leaf(email_term("display", "eq", Value::Null)), None), "ad"),
        (email_filter(work(), Some(email_term("value", "ew", "@x.com"))), "a"),
        (email_filter(work(), Some(email_term("value", "ne", "ada@x.com"))), "bcd"),
        (email_filter(work(), Some(email_term("display", "pr", Value::Null))), ""),
        (email_filter(work(), Some(email_term("display", "eq", Value::Null))), "abcd"),
        (
            email_filter(
                leaf(email_term("type", "eq", "home")),
                Some(email_term("display", "ne", Value::Null)),
            ),
            "d",
        ),
    ] {
        assert_eq!(found(&filter), expected, "{}", print(&filter, 0).text);
    }
}

#[test]
fn logical_operators_combine_and_print_correctly() {
    let (a, d) = (|| filter_on("userName", "eq", "ada"), || filter_on("userName", "sw", "d"));
    let active = || filter_on("active", "eq", true);
    for (filter, expected, text) in [
        (
            Tree::Any(vec![d(), Tree::All(vec![a(), active()])]),
            "ad",
            r#"userName sw "d" or userName eq "ada" and active eq true"#,
        ),
        (
            Tree::All(vec![Tree::Any(vec![d(), a()]), not(a())]),
            "d",
            r#"(userName sw "d" or userName eq "ada") and not (userName eq "ada")"#,
        ),
        (
            not(Tree::Bracketed(Box::new(Tree::Any(vec![a(), d()])))),
            "bc",
            r#"not ((userName eq "ada" or userName sw "d"))"#,
        ),
        (
            email_filter(
                Tree::Any(vec![Tree::Leaf(email_term("type", "pr", Value::Null))]),
                Some(email_term("primary", "eq", true)),
            ),
            "a",
            "emails[type pr].primary eq true",
        ),
    ] {
        assert_eq!((found(&filter).as_str(), print(&filter, 0).text.as_str()), (expected, text));
    }
}

#[test]
fn missing_values_sort_last_and_descending_order_is_the_reverse() {
    let all_users = filter_on("userName", "pr", Value::Null);
    for (by, order) in [
        (SortKey::Id, "abcd"),
        (SortKey::UserName, "abcd"),
        (SortKey::DisplayName, "dcab"),
        (SortKey::CreatedAt, "abcd"),
        (SortKey::UpdatedAt, "dcba"),
    ] {
        let up = letters(&four_users(), &all_users, Sort { by, descending: false });
        let down = letters(&four_users(), &all_users, Sort { by, descending: true });
        assert_eq!((up.as_str(), down.chars().rev().collect::<String>().as_str()), (order, order), "{by:?}");
    }
    // Users with equal or missing values are in id order, which is reversed as well.
    let users = Users::new(four_users().all.iter().map(|user| without_display_name(&user.shown)).collect());
    assert_eq!(letters(&users, &all_users, Sort { by: SortKey::DisplayName, descending: true }), "dcba");
}

fn without_display_name(user: &Value) -> Value {
    let mut user = user.clone();
    user["displayName"] = Value::Null;
    user
}

/// The random filters cover every attribute and operator, and most of them find some users but not all.
#[test]
fn random_filters_cover_everything_and_are_selective() {
    let settings = Settings { users: 300, filters: 4_000, seed: 1 };
    let mut users = bodies(settings);
    users.iter_mut().enumerate().for_each(|(index, user)| complete(user, index));
    let users = Arc::new(Users::new(users));
    let requests = sample(&requests(Arc::new(Source::new(Arc::clone(&users)))), 1, settings.filters);
    let sort = Sort { by: SortKey::Id, descending: false };
    let selective = |filter: &Filter| (1..settings.users).contains(&users.found(filter, sort).len());
    let selective: Vec<_> = requests.iter().filter(|request| selective(&request.filter)).collect();
    assert!(selective.len() * 2 > requests.len(), "{} of {}", selective.len(), requests.len());
    let covered = || selective.iter().flat_map(|request| terms(&request.filter));
    let names: BTreeSet<_> = covered().map(|term| term.attribute.name.as_str()).collect();
    let pairs: BTreeSet<_> = covered().map(|term| (term.attribute.kind, term.operator)).collect();
    for Attribute { name, kind, .. } in of_users() {
        assert!(names.contains(name.as_str()), "{name}");
        for operator in Operator::of(kind) {
            assert!(pairs.contains(&(kind, *operator)), "{kind:?} {operator:?}");
        }
    }
    let printed: Vec<_> = requests.iter().map(|request| request.printed()).collect();
    let highest = |of: fn(&Printed) -> usize| printed.iter().map(of).max().expect("there are filters");
    assert_eq!(highest(|printed| printed.depth), 16);
    assert!(highest(|printed| printed.terms) > 90, "{}", highest(|printed| printed.terms));
}
