//! What a coordinator writes to the offsets log: the durable truth of a group (rules R9).
//!
//! Everything else (parked requests, pending ids, timers, the state's name, a generation that no leader
//! has synced yet) lives in memory only and is lost with the coordinator.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::protocol::{Generation, GroupId, MemberId, StrBytes, TopicPartition};
use crate::time::Time;

/// One record of the offsets log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A group's membership and assignments: written by the leader's sync, when a group becomes empty
    /// and when one is created.
    GroupMetadata(GroupMetadata),
    /// How far a group has read one partition.
    OffsetCommit {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// What was committed.
        offset: CommittedOffset,
    },
    /// A group and its membership are gone.
    GroupTombstone {
        /// The group.
        group: GroupId,
    },
    /// A committed offset is gone.
    OffsetTombstone {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
    },
    /// How far a group has read one partition, if the producer's transaction commits.
    TxnOffsetCommit {
        /// Who runs the transaction.
        producer: ProducerId,
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// What was committed.
        offset: CommittedOffset,
    },
    /// A transaction is over, for every offset of the producer in this log.
    TxnMarker {
        /// Who ran the transaction.
        producer: ProducerId,
        /// Whether it committed or aborted.
        committed: bool,
    },
}

/// A producer's own number, which names its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerId(pub i64);

impl fmt::Display for ProducerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a record is about: a later record of the same key replaces an earlier one, and compaction may
/// drop the earlier one (rule R9.10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKey {
    /// A group's membership.
    Group(GroupId),
    /// A committed offset.
    Offset(GroupId, TopicPartition),
}

impl Record {
    /// What the record is about; none for the records of transactions, of which only the marker tells.
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

    /// Whether the record says that something is gone.
    pub fn is_tombstone(&self) -> bool {
        matches!(self, Record::GroupTombstone { .. } | Record::OffsetTombstone { .. })
    }
}

/// The durable part of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The group.
    pub group: GroupId,
    /// `consumer`, for consumers; none for a group that was only ever committed to.
    pub protocol_type: Option<StrBytes>,
    /// The generation these members belong to.
    pub generation: Generation,
    /// The assignor they agreed on.
    pub protocol: Option<StrBytes>,
    /// Who led it.
    pub leader: Option<MemberId>,
    /// When the group entered the state it was written in.
    pub state_since: Time,
    /// Everybody in it; empty for an empty group.
    pub members: Vec<MemberMetadata>,
}

/// The durable part of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMetadata {
    /// Its id.
    pub id: MemberId,
    /// Its static instance id.
    pub instance_id: Option<StrBytes>,
    /// The client's name for itself.
    pub client_id: StrBytes,
    /// Where the client was when it joined first.
    pub client_host: StrBytes,
    /// How long it may be silent.
    pub session_timeout: Duration,
    /// How long it may take to rejoin.
    pub rebalance_timeout: Duration,
    /// Its metadata for the selected protocol.
    pub subscription: Bytes,
    /// What the leader assigned to it.
    pub assignment: Bytes,
}

/// A committed offset and what was committed along with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// The leader epoch of the last record read, −1 when the client did not say.
    pub leader_epoch: i32,
    /// The client's own note.
    pub metadata: StrBytes,
    /// When it was committed.
    pub committed_at: Time,
    /// When it expires whatever the group does: set by commits that name a retention time (versions 2 to
    /// 4).
    pub expires_at: Option<Time>,
}
