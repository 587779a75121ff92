//! Between "a rebalance is due" and JoinGroup: commit the positions, then, with eager rebalancing,
//! give up all owned partitions (rules R13.4.1, R13.7.2).
//!
//! Preparation happens once per rebalance. A retried join does not repeat it; a completed rebalance
//! or a reset membership makes it due again.

use crate::protocol::Generation;
use crate::time::Time;

use super::commit::CommitKind;
use super::{ClientOutput, Consumer};

#[derive(Default)]
pub(super) enum PrepareStep {
    /// Nothing has been done yet.
    #[default]
    Due,
    /// The commit is in flight; the member does not wait for it beyond the deadline.
    Committing { deadline: Time },
    /// The commit failed with a retriable error; it is sent again at `at`.
    RetryCommit { at: Time, deadline: Time },
    /// The commit has succeeded or failed for good.
    Committed,
    /// The partitions that had to be given up are given up.
    Done,
}

#[derive(Default)]
pub(super) struct Prepare(PrepareStep);

impl Prepare {
    /// Makes preparation due for the next rebalance.
    pub(super) fn reset(&mut self) {
        self.0 = PrepareStep::Due;
    }

    /// Whether the commit before the join has been sent and the join has not.
    pub(super) fn in_flight(&self) -> bool {
        matches!(
            self.0,
            PrepareStep::Committing { .. }
                | PrepareStep::RetryCommit { .. }
                | PrepareStep::Committed
        )
    }

    /// Records that the preparation's commit has succeeded or failed for good.
    pub(super) fn committed(&mut self) {
        if matches!(self.0, PrepareStep::Committing { .. }) {
            self.0 = PrepareStep::Committed;
        }
    }

    /// Records that the preparation's commit failed with a retriable error.
    pub(super) fn commit_failed(&mut self, retry_at: Time) {
        if let PrepareStep::Committing { deadline } = self.0 {
            self.0 = PrepareStep::RetryCommit { at: retry_at, deadline };
        }
    }
}

impl Consumer {
    /// Continues preparation; returns whether it is complete.
    pub(super) fn prepare_join(&mut self, now: Time, out: &mut Vec<ClientOutput>) -> bool {
        match self.prepare.0 {
            PrepareStep::Due => {
                let deadline = now + self.config.max_poll_interval;
                self.commit_for_prepare(now, deadline, out)
            }
            PrepareStep::RetryCommit { at, deadline } if at <= now && now < deadline => {
                self.commit_for_prepare(now, deadline, out)
            }
            PrepareStep::Committing { deadline } | PrepareStep::RetryCommit { deadline, .. } => {
                now >= deadline && self.give_up_partitions(out)
            }
            PrepareStep::Committed => self.give_up_partitions(out),
            PrepareStep::Done => true,
        }
    }

    pub(super) fn prepare_deadline(&self) -> Time {
        match self.prepare.0 {
            PrepareStep::Committing { deadline } => deadline,
            PrepareStep::RetryCommit { at, deadline } => at.min(deadline),
            PrepareStep::Due | PrepareStep::Committed | PrepareStep::Done => Time::ZERO,
        }
    }

    fn commit_for_prepare(
        &mut self,
        now: Time,
        deadline: Time,
        out: &mut Vec<ClientOutput>,
    ) -> bool {
        if self.send_commit(now, CommitKind::Prepare, out) {
            self.prepare.0 = PrepareStep::Committing { deadline };
            return false;
        }
        self.give_up_partitions(out)
    }

    fn give_up_partitions(&mut self, out: &mut Vec<ClientOutput>) -> bool {
        self.prepare.0 = PrepareStep::Done;
        let lost = self.membership.identity.generation == Generation::NONE
            || self.membership.identity.member.is_empty();
        if lost || !self.is_cooperative() {
            self.drop_partitions(lost, out);
        }
        true
    }
}
