//! Coverage: which (group state × event × fault) cells a run reached.
//!
//! The event is something at the coordinator: it began to handle a group request, or a timer fired.
//! The state is the group's state just before, as last reported by the same broker (a coordinator
//! reports a timer before its effects); `None` if the broker has no such group. So coverage reads
//! the [`Model`] as it was before the event. The fault is any family that was active anywhere at
//! the time: begun and not ended, or, for faults without a duration, less than five seconds ago.
//!
//! In addition to cells there are [`Race`]s, in which two events coincide, and the
//! [marks](crate::marks) in the code.

mod cells;
mod must_reach;
mod races;
mod reached;

use std::time::Duration;

use crate::coordinator::{ClassicObservation, Observation};
use crate::marks::Marks;
use crate::model::{Group, Model};
use crate::protocol::{GroupId, Request};
use crate::time::Time;
use crate::trace::{Event, EventKind, FaultKind, Loss, Message, Place};
pub use cells::{Cell, CellEvent, Cells};
pub use must_reach::must_reach;
pub use races::{Race, Races};
pub use reached::Reached;

/// How long a fault without a duration counts as active.
const AFTERMATH: Duration = Duration::from_secs(5);

/// Collects the cells of a run from its events.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    cells: Cells,
    detector: races::RaceDetector,
    /// The active faults with a duration, by the process they affect, in any incarnation.
    lasting: Vec<(FaultKind, Place, Option<Place>)>,
    lasting_mask: u16,
    /// Until when each fault family without a duration counts as active.
    aftermath: [Option<Time>; FaultKind::ALL.len()],
    aftermath_ends: Option<Time>,
}

impl Coverage {
    /// The cells reached so far.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// Everything that was reached, with the marks of the code that ran.
    pub fn into_reached(self, marks: Marks) -> Reached {
        Reached { cells: self.cells, races: self.detector.races, marks }
    }

    /// Takes the next event of a run. `model` has not been fed with it yet.
    #[inline]
    pub fn observe(&mut self, model: &Model, event: &Event) {
        self.detector.observe(model, event);
        match &event.kind {
            EventKind::Received { message: Message::Request(frame), .. } => {
                let api = CellEvent::Request(frame.body.api());
                for group in groups_of(&frame.body) {
                    self.reach(model, (event.place, group), api, event.at);
                }
            }
            EventKind::Coordinator(Observation::Classic(ClassicObservation::TimerFired {
                group,
                timer,
                ..
            })) => {
                self.reach(model, (event.place, group), CellEvent::Timer(*timer), event.at);
            }
            EventKind::FaultBegan { fault, peer, .. } => self.began(*fault, event, *peer),
            EventKind::FaultEnded { fault, peer } => self.ended(*fault, event, *peer),
            EventKind::Lost { why: Loss::Dropped, .. } => self.happened(FaultKind::Drop, event.at),
            _ => {}
        }
    }

    #[inline]
    fn reach(
        &mut self,
        model: &Model,
        (place, group): (Place, &GroupId),
        event: CellEvent,
        at: Time,
    ) {
        let state = model.at(place, group).and_then(|(_, group)| Group::known_state(group));
        let faults = self.active(at);
        if let Some(event) = event.index() {
            self.cells.add(state, event, faults);
        }
    }

    /// The active families as a mask; bit 0 if there is none.
    #[inline]
    fn active(&mut self, at: Time) -> u16 {
        let mut mask = self.lasting_mask;
        if self.aftermath_ends.is_some_and(|end| at < end) {
            for (fault, until) in FaultKind::ALL.into_iter().zip(self.aftermath) {
                if until.is_some_and(|until| at < until) {
                    mask |= bit(fault);
                }
            }
        }
        if mask == 0 { 1 } else { mask }
    }

    fn began(&mut self, fault: FaultKind, event: &Event, peer: Option<Place>) {
        if is_instant(fault) {
            return self.happened(fault, event.at);
        }
        let entry = (fault, any_incarnation(event.place), peer.map(any_incarnation));
        if !self.lasting.contains(&entry) {
            self.lasting.push(entry);
            self.lasting_mask |= bit(fault);
        }
    }

    fn ended(&mut self, fault: FaultKind, event: &Event, peer: Option<Place>) {
        let entry = (fault, any_incarnation(event.place), peer.map(any_incarnation));
        self.lasting.retain(|other| *other != entry);
        self.lasting_mask = self.lasting.iter().fold(0, |mask, (fault, ..)| mask | bit(*fault));
    }

    fn happened(&mut self, fault: FaultKind, at: Time) {
        let until = at + AFTERMATH;
        self.aftermath[fault as usize] = Some(until);
        self.aftermath_ends = Some(until);
    }
}

const fn is_instant(fault: FaultKind) -> bool {
    match fault {
        FaultKind::Drop
        | FaultKind::Reset
        | FaultKind::Crash
        | FaultKind::Move
        | FaultKind::Compact => true,
        FaultKind::Partition
        | FaultKind::Clog
        | FaultKind::Pause
        | FaultKind::Skew
        | FaultKind::Slow
        | FaultKind::Zombie
        | FaultKind::Stall
        | FaultKind::Refuse => false,
    }
}

const fn bit(fault: FaultKind) -> u16 {
    1 << (fault as u16 + 1)
}

/// A process in any incarnation: a fault may outlast the incarnation it began in.
fn any_incarnation(place: Place) -> Place {
    match place {
        Place::Consumer(mut consumer) => {
            consumer.incarnation = 0;
            Place::Consumer(consumer)
        }
        Place::Schedule
        | Place::Broker(_)
        | Place::Producer
        | Place::Admin
        | Place::Controller
        | Place::Client(_) => place,
    }
}

/// The groups that a request to the coordinator concerns; most requests concern one.
#[inline]
fn groups_of(request: &Request) -> &[GroupId] {
    use std::slice::from_ref;
    match request {
        Request::Heartbeat(body) => from_ref(&body.group_id),
        Request::JoinGroup(body) => from_ref(&body.group_id),
        Request::SyncGroup(body) => from_ref(&body.group_id),
        Request::LeaveGroup(body) => from_ref(&body.group_id),
        Request::OffsetCommit(body) => from_ref(&body.group_id),
        // Versions 8 and up may name several groups; consumers name only their own.
        Request::OffsetFetch(body) => {
            from_ref(body.groups.first().map_or(&body.group_id, |group| &group.group_id))
        }
        Request::DescribeGroups(body) => &body.groups,
        Request::TxnOffsetCommit(body) => from_ref(&body.group_id),
        Request::DeleteGroups(body) => &body.groups_names,
        Request::OffsetDelete(body) => from_ref(&body.group_id),
        Request::ListGroups(_)
        | Request::WriteTxnMarkers(_)
        | Request::Produce(_)
        | Request::Fetch(_)
        | Request::ListOffsets(_)
        | Request::Metadata(_)
        | Request::InitProducerId(_)
        | Request::DescribeConfigs(_)
        | Request::FindCoordinator(_) => &[],
    }
}

#[cfg(test)]
mod tests;
