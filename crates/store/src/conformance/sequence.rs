//! Random sequences of steps on a site of their own: of those that fail the least that was found is told.

use super::problem::{Checked, Problem};
use super::site::Site;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::RefCell;
use std::fmt::Debug;

/// The longest time for finding a smaller sequence that fails too.
const SHRINK_TIME_MS: u32 = 30_000;

/// Tries `case` on sequences of `steps`, each with a number of its own; at most `shrink_steps` attempts are made to find a smaller one that fails too.
pub(super) async fn every<S, T>(
    site: &Site,
    shrink_steps: u32,
    steps: fn() -> S,
    case: impl AsyncFn(&mut Site, u32, &[T]) -> Checked + Send + 'static,
) -> Checked
where
    S: Strategy<Value = Vec<T>> + 'static,
    T: Debug + 'static,
{
    let runtime = tokio::runtime::Handle::current();
    let config = Config {
        cases: site.options.cases,
        max_shrink_iters: shrink_steps,
        max_shrink_time: SHRINK_TIME_MS,
        failure_persistence: None,
        ..Config::default()
    };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&site.options.seed.to_be_bytes());
    let own = site.another();
    // The runner of properties is synchronous: it has a thread of its own and waits there for each answer.
    let run = move || {
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
        let own = RefCell::new((own, 0));
        let found = runner.run(&steps(), |steps| {
            let (site, number) = &mut *own.borrow_mut();
            *number += 1;
            let checked = runtime.block_on(case(site, *number, &steps));
            checked.map_err(|problem| TestCaseError::fail(format!("{problem:?}")))
        });
        match found {
            Ok(()) => Ok(()),
            Err(TestError::Fail(reason, steps)) => {
                let steps: Vec<String> = steps.iter().map(|step| format!("\n  {step:?}")).collect();
                Err(Problem::Wrong(format!("{reason}, after{}", steps.concat())))
            }
            Err(TestError::Abort(reason)) => Err(Problem::Wrong(format!("the run ended: {reason}"))),
        }
    };
    tokio::task::spawn_blocking(run).await.map_err(|error| Problem::Wrong(error.to_string()))?
}
