//! The kit itself: each of its rules catches a store that breaks it, and a sound store passes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "conformance/faults.rs"]
mod faults;
#[path = "conformance/faulty.rs"]
mod faulty;
#[path = "conformance/faulty_purge.rs"]
mod faulty_purge;

use std::collections::BTreeSet;

use faults::{CAUGHT, Fault};
use faulty::Faulty;
use tower_asset_upload::conformance::{self, Rule, Verdict};
use tower_asset_upload::{__asset_rules, __credential_rules, __purge_rules, conformance_tests};

// What the rules below find is in the faults, not in the wrapper around the store.
conformance_tests!(without_a_fault, || async { Faulty::new(Fault::None) });
conformance_tests!(without_a_fault_in_purging, purge, || async {
    Faulty::new(Fault::None)
});
conformance_tests!(without_a_fault_in_verifying, credentials, || async {
    Faulty::new(Fault::None)
});

/// One rule by its name, which may be of any suite.
async fn verdict(name: &str, fault: Fault) -> Verdict {
    let store = Faulty::new(fault);
    macro_rules! assets {
        ($($rule:ident: $why:literal,)*) => {
            match name {
                $(stringify!($rule) => return Box::pin(conformance::assets::$rule(store)).await,)*
                _ => {}
            }
        };
    }
    macro_rules! purge {
        ($($rule:ident: $why:literal,)*) => {
            match name {
                $(stringify!($rule) => return Box::pin(conformance::purge::$rule(store)).await,)*
                _ => {}
            }
        };
    }
    macro_rules! credentials {
        ($($rule:ident: $why:literal,)*) => {
            match name {
                $(stringify!($rule) => return Box::pin(conformance::credentials::$rule(store)).await,)*
                _ => {}
            }
        };
    }
    __asset_rules!((assets));
    __purge_rules!((purge));
    __credential_rules!((credentials));
    panic!("there is no rule {name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_caught_by_the_rule_that_is_there_for_it() {
    let mut missed = Vec::new();
    for (fault, rule) in CAUGHT {
        match verdict(rule, *fault).await {
            Ok(()) => missed.push((fault, rule)),
            Err(broken) => println!("{fault:?}\n  {rule}: {broken}"),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn each_rule_is_there_for_a_fault() {
    let suites = [
        conformance::assets::RULES,
        conformance::purge::RULES,
        conformance::credentials::RULES,
    ];
    let rules: BTreeSet<_> = suites.into_iter().flatten().map(|rule| rule.name).collect();
    let used: BTreeSet<_> = CAUGHT.iter().map(|(_, rule)| *rule).collect();
    assert_eq!(rules, used);
    assert_eq!(rules.len(), suites.map(<[Rule]>::len).iter().sum::<usize>());
}

async fn complaint(run: impl Future<Output = ()> + Send + 'static) -> String {
    let panicked = tokio::spawn(run).await.unwrap_err().into_panic();
    match panicked.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (*other.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_names_the_rules_that_are_broken_and_why_they_exist() {
    let of = |fault| move || async move { Faulty::new(fault) };
    let text = complaint(conformance::run(of(Fault::DropsTheEntityTag))).await;
    let first = format!(
        "1 of the {} rules of `AssetStore` is broken:\n\
         - states_are_kept_and_taken_back: `find`: `state`: ",
        conformance::assets::RULES.len()
    );
    assert!(text.starts_with(&first), "{text}");
    assert!(
        text.contains("reason for the rule: the recorded description of the object"),
        "{text}"
    );

    let text = complaint(conformance::run_purge(of(Fault::NamesOneSortAfterTheOther))).await;
    assert!(text.contains("- both_sorts_come_in_one_order: "), "{text}");
    let text = complaint(conformance::run_credentials(of(Fault::KnowsNoEnd))).await;
    assert!(text.contains("- a_credential_ends_at_its_end: "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_panics_breaks_a_rule_and_not_the_run() {
    let text = complaint(conformance::run(|| async { Faulty::new(Fault::Panics) })).await;
    assert!(
        text.contains("- caps_count_what_is_pending: the store panicked: on purpose"),
        "{text}"
    );
    let all = format!("of the {} rules", conformance::assets::RULES.len());
    assert!(text.contains(&all), "{text}");
}

#[tokio::test]
async fn one_thread_proves_too_little() {
    let text = complaint(conformance::run(|| async { Faulty::new(Fault::None) })).await;
    assert!(
        text.contains("a Tokio runtime of several threads"),
        "{text}"
    );
}
