//! The contract between a group coordinator and its host.
//!
//! A coordinator is a state machine without I/O, for the groups of one partition of the offsets log
//! and for one term of its leader. A broker that becomes leader creates a coordinator and replays
//! the log into it; a broker that loses leadership unloads the coordinator and drops it. The broker
//! ([`crate::broker`]) delivers requests and the time, appends the records that the coordinator
//! emits, reports when they are durable, sends its responses, and calls
//! [`GroupCoordinator::advance`] when [`GroupCoordinator::next_deadline`] is due. To test a
//! coordinator of your own, implement [`GroupCoordinator`] for it.

use std::fmt;
use std::time::Duration;

use crate::protocol::{
    Generation, GroupId, MemberId, Request, Response, ResponseError, StrBytes, TopicName,
    TopicPartition,
};
use crate::time::Time;

use super::record::{GroupMetadata, Record};
use super::state::GroupState;

/// Identifies a request from its delivery to its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Identifies an append of the coordinator until it is committed or has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppendId(pub u64);

/// One request of the group APIs ([`crate::protocol::Api::is_group_api`]).
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The id that the response refers to.
    pub id: RequestId,
    /// The API version of the request.
    pub version: i16,
    /// The client id of the request header.
    pub client_id: &'a StrBytes,
    /// The client's address as the broker sees it, such as `/10.1.0.1`.
    pub client_host: &'a StrBytes,
    /// The request body.
    pub request: &'a Request,
}

/// When the broker may send a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Immediately: the response promises nothing durable.
    Now,
    /// When everything appended so far is committed, even if this request appended nothing. (Rule
    /// R3.2: heartbeats queue behind a stuck append.)
    WhenDurable,
}

/// What the coordinator wants the broker to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a response.
    Respond {
        /// The request it belongs to.
        to: RequestId,
        /// The response body.
        response: Response,
        /// When it may be sent.
        release: Release,
    },
    /// Append a record to the offsets log, and report its outcome.
    Append {
        /// The id for reporting the outcome.
        id: AppendId,
        /// The record.
        record: Record,
    },
    /// An event for traces and invariants; it has no effect.
    Observe(Observation),
}

/// What happened inside a coordinator. Invariants rely on observations as they rely on messages: a
/// coordinator under test should report them truthfully, as Kafka's own does in its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A group moved from one state to another.
    State {
        /// The group.
        group: GroupId,
        /// The state it left.
        from: GroupState,
        /// The state it entered.
        to: GroupState,
        /// The reason in a few words, such as `member joined` or `all members joined`.
        why: &'static str,
    },
    /// A member was added to a group.
    MemberAdded {
        /// The group.
        group: GroupId,
        /// The new member.
        member: MemberId,
        /// Its static instance id (KIP-345).
        instance: Option<StrBytes>,
        /// Its session timeout.
        session: Duration,
        /// Its rebalance timeout.
        rebalance: Duration,
    },
    /// A member is no longer part of a group.
    MemberRemoved {
        /// The group.
        group: GroupId,
        /// The removed member.
        member: MemberId,
        /// The reason.
        why: Removal,
    },
    /// A static member came back under a new id, which takes the place of the old one (KIP-345).
    MemberReplaced {
        /// The group.
        group: GroupId,
        /// Its static instance id.
        instance: StrBytes,
        /// The member id that is fenced from now on.
        old: MemberId,
        /// The member id that takes its place.
        new: MemberId,
        /// The new member's session timeout.
        session: Duration,
        /// The new member's rebalance timeout.
        rebalance: Duration,
    },
    /// The replacement did not become durable and is undone: `old` has its place back, `new` has
    /// none.
    ReplacementUndone {
        /// The group.
        group: GroupId,
        /// The static instance id.
        instance: StrBytes,
        /// The member id that has its place back.
        old: MemberId,
        /// The member id that no longer has one.
        new: MemberId,
    },
    /// The coordinator found a group in the log that it has replayed. Emitted once per group, by
    /// [`GroupCoordinator::loaded`] before anything else. Also emitted when a group is back because
    /// its removal could not be stored.
    GroupLoaded(Box<LoadedGroup>),
    /// The group is removed, with its offsets. Another group with the same id may be created from
    /// now on, even before the tombstone is durable.
    GroupRemoved {
        /// The group.
        group: GroupId,
        /// `deleted`, `expired`, or `not stored` if the log refused the record that created the
        /// group, so that it counts as never created.
        why: &'static str,
    },
    /// A committed offset was removed, and its group was not. Observed when the removal is durable.
    OffsetRemoved {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// `deleted`, `expired`, `topic deleted`.
        why: &'static str,
    },
    /// A join phase completed.
    GenerationBegan {
        /// The group.
        group: GroupId,
        /// The new generation.
        generation: Generation,
        /// The assignor that the members voted for; none when the group is empty.
        protocol: Option<StrBytes>,
        /// The member that computes the assignment; none when the group is empty.
        leader: Option<MemberId>,
        /// All members of the generation.
        members: Vec<MemberId>,
        /// The duration of the join phase, so that a trace can show what a rebalance cost.
        took: Duration,
    },
    /// A timer fired and had an effect.
    TimerFired {
        /// The group.
        group: GroupId,
        /// The kind of timer.
        timer: TimerKind,
        /// The member that a session or pending-join timer belongs to; none for timers of the
        /// group.
        member: Option<MemberId>,
    },
}

impl Observation {
    /// The group that the observation is about.
    pub fn group(&self) -> &GroupId {
        match self {
            Observation::State { group, .. }
            | Observation::MemberAdded { group, .. }
            | Observation::MemberRemoved { group, .. }
            | Observation::MemberReplaced { group, .. }
            | Observation::ReplacementUndone { group, .. }
            | Observation::GenerationBegan { group, .. }
            | Observation::GroupRemoved { group, .. }
            | Observation::OffsetRemoved { group, .. }
            | Observation::TimerFired { group, .. } => group,
            Observation::GroupLoaded(loaded) => &loaded.metadata.group,
        }
    }
}

/// A group as its coordinator found it in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedGroup {
    /// The group with its members and their assignments. An empty group has no members; one that
    /// only ever had offsets committed is in generation 0.
    pub metadata: GroupMetadata,
    /// Its state: Stable with members, Empty without.
    pub state: GroupState,
    /// The durable committed offsets, ordered by topic and partition.
    pub offsets: Vec<(TopicPartition, i64)>,
}

/// Why a member is no longer part of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Removal {
    /// It sent LeaveGroup.
    Left,
    /// Its session (or new-member) timeout ran out.
    SessionExpired,
    /// It did not rejoin before the join phase ended.
    NotRejoined,
    /// It did not send SyncGroup in time.
    NotSynced,
    /// It rejoined when the group had no room for it (KIP-389).
    GroupFull,
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Removal::Left => "left",
            Removal::SessionExpired => "session-expired",
            Removal::NotRejoined => "not-rejoined",
            Removal::NotSynced => "not-synced",
            Removal::GroupFull => "group-full",
        })
    }
}

/// The kinds of timer of the classic protocol (rules R5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKind {
    /// A member's session timeout, or the five minutes of a new member.
    Session,
    /// The expiry of a member id handed out with MEMBER_ID_REQUIRED.
    PendingJoin,
    /// The end of a join phase, or of a step of the initial rebalance delay.
    Join,
    /// The end of the sync phase.
    Sync,
}

impl fmt::Display for TimerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimerKind::Session => "session",
            TimerKind::PendingJoin => "pending-join",
            TimerKind::Join => "join",
            TimerKind::Sync => "sync",
        })
    }
}

/// A snapshot of one group, which reports print when a group does not converge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// The state.
    pub state: GroupState,
    /// The newest generation.
    pub generation: Generation,
    /// The leader, if the group has one.
    pub leader: Option<MemberId>,
    /// The members, in the order of their ids.
    pub members: Vec<MemberDescription>,
    /// Ids handed out with MEMBER_ID_REQUIRED that have not joined yet.
    pub pending: Vec<MemberId>,
    /// The durable committed offsets, ordered by topic and partition.
    pub offsets: Vec<(TopicPartition, i64)>,
    /// The armed timers of the group with their deadlines, pending-join timers included
    /// ([`TimerKind::Session`] is with each member).
    pub timers: Vec<(TimerKind, Time)>,
}

/// A snapshot of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// Its id.
    pub id: MemberId,
    /// Its JoinGroup is parked: it has (re)joined this phase.
    pub joined: bool,
    /// The coordinator still awaits its SyncGroup of this generation.
    pub sync_awaited: bool,
    /// The deadline of its session timer, if that is armed.
    pub session_deadline: Option<Time>,
}

/// A group coordinator without I/O. The module head says when the broker calls what.
pub trait GroupCoordinator {
    /// Handles one request. Every request gets exactly one response, now or later, through
    /// [`Output::Respond`].
    fn handle(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>);

    /// Fires every timer whose deadline is not after `now`, the earliest first.
    fn advance(&mut self, now: Time, out: &mut Vec<Output>);

    /// The time at which [`Self::advance`] must be called next. It may be early, never late.
    fn next_deadline(&self) -> Option<Time>;

    /// The record of `append` is durable, and with it every earlier one.
    fn committed(&mut self, now: Time, append: AppendId, out: &mut Vec<Output>);

    /// The record of `append` will not become durable; `error` is the log's.
    fn append_failed(
        &mut self,
        now: Time,
        append: AppendId,
        error: ResponseError,
        out: &mut Vec<Output>,
    );

    /// What `request` appended is not durable `offsets.commit.timeout.ms` after it was handled. The
    /// record may still become durable; its outcome is reported by [`Self::committed`] or
    /// [`Self::append_failed`] as usual.
    fn write_timed_out(&mut self, now: Time, request: RequestId, out: &mut Vec<Output>);

    /// Calls `visit` with every armed deadline, in no particular order. The simulator races
    /// deliveries against them: just before, at and just after.
    fn deadlines(&self, visit: &mut dyn FnMut(Time));

    /// The ids of all groups, in order.
    fn groups(&self) -> Vec<GroupId>;

    /// A snapshot of a group, or none if it does not exist.
    fn describe(&self, group: &GroupId) -> Option<GroupDescription>;

    /// A topic was deleted: the coordinator removes the offsets committed for it.
    fn topic_deleted(&mut self, now: Time, topic: &TopicName, out: &mut Vec<Output>);

    /// Replays one durable record of the log, before [`Self::loaded`]. Records come in log order;
    /// of each key at least the last one comes (compaction may have dropped the others). `position`
    /// grows from record to record; the coordinator's own appends come after all replayed records.
    fn replay(&mut self, now: Time, position: u64, record: &Record);

    /// Like [`Self::replay`], for the records at the end of the log that are not committed yet. The
    /// coordinator acts on them as on its own appends in flight, but they are not durable, and
    /// another election may truncate them.
    fn replay_uncommitted(&mut self, now: Time, position: u64, record: &Record);

    /// Everything replayed by [`Self::replay_uncommitted`] is now durable. Not called if there were
    /// no such records.
    fn replayed_committed(&mut self, now: Time, out: &mut Vec<Output>);

    /// The whole log has been replayed (or is empty), and requests follow. Called exactly once,
    /// after the last replayed record.
    fn loaded(&mut self, now: Time, out: &mut Vec<Output>);

    /// The broker no longer leads the log: every group is Dead, and parked requests fail with
    /// NOT_COORDINATOR. Nothing is called after this.
    fn unload(&mut self, now: Time, out: &mut Vec<Output>);
}
