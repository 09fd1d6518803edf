//! Reports as others write them, and what nobody should.

use super::*;
use proptest::prelude::*;

fn double(number: u8, value: f64) -> Vec<u8> {
    [&[number << 3 | 1][..], &value.to_le_bytes()].concat()
}

#[test]
fn messages_are_read_and_what_is_unknown_is_skipped() {
    let check = |bytes: &[Vec<u8>], expected| {
        assert_eq!(Report::from_bytes(&bytes.concat()), expected, "{bytes:02x?}");
    };
    let cpu = Report { cpu_utilization: 0.5, ..Report::default() };
    check(&[], Ok(Report::default()));
    check(&[double(1, 0.5)], Ok(cpu));
    check(&[double(1, 0.9), double(1, 0.5)], Ok(cpu));
    check(
        &[double(1, 0.5), double(2, 0.25), double(6, 1000.5), double(7, 2.0), double(9, 1.5)],
        Ok(Report {
            cpu_utilization: 0.5,
            mem_utilization: 0.25,
            rps_fractional: 1000.5,
            eps: 2.0,
            application_utilization: 1.5,
        }),
    );
    // `rps`, a map entry, a fixed32, a field of two tag bytes.
    let map = [&[0x22, 12, 0x0a, 1, b'x', 0x11][..], &[0; 8]].concat();
    check(
        &[vec![0x18, 0xff, 0x01], map, vec![0x55, 1, 2, 3, 4], vec![0x80, 0x01, 0], double(1, 0.5)],
        Ok(cpu),
    );
    for bytes in [
        &[0x09][..],
        &[0x09, 0, 0, 0],
        &[0x08, 1],
        &[0x0a, 5, 1],
        &[0x00, 1],
        &[0x1b],
        &[0x1c],
        &[0x1f],
        &[0x18],
        &[0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        &[0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00],
    ] {
        check(&[bytes.to_vec()], Err(ReportError::Malformed));
    }
    for value in [f64::NAN, f64::INFINITY, -0.1, 10.1] {
        check(&[double(1, value)], Err(ReportError::Value));
        check(&[double(9, value)], Err(ReportError::Value));
    }
    check(&[double(7, -1.0)], Err(ReportError::Value));
    check(&[vec![0; REPORT_MOST + 1]], Err(ReportError::TooLong));
}

#[test]
fn text_is_read_as_envoy_writes_it() {
    let check = |text: &str, expected| assert_eq!(Report::from_text(text), expected, "{text}");
    let both = Report { cpu_utilization: 0.3, eps: 2.0, ..Report::default() };
    check("TEXT cpu_utilization=0.3, eps=2", Ok(both));
    check("TEXT cpu_utilization:0.3,eps:2,named_metrics.x:7", Ok(both));
    check("TEXT  cpu_utilization = 0.3 , eps = 2, ", Ok(both));
    check("TEXT ", Ok(Report::default()));
    for (text, error) in [
        ("", ReportError::Format),
        ("JSON {}", ReportError::Format),
        ("TEXT cpu_utilization", ReportError::Number),
        ("TEXT cpu_utilization=\"0.3\"", ReportError::Number),
        ("TEXT cpu_utilization=", ReportError::Number),
        ("TEXT cpu_utilization=NaN", ReportError::Value),
        ("TEXT cpu_utilization=inf", ReportError::Value),
        ("TEXT mem_utilization=-1", ReportError::Value),
        ("TEXT application_utilization=85", ReportError::Value),
    ] {
        check(text, Err(error));
    }
    check(&format!("TEXT {}", "x".repeat(REPORT_MOST)), Err(ReportError::TooLong));
}

#[test]
fn the_application_knows_better_than_its_cpu() {
    for (application, cpu, expected) in
        [(0.0, 0.0, None), (0.0, 0.3, Some(0.3)), (0.7, 0.3, Some(0.7)), (0.7, 0.0, Some(0.7))]
    {
        let report =
            Report { application_utilization: application, cpu_utilization: cpu, ..Report::default() };
        assert_eq!(report.utilisation(), expected);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(values in prop::array::uniform5(0.0..10.0f64)) {
        let [cpu_utilization, mem_utilization, rps_fractional, eps, application_utilization] = values;
        let report = Report { cpu_utilization, mem_utilization, rps_fractional, eps, application_utilization };
        prop_assert_eq!(Report::from_bytes(&report.to_bytes()), Ok(report));
        prop_assert_eq!(Report::from_text(&report.to_text()), Ok(report));
    }

    /// Nothing panics, and what is taken is a sound number.
    #[test]
    fn nothing_that_is_sent_does_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), text: String, cut: usize) {
        let whole = Report { cpu_utilization: 0.5, eps: 3.0, application_utilization: 0.7, ..Report::default() }.to_bytes();
        let mut spliced = whole[..cut % whole.len()].to_vec();
        spliced.extend_from_slice(&bytes);
        let texts = [text.clone(), format!("TEXT {text}")];
        let reports = [bytes, spliced].map(|bytes| Report::from_bytes(&bytes));
        for report in reports.into_iter().chain(texts.map(|text| Report::from_text(&text))).flatten() {
            prop_assert!(report.utilisation().is_none_or(|value| value > 0.0 && value <= UTILISATION_MOST));
        }
    }
}
