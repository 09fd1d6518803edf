//! Verdicts and pauses, check by check.

use super::*;

/// One letter a check: `.` passes, `x` fails, `n` says NOT_SERVING; behind each the verdict it leads to.
fn check(unhealthy_after: u32, healthy_after: u32, checks: &str, verdicts: &str) {
    let rules = HealthRules { unhealthy_after, healthy_after, ..HealthRules::default() };
    let mut standing = Standing::new(false);
    let mut seen = String::new();
    for letter in checks.chars() {
        let checked = match letter {
            '.' => Checked::Passed,
            'n' => Checked::NotServing,
            _ => Checked::Failed,
        };
        let before = standing.unhealthy;
        let turn = standing.observe(checked, &rules);
        assert_eq!(turn.map(|turn| turn == Turn::Healthy), (before != standing.unhealthy).then_some(before));
        seen.push(if standing.unhealthy { 'D' } else { 'U' });
    }
    assert_eq!(seen, verdicts, "{checks} with {unhealthy_after}, {healthy_after}");
}

#[test]
fn a_verdict_turns_after_enough_checks_in_a_row() {
    check(2, 1, "..", "UU");
    check(2, 1, "x.x.x.", "UUUUUU");
    check(2, 1, "xx.", "UDU");
    check(2, 1, ".xxx..x", "UUDDUUU");
    check(1, 1, "x.x", "DUD");
    check(3, 2, "xxx.x..", "UUDDDDU");
    check(0, 0, "x.", "DU");
    check(3, 2, "n.n..", "DDDDU");
}

#[test]
fn a_turn_says_how_many_checks_it_took() {
    let rules = HealthRules::default();
    let mut standing = Standing::new(false);
    assert_eq!(standing.observe(Checked::Failed, &rules), None);
    assert_eq!(standing.observe(Checked::Failed, &rules), Some(Turn::Unhealthy { checks: 2 }));
    let turn = Standing::new(false).observe(Checked::NotServing, &rules);
    assert_eq!(turn, Some(Turn::Unhealthy { checks: 1 }));
}

#[test]
fn pauses_are_short_in_doubt_and_grow_back_to_the_interval() {
    let rules = HealthRules {
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        ..HealthRules::default()
    };
    let mut standing = Standing::new(false);
    let mut expect = |checked: Checked, full_ms: u64| {
        standing.observe(checked, &rules);
        for random in [0, u64::MAX / 3, u64::MAX] {
            let pause = standing.pause(&rules, random).as_millis() as u64;
            assert!(
                pause >= full_ms * 9 / 10 && pause <= full_ms * 11 / 10,
                "{checked:?}: {pause} ms, expected about {full_ms}"
            );
        }
    };
    expect(Checked::Passed, 10_000);
    expect(Checked::Failed, 250);
    expect(Checked::Failed, 1000);
    expect(Checked::Failed, 2000);
    expect(Checked::Failed, 4000);
    expect(Checked::Failed, 8000);
    expect(Checked::Failed, 10_000);
    expect(Checked::Failed, 10_000);
    expect(Checked::Passed, 10_000);
}

#[test]
fn pauses_never_vanish() {
    let rules = HealthRules { interval: Duration::ZERO, timeout: Duration::ZERO, ..HealthRules::default() };
    assert_eq!(Standing::new(false).pause(&rules, 7), MIN_PAUSE);
}

#[test]
fn first_checks_come_soon_and_never_after_the_interval() {
    let often = HealthRules { interval: Duration::from_millis(20), ..HealthRules::default() };
    for random in [0, 1 << 40, u64::MAX / 2, u64::MAX] {
        assert!(first_pause(&HealthRules::default(), random) <= FIRST_SPREAD);
        assert!(first_pause(&often, random) <= often.interval);
    }
    assert_ne!(first_pause(&often, 0), first_pause(&often, u64::MAX));
}
