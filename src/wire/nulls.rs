//! Fields that may be null only from some version of a request on.
//!
//! The codec has one type for all versions of a field, and accepts null if any version does. Kafka
//! fails to parse such a request and closes the connection, because null got its meaning with the
//! version that allows it.

use crate::protocol::Request;

/// The first version in which each of these may be null.
const METADATA_TOPICS: i16 = 1;
const METADATA_TOPIC_NAME: i16 = 10;
const OFFSET_FETCH_TOPICS: i16 = 2;

/// The field that is null in a version that does not allow it, if there is one.
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
