//! Filters of users.

use crate::oracle::node::Node;
use crate::oracle::term::Term;
use crate::oracle::tree::Tree;

/// A filter of users.
pub(crate) type Filter = Tree<Leaf>;

/// A part of a filter that contains no logical operator outside brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    Term(Term),
    Path(Path),
}

/// `list[…]`, or `list[…].a eq v`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) list: &'static str,
    pub(crate) inner: Tree<Term>,
    pub(crate) tail: Option<Term>,
}

/// Whether a filter finds a user.
pub(crate) fn finds(filter: &Filter, user: &Node) -> bool {
    filter.holds(&|leaf| match leaf {
        Leaf::Term(term) => term.holds(user),
        Leaf::Path(path) => path.holds(user),
    })
}

impl Path {
    fn holds(&self, user: &Node) -> bool {
        let list = [self.list.to_owned()];
        match &self.tail {
            None => user.any(&list, &|element| self.is_inside(element)),
            // A negation applies to the whole path: no element that matches the brackets has such a value.
            Some(tail) => {
                tail.is_negated()
                    != user.any(&list, &|element| {
                        self.is_inside(element) && element.any(tail.path(), &|value| tail.accepts(value))
                    })
            }
        }
    }

    fn is_inside(&self, element: &Node) -> bool {
        self.inner.holds(&|term| term.holds(element))
    }
}

/// The paths of all attributes that a filter names, starting at the user.
pub(crate) fn paths(filter: &Filter) -> Vec<Vec<String>> {
    let of_leaf = |leaf: &Leaf| match leaf {
        Leaf::Term(term) => vec![term.path().to_vec()],
        Leaf::Path(path) => vec![vec![path.list.to_owned()]],
    };
    let mut paths: Vec<_> = filter.leaves().into_iter().flat_map(of_leaf).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// All terms of a filter, including those within brackets.
pub(crate) fn terms(filter: &Filter) -> Vec<&Term> {
    filter.leaves().into_iter().flat_map(Leaf::terms).collect()
}

impl Leaf {
    fn terms(&self) -> Vec<&Term> {
        match self {
            Self::Term(term) => vec![term],
            Self::Path(path) => path.inner.leaves().into_iter().chain(&path.tail).collect(),
        }
    }
}
