//! Parses the steps of consumers, network, workload and time, one function per verb.

use std::time::Duration;

use crate::sim::schedule::{Action, Direction, NodeName};

use super::args::Args;
use super::error::ScriptError;
use super::lexer::Piece;
use super::options::{BY, COUNT, GROUP, NTH, PARTITION, PPM, PROCESS, TAIL, WITHIN};
use super::scope::Scope;
use super::{settings, values};

/// `join c1 group=g process=5ms`
pub(super) fn join(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let place = args.operand("the name of a consumer");
    let (group, group_at) = args.placed(&GROUP).unzip();
    let (settings, places) = settings::read(args);
    let head = args.head();
    if args.ok(scope.group(group_at, head)).is_some() {
        let inherited = scope.settings_of(group.as_deref());
        args.ok(settings::heartbeat_within_session(&settings, &inherited, &places));
        args.ok(settings::instance_within_version(&settings, &inherited, &places));
    }
    if let (Some(session), Some(place)) = (settings.session, places.session) {
        args.ok(scope.session(place, session));
    }
    match places.topics {
        Some(topics) => topics.items().for_each(|topic| {
            args.ok(scope.topic(topic));
        }),
        None => {
            args.ok(scope.any_topic(head));
        }
    }
    let place = place?;
    let consumer = args.ok(values::consumer_name(place))?;
    let may_join = args.ok(scope.may_join(place));
    let join = Action::Join { consumer, group, settings: Box::new(settings) };
    // Lines below may use the consumer even if it may not join.
    scope.record(&join);
    may_join.map(|()| join)
}

/// `leave c1`
pub(super) fn leave(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    consumer(args, scope).map(|(consumer, _)| Action::Leave(consumer))
}

/// `crash c1`, `crash b1 tail=lost`
pub(super) fn crash(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let tail = args.placed(&TAIL);
    let place = args.operand("a node")?;
    let node = known_node(args, scope, place)?;
    match (&node, &tail) {
        (NodeName::Broker(broker), _) => args.ok(scope.broker_up(place, *broker))?,
        (NodeName::Consumer(_), None) => {}
        (NodeName::Consumer(name), Some((_, place))) => {
            let error = ScriptError::new(*place, format!("`{name}` has no log"));
            args.note(error.label("`tail=` is for brokers only"));
        }
    }
    let tail = tail.map(|(tail, _)| tail).unwrap_or_default();
    Some(Action::Crash(node, tail))
}

/// `restart c1`, `restart b1`
pub(super) fn restart(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let place = args.operand("a node")?;
    let node = known_node(args, scope, place)?;
    if let NodeName::Broker(broker) = &node {
        args.ok(scope.broker_down(place, *broker))?;
    }
    Some(Action::Restart(node))
}

/// `pause c1`, `pause b0`
pub(super) fn pause(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    node(args, scope).map(Action::Pause)
}

/// `resume c1`
pub(super) fn resume(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    node(args, scope).map(Action::Resume)
}

/// `partition c1 b0`, `partition c1 -> b0`
pub(super) fn partition(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let from = args.operand("two nodes")?;
    let second = args.operand("two nodes")?;
    let (direction, to) = match second.text {
        "->" => (Direction::Forward, args.operand("a node after the arrow")?),
        _ => (Direction::Both, second),
    };
    let (from, to) = ends(args, scope, from, to)?;
    Some(Action::Partition(from, to, direction))
}

/// `isolate c1`, `isolate b0`
pub(super) fn isolate(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    node(args, scope).map(Action::Isolate)
}

/// `reconnect c1`
pub(super) fn reconnect(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    node(args, scope).map(Action::Reconnect)
}

/// `heal c1 b0`
pub(super) fn heal(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    link(args, scope).map(|(a, b)| Action::Heal(a, b))
}

/// `clog c1 b0 by=2s`
pub(super) fn clog(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let link = link(args, scope);
    let by = args.required(&BY)?;
    link.map(|(a, b)| Action::Clog(a, b, by))
}

/// `unclog c1 b0`
pub(super) fn unclog(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    link(args, scope).map(|(a, b)| Action::Unclog(a, b))
}

/// `reset c1`, `reset c1 coordinator`
pub(super) fn reset(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let (consumer, _) = consumer(args, scope)?;
    let purpose = match args.optional_operand() {
        Some(purpose) => Some(args.ok(values::purpose(purpose))?),
        None => None,
    };
    Some(Action::Reset(consumer, purpose))
}

/// `drop c1 Heartbeat request nth=1 count=2`
pub(super) fn drop(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let nth = args.option(&NTH).unwrap_or(1);
    let count = args.option(&COUNT).unwrap_or(1);
    let consumer = consumer(args, scope);
    let api = args.operand("an API").map(values::api);
    let side = args.operand("`request` or `response`").map(values::side);
    let api = api.and_then(|api| args.ok(api));
    let side = side.and_then(|side| args.ok(side))?;
    Some(Action::Drop { consumer: consumer?.0, api: api?, side, nth, count })
}

/// `skew c1 ppm=50000`
pub(super) fn skew(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let node = node(args, scope);
    let ppm = args.required(&PPM)?;
    node.map(|node| Action::Skew(node, ppm))
}

/// `slow c1 process=400s`
pub(super) fn slow(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let consumer = consumer(args, scope);
    let process = args.required(&PROCESS)?;
    consumer.map(|(consumer, _)| Action::Slow(consumer, process))
}

/// `produce orders partition=0 count=10`
pub(super) fn produce(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let count = args.option(&COUNT).unwrap_or(1);
    let partition = args.placed(&PARTITION);
    let topic = args.operand("a topic")?;
    args.ok(values::name(topic))?;
    args.ok(scope.live_topic(topic))?;
    if let Some((number, place)) = partition {
        args.ok(scope.number(topic.text, place, number))?;
    }
    let partition = partition.map(|(number, _)| number);
    Some(Action::Produce { topic: topic.text.to_owned(), partition, count })
}

/// `advance 11s`
pub(super) fn advance(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let by: Duration =
        args.operand("a duration").map(values::duration).and_then(|by| args.ok(by))?;
    scope.advance(by);
    Some(Action::Advance(by))
}

/// `settle`, `settle within=60s`
pub(super) fn settle(args: &mut Args<'_>, _: &mut Scope) -> Option<Action> {
    Some(Action::Settle(args.option(&WITHIN)))
}

/// `drain`, `drain within=60s`
pub(super) fn drain(args: &mut Args<'_>, _: &mut Scope) -> Option<Action> {
    Some(Action::Drain(args.option(&WITHIN)))
}

/// `quiesce`, `quiesce c1 c2`
pub(super) fn quiesce(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let mut core: Vec<String> = Vec::new();
    while let Some(place) = args.optional_operand() {
        let Some((name, _)) = known_consumer(args, scope, place) else { continue };
        if core.contains(&name) {
            let message = format!("`{name}` is named twice");
            args.note(ScriptError::new(place, message).label("already on this line"));
        }
        core.push(name);
    }
    Some(Action::Quiesce((!core.is_empty()).then_some(core)))
}

fn consumer<'a>(args: &mut Args<'a>, scope: &Scope) -> Option<(String, Piece<'a>)> {
    let place = args.operand("a consumer")?;
    known_consumer(args, scope, place)
}

fn known_consumer<'a>(
    args: &mut Args<'_>,
    scope: &Scope,
    place: Piece<'a>,
) -> Option<(String, Piece<'a>)> {
    let name = args.ok(values::consumer_name(place))?;
    args.ok(scope.consumer(place))?;
    Some((name, place))
}

fn node(args: &mut Args<'_>, scope: &Scope) -> Option<NodeName> {
    let place = args.operand("a node")?;
    known_node(args, scope, place)
}

fn known_node(args: &mut Args<'_>, scope: &Scope, place: Piece<'_>) -> Option<NodeName> {
    let node = args.ok(values::node(place))?;
    args.ok(scope.node(place, &node))?;
    Some(node)
}

fn link(args: &mut Args<'_>, scope: &Scope) -> Option<(NodeName, NodeName)> {
    let from = args.operand("two nodes")?;
    let to = args.operand("two nodes")?;
    ends(args, scope, from, to)
}

/// The two ends of a link, which must be a consumer and a broker: consumers connect to brokers
/// only.
fn ends(
    args: &mut Args<'_>,
    scope: &Scope,
    from: Piece<'_>,
    to: Piece<'_>,
) -> Option<(NodeName, NodeName)> {
    // Both ends are checked before returning, so that both errors show.
    let (first, second) = (known_node(args, scope, from), known_node(args, scope, to));
    let (first, second) = (first?, second?);
    let label = match (&first, &second) {
        (NodeName::Broker(_), NodeName::Consumer(_))
        | (NodeName::Consumer(_), NodeName::Broker(_)) => return Some((first, second)),
        (NodeName::Broker(_), NodeName::Broker(_)) => "both ends are brokers",
        (NodeName::Consumer(_), NodeName::Consumer(_)) => "both ends are consumers",
    };
    args.note(
        ScriptError::new(to, format!("there is no link from `{first}` to `{second}`"))
            .label(label)
            .help("a link has a consumer at one end and a broker at the other"),
    );
    None
}
