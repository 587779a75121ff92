//! Coverage: which (group state × event × fault) cells a run reached.
//!
//! The event is what happened at the coordinator: a group request was taken up, or a timer fired. The
//! state is the group's just before, as the same broker last told it (a coordinator reports a timer before
//! what it leads to); none where the broker has no such group. The fault is any family that was active somewhere at the time: begun and not ended,
//! or, for what is over in an instant, less than five seconds ago.
//!
//! Beside the cells there are [`Moment`]s, in which two things meet, and the [marks](crate::sometimes) of the code.

mod cells;
mod moments;
mod must;
mod reached;

use std::time::Duration;

use super::event::{Event, FaultKind, Kind, Loss, Message, Place, ShardState};
use crate::coordinator::{GroupState, Observation};
use crate::protocol::{GroupId, Request};
use crate::sometimes::Marks;
use crate::time::Time;
pub use cells::{Cell, CellEvent, Cells};
pub use moments::{Moment, Moments};
pub use must::must_reach;
pub use reached::Reached;

/// How long a drop, a reset and a crash count after they happened.
const AFTERMATH: Duration = Duration::from_secs(5);

/// Collects the cells of a run from its events.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    cells: Cells,
    watch: moments::Watch,
    /// Few groups: a scan is faster than a map.
    groups: Vec<(Place, GroupId, GroupState)>,
    /// The lasting faults, by the process they are done to, whichever life it is in.
    lasting: Vec<(FaultKind, Place, Option<Place>)>,
    lasting_mask: u16,
    /// Until when each family that is over in an instant still counts.
    aftermath: [Option<Time>; FaultKind::ALL.len()],
    aftermath_ends: Option<Time>,
}

impl Coverage {
    /// The cells reached so far.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// What was reached, with the marks of the code that ran.
    pub fn into_reached(self, marks: Marks) -> Reached {
        Reached { cells: self.cells, moments: self.watch.moments, marks }
    }

    /// Takes the next event of a run.
    #[inline]
    pub fn observe(&mut self, event: &Event) {
        self.watch.observe(event);
        match &event.kind {
            Kind::Received { message: Message::Request(frame), .. } => {
                let api = CellEvent::Request(frame.body.api());
                for group in groups_of(&frame.body) {
                    self.reach(event.place, group, api, event.at);
                }
            }
            Kind::Coordinator(Observation::TimerFired { group, timer, .. }) => {
                self.reach(event.place, group, CellEvent::Timer(*timer), event.at);
            }
            Kind::Coordinator(Observation::State { group, to, .. }) => {
                self.moved(event.place, group, *to);
            }
            Kind::Coordinator(Observation::GroupLoaded(loaded)) => {
                self.moved(event.place, &loaded.metadata.group, loaded.state);
            }
            Kind::Coordinator(Observation::GroupRemoved { group, .. }) => {
                self.groups.retain(|(place, name, _)| (*place, name) != (event.place, group));
            }
            // At the end of a term every group of it is Dead: the broker has none of them.
            Kind::Shard { state: ShardState::Unloaded, .. } => self
                .groups
                .retain(|(place, _, state)| *place != event.place || *state != GroupState::Dead),
            Kind::FaultBegan { fault, peer, .. } => self.began(*fault, event, *peer),
            Kind::FaultEnded { fault, peer } => self.ended(*fault, event, *peer),
            Kind::Lost { why: Loss::Dropped, .. } => self.happened(FaultKind::Drop, event.at),
            _ => {}
        }
    }

    #[inline]
    fn reach(&mut self, place: Place, group: &GroupId, event: CellEvent, at: Time) {
        let state = self
            .groups
            .iter()
            .find(|(at, name, _)| *at == place && name == group)
            .map(|(_, _, state)| *state);
        let faults = self.active(at);
        if let Some(event) = event.index() {
            self.cells.add(state, event, faults);
        }
    }

    /// The families active at a time, as a mask; bit 0 when there is none.
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

    fn moved(&mut self, place: Place, group: &GroupId, to: GroupState) {
        match self.groups.iter_mut().find(|(at, name, _)| *at == place && name == group) {
            Some((_, _, state)) => *state = to,
            None => self.groups.push((place, group.clone(), to)),
        }
    }

    fn began(&mut self, fault: FaultKind, event: &Event, peer: Option<Place>) {
        if fault == FaultKind::Crash {
            self.groups.retain(|(place, ..)| *place != event.place);
        }
        if is_instant(fault) {
            return self.happened(fault, event.at);
        }
        let entry = (fault, any_life(event.place), peer.map(any_life));
        if !self.lasting.contains(&entry) {
            self.lasting.push(entry);
            self.lasting_mask |= bit(fault);
        }
    }

    fn ended(&mut self, fault: FaultKind, event: &Event, peer: Option<Place>) {
        let entry = (fault, any_life(event.place), peer.map(any_life));
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

/// A process, whichever life it is in: a fault may outlive the one it began in.
fn any_life(place: Place) -> Place {
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

/// The groups that a request to the coordinator is about; most are about one.
#[inline]
fn groups_of(request: &Request) -> &[GroupId] {
    use std::slice::from_ref;
    match request {
        Request::Heartbeat(body) => from_ref(&body.group_id),
        Request::JoinGroup(body) => from_ref(&body.group_id),
        Request::SyncGroup(body) => from_ref(&body.group_id),
        Request::LeaveGroup(body) => from_ref(&body.group_id),
        Request::OffsetCommit(body) => from_ref(&body.group_id),
        // Versions 8 and up ask about several groups; consumers ask about their own.
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
