//! What happens next. Idle time costs nothing: the clock jumps from one entry to the next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::cluster::ConnectionId;
use crate::protocol::BrokerId;
use crate::rng::Rng;
use crate::time::Time;

/// Something that happens at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The next message of a connection arrives at its broker.
    Arrive(ConnectionId),
    /// The next message of a connection arrives back at its client.
    Return(ConnectionId),
    /// A client learns that a connection was reset.
    Disconnect(ConnectionId),
    /// A broker asked to be woken.
    WakeBroker(BrokerId),
    /// A consumer asked to be woken: its index.
    WakeConsumer(u16),
    /// The workload produces to a topic: its index.
    Produce(u16),
    /// The producer tries again to send what it could not.
    Resend,
    /// The controller notices that a broker has crashed.
    Notice(BrokerId),
    /// What the controller has decided reaches a broker.
    Learn(BrokerId),
    /// It is time to look again whether the cluster has settled.
    Look,
}

/// Where an entry stands among those of the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// Before everything else of that instant.
    First,
    /// In the order of scheduling, or in any order.
    Normal,
    /// After everything else of that instant.
    Last,
}

/// The time of an entry, its turn and its rank among those, in one number: the heap compares little else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

impl Key {
    const TURN: u32 = 64;
    const TIME: u32 = 66;

    fn new(at: Time, turn: Turn, rank: u64) -> Key {
        // What is due later than after 146,000 years is due then.
        let at = u128::from(at.micros()).min(u128::MAX >> Key::TIME);
        Key(at << Key::TIME | (turn as u128) << Key::TURN | u128::from(rank))
    }

    fn at(self) -> Time {
        Time::from_micros((self.0 >> Key::TIME) as u64)
    }
}

#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(Key, Due)>>,
    scheduled: u64,
    /// Where there is some, what is due at one instant happens in any order.
    luck: Option<Rng>,
}

impl Queue {
    /// From now on what is due at one instant happens in the order of its scheduling.
    pub(super) fn in_order(&mut self) {
        self.luck = None;
    }

    /// From now on what is due at one instant happens in any order.
    pub(super) fn in_any_order(&mut self, luck: Rng) {
        self.luck = Some(luck);
    }

    pub(super) fn schedule(&mut self, at: Time, turn: Turn, due: Due) {
        let rank = self.luck.as_mut().map_or(0, |luck| luck.bits() << 32);
        self.heap.push(Reverse((Key::new(at, turn, rank | self.scheduled), due)));
        self.scheduled += 1;
    }

    pub(super) fn next_time(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((key, _))| key.at())
    }

    pub(super) fn pop(&mut self) -> Option<(Time, Due)> {
        self.heap.pop().map(|Reverse((key, due))| (key.at(), due))
    }
}
