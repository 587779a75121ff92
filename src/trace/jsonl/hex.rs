//! Bytes in hexadecimal, two lower-case digits each.

use bytes::Bytes;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends the digits of these bytes.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    out.reserve(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            out.push(char::from(DIGITS[usize::from(digit)]));
        }
    }
}

/// The bytes of these digits; `None` if they are no pairs of hexadecimal digits.
pub(super) fn decode(digits: &str) -> Option<Bytes> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(value(high)? << 4 | value(low)?)).collect()
}

fn value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_a_round_trip() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let mut digits = String::new();
        encode(&all, &mut digits);
        assert_eq!((digits.len(), &digits[..6], &digits[508..]), (512, "000102", "feff"));
        assert_eq!(decode(&digits).as_deref(), Some(&all[..]));
        assert_eq!(decode(&digits.to_uppercase()).as_deref(), Some(&all[..]));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["0", "0g", "+1", "0é", "123"] {
            assert_eq!(decode(text), None, "{text}");
        }
        assert_eq!(decode(""), Some(Bytes::new()));
    }
}
