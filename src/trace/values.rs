//! Values of records and fields as text.

use std::fmt::Write as _;

use bytes::Bytes;

/// A value as text if it is text, otherwise in hexadecimal.
pub(crate) fn readable(value: &Bytes) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => quoted(text),
        Err(_) => value.iter().fold("0x".to_owned(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes all text");
            hex
        }),
    }
}

/// Puts the text in quotes if it would be ambiguous without.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"\"=,[]".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("{text:?}") }
}
