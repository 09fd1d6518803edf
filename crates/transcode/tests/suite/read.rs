//! JSON in: what is accepted, and that what is refused says where and why.

use crate::codec::{CODEC, LENIENT, STRICT, message, print, read};
use tenet_transcode::{ParseOptions, PrintOptions, Unknowns};

/// Reads strictly and prints again: `Ok` is what is printed, `Err` a part of the error.
fn check_as(name: &str, json: &str, expected: Result<&str, &str>) {
    let found =
        read(name, json.as_bytes(), &STRICT).and_then(|wire| print(name, &wire, &PrintOptions::default()));
    match (&found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{json}"),
        (Err(found), Err(expected)) => assert!(found.contains(expected), "{json}: {found}"),
        _ => panic!("{json}: found {found:?}, expected {expected:?}"),
    }
}

fn check(json: &str, expected: Result<&str, &str>) {
    check_as("wide.Wide", json, expected);
}

/// Printed as it was read.
fn same(json: &str) {
    check(json, Ok(json));
}

#[test]
fn numbers() {
    check(
        r#"{"anInt32": 1e2, "aUint32": "7", "aSint32": -3.0}"#,
        Ok(r#"{"anInt32":100,"aUint32":7,"aSint32":-3}"#),
    );
    check(r#"{"anInt64": 9007199254740993}"#, Ok(r#"{"anInt64":"9007199254740993"}"#));
    same(r#"{"anInt32":-2147483648,"anInt64":"-9223372036854775808","aUint64":"18446744073709551615"}"#);
    same(
        r#"{"aSint64":"-9223372036854775808","aFixed64":"18446744073709551615","aSfixed32":-1,"aSfixed64":"-1"}"#,
    );
    same(r#"{"aDouble":"NaN","aFloat":"-Infinity"}"#);
    check(r#"{"aDouble": "1.5e3", "aFloat": 0.1}"#, Ok(r#"{"aDouble":1500,"aFloat":0.1}"#));
    check(r#"{"aDouble": -0.0}"#, Ok(r#"{"aDouble":-0}"#));
    check(r#"{"anInt32": 0, "aDouble": 0, "aString": "", "aBool": false}"#, Ok("{}"));
    check(r#"{"anInt32": 1.5}"#, Err("anInt32: expected int32, found a number with a fraction (at byte 12)"));
    check(r#"{"anInt32": 2147483648}"#, Err("out of the range of int32"));
    check(r#"{"aUint64": -1}"#, Err("out of the range of uint64"));
    check(r#"{"anInt32": "1 "}"#, Err("no number"));
    check(r#"{"anInt32": 01}"#, Err("not a JSON number"));
    check(r#"{"anInt32": true}"#, Err("expected a number, found a boolean"));
    check(r#"{"aDouble": 1e400}"#, Err("out of range"));
    check(r#"{"aDouble": NaN}"#, Err("expected a number"));
    check(r#"{"aFloat": 3.5e38}"#, Err("out of range"));
}

#[test]
fn text_and_bytes() {
    same(r#"{"aString":"é😀\"\\\n\u0001"}"#);
    check(r#"{"aString":"\uD83D\uDE00\/"}"#, Ok(r#"{"aString":"😀/"}"#));
    check(r#"{"aString":"\uD83D"}"#, Err("half of a surrogate pair"));
    check(r#"{"aString":5}"#, Err("expected a string, found a number"));
    check(r#"{"someBytes":"-_8"}"#, Ok(r#"{"someBytes":"+/8="}"#));
    check(r#"{"someBytes":"*"}"#, Err("base64"));
    let error = read("wide.Wide", b"{\"aString\":\"\xff\"}", &STRICT).expect_err("not UTF-8");
    assert!(error.contains("not UTF-8 (at byte 12)"), "{error}");
}

#[test]
fn names() {
    check(r#"{"an_int32": 1, "aUint32": 2}"#, Ok(r#"{"anInt32":1,"aUint32":2}"#));
    check(r#"{"@odd": "x"}"#, Ok(r#"{"@odd":"x"}"#));
    check(r#"{"odd": "x"}"#, Ok(r#"{"@odd":"x"}"#));
    check(r#"{"\u0061nInt32": 1}"#, Ok(r#"{"anInt32":1}"#));
    check(r#"{"far": 1, "anInt32": 2}"#, Ok(r#"{"anInt32":2,"far":1}"#));
    check(r#"{"an_int32": 1, "anInt32": 2}"#, Err("anInt32: the field is given twice (at byte 16)"));
    check(r#"{"ANINT32": 1}"#, Err("no such field"));
}

#[test]
fn nulls_and_presence() {
    check(
        r#"{"anInt32":null,"nested":null,"int32s":null,"texts":null,"wrappedInt64":null,"at":null}"#,
        Ok("{}"),
    );
    check(r#"{"maybeInt32":0,"maybeString":""}"#, Ok(r#"{"maybeInt32":0,"maybeString":""}"#));
    check(r#"{"value":null,"chosenNull":null}"#, Ok(r#"{"chosenNull":null,"value":null}"#));
    check(r#"{"int32s":[1,null]}"#, Err("int32s[1]: expected int32, found null"));
    check(r#"{"texts":{"a":null}}"#, Err("texts.a: expected string, found null"));
    check(r#"{"values":{"a":null}}"#, Ok(r#"{"values":{"a":null}}"#));
    check("null", Err("expected an object, found null"));
}

#[test]
fn enums() {
    check(
        r#"{"colour":2,"colours":["COLOUR_RED",-1,77]}"#,
        Ok(r#"{"colour":"COLOUR_BLUE","colours":["COLOUR_RED","COLOUR_NEGATIVE",77]}"#),
    );
    check(r#"{"colour":"colour_red"}"#, Err("not a value of the enum wide.Colour"));
    check(r#"{"colour":"1"}"#, Err("not a value"));
    check(r#"{"colour":1.5}"#, Err("fraction"));
}

#[test]
fn lists_maps_and_oneofs() {
    same(r#"{"int32s":[1,2,3],"doubles":[0.5],"strings":["","a"],"unpacked":["-1"],"bools":[true,false]}"#);
    same(
        r#"{"texts":{"":"x","b":""},"byNumber":{"-1":{},"2":{"anInt32":1}},"byTruth":{"true":"COLOUR_RED"}}"#,
    );
    same(r#"{"bySize":{"18446744073709551615":"AQI="}}"#);
    check(r#"{"texts":{"a":"1","\u0061":"2"}}"#, Err("texts: a key of the map is given twice"));
    check(r#"{"byNumber":{"x":{}}}"#, Err("byNumber.x: expected a map key that is a int32"));
    check(r#"{"byTruth":{"True":1}}"#, Err("map key that is a bool"));
    check(r#"{"int32s":{}}"#, Err("int32s: expected a list, found an object"));
    check(r#"{"int32s":[1,]}"#, Err("expected a number, found ']'"));
    same(r#"{"chosenText":""}"#);
    check(r#"{"chosenText":"a","chosenNumber":1}"#, Err("chosenNumber: another field of the same oneof"));
    check(r#"{"chosenText":null,"chosenNumber":1}"#, Ok(r#"{"chosenNumber":"1"}"#));
    check(r#"{"wides":[{"wides":[{"aBool":7}]}]}"#, Err("wides[0].wides[0].aBool: expected true or false"));
}

#[test]
fn well_known_types() {
    check(r#"{"at":"2024-01-01T00:00:00.5+01:00"}"#, Ok(r#"{"at":"2023-12-31T23:00:00.500Z"}"#));
    check(r#"{"at":"yesterday"}"#, Err("at: expected an RFC 3339 time"));
    check(r#"{"span":"-1.5s","mask":"aB.c,d"}"#, Ok(r#"{"span":"-1.500s","mask":"aB.c,d"}"#));
    same(r#"{"mask":",a,"}"#);
    check(r#"{"mask":"a_b"}"#, Err("lowerCamelCase"));
    same(r#"{"structure":{"a":{"b":[1,"x",null,true,{}]},"c":-1.5},"value":[[],{}],"list":[1,[2]]}"#);
    check(r#"{"structure":{"a":1,"a":2}}"#, Err("structure: a member of the object is given twice"));
    same(
        r#"{"wrappedInt64":"0","wrappedString":"","wrappedBool":true,"wrappedBytes":"AA==","wrappedDouble":1.5}"#,
    );
    same(r#"{"empty":{},"wrappedStrings":["a",""],"instants":["1970-01-01T00:00:00Z"]}"#);
}

#[test]
fn any_holds_every_shape() {
    same(r#"{"any":{}}"#);
    same(r#"{"any":{"@type":"type.googleapis.com/wide.Wide","anInt32":1,"any":{"@type":"x/wide.Upload"}}}"#);
    check(
        r#"{"any":{"anInt32":1,"@type":"type.googleapis.com/wide.Wide"}}"#,
        Ok(r#"{"any":{"@type":"type.googleapis.com/wide.Wide","anInt32":1}}"#),
    );
    same(r#"{"any":{"@type":"a/google.protobuf.Duration","value":"1s"}}"#);
    same(r#"{"any":{"@type":"a/google.protobuf.Value","value":[null]}}"#);
    same(
        r#"{"any":{"@type":"a/google.protobuf.Any","value":{"@type":"a/google.protobuf.BoolValue","value":true}}}"#,
    );
    check(
        r#"{"any":{"@type":"a/google.protobuf.Empty","value":{}}}"#,
        Ok(r#"{"any":{"@type":"a/google.protobuf.Empty"}}"#),
    );
    check(r#"{"any":{"anInt32":1}}"#, Err("any: the object of an Any has no \"@type\""));
    check(r#"{"any":{"@type":"a/no.Such"}}"#, Err("names no known message: \"a/no.Such\""));
    check(r#"{"any":{"@type":"wide.Wide"}}"#, Err("names no known message"));
    check(r#"{"any":{"@type":"a/google.protobuf.Duration"}}"#, Err("has no \"value\""));
    check(
        r#"{"any":{"@type":"a/wide.Wide","@type":"a/wide.Wide"}}"#,
        Err("any.@type: \"@type\" is given twice"),
    );
    check(
        r#"{"any":{"@type":"a/google.protobuf.Any","value":{},"@type":""}}"#,
        Err("\"@type\" is given twice"),
    );
    let nested = |levels| {
        let type_last = ",\"@type\":\"a/google.protobuf.Any\"}";
        format!("{{\"any\":{}{{}}{}}}", "{\"value\":".repeat(levels), type_last.repeat(levels))
    };
    assert!(read("wide.Wide", nested(6).as_bytes(), &STRICT).is_ok());
    check(&nested(60), Err("too much stands before the \"@type\""));
}

#[test]
fn proto2() {
    let same = |json: &str| check_as("old.Old", json, Ok(json));
    same(r#"{"id":"","count":0,"level":"HIGH","levels":["LOW"],"data":{"x":1,"data":{}},"byName":{"a":"LOW"}}"#.replace("\"data\":{}", "\"again\":{}").as_str());
    same(r#"{"id":"a","[old.extra]":5,"[old.extras]":["x"]}"#);
    check_as("old.Old", r#"{"count":1}"#, Err("the required field \"id\" is missing"));
    check_as("old.Old", r#"{"id":null}"#, Err("id: the field is required and cannot be null"));
    check_as("old.Old", r#"{"id":"","level":3}"#, Err("not a value of the enum old.Level"));
    check_as("old.Old", r#"{"id":"","[old.none]":3}"#, Err("no such field"));
}

#[test]
fn documents_that_are_not_json() {
    for (json, expected) in [
        ("", "expected an object, found the end of the text"),
        ("{", "expected a string, found the end"),
        ("{}x", "expected the end of the text, found 'x'"),
        ("{\"anInt32\"1}", "expected ':'"),
        ("{\"anInt32\":1 \"aBool\":true}", "expected ',' or '}'"),
        ("{'a':1}", "expected a string"),
        ("{\"anInt32\":1,}", "expected a string"),
        ("\u{feff}{}", "expected an object"),
        ("[]", "expected an object, found a list"),
    ] {
        check(json, Err(expected));
    }
}

#[test]
fn what_is_unknown_is_named_with_its_path() {
    let json =
        br#"{"new":{"deep":[1,{"a":null}]},"nested":{"new2":1,"colour":"COLOUR_NEW"},"wides":[{},{"x":"y"}],
        "colours":["COLOUR_RED","COLOUR_NEW"],"byTruth":{"true":"COLOUR_NEW","false":1},"anInt32":5}"#;
    let (mut out, mut unknown) = (Vec::new(), Unknowns::new());
    CODEC
        .json_to_wire(message("wide.Wide"), json, &LENIENT, &mut out, &mut unknown)
        .expect("unknown is no error");
    assert_eq!(
        unknown.names(),
        ["new", "nested.new2", "nested.colour", "wides[1].x", "colours[1]", "byTruth.true"]
    );
    assert_eq!(unknown.total(), 6);
    let printed = print("wide.Wide", &out, &PrintOptions::default());
    assert_eq!(
        printed.as_deref(),
        Ok(
            r#"{"anInt32":5,"nested":{},"colours":["COLOUR_RED"],"wides":[{},{}],"byTruth":{"false":"COLOUR_RED"}}"#
        )
    );
    let strict = read("wide.Wide", json, &STRICT);
    assert_eq!(strict, Err("new: the message has no such field (at byte 1)".to_owned()));
}

#[test]
fn only_a_few_unknown_names_are_kept_and_all_are_counted() {
    let members: Vec<String> = (0..1000).map(|i| format!("\"unknown_{i}\":{i}")).collect();
    let json = format!("{{{}}}", members.join(","));
    let (mut out, mut unknown) = (Vec::new(), Unknowns::new());
    CODEC
        .json_to_wire(message("wide.Wide"), json.as_bytes(), &LENIENT, &mut out, &mut unknown)
        .expect("ignored");
    assert_eq!((unknown.total(), unknown.names().len()), (1000, 16));
    assert!(unknown.names().iter().map(String::len).sum::<usize>() <= 512);
}

#[test]
fn nesting_and_size_end_where_the_options_say() {
    let nested = |depth: usize, open: &str, close: &str| {
        format!("{}{{}}{}", open.repeat(depth), close.repeat(depth)).into_bytes()
    };
    for (depth, good) in [(99, true), (100, false), (100_000, false)] {
        let result = read("wide.Wide", &nested(depth, "{\"nested\":", "}"), &STRICT);
        assert_eq!(result.is_ok(), good, "{depth}: {result:?}");
        let lists = format!("{{\"value\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let lists = read("wide.Wide", lists.as_bytes(), &STRICT);
        assert_eq!(lists.is_ok(), good, "{depth} lists");
        assert!(
            lists.is_err()
                || lists.is_ok_and(|wire| print("wide.Wide", &wire, &PrintOptions::default()).is_ok())
        );
        let unknown = format!("{{\"new\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(read("wide.Wide", unknown.as_bytes(), &LENIENT).is_ok(), good, "{depth} unknown lists");
        let any = nested(depth, "{\"@type\":\"a/google.protobuf.Any\",\"value\":", "}");
        assert_eq!(read("google.protobuf.Any", &any, &STRICT).is_ok(), good, "{depth} any");
    }
    // Whatever nests as deeply as is read, prints: the way out has no larger frames than the stack of a test thread.
    for (open, close) in [
        ("{\"nested\":", "}"),
        ("{\"byNumber\":{\"1\":", "}}"),
        ("{\"wides\":[", "]}"),
        ("{\"any\":{\"@type\":\"a/wide.Wide\",\"nested\":", "}}"),
    ] {
        let levels = if open.contains("any") { 33 } else { 99 };
        let wire = read("wide.Wide", &nested(levels, open, close), &STRICT).expect("within the depth");
        print("wide.Wide", &wire, &PrintOptions::default()).expect("what was read prints");
    }
    let structure = format!("{{\"structure\":{}}}", String::from_utf8_lossy(&nested(98, "{\"a\":", "}")));
    let wire = read("wide.Wide", structure.as_bytes(), &STRICT).expect("within the depth");
    print("wide.Wide", &wire, &PrintOptions::default()).expect("what was read prints");
    let small = ParseOptions { max_output: 100, ..STRICT };
    let long = format!("{{\"strings\":[{}\"\"]}}", "\"aaaaaaaaaa\",".repeat(50));
    let error = read("wide.Wide", long.as_bytes(), &small).expect_err("too long");
    assert!(error.contains("exceeds the limit"), "{error}");
}
