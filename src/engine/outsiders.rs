//! What a schedule does to clients that are not the simulator's: only their links can be broken.

use std::ops::DerefMut;
use std::time::Duration;

use crate::protocol::{BrokerId, GroupId, StrBytes, str_bytes};
use crate::run::World;
use crate::sim::hosted::Directions;
use crate::sim::schedule::{Action, Direction, NodeName};
use crate::sim::{Impossible, Sim};
use crate::time::Time;
use crate::trace::{FaultKind, chosen};

use super::hub::Hub;
use super::tcp::{Tcp, TcpNet};
use super::valves::End;
use super::world::Hosted;

/// A world whose clients come from outside.
pub(super) struct Outside {
    inside: Hosted<Tcp>,
}

impl Outside {
    pub(super) fn new(inside: Hosted<Tcp>) -> Self {
        Outside { inside }
    }
}

impl World for Outside {
    fn stage(&mut self) -> impl DerefMut<Target = Sim> {
        self.inside.stage()
    }

    fn lateness(&self) -> Duration {
        self.inside.lateness()
    }

    fn next(&mut self, limit: Time) -> bool {
        self.inside.next(limit)
    }

    fn apply(&mut self, action: &Action) -> Result<(), Impossible> {
        match to_a_link(self.inside.hub(), action) {
            Some(done) => done,
            None if is_done_by_consumers(action) => Err(Impossible(
                "consumers come from outside here: start, stop and pause them yourself".to_owned(),
            )),
            None => self.inside.apply(action),
        }
    }
}

/// Does what is done to the link of a client; none when the action is another.
fn to_a_link(hub: &Hub<TcpNet>, action: &Action) -> Option<Result<(), Impossible>> {
    warn_of_strangers(hub, action);
    warn_of_a_group_that_nobody_has(hub, action);
    let (fault, broker, began) = match action {
        Action::Partition(from, to, direction) => {
            let (client, broker, upwards) = ends(from, to)?;
            let ways = match direction {
                Direction::Both => Directions { up: true, down: true },
                Direction::Forward => Directions { up: upwards, down: !upwards },
            };
            hub.valves().cut(client, broker, ways);
            hub.enter(|sim| sim.partition_outside(broker, ways));
            return Some(Ok(()));
        }
        Action::Heal(a, b) => {
            let (client, broker, _) = ends(a, b)?;
            hub.valves().heal(client, broker);
            (FaultKind::Partition, Some(broker), false)
        }
        Action::Isolate(node) => {
            if !hub.valves().isolate(end(node)) {
                return Some(Ok(()));
            }
            (FaultKind::Partition, broker_of(node), true)
        }
        Action::Reconnect(node) => {
            if !hub.valves().reconnect(&end(node)) {
                return Some(Ok(()));
            }
            (FaultKind::Partition, broker_of(node), false)
        }
        Action::Clog(a, b, by) => {
            let (client, broker, _) = ends(a, b)?;
            hub.valves().clog(client, broker, *by);
            (FaultKind::Clog, Some(broker), true)
        }
        Action::Unclog(a, b) => {
            let (client, broker, _) = ends(a, b)?;
            hub.valves().clog(client, broker, Duration::ZERO);
            (FaultKind::Clog, Some(broker), false)
        }
        Action::Drop { consumer, api, side, nth, count } => {
            hub.valves().drop_messages(str_bytes(consumer), *api, *side, (*nth, *count));
            (FaultKind::Drop, None, true)
        }
        Action::Reset(client, None) => {
            if hub.reset_client(&str_bytes(client)) == 0 {
                let there = there_are(hub);
                return Some(Err(Impossible(format!("{client} is not connected: {there}"))));
            }
            (FaultKind::Reset, None, true)
        }
        Action::Reset(_, Some(_)) => {
            let why = "what a connection from outside is for is not known: reset all of them";
            return Some(Err(Impossible(why.to_owned())));
        }
        _ => return None,
    };
    hub.enter(|sim| sim.fault_on_a_link_outside(fault, broker, began));
    Some(Ok(()))
}

/// Warns of a client id that nobody has: a slip of the finger breaks nothing, and nobody would notice. It is done
/// all the same, for a client that comes later.
fn warn_of_strangers(hub: &Hub<TcpNet>, action: &Action) {
    let (one, other) = match action {
        Action::Partition(one, other, _)
        | Action::Heal(one, other)
        | Action::Clog(one, other, _)
        | Action::Unclog(one, other) => (Some(one), Some(other)),
        Action::Isolate(node) | Action::Reconnect(node) => (Some(node), None),
        _ => (None, None),
    };
    let named = [one, other].into_iter().flatten().filter_map(|node| match node {
        NodeName::Consumer(name) => Some(name),
        NodeName::Broker(_) => None,
    });
    let dropped = match action {
        Action::Drop { consumer, .. } => Some(consumer),
        _ => None,
    };
    let clients = hub.clients();
    for name in named.chain(dropped).filter(|name| !clients.contains(&str_bytes(name))) {
        let there = there_are(hub);
        tracing::warn!(target: "groupsim", "nobody is called {name}: {there}");
    }
}

/// The same of a group. What is done to its partition of the offsets log may still concern others.
fn warn_of_a_group_that_nobody_has(hub: &Hub<TcpNet>, action: &Action) {
    let (Action::Move { group, .. }
    | Action::Stall(group)
    | Action::Unstall(group)
    | Action::Refuse(group, _)
    | Action::Accept(group)
    | Action::Compact(group)) = action
    else {
        return;
    };
    let (named, groups) = {
        let sim = hub.stage();
        (group.as_deref().or(sim.first_group()).map(str::to_owned), sim.groups())
    };
    let Some(name) = named.filter(|name| !groups.contains(&GroupId(str_bytes(name)))) else {
        return;
    };
    let there = listed(groups.iter().map(|group| &group.0), "there is no group");
    tracing::warn!(target: "groupsim", "no group is called {name}: {there}");
}

/// How many are named at most.
const MOST: usize = 20;

/// What the clients are called that are connected.
fn there_are(hub: &Hub<TcpNet>) -> String {
    listed(hub.clients().iter(), "no client is connected")
}

fn listed<'n>(all: impl ExactSizeIterator<Item = &'n StrBytes>, none: &str) -> String {
    let more = all.len().saturating_sub(MOST);
    let names: Vec<_> = all.take(MOST).map(|name| chosen(name)).collect();
    match (names.is_empty(), more) {
        (true, _) => none.to_owned(),
        (false, 0) => format!("there are {}", names.join(", ")),
        (false, more) => format!("there are {}, and {more} more", names.join(", ")),
    }
}

fn end(node: &NodeName) -> End {
    match node {
        NodeName::Consumer(name) => End::Client(str_bytes(name)),
        NodeName::Broker(broker) => End::Broker(*broker),
    }
}

fn broker_of(node: &NodeName) -> Option<BrokerId> {
    match node {
        NodeName::Consumer(_) => None,
        NodeName::Broker(broker) => Some(*broker),
    }
}

fn ends(a: &NodeName, b: &NodeName) -> Option<(StrBytes, BrokerId, bool)> {
    match (a, b) {
        (NodeName::Consumer(name), NodeName::Broker(broker)) => {
            Some((str_bytes(name), *broker, true))
        }
        (NodeName::Broker(broker), NodeName::Consumer(name)) => {
            Some((str_bytes(name), *broker, false))
        }
        _ => None,
    }
}

fn is_done_by_consumers(action: &Action) -> bool {
    let node = match action {
        Action::Join { .. } | Action::Leave(_) | Action::Slow(..) => return true,
        Action::Crash(node, _)
        | Action::Restart(node)
        | Action::Pause(node)
        | Action::Resume(node)
        | Action::Skew(node, _) => node,
        _ => return false,
    };
    matches!(node, NodeName::Consumer(_))
}
