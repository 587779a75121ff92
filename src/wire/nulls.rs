//! What an older version of a request may not leave null, though a newer one may.
//!
//! The codec has one type for all versions of a field, and takes null wherever one of them does. Kafka finds
//! such a request unreadable and hangs up: what null means came with the version that allows it.

use crate::protocol::Request;

/// The first versions that may leave these null.
const METADATA_TOPICS: i16 = 1;
const METADATA_TOPIC_NAME: i16 = 10;
const OFFSET_FETCH_TOPICS: i16 = 2;

/// The field that is null in a request of a version that does not allow it.
pub(super) fn forbidden(request: &Request, version: i16) -> Option<&'static str> {
    match request {
        Request::Metadata(request) => match &request.topics {
            None => (version < METADATA_TOPICS).then_some("topics"),
            Some(topics) => {
                let nameless = topics.iter().any(|topic| topic.name.is_none());
                (version < METADATA_TOPIC_NAME && nameless).then_some("name")
            }
        },
        Request::OffsetFetch(request) => {
            (version < OFFSET_FETCH_TOPICS && request.topics.is_none()).then_some("topics")
        }
        _ => None,
    }
}
