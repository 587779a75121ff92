//! The plan that the quality of an assignment is judged by. Nothing here judges: `balance` and
//! `stickiness` do.

use std::collections::BTreeMap;

use crate::assignor::Assignor;
use crate::model::{Group, Model, Roster};
use crate::protocol::{MemberId, TopicPartition};

/// The partitions that a plan gives to each member.
pub(super) type Assignments = BTreeMap<MemberId, Vec<TopicPartition>>;

/// What the present event plans for a generation of consumers.
pub(super) struct Planned<'m> {
    pub(super) group: &'m Group,
    pub(super) assignor: Assignor,
    /// The members as the leader received them.
    pub(super) roster: &'m Roster,
    pub(super) assignments: &'m Assignments,
}

impl Planned<'_> {
    /// The plan that the present event submits, if it can be decoded, the subscriptions behind it
    /// are known, and the assignor promises something.
    pub(super) fn of(model: &Model) -> Option<Planned<'_>> {
        let (group, plan) = model.submitted_plan()?;
        let (assignments, roster) = (plan.assignments.partitions()?, group.roster.as_ref()?);
        Some(Planned { group, assignor: group.assignor()?, roster, assignments })
    }
}
