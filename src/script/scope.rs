//! The state of a script at a line: declared names, running consumers, elapsed time.
//!
//! The rules are those of [`legal`], for the state that the steps so far lead to. Here a breach
//! gets its place in the script and a hint. Only those that are certain before a run are reported.
//! Whether a consumer has closed after `leave`, or was ended by a fatal error, is left to the run.

mod cluster;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::protocol::TopicPartition;
use crate::sim::schedule::legal::{self, ClusterState, Facts};
use crate::sim::schedule::{Action, BrokerSpec, GroupSpec, NodeName, Settings};
use crate::time::{Pretty, Time};

use super::error::{ScriptError, quoted};
use super::lexer::Piece;
use super::suggest;
use super::values::{MOST_CONSUMERS, Parsed};
use cluster::Sessions;

/// The state of a script at a line.
pub(super) struct Scope {
    /// Whether external clients are served: consumers and groups need not be declared.
    pub(super) external_clients: bool,
    /// What the settings have declared and the steps have done.
    cluster: ClusterState,
    /// The topics that `group` lines name, with their byte offsets. They may be declared later.
    awaited: Vec<(String, usize)>,
    /// The session timeouts that the brokers accept.
    accepted: Sessions,
    /// The session timeouts of `group` lines, with their byte offsets. A later `broker` line can
    /// still set the limits for them.
    sessions: Vec<(String, usize, Duration)>,
    /// The least time that has passed.
    earliest: Time,
    /// The line of the first step.
    first_step: Option<u32>,
    /// The verbs so far that are allowed only once.
    settings: BTreeSet<String>,
    /// Whether the missing group has been reported.
    reported_no_group: bool,
    /// Whether the missing topic has been reported.
    reported_no_topic: bool,
}

impl Default for Scope {
    fn default() -> Self {
        let mut cluster = ClusterState::default();
        cluster.set_brokers(Some(BrokerSpec::default().count));
        Scope {
            external_clients: false,
            cluster,
            awaited: Vec::new(),
            accepted: Sessions::default(),
            sessions: Vec::new(),
            earliest: Time::ZERO,
            first_step: None,
            settings: BTreeSet::new(),
            reported_no_group: false,
            reported_no_topic: false,
        }
    }
}

/// Topics and groups.
impl Scope {
    /// Declares the topic of a `topic` line.
    pub(super) fn declare_topic(&mut self, name: Piece<'_>, partitions: Option<i32>) -> Parsed<()> {
        match self.cluster.declare_topic(name.text, partitions) {
            true => Ok(()),
            false => Err(twice("topic", name)),
        }
    }

    /// Declares the group of a `group` line.
    pub(super) fn declare_group(&mut self, name: Piece<'_>, settings: Settings) -> Parsed<()> {
        match self.cluster.declare_group(GroupSpec { name: name.text.to_owned(), settings }) {
            true => Ok(()),
            false => Err(twice("group", name)),
        }
    }

    /// Checks that the topic is declared. It may have been deleted since.
    pub(super) fn topic(&self, name: Piece<'_>) -> Parsed<()> {
        match self.cluster.topic(name.text) {
            Some(_) => Ok(()),
            None => Err(unknown("topic", name, self.cluster.topics())),
        }
    }

    /// Requires these topics to be declared before the first step.
    pub(super) fn topics_later(&mut self, names: Piece<'_>) {
        self.awaited.extend(names.items().map(|name| (name.text.to_owned(), name.start)));
    }

    /// Checks the awaited topics and the sessions after the last setting.
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

    /// Checks that the topic is declared and has the partition, which is named at `place`.
    pub(super) fn partition(&self, place: Piece<'_>, partition: &TopicPartition) -> Parsed<()> {
        let topic = partition.topic.0.as_str();
        let name = place.part(0, topic.len());
        assert_eq!(name.text, topic, "a partition is named by its topic first");
        self.topic(name)?;
        self.number(topic, place.part(topic.len() + 1, place.text.len()), partition.partition)
    }

    /// Checks that the topic has a partition of the number that is written at `place`.
    pub(super) fn number(&self, topic: &str, place: Piece<'_>, number: i32) -> Parsed<()> {
        match self.cluster.topic(topic).and_then(|topic| topic.partitions) {
            Some(count) if number >= count => {
                let message = format!("`{topic}` has no partition {number}");
                Err(ScriptError::new(place, message).label(match count {
                    1 => "its only partition is 0".to_owned(),
                    count => format!("its partitions are 0 to {}", count - 1),
                }))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that the named group is declared, or without a name that any group is; if none is,
    /// the error is at `head`.
    pub(super) fn group(&mut self, name: Option<Piece<'_>>, head: Piece<'_>) -> Parsed<()> {
        match name {
            Some(_) if self.external_clients => Ok(()),
            Some(name) if legal::group_exists(&self.cluster, Some(name.text)).is_err() => {
                let groups = self.cluster.groups().iter();
                Err(unknown("group", name, groups.map(|group| group.name.as_str())))
            }
            None if !self.cluster.has_group(None) && !self.reported_no_group => {
                self.reported_no_group = true;
                Err(ScriptError::new(head, "there is no group")
                    .label("needs a group")
                    .help("add a line `group g` above the first step"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that there is a topic to read.
    pub(super) fn any_topic(&mut self, head: Piece<'_>) -> Parsed<()> {
        if self.cluster.topics().next().is_some() || self.reported_no_topic {
            return Ok(());
        }
        self.reported_no_topic = true;
        Err(ScriptError::new(head, "there is no topic")
            .label("needs a topic")
            .help("add a line `topic orders partitions=4` above the first step"))
    }

    /// The settings that a member of the group inherits.
    pub(super) fn settings_of(&self, group: Option<&str>) -> Settings {
        self.cluster.group(group).map(|group| group.settings.clone()).unwrap_or_default()
    }
}

/// Consumers.
impl Scope {
    /// Checks that the consumer may join.
    pub(super) fn may_join(&self, name: Piece<'_>) -> Parsed<()> {
        if legal::may_start(&self.cluster, name.text).is_err() {
            let message = format!("`{}` is already running", name.text);
            return Err(ScriptError::new(name, message)
                .label("has joined, and neither left nor crashed since"));
        }
        let new = self.cluster.process(name.text).is_none();
        match new && self.cluster.consumers().count() == MOST_CONSUMERS {
            false => Ok(()),
            true => Err(ScriptError::new(name, "too many consumers")
                .label(format!("at most {MOST_CONSUMERS}"))),
        }
    }

    /// Checks that the consumer has joined above.
    pub(super) fn consumer(&self, name: Piece<'_>) -> Parsed<()> {
        match legal::has_joined(&self.cluster, name.text) {
            Ok(_) => Ok(()),
            Err(_) if self.external_clients => Ok(()),
            Err(_) => {
                let message = format!("`{}` has not joined", name.text);
                let help = suggest::nearest(name.text, self.consumers()).map_or_else(
                    || "a consumer exists after its `join` line".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                Err(ScriptError::new(name, message).label("unknown consumer").help(help))
            }
        }
    }

    /// The consumers that have joined.
    pub(super) fn consumers(&self) -> impl Iterator<Item = &str> + Clone {
        self.cluster.consumers()
    }

    /// Checks that a node is a broker of the cluster or a consumer that has joined.
    pub(super) fn node(&self, place: Piece<'_>, node: &NodeName) -> Parsed<()> {
        match node {
            NodeName::Broker(broker) => self.broker(place, *broker),
            NodeName::Consumer(_) => self.consumer(place),
        }
    }

    /// Records what a step does.
    pub(super) fn record(&mut self, action: &Action) {
        self.cluster.record(action);
    }
}

/// Time, and the boundary between settings and steps.
impl Scope {
    /// Whether this is the first line of the verb.
    pub(super) fn first_of_its_kind(&mut self, verb: &str) -> bool {
        self.settings.insert(verb.to_owned())
    }

    /// Records a step on this line.
    pub(super) fn step(&mut self, line: u32) {
        self.first_step.get_or_insert(line);
    }

    /// Checks that no step is above a setting.
    pub(super) fn setting(&self, head: Piece<'_>) -> Parsed<()> {
        match self.first_step {
            None => Ok(()),
            Some(line) => {
                let message = format!("`{}` comes too late", head.text);
                Err(ScriptError::new(head, message)
                    .label("a setting after a step")
                    .help(format!("move it above the first step, which is on line {line}")))
            }
        }
    }

    /// `at`: advances the time to `time`, which must not be in the past.
    pub(super) fn reach(&mut self, place: Piece<'_>, time: Time) -> Parsed<()> {
        if time < self.earliest {
            let passed = Pretty(self.earliest.since(Time::ZERO));
            return Err(ScriptError::new(place, "time goes back")
                .label(format!("at least {passed} have passed before this line"))
                .help("each `at` above sets the time, and each `advance` adds to it"));
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
    ScriptError::new(name, format!("{what} `{}` is declared twice", name.text))
        .label("already declared above")
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
