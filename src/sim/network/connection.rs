//! One connection: two pipes, each with its messages in flight.

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocol::{BrokerId, StrBytes};
use crate::rng::Rng;
use crate::sim::schedule::Side;
use crate::sim::transport::Carrier;
use crate::time::Time;
use crate::trace::{Loss, Message};

use super::{Client, SendOutcome};

/// What travels on a connection.
#[derive(Clone, Debug)]
pub(in crate::sim) enum Item {
    Message(Message),
    /// To a broker: the client has closed the connection.
    Fin,
    /// To a client: the process at the broker's end is gone or was never there.
    Rst,
}

/// One direction of a connection.
#[derive(Default)]
pub(super) struct Pipe {
    /// The items in flight, in order. The run's queue has one arrival for each, except for the
    /// first `held`.
    pub(super) in_flight: VecDeque<Item>,
    /// How many items at the front have arrived at a cut link and wait for it to heal.
    pub(super) held: usize,
    /// Nothing arrives before this time.
    pub(super) not_before: Time,
    /// A message was swallowed, so nothing behind it can arrive.
    pub(super) stuck: bool,
}

pub(super) struct Connection {
    pub(super) client: Client,
    /// The client's host, as the broker shows it.
    pub(super) host: StrBytes,
    /// The broker at the other end.
    pub(super) broker: BrokerId,
    /// What carries its messages.
    pub(super) carrier: Carrier,
    pub(super) up: Pipe,
    pub(super) down: Pipe,
    /// The client has it open.
    pub(super) client_open: bool,
    /// The broker has it open.
    pub(super) broker_open: bool,
    /// Something has arrived on it, so both ends know of each other.
    pub(super) established: bool,
}

impl Connection {
    pub(super) fn new(client: Client, host: StrBytes, broker: BrokerId, carrier: Carrier) -> Self {
        Connection {
            client,
            host,
            broker,
            carrier,
            up: Pipe::default(),
            down: Pipe::default(),
            client_open: true,
            broker_open: true,
            established: false,
        }
    }

    /// Why a message cannot be sent, if it cannot. A dropped message blocks its direction for good.
    pub(super) fn check_send(
        &mut self,
        receiver_open: bool,
        side: Side,
        dropped: Option<SendOutcome>,
    ) -> Option<SendOutcome> {
        let sender_open = match side {
            Side::Request => self.client_open,
            Side::Response => self.broker_open,
        };
        let pipe = match side {
            Side::Request => &mut self.up,
            Side::Response => &mut self.down,
        };
        if !receiver_open || !sender_open {
            return Some(SendOutcome::Lost(Loss::ConnectionClosed));
        }
        if pipe.stuck {
            return Some(SendOutcome::Lost(Loss::BehindDropped));
        }
        pipe.stuck = dropped.is_some();
        dropped
    }
}

impl Pipe {
    pub(super) fn push(&mut self, item: Item, at: Time) {
        self.not_before = at;
        self.in_flight.push_back(item);
    }

    /// Takes the next item, or counts it as held if the link is cut.
    pub(super) fn take(&mut self, cut: bool) -> Option<Item> {
        if self.in_flight.len() <= self.held {
            return None; // The connection was closed or reset, and its items were discarded.
        }
        if cut {
            self.held += 1;
            return None;
        }
        self.in_flight.pop_front()
    }

    pub(super) fn clear(&mut self) -> Vec<Message> {
        self.held = 0;
        let gone = self.in_flight.drain(..).filter_map(|item| match item {
            Item::Message(message) => Some(message),
            Item::Fin | Item::Rst => None,
        });
        gone.collect()
    }

    /// Retransmits the held items after a delay of 200 ms to 2 s, like TCP's retransmission timer.
    pub(super) fn retransmit(&mut self, now: Time, rng: &mut Rng, mut schedule: impl FnMut(Time)) {
        if self.held == 0 {
            return;
        }
        let pause = rng.duration(Duration::from_millis(200)..=Duration::from_secs(2));
        let at = now + pause;
        self.not_before = self.not_before.max(at);
        for _ in 0..std::mem::take(&mut self.held) {
            schedule(at);
        }
    }
}
