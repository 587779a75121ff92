//! Between "a rebalance is due" and the join: commit the positions, then, with eager rebalancing,
//! give up all owned partitions (rules R13.4.1, R13.7.2).
//!
//! Preparation happens once per rebalance. A retried join does not repeat it; a completed rebalance
//! or a reset membership makes it due again.

use crate::client::context::{Context, always};
use crate::time::Time;

#[derive(Default)]
enum PrepareStep {
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

/// How far preparation is.
#[derive(Default)]
pub(in crate::client) struct Prepare(PrepareStep);

/// What preparation needs next.
pub(in crate::client) enum NextStep {
    /// Send a commit, and wait for it until the deadline; `None` if there is none yet.
    Commit { deadline: Option<Time> },
    /// Wait for the commit.
    Wait,
    /// Give up the partitions that have to be given up.
    GiveUp,
    /// Join.
    Join,
}

impl Prepare {
    /// Makes preparation due for the next rebalance.
    pub(in crate::client) fn reset(&mut self) {
        self.0 = PrepareStep::Due;
    }

    pub(in crate::client) fn is_due(&self) -> bool {
        matches!(self.0, PrepareStep::Due)
    }

    pub(in crate::client) fn is_done(&self) -> bool {
        matches!(self.0, PrepareStep::Done)
    }

    /// Whether the commit before the join has been sent and the join has not.
    pub(in crate::client) fn in_flight(&self) -> bool {
        matches!(
            self.0,
            PrepareStep::Committing { .. }
                | PrepareStep::RetryCommit { .. }
                | PrepareStep::Committed
        )
    }

    pub(in crate::client) fn next_step(&self, now: Time) -> NextStep {
        match self.0 {
            PrepareStep::Due => NextStep::Commit { deadline: None },
            PrepareStep::RetryCommit { at, deadline } if at <= now && now < deadline => {
                NextStep::Commit { deadline: Some(deadline) }
            }
            PrepareStep::Committing { deadline } | PrepareStep::RetryCommit { deadline, .. } => {
                if now >= deadline {
                    NextStep::GiveUp
                } else {
                    NextStep::Wait
                }
            }
            PrepareStep::Committed => NextStep::GiveUp,
            PrepareStep::Done => NextStep::Join,
        }
    }

    pub(in crate::client) fn deadline(&self) -> Time {
        match self.0 {
            PrepareStep::Committing { deadline } => deadline,
            PrepareStep::RetryCommit { at, deadline } => at.min(deadline),
            PrepareStep::Due | PrepareStep::Committed | PrepareStep::Done => Time::ZERO,
        }
    }

    /// Records that the preparation's commit is in flight.
    pub(in crate::client) fn committing(&mut self, cx: &Context, deadline: Time) {
        let may = matches!(self.0, PrepareStep::Due | PrepareStep::RetryCommit { .. });
        always!(cx, may, "commits again for a rebalance for which it has committed");
        self.0 = PrepareStep::Committing { deadline };
    }

    /// Records that the preparation's commit has succeeded or failed for good.
    pub(in crate::client) fn committed(&mut self) {
        if matches!(self.0, PrepareStep::Committing { .. }) {
            self.0 = PrepareStep::Committed;
        }
    }

    /// Records that the preparation's commit failed with a retriable error.
    pub(in crate::client) fn commit_failed(&mut self, retry_at: Time) {
        if let PrepareStep::Committing { deadline } = self.0 {
            self.0 = PrepareStep::RetryCommit { at: retry_at, deadline };
        }
    }

    /// Records that the partitions that had to be given up are given up.
    pub(in crate::client) fn done(&mut self, cx: &Context) {
        always!(cx, !self.is_done(), "gives up its partitions twice for one rebalance");
        self.0 = PrepareStep::Done;
    }
}
