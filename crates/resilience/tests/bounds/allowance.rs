//! The allowance of one call tree: whatever threads do with it at once, no more is spent than it held.

use tenet_resilience::allowance::Allowance;

use super::on_threads;

#[test]
fn no_storm_spends_more_than_the_allowance_at_1_2_and_8_threads() {
    for threads in [1, 2, 8] {
        for round in 0..60 {
            let total = round + 5;
            let allowance = Allowance::new(total);
            let closing = round % 3 == 0;
            // What each thread really spent, and what it lost in grants nobody settled.
            let counts = on_threads(threads, |thread, random| {
                let (mut spent, mut lost) = (0, 0);
                for step in 0..60 {
                    if closing && thread == 0 && step == 30 {
                        allowance.close();
                    }
                    match random() % 4 {
                        0 => {
                            let ours = allowance.try_spend();
                            match random() % 2 {
                                0 if ours => allowance.put_back(),
                                _ => spent += u32::from(ours),
                            }
                        }
                        1 => lost += allowance.grant().amount(),
                        _ => {
                            let grant = allowance.grant();
                            let child = Allowance::new(grant.amount());
                            let tries = random() % 3;
                            spent += (0..tries).filter(|_| child.try_spend()).count() as u32;
                            grant.settle(Some(child.close())).expect("an honest child");
                        }
                    }
                }
                (spent, lost)
            });
            let (spent, lost) = counts.iter().fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
            assert!(spent <= total, "{threads} threads spent {spent} of {total}");
            if closing {
                assert!(spent + lost <= allowance.spent(), "closed: {spent} spent, {lost} lost");
            } else {
                assert_eq!(
                    spent + lost + allowance.left(),
                    total,
                    "{threads} threads: nothing is lost or made"
                );
            }
        }
    }
}
