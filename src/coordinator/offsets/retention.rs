//! Retention: removes offsets when their topic is deleted or when they have expired (rules R10,
//! KIP-211).
//!
//! One timer per coordinator checks all its groups. So an offset is removed some time after it has
//! expired, and can be read until then.

use std::time::Duration;

use super::{Offsets, Subscribed, View};
use crate::coordinator::group::{Group, Groups};
use crate::coordinator::reason::{GroupRemoval, OffsetRemoval};
use crate::coordinator::record::CommittedOffset;
use crate::coordinator::runtime::removal;
use crate::coordinator::runtime::timers::TimerKey;
use crate::coordinator::runtime::turn::Turn;
use crate::marks::{Mark, sometimes};
use crate::protocol::{GroupId, TopicName, TopicPartition};
use crate::time::Time;

/// Arms the timer for the first check.
pub(crate) fn start(turn: &mut Turn<'_>) {
    turn.arm(TimerKey::Retention, turn.config.offsets_retention_check);
}

/// Checks every group for expired offsets, and arms the timer for the next check.
pub(crate) fn fired(groups: &mut Groups, turn: &mut Turn<'_>) {
    let mut ids: Vec<GroupId> = groups.keys().cloned().collect();
    ids.sort();
    for id in ids {
        check_group(groups, turn, &id);
    }
    start(turn);
}

/// Removes the offsets of a deleted topic, whatever state their groups are in (R10.6).
pub(crate) fn topic_deleted(groups: &mut Groups, turn: &mut Turn<'_>, topic: &TopicName) {
    for id in groups.keys() {
        let partitions_with_offset = turn.offsets.of(id).partitions_with_offset().into_iter();
        for partition in partitions_with_offset.filter(|partition| partition.topic == *topic) {
            removal::remove_offset(id, turn, &partition, Some(OffsetRemoval::TopicDeleted), None);
        }
    }
}

/// Removes the expired offsets of one group. An Empty group is removed together with its last
/// offset (R10.5).
fn check_group(groups: &mut Groups, turn: &mut Turn<'_>, id: &GroupId) {
    let group = groups.get(id).expect("the group was just listed");
    let offsets = turn.offsets.of(id);
    let expired = expired(group, offsets, turn.now, turn.config.offsets_retention);
    let nothing_left = expired.len() == offsets.partitions_with_offset().len();
    if nothing_left && group.is_empty() {
        sometimes(Mark::GroupExpired);
        removal::remove(groups, turn, id, GroupRemoval::Expired, None);
        return;
    }
    for partition in expired {
        if !group.is_empty() {
            sometimes(Mark::OffsetExpired);
        }
        removal::remove_offset(id, turn, &partition, Some(OffsetRemoval::Expired), None);
    }
}

/// The partitions whose offsets have expired, in order.
fn expired(
    group: &Group,
    offsets: &Offsets,
    now: Time,
    retention: Duration,
) -> Vec<TopicPartition> {
    let Some(rule) = group.expiry() else { return Vec::new() };
    let mut expired = Vec::new();
    for (topic, partitions) in offsets.all(View::Newest) {
        if rule.keeps(topic) {
            continue;
        }
        for (partition, offset) in partitions {
            if rule.has_expired(offset, now, retention) && !offsets.is_unstable(topic, partition) {
                expired.push(TopicPartition::new(topic.clone(), partition));
            }
        }
    }
    expired
}

/// The rule by which the offsets of a group expire.
pub(crate) enum ExpiryRule<'a> {
    /// No members: all offsets expire counting from when the last member left (R10.2).
    SinceEmpty(Time),
    /// With members: each offset counting from its commit, except those of subscribed topics
    /// (R10.3).
    NotSubscribed(Subscribed<'a>),
    /// Never had members: each offset counting from its commit, even if its readers are still
    /// running (R10.4).
    EachFromCommit,
}

impl ExpiryRule<'_> {
    fn keeps(&self, topic: &TopicName) -> bool {
        match self {
            ExpiryRule::NotSubscribed(subscribed) => subscribed.may_include(topic),
            ExpiryRule::SinceEmpty(_) | ExpiryRule::EachFromCommit => false,
        }
    }

    /// The expiry of a commit with a retention time replaces all of this (R10.1).
    fn has_expired(&self, offset: &CommittedOffset, now: Time, retention: Duration) -> bool {
        if let Some(end) = offset.expires_at {
            return now >= end;
        }
        let base = match self {
            ExpiryRule::SinceEmpty(base) => *base,
            ExpiryRule::NotSubscribed(_) | ExpiryRule::EachFromCommit => offset.committed_at,
        };
        now.since(base) >= retention
    }
}
