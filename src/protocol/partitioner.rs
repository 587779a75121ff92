//! The partition of the offsets log that holds a group, which determines the broker that
//! coordinates it.

use super::GroupId;

/// The partition that holds the group, of an offsets log with `partitions` partitions (rule R3.11):
/// Java's `hashCode` of the id, made non-negative as in Kafka, modulo `partitions`.
pub fn offsets_partition(group: &GroupId, partitions: i32) -> i32 {
    let units = group.as_str().encode_utf16();
    let hash = units.fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // The one number whose absolute value does not fit counts as 0.
    hash.checked_abs().unwrap_or(0) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::str_bytes;

    fn partition(group: &str, partitions: i32) -> i32 {
        offsets_partition(&GroupId(str_bytes(group)), partitions)
    }

    /// R3.11. The hashes are those of a Java virtual machine.
    #[test]
    fn groups_are_where_kafka_puts_them() {
        for (group, hash) in [
            ("", 0),
            ("g", 103),
            ("hello", 99_162_322),
            ("Aa", 2_112),
            ("BB", 2_112),
            ("hello world", 1_794_106_052),
        ] {
            for partitions in [1, 3, 50] {
                assert_eq!(partition(group, partitions), hash % partitions, "{group}");
            }
        }
        // -505841268: a negative hash loses its sign.
        assert_eq!(partition("Hello, World", 50), 18);
        assert_eq!(partition("é", 50), 233 % 50, "a hash of UTF-16 units, not of bytes");
        // Outside the basic plane Java counts two units.
        assert_eq!(partition("😀", i32::MAX), 0xd83d * 31 + 0xde00);
        // The least number has no positive counterpart.
        assert_eq!(partition("polygenelubricants", 50), 0);
    }
}
