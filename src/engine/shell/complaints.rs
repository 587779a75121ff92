//! What is said of clients that are hung up on, or that ask for what is not there: in words that help whoever
//! runs them.

use bytes::Bytes;

use crate::protocol::{Request, RequestFrame};
use crate::wire::{self, Malformed};

/// What a frame says that begins with these bytes: its length, or that it is none.
pub(super) fn of_a_frame(first: &[u8], longest: usize) -> String {
    match first {
        // The handshake of TLS 1.0 and all that came after it.
        [0x16, 0x03, ..] => "that is TLS, and what is spoken here is plain Kafka; set \
             security.protocol=PLAINTEXT"
            .to_owned(),
        _ if HTTP.iter().any(|method| first.starts_with(method.as_bytes())) => {
            "that is HTTP, and what is spoken here is Kafka".to_owned()
        }
        _ if first.starts_with(b"SSH-") => {
            "that is SSH, and what is spoken here is Kafka".to_owned()
        }
        &[a, b, c, d, ..] => {
            let length = i32::from_be_bytes([a, b, c, d]);
            format!("a frame of {length} bytes, where the longest may have {longest} (--max-frame)")
        }
        _ => format!("a frame of more than {longest} bytes (--max-frame)"),
    }
}

const HTTP: [&str; 8] = ["GET ", "HEAD", "POST", "PUT ", "DELE", "OPTI", "CONN", "PRI "];

/// What is wrong with a frame that is no request.
pub(super) fn of_a_request(malformed: &Malformed, frame: &Bytes) -> String {
    match malformed {
        Malformed::UnknownApi(key) => match not_served(*key) {
            Some((name, why)) => format!("asks for {name}: {why}"),
            None => format!("asks for an API that there is not: key {key}"),
        },
        Malformed::UnknownVersion { .. } => format!("is hung up on: {malformed}"),
        Malformed::Header(_) | Malformed::Body { .. } => {
            format!("is hung up on: {malformed}, in a frame of {} bytes", frame.len())
        }
    }
}

/// What a request asks for that is refused for good, if it does.
pub(super) fn of_a_wish(frame: &RequestFrame) -> Option<String> {
    /// The type of a key that names a transaction.
    const TRANSACTION: i8 = 1;
    if let Request::TxnOffsetCommit(_) = &frame.body {
        let why = "there is nobody to end it; the offsets stay pending";
        return Some(format!("commits offsets in a transaction: {why}"));
    }
    let transactional = match &frame.body {
        Request::FindCoordinator(request) => request.key_type == TRANSACTION,
        Request::InitProducerId(request) => request.transactional_id.is_some(),
        _ => false,
    };
    transactional.then(|| {
        "asks for a transaction: there are none here; leave transactional.id out".to_owned()
    })
}

/// The name of an API of Kafka's that is not served, and what to do without it.
fn not_served(key: i16) -> Option<(String, &'static str)> {
    const CONSUMER: &str = "the new group protocol is not served; set group.protocol=classic";
    const SHARE: &str = "share groups are not served";
    const STREAMS: &str = "streams groups are not served; set group.protocol=classic";
    const TRANSACTIONS: &str = "there are no transactions here; leave transactional.id out";
    const SASL: &str = "no SASL is spoken here; set security.protocol=PLAINTEXT";
    const TOPICS: &str = "topics are made when serve starts, with --topic";
    // Newer than the codec's list of keys.
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
        _ => "it is not served",
    };
    Some((name, why))
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{HeartbeatRequest, TxnOffsetCommitRequest};

    use super::*;

    #[test]
    fn other_protocols_are_known_by_their_first_bytes() {
        let told = |first: &[u8]| of_a_frame(first, 1_000);
        assert!(told(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).starts_with("that is TLS"));
        assert!(told(b"GET / HTTP/1.1").starts_with("that is HTTP"));
        assert!(told(b"SSH-2.0-OpenSSH_9.7").starts_with("that is SSH"));
        assert!(told(&i32::MAX.to_be_bytes()).starts_with("a frame of 2147483647 bytes"));
        assert!(told(&[0xff; 4]).starts_with("a frame of -1 bytes"));
    }

    #[test]
    fn who_commits_in_a_transaction_is_told_that_it_has_no_end() {
        let of = |body: Request| {
            let client_id = crate::protocol::str_bytes("c");
            of_a_wish(&RequestFrame { correlation: 1, version: 3, client_id, body })
        };
        let told = of(TxnOffsetCommitRequest::default().into()).expect("a complaint");
        assert!(told.ends_with("the offsets stay pending"), "{told}");
        assert_eq!(of(HeartbeatRequest::default().into()), None);
    }

    #[test]
    fn who_asks_for_what_is_not_served_is_told_what_to_do() {
        let told = |key| of_a_request(&Malformed::UnknownApi(key), &Bytes::new());
        assert_eq!(
            told(68),
            "asks for ConsumerGroupHeartbeat: the new group protocol is not served; set \
             group.protocol=classic"
        );
        assert!(told(24).starts_with("asks for AddPartitionsToTxn: there are no transactions"));
        assert!(told(88).contains("group.protocol=classic"));
        assert_eq!(told(61), "asks for DescribeProducers: it is not served");
        assert_eq!(told(999), "asks for an API that there is not: key 999");
    }
}
