//! Selects the events of a run that are relevant to a finding: those of the groups and members that
//! its message names.

use std::collections::{BTreeMap, BTreeSet};

use crate::coordinator::Observation;
use crate::sim::schedule::{Action, Schedule};
use crate::trace::{ConsumerRef, Event, EventKind, Names, Place};

/// The consumers and groups that a finding is about.
pub(super) struct Focus {
    /// By consumer of the schedule: whether it is in focus.
    consumers: BTreeMap<String, bool>,
    /// By group of the schedule: whether it is in focus.
    groups: BTreeMap<String, bool>,
}

impl Focus {
    /// The focus on what `message` names: members as the trace prints them (`c1#1`, `c1.1`), and
    /// groups after the word `group`. If it names groups only, their members are in focus; if it
    /// names members only, their groups are. If it names neither, everything is in focus.
    pub(super) fn new(message: &str, schedule: &Schedule) -> Focus {
        let words: Vec<&str> = words(message).collect();
        let clients: BTreeSet<&str> = words.iter().map(|word| client(word)).collect();
        let first = schedule.groups.first().map(|group| group.name.as_str()).unwrap_or_default();
        // By consumer: its groups, and whether the message has its name or its instance id.
        let mut joined: BTreeMap<&str, (BTreeSet<&str>, bool)> = BTreeMap::new();
        for step in &schedule.steps {
            let Action::Join { consumer, group, settings } = &step.action else { continue };
            let (groups, named) = joined.entry(consumer).or_default();
            groups.insert(group.as_deref().unwrap_or(first));
            let instance = settings.instance.as_deref();
            *named |= [Some(consumer.as_str()), instance]
                .into_iter()
                .flatten()
                .any(|name| clients.contains(name));
        }
        let after_group = words.windows(2).filter(|pair| pair[0] == "group").map(|pair| pair[1]);
        let mut groups: BTreeSet<&str> = after_group.collect();
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

    /// The names in focus, such as `group g and c2`; empty if everything is in focus.
    pub(super) fn rendered(&self) -> String {
        let groups = in_focus(&self.groups).map(|names| format!("group {names}"));
        let consumers = in_focus(&self.consumers);
        let parts: Vec<String> = groups.into_iter().chain(consumers).collect();
        parts.join(" and ")
    }

    /// Whether the event is in focus.
    pub(super) fn concerns(&self, event: &Event, names: &Names) -> bool {
        match (&event.kind, event.place) {
            (_, Place::Producer) => false,
            (_, Place::Consumer(consumer)) => self.has(consumer, names),
            (EventKind::Script { text, .. }, _) => self.concerns_step(text),
            (EventKind::Sent { to: Place::Consumer(consumer), .. }, _)
            | (EventKind::Lost { to: Place::Consumer(consumer), .. }, _)
            | (EventKind::Received { from: Place::Consumer(consumer), .. }, _)
            | (EventKind::FaultBegan { peer: Some(Place::Consumer(consumer)), .. }, _)
            | (EventKind::FaultEnded { peer: Some(Place::Consumer(consumer)), .. }, _) => {
                self.has(*consumer, names)
            }
            (
                EventKind::Sent { to: Place::Producer, .. }
                | EventKind::Lost { to: Place::Producer, .. },
                _,
            ) => false,
            (EventKind::Coordinator(seen), _) => self.has_group(seen),
            _ => true,
        }
    }

    fn has(&self, consumer: ConsumerRef, names: &Names) -> bool {
        self.consumers.get(&names.consumer(consumer)).copied().unwrap_or(true)
    }

    fn has_group(&self, seen: &Observation) -> bool {
        self.groups.get(seen.group().0.as_str()).copied().unwrap_or(true)
    }

    /// A step is in focus if it names something in focus, or nothing at all.
    fn concerns_step(&self, text: &str) -> bool {
        let known =
            |word: &str| self.consumers.get(word).or_else(|| self.groups.get(word)).copied();
        let named: Vec<bool> = words(text).filter_map(known).collect();
        named.is_empty() || named.contains(&true)
    }
}

/// The names in focus; `None` if all are.
fn in_focus(of: &BTreeMap<String, bool>) -> Option<String> {
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

/// The client of a member: `c1` for `c1#2` and `c1.2`. Any other word is returned unchanged.
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

    fn rendered(message: &str) -> String {
        Focus::new(message, &schedule()).rendered()
    }

    #[test]
    fn the_focus_is_on_what_the_message_names() {
        assert_eq!(rendered("group g: c2#1 expired at 10.2"), "group g and c2");
        assert_eq!(rendered("group h: generation 1 began after 1"), "group h and c3, c4");
        assert_eq!(rendered("i3#2 sent Heartbeat after it was fenced."), "group h and c3");
        assert_eq!(
            rendered("group g: the JoinGroup that c1.12 sent is unanswered"),
            "group g and c1"
        );
        assert_eq!(rendered("group g: given to \"c1#1\" and to c2#1"), "group g and c1, c2");
        assert_eq!(rendered("index out of bounds"), "");
    }

    #[test]
    fn steps_are_in_focus_if_what_they_name_is() {
        let focus = Focus::new("group g: c2#1 expired", &schedule());
        let seen = |text: &str| focus.concerns_step(text);
        assert!(seen("pause c2") && seen("settle") && seen("crash b0") && seen("move g to=b1"));
        assert!(!seen("pause c1") && !seen("join c4 group=h") && !seen("stall h"));
        assert!(seen("partition c2 b0"));
    }
}
