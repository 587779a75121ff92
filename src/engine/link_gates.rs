//! Link gates break links at the broker's end, on engines whose network itself cannot be broken.
//!
//! A closed gate is a cut: nothing that arrives is handled and nothing is sent, but the connection
//! stays open, so both ends find out by their own timeouts. Clients are identified by their client
//! ids. On simulated networks all gates are open, since the network itself does it better.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::Notify;

use crate::protocol::{Api, BrokerId, StrBytes};
use crate::sim::hosted::Directions;
use crate::sim::schedule::Side;

/// All gates that have ever been changed.
#[derive(Default)]
pub(super) struct LinkGates {
    links: RefCell<BTreeMap<(StrBytes, BrokerId), LinkGate>>,
    /// The clients and brokers whose links are all cut.
    isolated: RefCell<BTreeSet<End>>,
    /// Whether any gate has ever been changed. Until then no lookup is needed.
    used: Cell<bool>,
    changed: Notify,
    drops: RefCell<Vec<DropRule>>,
}

struct DropRule {
    client: StrBytes,
    api: Api,
    side: Side,
    /// How many messages to let pass first.
    pass: u32,
    /// How many messages to swallow.
    swallow: u32,
}

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Client(StrBytes),
    Broker(BrokerId),
}

#[derive(Clone, Copy, Default)]
struct LinkGate {
    cut_up: bool,
    cut_down: bool,
    clog: Duration,
}

/// The direction of a message on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

impl LinkGates {
    pub(super) fn cut(&self, client: StrBytes, broker: BrokerId, directions: Directions) {
        self.change(client, broker, |gate| {
            gate.cut_up |= directions.up;
            gate.cut_down |= directions.down;
        });
    }

    pub(super) fn heal(&self, client: StrBytes, broker: BrokerId) {
        self.change(client, broker, |gate| (gate.cut_up, gate.cut_down) = (false, false));
    }

    pub(super) fn clog(&self, client: StrBytes, broker: BrokerId, by: Duration) {
        self.change(client, broker, |gate| gate.clog = by);
    }

    /// Cuts all links of a node, including future ones; false if it is isolated already.
    pub(super) fn isolate(&self, node: End) -> bool {
        let began = self.isolated.borrow_mut().insert(node);
        self.notify();
        began
    }

    /// Ends the isolation of a node; false if it was not isolated.
    pub(super) fn reconnect(&self, node: &End) -> bool {
        let ended = self.isolated.borrow_mut().remove(node);
        self.notify();
        ended
    }

    fn change(&self, client: StrBytes, broker: BrokerId, change: impl FnOnce(&mut LinkGate)) {
        change(self.links.borrow_mut().entry((client, broker)).or_default());
        self.notify();
    }

    fn notify(&self) {
        self.used.set(true);
        self.changed.notify_waiters();
    }

    fn is_isolated(&self, client: &StrBytes, broker: BrokerId) -> bool {
        let isolated = self.isolated.borrow();
        isolated.contains(&End::Broker(broker)) || isolated.contains(&End::Client(client.clone()))
    }

    /// Arms a rule that swallows `count` messages of a client, starting with the `nth` from now.
    /// Nothing behind a swallowed message arrives on its connection either.
    pub(super) fn drop_messages(
        &self,
        client: StrBytes,
        api: Api,
        side: Side,
        (nth, count): (u32, u32),
    ) {
        self.drops.borrow_mut().push(DropRule { client, api, side, pass: nth - 1, swallow: count });
    }

    /// Whether a rule swallows a message.
    pub(super) fn swallows(&self, client: &StrBytes, api: Api, side: Side) -> bool {
        let mut rules = self.drops.borrow_mut();
        let matches =
            |rule: &&mut DropRule| rule.client == *client && rule.api == api && rule.side == side;
        let Some(rule) = rules.iter_mut().find(matches) else { return false };
        if rule.pass > 0 {
            rule.pass -= 1;
            return false;
        }
        rule.swallow -= 1;
        rules.retain(|rule| rule.swallow > 0);
        true
    }

    /// Waits until the gate is open, and returns the delay of what passes it.
    pub(super) async fn pass(
        &self,
        client: &StrBytes,
        broker: BrokerId,
        direction: Direction,
    ) -> Duration {
        while self.used.get() {
            let changed = self.changed.notified();
            let key = (client.clone(), broker);
            let gate = self.links.borrow().get(&key).copied().unwrap_or_default();
            let closed = match direction {
                Direction::Up => gate.cut_up,
                Direction::Down => gate.cut_down,
            };
            if !closed && !self.is_isolated(client, broker) {
                return gate.clog;
            }
            changed.await;
        }
        Duration::ZERO
    }
}
