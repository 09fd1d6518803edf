//! Bindings: path, query and body to one message, and a response to a body.

use crate::codec::{CODEC, LENIENT, STRICT, message, print};
use tenet_error::Code;
use tenet_transcode::{
    Binding, BodyRule, ParseOptions, PrintOptions, RequestBody, ResponseKind, Unknowns, Variable,
};

struct Case<'a> {
    input: &'a str,
    variables: &'a [(&'a str, bool)],
    body: BodyRule,
    captures: &'a [&'a str],
    query: &'a str,
    json: &'a str,
}

const GET: Case<'static> =
    Case { input: "wide.Wide", variables: &[], body: BodyRule::None, captures: &[], query: "", json: "" };

fn variables(variables: &[(&str, bool)]) -> Vec<Variable> {
    let make =
        |&(name, multi_segment): &(&str, bool)| Variable { field_path: name.to_owned(), multi_segment };
    variables.iter().map(make).collect()
}

fn run(case: &Case<'_>, options: &ParseOptions) -> (Result<String, (String, Code)>, Unknowns) {
    let input = message(case.input);
    let binding = Binding::compile(&CODEC, input, input, &variables(case.variables), case.body.clone(), None)
        .expect("compiles");
    let (mut out, mut unknown) = (b"x".to_vec(), Unknowns::new());
    let body = match case.json {
        "" => RequestBody::Empty,
        json => RequestBody::Json(json.as_bytes()),
    };
    let query = Some(case.query).filter(|query| !query.is_empty());
    let result = binding.request(&CODEC, case.captures, query, body, options, &mut out, &mut unknown);
    let result = match result {
        Ok(()) => Ok(print(case.input, &out[1..], &PrintOptions::default()).expect("a message")),
        Err(error) => {
            assert_eq!(out, b"x", "nothing is left behind after an error");
            Err((error.to_string(), error.code()))
        }
    };
    (result, unknown)
}

fn query(query: &str, expected: Result<&str, &str>) {
    match (run(&Case { query, ..GET }, &STRICT).0, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{query}"),
        (Err((found, _)), Err(expected)) => assert!(found.contains(expected), "{query}: {found}"),
        (found, _) => panic!("{query}: found {found:?}, expected {expected:?}"),
    }
}

#[test]
fn query_parameters_reach_every_kind_of_field() {
    query(
        "an_int32=-1&aUint32=2&a_double=1.5&a_float=NaN&a_bool=true",
        Ok(r#"{"aDouble":1.5,"aFloat":"NaN","anInt32":-1,"aUint32":2,"aBool":true}"#),
    );
    query("a_string=a+b%20c%2B%26&&some_bytes=-_8", Ok(r#"{"aString":"a b c+&","someBytes":"+/8="}"#));
    query(
        "colour=COLOUR_RED&colours=2&colours=77",
        Ok(r#"{"colour":"COLOUR_RED","colours":["COLOUR_BLUE",77]}"#),
    );
    query("int32s=1&int32s=2&strings=&strings=x", Ok(r#"{"int32s":[1,2],"strings":["","x"]}"#));
    query(
        "nested.nested.an_int32=5&nested.aBool=1",
        Ok(r#"{"nested":{"aBool":true,"nested":{"anInt32":5}}}"#),
    );
    query("at=2024-01-01T00:00:00Z&span=1.5s", Ok(r#"{"at":"2024-01-01T00:00:00Z","span":"1.500s"}"#));
    query("at=2024-01-01T00:00:00%2B01:00", Ok(r#"{"at":"2023-12-31T23:00:00Z"}"#));
    query("mask=a_b.c,d,eF", Ok(r#"{"mask":"aB.c,d,eF"}"#));
    query(
        "wrapped_int64=0&wrapped_string=&wrapped_strings=a&wrapped_strings=b",
        Ok(r#"{"wrappedInt64":"0","wrappedString":"","wrappedStrings":["a","b"]}"#),
    );
    query("value=[1]&structure=%7B%22a%22:1%7D", Ok(r#"{"structure":{"a":1},"value":[1]}"#));
    query("maybe_int32=0", Ok(r#"{"maybeInt32":0}"#));
    query(
        "chosen_wide.an_int32=1&chosen_wide.a_bool=true",
        Ok(r#"{"chosenWide":{"anInt32":1,"aBool":true}}"#),
    );
}

#[test]
fn query_parameters_that_cannot_be_read_are_refused_by_name() {
    query("an_int32=x", Err("parameter \"an_int32\": expected int32"));
    query("an_int32=1&anInt32=2", Err("parameter \"anInt32\": the parameter is given twice"));
    query("chosen_text=a&chosen_number=1", Err("another field of the same oneof"));
    query("a_bool=yes", Err("expected true or false"));
    query("colour=RED", Err("expected a value of the enum wide.Colour"));
    query("some_bytes=*", Err("base64"));
    query("a_string=%ff", Err("not UTF-8"));
    query("a_string=%f", Err("two hexadecimal digits"));
    query("nested=1", Err("is a message (wide.Wide)"));
    query("wides.an_int32=1", Err("passes through a list"));
    query("at=now", Err("RFC 3339"));
    query("any=1", Err("is a message (google.protobuf.Any)"));
    query(&"nested.".repeat(200), Err("nested too deeply"));
    query(&"strings=&".repeat(1001), Err("more than 1000 parameters"));
}

#[test]
fn parameters_nobody_knows_are_ignored_and_named_or_refused() {
    for name in ["none", "an_int32.x", "texts", "texts.a", "nested.", "", ".", "%FF"] {
        let case = Case { query: &format!("{name}=1"), ..GET };
        let (result, unknown) = run(&case, &LENIENT);
        assert_eq!((result, unknown.total()), (Ok("{}".to_owned()), 1), "{name}");
        let (result, _) = run(&case, &STRICT);
        assert_eq!(result.map_err(|error| error.1), Err(Code::UnknownField), "{name}");
    }
}

#[test]
fn path_captures_keep_what_their_pattern_says() {
    for (multi, raw, expected) in
        [(false, "a%2Fb+c%20d", "a/b+c d"), (true, "a/b%2Fc%20d", "a/b%2Fc d"), (false, "", "")]
    {
        let case = Case { variables: &[("nested.a_string", multi)], captures: &[raw], ..GET };
        let expected = match expected {
            "" => r#"{"nested":{}}"#.to_owned(),
            text => format!(r#"{{"nested":{{"aString":"{text}"}}}}"#),
        };
        assert_eq!(run(&case, &STRICT).0, Ok(expected));
    }
    let case =
        Case { variables: &[("an_int32", false), ("colour", false)], captures: &["7", "COLOUR_RED"], ..GET };
    assert_eq!(run(&case, &STRICT).0, Ok(r#"{"anInt32":7,"colour":"COLOUR_RED"}"#.to_owned()));
    let case = Case { captures: &["x", "1"], ..case };
    let error = run(&case, &STRICT).0.expect_err("not a number");
    assert_eq!(error.1, Code::InvalidParameter);
    assert!(error.0.starts_with("parameter \"an_int32\": expected int32"), "{}", error.0);
}

#[test]
fn the_path_has_the_last_word() {
    let case = Case {
        variables: &[("an_int32", false), ("nested.at", false)],
        captures: &["0", "1970-01-01T00:00:00Z"],
        body: BodyRule::Whole,
        json: r#"{"anInt32":5,"aBool":true,"nested":{"at":"2024-01-01T00:00:00.5Z","aBool":true}}"#,
        ..GET
    };
    let expected = r#"{"aBool":true,"nested":{"aBool":true,"at":"1970-01-01T00:00:00Z"}}"#;
    assert_eq!(run(&case, &STRICT).0, Ok(expected.to_owned()));
    // A query parameter of the same name, or inside it, is not looked at.
    let case = Case { variables: &[("an_int32", false)], captures: &["3"], query: "an_int32=9", ..GET };
    let (result, unknown) = run(&case, &LENIENT);
    assert_eq!((result, unknown.names()), (Ok(r#"{"anInt32":3}"#.to_owned()), &["an_int32".to_owned()][..]));
}

#[test]
fn bodies() {
    let case = Case {
        body: BodyRule::Field("nested".into()),
        json: r#"{"anInt32":1}"#,
        query: "a_bool=true",
        ..GET
    };
    assert_eq!(run(&case, &STRICT).0, Ok(r#"{"aBool":true,"nested":{"anInt32":1}}"#.to_owned()));
    let case = Case { query: "nested.an_int32=2", ..case };
    assert_eq!(run(&case, &STRICT).0.map_err(|error| error.1), Err(Code::UnknownField));
    let case = Case { body: BodyRule::Field("int32s".into()), json: "[1,2]", ..GET };
    assert_eq!(run(&case, &STRICT).0, Ok(r#"{"int32s":[1,2]}"#.to_owned()));
    let case = Case { body: BodyRule::Field("a_string".into()), json: "\"x\"", ..GET };
    assert_eq!(run(&case, &STRICT).0, Ok(r#"{"aString":"x"}"#.to_owned()));
    let case = Case { json: "7", ..case };
    assert_eq!(
        run(&case, &STRICT).0,
        Err(("aString: expected a string, found a number (at byte 0)".to_owned(), Code::InvalidJson))
    );
    let case = Case { body: BodyRule::Whole, query: "an_int32=1", json: "{}", ..GET };
    assert_eq!(run(&case, &LENIENT).1.names(), ["an_int32"]);
    let case = Case { body: BodyRule::Whole, ..GET };
    assert_eq!(run(&case, &STRICT).0, Ok("{}".to_owned()));
    let case = Case { json: "not looked at", ..GET };
    assert_eq!(run(&case, &STRICT).0, Ok("{}".to_owned()));
    // A required field may come from the path.
    let case = Case {
        input: "old.Old",
        variables: &[("id", false)],
        captures: &["a"],
        body: BodyRule::Whole,
        json: "{}",
        ..GET
    };
    assert_eq!(run(&case, &STRICT).0, Ok(r#"{"id":"a"}"#.to_owned()));
}

#[test]
fn what_is_appended_is_bounded_too() {
    let small = ParseOptions { max_output: 10, ..STRICT };
    for case in [
        Case { query: "a_string=aaaaaaaaaaaaaaaaaaaa", ..GET },
        Case { variables: &[("a_string", false)], captures: &["aaaaaaaaaaaaaaaaaaaa"], ..GET },
    ] {
        let error = run(&case, &small).0.expect_err("too long");
        assert!(error.0.contains("exceeds the limit"), "{}", error.0);
    }
}

#[test]
fn http_bodies_pass_through() {
    let upload = message("wide.Upload");
    let whole = message("google.api.HttpBody");
    let data: &[u8] = &[0, 255, 7];
    let body = RequestBody::Http { content_type: "image/png", data };
    let http = ResponseKind::HttpBody { content_type: "image/png".to_owned(), data: 0..0 };

    let in_field = Binding::compile(
        &CODEC,
        upload,
        upload,
        &variables(&[("name", false)]),
        BodyRule::Field("file".into()),
        Some("file"),
    )
    .expect("compiles");
    assert!(in_field.takes_http_body() && in_field.gives_http_body());
    let (mut wire, mut unknown) = (Vec::new(), Unknowns::new());
    in_field.request(&CODEC, &["n"], Some("size=3"), body, &STRICT, &mut wire, &mut unknown).expect("good");
    assert_eq!(
        print("wide.Upload", &wire, &PrintOptions::default()).as_deref(),
        Ok(r#"{"name":"n","file":{"contentType":"image/png","data":"AP8H"},"size":3}"#)
    );

    let alone = Binding::compile(&CODEC, whole, whole, &[], BodyRule::Whole, None).expect("compiles");
    assert!(alone.takes_http_body() && alone.gives_http_body());
    let mut alone_wire = Vec::new();
    alone.request(&CODEC, &[], None, body, &STRICT, &mut alone_wire, &mut unknown).expect("good");

    for (binding, wire) in [(&in_field, &wire), (&alone, &alone_wire)] {
        let mut out = Vec::new();
        let answer = binding.response(&CODEC, wire, &PrintOptions::default(), &mut out).expect("good");
        let ResponseKind::HttpBody { content_type, data: range } = answer else { panic!("{answer:?}") };
        assert_eq!((content_type.as_str(), &wire[range], out.len()), ("image/png", data, 0));
    }
    let mut out = Vec::new();
    let empty = in_field.response(&CODEC, &[], &PrintOptions::default(), &mut out).expect("good");
    assert_ne!(empty, http);
    assert_eq!(empty, ResponseKind::HttpBody { content_type: String::new(), data: 0..0 });
}

#[test]
fn response_bodies() {
    let wide = message("wide.Wide");
    let wire = crate::codec::read(
        "wide.Wide",
        br#"{"anInt32":5,"int32s":[1],"at":"1970-01-01T00:00:00Z"}"#,
        &STRICT,
    )
    .expect("good");
    for (field, full, empty) in [
        ("an_int32", "5", "0"),
        ("int32s", "[1]", "[]"),
        ("at", "\"1970-01-01T00:00:00Z\"", "\"1970-01-01T00:00:00Z\""),
        ("nested", "{}", "{}"),
        ("texts", "{}", "{}"),
        ("aString", "\"\"", "\"\""),
    ] {
        let binding =
            Binding::compile(&CODEC, wide, wide, &[], BodyRule::None, Some(field)).expect("compiles");
        for (wire, expected) in [(&wire[..], full), (&[], empty)] {
            let mut out = Vec::new();
            let kind = binding.response(&CODEC, wire, &PrintOptions::default(), &mut out).expect("good");
            assert_eq!(
                (kind, String::from_utf8_lossy(&out).as_ref()),
                (ResponseKind::Json, expected),
                "{field}"
            );
        }
    }
}

#[test]
fn bindings_that_cannot_be_compiled_say_why() {
    let wide = message("wide.Wide");
    let variable =
        |name: &str| Binding::compile(&CODEC, wide, wide, &variables(&[(name, false)]), BodyRule::None, None);
    for (name, expected) in [
        ("none", "no field \"none\", which the path binds"),
        ("an_int32.x", "no field \"an_int32.x\""),
        ("int32s", "not a single scalar value"),
        ("nested", "not a single scalar value"),
        ("mask", "not a single scalar value"),
        ("wides.an_int32", "it passes through a list"),
    ] {
        let error = variable(name).expect_err(name).to_string();
        assert!(error.starts_with("wide.Wide: ") && error.contains(expected), "{error}");
    }
    let body = Binding::compile(&CODEC, wide, wide, &[], BodyRule::Field("none".into()), None);
    assert!(body.is_err_and(|error| error.message.contains("which body names")));
    let response = Binding::compile(&CODEC, wide, wide, &[], BodyRule::None, Some("none"));
    assert!(response.is_err_and(|error| error.message.contains("which response_body names")));
}
