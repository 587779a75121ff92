//! Why bytes are no message, or a message has no bytes.

use std::fmt;

use super::versions;
use crate::protocol::Api;

/// Bytes that are no message of Kafka's, or a message that the codec cannot put into bytes. A broker
/// hangs up on a client that sends such bytes; nothing in them can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The header is cut short, or is not text where it should be.
    Header(String),
    /// No API that is served has this key.
    UnknownApi(i16),
    /// The codec does not have the API in this version.
    UnknownVersion {
        /// The API asked for.
        api: Api,
        /// The version it was asked for in.
        version: i16,
    },
    /// The header is well, and what follows is not.
    Body {
        /// Kafka's name of the message: `JoinGroup request`.
        message: String,
        /// The version it claims to be of.
        version: i16,
        /// What is wrong with it.
        reason: String,
    },
}

impl Malformed {
    /// What is wrong with the body of a message.
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
                write!(f, "{api} version {version} is not among {:?}", versions(*api))
            }
            Malformed::Body { message, version, reason } => {
                write!(f, "{message} v{version}: {reason}")
            }
        }
    }
}

impl std::error::Error for Malformed {}
