//! Valves: links that are broken by hand, at the broker's end, where the network itself cannot be.
//!
//! A closed valve is a cut: what comes in is not taken up, what goes out is not sent, and the connection
//! stays open, so that both ends find out by their own time-outs. Clients are known by their client ids. On
//! simulated networks every valve is open; there the network does it better.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::Notify;

use crate::protocol::{Api, BrokerId, StrBytes};
use crate::sim::hosted::Directions;
use crate::sim::schedule::Side;

/// Every valve that was ever turned.
#[derive(Default)]
pub(super) struct Valves {
    links: RefCell<BTreeMap<(StrBytes, BrokerId), Valve>>,
    /// The clients and the brokers all of whose links are cut.
    isolated: RefCell<BTreeSet<End>>,
    /// Whether any was: as long as none was, nobody has to look.
    turned: Cell<bool>,
    changed: Notify,
    drops: RefCell<Vec<Rule>>,
}

struct Rule {
    client: StrBytes,
    api: Api,
    side: Side,
    /// How many to let pass first.
    pass: u32,
    /// How many to swallow.
    swallow: u32,
}

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Client(StrBytes),
    Broker(BrokerId),
}

#[derive(Clone, Copy, Default)]
struct Valve {
    cut_up: bool,
    cut_down: bool,
    clog: Duration,
}

/// Which way something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

impl Valves {
    pub(super) fn cut(&self, client: StrBytes, broker: BrokerId, ways: Directions) {
        self.turn(client, broker, |valve| {
            valve.cut_up |= ways.up;
            valve.cut_down |= ways.down;
        });
    }

    pub(super) fn heal(&self, client: StrBytes, broker: BrokerId) {
        self.turn(client, broker, |valve| (valve.cut_up, valve.cut_down) = (false, false));
    }

    pub(super) fn clog(&self, client: StrBytes, broker: BrokerId, by: Duration) {
        self.turn(client, broker, |valve| valve.clog = by);
    }

    /// Cuts all links of a node, those to come as well; false when they are cut.
    pub(super) fn isolate(&self, node: End) -> bool {
        let began = self.isolated.borrow_mut().insert(node);
        self.notice();
        began
    }

    /// Ends that; false when there was nothing to end.
    pub(super) fn reconnect(&self, node: &End) -> bool {
        let ended = self.isolated.borrow_mut().remove(node);
        self.notice();
        ended
    }

    fn turn(&self, client: StrBytes, broker: BrokerId, how: impl FnOnce(&mut Valve)) {
        how(self.links.borrow_mut().entry((client, broker)).or_default());
        self.notice();
    }

    fn notice(&self) {
        self.turned.set(true);
        self.changed.notify_waiters();
    }

    fn is_isolated(&self, client: &StrBytes, broker: BrokerId) -> bool {
        let isolated = self.isolated.borrow();
        isolated.contains(&End::Broker(broker)) || isolated.contains(&End::Client(client.clone()))
    }

    /// Arms a rule that swallows messages of a client, counted from now: those from the `nth` on, `count` of
    /// them. Nothing behind a swallowed message arrives on its connection either.
    pub(super) fn drop_messages(
        &self,
        client: StrBytes,
        api: Api,
        side: Side,
        (nth, count): (u32, u32),
    ) {
        self.drops.borrow_mut().push(Rule { client, api, side, pass: nth - 1, swallow: count });
    }

    /// Whether a rule swallows a message.
    pub(super) fn swallows(&self, client: &StrBytes, api: Api, side: Side) -> bool {
        let mut rules = self.drops.borrow_mut();
        let fits =
            |rule: &&mut Rule| rule.client == *client && rule.api == api && rule.side == side;
        let Some(rule) = rules.iter_mut().find(fits) else { return false };
        if rule.pass > 0 {
            rule.pass -= 1;
            return false;
        }
        rule.swallow -= 1;
        rules.retain(|rule| rule.swallow > 0);
        true
    }

    /// Waits until a valve is open, and says how much longer what passes it takes.
    pub(super) async fn pass(&self, client: &StrBytes, broker: BrokerId, way: Way) -> Duration {
        while self.turned.get() {
            let changed = self.changed.notified();
            let key = (client.clone(), broker);
            let valve = self.links.borrow().get(&key).copied().unwrap_or_default();
            let closed = match way {
                Way::Up => valve.cut_up,
                Way::Down => valve.cut_down,
            };
            if !closed && !self.is_isolated(client, broker) {
                return valve.clog;
            }
            changed.await;
        }
        Duration::ZERO
    }
}
