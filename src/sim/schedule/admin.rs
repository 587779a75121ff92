//! The administrator's requests, and what a schedule expects of the responses.

use crate::coordinator::GroupState;
use crate::protocol::TopicPartition;

/// One request of the administrator. It goes to the leader of the group's partition of the offsets
/// log, as the controller knows it, and is sent once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminRequest {
    /// `describe g g2 version=5`: DescribeGroups.
    Describe {
        /// The groups, which need not exist.
        groups: Vec<String>,
        /// The request version; the newest by default.
        version: Option<i16>,
    },
    /// `list on=b1 states=Stable,Empty types=classic`: ListGroups, on one broker.
    List {
        /// The broker; `b0` by default.
        on: Option<crate::protocol::BrokerId>,
        /// The states to list, as written; all when empty.
        states: Vec<String>,
        /// The group types to list, as written; all when empty.
        types: Vec<String>,
        /// The request version; the newest by default.
        version: Option<i16>,
    },
    /// `delete-group g g2`: DeleteGroups.
    DeleteGroups {
        /// The groups.
        groups: Vec<String>,
        /// The request version; the newest by default.
        version: Option<i16>,
    },
    /// `delete-offsets g orders-0 orders-1`: OffsetDelete.
    DeleteOffsets {
        /// The group.
        group: String,
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
    /// `remove g instance=i1`, `remove g member=c1`: LeaveGroup on behalf of a member.
    Remove {
        /// The group.
        group: String,
        /// The static instance id.
        instance: Option<String>,
        /// The consumer whose member id is named.
        member: Option<String>,
        /// The request version; the newest by default.
        version: Option<i16>,
    },
    /// `commit g orders-0=5 note=5000 retention=60m`: OffsetCommit without a member id, as tools
    /// that reset offsets send it.
    Commit {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// The offset.
        offset: i64,
        /// The length of the commit's metadata in bytes.
        note: usize,
        /// The retention time. It exists in versions 2 to 4; setting it sends version 4.
        retention: Option<std::time::Duration>,
    },
    /// `offsets g stable=yes`: OffsetFetch of all partitions.
    Offsets {
        /// The group.
        group: String,
        /// RequireStable (KIP-447).
        stable: bool,
        /// The request version; the newest by default.
        version: Option<i16>,
    },
    /// `txn-commit g orders-0=5 producer=7 as=c1`: TxnOffsetCommit.
    TxnCommit {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// The offset.
        offset: i64,
        /// The producer id.
        producer: i64,
        /// The consumer whose member id and generation the commit names (KIP-447); `None` sends an
        /// older version without them.
        consumer: Option<String>,
    },
    /// `end-txn g commit producer=7`, `end-txn g abort producer=7`: WriteTxnMarkers to the group's
    /// partition, as the transaction coordinator sends it.
    EndTxn {
        /// The group whose partition of the offsets log gets the marker.
        group: String,
        /// The producer id.
        producer: i64,
        /// Whether the transaction commits.
        commit: bool,
    },
    /// `ask JoinGroup group= session=1s type=x`: a bare JoinGroup that no client would send, for
    /// the coordinator's first checks.
    Join {
        /// The group id, which may be empty.
        group: String,
        /// The protocol type, `consumer` by default; may be empty.
        protocol_type: String,
        /// The session timeout.
        session: std::time::Duration,
    },
}

/// What the last response must contain: every field that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedResponse {
    /// The expected error by its official name, `NONE` for success: the first error in the response
    /// that is not NONE.
    pub error: Option<String>,
    /// `state=Stable`: the state of the first group described.
    pub state: Option<GroupState>,
    /// `members=2`: the number of members of the first group described.
    pub members: Option<usize>,
    /// `groups=g,g2`: the groups listed, in any order; `groups=none`.
    pub groups: Option<Vec<String>>,
    /// `orders-0=5`: the committed offset of the partition; −1 for none.
    pub offset: Option<(TopicPartition, i64)>,
}
