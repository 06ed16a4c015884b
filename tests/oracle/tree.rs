//! Terms that are combined by `and`, `or`, `not` and brackets.

/// A tree whose leaves are terms, or the recipes of terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree<T> {
    Leaf(T),
    All(Vec<Tree<T>>),
    Any(Vec<Tree<T>>),
    Not(Box<Tree<T>>),
    /// A tree in brackets, which may be redundant.
    Bracketed(Box<Tree<T>>),
}

impl<T> Tree<T> {
    /// Evaluates the tree. `leaf` evaluates its leaves.
    pub(crate) fn holds(&self, leaf: &dyn Fn(&T) -> bool) -> bool {
        match self {
            Self::Leaf(inner) => leaf(inner),
            Self::All(items) => items.iter().all(|item| item.holds(leaf)),
            Self::Any(items) => items.iter().any(|item| item.holds(leaf)),
            Self::Not(inner) => !inner.holds(leaf),
            Self::Bracketed(inner) => inner.holds(leaf),
        }
    }

    /// The same tree with other leaves.
    pub(crate) fn map<U>(self, leaf: &dyn Fn(T) -> U) -> Tree<U> {
        let all = |items: Vec<Self>| items.into_iter().map(|item| item.map(leaf)).collect();
        match self {
            Self::Leaf(inner) => Tree::Leaf(leaf(inner)),
            Self::All(items) => Tree::All(all(items)),
            Self::Any(items) => Tree::Any(all(items)),
            Self::Not(inner) => Tree::Not(Box::new(inner.map(leaf))),
            Self::Bracketed(inner) => Tree::Bracketed(Box::new(inner.map(leaf))),
        }
    }

    /// The leaves from left to right.
    pub(crate) fn leaves(&self) -> Vec<&T> {
        match self {
            Self::Leaf(inner) => vec![inner],
            Self::All(items) | Self::Any(items) => items.iter().flat_map(Self::leaves).collect(),
            Self::Not(inner) | Self::Bracketed(inner) => inner.leaves(),
        }
    }
}
