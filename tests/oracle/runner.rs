//! Runs a property whose cases are requests: several at once while they succeed, one after the other to shrink one that
//! fails.

use crate::oracle::Settings;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::task::JoinSet;

/// How many cases are asked at once.
const AT_ONCE: usize = 8;
/// How many failures are shown of many.
const SHOWN: usize = 10;
/// The most attempts at a smaller case that fails as well.
const MOST_ATTEMPTS: usize = 500;

/// Asks random cases and gives what each gave.
///
/// # Panics
/// With the smallest case that could be found that fails.
pub(crate) async fn check<S, A, F>(strategy: &S, settings: Settings, ask: impl Fn(S::Value) -> F) -> Vec<A>
where
    S: Strategy,
    F: Future<Output = Result<A, String>> + Send + 'static,
    A: Send + 'static,
{
    let Settings { filters, seed, .. } = settings;
    let mut runner = runner(seed);
    let mut answers = Vec::new();
    while answers.len() < filters {
        let most = AT_ONCE.min(filters - answers.len());
        let trees: Vec<_> =
            (0..most).map(|_| strategy.new_tree(&mut runner).expect("a strategy that finds cases")).collect();
        let come = all(trees.iter().map(|tree| ask(tree.current()))).await;
        for (tree, answer) in trees.into_iter().zip(come) {
            match answer {
                Ok(answer) => answers.push(answer),
                Err(failure) => panic!("{}\n(seed {seed})", shrunk(tree, failure, ask).await),
            }
        }
    }
    answers
}

/// Asks each of the cases and gives what each gave.
///
/// # Panics
/// With the first of those that fail, and how many do.
pub(crate) async fn each<C, A, F>(cases: Vec<C>, ask: impl Fn(C) -> F) -> Vec<A>
where
    C: Clone,
    F: Future<Output = Result<A, String>> + Send + 'static,
    A: Send + 'static,
{
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    for cases in cases.chunks(AT_ONCE) {
        for answer in all(cases.iter().map(|case| ask(case.clone()))).await {
            match answer {
                Ok(answer) => answers.push(answer),
                Err(failure) => failures.push(failure),
            }
        }
    }
    let shown = failures[..failures.len().min(SHOWN)].join("\n\n");
    assert!(failures.is_empty(), "{} of {} fail, the first of them:\n{shown}", failures.len(), cases.len());
    answers
}

/// Waits for all at once and gives what each gave, in their order.
async fn all<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    asked: impl Iterator<Item = F>,
) -> Vec<T> {
    let numbered = asked.enumerate().map(|(index, asked)| async move { (index, asked.await) });
    let mut answers = numbered.collect::<JoinSet<_>>().join_all().await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Numbers that depend on the seed and on nothing else.
fn runner(seed: u64) -> TestRunner {
    let seed = [seed.to_le_bytes(), (!seed).to_le_bytes()].concat();
    let config = Config { failure_persistence: None, max_local_rejects: u32::MAX, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::XorShift, &seed))
}

/// `count` random values, without asking anybody.
pub(crate) fn sample<S: Strategy>(strategy: &S, seed: u64, count: usize) -> Vec<S::Value> {
    let mut runner = runner(seed);
    let value = |_| strategy.new_tree(&mut runner).expect("a strategy that finds cases").current();
    (0..count).map(value).collect()
}

/// The failure of the smallest case that fails as well.
async fn shrunk<T, A, F>(mut tree: T, mut failure: String, ask: impl Fn(T::Value) -> F) -> String
where
    T: ValueTree,
    F: Future<Output = Result<A, String>>,
{
    let mut moved = tree.simplify();
    for _ in 0..MOST_ATTEMPTS {
        if !moved {
            break;
        }
        moved = match ask(tree.current()).await {
            Ok(_) => tree.complicate(),
            Err(smaller) => {
                failure = smaller;
                tree.simplify()
            }
        };
    }
    failure
}
