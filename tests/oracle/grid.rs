//! Every attribute by every operator, alone: with a value that somebody has, with its ends, with null.

use crate::oracle::attribute::{Attribute, Kind, LISTS, of_elements, of_users};
use crate::oracle::filter::{Filter, Leaf, Path};
use crate::oracle::node::{Node, Text};
use crate::oracle::people::{People, SORTS};
use crate::oracle::question::Question;
use crate::oracle::source::values;
use crate::oracle::term::{Operand, Operator, Term};
use crate::oracle::times;
use crate::oracle::tree::Tree;
use std::collections::BTreeSet;

/// One question for each attribute of users and of elements, operator, and operand.
pub(crate) fn questions(people: &People) -> Vec<Question> {
    let mut filters = Vec::new();
    let mut names = BTreeSet::new();
    for attribute in of_users().into_iter().filter(|attribute| names.insert(attribute.name.clone())) {
        let path = attribute.value.clone();
        filters.extend(terms(people, attribute, &path).into_iter().map(|term| Tree::Leaf(Leaf::Term(term))));
    }
    for (list, _) in LISTS {
        for attribute in of_elements(list) {
            let path = [vec![list.to_owned()], attribute.value.clone()].concat();
            let terms = terms(people, attribute, &path);
            let both = |term: Term| [Some(inside(list, &term)), behind(list, term)].into_iter().flatten();
            filters.extend(terms.into_iter().flat_map(both));
        }
    }
    filters.into_iter().enumerate().map(|(index, filter)| plain(filter, index)).collect()
}

/// In one order or another: with some, an index gives both the users and their order.
fn plain(filter: Filter, index: usize) -> Question {
    let sort = SORTS[index % SORTS.len()];
    Question {
        filter,
        style: 0,
        sort: Some(sort),
        pages: 1 + index % 2,
        slack: 0,
        total: index.is_multiple_of(4),
        whole: false,
    }
}

fn inside(list: &'static str, term: &Term) -> Filter {
    Tree::Leaf(Leaf::Path(Path { list, inner: Tree::Leaf(term.clone()), tail: None }))
}

/// Behind brackets that say something else, where there is something else to say.
fn behind(list: &'static str, tail: Term) -> Option<Filter> {
    let attribute = of_elements(list).into_iter().find(|attribute| attribute.name == "type")?;
    let work = Operand::Text(Text::new("work"));
    let inner = Tree::Leaf(Term { attribute, operator: Operator::NotEqual, operand: work });
    Some(Tree::Leaf(Leaf::Path(Path { list, inner, tail: Some(tail) })))
}

fn terms(people: &People, attribute: Attribute, path: &[String]) -> Vec<Term> {
    let operands = operands(people, attribute.kind, path);
    let of_operator = |operator: &Operator| match operator {
        Operator::Present => vec![Operand::Nothing],
        Operator::Equal | Operator::NotEqual => [operands.clone(), vec![Operand::Nothing]].concat(),
        _ => operands.clone(),
    };
    let operators = Operator::of(attribute.kind).iter();
    let pairs =
        operators.flat_map(|operator| of_operator(operator).into_iter().map(|operand| (*operator, operand)));
    pairs.map(|(operator, operand)| Term { attribute: attribute.clone(), operator, operand }).collect()
}

/// A value that somebody has, and where they begin: the empty string, no change, the year 0.
fn operands(people: &People, kind: Kind, path: &[String]) -> Vec<Operand> {
    let all = people.all.iter().flat_map(|person| values(&person.node, path));
    let usual = all.filter(|node| node.is_present()).nth(5);
    let usual = usual.unwrap_or_else(|| panic!("nobody has {}", path.join(".")));
    match (kind, usual) {
        (Kind::Complex, _) => Vec::new(),
        (Kind::Boolean, _) => vec![Operand::Flag(true), Operand::Flag(false)],
        (Kind::Number, Node::Number(number)) => vec![Operand::Number(*number), Operand::Number(0)],
        (Kind::Time, Node::Time(at)) => {
            // RFC 3339 does not bound the digits after the second: the second of these comes after the first.
            let times = [(*at, 6), (at + 1, 12), (times::parse("0000-01-01T00:00:00Z"), 0)];
            times.map(|(at, digits)| Operand::Time(at, times::write(at, digits, 0))).into()
        }
        (_, Node::Text(text)) => vec![Operand::Text(text.clone()), Operand::Text(Text::new(""))],
        other => panic!("{other:?} is at {}", path.join(".")),
    }
}
