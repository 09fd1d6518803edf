//! Tables of templates, good and bad.

use super::*;
use proptest::prelude::*;

/// Segments, variables as `name@start..end` (`+` when they can span several) and the verb.
fn render(template: &Template) -> String {
    let segments: Vec<String> = template
        .segments()
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => text.clone(),
            Segment::One => "*".into(),
            Segment::Rest => "**".into(),
        })
        .collect();
    let variables: String = template
        .variables()
        .iter()
        .map(|v| {
            format!(" {}@{}..{}{}", v.field_path, v.start, v.end, if v.multi_segment { "+" } else { "" })
        })
        .collect();
    format!(
        "{}{}{variables}",
        segments.join(" "),
        template.verb().map(|v| format!(" :{v}")).unwrap_or_default()
    )
}

#[test]
fn the_whole_grammar_parses() {
    for (text, want) in [
        ("/", ""),
        ("/v1/users", "v1 users"),
        ("/v1/users/{id}", "v1 users * id@2..3"),
        ("/v1/{user.id}/x", "v1 * x user.id@1..2"),
        ("/v1/{name=users/*/posts/*}", "v1 users * posts * name@1..5+"),
        ("/v1/{name=users}", "v1 users name@1..2"),
        ("/v1/{name=*}", "v1 * name@1..2"),
        ("/v1/{name=**}", "v1 ** name@1..2+"),
        ("/v1/*/b/**", "v1 * b **"),
        ("/v1/{a}/{b=c/**}:verb", "v1 * c ** :verb a@1..2 b@2..4+"),
        ("/v1/users:batchGet", "v1 users :batchGet"),
        ("/v1/{a=**}/x/{b}", "v1 ** x * a@1..2+ b@3..4"),
        ("/$rpc/a.b.C/D~e,@f%20g", "$rpc a.b.C D~e,@f%20g"),
    ] {
        match Template::parse(text) {
            Ok(template) => assert_eq!(render(&template), want, "{text}"),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

#[test]
fn errors_say_where_and_what() {
    for (text, want) in [
        ("", "at byte 0: found the end; a template starts with `/`"),
        ("v1/x", "at byte 0: found `v`; a template starts with `/`"),
        ("/v1/", "at byte 4: a template does not end with `/`; a trailing slash is another path"),
        ("/v1//x", "at byte 4: an empty segment never matches; remove one `/`"),
        ("/v1/{", "at byte 5: found the end; expected the name of a field"),
        ("/v1/{a", "at byte 4: this `{` has no `}`"),
        ("/v1/{a=", "at byte 7: a template does not end with `/`; a trailing slash is another path"),
        ("/v1/{}", "at byte 5: found `}`; expected the name of a field"),
        ("/v1/{a.}", "at byte 7: found `}`; expected the name of a field"),
        ("/v1/{1a}", "at byte 5: found `1`; expected the name of a field"),
        ("/v1/{a-b}", "at byte 6: found `-`; expected `}`"),
        ("/v1/{a={b}}", "at byte 7: a variable cannot stand inside another"),
        ("/v1/{a}b", "at byte 7: a variable fills a whole segment, so `/`, `:` or the end comes after `}`"),
        ("/v1/b{a}", "at byte 5: a variable fills a whole segment, so `/` comes before `{`"),
        ("/v1/{a}/{a}", "at byte 9: variable `a` is bound twice"),
        ("/**/{a=**}", "at byte 7: `**` may stand only once in a template"),
        ("/v1/a*", "at byte 5: found `*`; expected `/`, `:` or the end"),
        ("/v1/a:", "at byte 6: found the end; expected a custom verb after `:`"),
        ("/v1/a:b/c", "at byte 7: a custom verb stands at the end of a template"),
        ("/v1/a:b:c", "at byte 7: found `:`; expected `/`, `:` or the end"),
        ("/v1/a?b=c", "at byte 5: a template is a path: query and fragment are not part of it"),
        ("/v1/a b", "at byte 5: ` ` cannot stand in a path; write %20"),
        ("/v1/é", "at byte 4: `\\u{e9}` cannot stand in a path; write %C3%A9"),
        ("/v1/%2", "at byte 4: `%` must be followed by two hexadecimal digits"),
    ] {
        assert_eq!(Template::parse(text).unwrap_err().to_string(), want, "{text}");
    }
    assert!(Template::parse(&"/a".repeat(MAX_SEGMENTS)).is_ok());
    assert!(Template::parse(&"/a".repeat(MAX_SEGMENTS + 1)).is_err());
}

proptest! {
    #[test]
    fn no_text_panics_and_offsets_lie_inside(text in "[/{}*:.=a-z%é ]{0,40}") {
        match Template::parse(&text) {
            Ok(template) => prop_assert_eq!(template.as_str(), &text),
            Err(error) => prop_assert!(error.offset <= text.len() && text.is_char_boundary(error.offset)),
        }
    }
}
