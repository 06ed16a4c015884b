//! Runs a property whose cases are requests: concurrently while they succeed, and one at a time to shrink a failing case.

use crate::oracle::Settings;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::task::JoinSet;

/// Number of concurrent cases.
const CONCURRENCY: usize = 8;
/// Number of failures that are shown.
const SHOWN: usize = 10;
/// Number of attempts to find a smaller failing case.
const MAX_ATTEMPTS: usize = 500;

/// Runs random cases and returns their results.
///
/// # Panics
/// With the smallest failing case that could be found.
pub(crate) async fn check<S, A, F>(strategy: &S, settings: Settings, run: impl Fn(S::Value) -> F) -> Vec<A>
where
    S: Strategy,
    F: Future<Output = Result<A, String>> + Send + 'static,
    A: Send + 'static,
{
    let Settings { filters, seed, .. } = settings;
    let mut runner = runner(seed);
    let mut results = Vec::new();
    while results.len() < filters {
        let count = CONCURRENCY.min(filters - results.len());
        let trees: Vec<_> =
            (0..count).map(|_| strategy.new_tree(&mut runner).expect("the strategy yields cases")).collect();
        let batch = all(trees.iter().map(|tree| run(tree.current()))).await;
        for (tree, result) in trees.into_iter().zip(batch) {
            match result {
                Ok(result) => results.push(result),
                Err(failure) => panic!("{}\n(seed {seed})", shrunk(tree, failure, run).await),
            }
        }
    }
    results
}

/// Runs each of the cases and returns their results.
///
/// # Panics
/// With the number of failing cases and the first of them.
pub(crate) async fn each<C, A, F>(cases: Vec<C>, run: impl Fn(C) -> F) -> Vec<A>
where
    C: Clone,
    F: Future<Output = Result<A, String>> + Send + 'static,
    A: Send + 'static,
{
    let (mut results, mut failures) = (Vec::new(), Vec::new());
    for cases in cases.chunks(CONCURRENCY) {
        for result in all(cases.iter().map(|case| run(case.clone()))).await {
            match result {
                Ok(result) => results.push(result),
                Err(failure) => failures.push(failure),
            }
        }
    }
    let shown = failures[..failures.len().min(SHOWN)].join("\n\n");
    assert!(
        failures.is_empty(),
        "{} of {} cases fail, beginning with:\n{shown}",
        failures.len(),
        cases.len()
    );
    results
}

/// Runs futures concurrently and returns their results in the same order.
async fn all<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    futures: impl Iterator<Item = F>,
) -> Vec<T> {
    let numbered = futures.enumerate().map(|(index, future)| async move { (index, future.await) });
    let mut results = numbered.collect::<JoinSet<_>>().join_all().await;
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// A test runner that depends only on the seed.
fn runner(seed: u64) -> TestRunner {
    let seed = [seed.to_le_bytes(), (!seed).to_le_bytes()].concat();
    let config = Config { failure_persistence: None, max_local_rejects: u32::MAX, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::XorShift, &seed))
}

/// Generates `count` random values.
pub(crate) fn sample<S: Strategy>(strategy: &S, seed: u64, count: usize) -> Vec<S::Value> {
    let mut runner = runner(seed);
    let value = |_| strategy.new_tree(&mut runner).expect("the strategy yields cases").current();
    (0..count).map(value).collect()
}

/// Shrinks a failing case and returns the failure of the smallest one.
async fn shrunk<T, A, F>(mut tree: T, mut failure: String, run: impl Fn(T::Value) -> F) -> String
where
    T: ValueTree,
    F: Future<Output = Result<A, String>>,
{
    let mut moved = tree.simplify();
    for _ in 0..MAX_ATTEMPTS {
        if !moved {
            break;
        }
        moved = match run(tree.current()).await {
            Ok(_) => tree.complicate(),
            Err(smaller) => {
                failure = smaller;
                tree.simplify()
            }
        };
    }
    failure
}
