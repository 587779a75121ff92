//! Kafka's messages, ids and error names.
//!
//! Message structs and error codes are those of the `kafka-protocol` crate: the coordinator handles
//! the same structs that a broker decodes. This module adds the closed set of APIs that groupsim
//! supports ([`Request`], [`Response`]), ids ([`MemberId`], [`Generation`], [`TopicPartition`]) and
//! the two payloads that clients embed in group messages ([`subscription`], and the [user
//! data](sticky_user_data) in one of them). It does no framing and no I/O.
//!
//! Read next: [`crate::coordinator`], which handles the group requests, and [`crate::client`],
//! which sends them.

mod ids;
mod message;
mod partitioner;
mod reader;
pub mod records;
mod refusal;
pub mod sticky_user_data;
pub mod subscription;

pub use ids::{BrokerId, Generation, MemberId, TopicPartition};
pub use kafka_protocol::error::ResponseError;
pub use kafka_protocol::messages::{GroupId, TopicName};
pub use kafka_protocol::protocol::StrBytes;
pub use message::{Api, Request, RequestFrame, Response, ResponseFrame};
pub use partitioner::offsets_partition;
pub use refusal::{error_message, refusal};
pub use uuid::Uuid;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

/// The protocol type of consumers in JoinGroup; the only one whose payloads groupsim can decode.
pub const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// A map that iterates in insertion order, so that iteration is the same in every process.
pub type IndexMap<K, V> = indexmap::IndexMap<K, V, BuildHasherDefault<rustc_hash::FxHasher>>;

/// A set that iterates in insertion order.
pub type IndexSet<T> = indexmap::IndexSet<T, BuildHasherDefault<rustc_hash::FxHasher>>;

/// The error code of an outcome; 0 for success.
pub fn error_code(error: Option<ResponseError>) -> i16 {
    error.map_or(0, |error| error.code())
}

/// Converts a Rust string to a Kafka string.
pub fn str_bytes(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Whether the name is a legal topic name in Kafka.
pub fn is_legal_topic(name: &str) -> bool {
    const LONGEST: usize = 249;
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=LONGEST).contains(&name.len()) && !matches!(name, "." | "..") && name.bytes().all(letter)
}

/// Kafka's name of an error code: `NONE`, `ILLEGAL_GENERATION`, …; [`OTHER_ERROR`] for an unknown
/// code.
pub fn error_name(code: i16) -> &'static str {
    use ResponseError as E;
    let Some(error) = ResponseError::try_from_code(code) else { return "NONE" };
    match error {
        E::UnknownServerError => "UNKNOWN_SERVER_ERROR",
        E::OffsetOutOfRange => "OFFSET_OUT_OF_RANGE",
        E::UnknownTopicOrPartition => "UNKNOWN_TOPIC_OR_PARTITION",
        E::RequestTimedOut => "REQUEST_TIMED_OUT",
        E::OffsetMetadataTooLarge => "OFFSET_METADATA_TOO_LARGE",
        E::CoordinatorLoadInProgress => "COORDINATOR_LOAD_IN_PROGRESS",
        E::CoordinatorNotAvailable => "COORDINATOR_NOT_AVAILABLE",
        E::NotCoordinator => "NOT_COORDINATOR",
        E::IllegalGeneration => "ILLEGAL_GENERATION",
        E::InconsistentGroupProtocol => "INCONSISTENT_GROUP_PROTOCOL",
        E::InvalidGroupId => "INVALID_GROUP_ID",
        E::UnknownMemberId => "UNKNOWN_MEMBER_ID",
        E::InvalidSessionTimeout => "INVALID_SESSION_TIMEOUT",
        E::RebalanceInProgress => "REBALANCE_IN_PROGRESS",
        E::GroupAuthorizationFailed => "GROUP_AUTHORIZATION_FAILED",
        E::UnsupportedVersion => "UNSUPPORTED_VERSION",
        E::InvalidRequest => "INVALID_REQUEST",
        E::GroupIdNotFound => "GROUP_ID_NOT_FOUND",
        E::MemberIdRequired => "MEMBER_ID_REQUIRED",
        E::GroupMaxSizeReached => "GROUP_MAX_SIZE_REACHED",
        E::FencedInstanceId => "FENCED_INSTANCE_ID",
        E::UnstableOffsetCommit => "UNSTABLE_OFFSET_COMMIT",
        E::NotLeaderOrFollower => "NOT_LEADER_OR_FOLLOWER",
        E::NotEnoughReplicas => "NOT_ENOUGH_REPLICAS",
        E::KafkaStorageError => "KAFKA_STORAGE_ERROR",
        E::MessageTooLarge => "MESSAGE_TOO_LARGE",
        E::NonEmptyGroup => "NON_EMPTY_GROUP",
        E::GroupSubscribedToTopic => "GROUP_SUBSCRIBED_TO_TOPIC",
        E::InvalidProducerEpoch => "INVALID_PRODUCER_EPOCH",
        E::StaleMemberEpoch => "STALE_MEMBER_EPOCH",
        E::TopicAuthorizationFailed => "TOPIC_AUTHORIZATION_FAILED",
        E::CorruptMessage => "CORRUPT_MESSAGE",
        E::NetworkException => "NETWORK_EXCEPTION",
        E::LeaderNotAvailable => "LEADER_NOT_AVAILABLE",
        E::ReplicaNotAvailable => "REPLICA_NOT_AVAILABLE",
        E::FencedLeaderEpoch => "FENCED_LEADER_EPOCH",
        E::UnknownLeaderEpoch => "UNKNOWN_LEADER_EPOCH",
        E::UnknownTopicId => "UNKNOWN_TOPIC_ID",
        E::InvalidTopicException => "INVALID_TOPIC_EXCEPTION",
        E::FetchSessionIdNotFound => "FETCH_SESSION_ID_NOT_FOUND",
        E::InvalidRecord => "INVALID_RECORD",
        E::InvalidRequiredAcks => "INVALID_REQUIRED_ACKS",
        E::InvalidTxnState => "INVALID_TXN_STATE",
        E::OutOfOrderSequenceNumber => "OUT_OF_ORDER_SEQUENCE_NUMBER",
        E::InvalidTransactionTimeout => "INVALID_TRANSACTION_TIMEOUT",
        E::TransactionalIdAuthorizationFailed => "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        E::UnsupportedCompressionType => "UNSUPPORTED_COMPRESSION_TYPE",
        other => rare_error_name(other.code()),
    }
}

/// Like [`error_name`], but `ERROR_1234` for an unknown code.
pub fn error_text(code: i16) -> Cow<'static, str> {
    match error_name(code) {
        OTHER_ERROR => format!("ERROR_{code}").into(),
        name => name.into(),
    }
}

/// The result of [`error_name`] for unknown codes.
pub const OTHER_ERROR: &str = "OTHER_ERROR";

/// The names of all other errors, derived from the names in the codec.
fn rare_error_name(code: i16) -> &'static str {
    static NAMES: LazyLock<BTreeMap<i16, String>> = LazyLock::new(|| {
        let known =
            (-1..=i16::from(u8::MAX)).filter_map(|code| {
                match ResponseError::try_from_code(code)? {
                    ResponseError::Unknown(_) => None,
                    known => Some((code, screaming_snake(&format!("{known:?}")))),
                }
            });
        known.collect()
    });
    NAMES.get(&code).map_or(OTHER_ERROR, String::as_str)
}

/// Turns `UnknownMemberId` into `UNKNOWN_MEMBER_ID`.
fn screaming_snake(name: &str) -> String {
    let mut screaming = String::new();
    for (at, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && at > 0 {
            screaming.push('_');
        }
        screaming.push(letter.to_ascii_uppercase());
    }
    screaming
}
