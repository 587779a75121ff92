//! The fields of everything that is not a message.

use std::sync::Arc;

use super::{Visitor, optional_text, partitions};
use crate::consumer::{ConsumerConfig, Observation as Consumer};
use crate::coordinator::{CoordinatorConfig, Observation as Coordinator, Removal, TimerKind};
use crate::protocol::MemberId;
use crate::trace::event::{ConsumerRef, FaultKind, Kind, Place};

pub(super) const fn coordinator_name(seen: &Coordinator) -> &'static str {
    match seen {
        Coordinator::State { .. } => "group-state",
        Coordinator::MemberAdded { .. } => "member-added",
        Coordinator::MemberRemoved { .. } => "member-removed",
        Coordinator::GenerationBegan { .. } => "generation-began",
        Coordinator::TimerFired { .. } => "timer-fired",
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
        Consumer::PollTimeout => "poll-timeout",
        Consumer::Fatal { .. } => "fatal",
    }
}

pub(super) fn coordinator<V: Visitor>(seen: &Coordinator, v: &mut V) {
    match seen {
        Coordinator::State { group, from, to, why } => {
            v.text("group", &group.0);
            v.word("from", from.name());
            v.word("to", to.name());
            v.text("why", why);
        }
        Coordinator::MemberAdded { group, member, session, rebalance } => {
            v.text("group", &group.0);
            v.member("member", &member.0);
            v.duration("session", *session);
            v.duration("rebalance", *rebalance);
        }
        Coordinator::MemberRemoved { group, member, why } => {
            v.text("group", &group.0);
            v.member("member", &member.0);
            v.word("why", removal(*why));
        }
        Coordinator::GenerationBegan { group, generation, protocol, leader, members, took } => {
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
        Coordinator::TimerFired { group, timer, member } => {
            v.text("group", &group.0);
            v.word("timer", timer_name(*timer));
            optional_member(v, "member", member.as_ref());
        }
    }
}

const fn removal(why: Removal) -> &'static str {
    match why {
        Removal::Left => "left",
        Removal::SessionExpired => "session-expired",
        Removal::NotRejoined => "not-rejoined",
        Removal::NotSynced => "not-synced",
    }
}

pub(in crate::trace) const fn timer_name(timer: TimerKind) -> &'static str {
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
            v.text("why", why);
        }
        Consumer::CoordinatorLost { why } => v.text("why", why),
        Consumer::Assigned { member, generation, partitions: owned } => {
            partitions(v, "partitions", owned);
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
        Consumer::PollTimeout => {}
        Consumer::Fatal { error } => v.error("error", *error),
    }
}

/// The kinds that are neither messages nor observations.
pub(super) fn world<V: Visitor>(kind: &Kind, v: &mut V) {
    match kind {
        Kind::TopicCreated { topic, partitions } => {
            v.text("topic", &topic.0);
            v.int("partitions", i64::from(*partitions));
        }
        Kind::CoordinatorStarted { config } => coordinator_config(config, v),
        Kind::ConsumerStarted { name, config } => consumer_config(name, config, v),
        Kind::Script { line, text } => {
            v.script_line(*line);
            v.text("text", text);
        }
        Kind::FaultBegan { fault, peer } | Kind::FaultEnded { fault, peer } => {
            visit_fault(*fault, *peer, v);
        }
        Kind::Appended { partition, first, next } => {
            v.partition("partition", &partition.topic.0, partition.partition);
            v.int("first", *first);
            v.int("next", *next);
        }
        Kind::Calm { core } => calm(core, v),
        Kind::Settled { took } | Kind::Drained { took } => v.duration("took", *took),
        Kind::NotSettled { within, waiting_for } | Kind::NotDrained { within, waiting_for } => {
            v.duration("within", *within);
            texts(v, "waiting_for", waiting_for);
        }
        Kind::Expected { line, expected, found } => {
            v.script_line(*line);
            v.text("expected", expected);
            match found {
                Some(found) => v.text("found", found),
                None => v.none("found"),
            }
        }
        Kind::ConsumerClosed | Kind::Finished => {}
        Kind::Sent { .. }
        | Kind::Received { .. }
        | Kind::Lost { .. }
        | Kind::Coordinator(_)
        | Kind::Consumer(_) => unreachable!("{} is visited elsewhere", kind.name()),
    }
}

fn visit_fault<V: Visitor>(fault: FaultKind, peer: Option<Place>, v: &mut V) {
    v.word("fault", fault.name());
    match peer {
        Some(peer) => v.place("peer", peer),
        None => v.none("peer"),
    }
}

fn calm<V: Visitor>(core: &[ConsumerRef], v: &mut V) {
    v.open("core", core.len());
    for &consumer in core {
        v.item();
        v.place("", Place::Consumer(consumer));
    }
    v.close();
}

fn texts<V: Visitor>(v: &mut V, key: &'static str, texts: &[String]) {
    v.open(key, texts.len());
    for text in texts {
        v.item();
        v.text("", text);
    }
    v.close();
}

fn coordinator_config<V: Visitor>(config: &CoordinatorConfig, v: &mut V) {
    let CoordinatorConfig {
        initial_rebalance_delay,
        min_session_timeout,
        max_session_timeout,
        offset_metadata_max,
    } = config;
    v.duration("initial_delay", *initial_rebalance_delay);
    v.duration("min_session", *min_session_timeout);
    v.duration("max_session", *max_session_timeout);
    v.int("max_metadata", *offset_metadata_max as i64);
}

/// Under the keys of the sim language, where it has one.
fn consumer_config<V: Visitor>(name: &Arc<str>, config: &ConsumerConfig, v: &mut V) {
    v.text("name", name);
    v.text("client", &config.client_id);
    v.text("group", &config.group.0);
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
    v.duration("fetch", config.fetch_max_wait);
    v.duration("metadata_age", config.metadata_max_age);
    v.int("version", i64::from(config.join_version));
    v.place("bootstrap", Place::Broker(config.bootstrap));
}
