//! Pages of lists: sizes with a default and a bound, and opaque tokens.

use crate::check::wrong;
use tonic::Status;

/// The size to use: the default for 0, the bound for more than it (AIP-158), an error for less than nothing.
pub(crate) fn size(asked: i32, default: usize, most: usize) -> Result<usize, Status> {
    match usize::try_from(asked) {
        Ok(0) => Ok(default),
        Ok(size) => Ok(size.min(most)),
        Err(_) => {
            Err(wrong("page_size", format!("is {asked}; expected 1 to {most}, or nothing for {default}")))
        }
    }
}

/// Where a page begins: the number in a token this module made, or 0 without one.
pub(crate) fn offset(token: &str) -> Result<usize, Status> {
    match token.strip_prefix("at-") {
        None if token.is_empty() => Ok(0),
        digits => digits
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| wrong("page_token", "is not a next_page_token of this method")),
    }
}

/// One page of a list, and the token of the next.
pub(crate) fn cut<T>(all: impl Iterator<Item = T>, offset: usize, size: usize) -> (Vec<T>, String) {
    let mut page: Vec<T> = all.skip(offset).take(size + 1).collect();
    let more = page.len() > size;
    page.truncate(size);
    (page, if more { format!("at-{}", offset + size) } else { String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_a_list_once() {
        let mut seen = Vec::new();
        let mut token = String::new();
        for _ in 0..10 {
            let (page, next) = cut(0..25, offset(&token).unwrap(), 10);
            seen.extend(page);
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert!(seen.into_iter().eq(0..25));
    }

    #[test]
    fn wrong_sizes_and_tokens_are_refused() {
        assert_eq!(size(0, 50, 1000).unwrap(), 50);
        assert_eq!(size(5000, 50, 1000).unwrap(), 1000);
        assert!(size(-1, 50, 1000).is_err());
        for token in ["5", "at-", "at-x", "at--1"] {
            assert!(offset(token).is_err(), "{token}");
        }
    }
}
