//! Takes the operands of random filters from the values of users, so that most filters find some users.

use crate::oracle::attribute::{Attribute, Kind, LISTS, of_elements, of_users};
use crate::oracle::filter::{Leaf, Path};
use crate::oracle::generate::{
    Case, Change, LeafRecipe, OperandRecipe, Part, TermRecipe, TimeRecipe, ValueRecipe,
};
use crate::oracle::node::{Node, Text};
use crate::oracle::term::{Operand, Operator, Term};
use crate::oracle::times;
use crate::oracle::users::Users;
use icu_normalizer::DecomposingNormalizer;
use proptest::sample::Index;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Strings that few users have.
const UNUSUAL: &[&str] = &[
    "zzz",
    "",
    "a",
    "A",
    "%",
    "_",
    "\\",
    "\"",
    "'",
    " ",
    "@",
    "s",
    "ß",
    "ẞ",
    "İ",
    "i",
    "ı",
    "é",
    "e",
    "\u{301}",
    "\u{307}",
    "%a%",
    "a_b",
    "[a]",
    "\u{e000}",
    "\u{10ffff}",
    "0",
    "ffffffff-ffff-7fff-bfff-ffffffffffff",
];

/// Times at the limits of RFC 3339.
const EXTREME_TIMES: &[&str] = &[
    "1970-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59.999999999Z",
];

/// Integers that are not versions.
const NUMBERS: &[i64] = &[0, -1, i64::MAX, i64::MIN];

/// Turns recipes into terms.
#[derive(Debug)]
pub(crate) struct Source {
    users: Arc<Users>,
    of_users: Vec<Attribute>,
    of_elements: BTreeMap<&'static str, Vec<Attribute>>,
}

impl Source {
    pub(crate) fn new(users: Arc<Users>) -> Self {
        let of_elements = LISTS.iter().map(|(list, _)| (*list, of_elements(list))).collect();
        Self { users, of_users: of_users(), of_elements }
    }

    /// The leaf for a recipe. Its operands come from the user `model`, unless the recipe names another user.
    pub(crate) fn leaf(&self, recipe: LeafRecipe, model: Index) -> Leaf {
        match recipe {
            LeafRecipe::Term(recipe) => Leaf::Term(self.term(None, &recipe, model)),
            LeafRecipe::Path { list, inner, tail } => {
                let (list, _) = LISTS[list.index(LISTS.len())];
                let term = |recipe: TermRecipe| self.term(Some(list), &recipe, model);
                Leaf::Path(Path { list, inner: inner.map(&term), tail: tail.map(term) })
            }
        }
    }

    fn term(&self, list: Option<&str>, recipe: &TermRecipe, model: Index) -> Term {
        let attributes = list.map_or(&self.of_users, |list| &self.of_elements[list]);
        let attribute = attributes[recipe.attribute.index(attributes.len())].clone();
        let operators = Operator::of(attribute.kind);
        let operator = operators[recipe.operator.index(operators.len())];
        let path: Vec<_> = list.map(str::to_owned).into_iter().chain(attribute.value_path.clone()).collect();
        let operand = match operator {
            Operator::Present => Operand::Nothing,
            Operator::Equal | Operator::NotEqual if recipe.operand.null => Operand::Nothing,
            _ => {
                let recipe = &recipe.operand;
                self.operand(attribute.kind, operator, recipe, self.value(&path, &recipe.value, model))
            }
        };
        Term { attribute, operator, operand }
    }

    /// A value at a path: of the model user or the user that the recipe names, or else of the next user that has one.
    fn value(&self, path: &[String], recipe: &ValueRecipe, model: Index) -> Option<&Node> {
        let all = &self.users.all;
        let first = recipe.other_user.unwrap_or(model).index(all.len());
        let users = all.iter().cycle().skip(first).take(all.len());
        let values = users.map(|user| values(&user.node, path)).find(|values| !values.is_empty())?;
        values.get(recipe.which.index(values.len())).copied()
    }

    fn operand(
        &self,
        kind: Kind,
        operator: Operator,
        recipe: &OperandRecipe,
        value: Option<&Node>,
    ) -> Operand {
        match (kind, value) {
            (Kind::Complex, _) => Operand::Nothing,
            (Kind::Boolean, _) => Operand::Flag(recipe.flag),
            (Kind::Number, Some(Node::Number(number))) if !recipe.is_unusual() => Operand::Number(*number),
            (Kind::Number, _) => Operand::Number(NUMBERS[recipe.value.unusual.index(NUMBERS.len())]),
            (Kind::Time, Some(Node::Time(at))) if !recipe.is_unusual() => {
                time(at + recipe.time.shift, &recipe.time)
            }
            (Kind::Time, _) => time(
                times::parse(EXTREME_TIMES[recipe.value.unusual.index(EXTREME_TIMES.len())]),
                &recipe.time,
            ),
            (_, Some(Node::Text(text))) if !recipe.is_unusual() => {
                Operand::Text(Text::new(changed(&text.exact, operator, &recipe.value)))
            }
            _ => Operand::Text(Text::new(UNUSUAL[recipe.value.unusual.index(UNUSUAL.len())])),
        }
    }
}

/// All values of a user at a path.
pub(crate) fn values<'n>(node: &'n Node, path: &[String]) -> Vec<&'n Node> {
    match (node, path) {
        (Node::Absent, _) => Vec::new(),
        (Node::List(items), _) => items.iter().flat_map(|item| values(item, path)).collect(),
        (node, []) => vec![node],
        (Node::Object(map), [name, rest @ ..]) => map.get(name).map_or(Vec::new(), |node| values(node, rest)),
        _ => Vec::new(),
    }
}

fn time(at: i128, recipe: &TimeRecipe) -> Operand {
    let at = times::cut(at, recipe.digits);
    Operand::Time(at, times::write(at, recipe.digits, recipe.offset))
}

/// A part of a value, possibly in another spelling. Operators that compare whole values keep the whole value.
fn changed(text: &str, operator: Operator, recipe: &ValueRecipe) -> String {
    let part = match operator {
        Operator::Equal | Operator::NotEqual => text.to_owned(),
        _ => part(text, recipe),
    };
    match recipe.change {
        Change::None => part,
        Change::Case(Case::Upper) => part.to_uppercase(),
        Change::Case(Case::Lower) => part.to_lowercase(),
        Change::Decomposed => DecomposingNormalizer::new_nfd().normalize(&part).into_owned(),
    }
}

fn part(text: &str, recipe: &ValueRecipe) -> String {
    let chars: Vec<_> = text.chars().collect();
    let (one, other) = (recipe.ends.0.index(chars.len() + 1), recipe.ends.1.index(chars.len() + 1));
    let range = match recipe.part {
        Part::Prefix => &chars[..one],
        Part::Suffix => &chars[one..],
        Part::Middle => &chars[one.min(other)..one.max(other)],
        Part::Whole | Part::Unusual => &chars[..],
    };
    range.iter().collect()
}
