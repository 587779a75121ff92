//! What can be seen of a coordinator from outside. It is optional: `settle` and the invariants do
//! without it. `expect` lines about a group or its offsets need it, and `race=` uses the deadlines
//! that it shows.

use crate::protocol::{Generation, GroupId, MemberId, TopicPartition};
use crate::time::Time;

use super::api::GroupCoordinator;
use super::classic::state::GroupState;
use super::observation::TimerKind;

/// A look inside a coordinator. Each method has a default for a coordinator that does not show that
/// much.
pub trait Inspect {
    /// Calls `visit` with every armed deadline, in no particular order. The simulator races
    /// deliveries against them: just before, at and just after.
    fn deadlines(&self, _visit: &mut dyn FnMut(Time)) {}

    /// The ids of all groups, in order.
    fn groups(&self) -> Vec<GroupId> {
        Vec::new()
    }

    /// A snapshot of a group, or none if it does not exist. `expect` lines and the report of a
    /// missing convergence use it.
    fn describe(&self, _group: &GroupId) -> Option<GroupDescription> {
        None
    }
}

/// What is visible of any coordinator, whether it implements [`Inspect`] or not.
impl dyn GroupCoordinator + '_ {
    /// Calls `visit` with every armed deadline that is visible, at least with the next one.
    pub fn deadlines(&self, visit: &mut dyn FnMut(Time)) {
        match self.inspect() {
            Some(inside) => inside.deadlines(visit),
            None => self.next_deadline().into_iter().for_each(visit),
        }
    }

    /// The ids of all groups that are visible, in order.
    pub fn groups(&self) -> Vec<GroupId> {
        self.inspect().map(|inside| inside.groups()).unwrap_or_default()
    }

    /// A snapshot of a group, or none if it does not exist or is not visible.
    pub fn describe(&self, group: &GroupId) -> Option<GroupDescription> {
        self.inspect()?.describe(group)
    }
}

/// A snapshot of one group, which reports print when a group does not converge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// The state.
    pub state: GroupState,
    /// The newest generation.
    pub generation: Generation,
    /// The leader, if the group has one.
    pub leader: Option<MemberId>,
    /// The members, in the order of their ids.
    pub members: Vec<MemberDescription>,
    /// Ids handed out with MEMBER_ID_REQUIRED that have not joined yet.
    pub pending: Vec<MemberId>,
    /// The durable committed offsets, ordered by topic and partition.
    pub offsets: Vec<(TopicPartition, i64)>,
    /// The armed timers of the group with their deadlines, pending-join timers included
    /// ([`TimerKind::Session`] is with each member).
    pub timers: Vec<(TimerKind, Time)>,
}

/// A snapshot of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// Its id.
    pub id: MemberId,
    /// Its JoinGroup is parked: it has (re)joined this phase.
    pub joined: bool,
    /// The coordinator still awaits its SyncGroup of this generation.
    pub sync_awaited: bool,
    /// The deadline of its session timer, if that is armed.
    pub session_deadline: Option<Time>,
}
