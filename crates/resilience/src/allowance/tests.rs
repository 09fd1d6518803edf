//! The allowance against its hard ceiling: by rows and by random trees. Storms of threads are in `tests/bounds`.

use proptest::prelude::*;

use super::*;

#[test]
fn the_last_one_stays_with_the_parent() {
    for (left, granted) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3), (7, 4), (64, 32)] {
        assert_eq!(share(left), granted, "of {left}");
    }
    assert_eq!(share(u32::MAX), 1 << 31);
}

#[test]
fn what_a_child_does_not_use_comes_back() {
    let check = |reported, expected: Result<(), Overspent>, left: u32| {
        let allowance = Allowance::new(3);
        let grant = allowance.grant();
        assert_eq!((grant.amount(), allowance.left(), allowance.spent()), (2, 1, 2));
        assert_eq!(grant.settle(reported), expected, "{reported:?}");
        assert_eq!((allowance.left(), allowance.spent()), (left, 3 - left), "{reported:?}");
    };
    check(Some(0), Ok(()), 3);
    check(Some(1), Ok(()), 2);
    check(Some(2), Ok(()), 1);
    check(Some(3), Err(Overspent { granted: 2, reported: 3 }), 1);
    check(Some(u32::MAX), Err(Overspent { granted: 2, reported: u32::MAX }), 1);
    check(None, Ok(()), 1);

    let allowance = Allowance::new(3);
    drop(allowance.grant());
    assert_eq!(allowance.left(), 1, "a lost grant is a spent grant");
}

#[test]
fn parallel_children_divide() {
    let allowance = Allowance::new(8);
    let grants: Vec<Grant> = (0..6).map(|_| allowance.grant()).collect();
    assert_eq!(grants.iter().map(Grant::amount).collect::<Vec<_>>(), [4, 2, 1, 0, 0, 0]);
    assert!(allowance.try_spend(), "one is kept for the parent");
    assert!(!allowance.try_spend());
    allowance.put_back();
    assert!(allowance.try_spend(), "it was not sent after all");
    assert_eq!(allowance.spent(), 8);
}

#[test]
fn after_the_report_nothing_moves() {
    let allowance = Allowance::new(8);
    let grant = allowance.grant();
    assert!(allowance.try_spend());
    assert_eq!(allowance.close(), 5, "one of its own and four that are out");
    assert_eq!((allowance.left(), allowance.try_spend(), allowance.grant().amount()), (0, false, 0));
    assert_eq!(grant.settle(Some(0)), Ok(()));
    allowance.put_back();
    assert_eq!((allowance.spent(), allowance.close()), (5, 5), "the parent was told 5");
}

#[test]
fn no_allowance_is_larger_than_the_greatest() {
    assert_eq!(Allowance::new(u32::MAX).left(), MAX);
    assert!(!Allowance::new(0).try_spend());
}

/// One call of a random tree: how often it tries to spend, whom it calls, whether its answer is lost.
#[derive(Clone, Debug)]
struct Call {
    tries: u32,
    lost: bool,
    children: Vec<Call>,
    parallel: bool,
}

fn calls() -> impl Strategy<Value = Call> {
    let leaf = (0u32..4, any::<bool>(), any::<bool>());
    let leaf = leaf.prop_map(|(tries, lost, parallel)| Call { tries, lost, parallel, children: Vec::new() });
    leaf.prop_recursive(4, 60, 5, |inner| {
        (0u32..4, any::<bool>(), any::<bool>(), prop::collection::vec(inner, 0..5))
            .prop_map(|(tries, lost, parallel, children)| Call { tries, lost, parallel, children })
    })
}

/// Runs the tree and counts the extra attempts really made.
fn run(call: &Call, allowance: &Allowance) -> u32 {
    let settle = |child: &Call, grant: Grant| {
        let own = Allowance::new(grant.amount());
        let made = run(child, &own);
        let reported = own.close();
        assert!(made <= reported, "made {made}, reported {reported}");
        grant.settle((!child.lost).then_some(reported)).expect("an honest child");
        made
    };
    let mut made = 0;
    if call.parallel {
        let grants: Vec<Grant> = call.children.iter().map(|_| allowance.grant()).collect();
        made += call.children.iter().zip(grants).map(|(child, grant)| settle(child, grant)).sum::<u32>();
    } else {
        made += call.children.iter().map(|child| settle(child, allowance.grant())).sum::<u32>();
    }
    made + (0..call.tries).filter(|_| allowance.try_spend()).count() as u32
}

proptest! {
    #[test]
    fn no_tree_makes_more_extra_attempts_than_its_root_was_allowed(call in calls(), total in 0u32..=MAX) {
        let root = Allowance::new(total);
        let made = run(&call, &root);
        prop_assert!(made <= total, "{} of {}", made, total);
        prop_assert!(made <= root.close());
        prop_assert!(root.spent() <= total);
    }
}
