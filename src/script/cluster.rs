//! Parses the steps of leadership, the offsets log and topics, one function per verb.

use std::time::Duration;

use crate::sim::schedule::{Action, RefusedWith};

use super::args::Args;
use super::options::{ERROR, PARTITIONS, TAIL, TO, UNAWARE};
use super::scope::Scope;
use super::values;

/// `move g to=b2 unaware=10s tail=lost`
pub(super) fn move_group(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let given = args.given(&TO);
    let to = args.placed(&TO);
    let unaware = args.option(&UNAWARE).unwrap_or(Duration::ZERO);
    let tail = args.option(&TAIL).unwrap_or_default();
    let group = log_of(args, scope);
    match to {
        Some((broker, place)) => args.ok(scope.broker_up(place, broker)),
        None if given => None,
        None => args.ok(scope.another_broker(args.head())),
    };
    Some(Action::Move { group, to: to.map(|(broker, _)| broker), unaware, tail })
}

/// `stall g`
pub(super) fn stall(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    Some(Action::Stall(log_of(args, scope)))
}

/// `unstall g`
pub(super) fn unstall(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    Some(Action::Unstall(log_of(args, scope)))
}

/// `refuse g error=NOT_ENOUGH_REPLICAS`
pub(super) fn refuse(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let error = args.option(&ERROR).unwrap_or(RefusedWith::NotEnoughReplicas);
    Some(Action::Refuse(log_of(args, scope), error))
}

/// `accept g`
pub(super) fn accept(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    Some(Action::Accept(log_of(args, scope)))
}

/// `compact g`
pub(super) fn compact(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    Some(Action::Compact(log_of(args, scope)))
}

/// `grow orders partitions=8`
pub(super) fn grow(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let partitions = args.placed(&PARTITIONS);
    let topic = args.operand("a topic")?;
    args.ok(scope.live_topic(topic))?;
    if partitions.is_none() {
        args.required(&PARTITIONS);
    }
    let (partitions, place) = partitions?;
    args.ok(scope.may_grow(topic, place, partitions))?;
    Some(Action::Grow { topic: topic.text.to_owned(), partitions })
}

/// `delete-topic orders`
pub(super) fn delete_topic(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let topic = args.operand("a topic")?;
    args.ok(scope.live_topic(topic))?;
    Some(Action::DeleteTopic(topic.text.to_owned()))
}

/// The group whose partition of the offsets log is meant. The group must be declared: with a typing
/// mistake its name would select another partition.
fn log_of(args: &mut Args<'_>, scope: &mut Scope) -> Option<String> {
    let place = args.optional_operand();
    if let Some(place) = place {
        args.ok(values::name(place))?;
    }
    let head = args.head();
    args.ok(scope.group(place, head))?;
    place.map(|place| place.text.to_owned())
}
