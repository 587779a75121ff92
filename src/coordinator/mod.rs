//! The group coordinator: Kafka's classic group protocol, for dynamic members.
//!
//! [`Coordinator`] is a state machine without I/O behind the seam [`GroupCoordinator`]: requests, the
//! time and the fate of its appends go in; answers, records and observations come out. What it does is
//! written down rule by rule in [`rules`], and comments cite the rules by number.
//!
//! What it does not do: it has no log (its host appends and reports), no network (its host knows the
//! connections), no clock and no luck of its own. It knows nothing of topics, and it does not read the
//! payloads that clients hide in its messages. Static members, admin requests, offset expiry and
//! fail-over are not here yet (R10).
//!
//! Where to read next. The seam is `api.rs`; states and their legal moves are `state.rs`; what is
//! durable is `record.rs`. Each request has a file of its own: `join_group.rs`, `sync_group.rs`,
//! `heartbeat.rs`, `leave_group.rs`, `offset_commit.rs`, `offset_fetch.rs`. They work on a `group.rs` with its
//! `members.rs` (each a `member.rs`) and its `offsets.rs`, and share `rebalance.rs`, the way from one
//! generation to the next. `timers.rs` says what is due and `expiry.rs` what that means; `appends.rs` says
//! what it means that a record is durable. `answers.rs` writes the responses that leave from several
//! places, and `turn.rs` is what a handler may use beside its group.

mod answers;
mod api;
mod appends;
mod config;
mod expiry;
mod group;
mod heartbeat;
mod join_group;
mod leave_group;
mod member;
mod members;
mod offset_commit;
mod offset_fetch;
mod offsets;
mod rebalance;
mod record;
#[doc = include_str!("RULES.md")]
pub mod rules {}
mod state;
mod sync_group;
#[cfg(test)]
mod tests;
mod timers;
mod turn;

pub use api::{
    AppendId, Call, GroupCoordinator, GroupDescription, MemberDescription, Observation, Output,
    Release, Removal, RequestId, TimerKind,
};
pub use config::CoordinatorConfig;
pub use record::{CommittedOffset, GroupMetadata, MemberMetadata, Record};
pub use state::GroupState;

use crate::protocol::{GroupId, Request, ResponseError};
use crate::rng::Rng;
use crate::time::Time;

use appends::Appends;
use group::Groups;
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
        }
    }

    fn turn<'a>(&'a mut self, now: Time, out: &'a mut Vec<Output>) -> (&'a mut Groups, Turn<'a>) {
        let Coordinator { config, rng, groups, timers, appends } = self;
        (groups, Turn { now, config, rng, timers, appends, out })
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
            Request::Produce(_)
            | Request::Fetch(_)
            | Request::ListOffsets(_)
            | Request::Metadata(_)
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

    fn deadlines(&self, visit: &mut dyn FnMut(Time)) {
        self.timers.deadlines().for_each(visit);
    }

    fn describe(&self, group: &GroupId) -> Option<GroupDescription> {
        self.groups.get(group).map(|group| group.describe(&self.timers))
    }
}
