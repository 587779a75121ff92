//! Marks beside the code that they prove to be run.
//!
//! An invariant says what must always hold; a mark says what must *sometimes* happen: a corner of a state machine that
//! was written for a rare sequence of events, and that no seed may ever come to. Each stands where that corner is.
//! A run collects them, a swarm adds them up, and the default swarm must reach every one.
//!
//! They are write-only: nothing in a run depends on them. That is why they need not be arguments; a run is
//! carried out on one thread, which keeps them.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

/// Something that happens sometimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// A join phase goes on because nobody has rejoined who could lead.
    NobodyCouldLead,
    /// The initial delay is extended because somebody joined in it.
    DelayExtended,
    /// Members that did not rejoin are put out when the join phase closes.
    UnjoinedPutOut,
    /// The leader's assignment could not be stored.
    AssignmentNotStored,
    /// A replacement of a static member could not be stored, and is taken back.
    ReplacementUndone,
    /// A rebalance began while a replacement was being stored.
    ReplacementOvertaken,
    /// A static member was replaced while its JoinGroup or SyncGroup was parked.
    ParkedIsFenced,
    /// The record that was to found a group is refused.
    FoundingRefused,
    /// A member is turned away, or loses its place, because the group is full.
    TurnedAway,
    /// A member asks for an answer to a JoinGroup that it has had once.
    JoinRepeated,
    /// A member asks for an assignment that is known.
    SyncRepeated,
    /// A second SyncGroup of a member takes the place of the one that is parked.
    SyncReplaced,
    /// A group with members is loaded from the log.
    LoadedWithMembers,
    /// An Empty group goes with the last of its offsets.
    GroupExpired,
    /// An offset of a group with members expires.
    OffsetExpired,
    /// A transaction ends whose offset a later commit has overtaken.
    TransactionOvertaken,
    /// A client is told the end of a membership that it no longer has.
    OldAnswerIgnored,
    /// A client learns between the answer and its use that its generation is over.
    AssignmentUndone,
    /// A cooperative member gives something up and joins again.
    JoinsAgainToGiveUp,
    /// A leader joins again because topics have changed.
    TopicsChanged,
    /// A join was answered after the client had left.
    JoinedTooLate,
    /// A client turns to another broker for records.
    FollowedLeader,
    /// A client is named a coordinator that it has lost a moment ago, and may not connect to yet.
    CoordinatorUnavailable,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Mark; 23] = [
        Mark::NobodyCouldLead,
        Mark::DelayExtended,
        Mark::UnjoinedPutOut,
        Mark::AssignmentNotStored,
        Mark::ReplacementUndone,
        Mark::ReplacementOvertaken,
        Mark::ParkedIsFenced,
        Mark::FoundingRefused,
        Mark::TurnedAway,
        Mark::JoinRepeated,
        Mark::SyncRepeated,
        Mark::SyncReplaced,
        Mark::LoadedWithMembers,
        Mark::GroupExpired,
        Mark::OffsetExpired,
        Mark::TransactionOvertaken,
        Mark::OldAnswerIgnored,
        Mark::AssignmentUndone,
        Mark::JoinsAgainToGiveUp,
        Mark::TopicsChanged,
        Mark::JoinedTooLate,
        Mark::FollowedLeader,
        Mark::CoordinatorUnavailable,
    ];
}

/// Its name in lower-case words: `nobody-could-lead`.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_words(&format!("{self:?}")))
    }
}

/// `NobodyCouldLead` as `nobody-could-lead`.
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

/// A set of things that are numbered from 0 to 63 at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set<T> {
    bits: u64,
    of: PhantomData<T>,
}

/// A set of marks.
pub type Marks = Set<Mark>;

impl<T> Set<T> {
    /// Nothing.
    pub const EMPTY: Set<T> = Set { bits: 0, of: PhantomData };

    /// Adds everything in another set.
    pub fn union(&mut self, other: Set<T>) {
        self.bits |= other.bits;
    }

    /// How much there is.
    pub const fn len(&self) -> usize {
        self.bits.count_ones() as usize
    }

    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        self.bits == 0
    }
}

impl<T: Into<u32>> Set<T> {
    /// Adds one.
    pub fn add(&mut self, one: T) {
        self.bits |= 1 << one.into();
    }

    /// Whether one is in the set.
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

/// This happens sometimes.
#[inline]
pub fn sometimes(mark: Mark) {
    let mut reached = REACHED.get();
    reached.add(mark);
    REACHED.set(reached);
}

/// What has happened on this thread since this was last called.
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
        assert_eq!(Mark::NobodyCouldLead.to_string(), "nobody-could-lead");
    }
}
