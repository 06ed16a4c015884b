//! Random filters. The strategies generate recipes of independent choices, which shrink well, and [`Source`] turns them into
//! terms.

use crate::oracle::filter::Filter;
use crate::oracle::request::Request;
use crate::oracle::source::Source;
use crate::oracle::times::{MICROSECOND, SECOND};
use crate::oracle::tree::Tree;
use crate::oracle::users::{SORTS, Sort};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::sync::Arc;

/// The choices for a term.
#[derive(Clone, Debug)]
pub(crate) struct TermRecipe {
    pub(crate) attribute: Index,
    pub(crate) operator: Index,
    pub(crate) operand: OperandRecipe,
}

/// The choices for an operand.
#[derive(Clone, Debug)]
pub(crate) struct OperandRecipe {
    pub(crate) null: bool,
    pub(crate) flag: bool,
    pub(crate) value: ValueRecipe,
    pub(crate) time: TimeRecipe,
}

impl OperandRecipe {
    /// Whether the operand is unrelated to the values of users.
    pub(crate) fn is_unusual(&self) -> bool {
        self.value.part == Part::Unusual
    }
}

/// The choices for an operand that comes from a value of a user.
#[derive(Clone, Debug)]
pub(crate) struct ValueRecipe {
    /// The user with the value, if it is not the model user of the whole filter.
    pub(crate) other_user: Option<Index>,
    /// Selects one of the user's values.
    pub(crate) which: Index,
    pub(crate) part: Part,
    pub(crate) ends: (Index, Index),
    pub(crate) change: Change,
    pub(crate) unusual: Index,
}

/// The choices for the spelling of a time, and its difference from the value of a user.
#[derive(Clone, Debug)]
pub(crate) struct TimeRecipe {
    pub(crate) shift: i128,
    pub(crate) digits: u32,
    pub(crate) offset: i32,
}

/// The part of a value that becomes the operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    Prefix,
    Suffix,
    Middle,
    /// None. The operand is one of the unusual values instead.
    Unusual,
}

/// How the spelling of an operand differs from the value that it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    None,
    Case(Case),
    Decomposed,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Case {
    Upper,
    Lower,
}

/// The choices for a leaf of a filter.
#[derive(Clone, Debug)]
pub(crate) enum LeafRecipe {
    Term(TermRecipe),
    Path { list: Index, inner: Tree<TermRecipe>, tail: Option<TermRecipe> },
}

/// Requests whose filters are within the limits and whose operands come from a source.
pub(crate) fn requests(source: Arc<Source>) -> impl Strategy<Value = Request> {
    let paging = (1_usize..=5, select(vec![0, 1, -1, 50]));
    let how = (styles(), sorts(), paging, prop::bool::weighted(0.3), prop::bool::weighted(0.1));
    let request = |(filter, (style, sort, (pages, slack), total, complete))| Request {
        filter,
        style,
        sort,
        pages,
        slack,
        total,
        complete,
    };
    let small = |request: &Request| request.printed().is_within_limits();
    (filters(source), how).prop_map(request).prop_filter("exceeds the limits", small)
}

fn filters(source: Arc<Source>) -> impl Strategy<Value = Filter> {
    let make = move |(tree, model): (Tree<LeafRecipe>, Index)| tree.map(&|leaf| source.leaf(leaf, model));
    (trees(leaves()), any::<Index>()).prop_map(make)
}

/// The plain style, or a random one.
fn styles() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), any::<u64>()]
}

/// The order of the list. `None` is a request without `sort`.
fn sorts() -> impl Strategy<Value = Option<Sort>> {
    prop::option::weighted(0.8, select(SORTS.to_vec()))
}

fn leaves() -> BoxedStrategy<LeafRecipe> {
    let inner = mixed_trees(term(), 3, 6, 3);
    let path = (any::<Index>(), inner, prop::option::of(term()));
    prop_oneof![
        5 => term().prop_map(LeafRecipe::Term),
        2 => path.prop_map(|(list, inner, tail)| LeafRecipe::Path { list, inner, tail }),
    ]
    .boxed()
}

fn term() -> BoxedStrategy<TermRecipe> {
    (any::<Index>(), any::<Index>(), operand_recipes())
        .prop_map(|(attribute, operator, operand)| TermRecipe { attribute, operator, operand })
        .boxed()
}

fn operand_recipes() -> impl Strategy<Value = OperandRecipe> {
    (prop::bool::weighted(0.08), any::<bool>(), value_recipes(), time_recipes())
        .prop_map(|(null, flag, value, time)| OperandRecipe { null, flag, value, time })
}

fn value_recipes() -> impl Strategy<Value = ValueRecipe> {
    let user = (prop::option::weighted(0.4, any::<Index>()), any::<Index>());
    let text = (parts(), (any::<Index>(), any::<Index>()), changes(), any::<Index>());
    (user, text).prop_map(|((other_user, which), (part, ends, change, unusual))| ValueRecipe {
        other_user,
        which,
        part,
        ends,
        change,
        unusual,
    })
}

fn time_recipes() -> impl Strategy<Value = TimeRecipe> {
    (shifts(), 0_u32..=12, prop_oneof![Just(0), -1439_i32..=1439])
        .prop_map(|(shift, digits, offset)| TimeRecipe { shift, digits, offset })
}

fn parts() -> impl Strategy<Value = Part> {
    prop_oneof![
        3 => Just(Part::Whole),
        3 => Just(Part::Prefix),
        2 => Just(Part::Suffix),
        2 => Just(Part::Middle),
        2 => Just(Part::Unusual),
    ]
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => Just(Change::None),
        1 => Just(Change::Case(Case::Upper)),
        1 => Just(Change::Case(Case::Lower)),
        1 => Just(Change::Decomposed),
    ]
}

/// The difference between a time operand and a user's value.
fn shifts() -> impl Strategy<Value = i128> {
    let steps = [0, 1, MICROSECOND / 2, MICROSECOND, 1_000 * MICROSECOND, SECOND, 86_400 * SECOND];
    (select(steps.to_vec()), any::<bool>()).prop_map(|(step, back)| if back { -step } else { step })
}

/// Trees of all shapes: mostly small, some with many terms, some with the maximum depth, and some wide.
fn trees<T: std::fmt::Debug + Clone + 'static>(leaf: BoxedStrategy<T>) -> impl Strategy<Value = Tree<T>> {
    prop_oneof![
        12 => mixed_trees(leaf.clone(), 3, 6, 3),
        3 => mixed_trees(leaf.clone(), 6, 40, 4),
        2 => deep_trees(leaf.clone()),
        1 => wide_trees(leaf),
    ]
}

fn mixed_trees<T: std::fmt::Debug + Clone + 'static>(
    leaf: BoxedStrategy<T>,
    levels: u32,
    leaves: u32,
    width: u32,
) -> BoxedStrategy<Tree<T>> {
    let branch = move |inner: BoxedStrategy<Tree<T>>| {
        let items = vec(inner, 1..=width as usize);
        (items, any::<bool>(), prop::bool::weighted(0.25), prop::bool::weighted(0.1)).prop_map(join)
    };
    leaf.prop_map(Tree::Leaf).prop_recursive(levels, leaves, width, branch).boxed()
}

fn join<T>((mut items, all, not, bracketed): (Vec<Tree<T>>, bool, bool, bool)) -> Tree<T> {
    let tree = match items.pop() {
        Some(only) if items.is_empty() => only,
        last => {
            items.extend(last);
            if all { Tree::All(items) } else { Tree::Any(items) }
        }
    };
    let tree = if bracketed { Tree::Bracketed(Box::new(tree)) } else { tree };
    if not { Tree::Not(Box::new(tree)) } else { tree }
}

/// Trees in which each level has one term and one subtree, up to sixteen levels.
fn deep_trees<T: std::fmt::Debug + Clone + 'static>(
    leaf: BoxedStrategy<T>,
) -> impl Strategy<Value = Tree<T>> {
    let link = (leaf.clone(), any::<bool>(), prop::bool::weighted(0.8), any::<bool>());
    (leaf, vec(link, 0..=16)).prop_map(|(first, links)| {
        let grow = |inner, (leaf, all, not, first): (T, bool, bool, bool)| {
            let items = if first { vec![Tree::Leaf(leaf), inner] } else { vec![inner, Tree::Leaf(leaf)] };
            join((items, all, not, false))
        };
        links.into_iter().fold(Tree::Leaf(first), grow)
    })
}

/// Up to a hundred terms on one level.
fn wide_trees<T: std::fmt::Debug + Clone + 'static>(
    leaf: BoxedStrategy<T>,
) -> impl Strategy<Value = Tree<T>> {
    (vec(leaf.prop_map(Tree::Leaf), 2..=100), any::<bool>())
        .prop_map(|(items, all)| join((items, all, false, false)))
}
