//! Marks: sometimes-assertions next to the code that they prove to run.
//!
//! An invariant states what must always hold; a mark states what must *sometimes* happen. It stands
//! in a branch of a state machine that handles a rare sequence of events and that no seed might
//! ever reach. A run collects the marks it reaches, a swarm adds them up, and the default swarm
//! must reach every one.
//!
//! Marks are write-only: nothing in a run depends on them. So they need not be arguments: a run
//! executes on one thread, and a thread-local keeps them.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

/// A rare event that a swarm must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// A join phase continues because no member has rejoined that could lead.
    NoEligibleLeader,
    /// The initial delay is extended because a member joined during it.
    DelayExtended,
    /// Members that have not rejoined are removed when the join phase closes.
    UnjoinedPutOut,
    /// The leader's assignment could not be stored.
    AssignmentNotStored,
    /// The replacement of a static member could not be stored and is undone.
    ReplacementUndone,
    /// A rebalance began while a replacement was being stored.
    ReplacementOvertaken,
    /// A static member was replaced while its JoinGroup or SyncGroup was parked.
    ParkedIsFenced,
    /// The log refused the record that creates a group.
    CreationRefused,
    /// A member is refused, or loses its place, because the group is full.
    TurnedAway,
    /// A member repeats a JoinGroup to which it has had a response.
    JoinRepeated,
    /// A member requests an assignment that is already stored.
    SyncRepeated,
    /// A second SyncGroup of a member supersedes its parked one.
    SyncReplaced,
    /// A group with members is loaded from the log.
    LoadedWithMembers,
    /// An Empty group is removed with the last of its offsets.
    GroupExpired,
    /// An offset of a group with members expires.
    OffsetExpired,
    /// A transaction commits an offset that a later commit has overtaken.
    TransactionOvertaken,
    /// A client ignores an error about an earlier membership.
    OldResponseIgnored,
    /// A client learns between the response and its use that its generation is over.
    AssignmentUndone,
    /// A cooperative member gives up partitions and joins again.
    JoinsAgainToGiveUp,
    /// A leader joins again because the metadata of its topics has changed.
    TopicsChanged,
    /// A JoinGroup completes after the client has left.
    JoinedTooLate,
    /// A client fetches from another broker after a change of leader.
    FollowedLeader,
    /// FindCoordinator returns a broker to which the client must not reconnect yet.
    CoordinatorUnavailable,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Mark; 23] = [
        Mark::NoEligibleLeader,
        Mark::DelayExtended,
        Mark::UnjoinedPutOut,
        Mark::AssignmentNotStored,
        Mark::ReplacementUndone,
        Mark::ReplacementOvertaken,
        Mark::ParkedIsFenced,
        Mark::CreationRefused,
        Mark::TurnedAway,
        Mark::JoinRepeated,
        Mark::SyncRepeated,
        Mark::SyncReplaced,
        Mark::LoadedWithMembers,
        Mark::GroupExpired,
        Mark::OffsetExpired,
        Mark::TransactionOvertaken,
        Mark::OldResponseIgnored,
        Mark::AssignmentUndone,
        Mark::JoinsAgainToGiveUp,
        Mark::TopicsChanged,
        Mark::JoinedTooLate,
        Mark::FollowedLeader,
        Mark::CoordinatorUnavailable,
    ];
}

/// The name in kebab case, such as `no-eligible-leader`.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_words(&format!("{self:?}")))
    }
}

/// Turns `NoEligibleLeader` into `no-eligible-leader`.
pub fn in_words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('-');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

impl From<Mark> for u32 {
    fn from(mark: Mark) -> u32 {
        mark as u32
    }
}

/// A set of values with numbers from 0 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set<T> {
    bits: u64,
    of: PhantomData<T>,
}

/// A set of marks.
pub type Marks = Set<Mark>;

impl<T> Set<T> {
    /// The empty set.
    pub const EMPTY: Set<T> = Set { bits: 0, of: PhantomData };

    /// Adds all elements of another set.
    pub fn union(&mut self, other: Set<T>) {
        self.bits |= other.bits;
    }

    /// The number of elements.
    pub const fn len(&self) -> usize {
        self.bits.count_ones() as usize
    }

    /// Whether the set is empty.
    pub const fn is_empty(&self) -> bool {
        self.bits == 0
    }
}

impl<T: Into<u32>> Set<T> {
    /// Adds an element.
    pub fn add(&mut self, one: T) {
        self.bits |= 1 << one.into();
    }

    /// Whether the set has the element.
    pub fn contains(&self, one: T) -> bool {
        self.bits >> one.into() & 1 == 1
    }
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Set::EMPTY
    }
}

thread_local! {
    static REACHED: Cell<Marks> = const { Cell::new(Marks::EMPTY) };
}

/// Records that this thread has reached the mark.
#[inline]
pub fn sometimes(mark: Mark) {
    let mut reached = REACHED.get();
    reached.add(mark);
    REACHED.set(reached);
}

/// Returns the marks that this thread has reached since the last call, and clears them.
pub fn take() -> Marks {
    REACHED.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_collected_until_they_are_taken() {
        take();
        sometimes(Mark::TurnedAway);
        sometimes(Mark::FollowedLeader);
        let marks = take();
        assert!(marks.contains(Mark::TurnedAway) && marks.contains(Mark::FollowedLeader));
        assert_eq!((marks.len(), take().is_empty()), (2, true));
    }

    #[test]
    fn every_mark_has_a_bit_and_a_name_of_its_own() {
        for (place, mark) in Mark::ALL.into_iter().enumerate() {
            assert_eq!(mark as usize, place);
        }
        assert_eq!(Mark::NoEligibleLeader.to_string(), "no-eligible-leader");
    }
}
