//! What a script has said so far: which names exist, which consumers run, how much time has passed.
//!
//! Only what is certain before a run is judged: a consumer that `leave` has closed or a fatal error has
//! ended is the run's own business.

mod cluster;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::protocol::{BrokerId, TopicPartition};
use crate::sim::schedule::{GroupSpec, NodeName, Settings};
use crate::time::{Pretty, Time};

use super::error::{ScriptError, quoted};
use super::lexer::Piece;
use super::suggest;
use super::values::{MOST_CONSUMERS, Read};
use cluster::Brokers;

/// What a script has said so far.
#[derive(Default)]
pub(super) struct Scope {
    /// Consumers and groups come from outside, under names that no line announces.
    pub(super) outsiders: bool,
    /// Topics, and how many partitions each has; nothing when its line could not say.
    topics: BTreeMap<String, Option<i32>>,
    /// Topics that a `group` line named before their own line came, and where.
    awaited: Vec<(String, usize)>,
    /// Topics that a step has deleted.
    deleted: BTreeSet<String>,
    brokers: Brokers,
    /// The brokers that have crashed and not been restarted.
    down: BTreeSet<BrokerId>,
    /// Session timeouts that a `group` line set, which the `broker` line may still judge, and where.
    sessions: Vec<(String, usize, Duration)>,
    groups: Vec<GroupSpec>,
    consumers: BTreeMap<String, Life>,
    /// The least time that has passed.
    earliest: Time,
    /// The line of the first step.
    first_step: Option<u32>,
    /// The verbs of settings that may stand only once.
    settings: BTreeSet<String>,
    told_no_group: bool,
    told_no_topic: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Running,
    Closed,
    Crashed,
}

/// Topics and groups.
impl Scope {
    /// A `topic` line has given this name away.
    pub(super) fn declare_topic(&mut self, name: Piece<'_>, partitions: Option<i32>) -> Read<()> {
        match self.topics.insert(name.text.to_owned(), partitions) {
            None => Ok(()),
            Some(_) => Err(twice("topic", name)),
        }
    }

    /// A `group` line has given this name away.
    pub(super) fn declare_group(&mut self, name: Piece<'_>, settings: Settings) -> Read<()> {
        if self.groups.iter().any(|group| group.name == name.text) {
            return Err(twice("group", name));
        }
        self.groups.push(GroupSpec { name: name.text.to_owned(), settings });
        Ok(())
    }

    /// The topic must exist.
    pub(super) fn topic(&self, name: Piece<'_>) -> Read<()> {
        match self.topics.contains_key(name.text) {
            true => Ok(()),
            false => Err(unknown("topic", name, self.topics.keys().map(String::as_str))),
        }
    }

    /// These topics must exist in the end; their lines may still come.
    pub(super) fn topics_later(&mut self, names: Piece<'_>) {
        self.awaited.extend(names.items().map(|name| (name.text.to_owned(), name.start)));
    }

    /// No more settings will come: the topics that were awaited must be there, and the sessions be
    /// accepted.
    pub(super) fn end_of_settings(&mut self) -> Vec<ScriptError> {
        let (topics, sessions) =
            (std::mem::take(&mut self.awaited), std::mem::take(&mut self.sessions));
        let topics = topics
            .iter()
            .filter_map(|(name, start)| self.topic(Piece { text: name, start: *start }).err());
        let sessions = sessions.iter().filter_map(|(text, start, session)| {
            self.session(Piece { text, start: *start }, *session).err()
        });
        topics.chain(sessions).collect()
    }

    /// The topic must exist and have the partition; `place` is where it was named.
    pub(super) fn partition(&self, place: Piece<'_>, partition: &TopicPartition) -> Read<()> {
        let topic = partition.topic.0.as_str();
        let name = place.part(0, topic.len());
        assert_eq!(name.text, topic, "a partition is named by its topic first");
        self.topic(name)?;
        self.number(topic, place.part(topic.len() + 1, place.text.len()), partition.partition)
    }

    /// The topic must have the partition of that number; `place` is where the number was named.
    pub(super) fn number(&self, topic: &str, place: Piece<'_>, number: i32) -> Read<()> {
        match self.topics.get(topic) {
            Some(Some(count)) if number >= *count => {
                let message = format!("`{topic}` has no partition {number}");
                Err(ScriptError::new(place, message).label(match count {
                    1 => "its only partition is 0".to_owned(),
                    count => format!("its partitions are 0 to {}", count - 1),
                }))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The group of that name, or the first one; `head` is to blame when there is none.
    pub(super) fn group(&mut self, name: Option<Piece<'_>>, head: Piece<'_>) -> Read<()> {
        match name {
            Some(_) if self.outsiders => Ok(()),
            Some(name) if self.find_group(Some(name.text)).is_none() => {
                Err(unknown("group", name, self.groups.iter().map(|group| group.name.as_str())))
            }
            None if self.groups.is_empty() && !self.told_no_group => {
                self.told_no_group = true;
                Err(ScriptError::new(head, "there is no group")
                    .label("needs one")
                    .help("a line `group g` above the first step makes one"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// There must be something to read.
    pub(super) fn any_topic(&mut self, head: Piece<'_>) -> Read<()> {
        if !self.topics.is_empty() || self.told_no_topic {
            return Ok(());
        }
        self.told_no_topic = true;
        Err(ScriptError::new(head, "there is no topic")
            .label("needs one")
            .help("a line `topic orders partitions=4` above the first step makes one"))
    }

    /// The settings that a member of the group takes over.
    pub(super) fn settings_of(&self, group: Option<&str>) -> Settings {
        self.find_group(group).map(|group| group.settings.clone()).unwrap_or_default()
    }

    fn find_group(&self, name: Option<&str>) -> Option<&GroupSpec> {
        match name {
            Some(name) => self.groups.iter().find(|group| group.name == name),
            None => self.groups.first(),
        }
    }
}

/// Consumers.
impl Scope {
    /// A `join` line starts this consumer.
    pub(super) fn join(&mut self, name: Piece<'_>) -> Read<()> {
        match self.consumers.insert(name.text.to_owned(), Life::Running) {
            Some(Life::Running) => {
                let message = format!("`{}` is already running", name.text);
                Err(ScriptError::new(name, message)
                    .label("joined before, and neither left nor crashed since"))
            }
            None if self.consumers.len() == MOST_CONSUMERS + 1 => {
                Err(ScriptError::new(name, "too many consumers")
                    .label(format!("at most {MOST_CONSUMERS}")))
            }
            Some(Life::Closed | Life::Crashed) | None => Ok(()),
        }
    }

    /// The consumer must have joined before this line.
    pub(super) fn consumer(&self, name: Piece<'_>) -> Read<()> {
        match self.outsiders || self.consumers.contains_key(name.text) {
            true => Ok(()),
            false => {
                let message = format!("`{}` has not joined", name.text);
                let help = suggest::nearest(name.text, self.consumers()).map_or_else(
                    || "a consumer exists from its `join` line on".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                Err(ScriptError::new(name, message).label("unknown consumer").help(help))
            }
        }
    }

    /// The consumers that have joined.
    pub(super) fn consumers(&self) -> impl Iterator<Item = &str> + Clone {
        self.consumers.keys().map(String::as_str)
    }

    /// A node must be a broker or a consumer that has joined.
    pub(super) fn node(&self, place: Piece<'_>, node: &NodeName) -> Read<()> {
        match node {
            NodeName::Broker(broker) => self.broker(place, *broker),
            NodeName::Consumer(_) => self.consumer(place),
        }
    }

    /// `leave`: the consumer may be joined again.
    pub(super) fn close(&mut self, name: Piece<'_>) {
        self.consumers.insert(name.text.to_owned(), Life::Closed);
    }

    /// `crash`: the consumer may be joined again, or be healed.
    pub(super) fn crash(&mut self, name: Piece<'_>) {
        if self.consumers.get(name.text) == Some(&Life::Running) {
            self.consumers.insert(name.text.to_owned(), Life::Crashed);
        }
    }

    /// `restart`: the consumer runs again.
    pub(super) fn restart(&mut self, name: Piece<'_>) {
        self.consumers.insert(name.text.to_owned(), Life::Running);
    }

    /// `calm`: of the named consumers, or all when none is named, those that crashed run again, and so do
    /// all brokers.
    pub(super) fn calm(&mut self, core: Option<&[String]>) {
        self.down.clear();
        for (name, life) in &mut self.consumers {
            let healed = core.is_none_or(|core| core.contains(name));
            if healed && *life == Life::Crashed {
                *life = Life::Running;
            }
        }
    }
}

/// Time, and the border between settings and steps.
impl Scope {
    /// Whether no line of that verb stands above.
    pub(super) fn first_of_its_kind(&mut self, verb: &str) -> bool {
        self.settings.insert(verb.to_owned())
    }

    /// A step stands on this line.
    pub(super) fn step(&mut self, line: u32) {
        self.first_step.get_or_insert(line);
    }

    /// No step may stand above a setting.
    pub(super) fn setting(&self, head: Piece<'_>) -> Read<()> {
        match self.first_step {
            None => Ok(()),
            Some(line) => {
                let message = format!("`{}` comes too late", head.text);
                Err(ScriptError::new(head, message)
                    .label("a setting below a step")
                    .help(format!("settings stand above the first step, which is on line {line}")))
            }
        }
    }

    /// `at`: the run goes on at `time`, which must not have passed already.
    pub(super) fn reach(&mut self, place: Piece<'_>, time: Time) -> Read<()> {
        if time < self.earliest {
            let passed = Pretty(self.earliest.since(Time::ZERO));
            return Err(ScriptError::new(place, "time goes back")
                .label(format!("at least {passed} have passed before this line"))
                .help(
                    "the lines above add up: each `at` sets the time, each `advance` adds to it",
                ));
        }
        self.earliest = time;
        Ok(())
    }

    /// `advance`: time passes.
    pub(super) fn advance(&mut self, by: Duration) {
        self.earliest += by;
    }
}

fn twice(what: &str, name: Piece<'_>) -> ScriptError {
    ScriptError::new(name, format!("there are two {what}s `{}`", name.text))
        .label("has a line of its own above")
}

fn unknown<'a>(
    what: &str,
    name: Piece<'_>,
    known: impl Iterator<Item = &'a str> + Clone,
) -> ScriptError {
    let error = ScriptError::new(name, format!("there is no {what} {}", quoted(name.text)))
        .label(format!("unknown {what}"));
    match known.clone().next() {
        Some(_) => error.help(suggest::help(name.text, known, &format!("the {what}s are"))),
        None => error.help(format!("there is no `{what}` line above")),
    }
}
