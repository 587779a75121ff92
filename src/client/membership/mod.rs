//! What holds of a member under any group protocol: its state, its identity, and whether a
//! rebalance is due.
//!
//! How a member joins, and what it sends to stay one, is [`super::classic`].

mod identity;
mod prepare;

pub(super) use identity::Identity;
pub(super) use prepare::{NextStep, Prepare};

use crate::marks::{Mark, sometimes};
use crate::protocol::{Generation, MemberId};
use crate::time::Time;

use super::context::{Context, always};
use super::reason::TransitionReason;
use super::{ClientObservation, MemberState};

pub(super) struct Membership {
    state: MemberState,
    /// A rebalance is due or in progress.
    rejoin_needed: bool,
    /// No join before this time.
    retry_at: Time,
    failures: u32,
    /// What comes between "a rebalance is due" and the join.
    pub(super) prepare: Prepare,
}

impl Membership {
    pub(super) fn new(now: Time) -> Self {
        Membership {
            state: MemberState::Unjoined,
            rejoin_needed: true,
            retry_at: now,
            failures: 0,
            prepare: Prepare::default(),
        }
    }

    pub(super) fn state(&self) -> MemberState {
        self.state
    }

    pub(super) fn is_stable(&self) -> bool {
        self.state == MemberState::Stable
    }

    /// Whether a rebalance is due or in progress.
    pub(super) fn rejoin_needed(&self) -> bool {
        self.rejoin_needed
    }

    /// No join before this time.
    pub(super) fn retry_at(&self) -> Time {
        self.retry_at
    }

    /// Whether the member sends heartbeats in its current state.
    pub(super) fn heartbeats(&self) -> bool {
        matches!(self.state, MemberState::CompletingRebalance | MemberState::Stable)
    }

    /// Whether another member may already own this member's partitions: its membership is gone, or
    /// it takes part in a rebalance (rule R13.3.4).
    pub(super) fn may_be_lost(&self, cx: &Context) -> bool {
        cx.identity().is_void() || self.state != MemberState::Stable
    }

    /// The member sends its join.
    pub(super) fn joining(&mut self, cx: &mut Context) {
        always!(cx, self.rejoin_needed, "joins though no rebalance is due");
        always!(cx, self.prepare.is_done(), "joins before it has prepared for the rebalance");
        self.set_state(cx, MemberState::PreparingRebalance, TransitionReason::Joining);
    }

    /// The coordinator has chosen the member's id, under which it joins at once.
    pub(super) fn named(&mut self, cx: &mut Context, member: MemberId) {
        cx.set_identity(Identity { generation: Generation::NONE, member });
        self.rejoin_at_once(cx.now);
    }

    /// The coordinator has accepted the join.
    pub(super) fn joined(&mut self, cx: &mut Context, identity: Identity) {
        self.failures = 0;
        cx.set_identity(identity);
        self.set_state(cx, MemberState::CompletingRebalance, TransitionReason::Joined);
        always!(cx, self.rejoin_needed, "takes the rebalance for complete before its sync");
    }

    /// The coordinator has accepted the sync.
    pub(super) fn synced(&mut self, cx: &mut Context) {
        self.set_state(cx, MemberState::Stable, TransitionReason::Synced);
        self.rejoin_needed = false;
    }

    /// A join or sync failed with a retriable error: retry after a backoff.
    pub(super) fn join_failed(&mut self, cx: &mut Context) {
        let pause = cx.backoff(self.failures);
        self.failures += 1;
        self.rejoin_needed = true;
        self.retry_at = cx.now + pause;
    }

    pub(super) fn rejoin_at_once(&mut self, now: Time) {
        self.rejoin_needed = true;
        self.retry_at = now;
    }

    /// Resets the membership after an error, unless the client has a newer identity than the
    /// request that failed.
    pub(super) fn reset_if_current(
        &mut self,
        cx: &mut Context,
        sent_as: &Identity,
        keep_member_id: bool,
        why: TransitionReason,
    ) {
        if cx.identity() == sent_as {
            self.reset(cx, keep_member_id, why);
        } else {
            sometimes(Mark::OldResponseIgnored);
        }
    }

    /// Resets the generation, and the member id unless it is still valid. The next poll gives up
    /// the owned partitions as lost, before the next join.
    pub(super) fn reset(&mut self, cx: &mut Context, keep_member_id: bool, why: TransitionReason) {
        self.set_state(cx, MemberState::Unjoined, why);
        let member =
            if keep_member_id { cx.identity().member.clone() } else { MemberId::default() };
        cx.set_identity(Identity { generation: Generation::NONE, member });
        self.rejoin_needed = true;
        // Without this reset, a member that the coordinator removes between join and sync would
        // skip onPartitionsLost (KAFKA-12983).
        self.prepare.reset();
        always!(cx, self.prepare.is_due(), "would join again without giving up its partitions");
        always!(cx, cx.identity().is_void(), "has left its membership and keeps its identity");
    }

    fn set_state(&mut self, cx: &mut Context, to: MemberState, why: TransitionReason) {
        let from = self.state;
        if from == to {
            return;
        }
        always!(cx, from.may_become(to), "cannot go from {from} to {to} ({why})");
        self.state = to;
        cx.observe(ClientObservation::State { from, to, why });
    }

    /// What must hold between two inputs.
    pub(super) fn check(&self, cx: &Context) {
        always!(
            cx,
            self.rejoin_needed || self.state == MemberState::Stable,
            "is {} and would never join again",
            self.state
        );
        always!(
            cx,
            self.state != MemberState::Unjoined || cx.identity().generation == Generation::NONE,
            "keeps its generation though it is no longer a member"
        );
    }
}
