//! Folds repeated lines: the first one is written, the others are counted.
//!
//! A consumer that reads a busy topic receives records ten times a second, and a member that waits
//! for others in a rebalance is refused every three seconds. The first such line carries all the
//! information, and the others would hide what happens to the group. They are counted until
//! something else happens to the consumer, and then summarized in one line:
//!
//! ```text
//!   6.047452  c1.1     polled orders-0@0 orders/1,orders/2
//!  26.007113  c1.1     polled orders-0@2..99 ×61 until 25.974455
//! ```
//!
//! Polls are folded only if there is no gap between them: a poll that reads again or skips records
//! has its own line, and so does the first poll after a `produce` line of the script. If a
//! connection is lost long after the last loss, it has its own line, too ([`RETRIED`]).

use std::collections::BTreeMap;

use std::time::Duration;

use super::shorten;
use crate::protocol::{Api, TopicPartition};
use crate::time::Time;
use crate::trace::{Event, EventKind, Message, Place};
use crate::{client, coordinator};

/// The time within which clients retry: `retry.backoff.max.ms` is a second, and the rest is network
/// delay.
const RETRIED: Duration = Duration::from_secs(2);

/// The time within which a heartbeat or a commit is repeated.
const PERIODIC: Duration = Duration::from_secs(60);

/// The lines that are being counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Folds {
    polls: BTreeMap<Place, Polls>,
    repeats: BTreeMap<Key, Repeat>,
}

/// The polls of one consumer.
#[derive(Clone, Debug, Default)]
struct Polls {
    partitions: BTreeMap<TopicPartition, Read>,
    times: u64,
    until: Time,
}

/// The records polled from one partition.
#[derive(Clone, Copy, Debug)]
struct Read {
    /// The first offset that has not been shown.
    from: i64,
    next: i64,
}

/// The key under which lines are compared: the place and the kind of line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    place: Place,
    kind: Repeatable,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Repeatable {
    Response(Place, Api),
    Lost(Place, Api),
    CoordinatorLost,
    CommitFailed,
}

impl Repeatable {
    /// The time within which such a line is repeated if nothing has changed.
    fn repeat_interval(&self) -> Duration {
        match self {
            Repeatable::Response(..) | Repeatable::CommitFailed => PERIODIC,
            Repeatable::Lost(..) | Repeatable::CoordinatorLost => RETRIED,
        }
    }
}

/// A line that was written, and how often it has been repeated since.
#[derive(Clone, Debug)]
struct Repeat {
    line: String,
    times: u64,
    until: Time,
}

/// A line that stands for many.
pub(super) struct Folded {
    pub(super) place: Place,
    /// The text after the place.
    pub(super) text: String,
}

impl Folds {
    /// The folded lines that the event ends; they are written before it.
    pub(super) fn end(&mut self, event: &Event) -> Vec<Folded> {
        let mut ended = self.end_overdue(event.at);
        ended.extend(self.end_because_of(event));
        ended
    }

    fn end_because_of(&mut self, event: &Event) -> Vec<Folded> {
        let place = event.place;
        match &event.kind {
            EventKind::Finished => return self.end_all(),
            EventKind::Script { text, .. } if text.starts_with("produce") => {
                return self.end_polls(|_| true);
            }
            EventKind::Consumer(seen) => match seen {
                client::ClientObservation::State { .. } => return self.end_repeats(place),
                client::ClientObservation::Polled { .. }
                | client::ClientObservation::CoordinatorLost { .. }
                | client::ClientObservation::CommitFailed { .. }
                | client::ClientObservation::Positioned { .. }
                | client::ClientObservation::Processed { .. } => return Vec::new(),
                _ => {}
            },
            EventKind::Coordinator(coordinator::Observation::Classic(
                coordinator::ClassicObservation::State { .. },
            ))
            | EventKind::ConsumerStarted { .. }
            | EventKind::ConsumerClosed
            | EventKind::FaultBegan { .. }
            | EventKind::FaultEnded { .. } => {}
            _ => return Vec::new(),
        }
        let mut ended = self.end_polls(|other| other == place);
        ended.extend(self.end_repeats(place));
        ended
    }

    /// Ends the lines that have not been repeated for too long.
    fn end_overdue(&mut self, now: Time) -> Vec<Folded> {
        let overdue = |key: &Key, repeat: &Repeat| repeat.until + key.kind.repeat_interval() < now;
        let ended = self.repeats.extract_if(.., |key, repeat| overdue(key, repeat));
        ended.filter_map(|(key, repeat)| repeat.rendered(key.place)).collect()
    }

    /// Ends everything that is being counted.
    pub(super) fn end_all(&mut self) -> Vec<Folded> {
        let mut ended = self.end_polls(|_| true);
        let repeats = std::mem::take(&mut self.repeats);
        ended.extend(repeats.into_iter().filter_map(|(key, repeat)| repeat.rendered(key.place)));
        ended
    }

    /// Decides whether the event only repeats an earlier line. `line` is the text of its line after
    /// the place.
    pub(super) fn take(&mut self, event: &Event, line: &str) -> FoldAction {
        if let EventKind::Consumer(client::ClientObservation::Polled { partition, first, values }) =
            &event.kind
        {
            return self.poll(event, partition, *first, *first + values.len() as i64);
        }
        let Some(kind) = repeatable(&event.kind) else { return FoldAction::Show(None) };
        let key = Key { place: event.place, kind };
        let new = Repeat { line: line.to_owned(), times: 0, until: event.at };
        match self.repeats.get_mut(&key) {
            Some(repeat) if repeat.line == line => {
                (repeat.times, repeat.until) = (repeat.times + 1, event.at);
                FoldAction::Count
            }
            _ => {
                let old = self.repeats.insert(key, new);
                FoldAction::Show(old.and_then(|old| old.rendered(event.place)))
            }
        }
    }

    fn poll(
        &mut self,
        event: &Event,
        partition: &TopicPartition,
        first: i64,
        next: i64,
    ) -> FoldAction {
        let polls = self.polls.entry(event.place).or_default();
        match polls.partitions.get_mut(partition) {
            Some(read) if read.next == first => {
                read.next = next;
                (polls.times, polls.until) = (polls.times + 1, event.at);
                FoldAction::Count
            }
            other => {
                let gap = other.is_some();
                let ended = if gap { std::mem::take(polls).rendered(event.place) } else { None };
                polls.partitions.insert(partition.clone(), Read { from: next, next });
                FoldAction::Show(ended)
            }
        }
    }

    fn end_polls(&mut self, of: impl Fn(Place) -> bool) -> Vec<Folded> {
        let ended = self.polls.extract_if(.., |place, _| of(*place));
        ended.filter_map(|(place, polls)| polls.rendered(place)).collect()
    }

    /// Ends the lines that happened at the place or were addressed to it.
    fn end_repeats(&mut self, at: Place) -> Vec<Folded> {
        let concerns = |key: &Key| match key.kind {
            Repeatable::Response(to, _) | Repeatable::Lost(to, _) => key.place == at || to == at,
            Repeatable::CoordinatorLost | Repeatable::CommitFailed => key.place == at,
        };
        let ended = self.repeats.extract_if(.., |key, _| concerns(key));
        ended.filter_map(|(key, repeat)| repeat.rendered(key.place)).collect()
    }
}

/// What to do with a line.
pub(super) enum FoldAction {
    /// Write it, after the folded line that it ends.
    Show(Option<Folded>),
    /// Count it.
    Count,
}

/// The kind of a repeatable line: refusals, lost messages, lost coordinators, and failed commits.
fn repeatable(kind: &EventKind) -> Option<Repeatable> {
    match kind {
        // Responses to the administrator are never folded, because scenarios rely on them.
        EventKind::Sent { to: Place::Admin, .. } => None,
        EventKind::Sent { to, message: Message::Response { response, .. }, .. } => {
            Some(Repeatable::Response(*to, response.body.api()))
        }
        EventKind::Lost { to, message, .. } => Some(Repeatable::Lost(*to, message.api())),
        EventKind::Consumer(client::ClientObservation::CoordinatorLost { .. }) => {
            Some(Repeatable::CoordinatorLost)
        }
        EventKind::Consumer(client::ClientObservation::CommitFailed { .. }) => {
            Some(Repeatable::CommitFailed)
        }
        _ => None,
    }
}

impl Polls {
    fn rendered(self, place: Place) -> Option<Folded> {
        let read = self.partitions.iter().filter(|(_, read)| read.from < read.next);
        let read: Vec<String> = read
            .map(|(partition, read)| format!("{partition}@{}..{}", read.from, read.next))
            .collect();
        let read = shorten(&read, ",");
        let text = format!("polled {read}{}", times(self.times, self.until));
        (self.times > 0).then_some(Folded { place, text })
    }
}

impl Repeat {
    fn rendered(self, place: Place) -> Option<Folded> {
        let Repeat { mut line, times: more, until } = self;
        line.push_str(&times(more, until));
        (more > 0).then_some(Folded { place, text: line })
    }
}

/// How often a line has been repeated and until when, or when it was repeated once: the time of the
/// folded line itself is that of the event that ended it.
fn times(times: u64, until: Time) -> String {
    match times {
        1 => format!(" again at {until}"),
        times => format!(" ×{times} until {until}"),
    }
}
