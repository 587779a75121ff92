//! The offsets that a group may find committed for one partition.
//!
//! Commits take effect in the order in which the broker handles them, but the trace shows whether
//! one was accepted only in its response, which waits for the log. So each attempt is kept with
//! what is known of its outcome, and a later OffsetFetch is checked against all attempts that may
//! have been the last to take effect.

use crate::model::Key;

/// The order of requests and responses at the brokers: the number of the event.
pub(super) type Order = u64;

/// The number of attempts that are kept of one partition.
const REMEMBERED: usize = 64;

/// The commit attempts for one partition, in the order in which they were handled.
#[derive(Debug, Default)]
pub(super) struct Commits {
    attempts: Vec<Attempt>,
    /// Attempts handled before this one are forgotten.
    known_since: Order,
    /// When the removal of the offset was last observed.
    removed: Order,
}

#[derive(Debug)]
struct Attempt {
    handled: Order,
    key: Key,
    offset: i64,
    processed: i64,
    /// Whether it belongs to a producer's transaction.
    transactional: bool,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Part of a producer's transaction that has not certainly ended.
    Pending(Pending),
    /// Without a response, or with an error that leaves the outcome open.
    Open,
    Accepted {
        acknowledged: Order,
    },
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    producer: i64,
    /// When the TxnOffsetCommit was acknowledged.
    accepted: Option<Order>,
    /// The last request to end the transaction, and whether it commits.
    ending: Option<(Key, bool)>,
    /// Whether some requests commit the transaction and others abort it.
    mixed: bool,
}

impl Pending {
    /// The outcome of the attempt once the end of its transaction is durable.
    fn outcome(self, acknowledged: Order) -> Outcome {
        let committed = self.ending.is_some_and(|(_, committed)| committed);
        match self.accepted {
            _ if self.mixed => Outcome::Open,
            _ if !committed => Outcome::Refused,
            Some(_) => Outcome::Accepted { acknowledged },
            None => Outcome::Open,
        }
    }
}

/// What a response says about a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Refused,
    /// An error that does not exclude that the commit takes effect.
    Open,
}

impl Commits {
    /// The broker begins to handle a commit of `offset`; the group has processed `processed`.
    pub(super) fn attempt(&mut self, handled: Order, key: Key, offset: i64, processed: i64) {
        if self.attempts.len() >= REMEMBERED {
            self.forget();
        }
        let outcome = Outcome::Open;
        let transactional = false;
        self.attempts.push(Attempt { handled, key, offset, processed, transactional, outcome });
    }

    /// The same for a commit that takes effect only when the transaction of the producer commits.
    pub(super) fn attempt_in_txn(&mut self, handled: Order, key: Key, offset: i64, producer: i64) {
        self.attempt(handled, key, offset, offset);
        if let Some(attempt) = self.attempts.last_mut() {
            let (accepted, ending, mixed) = (None, None, false);
            attempt.transactional = true;
            attempt.outcome = Outcome::Pending(Pending { producer, accepted, ending, mixed });
        }
    }

    /// The broker acknowledges a commit of a transaction.
    pub(super) fn acknowledge_in_txn(&mut self, acknowledged: Order, key: Key) {
        let attempt = self.attempts.iter_mut().rev().find(|attempt| attempt.key == key);
        if let Some(Attempt { outcome: Outcome::Pending(pending), .. }) = attempt {
            pending.accepted = Some(acknowledged);
        }
    }

    fn pending(&mut self) -> impl Iterator<Item = (&mut Outcome, i64, Pending)> {
        self.attempts.iter_mut().filter_map(|Attempt { outcome, offset, .. }| match *outcome {
            Outcome::Pending(pending) => Some((outcome, *offset, pending)),
            Outcome::Open | Outcome::Accepted { .. } | Outcome::Refused => None,
        })
    }

    /// A broker begins to handle the end of the producer's transaction. From here on a pending
    /// commit may have taken effect, or be gone. Returns the greatest offset that is about to be
    /// committed.
    pub(super) fn begin_end(&mut self, producer: i64, key: Key, commit: bool) -> Option<i64> {
        let mut greatest = None;
        for (outcome, offset, mut pending) in
            self.pending().filter(|(.., p)| p.producer == producer)
        {
            pending.mixed |= pending.ending.is_some_and(|(_, before)| before != commit);
            pending.ending = Some((key, commit));
            *outcome = Outcome::Pending(pending);
            greatest = greatest.max(Some(offset).filter(|_| commit));
        }
        greatest
    }

    /// The broker acknowledges the end of the transaction.
    pub(super) fn end_acknowledged(&mut self, acknowledged: Order, key: Key) {
        let by = |pending: &Pending| pending.ending.is_some_and(|(ending, _)| ending == key);
        for (outcome, _, pending) in self.pending().filter(|(.., pending)| by(pending)) {
            *outcome = pending.outcome(acknowledged);
        }
    }

    /// The removal of the offset is observed. The removal began before that: a fetch that reads the
    /// newest state may have found none already.
    pub(super) fn remove(&mut self, seen: Order, key: Key) {
        self.leave_pending_open();
        self.attempt(seen, key, -1, 0);
        self.removed = seen;
    }

    /// From here on any pending commit may be gone.
    pub(super) fn leave_pending_open(&mut self) {
        self.pending().for_each(|(outcome, ..)| *outcome = Outcome::Open);
    }

    /// The offset of a transaction that no broker has been requested to end, if it was stored
    /// before `handled`.
    pub(super) fn unstable(&self, handled: Order) -> Option<i64> {
        let mut attempts = self.attempts.iter();
        attempts.find_map(|attempt| match attempt.outcome {
            Outcome::Pending(Pending { accepted: Some(acknowledged), ending: None, .. })
                if acknowledged < handled =>
            {
                Some(attempt.offset)
            }
            _ => None,
        })
    }

    /// Whether, as far as the trace shows, a transaction may not have ended.
    pub(super) fn may_be_unstable(&self) -> bool {
        let over = |outcome| matches!(outcome, Outcome::Accepted { .. } | Outcome::Refused);
        self.known_since > 0
            || self.attempts.iter().any(|one| one.transactional && !over(one.outcome))
    }

    /// Whether an offset certainly exists after all that was handled before `handled`.
    pub(super) fn certainly_exists(&self, handled: Order) -> bool {
        self.possible(handled, true).is_some_and(|possible| !possible.contains(&-1))
    }

    /// The broker responds to a commit. If it accepts, returns the commit's offset and the progress
    /// of the group when it was handled.
    pub(super) fn on_response(
        &mut self,
        acknowledged: Order,
        key: Key,
        verdict: Verdict,
    ) -> Option<(i64, i64)> {
        let attempt = self.attempts.iter_mut().rev().find(|attempt| attempt.key == key)?;
        attempt.outcome = match verdict {
            Verdict::Accepted => Outcome::Accepted { acknowledged },
            Verdict::Refused => Outcome::Refused,
            Verdict::Open => Outcome::Open,
        };
        (verdict == Verdict::Accepted).then_some((attempt.offset, attempt.processed))
    }

    /// The offsets that an OffsetFetch handled at `handled` may return, −1 for none; None when that
    /// is too long ago to say. `newest` is false for fetches that return only what was durable when
    /// they were handled.
    pub(super) fn possible(&self, handled: Order, newest: bool) -> Option<Vec<i64>> {
        let mut possible = Vec::new();
        if newest && self.removed >= handled {
            possible.push(-1);
        }
        for attempt in self.attempts.iter().rev().filter(|attempt| attempt.handled < handled) {
            match attempt.outcome {
                Outcome::Refused | Outcome::Pending(Pending { ending: None, .. }) => {}
                Outcome::Open | Outcome::Pending(_) => possible.push(attempt.offset),
                Outcome::Accepted { acknowledged } => {
                    possible.push(attempt.offset);
                    if newest || acknowledged < handled {
                        return Some(possible);
                    }
                }
            }
        }
        possible.push(-1);
        (self.known_since == 0).then_some(possible)
    }

    /// Drops the older half. Fetches that were handled before the rest are no longer judged.
    fn forget(&mut self) {
        self.attempts.drain(..REMEMBERED / 2);
        self.known_since = self.attempts.first().map_or(0, |attempt| attempt.handled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::ConnectionId;

    fn key(number: i32) -> Key {
        (ConnectionId(1), number)
    }

    fn three() -> Commits {
        let mut commits = Commits::default();
        for number in 1..=3 {
            commits.attempt(number as u64, key(number), i64::from(number) * 10, 100);
        }
        commits
    }

    #[test]
    fn commits_without_a_response_may_or_may_not_have_taken_effect() {
        let mut commits = three();
        assert_eq!(commits.possible(9, true), Some(vec![30, 20, 10, -1]));
        commits.on_response(4, key(2), Verdict::Accepted);
        assert_eq!(commits.possible(9, true), Some(vec![30, 20]));
        commits.on_response(5, key(3), Verdict::Refused);
        assert_eq!(commits.possible(9, true), Some(vec![20]));
        assert_eq!(commits.possible(2, true), Some(vec![10, -1]));
    }

    #[test]
    fn a_fetch_of_durable_offsets_may_miss_the_newest() {
        let mut commits = three();
        commits.on_response(4, key(1), Verdict::Accepted);
        commits.on_response(5, key(2), Verdict::Refused);
        commits.on_response(7, key(3), Verdict::Accepted);
        assert_eq!(commits.possible(6, false), Some(vec![30, 10]));
        assert_eq!(commits.possible(8, false), Some(vec![30]));
    }

    #[test]
    fn old_attempts_are_forgotten_and_not_judged() {
        let mut commits = Commits::default();
        for number in 1..=REMEMBERED as i32 + 1 {
            commits.attempt(number as u64, key(number), 1, 1);
        }
        assert_eq!(commits.possible(10, true), None);
    }
}
