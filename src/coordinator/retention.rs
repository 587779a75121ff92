//! Offsets that go: with their topic, or when nobody has needed them for too long (rules R10, KIP-211).
//!
//! One timer per coordinator looks at all its groups now and then. So an offset goes some time after it
//! has expired, and is of use until then.

use std::time::Duration;

use crate::protocol::{GroupId, TopicName, TopicPartition};
use crate::sometimes::{Mark, sometimes};
use crate::time::Time;

use super::group::{Group, Groups};
use super::offsets::{Offsets, View};
use super::record::CommittedOffset;
use super::removal;
use super::state::GroupState;
use super::subscribed::Subscribed;
use super::timers::TimerKey;
use super::turn::Turn;

/// Arms the first look for expired offsets.
pub(super) fn start(turn: &mut Turn<'_>) {
    turn.arm(TimerKey::Retention, turn.config.offsets_retention_check);
}

/// Looks for expired offsets in every group, and again after a while.
pub(super) fn fired(groups: &mut Groups, turn: &mut Turn<'_>) {
    let mut ids: Vec<GroupId> = groups.keys().cloned().collect();
    ids.sort();
    for id in ids {
        look_at(groups, turn, &id);
    }
    start(turn);
}

/// A topic is gone, and with it what was committed for it, whatever the groups do (R10.6).
pub(super) fn topic_deleted(groups: &mut Groups, turn: &mut Turn<'_>, topic: &TopicName) {
    for id in groups.keys() {
        let kept = turn.offsets.of(id).kept().into_iter();
        for partition in kept.filter(|partition| partition.topic == *topic) {
            removal::remove_offset(id, turn, &partition, Some("topic deleted"), None);
        }
    }
}

/// An Empty group that has nothing left goes with its last offset (R10.5).
fn look_at(groups: &mut Groups, turn: &mut Turn<'_>, id: &GroupId) {
    let group = groups.get(id).expect("the group was just listed");
    let offsets = turn.offsets.of(id);
    let expired = expired(group, offsets, turn.now, turn.config.offsets_retention);
    let nothing_left = expired.len() == offsets.kept().len();
    if nothing_left && group.state() == GroupState::Empty {
        sometimes(Mark::GroupExpired);
        removal::remove(groups, turn, id, "expired", None);
        return;
    }
    for partition in expired {
        if group.state() == GroupState::Stable {
            sometimes(Mark::OffsetExpired);
        }
        removal::remove_offset(id, turn, &partition, Some("expired"), None);
    }
}

/// The partitions whose offsets have expired, in order.
fn expired(
    group: &Group,
    offsets: &Offsets,
    now: Time,
    retention: Duration,
) -> Vec<TopicPartition> {
    let Some(rule) = Rule::of(group) else { return Vec::new() };
    let mut expired = Vec::new();
    for (topic, partitions) in offsets.all(View::Newest) {
        if rule.spares(topic) {
            continue;
        }
        for (partition, offset) in partitions {
            if rule.is_over(offset, now, retention) && !offsets.is_unstable(topic, partition) {
                expired.push(TopicPartition::new(topic.clone(), partition));
            }
        }
    }
    expired
}

/// How the offsets of one group expire.
enum Rule<'a> {
    /// Nobody is there: from the moment on when the last member went (R10.2).
    Since(Time),
    /// Members are there: each from its commit on, but none of a topic they read (R10.3).
    Unread(Subscribed<'a>),
    /// Never had members: each from its commit on, though its readers may well be alive (R10.4).
    EachFromCommit,
}

impl Rule<'_> {
    /// None for a group of which no offset expires at the moment.
    fn of(group: &Group) -> Option<Rule<'_>> {
        if group.protocol_type.is_none() {
            return Some(Rule::EachFromCommit);
        }
        match group.state() {
            GroupState::Empty => Some(Rule::Since(group.state_since())),
            GroupState::Stable => match Subscribed::of(group) {
                read @ Subscribed::To(_) => Some(Rule::Unread(read)),
                Subscribed::Unknown | Subscribed::NoConsumers => None,
            },
            GroupState::PreparingRebalance | GroupState::CompletingRebalance | GroupState::Dead => {
                None
            }
        }
    }

    fn spares(&self, topic: &TopicName) -> bool {
        match self {
            Rule::Unread(read) => read.may_include(topic),
            Rule::Since(_) | Rule::EachFromCommit => false,
        }
    }

    /// A commit that named a retention time has its own end, which stands for all of this (R10.1).
    fn is_over(&self, offset: &CommittedOffset, now: Time, retention: Duration) -> bool {
        if let Some(end) = offset.expires_at {
            return now >= end;
        }
        let base = match self {
            Rule::Since(base) => *base,
            Rule::Unread(_) | Rule::EachFromCommit => offset.committed_at,
        };
        now.since(base) >= retention
    }
}
