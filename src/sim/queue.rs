//! What happens next. Idle time costs nothing: the clock jumps from one entry to the next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::broker::ConnectionId;
use crate::protocol::BrokerId;
use crate::rng::Rng;
use crate::time::Time;

use super::hosted::Process;

/// What an entry of the queue does at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The next message of a connection arrives at its broker.
    Arrive(ConnectionId),
    /// The next message of a connection arrives back at its client.
    Return(ConnectionId),
    /// A client learns that a connection was reset.
    Disconnect(ConnectionId),
    /// The deadline of a process.
    Wake(Process),
    /// The workload produces to a topic, by its index.
    Produce(u16),
    /// The producer retries what it could not send.
    Resend,
    /// The controller notices that a broker has crashed.
    Notice(BrokerId),
    /// The controller's decisions reach a broker.
    Learn(BrokerId),
    /// Whether the cluster has settled is checked again.
    CheckSettled,
}

/// The position of an entry among those that are due at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TieBreak {
    /// Before all others.
    First,
    /// In the order of scheduling, or in random order.
    Normal,
    /// After all others.
    Last,
}

/// An entry's time, tie break and rank in one number, so that the heap compares little else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

impl Key {
    const TIE_BREAK: u32 = 64;
    const TIME: u32 = 66;

    fn new(at: Time, tie_break: TieBreak, rank: u64) -> Key {
        // Later times count as 146,000 years.
        let at = u128::from(at.micros()).min(u128::MAX >> Key::TIME);
        Key(at << Key::TIME | (tie_break as u128) << Key::TIE_BREAK | u128::from(rank))
    }

    fn at(self) -> Time {
        Time::from_micros((self.0 >> Key::TIME) as u64)
    }
}

#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(Key, Due)>>,
    scheduled: u64,
    /// If set, entries that are due at the same time run in random order.
    rng: Option<Rng>,
}

impl Queue {
    /// From now on, entries that are due at the same time run in the order of scheduling.
    pub(super) fn in_order(&mut self) {
        self.rng = None;
    }

    /// From now on, entries that are due at the same time run in random order.
    pub(super) fn in_random_order(&mut self, stream: Rng) {
        self.rng = Some(stream);
    }

    pub(super) fn schedule(&mut self, at: Time, tie_break: TieBreak, due: Due) {
        let rank = self.rng.as_mut().map_or(0, |stream| stream.bits() << 32);
        self.heap.push(Reverse((Key::new(at, tie_break, rank | self.scheduled), due)));
        self.scheduled += 1;
    }

    pub(super) fn next_time(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((key, _))| key.at())
    }

    pub(super) fn pop(&mut self) -> Option<(Time, Due)> {
        self.heap.pop().map(|Reverse((key, due))| (key.at(), due))
    }
}
