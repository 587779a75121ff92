//! One process: its clock, whether it runs, and what waits for it while it does not.

use std::collections::VecDeque;

use crate::time::Time;

use super::clock::Clock;
use super::queue::{Due, Queue, Turn};

pub(super) struct Node<I> {
    pub(super) clock: Clock,
    /// Alive, not running. Its kernel goes on taking in what arrives.
    pub(super) paused: bool,
    inbox: VecDeque<I>,
    /// The earliest wake-up in the queue of the run, on the run's clock.
    wake_at: Time,
}

impl<I> Node<I> {
    pub(super) fn new() -> Self {
        Node { clock: Clock::TRUE, paused: false, inbox: VecDeque::new(), wake_at: Time::NEVER }
    }

    /// Passes an input through, or keeps it for later while the process does not run.
    pub(super) fn receive(&mut self, input: I) -> Option<I> {
        if self.paused {
            self.inbox.push_back(input);
            return None;
        }
        Some(input)
    }

    /// Everything that arrived while the process did not run.
    pub(super) fn take_inbox(&mut self) -> VecDeque<I> {
        std::mem::take(&mut self.inbox)
    }

    /// Takes up a wake-up; false when it is one that an earlier one has replaced.
    pub(super) fn woken(&mut self, now: Time) -> bool {
        if self.wake_at != now {
            return false;
        }
        self.wake_at = Time::NEVER;
        !self.paused
    }

    /// Makes sure that the process is woken at `deadline`, a time on its own clock. A wake-up that is in
    /// the queue already is left there if it is earlier: waking early does no harm.
    pub(super) fn wake_by(
        &mut self,
        (now, queue): (Time, &mut Queue),
        deadline: Option<Time>,
        due: Due,
    ) {
        let Some(deadline) = deadline else { return };
        let at = self.clock.when(deadline).max(now);
        if at < self.wake_at {
            self.wake_at = at;
            queue.schedule(at, Turn::Normal, due);
        }
    }

    /// Forgets pending wake-ups, after the clock has changed or for a new process.
    pub(super) fn forget_wake(&mut self) {
        self.wake_at = Time::NEVER;
    }
}
