//! Which events of a run have to do with a finding: those of the groups and the members that its message names.

use std::collections::{BTreeMap, BTreeSet};

use crate::coordinator::Observation;
use crate::sim::schedule::{Action, Schedule};
use crate::trace::{ConsumerRef, Event, Kind, Names, Place};

/// What a finding is about.
pub(super) struct Focus {
    /// Every consumer of the schedule, and whether it is one of those.
    consumers: BTreeMap<String, bool>,
    /// Every group of the schedule, and whether it is one of those.
    groups: BTreeMap<String, bool>,
}

impl Focus {
    /// On what `message` names of the schedule: members as the trace prints them (`c1#1`, `c1.1`), and
    /// groups behind the word `group`. A group stands for its members if none of them is named, a member for
    /// its group; if neither is named, the finding may be about any.
    pub(super) fn new(message: &str, schedule: &Schedule) -> Focus {
        let words: Vec<&str> = words(message).collect();
        let called: BTreeSet<&str> = words.iter().map(|word| client(word)).collect();
        let first = schedule.groups.first().map(|group| group.name.as_str()).unwrap_or_default();
        // Of each consumer its groups, and whether it is called by its name or as an instance.
        let mut joined: BTreeMap<&str, (BTreeSet<&str>, bool)> = BTreeMap::new();
        for step in &schedule.steps {
            let Action::Join { consumer, group, settings } = &step.action else { continue };
            let (groups, named) = joined.entry(consumer).or_default();
            groups.insert(group.as_deref().unwrap_or(first));
            let instance = settings.instance.as_deref();
            *named |= [Some(consumer.as_str()), instance]
                .into_iter()
                .flatten()
                .any(|name| called.contains(name));
        }
        let behind_group = words.windows(2).filter(|pair| pair[0] == "group").map(|pair| pair[1]);
        let mut groups: BTreeSet<&str> = behind_group.collect();
        groups.retain(|name| schedule.groups.iter().any(|group| group.name == *name));
        let member_is_named = joined.values().any(|(_, named)| *named);
        if groups.is_empty() {
            let of_members = joined.values().filter(|(_, named)| *named || !member_is_named);
            groups = of_members.flat_map(|(groups, _)| groups.iter().copied()).collect();
        }
        let in_focus = |(of, named): &(BTreeSet<&str>, bool)| match member_is_named {
            true => *named,
            false => !of.is_disjoint(&groups),
        };
        Focus {
            consumers: joined.iter().map(|(name, of)| ((*name).to_owned(), in_focus(of))).collect(),
            groups: schedule
                .groups
                .iter()
                .map(|group| (group.name.clone(), groups.contains(group.name.as_str())))
                .collect(),
        }
    }

    /// What it leaves in sight: `group g and c2`; nothing when that is everything.
    pub(super) fn told(&self) -> String {
        let groups = in_sight(&self.groups).map(|names| format!("group {names}"));
        let consumers = in_sight(&self.consumers);
        let told: Vec<String> = groups.into_iter().chain(consumers).collect();
        told.join(" and ")
    }

    /// Whether the event has to do with it.
    pub(super) fn concerns(&self, event: &Event, names: &Names) -> bool {
        match (&event.kind, event.place) {
            (_, Place::Producer) => false,
            (_, Place::Consumer(consumer)) => self.has(consumer, names),
            (Kind::Script { text, .. }, _) => self.speaks_of(text),
            (Kind::Sent { to: Place::Consumer(consumer), .. }, _)
            | (Kind::Lost { to: Place::Consumer(consumer), .. }, _)
            | (Kind::Received { from: Place::Consumer(consumer), .. }, _)
            | (Kind::FaultBegan { peer: Some(Place::Consumer(consumer)), .. }, _)
            | (Kind::FaultEnded { peer: Some(Place::Consumer(consumer)), .. }, _) => {
                self.has(*consumer, names)
            }
            (
                Kind::Sent { to: Place::Producer, .. } | Kind::Lost { to: Place::Producer, .. },
                _,
            ) => false,
            (Kind::Coordinator(seen), _) => self.has_group(seen),
            _ => true,
        }
    }

    fn has(&self, consumer: ConsumerRef, names: &Names) -> bool {
        self.consumers.get(&names.consumer(consumer)).copied().unwrap_or(true)
    }

    fn has_group(&self, seen: &Observation) -> bool {
        self.groups.get(seen.group().0.as_str()).copied().unwrap_or(true)
    }

    /// A line of the script concerns those it names, or everybody.
    fn speaks_of(&self, text: &str) -> bool {
        let known =
            |word: &str| self.consumers.get(word).or_else(|| self.groups.get(word)).copied();
        let named: Vec<bool> = words(text).filter_map(known).collect();
        named.is_empty() || named.contains(&true)
    }
}

/// The names that are in sight; nothing when all are.
fn in_sight(of: &BTreeMap<String, bool>) -> Option<String> {
    const MOST: usize = 4;
    let names: Vec<&str> =
        of.iter().filter(|(_, seen)| **seen).map(|(name, _)| name.as_str()).collect();
    match names.len() {
        all if all == of.len() => None,
        few if few <= MOST => Some(names.join(", ")),
        many => Some(format!("{} and {} more", names[..MOST].join(", "), many - MOST)),
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '#' | '.'));
    text.split(ends).map(|word| word.trim_end_matches('.')).filter(|word| !word.is_empty())
}

/// `c1` of `c1#2` and of `c1.2`; a word that is neither is its own.
fn client(word: &str) -> &str {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match word.rsplit_once(['#', '.']) {
        Some((client, rest)) if number(rest) => client,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::schedule::{GroupSpec, Settings, Step};

    fn schedule() -> Schedule {
        let group = |name: &str| GroupSpec { name: name.to_owned(), settings: Settings::default() };
        let join = |name: &str, group: &str, instance: Option<&str>| {
            let instance = instance.map(str::to_owned);
            let settings = Box::new(Settings { instance, ..Settings::default() });
            let (consumer, group) = (name.to_owned(), Some(group.to_owned()));
            Step { line: 0, at: None, action: Action::Join { consumer, group, settings } }
        };
        Schedule {
            groups: vec![group("g"), group("h")],
            steps: vec![
                join("c1", "g", None),
                join("c2", "g", None),
                join("c3", "h", Some("i3")),
                join("c4", "h", None),
            ],
            ..Schedule::default()
        }
    }

    fn told(message: &str) -> String {
        Focus::new(message, &schedule()).told()
    }

    #[test]
    fn it_is_on_what_the_message_names() {
        assert_eq!(told("group g: c2#1 expired at 10.2"), "group g and c2");
        assert_eq!(told("group h: generation 1 began after 1"), "group h and c3, c4");
        assert_eq!(told("i3#2 sent Heartbeat after it had been told."), "group h and c3");
        assert_eq!(told("group g: the JoinGroup that c1.12 sent is unanswered"), "group g and c1");
        assert_eq!(told("group g: given to \"c1#1\" and to c2#1"), "group g and c1, c2");
        assert_eq!(told("index out of bounds"), "");
    }

    #[test]
    fn lines_of_the_script_are_those_of_whom_they_name() {
        let focus = Focus::new("group g: c2#1 expired", &schedule());
        let seen = |text: &str| focus.speaks_of(text);
        assert!(seen("pause c2") && seen("settle") && seen("crash b0") && seen("move g to=b1"));
        assert!(!seen("pause c1") && !seen("join c4 group=h") && !seen("stall h"));
        assert!(seen("partition c2 b0"));
    }
}
