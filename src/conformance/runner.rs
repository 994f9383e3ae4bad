//! Runs rules, and reports the broken ones.

use std::fmt::Write as _;
use std::panic::resume_unwind;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, RuntimeFlavor};
use tokio::task::JoinError;

use super::verdict::{Broken, Rule, Verdict};

/// The longest time of a rule. A rule that takes longer counts as broken: it probably hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// The threads of a test's runtime. Two are enough; more find more races.
const THREADS: usize = 4;

pub(super) struct Runner {
    suite: &'static str,
    rules: usize,
    broken: Vec<(Rule, Broken)>,
}

impl Runner {
    pub(super) fn new(suite: &'static str) -> Self {
        let runtime = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        assert!(
            runtime.is_ok_and(|flavor| flavor == RuntimeFlavor::MultiThread),
            "the conformance tests need a Tokio runtime of several threads: \
             `#[tokio::test(flavor = \"multi_thread\")]`"
        );
        Self {
            suite,
            rules: 0,
            broken: Vec::new(),
        }
    }

    pub(super) async fn run(
        &mut self,
        rule: Rule,
        verdict: impl Future<Output = Verdict> + Send + 'static,
    ) {
        self.rules += 1;
        if let Err(broken) = judge(verdict).await {
            self.broken.push((rule, broken));
        }
    }

    pub(super) fn finish(self) {
        let mut text = format!(
            "{} of the {} rules of `{}` {} broken:",
            self.broken.len(),
            self.rules,
            self.suite,
            if self.broken.len() == 1 { "is" } else { "are" }
        );
        for (rule, broken) in &self.broken {
            let _ = write!(text, "\n- {}", shown(*rule, broken));
        }
        assert!(self.broken.is_empty(), "{text}");
    }
}

/// Runs one rule on its own runtime. The tests of the macro call it.
///
/// # Panics
/// If the store breaks the rule.
pub fn run_test<Store, Opening, Judging>(
    rule: Rule,
    open: impl FnOnce() -> Opening,
    check: impl FnOnce(Store) -> Judging,
) where
    Opening: Future<Output = Store>,
    Judging: Future<Output = Verdict> + Send + 'static,
{
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build();
    let verdict = match runtime {
        Ok(runtime) => runtime.block_on(async { judge(check(open().await)).await }),
        Err(error) => Err(Broken::new(format_args!("no runtime: {error}"))),
    };
    if let Err(broken) = verdict {
        panic!("{}", shown(rule, &broken));
    }
}

/// Runs the rule in a task, so that the runtime's threads do the work, and a panic of the store
/// ends only this rule.
async fn judge(verdict: impl Future<Output = Verdict> + Send + 'static) -> Verdict {
    let mut task = tokio::spawn(verdict);
    if let Ok(judged) = tokio::time::timeout(PATIENCE, &mut task).await {
        return judged.map_err(panicked)?;
    }
    task.abort();
    Err(Broken::new(format_args!(
        "the rule did not end within {PATIENCE:?}"
    )))
}

pub(super) fn panicked(error: JoinError) -> Broken {
    match error.try_into_panic() {
        Ok(cause) => {
            let text = cause
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| cause.downcast_ref::<String>().cloned());
            match text {
                Some(text) => Broken::new(format_args!("the store panicked: {text}")),
                None => resume_unwind(cause),
            }
        }
        Err(_) => Broken::new("the rule's task was cancelled"),
    }
}

fn shown(rule: Rule, broken: &Broken) -> String {
    format!(
        "{}: {broken}\n  reason for the rule: {}",
        rule.name, rule.why
    )
}
