//! Between "a rebalance is due" and JoinGroup: commit what was read, then, if rebalancing is eager, give up
//! everything owned (rules R13.4.1, R13.7.2).
//!
//! Preparation happens once a rebalance. A join that fails and is tried again does not repeat it; a
//! completed rebalance, or a reset membership, makes it due again.

use crate::protocol::Generation;
use crate::time::Time;

use super::commit::Kind;
use super::{Consumer, Output};

#[derive(Default)]
pub(super) enum Step {
    /// Nothing has been done yet.
    #[default]
    Due,
    /// The commit is in flight; it is not waited for beyond the deadline.
    Committing { deadline: Time },
    /// The commit failed in a way that heals by itself; it is sent again at `at`.
    RetryCommit { at: Time, deadline: Time },
    /// The commit is over, for better or worse.
    Committed,
    /// What had to be given up has been given up.
    Done,
}

#[derive(Default)]
pub(super) struct Prepare(Step);

impl Prepare {
    /// The next rebalance needs preparation.
    pub(super) fn reset(&mut self) {
        self.0 = Step::Due;
    }

    /// Whether the commit before the join has been sent and the join has not.
    pub(super) fn under_way(&self) -> bool {
        matches!(self.0, Step::Committing { .. } | Step::RetryCommit { .. } | Step::Committed)
    }

    /// The commit of the preparation is over.
    pub(super) fn committed(&mut self) {
        if matches!(self.0, Step::Committing { .. }) {
            self.0 = Step::Committed;
        }
    }

    /// The commit of the preparation failed in a way that heals by itself.
    pub(super) fn commit_failed(&mut self, retry_at: Time) {
        if let Step::Committing { deadline } = self.0 {
            self.0 = Step::RetryCommit { at: retry_at, deadline };
        }
    }
}

impl Consumer {
    /// Takes preparation as far as it gets; true when it is over.
    pub(super) fn prepare_join(&mut self, now: Time, out: &mut Vec<Output>) -> bool {
        match self.prepare.0 {
            Step::Due => {
                let deadline = now + self.config.max_poll_interval;
                self.commit_for_prepare(now, deadline, out)
            }
            Step::RetryCommit { at, deadline } if at <= now && now < deadline => {
                self.commit_for_prepare(now, deadline, out)
            }
            Step::Committing { deadline } | Step::RetryCommit { deadline, .. } => {
                now >= deadline && self.give_up_partitions(out)
            }
            Step::Committed => self.give_up_partitions(out),
            Step::Done => true,
        }
    }

    pub(super) fn prepare_deadline(&self) -> Time {
        match self.prepare.0 {
            Step::Committing { deadline } => deadline,
            Step::RetryCommit { at, deadline } => at.min(deadline),
            Step::Due | Step::Committed | Step::Done => Time::ZERO,
        }
    }

    fn commit_for_prepare(&mut self, now: Time, deadline: Time, out: &mut Vec<Output>) -> bool {
        if self.send_commit(now, Kind::Prepare, out) {
            self.prepare.0 = Step::Committing { deadline };
            return false;
        }
        self.give_up_partitions(out)
    }

    fn give_up_partitions(&mut self, out: &mut Vec<Output>) -> bool {
        self.prepare.0 = Step::Done;
        let lost = self.membership.identity.generation == Generation::NONE
            || self.membership.identity.member.is_empty();
        if lost || !self.is_cooperative() {
            self.drop_partitions(lost, out);
        }
        true
    }
}
