//! A history comes back from its text as it was, and what is no history says why.

use super::rows::*;
use tenet_history::{History, RecordAnswer, RecordOperation, Recorder};

type Records = History<RecordOperation, RecordAnswer>;

#[test]
fn recorders_merge_and_come_back_from_text() {
    let mut first = Recorder::new(7);
    let mut second = Recorder::new(8);
    let wrote = first.call(10, cas("a", 3, 5).with_token("t"));
    let read = second.call(5, scan().with_max_age(100));
    let _died = second.call(30, delete("b"));
    let refused = second.call(20, put("a", 9));
    first.answer(wrote, 12, at(4));
    second.answer(read, 4, items(&[("a", 5, 4)]));
    second.never_happened(refused);
    let history = Records::merge([first, second]);
    let expected: Records = [
        row(8, 5..=5, scan().with_max_age(100), items(&[("a", 5, 4)])),
        row(7, 10..=12, cas("a", 3, 5).with_token("t"), at(4)),
        open(8, 30, delete("b")),
    ]
    .into_iter()
    .collect();
    assert_eq!(history, expected, "a return before its call counts as the call's own time");
    let text = history.to_lines().unwrap();
    assert_eq!(text.lines().count(), 3);
    assert_eq!(Records::from_lines(&text).unwrap(), history);
    for answer in [absent(), item(1, 2), refused_by("a", None), super::rows::refused()] {
        let history: Records = [row(0, 0..=1, get("a"), answer)].into_iter().collect();
        assert_eq!(Records::from_lines(&history.to_lines().unwrap()).unwrap(), history);
    }
}

#[test]
fn malformed_lines_are_named() {
    let good = r#"{"client":1,"call_ns":5,"operation":{"record":"r","action":{"get":{"key":"a"}}}}"#;
    assert!(Records::from_lines(good).is_ok());
    for (line, words) in [
        ("nonsense".to_owned(), "expected ident"),
        (good.replace("}}}}", "}}},\"return_ns\":9}"), "without an answer"),
        (good.replace("}}}}", "}}},\"answer\":{\"item\":null}}"), "without a return_ns"),
        (
            good.replace("}}}}", "}}},\"return_ns\":4,\"answer\":{\"item\":null}}"),
            "returned at 4, before its call at 5",
        ),
        (good.replace("\"client\"", "\"klient\""), "unknown field `klient`"),
        (good.replace("\"get\"", "\"got\""), "unknown variant `got`"),
    ] {
        let error = Records::from_lines(&format!("{good}\n\n{line}\n")).unwrap_err();
        assert_eq!(error.line, 3, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}
