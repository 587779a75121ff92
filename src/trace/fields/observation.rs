//! The fields of everything that is not a message.

use std::sync::Arc;

use super::{Visitor, assignment, optional_text, partitions, subscription};
use crate::broker::{Term, TermState};
use crate::client::{ClientObservation as Consumer, ConsumerConfig};
use crate::coordinator::{
    ClassicObservation as Classic, CoordinatorConfig, LoadedGroup, Observation as Coordinator,
    Removal, TimerKind,
};
use crate::protocol::{BrokerId, MemberId, TopicPartition};
use crate::trace::event::{ConsumerRef, EventKind, FaultKind, Place};

pub(super) const fn coordinator_name(seen: &Coordinator) -> &'static str {
    match seen {
        Coordinator::Classic(Classic::State { .. }) => "group-state",
        Coordinator::Classic(Classic::MemberAdded { .. }) => "member-added",
        Coordinator::Classic(Classic::MemberRemoved { .. }) => "member-removed",
        Coordinator::Classic(Classic::MemberReplaced { .. }) => "member-replaced",
        Coordinator::Classic(Classic::ReplacementUndone { .. }) => "replacement-undone",
        Coordinator::GroupLoaded(_) => "group-loaded",
        Coordinator::GroupRemoved { .. } => "group-removed",
        Coordinator::OffsetRemoved { .. } => "offset-removed",
        Coordinator::Classic(Classic::GenerationBegan { .. }) => "generation-began",
        Coordinator::Classic(Classic::TimerFired { .. }) => "timer-fired",
    }
}

pub(super) const fn consumer_name(seen: &Consumer) -> &'static str {
    match seen {
        Consumer::State { .. } => "member-state",
        Consumer::CoordinatorLost { .. } => "coordinator-lost",
        Consumer::Assigned { .. } => "assigned",
        Consumer::Revoked { .. } => "revoked",
        Consumer::Lost { .. } => "partitions-lost",
        Consumer::Positioned { .. } => "positioned",
        Consumer::Polled { .. } => "polled",
        Consumer::Processed { .. } => "processed",
        Consumer::CommitFailed { .. } => "commit-failed",
        Consumer::PollTimeout => "poll-timeout",
        Consumer::Fatal { .. } => "fatal",
    }
}

pub(super) fn coordinator<V: Visitor>(seen: &Coordinator, v: &mut V) {
    match seen {
        Coordinator::Classic(Classic::State { group, from, to, why }) => {
            v.text("group", &group.0);
            v.word("from", from.name());
            v.word("to", to.name());
            v.text("why", why.name());
        }
        Coordinator::Classic(Classic::MemberAdded {
            group,
            member,
            instance,
            session,
            rebalance,
        }) => {
            v.text("group", &group.0);
            v.member("member", &member.0);
            optional_text(v, "instance", instance.as_ref());
            v.duration("session", *session);
            v.duration("rebalance", *rebalance);
        }
        Coordinator::Classic(Classic::MemberRemoved { group, member, why }) => {
            v.text("group", &group.0);
            v.member("member", &member.0);
            v.word("why", removal_name(*why));
        }
        Coordinator::Classic(Classic::MemberReplaced {
            group,
            instance,
            old,
            new,
            session,
            rebalance,
        }) => {
            v.text("group", &group.0);
            v.text("instance", instance);
            v.member("old", &old.0);
            v.member("new", &new.0);
            v.duration("session", *session);
            v.duration("rebalance", *rebalance);
        }
        Coordinator::Classic(Classic::ReplacementUndone { group, instance, old, new }) => {
            v.text("group", &group.0);
            v.text("instance", instance);
            v.member("new", &new.0);
            v.member("old", &old.0);
        }
        Coordinator::GroupLoaded(group) => loaded(group, v),
        Coordinator::GroupRemoved { group, why } => {
            v.text("group", &group.0);
            v.text("why", why.name());
        }
        Coordinator::OffsetRemoved { group, partition, why } => {
            v.text("group", &group.0);
            v.partition("partition", &partition.topic.0, partition.partition);
            v.text("why", why.name());
        }
        Coordinator::Classic(Classic::GenerationBegan {
            group,
            generation,
            protocol,
            leader,
            members,
            took,
        }) => {
            v.text("group", &group.0);
            v.int("generation", i64::from(generation.0));
            optional_text(v, "protocol", protocol.as_ref());
            optional_member(v, "leader", leader.as_ref());
            v.open("members", members.len());
            for member in members {
                v.item();
                v.member("", &member.0);
            }
            v.close();
            v.duration("took", *took);
        }
        Coordinator::Classic(Classic::TimerFired { group, timer, member }) => {
            v.text("group", &group.0);
            v.word("timer", timer_name(*timer));
            optional_member(v, "member", member.as_ref());
        }
    }
}

fn loaded<V: Visitor>(group: &LoadedGroup, v: &mut V) {
    let LoadedGroup { metadata, state, offsets } = group;
    v.text("group", &metadata.group.0);
    v.word("state", state.name());
    v.int("generation", i64::from(metadata.generation.0));
    optional_text(v, "type", metadata.protocol_type.as_ref());
    optional_text(v, "protocol", metadata.protocol.as_ref());
    optional_member(v, "leader", metadata.leader.as_ref());
    v.time("since", metadata.state_since);
    v.open("members", metadata.members.len());
    for member in &metadata.members {
        v.item();
        v.member("member", &member.id.0);
        optional_text(v, "instance", member.instance_id.as_ref());
        v.text("client", &member.client_id);
        v.text("host", &member.client_host);
        v.duration("session", member.session_timeout);
        v.duration("rebalance", member.rebalance_timeout);
        subscription(v, "metadata", &member.subscription, metadata.protocol_type.as_ref());
        assignment(v, "assignment", &member.assignment, metadata.protocol_type.as_ref());
    }
    v.close();
    self::offsets(v, offsets);
}

fn offsets<V: Visitor>(v: &mut V, offsets: &[(TopicPartition, i64)]) {
    v.open("offsets", offsets.len());
    for (partition, offset) in offsets {
        v.item();
        v.partition("partition", &partition.topic.0, partition.partition);
        v.int("offset", *offset);
    }
    v.close();
}

pub(in crate::trace) const fn removal_name(why: Removal) -> &'static str {
    match why {
        Removal::GroupFull => "group-full",
        Removal::Left => "left",
        Removal::SessionExpired => "session-expired",
        Removal::NotRejoined => "not-rejoined",
        Removal::NotSynced => "not-synced",
    }
}

pub(crate) const fn timer_name(timer: TimerKind) -> &'static str {
    match timer {
        TimerKind::Session => "session",
        TimerKind::PendingJoin => "pending-join",
        TimerKind::Join => "join",
        TimerKind::Sync => "sync",
    }
}

fn optional_member<V: Visitor>(v: &mut V, key: &'static str, member: Option<&MemberId>) {
    match member {
        Some(member) => v.member(key, &member.0),
        None => v.none(key),
    }
}

pub(super) fn consumer<V: Visitor>(seen: &Consumer, v: &mut V) {
    match seen {
        Consumer::State { from, to, why } => {
            v.word("from", from.name());
            v.word("to", to.name());
            v.text("why", why.name());
        }
        Consumer::CoordinatorLost { why } => v.text("why", why.name()),
        Consumer::Assigned { member, generation, partitions: owned, added } => {
            partitions(v, "partitions", owned);
            if !V::BRIEF || added != owned {
                partitions(v, "added", added);
            }
            v.int("generation", i64::from(generation.0));
            v.member("member", &member.0);
        }
        Consumer::Revoked { partitions: owned } | Consumer::Lost { partitions: owned } => {
            partitions(v, "partitions", owned);
        }
        Consumer::Positioned { partition, offset, committed } => {
            v.partition("partition", &partition.topic.0, partition.partition);
            v.int("offset", *offset);
            v.flag("committed", *committed);
        }
        Consumer::Polled { partition, first, values } => {
            v.partition("partition", &partition.topic.0, partition.partition);
            v.int("first", *first);
            v.open("values", values.len());
            for value in values {
                v.item();
                v.value("", value);
            }
            v.close();
        }
        Consumer::Processed { partition, first, next } => {
            v.partition("partition", &partition.topic.0, partition.partition);
            v.int("first", *first);
            v.int("next", *next);
        }
        Consumer::CommitFailed { offsets: failed, why } => {
            offsets(v, failed);
            v.text("why", why.name());
        }
        Consumer::PollTimeout => {}
        Consumer::Fatal { error } => v.error("error", *error),
    }
}

/// The events that are neither messages nor observations.
pub(super) fn world<V: Visitor>(kind: &EventKind, v: &mut V) {
    match kind {
        EventKind::TopicCreated { topic, partitions }
        | EventKind::TopicGrown { topic, partitions } => {
            v.text("topic", &topic.0);
            v.int("partitions", i64::from(*partitions));
        }
        EventKind::CoordinatorStarted { config, offsets_partitions } => {
            coordinator_config(config, v);
            if !V::BRIEF || *offsets_partitions != 50 {
                v.int("offsets_partitions", i64::from(*offsets_partitions));
            }
        }
        EventKind::TopicDeleted { topic } => v.text("topic", &topic.0),
        EventKind::LeaderElected { term, leader, lost } => elected(*term, *leader, *lost, v),
        EventKind::TermChanged { term, state } => {
            visit_term(*term, v);
            v.word("state", term_state_name(*state));
        }
        EventKind::Uncommitted { term, records } => {
            visit_term(*term, v);
            v.int("records", *records as i64);
        }
        EventKind::ConsumerStarted { name, config } => consumer_config(name, config, v),
        EventKind::Script { line, text } => {
            v.script_line(*line);
            v.text("text", text);
        }
        EventKind::FaultBegan { fault, peer, direction } => {
            visit_fault(*fault, *peer, v);
            if let Some(direction) = direction {
                v.word("direction", direction.name());
            }
        }
        EventKind::FaultEnded { fault, peer } => visit_fault(*fault, *peer, v),
        EventKind::Appended { partition, first, next } => {
            v.partition("partition", &partition.topic.0, partition.partition);
            v.int("first", *first);
            v.int("next", *next);
        }
        EventKind::Quiesced { core } => quiesced(core, v),
        EventKind::Settled { took } | EventKind::Drained { took } => v.duration("took", *took),
        EventKind::NotSettled { within, waiting_for }
        | EventKind::NotDrained { within, waiting_for } => {
            v.duration("within", *within);
            texts(v, "waiting_for", waiting_for.iter().map(|one| one.what.as_str()));
        }
        EventKind::Expected { line, expected, found } => {
            v.script_line(*line);
            v.text("expected", expected);
            match found {
                Some(found) => v.text("found", found),
                None => v.none("found"),
            }
        }
        EventKind::ConsumerClosed | EventKind::Finished => {}
        EventKind::Sent { .. }
        | EventKind::Received { .. }
        | EventKind::Lost { .. }
        | EventKind::Coordinator(_)
        | EventKind::Consumer(_) => unreachable!("{} is visited elsewhere", kind.name()),
    }
}

fn elected<V: Visitor>(term: Term, leader: Option<BrokerId>, lost: u64, v: &mut V) {
    visit_term(term, v);
    match leader {
        Some(leader) => v.place("leader", Place::Broker(leader)),
        None => v.none("leader"),
    }
    v.int("lost", lost as i64);
}

fn visit_term<V: Visitor>(term: Term, v: &mut V) {
    v.partition("partition", "__consumer_offsets", term.partition);
    v.int("epoch", i64::from(term.epoch));
}

pub(in crate::trace) const fn term_state_name(state: TermState) -> &'static str {
    match state {
        TermState::Loading => "loading",
        TermState::Active => "active",
        TermState::Unloaded => "unloaded",
    }
}

fn visit_fault<V: Visitor>(fault: FaultKind, peer: Option<Place>, v: &mut V) {
    v.word("fault", fault.name());
    match peer {
        Some(peer) => v.place("peer", peer),
        None => v.none("peer"),
    }
}

fn quiesced<V: Visitor>(core: &[ConsumerRef], v: &mut V) {
    v.open("core", core.len());
    for &consumer in core {
        v.item();
        v.place("", Place::Consumer(consumer));
    }
    v.close();
}

fn texts<'a, V: Visitor>(
    v: &mut V,
    key: &'static str,
    texts: impl ExactSizeIterator<Item = &'a str>,
) {
    v.open(key, texts.len());
    for text in texts {
        v.item();
        v.text("", text);
    }
    v.close();
}

/// Uses the keys of the sim language.
fn coordinator_config<V: Visitor>(config: &CoordinatorConfig, v: &mut V) {
    let CoordinatorConfig {
        initial_rebalance_delay,
        min_session_timeout,
        max_session_timeout,
        max_size,
        offset_metadata_max,
        offsets_retention,
        offsets_retention_check,
    } = config;
    let usual = CoordinatorConfig::default();
    v.duration("initial_delay", *initial_rebalance_delay);
    v.duration("min_session", *min_session_timeout);
    v.duration("max_session", *max_session_timeout);
    if !V::BRIEF || *max_size != usual.max_size {
        v.int("max_size", *max_size as i64);
    }
    if !V::BRIEF || *offset_metadata_max != usual.offset_metadata_max {
        v.int("metadata_max", *offset_metadata_max as i64);
    }
    if !V::BRIEF || *offsets_retention != usual.offsets_retention {
        v.duration("retention", *offsets_retention);
    }
    if !V::BRIEF || *offsets_retention_check != usual.offsets_retention_check {
        v.duration("retention_check", *offsets_retention_check);
    }
}

/// Uses the keys of the sim language, where it has one.
fn consumer_config<V: Visitor>(name: &Arc<str>, config: &ConsumerConfig, v: &mut V) {
    v.text("name", name);
    v.text("client", &config.client_id);
    v.text("group", &config.group.0);
    optional_text(v, "instance", config.instance_id.as_ref());
    optional_text(v, "rack", config.rack.as_ref());
    v.open("topics", config.topics.len());
    for topic in &config.topics {
        v.item();
        v.text("", &topic.0);
    }
    v.close();
    v.open("assignor", config.assignors.len());
    for assignor in &config.assignors {
        v.item();
        v.word("", assignor.name());
    }
    v.close();
    v.duration("session", config.session_timeout);
    v.duration("heartbeat", config.heartbeat_interval);
    v.duration("rebalance", config.max_poll_interval);
    v.duration("process", config.processing_time);
    v.int("records", config.max_poll_records as i64);
    v.duration("autocommit", config.auto_commit_interval);
    v.duration("request", config.request_timeout);
    v.duration("backoff", config.retry_backoff);
    v.duration("backoff_max", config.retry_backoff_max);
    v.duration("reconnect_backoff", config.reconnect_backoff);
    v.duration("reconnect_backoff_max", config.reconnect_backoff_max);
    v.duration("fetch", config.fetch_max_wait);
    v.duration("metadata_age", config.metadata_max_age);
    v.int("version", i64::from(config.join_version));
    v.open("bootstrap", config.bootstrap.len());
    for &broker in &config.bootstrap {
        v.item();
        v.place("", Place::Broker(broker));
    }
    v.close();
}
