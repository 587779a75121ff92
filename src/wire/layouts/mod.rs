//! The layout of every message in every version: enough to walk over a message without decoding it.
//!
//! Only fields with a length matter here, and the sizes of the fields in between. What a number
//! means and whether a field may be null is left to the codec. Names and order are those of Kafka's
//! message definitions. The tests check each layout against the codec, version by version: a
//! message generated from a layout must decode, and encode to the same bytes. Read next:
//! [`super::lengths`], which walks over messages.

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

/// A field of a message or of a nested struct.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub name: &'static str,
    pub what: FieldType,
    /// Whether the field is an array.
    pub many: bool,
    first: i16,
    last: i16,
    /// Its tag, if it is a tagged field of its struct.
    pub tag: Option<u32>,
}

/// The type of a field, or of each element of an array.
#[derive(Clone, Copy)]
pub(super) enum FieldType {
    /// A fixed number of bytes.
    Fixed(usize),
    /// A string: its length is two bytes, or a varint where compact.
    String,
    /// Bytes, including records: the length is four bytes, or a varint where compact.
    Bytes,
    /// A struct of these fields in this order, tagged ones last.
    Struct(&'static [Field]),
}

impl Field {
    const fn new(name: &'static str, what: FieldType) -> Field {
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
    Field::new(name, FieldType::Fixed(1))
}

const fn int8(name: &'static str) -> Field {
    Field::new(name, FieldType::Fixed(1))
}

const fn int16(name: &'static str) -> Field {
    Field::new(name, FieldType::Fixed(2))
}

const fn int32(name: &'static str) -> Field {
    Field::new(name, FieldType::Fixed(4))
}

const fn int32s(name: &'static str) -> Field {
    int32(name).many()
}

const fn int64(name: &'static str) -> Field {
    Field::new(name, FieldType::Fixed(8))
}

const fn uuid(name: &'static str) -> Field {
    Field::new(name, FieldType::Fixed(16))
}

const fn string(name: &'static str) -> Field {
    Field::new(name, FieldType::String)
}

const fn strings(name: &'static str) -> Field {
    string(name).many()
}

const fn bytes(name: &'static str) -> Field {
    Field::new(name, FieldType::Bytes)
}

const fn structure(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, FieldType::Struct(fields))
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
