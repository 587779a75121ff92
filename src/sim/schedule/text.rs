//! Prints the parts of a schedule in the sim language, one line each.
//!
//! The output is canonical: values that the parser fills in are left out, so equal parts print the
//! same text. This file only writes. [`crate::script`] reads, and takes the language's own words
//! (states, sides, purposes) from the functions that print them.

mod actions;
mod admin;
mod expect;
mod settings;

use crate::client::MemberState;
use crate::coordinator::GroupState;
use crate::time::Pretty;
use std::fmt;

use super::{NodeName, RefusedWith, Settings, Side, Tail};

/// The state of a group, as an `expect` line spells it.
pub const fn group_state_word(state: GroupState) -> &'static str {
    match state {
        GroupState::Empty => "empty",
        GroupState::PreparingRebalance => "preparing-rebalance",
        GroupState::CompletingRebalance => "completing-rebalance",
        GroupState::Stable => "stable",
        GroupState::Dead => "dead",
    }
}

/// The state of a member, as an `expect` line spells it.
pub const fn member_state_word(state: MemberState) -> &'static str {
    match state {
        MemberState::Unjoined => "unjoined",
        MemberState::PreparingRebalance => "preparing-rebalance",
        MemberState::CompletingRebalance => "completing-rebalance",
        MemberState::Stable => "stable",
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Request => "request",
            Side::Response => "response",
        })
    }
}

/// The value of `tail=`. The default is never printed.
impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tail::Random => "random",
            Tail::Lost => "lost",
            Tail::Kept => "kept",
        })
    }
}

/// By its official name.
impl fmt::Display for RefusedWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RefusedWith::NotEnoughReplicas => "NOT_ENOUGH_REPLICAS",
            RefusedWith::KafkaStorageError => "KAFKA_STORAGE_ERROR",
            RefusedWith::MessageTooLarge => "MESSAGE_TOO_LARGE",
            RefusedWith::UnknownTopicOrPartition => "UNKNOWN_TOPIC_OR_PARTITION",
            RefusedWith::NotLeaderOrFollower => "NOT_LEADER_OR_FOLLOWER",
            RefusedWith::RequestTimedOut => "REQUEST_TIMED_OUT",
            RefusedWith::NetworkException => "NETWORK_EXCEPTION",
            RefusedWith::RecordListTooLarge => "RECORD_LIST_TOO_LARGE",
            RefusedWith::InvalidFetchSize => "INVALID_FETCH_SIZE",
            RefusedWith::CorruptMessage => "CORRUPT_MESSAGE",
        })
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeName::Broker(id) => id.fmt(f),
            NodeName::Consumer(name) => f.write_str(name),
        }
    }
}

/// The words of one line, before they are written.
#[derive(Default)]
struct Line(Vec<String>);

impl Line {
    fn new(verb: &str) -> Line {
        Line(vec![verb.to_owned()])
    }

    fn word(mut self, word: impl fmt::Display) -> Line {
        self.0.push(word.to_string());
        self
    }

    fn words(self, words: &[impl fmt::Display]) -> Line {
        words.iter().fold(self, |line, word| line.word(word))
    }

    fn maybe(self, word: Option<impl fmt::Display>) -> Line {
        match word {
            Some(word) => self.word(word),
            None => self,
        }
    }

    fn option(&mut self, name: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.0.push(format!("{name}={value}"));
        }
    }

    fn settings(mut self, settings: &Settings) -> Line {
        self.option("topics", settings.topics.as_ref().map(|topics| topics.join(",")));
        self.option("assignor", settings.assignors.as_ref().map(|names| commas(names)));
        self.option("session", settings.session.map(Pretty));
        self.option("heartbeat", settings.heartbeat.map(Pretty));
        self.option("rebalance", settings.rebalance.map(Pretty));
        self.option("process", settings.process.map(Pretty));
        self.option("records", settings.records);
        self.option("autocommit", settings.autocommit.map(Pretty));
        self.option("request", settings.request.map(Pretty));
        self.option("reconnect-backoff", settings.reconnect_backoff.map(Pretty));
        self.option("reconnect-backoff-max", settings.reconnect_backoff_max.map(Pretty));
        self.option("fetch", settings.fetch.map(Pretty));
        self.option("metadata", settings.metadata.map(Pretty));
        self.option("version", settings.version);
        self.option("instance", settings.instance.as_ref());
        self.option("rack", settings.rack.as_ref());
        self
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

fn changed<'a, T: PartialEq + ?Sized>(value: &'a T, default: &T) -> Option<&'a T> {
    (value != default).then_some(value)
}

fn or_none(items: &[impl fmt::Display]) -> String {
    match items {
        [] => "none".to_owned(),
        some => commas(some),
    }
}

fn commas(items: &[impl fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
