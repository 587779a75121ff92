//! Parses the requests of the admin client, one function per verb.
//!
//! Requests that only read or delete can name groups and partitions that do not exist, to test the
//! response. Requests that store something must name a declared group: with a typing mistake they
//! would store it where nothing looks.

use std::ops::RangeInclusive;

use crate::protocol::{Api, CONSUMER_PROTOCOL_TYPE, TopicPartition};
use crate::sim::schedule::{Action, AdminRequest};

use super::args::Args;
use super::error::{ScriptError, quoted};
use super::lexer::Piece;
use super::options::{
    ANY_GROUP, API_VERSION, AS, COMMIT_RETENTION, INSTANCE, MEMBER, NOTE, ON, PRODUCER,
    REQUESTED_SESSION, STABLE, STATES, TYPE, TYPES,
};
use super::scope::Scope;
use super::values;

/// `describe g g2 version=5`
pub(super) fn describe(args: &mut Args<'_>, _: &mut Scope) -> Option<Action> {
    let version = version(args, 0..=6);
    groups(args).map(|groups| Action::Admin(AdminRequest::Describe { groups, version }))
}

/// `list on=b1 states=Stable,Empty types=classic version=3`
pub(super) fn list(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let on = args.placed(&ON);
    if let Some((broker, place)) = on {
        args.ok(scope.broker(place, broker))?;
    }
    let states = args.option(&STATES).unwrap_or_default();
    let types = args.option(&TYPES).unwrap_or_default();
    let version = version(args, 0..=5);
    let on = on.map(|(broker, _)| broker);
    Some(Action::Admin(AdminRequest::List { on, states, types, version }))
}

/// `delete-group g g2`
pub(super) fn delete_group(args: &mut Args<'_>, _: &mut Scope) -> Option<Action> {
    let version = version(args, 0..=2);
    groups(args).map(|groups| Action::Admin(AdminRequest::DeleteGroups { groups, version }))
}

/// `delete-offsets g orders-0 orders-1`
pub(super) fn delete_offsets(args: &mut Args<'_>, _: &mut Scope) -> Option<Action> {
    let group = any_group(args)?;
    let mut partitions: Vec<TopicPartition> = Vec::new();
    let mut next = Some(args.operand("a partition")?);
    while let Some(place) = next {
        let partition = args.ok(values::partition(place))?;
        if partitions.contains(&partition) {
            args.note(twice(place));
        }
        partitions.push(partition);
        next = args.optional_operand();
    }
    Some(Action::Admin(AdminRequest::DeleteOffsets { group, partitions }))
}

/// `remove g instance=i1`, `remove g member=c1`
pub(super) fn remove(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let instance = args.option(&INSTANCE);
    let member = args.placed(&MEMBER);
    let version = version(args, 0..=5);
    if let Some((_, place)) = &member {
        args.ok(scope.consumer(*place));
    }
    let group = any_group(args)?;
    let member = member.map(|(name, _)| name);
    if instance.is_none() && member.is_none() && args.is_right() {
        let error = ScriptError::new(args.head(), "`remove` needs a member");
        args.note(error.label("expected `instance=` or `member=`"));
    }
    if instance.is_some() && version.is_some_and(|version| version < 3) && args.is_right() {
        let error = ScriptError::new(args.head(), "this version cannot name an instance");
        args.note(error.label("`instance=` requires version 3 or later (KIP-345)"));
    }
    Some(Action::Admin(AdminRequest::Remove { group, instance, member, version }))
}

/// `commit g orders-0=5 note=5000 retention=60m`
pub(super) fn commit(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let note = args.option(&NOTE).unwrap_or(0);
    let retention = args.option(&COMMIT_RETENTION);
    let group = known_group(args, scope);
    let (partition, offset) = claim(args)?;
    let group = group?;
    Some(Action::Admin(AdminRequest::Commit { group, partition, offset, note, retention }))
}

/// `offsets g stable=yes`
pub(super) fn offsets(args: &mut Args<'_>, _: &mut Scope) -> Option<Action> {
    let stable = args.option(&STABLE).unwrap_or(false);
    let version = version(args, 2..=9);
    any_group(args).map(|group| Action::Admin(AdminRequest::Offsets { group, stable, version }))
}

/// `txn-commit g orders-0=5 producer=7 as=c1`
pub(super) fn txn_commit(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let consumer = args.placed(&AS);
    if let Some((_, place)) = &consumer {
        args.ok(scope.consumer(*place));
    }
    let group = known_group(args, scope);
    let claim = claim(args);
    let producer = args.required(&PRODUCER)?;
    let (group, (partition, offset)) = (group?, claim?);
    let consumer = consumer.map(|(name, _)| name);
    let request = AdminRequest::TxnCommit { group, partition, offset, producer, consumer };
    Some(Action::Admin(request))
}

/// `end-txn g commit producer=7`, `end-txn g abort producer=7`
pub(super) fn end_txn(args: &mut Args<'_>, scope: &mut Scope) -> Option<Action> {
    let group = known_group(args, scope);
    let commit = args.operand("`commit` or `abort`").map(values::outcome);
    let commit = commit.and_then(|commit| args.ok(commit));
    let producer = args.required(&PRODUCER)?;
    Some(Action::Admin(AdminRequest::EndTxn { group: group?, producer, commit: commit? }))
}

/// `ask JoinGroup group= session=1s type=consumer`
pub(super) fn ask(args: &mut Args<'_>, _: &mut Scope) -> Option<Action> {
    let api = args.operand("the API, JoinGroup")?;
    if api.text != Api::JoinGroup.name() {
        let message = format!("`ask` does not support {}", quoted(api.text));
        args.note(ScriptError::new(api, message).label("expected JoinGroup"));
    }
    let group = args.required(&ANY_GROUP);
    let session = args.required(&REQUESTED_SESSION)?;
    let default = || CONSUMER_PROTOCOL_TYPE.to_owned();
    let protocol_type = args.option(&TYPE).unwrap_or_else(default);
    Some(Action::Admin(AdminRequest::Join { group: group?, protocol_type, session }))
}

/// `version=3`, which the request and the codec must have; `None` for the newest.
fn version(args: &mut Args<'_>, known: RangeInclusive<i16>) -> Option<i16> {
    let (version, place) = args.placed(&API_VERSION)?;
    if !known.contains(&version) {
        let message = format!("version {version} of this request is not supported");
        let label = format!("expected {} to {}", known.start(), known.end());
        args.note(ScriptError::new(place, message).label(label));
    }
    Some(version)
}

fn groups(args: &mut Args<'_>) -> Option<Vec<String>> {
    let mut groups: Vec<String> = Vec::new();
    let mut next = Some(args.operand("a group")?);
    while let Some(place) = next {
        let group = args.ok(values::name(place))?;
        if groups.contains(&group) {
            args.note(twice(place));
        }
        groups.push(group);
        next = args.optional_operand();
    }
    Some(groups)
}

fn twice(place: Piece<'_>) -> ScriptError {
    ScriptError::new(place, format!("`{}` is named twice", place.text))
        .label("already on this line")
}

fn any_group(args: &mut Args<'_>) -> Option<String> {
    let place = args.operand("a group")?;
    args.ok(values::name(place))
}

fn known_group(args: &mut Args<'_>, scope: &mut Scope) -> Option<String> {
    let place = args.operand("a group")?;
    let group = args.ok(values::name(place))?;
    let head = args.head();
    args.ok(scope.group(Some(place), head)).map(|()| group)
}

/// `orders-0=5`; the partition need not exist.
fn claim(args: &mut Args<'_>) -> Option<(TopicPartition, i64)> {
    let word = args.operand("a partition and its offset, such as orders-0=5")?;
    args.ok(values::claim(word, 0)).map(|(partition, _, offset)| (partition, offset))
}
