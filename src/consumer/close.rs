//! The end of a consumer: commit, revoke, leave (rule R13.3.4); and the sudden end after an error that no
//! client recovers from.

use std::time::Duration;

use crate::time::Time;

use super::commit::Kind;
use super::{Consumer, Observation, Output, Purpose};

/// How long `close()` waits for everything it does, as the Java client's default.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// How far closing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    No,
    /// The application calls `close()` as soon as it is done with its batch.
    Requested,
    /// The last commit is in flight.
    Committing {
        deadline: Time,
    },
    /// The last commit waits for a coordinator, or for its backoff.
    RetryCommit {
        at: Time,
        deadline: Time,
    },
    /// The last commit is over, for better or worse.
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

    /// Takes closing as far as it gets; called by the application thread only.
    pub(super) fn close_step(&mut self, now: Time, out: &mut Vec<Output>) {
        match self.closing {
            // An error that nobody polled for anymore: there is nothing to commit as (rule R13.2.11).
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

    /// Commits what was read, looking for the coordinator first if it is not known.
    fn last_commit(&mut self, now: Time, deadline: Time, out: &mut Vec<Output>) {
        if !self.has_something_to_commit() {
            if self.has_positions() {
                self.send_commit(now, Kind::Close, out);
            }
            return self.leave_and_close(now, deadline, out);
        }
        self.closing = if self.send_commit(now, Kind::Close, out) {
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

    /// The last commit failed in a way that heals by itself.
    pub(super) fn close_commit_failed(&mut self, retry_at: Time) {
        if let Closing::Committing { deadline } = self.closing {
            self.closing = Closing::RetryCommit { at: retry_at, deadline };
        }
    }

    pub(super) fn on_left(&mut self, out: &mut Vec<Output>) {
        if matches!(self.closing, Closing::Leaving { .. }) {
            self.finish_close(out);
        }
    }

    fn leave_and_close(&mut self, now: Time, deadline: Time, out: &mut Vec<Output>) {
        let lost = self.may_be_lost();
        self.drop_partitions(lost, out);
        self.closing = Closing::Leaving { deadline };
        let sent = self.send_leave(now, out);
        // The membership is over whatever becomes of the request: an answer to a join or sync that is
        // still under way must not make this a member again.
        self.reset_membership(false, "closing", out);
        if !sent {
            self.finish_close(out);
        }
    }

    /// An error that polling again does not help against: the application gives up, as soon as it polls.
    /// An application that is busy with a batch learns of it when it is done (rule R13.2.11).
    pub(super) fn fatal(&mut self, error: i16, out: &mut Vec<Output>) {
        if self.app_is_polling() {
            self.give_up(error, out);
        } else {
            self.failure.get_or_insert(error);
        }
    }

    pub(super) fn give_up(&mut self, error: i16, out: &mut Vec<Output>) {
        out.push(Output::Observe(Observation::Fatal { error }));
        self.drop_partitions(true, out);
        self.finish_close(out);
    }

    fn finish_close(&mut self, out: &mut Vec<Output>) {
        for purpose in [Purpose::Bootstrap, Purpose::Coordinator, Purpose::Data] {
            if let Some((conn, _)) = self.links.close(purpose) {
                out.push(Output::Close { conn });
            }
        }
        self.closing = Closing::Closed;
        out.push(Output::Closed);
    }
}
