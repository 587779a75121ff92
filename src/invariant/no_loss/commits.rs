//! What a group may find committed for one partition.
//!
//! Commits take effect in the order in which the broker handles them, but whether one was accepted is
//! known only from its answer, which waits for the log. So each attempt is kept with what is known of its
//! outcome, and a later OffsetFetch is held against all that may have been the last to take effect.

use crate::invariant::ledger::Key;

/// The order of requests as the broker handled them: the number of the event.
pub(super) type Order = u64;

/// How many attempts are kept of one partition.
const KEPT: usize = 64;

/// The commit attempts for one partition, in the order in which they were handled.
#[derive(Debug, Default)]
pub(super) struct Commits {
    attempts: Vec<Attempt>,
    /// Attempts handled before this one are forgotten.
    known_since: Order,
    /// When it was last seen that nothing is committed any more.
    removed: Order,
}

#[derive(Debug)]
struct Attempt {
    handled: Order,
    key: Key,
    offset: i64,
    processed: i64,
    /// It is of a producer's transaction.
    transactional: bool,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Of a producer's transaction that is not over for certain.
    Pending(Pending),
    /// Not answered, or with an error that leaves it open.
    Open,
    Accepted {
        answered: Order,
    },
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    producer: i64,
    /// When it was answered to be stored.
    accepted: Option<Order>,
    /// Who was last asked to end the transaction, and whether to commit it.
    ending: Option<(Key, bool)>,
    /// Some have been asked to commit it, others to abort it.
    mixed: bool,
}

impl Pending {
    /// What has become of it when the end of its transaction is durable.
    fn ended(self, answered: Order) -> Outcome {
        let committed = self.ending.is_some_and(|(_, committed)| committed);
        match self.accepted {
            _ if self.mixed => Outcome::Open,
            _ if !committed => Outcome::Refused,
            Some(_) => Outcome::Accepted { answered },
            None => Outcome::Open,
        }
    }
}

/// What an answer says of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Refused,
    /// An error that does not exclude that the commit takes effect.
    Open,
}

impl Commits {
    /// The broker handles a commit of `offset`, when the group has processed `processed`.
    pub(super) fn attempt(&mut self, handled: Order, key: Key, offset: i64, processed: i64) {
        if self.attempts.len() >= KEPT {
            self.forget();
        }
        let outcome = Outcome::Open;
        let transactional = false;
        self.attempts.push(Attempt { handled, key, offset, processed, transactional, outcome });
    }

    /// The same, but it takes effect only when the transaction of the producer commits.
    pub(super) fn pend(&mut self, handled: Order, key: Key, offset: i64, producer: i64) {
        self.attempt(handled, key, offset, offset);
        if let Some(attempt) = self.attempts.last_mut() {
            let (accepted, ending, mixed) = (None, None, false);
            attempt.transactional = true;
            attempt.outcome = Outcome::Pending(Pending { producer, accepted, ending, mixed });
        }
    }

    /// The broker answers that it has stored what is pending.
    pub(super) fn pended(&mut self, answered: Order, key: Key) {
        let attempt = self.attempts.iter_mut().rev().find(|attempt| attempt.key == key);
        if let Some(Attempt { outcome: Outcome::Pending(pending), .. }) = attempt {
            pending.accepted = Some(answered);
        }
    }

    fn pending(&mut self) -> impl Iterator<Item = (&mut Outcome, i64, Pending)> {
        self.attempts.iter_mut().filter_map(|Attempt { outcome, offset, .. }| match *outcome {
            Outcome::Pending(pending) => Some((outcome, *offset, pending)),
            Outcome::Open | Outcome::Accepted { .. } | Outcome::Refused => None,
        })
    }

    /// A broker is asked to end the transaction of the producer. From here on what is pending may have taken
    /// effect, or be gone. Returns the greatest offset that is about to be committed.
    pub(super) fn end(&mut self, producer: i64, key: Key, commit: bool) -> Option<i64> {
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

    /// The broker answers that it has ended the transaction.
    pub(super) fn ended(&mut self, answered: Order, key: Key) {
        let by = |pending: &Pending| pending.ending.is_some_and(|(ending, _)| ending == key);
        for (outcome, _, pending) in self.pending().filter(|(.., pending)| by(pending)) {
            *outcome = pending.ended(answered);
        }
    }

    /// It is seen that what was committed is gone. It was on its way out before: who reads what is newest may have
    /// found nothing by then.
    pub(super) fn remove(&mut self, seen: Order, key: Key) {
        self.settle();
        self.attempt(seen, key, -1, 0);
        self.removed = seen;
    }

    /// From here on whatever is pending may be gone.
    pub(super) fn settle(&mut self) {
        self.pending().for_each(|(outcome, ..)| *outcome = Outcome::Open);
    }

    /// The offset of a transaction that nobody has been asked to end, and that was stored before `handled`.
    pub(super) fn unstable(&self, handled: Order) -> Option<i64> {
        let mut attempts = self.attempts.iter();
        attempts.find_map(|attempt| match attempt.outcome {
            Outcome::Pending(Pending { accepted: Some(answered), ending: None, .. })
                if answered < handled =>
            {
                Some(attempt.offset)
            }
            _ => None,
        })
    }

    /// Whether a transaction may not be over, for all that is known.
    pub(super) fn may_be_unstable(&self) -> bool {
        let over = |outcome| matches!(outcome, Outcome::Accepted { .. } | Outcome::Refused);
        self.known_since > 0
            || self.attempts.iter().any(|one| one.transactional && !over(one.outcome))
    }

    /// Whether an offset is certainly there after all that was handled before `handled`.
    pub(super) fn is_there(&self, handled: Order) -> bool {
        self.possible(handled, true).is_some_and(|possible| !possible.contains(&-1))
    }

    /// The broker answers a commit. Returns its offset and what the group had processed when it was
    /// handled, if it was accepted.
    pub(super) fn answer(
        &mut self,
        answered: Order,
        key: Key,
        verdict: Verdict,
    ) -> Option<(i64, i64)> {
        let attempt = self.attempts.iter_mut().rev().find(|attempt| attempt.key == key)?;
        attempt.outcome = match verdict {
            Verdict::Accepted => Outcome::Accepted { answered },
            Verdict::Refused => Outcome::Refused,
            Verdict::Open => Outcome::Open,
        };
        (verdict == Verdict::Accepted).then_some((attempt.offset, attempt.processed))
    }

    /// What an OffsetFetch that was handled at `handled` may answer, −1 for none; nothing when that is
    /// too long ago to say. `newest` is false for fetches that read only what was durable by then.
    pub(super) fn possible(&self, handled: Order, newest: bool) -> Option<Vec<i64>> {
        let mut possible = Vec::new();
        if newest && self.removed >= handled {
            possible.push(-1);
        }
        for attempt in self.attempts.iter().rev().filter(|attempt| attempt.handled < handled) {
            match attempt.outcome {
                Outcome::Refused | Outcome::Pending(Pending { ending: None, .. }) => {}
                Outcome::Open | Outcome::Pending(_) => possible.push(attempt.offset),
                Outcome::Accepted { answered } => {
                    possible.push(attempt.offset);
                    if newest || answered < handled {
                        return Some(possible);
                    }
                }
            }
        }
        possible.push(-1);
        (self.known_since == 0).then_some(possible)
    }

    /// Drops the older half. Fetches that were handled before what is left are no longer judged.
    fn forget(&mut self) {
        self.attempts.drain(..KEPT / 2);
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
    fn open_commits_may_or_may_not_have_taken_effect() {
        let mut commits = three();
        assert_eq!(commits.possible(9, true), Some(vec![30, 20, 10, -1]));
        commits.answer(4, key(2), Verdict::Accepted);
        assert_eq!(commits.possible(9, true), Some(vec![30, 20]));
        commits.answer(5, key(3), Verdict::Refused);
        assert_eq!(commits.possible(9, true), Some(vec![20]));
        assert_eq!(commits.possible(2, true), Some(vec![10, -1]));
    }

    #[test]
    fn a_fetch_of_what_is_durable_may_miss_the_newest() {
        let mut commits = three();
        commits.answer(4, key(1), Verdict::Accepted);
        commits.answer(5, key(2), Verdict::Refused);
        commits.answer(7, key(3), Verdict::Accepted);
        assert_eq!(commits.possible(6, false), Some(vec![30, 10]));
        assert_eq!(commits.possible(8, false), Some(vec![30]));
    }

    #[test]
    fn old_attempts_are_forgotten_and_not_judged() {
        let mut commits = Commits::default();
        for number in 1..=KEPT as i32 + 1 {
            commits.attempt(number as u64, key(number), 1, 1);
        }
        assert_eq!(commits.possible(10, true), None);
    }
}
