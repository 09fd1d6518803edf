//! Names of collections and indexes: what may be said, the nearest that could have been meant, and the one a message has by itself.

/// Longest name of a namespace, collection or index: a label of DNS, so that one can become a host name, a table name or a metric label.
pub const MAX_NAME: usize = 63;

/// Whether a namespace, collection or index can be called so: 1 to [`MAX_NAME`] lower-case letters, digits and hyphens, a letter first.
pub fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let first = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    first && name.len() <= MAX_NAME && name.bytes().all(good)
}

/// The name of the collection whose schema is the message of this full name, where its option does not say another: `stored-user` for
/// `feed.accounts.v1.StoredUser`.
pub fn default_name(message: &str) -> String {
    kebab(message.rsplit('.').next().unwrap_or_default())
}

/// Why `name` is none, and the nearest that is one.
pub(crate) fn check(name: &str) -> Result<(), (String, String)> {
    if is_name(name) {
        return Ok(());
    }
    let near = label(name);
    let hint = if near.is_empty() { String::new() } else { format!("`{near}` would be one") };
    let expected = format!("1 to {MAX_NAME} lower-case letters, digits and hyphens, a letter first");
    Err((format!("`{name}` is no name; expected {expected}"), hint))
}

/// The nearest name to `text`; empty where there is none.
fn label(text: &str) -> String {
    let words = kebab(text);
    let name: String = words.chars().skip_while(|c| !c.is_ascii_lowercase()).take(MAX_NAME).collect();
    name.trim_end_matches('-').to_owned()
}

/// `StoredUser` as `stored-user`, `HTTPLog` as `http-log`: a word begins where a capital follows a small letter or digit, and where the last
/// of several capitals is followed by a small letter. Whatever no name may hold becomes a hyphen.
fn kebab(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 4);
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(index + 1);
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if begins {
            out.push('-');
        }
        out.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_names_in_kebab_case() {
        for (message, name) in [
            ("StoredUser", "stored-user"),
            ("User", "user"),
            ("HTTPLog", "http-log"),
            ("UserV2", "user-v2"),
            ("V2User", "v2-user"),
            ("X509Certificate", "x509-certificate"),
            ("OAuth", "o-auth"),
            ("Stored_user", "stored-user"),
            ("A", "a"),
        ] {
            assert_eq!(kebab(message), name, "{message}");
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_has_a_nearest_one() {
        for (found, near) in [
            ("", ""),
            ("Users", "users"),
            ("stored_users", "stored-users"),
            ("storedUsers", "stored-users"),
            ("1st", "st"),
            ("é", ""),
            ("ends-", ""),
        ] {
            match check(found) {
                Ok(()) => assert_eq!(found, "ends-"),
                Err((message, hint)) => {
                    assert!(message.contains("lower-case"), "{message}");
                    assert_eq!(hint.contains(&format!("`{near}`")), !near.is_empty(), "{found}: {hint}");
                }
            }
        }
        assert!(check(&"x".repeat(MAX_NAME)).is_ok() && check(&"x".repeat(MAX_NAME + 1)).is_err());
    }
}
