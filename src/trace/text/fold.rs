//! Lines that repeat themselves, folded: the first is written, the others are counted.
//!
//! A consumer that reads a busy topic is handed records ten times a second, and a member of a group that
//! waits for others is refused every three seconds. The first such line says all there is to say, and
//! what happens to the group would drown in the others. They are counted until something else happens to the
//! consumer, and then told in one line:
//!
//! ```text
//!   6.047452  c1.1     polled orders-0@0 orders/1,orders/2
//!  26.007113  c1.1     polled orders-0@2..99 ×61 until 25.974455
//! ```
//!
//! Only what follows without a gap is folded: a poll that reads again, or leaves something out, has its own
//! line, and so has the first poll after a `produce` line of the script. A connection that is lost some time
//! after the last one is another story ([`RETRIED`]).

use std::collections::BTreeMap;

use std::time::Duration;

use super::shorten;
use crate::protocol::{Api, TopicPartition};
use crate::time::Time;
use crate::trace::event::{Event, Kind, Message, Place};
use crate::{consumer, coordinator};

/// Within which time clients try again: `retry.backoff.max.ms` is a second, and the rest is the network's.
const RETRIED: Duration = Duration::from_secs(2);

/// Within which time a heartbeat or a commit comes again.
const PERIODIC: Duration = Duration::from_secs(60);

/// What is being counted.
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

/// What was polled of one partition.
#[derive(Clone, Copy, Debug)]
struct Read {
    /// The first offset that has not been told.
    from: i64,
    next: i64,
}

/// What lines must have in common to be compared: where they happened, and what they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    place: Place,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Response(Place, Api),
    Lost(Place, Api),
    CoordinatorLost,
    CommitFailed,
}

impl What {
    /// Within which time it comes again as long as nothing has changed.
    fn comes_again_in(&self) -> Duration {
        match self {
            What::Response(..) | What::CommitFailed => PERIODIC,
            What::Lost(..) | What::CoordinatorLost => RETRIED,
        }
    }
}

/// A line that has been written, and how often it has come again since.
#[derive(Clone, Debug)]
struct Repeat {
    line: String,
    times: u64,
    until: Time,
}

/// A line that stands for many.
pub(super) struct Folded {
    pub(super) place: Place,
    /// What stands behind the place.
    pub(super) text: String,
}

impl Folds {
    /// What the event ends, to be written before it.
    pub(super) fn end(&mut self, event: &Event) -> Vec<Folded> {
        let mut ended = self.end_overdue(event.at);
        ended.extend(self.end_because_of(event));
        ended
    }

    fn end_because_of(&mut self, event: &Event) -> Vec<Folded> {
        let place = event.place;
        match &event.kind {
            Kind::Finished => return self.end_all(),
            Kind::Script { text, .. } if text.starts_with("produce") => {
                return self.end_polls(|_| true);
            }
            Kind::Consumer(seen) => match seen {
                consumer::Observation::State { .. } => return self.end_repeats(place),
                consumer::Observation::Polled { .. }
                | consumer::Observation::CoordinatorLost { .. }
                | consumer::Observation::CommitFailed { .. }
                | consumer::Observation::Positioned { .. }
                | consumer::Observation::Processed { .. } => return Vec::new(),
                _ => {}
            },
            Kind::Coordinator(coordinator::Observation::State { .. })
            | Kind::ConsumerStarted { .. }
            | Kind::ConsumerClosed
            | Kind::FaultBegan { .. }
            | Kind::FaultEnded { .. } => {}
            _ => return Vec::new(),
        }
        let mut ended = self.end_polls(|other| other == place);
        ended.extend(self.end_repeats(place));
        ended
    }

    /// Lines that have not come again for too long.
    fn end_overdue(&mut self, now: Time) -> Vec<Folded> {
        let overdue = |key: &Key, repeat: &Repeat| repeat.until + key.what.comes_again_in() < now;
        let ended = self.repeats.extract_if(.., |key, repeat| overdue(key, repeat));
        ended.filter_map(|(key, repeat)| repeat.told(key.place)).collect()
    }

    /// Everything that is being counted.
    pub(super) fn end_all(&mut self) -> Vec<Folded> {
        let mut ended = self.end_polls(|_| true);
        let repeats = std::mem::take(&mut self.repeats);
        ended.extend(repeats.into_iter().filter_map(|(key, repeat)| repeat.told(key.place)));
        ended
    }

    /// Whether the event only repeats what has been told. `line` is what its line says behind the place.
    pub(super) fn take(&mut self, event: &Event, line: &str) -> Taken {
        if let Kind::Consumer(consumer::Observation::Polled { partition, first, values }) =
            &event.kind
        {
            return self.poll(event, partition, *first, *first + values.len() as i64);
        }
        let Some(what) = what(&event.kind) else { return Taken::Show(None) };
        let key = Key { place: event.place, what };
        let new = Repeat { line: line.to_owned(), times: 0, until: event.at };
        match self.repeats.get_mut(&key) {
            Some(repeat) if repeat.line == line => {
                (repeat.times, repeat.until) = (repeat.times + 1, event.at);
                Taken::Count
            }
            _ => {
                let old = self.repeats.insert(key, new);
                Taken::Show(old.and_then(|old| old.told(event.place)))
            }
        }
    }

    fn poll(&mut self, event: &Event, partition: &TopicPartition, first: i64, next: i64) -> Taken {
        let polls = self.polls.entry(event.place).or_default();
        match polls.partitions.get_mut(partition) {
            Some(read) if read.next == first => {
                read.next = next;
                (polls.times, polls.until) = (polls.times + 1, event.at);
                Taken::Count
            }
            other => {
                let gap = other.is_some();
                let ended = if gap { std::mem::take(polls).told(event.place) } else { None };
                polls.partitions.insert(partition.clone(), Read { from: next, next });
                Taken::Show(ended)
            }
        }
    }

    fn end_polls(&mut self, of: impl Fn(Place) -> bool) -> Vec<Folded> {
        let ended = self.polls.extract_if(.., |place, _| of(*place));
        ended.filter_map(|(place, polls)| polls.told(place)).collect()
    }

    /// Those that happen at the place, and those that are addressed to it.
    fn end_repeats(&mut self, at: Place) -> Vec<Folded> {
        let concerns = |key: &Key| match key.what {
            What::Response(to, _) | What::Lost(to, _) => key.place == at || to == at,
            What::CoordinatorLost | What::CommitFailed => key.place == at,
        };
        let ended = self.repeats.extract_if(.., |key, _| concerns(key));
        ended.filter_map(|(key, repeat)| repeat.told(key.place)).collect()
    }
}

/// What becomes of a line.
pub(super) enum Taken {
    /// It is written, behind the one that it ends.
    Show(Option<Folded>),
    /// It is counted.
    Count,
}

/// What repeats itself: refusals, messages that are lost, coordinators that are, and commits that fail.
fn what(kind: &Kind) -> Option<What> {
    match kind {
        // What the administrator is told, scenarios rest on.
        Kind::Sent { to: Place::Admin, .. } => None,
        Kind::Sent { to, message: Message::Response { response, .. }, .. } => {
            Some(What::Response(*to, response.body.api()))
        }
        Kind::Lost { to, message, .. } => Some(What::Lost(*to, message.api())),
        Kind::Consumer(consumer::Observation::CoordinatorLost { .. }) => {
            Some(What::CoordinatorLost)
        }
        Kind::Consumer(consumer::Observation::CommitFailed { .. }) => Some(What::CommitFailed),
        _ => None,
    }
}

impl Polls {
    fn told(self, place: Place) -> Option<Folded> {
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
    fn told(self, place: Place) -> Option<Folded> {
        let Repeat { mut line, times: more, until } = self;
        line.push_str(&times(more, until));
        (more > 0).then_some(Folded { place, text: line })
    }
}

/// How often a line has come again, or when: its own time is that of what ended it.
fn times(times: u64, until: Time) -> String {
    match times {
        1 => format!(" again at {until}"),
        times => format!(" ×{times} until {until}"),
    }
}
