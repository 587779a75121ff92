//! Log messages about clients that are disconnected or that request something unsupported. They are
//! worded to help the operator of the client.

use bytes::Bytes;

use crate::protocol::{Request, RequestFrame};
use crate::wire::{self, Malformed};

/// A warning about an invalid frame, from its first bytes: another protocol, or a bad length.
pub(super) fn about_frame(first: &[u8], longest: usize) -> String {
    match first {
        // The handshake of TLS 1.0 and later.
        [0x16, 0x03, ..] => "it sent TLS, but this listener is plaintext; set \
             security.protocol=PLAINTEXT"
            .to_owned(),
        _ if HTTP.iter().any(|method| first.starts_with(method.as_bytes())) => {
            "it sent HTTP, but this is a Kafka listener".to_owned()
        }
        _ if first.starts_with(b"SSH-") => "it sent SSH, but this is a Kafka listener".to_owned(),
        &[a, b, c, d, ..] => {
            let length = i32::from_be_bytes([a, b, c, d]);
            format!("it sent a frame of {length} bytes, but the limit is {longest} (--max-frame)")
        }
        _ => format!("it sent a frame of more than {longest} bytes (--max-frame)"),
    }
}

const HTTP: [&str; 8] = ["GET ", "HEAD", "POST", "PUT ", "DELE", "OPTI", "CONN", "PRI "];

/// A warning about a frame that is not a valid request.
pub(super) fn about_malformed(malformed: &Malformed, frame: &Bytes) -> String {
    match malformed {
        Malformed::UnknownApi(key) => match not_served(*key) {
            Some((name, why)) => format!("requests {name}: {why}"),
            None => format!("requests an unknown API: key {key}"),
        },
        Malformed::UnknownVersion { .. } => format!("is disconnected: {malformed}"),
        Malformed::Header(_) | Malformed::Body { .. } => {
            format!("is disconnected: {malformed}, in a frame of {} bytes", frame.len())
        }
    }
}

/// A warning about a valid request for something that is never served, if it is one.
pub(super) fn about_unsupported(frame: &RequestFrame) -> Option<String> {
    /// The key type of a FindCoordinator request for a transaction coordinator.
    const TRANSACTION: i8 = 1;
    if let Request::TxnOffsetCommit(_) = &frame.body {
        let why = "no transaction coordinator will end it, so the offsets stay pending";
        return Some(format!("commits offsets in a transaction: {why}"));
    }
    let transactional = match &frame.body {
        Request::FindCoordinator(request) => request.key_type == TRANSACTION,
        Request::InitProducerId(request) => request.transactional_id.is_some(),
        _ => false,
    };
    transactional.then(|| {
        "requests a transaction: transactions are not supported; unset transactional.id".to_owned()
    })
}

/// The name of a Kafka API that is not served, and what to do about it.
fn not_served(key: i16) -> Option<(String, &'static str)> {
    const CONSUMER: &str =
        "the consumer group protocol is not supported; set group.protocol=classic";
    const SHARE: &str = "share groups are not supported";
    const STREAMS: &str = "streams groups are not supported; set group.protocol=classic";
    const TRANSACTIONS: &str = "transactions are not supported; unset transactional.id";
    const SASL: &str = "SASL is not supported; set security.protocol=PLAINTEXT";
    const TOPICS: &str = "topics are created when serve starts, with --topic";
    // These are newer than the codec's list of keys.
    let name = match key {
        88 => "StreamsGroupHeartbeat".to_owned(),
        89 => "StreamsGroupDescribe".to_owned(),
        _ => wire::api_name(key)?,
    };
    let why = match key {
        17 | 36 => SASL,
        19 | 20 | 37 => TOPICS,
        24..=26 => TRANSACTIONS,
        68 | 69 => CONSUMER,
        76..=79 | 90..=92 => SHARE,
        88 | 89 => STREAMS,
        _ => "it is not supported",
    };
    Some((name, why))
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{HeartbeatRequest, TxnOffsetCommitRequest};

    use super::*;

    #[test]
    fn other_protocols_are_known_by_their_first_bytes() {
        let warning = |first: &[u8]| about_frame(first, 1_000);
        assert!(warning(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).starts_with("it sent TLS"));
        assert!(warning(b"GET / HTTP/1.1").starts_with("it sent HTTP"));
        assert!(warning(b"SSH-2.0-OpenSSH_9.7").starts_with("it sent SSH"));
        assert!(
            warning(&i32::MAX.to_be_bytes()).starts_with("it sent a frame of 2147483647 bytes")
        );
        assert!(warning(&[0xff; 4]).starts_with("it sent a frame of -1 bytes"));
    }

    #[test]
    fn a_commit_in_a_transaction_is_warned_of() {
        let of = |body: Request| {
            let client_id = crate::protocol::str_bytes("c");
            about_unsupported(&RequestFrame { correlation: 1, version: 3, client_id, body })
        };
        let warning = of(TxnOffsetCommitRequest::default().into()).expect("a warning");
        assert!(warning.ends_with("the offsets stay pending"), "{warning}");
        assert_eq!(of(HeartbeatRequest::default().into()), None);
    }

    #[test]
    fn a_warning_about_an_unsupported_api_says_what_to_do() {
        let warning = |key| about_malformed(&Malformed::UnknownApi(key), &Bytes::new());
        assert_eq!(
            warning(68),
            "requests ConsumerGroupHeartbeat: the consumer group protocol is not supported; set \
             group.protocol=classic"
        );
        assert!(
            warning(24).starts_with("requests AddPartitionsToTxn: transactions are not supported")
        );
        assert!(warning(88).contains("group.protocol=classic"));
        assert_eq!(warning(61), "requests DescribeProducers: it is not supported");
        assert_eq!(warning(999), "requests an unknown API: key 999");
    }
}
