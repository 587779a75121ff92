//! The closed set of requests and responses that groupsim supports.

use std::fmt;

use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    DescribeGroupsRequest, DescribeGroupsResponse, FetchRequest, FetchResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse,
    InitProducerIdRequest, InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse,
    ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, ProduceRequest, ProduceResponse, SyncGroupRequest,
    SyncGroupResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};

use super::StrBytes;

macro_rules! apis {
    ($($(#[$doc:meta])* $name:ident = $key:literal: $request:ident, $response:ident;)*) => {
        /// The APIs that groupsim supports, in the order of their Kafka keys.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Api { $($(#[$doc])* $name = $key,)* }

        impl Api {
            /// Every API, in the order of their keys.
            pub const ALL: &'static [Api] = &[$(Api::$name,)*];

            /// The place of the API in [`Api::ALL`], for tables. Kafka's keys have gaps.
            pub const fn index(self) -> usize {
                enum Index { $($name,)* }
                match self { $(Api::$name => Index::$name as usize,)* }
            }

            /// Kafka's name of the API: `JoinGroup`, `OffsetFetch`, …
            pub const fn name(self) -> &'static str {
                match self { $(Api::$name => stringify!($name),)* }
            }
        }

        /// The body of a request.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Request { $($(#[$doc])* $name($request),)* }

        impl Request {
            /// The API of this request.
            pub const fn api(&self) -> Api {
                match self { $(Request::$name(_) => Api::$name,)* }
            }
        }

        /// The body of a response.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Response { $($(#[$doc])* $name($response),)* }

        impl Response {
            /// The API of this response.
            pub const fn api(&self) -> Api {
                match self { $(Response::$name(_) => Api::$name,)* }
            }
        }

        $(impl From<$request> for Request {
            fn from(body: $request) -> Self { Request::$name(body) }
        }
        impl From<$response> for Response {
            fn from(body: $response) -> Self { Response::$name(body) }
        })*
    };
}

apis! {
    /// Appends records to partitions.
    Produce = 0: ProduceRequest, ProduceResponse;
    /// Reads records; the broker parks it while there are none.
    Fetch = 1: FetchRequest, FetchResponse;
    /// The first or last offset of a partition.
    ListOffsets = 2: ListOffsetsRequest, ListOffsetsResponse;
    /// Topics, their partitions and leaders.
    Metadata = 3: MetadataRequest, MetadataResponse;
    /// Stores how far a group has read.
    OffsetCommit = 8: OffsetCommitRequest, OffsetCommitResponse;
    /// Reads how far a group has read.
    OffsetFetch = 9: OffsetFetchRequest, OffsetFetchResponse;
    /// Finds the broker that coordinates a group.
    FindCoordinator = 10: FindCoordinatorRequest, FindCoordinatorResponse;
    /// Joins a group or its next generation; parked until the join phase completes.
    JoinGroup = 11: JoinGroupRequest, JoinGroupResponse;
    /// Keeps a member's session alive.
    Heartbeat = 12: HeartbeatRequest, HeartbeatResponse;
    /// Ends memberships.
    LeaveGroup = 13: LeaveGroupRequest, LeaveGroupResponse;
    /// Carries the assignment of a generation: from the leader, and to every member.
    SyncGroup = 14: SyncGroupRequest, SyncGroupResponse;
    /// Describes groups: state, members, assignments.
    DescribeGroups = 15: DescribeGroupsRequest, DescribeGroupsResponse;
    /// Lists the groups that a broker coordinates.
    ListGroups = 16: ListGroupsRequest, ListGroupsResponse;
    /// Allocates a producer id, by which the broker detects duplicate batches of an idempotent
    /// producer.
    InitProducerId = 22: InitProducerIdRequest, InitProducerIdResponse;
    /// Ends a transaction in the partitions it wrote to, the offsets log among them.
    WriteTxnMarkers = 27: WriteTxnMarkersRequest, WriteTxnMarkersResponse;
    /// Stores how far a group has read, pending until the transaction commits.
    TxnOffsetCommit = 28: TxnOffsetCommitRequest, TxnOffsetCommitResponse;
    /// Reads the settings of topics, brokers and groups.
    DescribeConfigs = 32: DescribeConfigsRequest, DescribeConfigsResponse;
    /// Removes groups without members, with their offsets.
    DeleteGroups = 42: DeleteGroupsRequest, DeleteGroupsResponse;
    /// Removes committed offsets of topics that the group does not subscribe to.
    OffsetDelete = 47: OffsetDeleteRequest, OffsetDeleteResponse;
}

impl Api {
    /// Whether the group coordinator handles this API, rather than the broker around it.
    pub const fn is_group_api(self) -> bool {
        matches!(
            self,
            Api::OffsetCommit
                | Api::OffsetFetch
                | Api::JoinGroup
                | Api::Heartbeat
                | Api::LeaveGroup
                | Api::SyncGroup
                | Api::DescribeGroups
                | Api::ListGroups
                | Api::WriteTxnMarkers
                | Api::TxnOffsetCommit
                | Api::DeleteGroups
                | Api::OffsetDelete
        )
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A request with the parts of its header that decide its meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestFrame {
    /// The correlation id: numbers the requests of one connection; the response repeats it.
    pub correlation: i32,
    /// The API version that the client chose.
    pub version: i16,
    /// The client id; the first half of the client's member ids.
    pub client_id: StrBytes,
    /// The request body.
    pub body: Request,
}

/// A response with the parts of its header that decide its meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseFrame {
    /// The correlation id of the request.
    pub correlation: i32,
    /// The response body.
    pub body: Response,
}
