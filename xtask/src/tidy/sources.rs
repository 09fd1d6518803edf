//! Source files: they open with what they are for, stay small, leave no unowned loose end, and bind no fixed port in tests.

/// Lines beyond which a file holds more than one idea; the aim is a fifth of it.
const LONGEST_FILE: usize = 900;

/// Checks one file.
pub fn check(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let rust = path.ends_with(".rs");
    let script = path.ends_with(".js") || path.ends_with(".mjs");
    if !rust && !script {
        return problems;
    }
    if path.ends_with("/mod.rs") {
        problems.push(format!(
            "{path}: name the file after the module, beside its folder: there is no mod.rs here"
        ));
    }
    if rust && !text.trim_start().starts_with("//!") {
        problems.push(format!("{path}:1: does not open with `//!`: say what the file is for"));
    }
    if script && !text.trim_start().starts_with("//") && !text.trim_start().starts_with("/**") {
        problems.push(format!("{path}:1: does not open with a comment: say what the file is for"));
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        problems.push(format!(
            "{path}: {lines} lines, {LONGEST_FILE} at most: it holds more than one idea, divide it"
        ));
    }
    problems.extend(loose_ends(path, text));
    if rust {
        problems.extend(fixed_ports(path, text));
    }
    problems
}

/// A file's text before its test module.
pub fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

/// The words that mark unfinished work, put together so that this file does not accuse itself.
const LOOSE: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

fn loose_ends(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some((_, comment)) = line.split_once("//") else { continue };
        for word in LOOSE {
            let Some(at) = comment.find(word) else { continue };
            let around = (comment[..at].chars().last(), comment[at + word.len()..].chars().next());
            // Part of a longer word or followed by its owner in parentheses.
            if around.0.is_some_and(char::is_alphanumeric)
                || around.1.is_some_and(|c| c.is_alphanumeric() || c == '(')
            {
                continue;
            }
            problems
                .push(format!("{path}:{}: {word} without an owner: write {word}(name) or do it", index + 1));
        }
    }
    problems
}

/// Tests bind port 0: two runs on one machine must not meet.
fn fixed_ports(path: &str, text: &str) -> Vec<String> {
    let whole = path.starts_with("tests/") || path.contains("/tests/");
    let tests = if whole { text } else { &text[without_tests(text).len()..] };
    // Unit tests read addresses out of arguments without ever binding them; end-to-end tests start what binds them.
    let words: &[&str] = if whole { &["bind(", "--listen", "--console", "TENET_LISTEN"] } else { &["bind("] };
    let offset = text[..text.len() - tests.len()].lines().count();
    let mut problems = Vec::new();
    for (index, line) in tests.lines().enumerate() {
        let binds = words.iter().any(|word| line.contains(word));
        if binds && names_port(line) {
            problems.push(format!("{path}:{}: binds a fixed port: use port 0", offset + index + 1));
        }
    }
    problems
}

/// Whether the line holds a loopback address with a port other than 0.
fn names_port(line: &str) -> bool {
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| {
        line.split(host).skip(1).any(|after| {
            let after = after.trim_start_matches(['"', ',', ' ', ':']);
            after.starts_with(|c: char| ('1'..='9').contains(&c))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{LOOSE, check};

    #[test]
    fn sources_are_judged() {
        let long = "//! Long.\n".repeat(901);
        let loose = format!("//! A.\n// {} later\n", LOOSE[0]);
        let owned = format!("//! A.\n// {}(ada): later\n", LOOSE[0]);
        let bind = ["bi", "nd(\"127.0.0.1:8080\")"].concat();
        let fixed = format!("//! A.\nfn f() {{ {bind}; }}\n");
        let inline = format!("//! A.\n#[cfg(test)]\nmod tests {{\n{bind}\n}}\n");
        for (path, text, expected) in [
            ("a/src/lib.rs", "//! A.\n", None),
            ("a/src/lib.rs", "fn f() {}\n", Some("//!")),
            ("a/src/b/mod.rs", "//! A.\n", Some("mod.rs")),
            ("console/a.js", "import 'x';\n", Some("open")),
            ("console/a.js", "// What it is for.\n", None),
            ("a/src/lib.rs", &long, Some("901 lines")),
            ("a/src/lib.rs", &loose, Some(":2: ")),
            ("a/src/lib.rs", &owned, None),
            ("a/src/lib.rs", &fixed, None),
            ("a/tests/it.rs", &fixed, Some(":2: binds")),
            ("a/src/lib.rs", &inline, Some(":4: binds")),
            ("a/tests/it.rs", "//! A.\nfn f() { bind((\"127.0.0.1\", 0)); }\n", None),
        ] {
            let found = check(path, text);
            match expected {
                None => assert!(found.is_empty(), "{found:?}"),
                Some(words) => assert!(found.len() == 1 && found[0].contains(words), "{words}: {found:?}"),
            }
        }
    }
}
