//! The seam: what a group coordinator takes and gives.
//!
//! A coordinator is a state machine without I/O, for the groups of one partition of the offsets log and for
//! one term of its leader: a broker that becomes leader makes one and replays the log into it, a broker that
//! no longer leads unloads it and drops it. Whoever hosts it ([`crate::cluster`]) hands it requests
//! and the time, appends the records it asks for, tells it when they are durable, sends the responses it
//! gives and calls [`GroupCoordinator::advance`] when [`GroupCoordinator::next_deadline`] has come. To
//! test a coordinator of your own, implement [`GroupCoordinator`] for it.

use std::fmt;
use std::time::Duration;

use crate::protocol::{
    Generation, GroupId, MemberId, Request, Response, ResponseError, StrBytes, TopicName,
    TopicPartition,
};
use crate::time::Time;

use super::record::{GroupMetadata, Record};
use super::state::GroupState;

/// Names a request from the moment it is handed in until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names an append of the coordinator until it is committed or has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppendId(pub u64);

/// One request of the group APIs ([`crate::protocol::Api::is_group_api`]).
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Under which name to answer it.
    pub id: RequestId,
    /// The API version of the request.
    pub version: i16,
    /// The client's name for itself.
    pub client_id: &'a StrBytes,
    /// Where the client is, as the broker sees it: `/10.1.0.1`.
    pub client_host: &'a StrBytes,
    /// What is asked.
    pub request: &'a Request,
}

/// When a response may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// At once: the answer promises nothing durable.
    Now,
    /// When everything appended so far is committed, also if this request appended nothing. (Rule
    /// R3.2: heartbeats queue behind a stuck append.)
    WhenDurable,
}

/// What a coordinator wants done.
#[derive(Clone, Debug)]
pub enum Output {
    /// Answer a request.
    Respond {
        /// Which.
        to: RequestId,
        /// With what.
        response: Response,
        /// When.
        release: Release,
    },
    /// Append a record to the offsets log, and report its fate.
    Append {
        /// The name under which to report.
        id: AppendId,
        /// What to append.
        record: Record,
    },
    /// Something a trace or a checker wants to know.
    Observe(Observation),
}

/// What happened inside a coordinator. Checkers rely on these as on messages: a coordinator under test
/// should report them truthfully, as Kafka's own does in its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A group moved from one state to another.
    State {
        /// The group.
        group: GroupId,
        /// Where it was.
        from: GroupState,
        /// Where it is now.
        to: GroupState,
        /// Why, in a few words: `member joined`, `all members joined`.
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
        /// How long it may take to rejoin.
        rebalance: Duration,
    },
    /// A member is no longer part of a group.
    MemberRemoved {
        /// The group.
        group: GroupId,
        /// Who.
        member: MemberId,
        /// Why.
        why: Removal,
    },
    /// A static member came back under a new id, which takes the place of the old one (KIP-345).
    MemberReplaced {
        /// The group.
        group: GroupId,
        /// Its static instance id.
        instance: StrBytes,
        /// The id that is fenced from here on.
        old: MemberId,
        /// The id that has its place.
        new: MemberId,
        /// Its session timeout from here on.
        session: Duration,
        /// How long it may take to rejoin from here on.
        rebalance: Duration,
    },
    /// The replacement was not made durable and is undone: `old` has its place again, `new` has none.
    ReplacementUndone {
        /// The group.
        group: GroupId,
        /// The static instance id.
        instance: StrBytes,
        /// The id that has its place again.
        old: MemberId,
        /// The id that has none.
        new: MemberId,
    },
    /// A group was found in the log that the coordinator has replayed: between
    /// [`GroupCoordinator::loaded`] and anything else, once for each group. Or it is back, because its
    /// removal could not be stored.
    GroupLoaded(Box<LoadedGroup>),
    /// The group is gone, with its offsets: at once, so that another one of its name may follow.
    GroupRemoved {
        /// The group.
        group: GroupId,
        /// `deleted`, `expired`; `not stored` if what founded it was refused by the log, so that it has never
        /// been.
        why: &'static str,
    },
    /// A committed offset is gone, and its group is not; observed when that is durable.
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
        /// The assignor the members agreed on; none when the group is empty.
        protocol: Option<StrBytes>,
        /// Who computes the assignment.
        leader: Option<MemberId>,
        /// Everybody in it.
        members: Vec<MemberId>,
        /// The time the join phase took, so that a trace can say what a rebalance cost.
        took: Duration,
    },
    /// A timer ran out and was acted on.
    TimerFired {
        /// The group.
        group: GroupId,
        /// Which kind.
        timer: TimerKind,
        /// Whose, for the timers of one member.
        member: Option<MemberId>,
    },
}

impl Observation {
    /// The group that it is about.
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
    /// The group with its members and their assignments; without members for an empty group, in
    /// generation 0 for one that was only ever committed to.
    pub metadata: GroupMetadata,
    /// Its state: Stable with members, Empty without.
    pub state: GroupState,
    /// What is committed and durable, in order.
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
    /// It joined again when the group had become too large (KIP-389).
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
    /// A member's session, or a new member's five minutes.
    Session,
    /// A member id handed out by MEMBER_ID_REQUIRED and not used.
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

/// A look inside one group: what a report prints when a group does not converge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// The state.
    pub state: GroupState,
    /// The newest generation.
    pub generation: Generation,
    /// The leader, if one is known.
    pub leader: Option<MemberId>,
    /// The members, in the order of their ids.
    pub members: Vec<MemberDescription>,
    /// Ids handed out by MEMBER_ID_REQUIRED and not yet used.
    pub pending: Vec<MemberId>,
    /// What is committed and durable, in order.
    pub offsets: Vec<(TopicPartition, i64)>,
    /// The group's own timers that are armed (never [`TimerKind::Session`]).
    pub timers: Vec<(TimerKind, Time)>,
}

/// A look at one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// Its id.
    pub id: MemberId,
    /// Its JoinGroup is parked: it has (re)joined this phase.
    pub joined: bool,
    /// Its SyncGroup is still awaited.
    pub sync_awaited: bool,
    /// When its session ends, if that timer is armed.
    pub session_deadline: Option<Time>,
}

/// A group coordinator without I/O. See the module head for who calls what.
pub trait GroupCoordinator {
    /// Handles one request. Every request is answered exactly once, now or later, through
    /// [`Output::Respond`].
    fn handle(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>);

    /// Fires every timer whose deadline is not after `now`, the earliest first.
    fn advance(&mut self, now: Time, out: &mut Vec<Output>);

    /// When [`Self::advance`] wants to be called next. May be too early, never too late.
    fn next_deadline(&self) -> Option<Time>;

    /// The record of `append` is durable, and with it every earlier one.
    fn committed(&mut self, now: Time, append: AppendId, out: &mut Vec<Output>);

    /// The record of `append` will not be durable; `error` is the log's.
    fn append_failed(
        &mut self,
        now: Time,
        append: AppendId,
        error: ResponseError,
        out: &mut Vec<Output>,
    );

    /// What `request` appended is not durable after `offsets.commit.timeout.ms`. The record may yet be, and is
    /// reported by [`Self::committed`] or [`Self::append_failed`] like any other.
    fn write_timed_out(&mut self, now: Time, request: RequestId, out: &mut Vec<Output>);

    /// Calls `visit` with every armed deadline, in no particular order. The simulator aims deliveries
    /// just before, at and just after them.
    fn deadlines(&self, visit: &mut dyn FnMut(Time));

    /// The groups there are, in the order of their ids.
    fn groups(&self) -> Vec<GroupId>;

    /// A look inside a group, if there is one of that name.
    fn describe(&self, group: &GroupId) -> Option<GroupDescription>;

    /// A topic is gone: so are the offsets committed for it.
    fn topic_deleted(&mut self, now: Time, topic: &TopicName, out: &mut Vec<Output>);

    /// Takes in one record of the log, before [`Self::loaded`]; in the order of the log, and of each key at
    /// least the last one (compaction may have dropped the others). `position` grows from record to
    /// record; appends come after all of them.
    fn replay(&mut self, now: Time, position: u64, record: &Record);

    /// The same for the records at the end of the log that are not committed yet: what they say holds for
    /// whoever acts, like an append under way, and is not durable. Another election may take them away.
    fn replay_uncommitted(&mut self, now: Time, position: u64, record: &Record);

    /// What was taken in by [`Self::replay_uncommitted`] is durable, all of it. Never called if that was
    /// nothing.
    fn replayed_committed(&mut self, now: Time, out: &mut Vec<Output>);

    /// The whole log has been replayed (or there is none): requests come from here on. Called exactly
    /// once, first of all or after the last record was taken in.
    fn loaded(&mut self, now: Time, out: &mut Vec<Output>);

    /// The broker leads the log no longer: every group is Dead, and what is parked is answered
    /// NOT_COORDINATOR. Nothing is called after this.
    fn unload(&mut self, now: Time, out: &mut Vec<Output>);
}
