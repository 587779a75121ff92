//! What can be seen of a classic group: in the response to DescribeGroups, and in a snapshot for
//! reports.

use bytes::Bytes;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};

use crate::coordinator::inspect::{GroupDescription, MemberDescription};
use crate::coordinator::observation::TimerKind;
use crate::coordinator::offsets::OffsetStore;
use crate::coordinator::runtime::timers::Timers;
use crate::protocol::{StrBytes, str_bytes};

use super::group::ClassicGroup;
use super::member::Member;
use super::state::GroupState;

/// The group as DescribeGroups shows it (R6.7.7).
pub(crate) fn described(group: &ClassicGroup) -> DescribedGroup {
    // The members' metadata is meaningful only together with the assignor that they agreed on.
    let protocol = match group.state() {
        GroupState::Stable => group.protocol.as_ref(),
        GroupState::Empty
        | GroupState::PreparingRebalance
        | GroupState::CompletingRebalance
        | GroupState::Dead => None,
    };
    let mut members: Vec<_> = group.members.iter().map(|m| described_member(m, protocol)).collect();
    members.sort_by(|a, b| a.member_id.cmp(&b.member_id));
    DescribedGroup::default()
        .with_group_id(group.id.clone())
        .with_group_state(str_bytes(group.state().name()))
        .with_protocol_type(group.protocol_type.clone().unwrap_or_default())
        .with_protocol_data(protocol.cloned().unwrap_or_default())
        .with_members(members)
}

fn described_member(member: &Member, protocol: Option<&StrBytes>) -> DescribedGroupMember {
    let metadata = protocol.map_or_else(Bytes::new, |protocol| member.metadata(protocol));
    DescribedGroupMember::default()
        .with_member_id(member.id.0.clone())
        .with_group_instance_id(member.instance_id.clone())
        .with_client_id(member.client_id.clone())
        .with_client_host(member.client_host.clone())
        .with_member_metadata(metadata)
        .with_member_assignment(member.assignment.clone())
}

impl ClassicGroup {
    /// A snapshot for reports.
    pub(crate) fn describe(&self, timers: &Timers, offsets: &OffsetStore) -> GroupDescription {
        let mut members: Vec<_> =
            self.members.iter().map(|m| self.describe_member(m, timers)).collect();
        members.sort_by(|a, b| a.id.cmp(&b.id));
        let pending =
            self.pending_join.iter().map(|id| (TimerKind::PendingJoin, self.pending_join_key(id)));
        let own = [(TimerKind::Join, self.join_key()), (TimerKind::Sync, self.sync_key())];
        let armed = |(kind, key)| Some((kind, timers.deadline(&key)?));
        GroupDescription {
            state: self.state(),
            generation: self.generation,
            leader: self.leader.clone(),
            members,
            pending: self.pending_join.iter().cloned().collect(),
            offsets: offsets.of(&self.id).committed_list(),
            timers: own.into_iter().chain(pending).filter_map(armed).collect(),
        }
    }

    fn describe_member(&self, member: &Member, timers: &Timers) -> MemberDescription {
        MemberDescription {
            id: member.id.clone(),
            joined: member.join.is_some(),
            sync_awaited: member.sync_awaited,
            session_deadline: timers.deadline(&self.session_key(&member.id)),
        }
    }
}
