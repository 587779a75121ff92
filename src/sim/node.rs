//! One process: its clock, whether it runs, and its inbox while it is paused.

use std::collections::VecDeque;

use crate::time::Time;

use super::clock::Clock;
use super::queue::{Due, Queue, TieBreak};

pub(super) struct Node<I> {
    pub(super) clock: Clock,
    /// The process is alive but suspended. Its kernel still accepts what arrives.
    pub(super) paused: bool,
    inbox: VecDeque<I>,
    /// The earliest wake-up in the run's queue, on the run's clock.
    wake_at: Time,
}

impl<I> Node<I> {
    pub(super) fn new() -> Self {
        Node { clock: Clock::TRUE, paused: false, inbox: VecDeque::new(), wake_at: Time::NEVER }
    }

    /// Passes an input through, or keeps it while the process is paused.
    pub(super) fn receive(&mut self, input: I) -> Option<I> {
        if self.paused {
            self.inbox.push_back(input);
            return None;
        }
        Some(input)
    }

    /// Takes all inputs that arrived while the process was paused.
    pub(super) fn take_inbox(&mut self) -> VecDeque<I> {
        std::mem::take(&mut self.inbox)
    }

    /// Consumes a wake-up. False if an earlier wake-up has replaced it, or if the process is
    /// paused.
    pub(super) fn woken(&mut self, now: Time) -> bool {
        if self.wake_at != now {
            return false;
        }
        self.wake_at = Time::NEVER;
        !self.paused
    }

    /// Makes sure that the process is woken at `deadline`, a time on its own clock. An earlier
    /// wake-up in the queue stays: waking early does no harm.
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
            queue.schedule(at, TieBreak::Normal, due);
        }
    }

    /// Forgets pending wake-ups, after the clock has changed or for a new process.
    pub(super) fn forget_wake(&mut self) {
        self.wake_at = Time::NEVER;
    }
}
