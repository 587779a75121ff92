//! Prints the steps.

use std::fmt;
use std::time::Duration;

use super::super::{Action, Direction, RefusedWith, Step, Tail};
use super::{Line, changed};
use crate::time::{Pretty, Time};

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
            Action::Crash(node, tail) => {
                let mut line = Line::new("crash").word(node);
                line.option("tail", changed(tail, &Tail::default()));
                line.write(f)
            }
            Action::Restart(node) => write!(f, "restart {node}"),
            Action::Move { group, to, unaware, tail } => {
                let mut line = Line::new("move").maybe(group.as_ref());
                line.option("to", *to);
                line.option("unaware", changed(unaware, &Duration::ZERO).copied().map(Pretty));
                line.option("tail", changed(tail, &Tail::default()));
                line.write(f)
            }
            Action::Stall(group) => Line::new("stall").maybe(group.as_ref()).write(f),
            Action::Unstall(group) => Line::new("unstall").maybe(group.as_ref()).write(f),
            Action::Refuse(group, error) => {
                let mut line = Line::new("refuse").maybe(group.as_ref());
                line.option("error", changed(error, &RefusedWith::NotEnoughReplicas));
                line.write(f)
            }
            Action::Accept(group) => Line::new("accept").maybe(group.as_ref()).write(f),
            Action::Compact(group) => Line::new("compact").maybe(group.as_ref()).write(f),
            Action::Grow { topic, partitions } => write!(f, "grow {topic} partitions={partitions}"),
            Action::DeleteTopic(topic) => write!(f, "delete-topic {topic}"),
            Action::Admin(request) => request.fmt(f),
            Action::Pause(node) => write!(f, "pause {node}"),
            Action::Resume(node) => write!(f, "resume {node}"),
            Action::Partition(a, b, Direction::Both) => write!(f, "partition {a} {b}"),
            Action::Partition(a, b, Direction::Forward) => write!(f, "partition {a} -> {b}"),
            Action::Isolate(node) => write!(f, "isolate {node}"),
            Action::Reconnect(node) => write!(f, "reconnect {node}"),
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
            Action::Quiesce(None) => f.write_str("quiesce"),
            Action::Quiesce(Some(core)) => write!(f, "quiesce {}", core.join(" ")),
            Action::Expect(expectation) => expectation.fmt(f),
        }
    }
}

fn bounded(verb: &str, within: Option<Duration>) -> Line {
    let mut line = Line::new(verb);
    line.option("within", within.map(Pretty));
    line
}
