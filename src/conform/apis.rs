//! The requests that a script can send: for each its codec, how to build it, and how to show its
//! response.

use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Message};

use super::request::{self, RequestArgs};
use super::response::{self, ResponseContext};
use crate::protocol::StrBytes;
use crate::wire;

/// A message with a header version, for requests and responses.
trait Codec: Encodable + HeaderVersion + Message {}
impl<T: Encodable + HeaderVersion + Message> Codec for T {}

macro_rules! apis {
    ($($api:ident: $request:ident, $response:ident, $family:ident::$name:ident;)*) => {
        /// A request that a script can send.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ScriptApi { $(#[doc = stringify!($api)] $api,)* }

        impl ScriptApi {
            /// All requests.
            pub const ALL: &'static [ScriptApi] = &[$(ScriptApi::$api,)*];

            /// Kafka's name for it.
            pub const fn name(self) -> &'static str {
                match self { $(ScriptApi::$api => stringify!($api),)* }
            }

            /// Its API key.
            pub const fn key(self) -> ApiKey {
                match self { $(ScriptApi::$api => ApiKey::$api,)* }
            }

            /// The versions that the codec supports.
            pub fn versions(self) -> RangeInclusive<i16> {
                let range = match self {
                    $(ScriptApi::$api => $request::VERSIONS.intersect(&$response::VERSIONS),)*
                };
                range.min..=range.max
            }

            /// The request of a line as one frame, without its length prefix.
            pub(super) fn encode(
                self,
                args: &RequestArgs<'_>,
                correlation: i32,
                client: Option<StrBytes>,
            ) -> Result<Bytes, String> {
                match self { $(ScriptApi::$api => {
                    let request = request::$family::$name(args);
                    frame(self.key(), &request, (args.version, correlation), client)
                })* }
            }

            /// The normal form of a response, which is one frame without its length prefix.
            pub(super) fn show(
                self,
                mut bytes: Bytes,
                context: &mut ResponseContext<'_>,
            ) -> Result<String, String> {
                match self { $(ScriptApi::$api => {
                    let header = $response::header_version(context.version);
                    let _: ResponseHeader = decode(&mut bytes, header)?;
                    wire::check_response(self.key() as i16, context.version, &bytes)?;
                    let response: $response = decode(&mut bytes, context.version)?;
                    Ok(response::$family::$name(&response, context))
                })* }
            }
        }
    };
}

apis! {
    JoinGroup: JoinGroupRequest, JoinGroupResponse, group::join_group;
    SyncGroup: SyncGroupRequest, SyncGroupResponse, group::sync_group;
    Heartbeat: HeartbeatRequest, HeartbeatResponse, group::heartbeat;
    LeaveGroup: LeaveGroupRequest, LeaveGroupResponse, group::leave_group;
    OffsetCommit: OffsetCommitRequest, OffsetCommitResponse, offsets::offset_commit;
    OffsetFetch: OffsetFetchRequest, OffsetFetchResponse, offsets::offset_fetch;
    OffsetDelete: OffsetDeleteRequest, OffsetDeleteResponse, offsets::offset_delete;
    DescribeGroups: DescribeGroupsRequest, DescribeGroupsResponse, admin::describe_groups;
    ListGroups: ListGroupsRequest, ListGroupsResponse, admin::list_groups;
    DeleteGroups: DeleteGroupsRequest, DeleteGroupsResponse, admin::delete_groups;
    FindCoordinator: FindCoordinatorRequest, FindCoordinatorResponse, admin::find_coordinator;
    ConsumerGroupHeartbeat: ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
        consumer::heartbeat;
    ConsumerGroupDescribe: ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
        consumer::describe;
    Metadata: MetadataRequest, MetadataResponse, admin::metadata;
    CreateTopics: CreateTopicsRequest, CreateTopicsResponse, admin::create_topics;
    ApiVersions: ApiVersionsRequest, ApiVersionsResponse, admin::api_versions;
    InitProducerId: InitProducerIdRequest, InitProducerIdResponse, txn::init_producer_id;
    AddOffsetsToTxn: AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, txn::add_offsets;
    EndTxn: EndTxnRequest, EndTxnResponse, txn::end;
    TxnOffsetCommit: TxnOffsetCommitRequest, TxnOffsetCommitResponse, txn::offset_commit;
    WriteTxnMarkers: WriteTxnMarkersRequest, WriteTxnMarkersResponse, txn::write_markers;
}

impl ScriptApi {
    /// The API of this name.
    pub fn named(name: &str) -> Option<ScriptApi> {
        ScriptApi::ALL.iter().copied().find(|api| api.name() == name)
    }
}

fn frame<R: Codec>(
    key: ApiKey,
    request: &R,
    (version, correlation): (i16, i32),
    client: Option<StrBytes>,
) -> Result<Bytes, String> {
    let header = header(key as i16, version, correlation, client);
    let mut bytes = BytesMut::new();
    encode(&header, &mut bytes, R::header_version(version))?;
    encode(request, &mut bytes, version)?;
    Ok(bytes.freeze())
}

/// A frame with any body.
pub(super) fn raw_frame(
    (key, version): (i16, i16),
    flexible: bool,
    body: &[u8],
    correlation: i32,
    client: Option<StrBytes>,
) -> Result<Bytes, String> {
    let mut bytes = BytesMut::new();
    let header = header(key, version, correlation, client);
    encode(&header, &mut bytes, if flexible { 2 } else { 1 })?;
    bytes.extend_from_slice(body);
    Ok(bytes.freeze())
}

fn header(key: i16, version: i16, correlation: i32, client: Option<StrBytes>) -> RequestHeader {
    RequestHeader::default()
        .with_request_api_key(key)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(client)
}

fn encode<T: Encodable>(what: &T, bytes: &mut BytesMut, version: i16) -> Result<(), String> {
    what.encode(bytes, version).map_err(|error| error.to_string())
}

fn decode<T: Decodable>(bytes: &mut Bytes, version: i16) -> Result<T, String> {
    T::decode(bytes, version).map_err(|error| error.to_string())
}
