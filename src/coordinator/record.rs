//! The records that a coordinator writes to the offsets log: the durable state of its groups (rules
//! R9).
//!
//! Everything else (parked requests, pending ids, timers, the state's name, a generation that no
//! leader has synced yet) is only in memory and is lost with the coordinator.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::protocol::{Generation, GroupId, MemberId, StrBytes, TopicPartition};
use crate::time::Time;

/// One record of the offsets log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A group's membership and assignments: written by the leader's SyncGroup, when a group
    /// becomes empty and when JoinGroup creates one.
    GroupMetadata(GroupMetadata),
    /// A committed offset: how far a group has read one partition.
    OffsetCommit {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// The offset and its metadata.
        offset: CommittedOffset,
    },
    /// The removal of a group and its membership.
    GroupTombstone {
        /// The group.
        group: GroupId,
    },
    /// The removal of a committed offset.
    OffsetTombstone {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
    },
    /// A pending offset: it becomes the committed one if the producer's transaction commits.
    TxnOffsetCommit {
        /// The producer of the transaction.
        producer: ProducerId,
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// The offset and its metadata.
        offset: CommittedOffset,
    },
    /// The end of a transaction, for every offset of the producer in this log.
    TxnMarker {
        /// The producer of the transaction.
        producer: ProducerId,
        /// Whether it committed or aborted.
        committed: bool,
    },
}

/// The producer id, which identifies a producer's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerId(pub i64);

impl fmt::Display for ProducerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The compaction key of a record: a later record of the same key replaces an earlier one, and
/// compaction may drop the earlier one (rule R9.10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKey {
    /// A group's membership.
    Group(GroupId),
    /// A committed offset.
    Offset(GroupId, TopicPartition),
}

impl Record {
    /// The compaction key; none for transactional records, whose effect only the marker decides.
    pub fn key(&self) -> Option<RecordKey> {
        match self {
            Record::GroupMetadata(metadata) => Some(RecordKey::Group(metadata.group.clone())),
            Record::GroupTombstone { group } => Some(RecordKey::Group(group.clone())),
            Record::OffsetCommit { group, partition, .. }
            | Record::OffsetTombstone { group, partition } => {
                Some(RecordKey::Offset(group.clone(), partition.clone()))
            }
            Record::TxnOffsetCommit { .. } | Record::TxnMarker { .. } => None,
        }
    }

    /// Whether the record removes its key.
    pub fn is_tombstone(&self) -> bool {
        matches!(self, Record::GroupTombstone { .. } | Record::OffsetTombstone { .. })
    }
}

/// The durable part of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The group.
    pub group: GroupId,
    /// `consumer` for consumers; none for a group that only ever had offsets committed.
    pub protocol_type: Option<StrBytes>,
    /// The current generation.
    pub generation: Generation,
    /// The assignor that the members agreed on.
    pub protocol: Option<StrBytes>,
    /// The leader of the generation.
    pub leader: Option<MemberId>,
    /// When the group entered the state in which the record was written.
    pub state_since: Time,
    /// All members; none for an empty group.
    pub members: Vec<MemberMetadata>,
}

/// The durable part of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMetadata {
    /// Its member id.
    pub id: MemberId,
    /// Its group instance id, if it is static.
    pub instance_id: Option<StrBytes>,
    /// The client id of its first JoinGroup.
    pub client_id: StrBytes,
    /// The client's address when it first joined.
    pub client_host: StrBytes,
    /// Its session timeout.
    pub session_timeout: Duration,
    /// Its rebalance timeout.
    pub rebalance_timeout: Duration,
    /// Its metadata for the assignor of the generation.
    pub subscription: Bytes,
    /// Its assignment from the leader.
    pub assignment: Bytes,
}

/// A committed offset and what was committed along with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// The leader epoch of the last record read, −1 if the client did not send it.
    pub leader_epoch: i32,
    /// The metadata string of the commit.
    pub metadata: StrBytes,
    /// When it was committed.
    pub committed_at: Time,
    /// When it expires, whatever state the group is in: set by commits with a retention time
    /// (versions 2 to 4).
    pub expires_at: Option<Time>,
}
