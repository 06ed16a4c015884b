//! Filters on `custom`: random filters on random values of every JSON type find what a simple evaluator finds.

use crate::oracle::Settings;
use crate::oracle::runner::each;
use crate::support::api::Api;
use crate::support::http::Client;
use crate::support::percent_encoded;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use roster::domain::json::parse;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The names of values in `custom`, as filters name them.
const PATHS: &[&str] = &[
    "plan", "PLAN", "n", "tags", "a", "a.b", "a.b.c", "2024", "$ref", "a-b", "über", "*", "none", "plan.x",
    "tags.0",
];
const OPERATORS: &[&str] = &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"];
const USERS: usize = 60;

/// The scalars in `custom` and in filters, as JSON.
const SCALARS: &[&str] = &[
    "\"pro\"",
    "\"Pro\"",
    "\"pro plan\"",
    "\"\"",
    "\"5\"",
    "\"true\"",
    "\"null\"",
    "\"é\"",
    "\"e\u{301}\"",
    "\"a\\\"b\"",
    "\"a\\\\b\"",
    "\"\\t\"",
    "\"🦀\"",
    "\"\u{ffff}\"",
    "\"%\"",
    "\"[]\"",
    "true",
    "false",
    "null",
    "0",
    "-0.0",
    "1",
    "1.0",
    "5",
    "50e-1",
    "1.5",
    "0.1",
    "0.30000000000000004",
    "-3",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551615",
    "-9223372036854775808",
    "1e300",
    "1.7976931348623157e308",
    "5e-324",
];

/// A filter as a tree.
#[derive(Clone, Debug)]
enum Tree {
    Term(&'static str, &'static str, &'static str),
    Active,
    Not(Box<Tree>),
    Both(Box<Tree>, Box<Tree>),
    Either(Box<Tree>, Box<Tree>),
}

#[derive(Clone)]
struct Case {
    client: Client,
    users: Arc<Vec<Value>>,
    tree: Tree,
}

/// Creates users and sends random filters.
pub(crate) async fn check_random(api: Api, settings: Settings) {
    let mut rng = XorShiftRng::seed_from_u64(settings.seed);
    let mut users = Vec::new();
    for number in 0..USERS {
        let body = json!({ "userName": format!("u{number}"), "active": rng.random_ratio(1, 2), "custom": custom(&mut rng) });
        users.push(api.create(&body).await);
    }
    let users = Arc::new(users);
    let case = |tree| Case { client: api.client.clone(), users: Arc::clone(&users), tree };
    let cases: Vec<_> = (0..settings.filters / 2).map(|_| case(tree(&mut rng, 2))).collect();
    let found = each(cases, Case::check).await;
    let selective = found.iter().filter(|found| (1..USERS).contains(*found)).count();
    assert!(selective * 4 > found.len(), "only {selective} filters find some users but not all");
}

fn pick<T: Copy>(rng: &mut XorShiftRng, from: &[T]) -> T {
    *from.choose(rng).expect("the list is not empty")
}

fn scalar(rng: &mut XorShiftRng) -> Value {
    serde_json::from_str(pick(rng, SCALARS)).expect("the scalar is JSON")
}

fn value(rng: &mut XorShiftRng, depth: u32) -> Value {
    match rng.random_range(0..10) {
        0 => (0..rng.random_range(0..4)).map(|_| scalar(rng)).collect(),
        1 => json!([[scalar(rng)], { "b": scalar(rng) }]),
        2 if depth > 0 => json!({ "b": value(rng, depth - 1), "c": value(rng, depth - 1) }),
        3 => pick(rng, &["{}", "[]", "null"]).parse().expect("the value is JSON"),
        _ => scalar(rng),
    }
}

fn custom(rng: &mut XorShiftRng) -> Map<String, Value> {
    let mut custom = Map::new();
    for name in ["plan", "n", "tags", "2024", "$ref", "a-b", "über", "*", "a.b", "PLAN"] {
        if rng.random_ratio(2, 3) {
            custom.insert(name.to_owned(), value(rng, 1));
        }
    }
    if rng.random_ratio(2, 3) {
        custom.insert("a".to_owned(), json!({ "b": value(rng, 2) }));
    }
    custom
}

fn tree(rng: &mut XorShiftRng, depth: u32) -> Tree {
    let inner = |rng: &mut XorShiftRng| Box::new(tree(rng, depth - 1));
    match rng.random_range(0..if depth == 0 { 6 } else { 9 }) {
        6 => Tree::Not(inner(rng)),
        7 => Tree::Both(inner(rng), inner(rng)),
        8 => Tree::Either(inner(rng), inner(rng)),
        0 => Tree::Active,
        _ => term(rng),
    }
}

/// A term whose operator accepts its operand.
fn term(rng: &mut XorShiftRng) -> Tree {
    let (path, operator) = (pick(rng, PATHS), pick(rng, OPERATORS));
    loop {
        let operand = pick(rng, SCALARS);
        let is_accepted = match (operator, operand.as_bytes()[0]) {
            ("eq" | "ne" | "pr", _) | (_, b'"') => true,
            ("gt" | "ge" | "lt" | "le", first) => first.is_ascii_digit() || first == b'-',
            _ => false,
        };
        if is_accepted {
            return Tree::Term(path, operator, operand);
        }
    }
}

impl Case {
    /// Returns the number of users that both find.
    async fn check(self) -> Result<usize, String> {
        let filter = self.tree.print();
        let target = format!("/users?limit=500&filter={}", percent_encoded(&filter));
        let page = self.client.get(&target).send().await.expect(200).json();
        let found: Vec<_> = page["items"].as_array().expect("the value is a list").iter().collect();
        let expected: Vec<_> = self.users.iter().filter(|user| self.tree.holds(user)).collect();
        if found == expected {
            return Ok(found.len());
        }
        let differing = self.users.iter().filter(|user| found.contains(user) != expected.contains(user));
        let shown: Vec<_> = differing.take(3).map(|user| user["custom"].to_string()).collect();
        Err(format!("{filter}\nfinds {} of {}: {}", found.len(), expected.len(), shown.join("\n")))
    }
}

impl Tree {
    fn print(&self) -> String {
        match self {
            Self::Term(path, "pr", _) => format!("custom.{path} pr"),
            Self::Term(path, operator, operand) => format!("Custom.{path} {operator} {operand}"),
            Self::Active => "active eq true".to_owned(),
            Self::Not(inner) => format!("not ({})", inner.print()),
            Self::Both(one, other) => format!("({}) and ({})", one.print(), other.print()),
            Self::Either(one, other) => format!("({}) or ({})", one.print(), other.print()),
        }
    }

    fn holds(&self, user: &Value) -> bool {
        match self {
            Self::Term(path, operator, operand) => {
                let value =
                    path.split('.').try_fold(&user["custom"], |value, name| value.as_object()?.get(name));
                holds(value.unwrap_or(&Value::Null), operator, operand)
            }
            Self::Active => user["active"] == true,
            Self::Not(inner) => !inner.holds(user),
            Self::Both(one, other) => one.holds(user) && other.holds(user),
            Self::Either(one, other) => one.holds(user) || other.holds(user),
        }
    }
}

fn holds(value: &Value, operator: &str, operand: &str) -> bool {
    let is_present = ![json!(null), json!(""), json!([]), json!({})].contains(value);
    let operand = parse(operand.as_bytes()).expect("the operand is JSON");
    let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let any = |operator| elements.iter().any(|element| passes(element, operator, &operand));
    match (operator, &operand) {
        ("pr", _) | ("ne", Value::Null) => is_present,
        ("eq", Value::Null) => !is_present,
        ("ne", _) => !any("eq"),
        (operator, _) => any(operator),
    }
}

fn passes(value: &Value, operator: &str, operand: &Value) -> bool {
    match (operator, value, operand) {
        ("eq", ..) => value == operand,
        ("co", Value::String(value), Value::String(part)) => value.contains(part),
        ("sw", Value::String(value), Value::String(part)) => value.starts_with(part),
        ("ew", Value::String(value), Value::String(part)) => value.ends_with(part),
        ("ge", ..) => value == operand || passes(value, "gt", operand),
        ("le", ..) => value == operand || passes(value, "lt", operand),
        ("gt", Value::String(value), Value::String(bound)) => value > bound,
        ("lt", Value::String(value), Value::String(bound)) => value < bound,
        ("gt", Value::Number(value), Value::Number(bound)) => value.as_f64() > bound.as_f64(),
        ("lt", Value::Number(value), Value::Number(bound)) => value.as_f64() < bound.as_f64(),
        _ => false,
    }
}
