//! Every attribute with every operator, and an existing value, boundary values or null as the operand.

use crate::oracle::attribute::{Attribute, Kind, LISTS, of_elements, of_users};
use crate::oracle::filter::{Filter, Leaf, Path};
use crate::oracle::node::{Node, Text};
use crate::oracle::request::Request;
use crate::oracle::source::values;
use crate::oracle::term::{Operand, Operator, Term};
use crate::oracle::times;
use crate::oracle::tree::Tree;
use crate::oracle::users::{SORTS, Users};
use std::collections::BTreeSet;

/// One request for each attribute of users and elements, each operator, and each operand.
pub(crate) fn requests(users: &Users) -> Vec<Request> {
    let mut filters = Vec::new();
    let mut names = BTreeSet::new();
    for attribute in of_users().into_iter().filter(|attribute| names.insert(attribute.name.clone())) {
        let path = attribute.value_path.clone();
        filters.extend(terms(users, attribute, &path).into_iter().map(|term| Tree::Leaf(Leaf::Term(term))));
    }
    for (list, _) in LISTS {
        for attribute in of_elements(list) {
            let path = [vec![list.to_owned()], attribute.value_path.clone()].concat();
            let terms = terms(users, attribute, &path);
            let both = |term: Term| [Some(inside(list, &term)), behind(list, term)].into_iter().flatten();
            filters.extend(terms.into_iter().flat_map(both));
        }
    }
    filters.into_iter().enumerate().map(|(index, filter)| plain(filter, index)).collect()
}

/// A request in one of the orders. Some filters and orders use the same index.
fn plain(filter: Filter, index: usize) -> Request {
    let sort = SORTS[index % SORTS.len()];
    Request {
        filter,
        style: 0,
        sort: Some(sort),
        pages: 1 + index % 2,
        slack: 0,
        total: index.is_multiple_of(4),
        complete: false,
    }
}

fn inside(list: &'static str, term: &Term) -> Filter {
    Tree::Leaf(Leaf::Path(Path { list, inner: Tree::Leaf(term.clone()), tail: None }))
}

/// The term after brackets with another condition, if the elements have a type.
fn behind(list: &'static str, tail: Term) -> Option<Filter> {
    let attribute = of_elements(list).into_iter().find(|attribute| attribute.name == "type")?;
    let work = Operand::Text(Text::new("work"));
    let inner = Tree::Leaf(Term { attribute, operator: Operator::NotEqual, operand: work });
    Some(Tree::Leaf(Leaf::Path(Path { list, inner, tail: Some(tail) })))
}

fn terms(users: &Users, attribute: Attribute, path: &[String]) -> Vec<Term> {
    let operands = operands(users, attribute.kind, path);
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

/// An existing value, and the lowest value of the kind, such as the empty string or the year 0.
fn operands(users: &Users, kind: Kind, path: &[String]) -> Vec<Operand> {
    let all = users.all.iter().flat_map(|user| values(&user.node, path));
    let usual = all.filter(|node| node.is_present()).nth(5);
    let usual = usual.unwrap_or_else(|| panic!("no user has {}", path.join(".")));
    match (kind, usual) {
        (Kind::Complex, _) => Vec::new(),
        (Kind::Boolean, _) => vec![Operand::Flag(true), Operand::Flag(false)],
        (Kind::Number, Node::Number(number)) => vec![Operand::Number(*number), Operand::Number(0)],
        (Kind::Time, Node::Time(at)) => {
            // RFC 3339 does not limit the fraction of a second. The second time is slightly later than the first.
            let times = [(*at, 6), (at + 1, 12), (times::parse("0000-01-01T00:00:00Z"), 0)];
            times.map(|(at, digits)| Operand::Time(at, times::write(at, digits, 0))).into()
        }
        (_, Node::Text(text)) => vec![Operand::Text(text.clone()), Operand::Text(Text::new(""))],
        other => panic!("unexpected {other:?} at {}", path.join(".")),
    }
}
