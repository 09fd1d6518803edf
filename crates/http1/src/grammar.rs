//! Character classes of RFC 9110 §5.6 and RFC 3986 §2 as one table of bits, and what is built from them.

const TCHAR: u8 = 1;
const PATH: u8 = 2;
const QUERY: u8 = 4;
const REG_NAME: u8 = 8;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0u8; 256];
    mark(
        &mut table,
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~",
        TCHAR | PATH | QUERY,
    );
    mark(&mut table, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~", REG_NAME);
    // RFC 9110 §5.6.2.
    mark(&mut table, b"!#$%&'*+^`|", TCHAR);
    // sub-delims of RFC 3986 §2.2; a comma in a host is a sign of two Host lines merged on the way, so it is left out.
    mark(&mut table, b"!$&'()*+;=", PATH | QUERY | REG_NAME);
    mark(&mut table, b",:@/%", PATH | QUERY);
    mark(&mut table, b"?", QUERY);
    // Outside RFC 3986, but browsers send them as they are (WHATWG URL §1.3, path and query percent-encode sets) and
    // APIs are written with them (`filter[name]=x`). None can be mistaken for a delimiter of the request line.
    mark(&mut table, b"[]|^", PATH | QUERY);
    mark(&mut table, b"{}\\`", QUERY);
    table
}

const fn mark(table: &mut [u8; 256], bytes: &[u8], class: u8) {
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] |= class;
        at += 1;
    }
}

fn is(byte: u8, class: u8) -> bool {
    CLASS[usize::from(byte)] & class != 0
}

/// A byte of a token (RFC 9110 §5.6.2).
pub(crate) fn is_tchar(byte: u8) -> bool {
    is(byte, TCHAR)
}

/// A byte that may stand in a path, `/` and `%` included.
pub(crate) fn is_path(byte: u8) -> bool {
    is(byte, PATH)
}

/// A byte that may stand in a query.
pub(crate) fn is_query(byte: u8) -> bool {
    is(byte, QUERY)
}

/// A byte of a registered name. `%` is left out: no DNS name or address needs it and parties differ in decoding it.
pub(crate) fn is_reg_name(byte: u8) -> bool {
    is(byte, REG_NAME)
}

/// One or more token bytes.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// Removes spaces and tabs at both ends (OWS, RFC 9110 §5.6.3).
pub(crate) fn trim_ows(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

/// The elements of a comma-separated list of tokens; empty elements are skipped (RFC 9110 §5.6.1.2).
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim_ows).filter(|element| !element.is_empty())
}

/// The byte as a person can read it in an error: `'x'`, or `0x0a` when it is not visible.
pub(crate) fn show(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("'{}'", char::from(byte)) } else { format!("0x{byte:02x}") }
}
