//! The errors of decoding and encoding messages.

use std::fmt;

use super::versions;
use crate::protocol::Api;

/// Bytes that are not a Kafka message, or a message that the codec cannot encode. A broker closes
/// the connection on such bytes, because it cannot respond to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The header is truncated, or has invalid text.
    Header(String),
    /// No supported API has this key.
    UnknownApi(i16),
    /// The codec does not have this version of the API.
    UnknownVersion {
        /// The API of the request.
        api: Api,
        /// The version of the request.
        version: i16,
    },
    /// The header is valid, the body is not.
    Body {
        /// Kafka's name of the message, such as `JoinGroup request`.
        message: String,
        /// The version in the header.
        version: i16,
        /// What is wrong with the body.
        reason: String,
    },
}

impl Malformed {
    /// An error in the body of a message.
    pub(super) fn body(message: impl Into<String>, version: i16, reason: impl ToString) -> Self {
        Malformed::Body { message: message.into(), version, reason: reason.to_string() }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Header(reason) => write!(f, "header: {reason}"),
            Malformed::UnknownApi(key) => write!(f, "unknown API key {key}"),
            Malformed::UnknownVersion { api, version } => {
                write!(f, "{api} version {version} is not supported, only {:?}", versions(*api))
            }
            Malformed::Body { message, version, reason } => {
                write!(f, "{message} v{version}: {reason}")
            }
        }
    }
}

impl std::error::Error for Malformed {}
