//! Maps API keys and versions to the codec's types, and back.
//!
//! The only place that lists which struct belongs to which API. Read next: [`super::frames`], which
//! adds headers.

use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, DeleteGroupsRequest, DescribeConfigsRequest, DescribeGroupsRequest, FetchRequest,
    FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, ProduceRequest, SyncGroupRequest,
    TxnOffsetCommitRequest, WriteTxnMarkersRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable, Message, Request as Codec};

use crate::protocol::{Api, Request, Response};

macro_rules! codec {
    ($($api:ident: $request:ident;)*) => {
        /// The supported versions of an API: the codec's whole range.
        pub fn versions(api: Api) -> RangeInclusive<i16> {
            match api { $(Api::$api => both_ways::<$request>(),)* }
        }

        /// Decodes the body of a request of `api`.
        pub(super) fn decode_request(
            bytes: &mut Bytes,
            api: Api,
            version: i16,
        ) -> Result<Request, String> {
            match api { $(Api::$api => decode(bytes, version).map(Request::$api),)* }
        }

        /// Decodes the body of a response of `api`.
        pub(super) fn decode_response(
            bytes: &mut Bytes,
            api: Api,
            version: i16,
        ) -> Result<Response, String> {
            match api { $(Api::$api => decode(bytes, version).map(Response::$api),)* }
        }

        pub(super) fn encode_request(
            body: &Request,
            bytes: &mut BytesMut,
            version: i16,
        ) -> Result<(), String> {
            match body { $(Request::$api(body) => encode(body, bytes, version),)* }
        }

        pub(super) fn encode_response(
            body: &Response,
            bytes: &mut BytesMut,
            version: i16,
        ) -> Result<(), String> {
            match body { $(Response::$api(body) => encode(body, bytes, version),)* }
        }
    };
}

codec! {
    Produce: ProduceRequest;
    Fetch: FetchRequest;
    ListOffsets: ListOffsetsRequest;
    Metadata: MetadataRequest;
    OffsetCommit: OffsetCommitRequest;
    OffsetFetch: OffsetFetchRequest;
    FindCoordinator: FindCoordinatorRequest;
    JoinGroup: JoinGroupRequest;
    Heartbeat: HeartbeatRequest;
    LeaveGroup: LeaveGroupRequest;
    SyncGroup: SyncGroupRequest;
    DescribeGroups: DescribeGroupsRequest;
    ListGroups: ListGroupsRequest;
    InitProducerId: InitProducerIdRequest;
    WriteTxnMarkers: WriteTxnMarkersRequest;
    TxnOffsetCommit: TxnOffsetCommitRequest;
    DescribeConfigs: DescribeConfigsRequest;
    DeleteGroups: DeleteGroupsRequest;
    OffsetDelete: OffsetDeleteRequest;
}

/// The versions that the codec has for both a request and its response. `ApiKey::valid_versions`
/// also has version 10 of OffsetCommit and OffsetFetch, for which the codec has only the response.
pub(super) fn both_ways<R: Codec>() -> RangeInclusive<i16> {
    let range = R::VERSIONS.intersect(&<R::Response as Message>::VERSIONS);
    range.min..=range.max
}

/// Kafka's name of the API with this key, whether it is supported here or not.
pub fn api_name(key: i16) -> Option<String> {
    ApiKey::try_from(key).ok().map(|api| format!("{api:?}"))
}

/// Kafka's API key, which determines header versions.
pub(super) fn api_key(api: Api) -> ApiKey {
    ApiKey::try_from(api as i16).expect("every supported API has a key in the codec")
}

pub(super) fn decode<T: Decodable>(bytes: &mut Bytes, version: i16) -> Result<T, String> {
    T::decode(bytes, version).map_err(|error| error.to_string().trim_end().to_owned())
}

pub(super) fn encode<T: Encodable>(
    message: &T,
    bytes: &mut BytesMut,
    version: i16,
) -> Result<(), String> {
    message.encode(bytes, version).map_err(|error| error.to_string())
}
