//! One connection: two pipes, each with what is under way on it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocol::{BrokerId, StrBytes};
use crate::rng::Rng;
use crate::sim::schedule::Side;
use crate::time::Time;
use crate::trace::{Loss, Message};

use super::{Client, Fate};

/// What travels on a connection.
#[derive(Clone, Debug)]
pub(in crate::sim) enum Item {
    Message(Message),
    /// To a broker: the client has closed the connection.
    Fin,
    /// To a client: the process at the broker's end is gone, or was never there.
    Rst,
}

/// One direction of a connection.
#[derive(Default)]
pub(super) struct Pipe {
    /// Under way, in order. There is one arrival in the queue of the run for each, but for the `held`.
    pub(super) under_way: VecDeque<Item>,
    /// How many at the front have arrived at a cut link and wait for its heal.
    pub(super) held: usize,
    /// Nothing may arrive before this.
    pub(super) not_before: Time,
    /// A message was swallowed: nothing behind it can arrive.
    pub(super) stuck: bool,
}

pub(super) struct Connection {
    pub(super) client: Client,
    /// Where the client is.
    pub(super) host: StrBytes,
    /// The broker at the other end.
    pub(super) broker: BrokerId,
    /// The link it runs over: its place in the network's list.
    pub(super) link: usize,
    pub(super) up: Pipe,
    pub(super) down: Pipe,
    /// The client has it open.
    pub(super) client_open: bool,
    /// The broker has it open.
    pub(super) broker_open: bool,
    /// Something has arrived on it, so that the two ends know each other.
    pub(super) established: bool,
}

impl Connection {
    pub(super) fn new(client: Client, host: StrBytes, broker: BrokerId, link: usize) -> Self {
        Connection {
            client,
            host,
            broker,
            link,
            up: Pipe::default(),
            down: Pipe::default(),
            client_open: true,
            broker_open: true,
            established: false,
        }
    }

    /// Why a message cannot set out, if it cannot; a drop makes its direction stuck.
    pub(super) fn refuse(
        &mut self,
        receiver_open: bool,
        side: Side,
        dropped: Option<Fate>,
    ) -> Option<Fate> {
        let sender_open = match side {
            Side::Request => self.client_open,
            Side::Response => self.broker_open,
        };
        let pipe = match side {
            Side::Request => &mut self.up,
            Side::Response => &mut self.down,
        };
        if !receiver_open || !sender_open {
            return Some(Fate::Lost(Loss::ConnectionClosed));
        }
        if pipe.stuck {
            return Some(Fate::Lost(Loss::BehindDropped));
        }
        pipe.stuck = dropped.is_some();
        dropped
    }
}

impl Pipe {
    pub(super) fn push(&mut self, item: Item, at: Time) {
        self.not_before = at;
        self.under_way.push_back(item);
    }

    /// Takes the next item out, or counts it as held when the link is cut.
    pub(super) fn take(&mut self, cut: bool) -> Option<Item> {
        if self.under_way.len() <= self.held {
            return None; // The connection was closed or reset, and what was on it is gone.
        }
        if cut {
            self.held += 1;
            return None;
        }
        self.under_way.pop_front()
    }

    pub(super) fn clear(&mut self) -> Vec<Message> {
        self.held = 0;
        let gone = self.under_way.drain(..).filter_map(|item| match item {
            Item::Message(message) => Some(message),
            Item::Fin | Item::Rst => None,
        });
        gone.collect()
    }

    /// What was held sets out again; TCP's timers decide when, between a fifth of a second and two.
    pub(super) fn retransmit(&mut self, now: Time, luck: &mut Rng, mut schedule: impl FnMut(Time)) {
        if self.held == 0 {
            return;
        }
        let pause = luck.duration(Duration::from_millis(200)..=Duration::from_secs(2));
        let at = now + pause;
        self.not_before = self.not_before.max(at);
        for _ in 0..std::mem::take(&mut self.held) {
            schedule(at);
        }
    }
}
