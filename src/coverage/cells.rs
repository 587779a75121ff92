//! Coverage cells and sets of them.

use std::fmt;

use crate::coordinator::{GroupState, TimerKind};
use crate::protocol::Api;
use crate::trace::FaultKind;
use crate::trace::fields::timer_name;

/// Something that happens to a group at its coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellEvent {
    /// The coordinator began to handle a request of a group API.
    Request(Api),
    /// A timer fired.
    Timer(TimerKind),
}

/// The states in which an event can happen to a group; `None` is a group without a state change
/// yet.
type States = &'static [Option<GroupState>];

/// What can happen to a classic group, and when. A group type with other states and events has a
/// table of its own.
const CLASSIC: [(CellEvent, States); 14] = {
    use GroupState::*;
    const ANY: States = &[
        None,
        Some(Empty),
        Some(PreparingRebalance),
        Some(CompletingRebalance),
        Some(Stable),
        Some(Dead),
    ];
    const ALIVE: States =
        &[None, Some(Empty), Some(PreparingRebalance), Some(CompletingRebalance), Some(Stable)];
    const WITH_MEMBERS: States =
        &[Some(PreparingRebalance), Some(CompletingRebalance), Some(Stable)];
    [
        (CellEvent::Request(Api::JoinGroup), ANY),
        (CellEvent::Request(Api::SyncGroup), ANY),
        (CellEvent::Request(Api::Heartbeat), ANY),
        (CellEvent::Request(Api::LeaveGroup), ANY),
        (CellEvent::Request(Api::OffsetCommit), ANY),
        (CellEvent::Request(Api::OffsetFetch), ANY),
        (CellEvent::Request(Api::DescribeGroups), ANY),
        (CellEvent::Request(Api::TxnOffsetCommit), ANY),
        (CellEvent::Request(Api::DeleteGroups), ANY),
        (CellEvent::Request(Api::OffsetDelete), ANY),
        (CellEvent::Timer(TimerKind::Session), WITH_MEMBERS),
        (CellEvent::Timer(TimerKind::PendingJoin), ALIVE),
        (CellEvent::Timer(TimerKind::Join), &[Some(PreparingRebalance)]),
        (CellEvent::Timer(TimerKind::Sync), &[Some(CompletingRebalance), Some(Stable)]),
    ]
};

/// The places of requests and timers in the table. Other requests name no group.
const PLACES: ([Option<u8>; Api::ALL.len()], [Option<u8>; CLASSIC.len()]) = {
    let (mut requests, mut timers) = ([None; Api::ALL.len()], [None; CLASSIC.len()]);
    let mut place = 0;
    while place < CLASSIC.len() {
        match CLASSIC[place].0 {
            CellEvent::Request(api) => requests[api.index()] = Some(place as u8),
            CellEvent::Timer(timer) => timers[timer as usize] = Some(place as u8),
        }
        place += 1;
    }
    (requests, timers)
};

impl CellEvent {
    /// Every event.
    pub const ALL: [CellEvent; CLASSIC.len()] = {
        let mut all = [CLASSIC[0].0; CLASSIC.len()];
        let mut place = 0;
        while place < CLASSIC.len() {
            all[place] = CLASSIC[place].0;
            place += 1;
        }
        all
    };

    /// The place of the event in [`Self::ALL`]; none for a request that names no group.
    pub(super) fn index(self) -> Option<usize> {
        let place = match self {
            CellEvent::Request(api) => PLACES.0[api.index()],
            CellEvent::Timer(timer) => PLACES.1[timer as usize],
        };
        place.map(usize::from)
    }

    /// Whether this event can happen to a group in that state.
    fn can_meet(self, state: Option<GroupState>) -> bool {
        self.index().is_some_and(|place| CLASSIC[place].1.contains(&state))
    }
}

impl fmt::Display for CellEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CellEvent::Request(api) => f.write_str(api.name()),
            CellEvent::Timer(timer) => write!(f, "{}-timer", timer_name(*timer)),
        }
    }
}

/// One cell; printed `Stable × Heartbeat × pause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The group's state before the event; `None` for a group without a state change yet.
    pub state: Option<GroupState>,
    /// The event.
    pub event: CellEvent,
    /// An active fault family; `None` if no fault was active.
    pub fault: Option<FaultKind>,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.map_or("none", GroupState::name);
        let fault = self.fault.map_or("none", FaultKind::name);
        write!(f, "{state} × {} × {fault}", self.event)
    }
}

const STATES: usize = GroupState::ALL.len() + 1;
const EVENTS: usize = CellEvent::ALL.len();
const FAULTS: usize = FaultKind::ALL.len() + 1;
const WORDS: usize = (STATES * EVENTS * FAULTS).div_ceil(64);

/// A set of cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    bits: [u64; WORDS],
}

impl Cells {
    /// Adds every cell of another set.
    pub fn union(&mut self, other: &Cells) {
        self.bits.iter_mut().zip(other.bits).for_each(|(mine, theirs)| *mine |= theirs);
    }

    /// How many cells are in the set.
    pub fn len(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no cell is in the set.
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|&word| word == 0)
    }

    /// Whether a cell is in the set.
    pub fn contains(&self, cell: Cell) -> bool {
        let Some(event) = cell.event.index() else { return false };
        let bit =
            first_bit_of(cell.state, event) + cell.fault.map_or(0, |fault| fault as usize + 1);
        self.bits[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// The cells of the set, ordered by state, event and fault.
    pub fn iter(&self) -> impl Iterator<Item = Cell> + '_ {
        Cells::all().filter(|cell| self.contains(*cell))
    }

    /// How many cells a correct coordinator of the classic protocol can reach at all.
    pub fn possible() -> usize {
        Cells::all().filter(|cell| cell.event.can_meet(cell.state)).count()
    }

    pub(super) fn all() -> impl Iterator<Item = Cell> {
        let states = std::iter::once(None).chain(GroupState::ALL.map(Some));
        states.flat_map(|state| {
            CellEvent::ALL.into_iter().flat_map(move |event| {
                let faults = std::iter::once(None).chain(FaultKind::ALL.map(Some));
                faults.map(move |fault| Cell { state, event, fault })
            })
        })
    }

    /// Adds the cells of one event under every fault of the mask; bit 0 stands for "no fault".
    #[inline]
    pub(super) fn add(&mut self, state: Option<GroupState>, event: usize, mut faults: u16) {
        let first = first_bit_of(state, event);
        while faults != 0 {
            let bit = first + faults.trailing_zeros() as usize;
            self.bits[bit / 64] |= 1 << (bit % 64);
            faults &= faults - 1;
        }
    }
}

#[inline]
fn first_bit_of(state: Option<GroupState>, event: usize) -> usize {
    let state = state.map_or(0, |state| state as usize + 1);
    (state * EVENTS + event) * FAULTS
}
