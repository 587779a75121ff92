//! How the parts of a schedule are written: the sim language, one line each.
//!
//! Canonical: what the parser would fill in by itself is left out, so that two equal parts are the same
//! text. This file only writes. [`crate::script`] reads, and finds the words of the language's own small
//! lists (states, sides, purposes) in the same functions that print them.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::consumer::MemberState;
use crate::coordinator::GroupState;
use crate::time::{Pretty, Time};

use super::{
    Action, BrokerSpec, Direction, Expectation, GroupSpec, NetworkSpec, NodeName, Settings, Side,
    Step, TopicSpec,
};

/// How an `expect` line writes the state of a group.
pub const fn group_state_word(state: GroupState) -> &'static str {
    match state {
        GroupState::Empty => "empty",
        GroupState::PreparingRebalance => "preparing-rebalance",
        GroupState::CompletingRebalance => "completing-rebalance",
        GroupState::Stable => "stable",
        GroupState::Dead => "dead",
    }
}

/// How an `expect` line writes the state of a member.
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

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeName::Broker(id) => id.fmt(f),
            NodeName::Consumer(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for NetworkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = NetworkSpec::default();
        let mut line = Line::new("network");
        line.option("latency", changed(&self.latency, &default.latency).map(range));
        line.option("aim", changed(&self.aim, &default.aim));
        line.write(f)
    }
}

impl fmt::Display for BrokerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = BrokerSpec::default();
        let delay = changed(&self.initial_delay, &default.initial_delay);
        let mut line = Line::new("broker");
        line.option("initial-delay", delay.copied().map(Pretty));
        line.option("commit", changed(&self.commit, &default.commit).map(range));
        line.write(f)
    }
}

impl fmt::Display for TopicSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line::new("topic").word(&self.name);
        line.option("partitions", Some(self.partitions));
        line.option("rate", changed(&self.rate, &0).map(rate));
        line.write(f)
    }
}

impl fmt::Display for GroupSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line::new("group").word(&self.name).settings(&self.settings).write(f)
    }
}

/// The options alone, with a space between them: what follows the name on a `group` or `join` line.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line::default().settings(self).write(f)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "at {} ", Pretty(at.since(Time::ZERO)))?;
        }
        self.action.fmt(f)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Join { consumer, group, settings } => {
                let mut line = Line::new("join").word(consumer);
                line.option("group", group.as_ref());
                line.settings(settings).write(f)
            }
            Action::Leave(consumer) => write!(f, "leave {consumer}"),
            Action::Crash(consumer) => write!(f, "crash {consumer}"),
            Action::Restart(consumer) => write!(f, "restart {consumer}"),
            Action::Pause(node) => write!(f, "pause {node}"),
            Action::Resume(node) => write!(f, "resume {node}"),
            Action::Partition(a, b, Direction::Both) => write!(f, "partition {a} {b}"),
            Action::Partition(a, b, Direction::Forward) => write!(f, "partition {a} -> {b}"),
            Action::Heal(a, b) => write!(f, "heal {a} {b}"),
            Action::Clog(a, b, by) => write!(f, "clog {a} {b} by={}", Pretty(*by)),
            Action::Unclog(a, b) => write!(f, "unclog {a} {b}"),
            Action::Reset(consumer, None) => write!(f, "reset {consumer}"),
            Action::Reset(consumer, Some(purpose)) => write!(f, "reset {consumer} {purpose}"),
            Action::Drop { consumer, api, side, nth, count } => {
                let mut line = Line::new("drop").word(consumer).word(api).word(side);
                line.option("nth", changed(nth, &1));
                line.option("count", changed(count, &1));
                line.write(f)
            }
            Action::Skew(node, ppm) => write!(f, "skew {node} ppm={ppm}"),
            Action::Slow(consumer, process) => {
                write!(f, "slow {consumer} process={}", Pretty(*process))
            }
            Action::Produce { topic, partition, count } => {
                let mut line = Line::new("produce").word(topic);
                line.option("partition", *partition);
                line.option("count", changed(count, &1));
                line.write(f)
            }
            Action::Advance(by) => write!(f, "advance {}", Pretty(*by)),
            Action::Settle(within) => bounded("settle", *within).write(f),
            Action::Drain(within) => bounded("drain", *within).write(f),
            Action::Calm(None) => f.write_str("calm"),
            Action::Calm(Some(core)) => write!(f, "calm {}", core.join(" ")),
            Action::Expect(expectation) => expectation.fmt(f),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line::new("expect");
        match self {
            Expectation::Group { group, state, generation, members } => {
                line = line.word(group_state_word(*state));
                line.option("generation", *generation);
                line.option("members", *members);
                line.option("group", group.as_ref());
            }
            Expectation::Consumer { consumer, state, owns, generation } => {
                line = line.word(consumer);
                if let Some(state) = state {
                    line = line.word(member_state_word(*state));
                }
                line.option("owns", owns.as_ref().map(|owns| owned(owns)));
                line.option("generation", *generation);
            }
            Expectation::Committed { group, partition, offset } => {
                line = line.word("committed").word(format_args!("{partition}={offset}"));
                line.option("group", group.as_ref());
            }
            Expectation::Processed { partition, next } => {
                line = line.word("processed").word(format_args!("{partition}={next}"));
            }
        }
        line.write(f)
    }
}

/// The words of one line, on their way to a formatter.
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
        self.option("fetch", settings.fetch.map(Pretty));
        self.option("version", settings.version);
        self
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

fn bounded(verb: &str, within: Option<Duration>) -> Line {
    let mut line = Line::new(verb);
    line.option("within", within.map(Pretty));
    line
}

fn changed<'a, T: PartialEq>(value: &'a T, default: &T) -> Option<&'a T> {
    (value != default).then_some(value)
}

fn range(range: &RangeInclusive<Duration>) -> String {
    match (range.start(), range.end()) {
        (start, end) if start == end => Pretty(*start).to_string(),
        (start, end) => format!("{}..{}", Pretty(*start), Pretty(*end)),
    }
}

fn rate(per_minute: &u32) -> String {
    match per_minute {
        rate if rate % 60 == 0 => format!("{}/s", rate / 60),
        rate => format!("{rate}/m"),
    }
}

fn owned(partitions: &[impl fmt::Display]) -> String {
    match partitions {
        [] => "none".to_owned(),
        some => commas(some),
    }
}

fn commas(items: &[impl fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
