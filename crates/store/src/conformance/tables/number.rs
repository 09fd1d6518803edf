//! Numbers: added to where they are, and refused where they are none.

use crate::commit::{Must, Outcome, Refusal};
use crate::conformance::check::checks;
use crate::conformance::make::{add, change, change_if, item_key, number, put, put_for};
use crate::conformance::problem::{Checked, holds, same, short};
use crate::conformance::site::Site;

checks! { "number";
    sums_are_exact_to_the_last_one_that_fits,
    what_is_no_number_is_refused_whole,
    a_sum_is_a_put_like_any_other,
}

async fn sums_are_exact_to_the_last_one_that_fits(site: &mut Site) -> Checked {
    // What is added one after the other, and the sum, or that it is too large.
    let rows: [(&[i64], Option<i64>); 8] = [
        (&[0], Some(0)),
        (&[5, -9], Some(-4)),
        (&[i64::MAX], Some(i64::MAX)),
        (&[i64::MIN], Some(i64::MIN)),
        (&[i64::MAX, i64::MIN], Some(-1)),
        (&[i64::MIN, i64::MAX, 1], Some(0)),
        (&[i64::MAX, 1], None),
        (&[i64::MIN, -1], None),
    ];
    for (row, (amounts, sum)) in rows.into_iter().enumerate() {
        let record = format!("r{row}");
        let mut refused = false;
        for amount in amounts {
            refused = matches!(
                site.commit(vec![change(&record, vec![add("n", *amount)])]).await?,
                Outcome::Refused(_)
            );
        }
        same(format!("{amounts:?}: refused"), &refused, &sum.is_none())?;
        let found = site.read(&record, "n").await?.as_ref().and_then(number);
        // What was refused is as it was.
        same(format!("{amounts:?}"), &found, &Some(sum.unwrap_or(amounts[0])))?;
    }
    Ok(())
}

async fn what_is_no_number_is_refused_whole(site: &mut Site) -> Checked {
    for (row, value) in ["", "1", "1234567", "123456789"].into_iter().enumerate() {
        let record = format!("r{row}");
        site.done(vec![change(&record, vec![put("n", value)])]).await?;
        let refusal = site.refused(vec![change(&record, vec![put("a", "x"), add("n", 1)])]).await?;
        match refusal {
            Refusal::NotANumber { item, .. } => same(value, &item, &item_key(site.collection, &record, "n"))?,
            other => holds(format!("adding to {value:?}: {}", short(&other)), false)?,
        }
        same("put in the same commit", &site.read(&record, "a").await?, &None)?;
        same("as it was", &site.text(&record, "n").await?, &Some(value.to_owned()))?;
    }
    // A condition that does not hold is told first.
    let refusal = site.refused(vec![change_if("r1", &[("x", Must::BePresent)], vec![add("n", 1)])]).await?;
    same("with a condition", &refusal, &Refusal::Condition { change: 0, condition: 0, found: None })
}

async fn a_sum_is_a_put_like_any_other(site: &mut Site) -> Checked {
    site.done(vec![change("r", vec![put_for("n", 41i64.to_be_bytes(), site.units(50))])]).await?;
    let version = site.done(vec![change("r", vec![add("n", 1), put("a", "x")])]).await?;
    let item = site.read("r", "n").await?;
    same("a number that was put", &item.as_ref().and_then(number), &Some(42))?;
    same("its version", &item.as_ref().map(|item| item.version), &Some(version))?;
    // The time to live is the write's own, also where it is none.
    same("its end", &item.and_then(|item| item.expires), &None)
}
