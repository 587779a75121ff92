//! What lies where in every message at every version: enough to walk over it without decoding it.
//!
//! Only what has a length matters here, and what has none in between: a number is so many bytes, and what
//! it means is the codec's business. So is whether a field may be null. Names and order are those of
//! Kafka's own message definitions. The tests hold each layout against the codec, version by version: what is
//! made after a layout must decode, and encode to the same bytes again. Read next: [`super::lengths`],
//! which does the walking.

mod admin;
mod log;
mod membership;
mod offsets;

use crate::protocol::Api;

/// The layout of one message in all of its versions.
pub(super) struct Layout {
    /// The first version with compact lengths and tagged fields (KIP-482).
    pub flexible_from: i16,
    pub fields: &'static [Field],
}

/// For [`Layout::flexible_from`]: no version is flexible.
const NEVER: i16 = i16::MAX;

/// A field of a message or of a struct inside one.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub name: &'static str,
    pub what: What,
    /// Whether it is an array of these.
    pub many: bool,
    first: i16,
    last: i16,
    /// Its number among the tagged fields of its struct, if it is one of them.
    pub tag: Option<u32>,
}

/// What a field is, or each element of an array.
#[derive(Clone, Copy)]
pub(super) enum What {
    /// Always this many bytes.
    Fixed(usize),
    /// Text: its length is two bytes, or a varint where compact.
    String,
    /// Bytes, records among them: the length is four bytes, or a varint where compact.
    Bytes,
    /// Fields in this order, those with a tag after all others.
    Struct(&'static [Field]),
}

impl Field {
    const fn new(name: &'static str, what: What) -> Field {
        Field { name, what, many: false, first: 0, last: i16::MAX, tag: None }
    }

    const fn many(self) -> Field {
        Field { many: true, ..self }
    }

    const fn since(self, first: i16) -> Field {
        Field { first, ..self }
    }

    const fn until(self, last: i16) -> Field {
        Field { last, ..self }
    }

    const fn tagged(self, tag: u32) -> Field {
        Field { tag: Some(tag), ..self }
    }

    /// Whether messages of this version have the field.
    pub(super) fn is_in(&self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }
}

const fn boolean(name: &'static str) -> Field {
    Field::new(name, What::Fixed(1))
}

const fn int8(name: &'static str) -> Field {
    Field::new(name, What::Fixed(1))
}

const fn int16(name: &'static str) -> Field {
    Field::new(name, What::Fixed(2))
}

const fn int32(name: &'static str) -> Field {
    Field::new(name, What::Fixed(4))
}

const fn int32s(name: &'static str) -> Field {
    int32(name).many()
}

const fn int64(name: &'static str) -> Field {
    Field::new(name, What::Fixed(8))
}

const fn uuid(name: &'static str) -> Field {
    Field::new(name, What::Fixed(16))
}

const fn string(name: &'static str) -> Field {
    Field::new(name, What::String)
}

const fn strings(name: &'static str) -> Field {
    string(name).many()
}

const fn bytes(name: &'static str) -> Field {
    Field::new(name, What::Bytes)
}

const fn structure(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, What::Struct(fields))
}

const fn array(name: &'static str, fields: &'static [Field]) -> Field {
    structure(name, fields).many()
}

/// The layout of an API's requests.
pub(super) fn request(api: Api) -> &'static Layout {
    match api {
        Api::Produce => &log::PRODUCE_REQUEST,
        Api::Fetch => &log::FETCH_REQUEST,
        Api::ListOffsets => &log::LIST_OFFSETS_REQUEST,
        Api::Metadata => &log::METADATA_REQUEST,
        Api::OffsetCommit => &offsets::OFFSET_COMMIT_REQUEST,
        Api::OffsetFetch => &offsets::OFFSET_FETCH_REQUEST,
        Api::FindCoordinator => &membership::FIND_COORDINATOR_REQUEST,
        Api::JoinGroup => &membership::JOIN_GROUP_REQUEST,
        Api::Heartbeat => &membership::HEARTBEAT_REQUEST,
        Api::LeaveGroup => &membership::LEAVE_GROUP_REQUEST,
        Api::SyncGroup => &membership::SYNC_GROUP_REQUEST,
        Api::DescribeGroups => &admin::DESCRIBE_GROUPS_REQUEST,
        Api::ListGroups => &admin::LIST_GROUPS_REQUEST,
        Api::InitProducerId => &log::INIT_PRODUCER_ID_REQUEST,
        Api::WriteTxnMarkers => &offsets::WRITE_TXN_MARKERS_REQUEST,
        Api::TxnOffsetCommit => &offsets::TXN_OFFSET_COMMIT_REQUEST,
        Api::DescribeConfigs => &admin::DESCRIBE_CONFIGS_REQUEST,
        Api::DeleteGroups => &admin::DELETE_GROUPS_REQUEST,
        Api::OffsetDelete => &offsets::OFFSET_DELETE_REQUEST,
    }
}

/// The layout of an API's responses.
pub(super) fn response(api: Api) -> &'static Layout {
    match api {
        Api::Produce => &log::PRODUCE_RESPONSE,
        Api::Fetch => &log::FETCH_RESPONSE,
        Api::ListOffsets => &log::LIST_OFFSETS_RESPONSE,
        Api::Metadata => &log::METADATA_RESPONSE,
        Api::OffsetCommit => &offsets::OFFSET_COMMIT_RESPONSE,
        Api::OffsetFetch => &offsets::OFFSET_FETCH_RESPONSE,
        Api::FindCoordinator => &membership::FIND_COORDINATOR_RESPONSE,
        Api::JoinGroup => &membership::JOIN_GROUP_RESPONSE,
        Api::Heartbeat => &membership::HEARTBEAT_RESPONSE,
        Api::LeaveGroup => &membership::LEAVE_GROUP_RESPONSE,
        Api::SyncGroup => &membership::SYNC_GROUP_RESPONSE,
        Api::DescribeGroups => &admin::DESCRIBE_GROUPS_RESPONSE,
        Api::ListGroups => &admin::LIST_GROUPS_RESPONSE,
        Api::InitProducerId => &log::INIT_PRODUCER_ID_RESPONSE,
        Api::WriteTxnMarkers => &offsets::WRITE_TXN_MARKERS_RESPONSE,
        Api::TxnOffsetCommit => &offsets::TXN_OFFSET_COMMIT_RESPONSE,
        Api::DescribeConfigs => &admin::DESCRIBE_CONFIGS_RESPONSE,
        Api::DeleteGroups => &admin::DELETE_GROUPS_RESPONSE,
        Api::OffsetDelete => &offsets::OFFSET_DELETE_RESPONSE,
    }
}

pub(super) use admin::{API_VERSIONS_REQUEST, API_VERSIONS_RESPONSE};
