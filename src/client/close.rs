//! The end of a consumer: commit, revoke, leave (rule R13.3.4); and the immediate end after an
//! error that clients do not recover from.

use std::time::Duration;

use crate::time::Time;

use super::classic::leave;
use super::commit::{self, CommitKind};
use super::context::{Context, always};
use super::reason::TransitionReason;
use super::{ClientObservation, ClientOutput, Consumer, Purpose};

/// The timeout of `close()` as a whole: the Java client's default.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The progress of closing, and why.
#[derive(Default)]
pub(super) struct Closing {
    step: Step,
    /// An error that the next poll raises.
    failure: Option<i16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    No,
    /// The application calls `close()` as soon as it has finished its batch.
    Requested,
    /// The last commit is in flight.
    Committing {
        deadline: Time,
    },
    /// The last commit waits for a coordinator or for its backoff.
    RetryCommit {
        at: Time,
        deadline: Time,
    },
    /// The last commit has succeeded or failed for good.
    Committed {
        deadline: Time,
    },
    Leaving {
        deadline: Time,
    },
    Closed,
}

impl Step {
    fn may_become(self, next: Step) -> bool {
        use Step::*;
        match self {
            No => matches!(next, Requested | Closed),
            Requested | RetryCommit { .. } => {
                matches!(next, Committing { .. } | RetryCommit { .. } | Leaving { .. } | Closed)
            }
            Committing { .. } => {
                matches!(next, RetryCommit { .. } | Committed { .. } | Leaving { .. } | Closed)
            }
            Committed { .. } => matches!(next, Leaving { .. } | Closed),
            Leaving { .. } => next == Closed,
            Closed => false,
        }
    }
}

impl Closing {
    /// The application asks the consumer to close.
    pub(super) fn begin(&mut self, cx: &Context) {
        if self.step == Step::No {
            self.enter(cx, Step::Requested);
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.step != Step::No
    }

    pub(super) fn is_closed(&self) -> bool {
        self.step == Step::Closed
    }

    /// An error that the next poll raises.
    pub(super) fn failure(&self) -> Option<i16> {
        self.failure
    }

    /// Records that the last commit has succeeded or failed for good.
    pub(super) fn committed(&mut self, cx: &Context) {
        if let Step::Committing { deadline } = self.step {
            self.enter(cx, Step::Committed { deadline });
        }
    }

    /// Records that the last commit failed with a retriable error.
    pub(super) fn commit_failed(&mut self, cx: &Context, retry_at: Time) {
        if let Step::Committing { deadline } = self.step {
            self.enter(cx, Step::RetryCommit { at: retry_at, deadline });
        }
    }

    fn enter(&mut self, cx: &Context, next: Step) {
        let step = self.step;
        always!(cx, step.may_become(next), "closes and cannot go from {step:?} to {next:?}");
        self.step = next;
    }
}

impl Consumer {
    /// Continues closing; called by the application thread only.
    pub(super) fn close_step(&mut self) {
        let now = self.cx.now;
        match self.closing.step {
            // The failure was never raised by a poll. The member has no identity to commit with
            // (rule R13.2.11).
            Step::Requested if self.closing.failure.is_some() => {
                self.leave_and_close(now + CLOSE_TIMEOUT);
            }
            Step::Requested => self.last_commit(now + CLOSE_TIMEOUT),
            Step::RetryCommit { at, deadline } if at <= now && now < deadline => {
                self.last_commit(deadline);
            }
            Step::Committed { deadline } => self.leave_and_close(deadline),
            Step::Committing { deadline } | Step::RetryCommit { deadline, .. }
                if deadline <= now =>
            {
                self.leave_and_close(deadline);
            }
            Step::Leaving { deadline } if deadline <= now => self.finish_close(),
            Step::No
            | Step::Closed
            | Step::Committing { .. }
            | Step::RetryCommit { .. }
            | Step::Leaving { .. } => {}
        }
    }

    pub(super) fn close_deadline(&self) -> Time {
        match self.closing.step {
            Step::No | Step::Closed => Time::NEVER,
            Step::Requested | Step::Committed { .. } => Time::ZERO,
            Step::RetryCommit { at, deadline } if !self.discovery.knows_coordinator() => {
                deadline.min(self.discovery.find_deadline(&self.cx).max(at))
            }
            Step::RetryCommit { at, deadline } => deadline.min(at),
            Step::Committing { deadline } | Step::Leaving { deadline } => deadline,
        }
    }

    /// Commits the positions, after finding the coordinator if it is unknown.
    fn last_commit(&mut self, deadline: Time) {
        if !commit::is_possible(&self.membership, &self.partitions) {
            if self.partitions.has_positions() {
                self.commit(CommitKind::Close);
            }
            return self.leave_and_close(deadline);
        }
        let next = if self.commit(CommitKind::Close) {
            Step::Committing { deadline }
        } else {
            self.discovery.find(&mut self.cx);
            Step::RetryCommit { at: self.cx.now, deadline }
        };
        self.closing.enter(&self.cx, next);
    }

    /// Handles the end of LeaveGroup, with a response or without.
    pub(super) fn on_left(&mut self) {
        if matches!(self.closing.step, Step::Leaving { .. }) {
            self.finish_close();
        }
    }

    fn leave_and_close(&mut self, deadline: Time) {
        let lost = self.membership.may_be_lost(&self.cx);
        self.drop_partitions(lost);
        self.closing.enter(&self.cx, Step::Leaving { deadline });
        let sent = leave(&mut self.cx, self.discovery.coordinator(), &self.membership);
        // The membership is over whatever becomes of the request: the response to a join or sync
        // that is still in flight must not make this consumer a member again.
        self.membership.reset(&mut self.cx, false, TransitionReason::Closing);
        if !sent {
            self.finish_close();
        }
    }

    /// Handles an error that polling again does not resolve: the application closes the consumer at
    /// its next poll. An application that is processing a batch sees the error when it has finished
    /// (rule R13.2.11).
    pub(super) fn fatal(&mut self, error: i16) {
        if self.app.is_polling() {
            self.give_up(error);
        } else {
            self.closing.failure.get_or_insert(error);
        }
    }

    pub(super) fn give_up(&mut self, error: i16) {
        self.cx.observe(ClientObservation::Fatal { error });
        self.drop_partitions(true);
        self.finish_close();
    }

    fn finish_close(&mut self) {
        always!(self.cx, self.partitions.is_empty(), "closes and still owns partitions");
        for purpose in [Purpose::Bootstrap, Purpose::Coordinator, Purpose::Data] {
            if let Some((conn, _)) = self.cx.links.close(purpose) {
                self.cx.out.push(ClientOutput::Close { conn });
            }
        }
        self.closing.enter(&self.cx, Step::Closed);
        self.cx.out.push(ClientOutput::Closed);
    }
}
