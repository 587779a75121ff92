//! The timers of a coordinator, by purpose (rules R5).
//!
//! A heartbeat moves its member's deadline a little later, thousands of times for each time the
//! timer really fires. So moving a deadline later only updates a map; the queue keeps the old
//! entry, which is queued again at the new deadline when it comes up.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use crate::coordinator::classic::expiry::ClassicTimer;
use crate::protocol::IndexMap;
use crate::time::Time;

/// The purpose of a timer. There is one timer per key: arming it again moves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TimerKey {
    /// A timer of a classic group or of one of its members.
    Classic(ClassicTimer),
    /// The next check for expired offsets (R10).
    Retention,
}

/// All timers of a coordinator.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    armed: IndexMap<TimerKey, Armed>,
    queue: BinaryHeap<Queued>,
    armed_so_far: u64,
}

/// The order in which timers fire: by deadline, then in the order of arming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    deadline: Time,
    order: u64,
}

#[derive(Debug)]
struct Armed {
    place: Place,
    /// The place of its one live queue entry; never after `place`.
    queued: Place,
}

#[derive(Debug)]
struct Queued {
    place: Place,
    key: TimerKey,
}

impl Timers {
    /// Arms a timer, or moves it if it is armed.
    pub(crate) fn arm(&mut self, key: TimerKey, deadline: Time) {
        let place = Place { deadline, order: self.armed_so_far };
        self.armed_so_far += 1;
        match self.armed.get_mut(&key) {
            Some(armed) if armed.queued <= place => armed.place = place,
            Some(armed) => {
                *armed = Armed { place, queued: place };
                self.enqueue(Queued { place, key });
            }
            None => {
                self.armed.insert(key.clone(), Armed { place, queued: place });
                self.enqueue(Queued { place, key });
            }
        }
    }

    /// Disarms a timer, if it is armed.
    pub(crate) fn cancel(&mut self, key: &TimerKey) {
        self.armed.swap_remove(key);
    }

    /// Disarms every timer.
    pub(super) fn cancel_all(&mut self) {
        self.armed.clear();
        self.queue.clear();
    }

    /// Disarms and returns the timer with the earliest deadline, if that is not after `now`.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<TimerKey> {
        while let Some(mut first) = self.queue.peek_mut() {
            if first.place.deadline > now {
                return None;
            }
            match self.armed.get_mut(&first.key) {
                // Its one live entry is another one.
                Some(armed) if armed.queued != first.place => drop(PeekMut::pop(first)),
                Some(armed) if armed.place == first.place => {
                    let key = PeekMut::pop(first).key;
                    let fired = self.armed.swap_remove(&key);
                    assert!(fired.is_some_and(|fired| fired.place.deadline <= now), "{key:?}");
                    return Some(key);
                }
                Some(armed) => {
                    assert!(armed.place > first.place, "{:?} was moved, but not later", first.key);
                    armed.queued = armed.place;
                    first.place = armed.place;
                }
                None => drop(PeekMut::pop(first)),
            }
        }
        None
    }

    /// When [`Self::pop_due`] may next return a timer; early if that timer was moved or disarmed.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.queue.peek().map(|first| first.place.deadline)
    }

    /// The deadline of a timer, if it is armed.
    pub(crate) fn deadline(&self, key: &TimerKey) -> Option<Time> {
        self.armed.get(key).map(|armed| armed.place.deadline)
    }

    /// Every armed deadline, exactly, in no particular order.
    pub(crate) fn deadlines(&self) -> impl Iterator<Item = Time> {
        self.armed.values().map(|armed| armed.place.deadline)
    }

    fn enqueue(&mut self, entry: Queued) {
        // Entries of disarmed timers stay until their time comes. Purging them once they are most
        // of the queue keeps it as small as the map, at a constant cost per arming.
        if self.queue.len() > 2 * self.armed.len() + 64 {
            let armed = &self.armed;
            self.queue
                .retain(|entry| armed.get(&entry.key).is_some_and(|a| a.queued == entry.place));
        }
        self.queue.push(entry);
    }
}

/// The queue pops its greatest entry first, so the earliest place is the greatest.
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> Ordering {
        other.place.cmp(&self.place)
    }
}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Queued {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{GroupId, str_bytes};
    use crate::rng::Rng;
    use std::collections::BTreeMap;

    fn key(number: u64) -> TimerKey {
        ClassicTimer::Join { group: GroupId(str_bytes(&number.to_string())) }.into()
    }

    fn at(micros: u64) -> Time {
        Time::from_micros(micros)
    }

    #[test]
    fn the_earliest_fires_first_and_ties_fire_in_the_order_of_arming() {
        let mut timers = Timers::default();
        timers.arm(key(1), at(5));
        timers.arm(key(2), at(5));
        timers.arm(key(3), at(4));
        timers.arm(key(1), at(5));
        assert_eq!(timers.pop_due(at(3)), None);
        let fired: Vec<_> = std::iter::from_fn(|| timers.pop_due(at(5))).collect();
        assert_eq!(fired, [key(3), key(2), key(1)]);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn a_disarmed_timer_does_not_fire_and_can_be_armed_again() {
        let mut timers = Timers::default();
        timers.arm(key(1), at(5));
        timers.cancel(&key(1));
        timers.arm(key(1), at(9));
        assert_eq!(timers.pop_due(at(8)), None);
        assert_eq!(timers.deadline(&key(1)), Some(at(9)));
        assert_eq!(timers.pop_due(at(9)), Some(key(1)));
    }

    /// Compares with a simple model: a map from key to place, searched for its minimum.
    #[test]
    fn any_sequence_fires_as_a_sorted_list_would() {
        let mut rng = Rng::stream(1, "timers");
        let (mut timers, mut model) = (Timers::default(), BTreeMap::<u64, (u64, u64)>::new());
        let mut now = 0;
        for order in 0..20_000 {
            let n = rng.below(20);
            match rng.below(4) {
                0 => {
                    timers.cancel(&key(n));
                    model.remove(&n);
                }
                1 => {
                    now += rng.below(20);
                    while let Some((&n, _)) =
                        model.iter().filter(|(_, at)| at.0 <= now).min_by_key(|(_, at)| **at)
                    {
                        assert_eq!(timers.pop_due(at(now)), Some(key(n)));
                        model.remove(&n);
                    }
                    assert_eq!(timers.pop_due(at(now)), None);
                }
                _ => {
                    let deadline = now + rng.below(60);
                    timers.arm(key(n), at(deadline));
                    model.insert(n, (deadline, order));
                }
            }
            let mut exact: Vec<Time> = timers.deadlines().collect();
            exact.sort();
            let mut expected: Vec<Time> = model.values().map(|&(t, _)| at(t)).collect();
            expected.sort();
            assert_eq!(exact, expected);
            assert!(timers.next_deadline() <= exact.first().copied() || exact.is_empty());
            assert!(timers.queue.len() <= 2 * 20 + 66, "the queue keeps too much");
        }
    }
}
