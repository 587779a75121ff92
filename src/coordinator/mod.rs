//! The group coordinator: Kafka's classic group protocol.
//!
//! [`Coordinator`] is a state machine without I/O that implements [`GroupCoordinator`]. Requests,
//! the time and the outcome of its appends go in; responses, records and observations come out.
//! [`rules`] specifies its behaviour rule by rule, and comments cite the rules by number.
//!
//! # The protocol in short
//!
//! A *group* is a set of consumers, its *members*, that share the partitions of some topics. The
//! coordinator decides who is a member; one member, the *leader*, decides who reads what.
//!
//! 1. **Joining.** A consumer sends JoinGroup with the assignors it supports and, for each, its
//!    subscription. A new member first gets MEMBER_ID_REQUIRED with an id, and joins again with it.
//!    The group enters PreparingRebalance: the coordinator parks every JoinGroup until all members
//!    have joined or the join timer fires. Members learn from their heartbeats that they must
//!    rejoin (REBALANCE_IN_PROGRESS). A group that was empty waits a little longer, so that
//!    consumers that start together end up in one generation.
//! 2. **Generation.** When the join phase closes, the generation grows by 1, and members that have
//!    not rejoined are removed, except static ones. The members' votes choose an assignor. Every
//!    parked JoinGroup completes; the leader's response has the list of members with their
//!    subscriptions. The group is in CompletingRebalance.
//! 3. **Synchronizing.** Every member sends SyncGroup; the leader's carries the assignment that it
//!    has computed. The coordinator appends it to the offsets log and parks the SyncGroups. When
//!    the record is durable each member gets its part, and the group is Stable.
//! 4. **Staying.** A member sends Heartbeat within its session timeout, or it is removed. It
//!    commits offsets with its member id and generation; a commit from another generation fails, so
//!    a member that has lost its partitions cannot overwrite the offsets of their new owner.
//! 5. **Changes.** A member that joins, leaves, expires or changes its subscription starts the next
//!    rebalance at step 1. When the last member is gone the group is Empty; its offsets remain
//!    until they expire.
//!
//! A *static* member has a group instance id. A restarted process with the same instance id takes
//! over its place and its partitions, in a Stable group without a rebalance; the old member id is
//! fenced.
//!
//! Only records survive the coordinator: the assignment of a generation, and offsets. When the
//! leadership of the log moves, the new leader's coordinator replays them and continues; requests
//! that were parked fail with NOT_COORDINATOR, and members look up the new coordinator.
//!
//! # What it does not do
//!
//! It has no log (the broker appends and reports), no network (the broker owns the connections), no
//! clock and no randomness of its own. It ignores which topics exist, except that the offsets of a
//! deleted topic go, and it does not parse the payloads that clients embed in its messages, except
//! for the topics that consumers subscribe to (`classic/subscribed`). R15 lists what Kafka's
//! coordinator has and this one does not.
//!
//! # Where to read next
//!
//! Kafka has several types of groups over one log. What serves every type is in folders of its own,
//! so that another type can be added beside the classic one.
//!
//! | file or folder | what it holds |
//! |---|---|
//! | `api` | the contract with the broker: what comes in and what goes out |
//! | `metadata`, `config` | what a coordinator knows of the topics, and its settings |
//! | `observation`, `reason`, `inspect` | what it reports, and what can be seen of it |
//! | `record` | the durable records |
//! | `group` | a group of any type, and what the folders below ask of one |
//! | `classic` | groups of the classic protocol, a file for each request of a member: `join_group`, `sync_group`, `heartbeat`, `leave_group`; the group with its `members`, the `rebalance`, `static_member` |
//! | `offsets` | committed offsets, a file for each request: `commit`, `fetch`, `delete`, `txn_commit`, `txn_markers`; the `store`, and `retention` |
//! | `admin` | the requests about whole groups: list, describe, delete |
//! | `runtime` | the context of a handler, timers, appends and their outcome, load and unload, created and removed groups, compaction; for the broker, the responses that wait for the log |
//!
//! Assertions state what must hold for a group, whatever its clients send (`classic/asserts`): a
//! broken one is a bug of this coordinator, and a run reports it as a crash with its seed.

mod admin;
mod api;
mod classic;
mod config;
mod group;
mod inspect;
mod metadata;
mod observation;
mod offsets;
mod reason;
mod record;
#[doc = include_str!("RULES.md")]
pub mod rules {}
mod runtime;
#[cfg(test)]
mod tests;

pub use api::{AppendId, Call, Entry, GroupCoordinator, Input, Output, Release, RequestId, Ticket};
pub use classic::state::GroupState;
pub use config::CoordinatorConfig;
pub use inspect::{GroupDescription, Inspect, MemberDescription};
pub use metadata::{MetadataImage, TopicChange, TopicImage};
pub use observation::{ClassicObservation, LoadedGroup, Observation, TimerKind};
pub use reason::{GroupRemoval, OffsetRemoval, Removal, TransitionReason};
pub use record::{CommittedOffset, GroupMetadata, MemberMetadata, ProducerId, Record, RecordKey};
pub(crate) use runtime::DeferredResponses;
pub use runtime::appends::operation_error;
pub use runtime::compaction::superseded;

use crate::protocol::{GroupId, Request};
use crate::rng::Rng;
use crate::time::Time;

use admin::{delete_groups, describe_groups, list_groups};
use classic::expiry;
use group::Groups;
use offsets::{OffsetStore, retention};
use runtime::appends::Appends;
use runtime::phase::Phase;
use runtime::timers::{TimerKey, Timers};
use runtime::turn::Turn;
use runtime::{appends, load, unload};

/// The group coordinator for one partition of the offsets log, for one term of its leader.
#[derive(Debug)]
pub struct Coordinator {
    config: CoordinatorConfig,
    rng: Rng,
    phase: Phase,
    groups: Groups,
    timers: Timers,
    appends: Appends,
    offsets: OffsetStore,
}

impl Coordinator {
    /// A coordinator without groups. `rng` generates the UUIDs of member ids and is used for
    /// nothing else.
    pub fn new(config: CoordinatorConfig, rng: Rng) -> Coordinator {
        Coordinator {
            config,
            rng,
            phase: Phase::Loading,
            groups: Groups::default(),
            timers: Timers::default(),
            appends: Appends::default(),
            offsets: OffsetStore::default(),
        }
    }

    fn turn<'a>(&'a mut self, now: Time, out: &'a mut Vec<Output>) -> (&'a mut Groups, Turn<'a>) {
        let Coordinator { config, rng, phase: _, groups, timers, appends, offsets } = self;
        (groups, Turn::new(now, (config, rng), timers, appends, offsets, out))
    }
}

impl GroupCoordinator for Coordinator {
    fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        self.phase = self.phase.after(&input);
        let (groups, mut turn) = self.turn(now, out);
        let turn = &mut turn;
        match input {
            Input::Request(call) => handle_request(groups, turn, &call),
            Input::Committed(append) => appends::committed(groups, turn, append),
            Input::AppendFailed { append, error } => appends::failed(groups, turn, append, error),
            Input::WriteTimedOut(request) => appends::timed_out(groups, turn, request),
            Input::Metadata { change: Some(TopicChange::Deleted(topic)), image: _ } => {
                retention::topic_deleted(groups, turn, topic);
            }
            Input::Metadata { .. } => {}
            Input::Replay { records, committed } => load::replay(groups, turn, records, committed),
            Input::ReplayedCommitted => turn.offsets.replayed_committed(),
            Input::Loaded => {
                load::loaded(groups, turn);
                retention::start(turn);
            }
            Input::Unload => unload::unload(groups, turn),
        }
        turn.check_changed(groups);
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Output>) {
        let (groups, mut turn) = self.turn(now, out);
        while let Some(key) = turn.timers.pop_due(now) {
            match key {
                TimerKey::Classic(timer) => expiry::fired(groups, &mut turn, &timer),
                TimerKey::Retention => retention::fired(groups, &mut turn),
            }
            turn.check_changed(groups);
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.timers.next_deadline()
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(self)
    }
}

impl Inspect for Coordinator {
    fn deadlines(&self, visit: &mut dyn FnMut(Time)) {
        self.timers.deadlines().for_each(visit);
    }

    fn groups(&self) -> Vec<GroupId> {
        let mut ids: Vec<GroupId> = self.groups.keys().cloned().collect();
        ids.sort();
        ids
    }

    fn describe(&self, group: &GroupId) -> Option<GroupDescription> {
        self.groups.get(group).map(|group| group.describe(&self.timers, &self.offsets))
    }
}

/// Passes a request to its file. Only the requests of members can be parked, or complete others;
/// any other has its response, and no other response, when this returns.
fn handle_request(groups: &mut Groups, turn: &mut Turn<'_>, call: &Call<'_>) {
    let first = turn.out.len();
    let mut may_park = false;
    match call.request {
        Request::JoinGroup(_) | Request::SyncGroup(_) | Request::LeaveGroup(_) => {
            classic::handle(groups, turn, call);
            may_park = true;
        }
        Request::Heartbeat(request) => classic::heartbeat::handle(groups, turn, call, request),
        Request::OffsetCommit(request) => offsets::commit::handle(groups, turn, call, request),
        Request::OffsetFetch(request) => offsets::fetch::handle(groups, turn, call, request),
        Request::TxnOffsetCommit(request) => {
            offsets::txn_commit::handle(groups, turn, call, request);
        }
        Request::WriteTxnMarkers(request) => offsets::txn_markers::handle(turn, call, request),
        Request::DescribeGroups(request) => describe_groups::handle(groups, turn, call, request),
        Request::ListGroups(request) => list_groups::handle(groups, turn, call, request),
        Request::DeleteGroups(request) => delete_groups::handle(groups, turn, call, request),
        Request::OffsetDelete(request) => offsets::delete::handle(groups, turn, call, request),
        Request::Produce(_)
        | Request::Fetch(_)
        | Request::ListOffsets(_)
        | Request::Metadata(_)
        | Request::InitProducerId(_)
        | Request::DescribeConfigs(_)
        | Request::FindCoordinator(_) => {
            panic!("{} is not a request for the coordinator", call.request.api())
        }
    }
    let (responses, api) = (turn.responses_since(first), call.request.api());
    assert!(may_park || responses == 1, "{responses} responses to {api} {:?}", call.id);
}
