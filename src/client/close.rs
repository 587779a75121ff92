//! The end of a consumer: commit, revoke, leave (rule R13.3.4); and the immediate end after an
//! error that clients do not recover from.

use std::time::Duration;

use crate::time::Time;

use super::commit::CommitKind;
use super::reason::TransitionReason;
use super::{ClientObservation, ClientOutput, Consumer, Purpose};

/// The timeout of `close()` as a whole: the Java client's default.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The progress of closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
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

impl Consumer {
    pub(super) fn begin_close(&mut self) {
        if self.closing == Closing::No {
            self.closing = Closing::Requested;
        }
    }

    /// Continues closing; called by the application thread only.
    pub(super) fn close_step(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        match self.closing {
            // The failure was never raised by a poll. The member has no identity to commit with
            // (rule R13.2.11).
            Closing::Requested if self.failure.is_some() => {
                self.leave_and_close(now, now + CLOSE_TIMEOUT, out);
            }
            Closing::Requested => self.last_commit(now, now + CLOSE_TIMEOUT, out),
            Closing::RetryCommit { at, deadline } if at <= now && now < deadline => {
                self.last_commit(now, deadline, out);
            }
            Closing::Committed { deadline } => self.leave_and_close(now, deadline, out),
            Closing::Committing { deadline } | Closing::RetryCommit { deadline, .. }
                if deadline <= now =>
            {
                self.leave_and_close(now, deadline, out);
            }
            Closing::Leaving { deadline } if deadline <= now => self.finish_close(out),
            Closing::No
            | Closing::Closed
            | Closing::Committing { .. }
            | Closing::RetryCommit { .. }
            | Closing::Leaving { .. } => {}
        }
    }

    pub(super) fn close_deadline(&self) -> Time {
        match self.closing {
            Closing::No | Closing::Closed => Time::NEVER,
            Closing::Requested | Closing::Committed { .. } => Time::ZERO,
            Closing::RetryCommit { at, deadline } if self.discovery.coordinator.is_none() => {
                deadline.min(self.find_deadline().max(at))
            }
            Closing::RetryCommit { at, deadline } => deadline.min(at),
            Closing::Committing { deadline } | Closing::Leaving { deadline } => deadline,
        }
    }

    /// Commits the positions, after finding the coordinator if it is unknown.
    fn last_commit(&mut self, now: Time, deadline: Time, out: &mut Vec<ClientOutput>) {
        if !self.has_something_to_commit() {
            if self.has_positions() {
                self.send_commit(now, CommitKind::Close, out);
            }
            return self.leave_and_close(now, deadline, out);
        }
        self.closing = if self.send_commit(now, CommitKind::Close, out) {
            Closing::Committing { deadline }
        } else {
            self.find_coordinator(now, out);
            Closing::RetryCommit { at: now, deadline }
        };
    }

    pub(super) fn close_committed(&mut self) {
        if let Closing::Committing { deadline } = self.closing {
            self.closing = Closing::Committed { deadline };
        }
    }

    /// Records that the last commit failed with a retriable error.
    pub(super) fn close_commit_failed(&mut self, retry_at: Time) {
        if let Closing::Committing { deadline } = self.closing {
            self.closing = Closing::RetryCommit { at: retry_at, deadline };
        }
    }

    pub(super) fn on_left(&mut self, out: &mut Vec<ClientOutput>) {
        if matches!(self.closing, Closing::Leaving { .. }) {
            self.finish_close(out);
        }
    }

    fn leave_and_close(&mut self, now: Time, deadline: Time, out: &mut Vec<ClientOutput>) {
        let lost = self.may_be_lost();
        self.drop_partitions(lost, out);
        self.closing = Closing::Leaving { deadline };
        let sent = self.send_leave(now, out);
        // The membership is over whatever becomes of the request: the response to a join or sync
        // that is still in flight must not make this consumer a member again.
        self.reset_membership(false, TransitionReason::Closing, out);
        if !sent {
            self.finish_close(out);
        }
    }

    /// Handles an error that polling again does not resolve: the application closes the consumer at
    /// its next poll. An application that is processing a batch sees the error when it has finished
    /// (rule R13.2.11).
    pub(super) fn fatal(&mut self, error: i16, out: &mut Vec<ClientOutput>) {
        if self.app_is_polling() {
            self.give_up(error, out);
        } else {
            self.failure.get_or_insert(error);
        }
    }

    pub(super) fn give_up(&mut self, error: i16, out: &mut Vec<ClientOutput>) {
        out.push(ClientOutput::Observe(ClientObservation::Fatal { error }));
        self.drop_partitions(true, out);
        self.finish_close(out);
    }

    fn finish_close(&mut self, out: &mut Vec<ClientOutput>) {
        for purpose in [Purpose::Bootstrap, Purpose::Coordinator, Purpose::Data] {
            if let Some((conn, _)) = self.links.close(purpose) {
                out.push(ClientOutput::Close { conn });
            }
        }
        self.closing = Closing::Closed;
        out.push(ClientOutput::Closed);
    }
}
