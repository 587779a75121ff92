//! The group coordinator: Kafka's classic group protocol.
//!
//! [`Coordinator`] is a state machine without I/O behind the seam [`GroupCoordinator`]: requests, the
//! time and the fate of its appends go in; answers, records and observations come out. What it does is
//! written down rule by rule in [`rules`], and comments cite the rules by number.
//!
//! What it does not do: it has no log (its host appends and reports), no network (its host knows the
//! connections), no clock and no luck of its own. It knows nothing of topics, and it does not read the
//! payloads that clients hide in its messages, but for the topics that consumers subscribe to
//! (`subscribed.rs`). What of Kafka's coordinator is missing is listed in R15.
//!
//! Where to read next. The seam is `api.rs`; states and their legal moves are `state.rs`; what is
//! durable is `record.rs`. Each request has a file of its own: `join_group.rs`, `sync_group.rs`,
//! `heartbeat.rs`, `leave_group.rs`, `offset_commit.rs`, `offset_fetch.rs` and so on. They work on a
//! `group.rs` with its `members.rs` (each a `member.rs`) and on the `offsets` of all groups, and share
//! `rebalance.rs`, the way from one generation to the next, and `removal.rs`, the way out; `retention.rs` says
//! when offsets have expired. `static_member.rs` is how a static member takes its own place again; `load.rs` and
//! `unload.rs` are the two ends of a term; `founding.rs` is what becomes of a group whose beginning is refused. `timers.rs` says what is due and `expiry.rs` what that means; `appends.rs` says what it
//! means that a record is durable, and `held.rs` keeps the answers that wait for it; `compaction.rs` says what the
//! log can do without. `answers.rs` writes
//! the responses that leave from several places, and `turn.rs` is what a handler may use beside its group.

mod answers;
mod api;
mod appends;
mod compaction;
mod config;
mod delete_groups;
mod describe_groups;
mod expiry;
mod founding;
mod group;
mod heartbeat;
mod held;
mod join_group;
mod leave_group;
mod list_groups;
mod load;
mod member;
mod members;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offsets;
mod rebalance;
mod record;
mod removal;
mod retention;
#[doc = include_str!("RULES.md")]
pub mod rules {}
mod state;
mod static_member;
mod subscribed;
mod sync_group;
#[cfg(test)]
mod tests;
mod timers;
mod turn;
mod txn_offset_commit;
mod unload;
mod write_txn_markers;

pub use api::{
    AppendId, Call, GroupCoordinator, GroupDescription, LoadedGroup, MemberDescription,
    Observation, Output, Release, Removal, RequestId, TimerKind,
};
pub use appends::as_told_of_an_operation;
pub use compaction::superseded;
pub use config::CoordinatorConfig;
pub use record::{CommittedOffset, GroupMetadata, MemberMetadata, ProducerId, Record, RecordKey};
pub use state::GroupState;

use crate::protocol::{GroupId, Request, ResponseError, TopicName};
use crate::rng::Rng;
use crate::time::Time;

use appends::Appends;
use group::Groups;
use offsets::OffsetStore;
use timers::Timers;
use turn::Turn;

/// The group coordinator of one broker.
#[derive(Debug)]
pub struct Coordinator {
    config: CoordinatorConfig,
    rng: Rng,
    groups: Groups,
    timers: Timers,
    appends: Appends,
    offsets: OffsetStore,
}

impl Coordinator {
    /// A coordinator without groups. `rng` makes the random half of member ids and is used for nothing
    /// else.
    pub fn new(config: CoordinatorConfig, rng: Rng) -> Coordinator {
        Coordinator {
            config,
            rng,
            groups: Groups::default(),
            timers: Timers::default(),
            appends: Appends::default(),
            offsets: OffsetStore::default(),
        }
    }

    fn turn<'a>(&'a mut self, now: Time, out: &'a mut Vec<Output>) -> (&'a mut Groups, Turn<'a>) {
        let Coordinator { config, rng, groups, timers, appends, offsets } = self;
        (groups, Turn { now, config, rng, timers, appends, offsets, out })
    }
}

impl GroupCoordinator for Coordinator {
    fn handle(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>) {
        let (groups, mut turn) = self.turn(now, out);
        let turn = &mut turn;
        match call.request {
            Request::JoinGroup(request) => join_group::handle(groups, turn, &call, request),
            Request::SyncGroup(request) => sync_group::handle(groups, turn, &call, request),
            Request::Heartbeat(request) => heartbeat::handle(groups, turn, &call, request),
            Request::LeaveGroup(request) => leave_group::handle(groups, turn, &call, request),
            Request::OffsetCommit(request) => offset_commit::handle(groups, turn, &call, request),
            Request::OffsetFetch(request) => offset_fetch::handle(groups, turn, &call, request),
            Request::TxnOffsetCommit(request) => {
                txn_offset_commit::handle(groups, turn, &call, request)
            }
            Request::WriteTxnMarkers(request) => write_txn_markers::handle(turn, &call, request),
            Request::DescribeGroups(request) => {
                describe_groups::handle(groups, turn, &call, request)
            }
            Request::ListGroups(request) => list_groups::handle(groups, turn, &call, request),
            Request::DeleteGroups(request) => delete_groups::handle(groups, turn, &call, request),
            Request::OffsetDelete(request) => offset_delete::handle(groups, turn, &call, request),
            Request::Produce(_)
            | Request::Fetch(_)
            | Request::ListOffsets(_)
            | Request::Metadata(_)
            | Request::InitProducerId(_)
            | Request::DescribeConfigs(_)
            | Request::FindCoordinator(_) => {
                panic!("{} is not for the coordinator to answer", call.request.api())
            }
        }
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Output>) {
        let (groups, mut turn) = self.turn(now, out);
        while let Some(key) = turn.timers.pop_due(now) {
            expiry::fired(groups, &mut turn, key);
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.timers.next_deadline()
    }

    fn committed(&mut self, now: Time, append: AppendId, out: &mut Vec<Output>) {
        let (groups, mut turn) = self.turn(now, out);
        appends::committed(groups, &mut turn, append);
    }

    fn append_failed(
        &mut self,
        now: Time,
        append: AppendId,
        error: ResponseError,
        out: &mut Vec<Output>,
    ) {
        let (groups, mut turn) = self.turn(now, out);
        appends::failed(groups, &mut turn, append, error);
    }

    fn write_timed_out(&mut self, now: Time, request: RequestId, out: &mut Vec<Output>) {
        let (groups, mut turn) = self.turn(now, out);
        appends::timed_out(groups, &mut turn, request);
    }

    fn topic_deleted(&mut self, now: Time, topic: &TopicName, out: &mut Vec<Output>) {
        let (groups, mut turn) = self.turn(now, out);
        retention::topic_deleted(groups, &mut turn, topic);
    }

    fn replay(&mut self, now: Time, position: u64, record: &Record) {
        load::replay(&mut self.groups, &mut self.offsets, now, position, record, true);
    }

    fn replay_uncommitted(&mut self, now: Time, position: u64, record: &Record) {
        load::replay(&mut self.groups, &mut self.offsets, now, position, record, false);
    }

    fn replayed_committed(&mut self, now: Time, out: &mut Vec<Output>) {
        let (_, turn) = self.turn(now, out);
        turn.offsets.replayed_committed();
    }

    fn loaded(&mut self, now: Time, out: &mut Vec<Output>) {
        let (groups, mut turn) = self.turn(now, out);
        load::loaded(groups, &mut turn);
        retention::start(&mut turn);
    }

    fn unload(&mut self, now: Time, out: &mut Vec<Output>) {
        let (groups, mut turn) = self.turn(now, out);
        unload::unload(groups, &mut turn);
    }

    fn groups(&self) -> Vec<GroupId> {
        let mut ids: Vec<GroupId> = self.groups.keys().cloned().collect();
        ids.sort();
        ids
    }

    fn deadlines(&self, visit: &mut dyn FnMut(Time)) {
        self.timers.deadlines().for_each(visit);
    }

    fn describe(&self, group: &GroupId) -> Option<GroupDescription> {
        self.groups.get(group).map(|group| group.describe(&self.timers, &self.offsets))
    }
}
