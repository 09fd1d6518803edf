//! Amounts: checked, compared and subtracted as whole numbers, never as floats.

use crate::check::Check;
use crate::google::r#type::Money;

const NANOS: i128 = 1_000_000_000;
/// Most that is charged at once, in whole units.
const MAX_UNITS: i128 = 10_000;
/// What is charged in.
const CURRENCIES: [&str; 3] = ["EUR", "USD", "CHF"];

/// The amount in billionths of a unit.
pub(super) fn total(money: &Money) -> i128 {
    i128::from(money.units) * NANOS + i128::from(money.nanos)
}

/// An amount in a currency.
pub(super) fn of(total: i128, currency: &str) -> Money {
    let units = i64::try_from(total / NANOS).unwrap_or(i64::MAX);
    Money { currency_code: currency.to_owned(), units, nanos: (total % NANOS) as i32 }
}

/// Checks that an amount can be charged.
pub(super) fn check(money: &Money, field: &str, faults: &mut Check) {
    let amount = total(money);
    faults
        .that(CURRENCIES.contains(&money.currency_code.as_str()), &format!("{field}.currency_code"), || {
            format!("is {:?}; expected EUR, USD or CHF", money.currency_code)
        })
        .that((0..1_000_000_000).contains(&money.nanos), &format!("{field}.nanos"), || {
            format!("is {}; expected 0 to 999999999", money.nanos)
        })
        .that(amount > 0 && amount <= MAX_UNITS * NANOS, &format!("{field}.units"), || {
            format!("make an amount that is not more than 0 and at most {MAX_UNITS}")
        })
        .that(amount % (NANOS / 100) == 0, &format!("{field}.nanos"), || {
            "make a fraction of a hundredth, which no bank moves".to_owned()
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (currency, units, nanos, fine) in [
            ("EUR", 10, 0, true),
            ("CHF", 0, 10_000_000, true),
            ("EUR", 10_000, 0, true),
            ("EUR", 10_000, 10_000_000, false),
            ("EUR", 0, 0, false),
            ("EUR", -1, 0, false),
            ("EUR", 1, -10_000_000, false),
            ("EUR", 1, 1, false),
            ("eur", 1, 0, false),
            ("", 1, 0, false),
        ] {
            let money = Money { currency_code: currency.into(), units, nanos };
            let mut faults = Check::default();
            check(&money, "amount", &mut faults);
            assert_eq!(faults.done().is_ok(), fine, "{money:?}");
            if fine {
                assert_eq!(of(total(&money), currency), money);
            }
        }
    }
}
