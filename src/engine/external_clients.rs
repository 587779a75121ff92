//! What a schedule does to external clients: it can only break their links.

use std::ops::DerefMut;
use std::time::Duration;

use crate::protocol::{BrokerId, GroupId, StrBytes, str_bytes};
use crate::run::World;
use crate::sim::hosted::Directions;
use crate::sim::schedule::{Action, Direction, NodeName};
use crate::sim::{Impossible, Sim};
use crate::time::Time;
use crate::trace::{FaultKind, printable};

use super::link_gates::End;
use super::router::Router;
use super::tcp::{Tcp, TcpNet};
use super::world::Hosted;

/// A world whose clients are external.
pub(super) struct ExternalClients {
    hosted: Hosted<Tcp>,
}

impl ExternalClients {
    pub(super) fn new(hosted: Hosted<Tcp>) -> Self {
        ExternalClients { hosted }
    }
}

impl World for ExternalClients {
    fn core(&mut self) -> impl DerefMut<Target = Sim> {
        self.hosted.core()
    }

    fn lateness(&self) -> Duration {
        self.hosted.lateness()
    }

    fn next(&mut self, limit: Time) -> bool {
        self.hosted.next(limit)
    }

    fn apply(&mut self, action: &Action) -> Result<(), Impossible> {
        match apply_to_link(self.hosted.router(), action) {
            Some(done) => done,
            None if is_done_to_consumers(action) => Err(Impossible(
                "consumers are external here: start, stop and pause them yourself".to_owned(),
            )),
            None => self.hosted.apply(action),
        }
    }
}

/// Carries out an action on the link of a client; `None` if the action is a different one.
fn apply_to_link(router: &Router<TcpNet>, action: &Action) -> Option<Result<(), Impossible>> {
    warn_of_unknown_clients(router, action);
    warn_of_unknown_group(router, action);
    let (fault, broker, began) = match action {
        Action::Partition(from, to, direction) => {
            let (client, broker, upwards) = ends(from, to)?;
            let directions = match direction {
                Direction::Both => Directions { up: true, down: true },
                Direction::Forward => Directions { up: upwards, down: !upwards },
            };
            router.gates().cut(client, broker, directions);
            router.enter(|sim| sim.partition_external_client(broker, directions));
            return Some(Ok(()));
        }
        Action::Heal(a, b) => {
            let (client, broker, _) = ends(a, b)?;
            router.gates().heal(client, broker);
            (FaultKind::Partition, Some(broker), false)
        }
        Action::Isolate(node) => {
            if !router.gates().isolate(end(node)) {
                return Some(Ok(()));
            }
            (FaultKind::Partition, broker_of(node), true)
        }
        Action::Reconnect(node) => {
            if !router.gates().reconnect(&end(node)) {
                return Some(Ok(()));
            }
            (FaultKind::Partition, broker_of(node), false)
        }
        Action::Clog(a, b, by) => {
            let (client, broker, _) = ends(a, b)?;
            router.gates().clog(client, broker, *by);
            (FaultKind::Clog, Some(broker), true)
        }
        Action::Unclog(a, b) => {
            let (client, broker, _) = ends(a, b)?;
            router.gates().clog(client, broker, Duration::ZERO);
            (FaultKind::Clog, Some(broker), false)
        }
        Action::Drop { consumer, api, side, nth, count } => {
            router.gates().drop_messages(str_bytes(consumer), *api, *side, (*nth, *count));
            (FaultKind::Drop, None, true)
        }
        Action::Reset(client, None) => {
            if router.reset_client(&str_bytes(client)) == 0 {
                let there = connected(router);
                return Some(Err(Impossible(format!("{client} is not connected: {there}"))));
            }
            (FaultKind::Reset, None, true)
        }
        Action::Reset(_, Some(_)) => {
            let why =
                "the purpose of an external client's connection is not known: reset all of them";
            return Some(Err(Impossible(why.to_owned())));
        }
        _ => return None,
    };
    router.enter(|sim| sim.fault_on_external_link(fault, broker, began));
    Some(Ok(()))
}

/// Warns of a client id that no connected client has. A typo would break nothing and go unnoticed.
/// The action is carried out all the same, for a client that connects later.
fn warn_of_unknown_clients(router: &Router<TcpNet>, action: &Action) {
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
    let clients = router.connected_clients();
    for name in named.chain(dropped).filter(|name| !clients.contains(&str_bytes(name))) {
        let there = connected(router);
        tracing::warn!(target: "groupsim", "no client has the id {name}: {there}");
    }
}

/// Warns of a group that does not exist. The action may still affect other groups in the same
/// partition of the offsets log.
fn warn_of_unknown_group(router: &Router<TcpNet>, action: &Action) {
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
        let sim = router.core();
        (group.as_deref().or(sim.first_group()).map(str::to_owned), sim.groups())
    };
    let Some(name) = named.filter(|name| !groups.contains(&GroupId(str_bytes(name)))) else {
        return;
    };
    let there = listed(groups.iter().map(|group| &group.0), "there are no groups");
    tracing::warn!(target: "groupsim", "there is no group {name}: {there}");
}

/// The most names to list in a message.
const MAX_NAMES: usize = 20;

/// The client ids of the connected clients.
fn connected(router: &Router<TcpNet>) -> String {
    listed(router.connected_clients().iter(), "no client is connected")
}

fn listed<'n>(all: impl ExactSizeIterator<Item = &'n StrBytes>, none: &str) -> String {
    let more = all.len().saturating_sub(MAX_NAMES);
    let names: Vec<_> = all.take(MAX_NAMES).map(|name| printable(name)).collect();
    match (names.is_empty(), more) {
        (true, _) => none.to_owned(),
        (false, 0) => format!("there are: {}", names.join(", ")),
        (false, more) => format!("there are: {}, and {more} more", names.join(", ")),
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

fn is_done_to_consumers(action: &Action) -> bool {
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
