//! The offsets log: what the coordinator has appended, what of it is committed, and the responses that
//! wait for it (rules R3).
//!
//! There is one replica, so committing is only a matter of time: a delay drawn for each record, in order.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::coordinator::{AppendId, RequestId};
use crate::protocol::Response;
use crate::rng::Rng;
use crate::time::Time;

pub(super) struct OffsetsLog {
    delay: RangeInclusive<Duration>,
    rng: Rng,
    /// The offset of the next record.
    end: u64,
    /// The high watermark: records below it are committed.
    committed: u64,
    uncommitted: VecDeque<(Time, AppendId)>,
    /// Responses, each with the high watermark it waits for.
    held_back: VecDeque<(u64, RequestId, Response)>,
}

impl OffsetsLog {
    pub(super) fn new(delay: RangeInclusive<Duration>, rng: Rng) -> Self {
        OffsetsLog {
            delay,
            rng,
            end: 0,
            committed: 0,
            uncommitted: VecDeque::new(),
            held_back: VecDeque::new(),
        }
    }

    /// When what is appended now will be committed. The records of one request share it.
    pub(super) fn commit_time(&mut self, now: Time) -> Time {
        let due = now + self.rng.duration(self.delay.clone());
        self.uncommitted.back().map_or(due, |&(earlier, _)| due.max(earlier))
    }

    pub(super) fn append(&mut self, due: Time, id: AppendId) {
        self.uncommitted.push_back((due, id));
        self.end += 1;
    }

    pub(super) fn has_uncommitted(&self) -> bool {
        !self.uncommitted.is_empty()
    }

    /// Keeps a response until everything appended so far is committed.
    pub(super) fn hold_back(&mut self, to: RequestId, response: Response) {
        self.held_back.push_back((self.end, to, response));
    }

    /// Commits the next record, if its time has come.
    pub(super) fn commit_next(&mut self, now: Time) -> Option<AppendId> {
        let &(due, id) = self.uncommitted.front()?;
        (due <= now).then(|| {
            self.uncommitted.pop_front();
            self.committed += 1;
            id
        })
    }

    /// The next response that no longer has to wait.
    pub(super) fn release_next(&mut self) -> Option<(RequestId, Response)> {
        let (watermark, ..) = self.held_back.front()?;
        if *watermark > self.committed {
            return None;
        }
        self.held_back.pop_front().map(|(_, to, response)| (to, response))
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.uncommitted.front().map(|&(due, _)| due)
    }
}
