//! Coverage cells and sets of them.

use std::fmt;

use crate::coordinator::{GroupState, TimerKind};
use crate::protocol::Api;
use crate::trace::event::FaultKind;
use crate::trace::fields::timer_name;

/// Something that happens to a group at its coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellEvent {
    /// The coordinator began to handle a request of a group API.
    Request(Api),
    /// A timer fired.
    Timer(TimerKind),
}

impl CellEvent {
    /// Every event.
    pub const ALL: [CellEvent; 14] = [
        CellEvent::Request(Api::JoinGroup),
        CellEvent::Request(Api::SyncGroup),
        CellEvent::Request(Api::Heartbeat),
        CellEvent::Request(Api::LeaveGroup),
        CellEvent::Request(Api::OffsetCommit),
        CellEvent::Request(Api::OffsetFetch),
        CellEvent::Request(Api::DescribeGroups),
        CellEvent::Request(Api::TxnOffsetCommit),
        CellEvent::Request(Api::DeleteGroups),
        CellEvent::Request(Api::OffsetDelete),
        CellEvent::Timer(TimerKind::Session),
        CellEvent::Timer(TimerKind::PendingJoin),
        CellEvent::Timer(TimerKind::Join),
        CellEvent::Timer(TimerKind::Sync),
    ];

    pub(super) const fn index(self) -> Option<usize> {
        Some(match self {
            CellEvent::Request(Api::JoinGroup) => 0,
            CellEvent::Request(Api::SyncGroup) => 1,
            CellEvent::Request(Api::Heartbeat) => 2,
            CellEvent::Request(Api::LeaveGroup) => 3,
            CellEvent::Request(Api::OffsetCommit) => 4,
            CellEvent::Request(Api::OffsetFetch) => 5,
            CellEvent::Request(Api::DescribeGroups) => 6,
            CellEvent::Request(Api::TxnOffsetCommit) => 7,
            CellEvent::Request(Api::DeleteGroups) => 8,
            CellEvent::Request(Api::OffsetDelete) => 9,
            CellEvent::Timer(TimerKind::Session) => 10,
            CellEvent::Timer(TimerKind::PendingJoin) => 11,
            CellEvent::Timer(TimerKind::Join) => 12,
            CellEvent::Timer(TimerKind::Sync) => 13,
            // These requests name no group.
            CellEvent::Request(
                Api::Produce
                | Api::Fetch
                | Api::ListOffsets
                | Api::Metadata
                | Api::FindCoordinator
                | Api::InitProducerId
                | Api::DescribeConfigs
                | Api::ListGroups
                | Api::WriteTxnMarkers,
            ) => return None,
        })
    }

    /// Whether this event can happen to a group in that state, under the classic protocol.
    fn can_meet(self, state: Option<GroupState>) -> bool {
        use GroupState::*;
        match self {
            CellEvent::Request(_) => true,
            CellEvent::Timer(TimerKind::Session) => {
                matches!(state, Some(PreparingRebalance | CompletingRebalance | Stable))
            }
            CellEvent::Timer(TimerKind::PendingJoin) => !matches!(state, Some(Dead)),
            CellEvent::Timer(TimerKind::Join) => matches!(state, Some(PreparingRebalance)),
            CellEvent::Timer(TimerKind::Sync) => {
                matches!(state, Some(CompletingRebalance | Stable))
            }
        }
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
