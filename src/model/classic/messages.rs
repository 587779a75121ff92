//! What the requests to a group and the responses to them reveal.

use kafka_protocol::messages::{
    JoinGroupRequest, JoinGroupResponse, OffsetCommitRequest, OffsetCommitResponse,
    SyncGroupRequest, SyncGroupResponse,
};

use crate::coordinator::GroupState;
use crate::model::requests::{RequestContext, leavers, member_id};
use crate::protocol::{Generation, Request, Response, ResponseError, TopicPartition};
use crate::time::from_millis_i32;

use super::group::Group;
use super::plan::Plan;
use super::roster::Roster;

impl Group {
    /// The broker begins to handle a request. Returns whether it submits a plan.
    pub(in crate::model) fn receive(
        &mut self,
        context: &RequestContext,
        request: &Request,
    ) -> bool {
        match request {
            Request::JoinGroup(body) => self.receive_join(body),
            Request::SyncGroup(body) => return self.receive_sync(context, body),
            _ => {}
        }
        false
    }

    fn receive_join(&mut self, body: &JoinGroupRequest) {
        self.joining_type.clone_from(&body.protocol_type);
        if let Some(member) = self.members.get_mut(&body.member_id) {
            // JoinGroup v0 has no rebalance timeout; the session timeout stands for it.
            let requested = body.rebalance_timeout_ms.max(body.session_timeout_ms);
            member.rebalance = member.rebalance.max(from_millis_i32(requested));
        }
    }

    fn receive_sync(&mut self, context: &RequestContext, body: &SyncGroupRequest) -> bool {
        let leads = self.leader.as_ref().map(|leader| &leader.0) == Some(&body.member_id);
        let in_time = context.state == GroupState::CompletingRebalance;
        let submitted = leads && in_time && context.is_current(body.generation_id);
        if submitted {
            let plan = Plan::of(body, self);
            self.plans.push(plan);
        }
        submitted
    }

    /// The broker responds to a request. Returns the partitions that the response assigns to a
    /// member of the newest generation.
    pub(in crate::model) fn respond(
        &mut self,
        request: &Request,
        response: &Response,
    ) -> Option<Vec<TopicPartition>> {
        match (request, response) {
            (Request::JoinGroup(_), Response::JoinGroup(response)) => self.respond_join(response),
            (Request::SyncGroup(body), Response::SyncGroup(response)) => {
                return self.respond_sync(body, response);
            }
            (Request::LeaveGroup(body), Response::LeaveGroup(_)) => {
                for (id, _) in leavers(body) {
                    self.pending.remove(id);
                }
            }
            _ => {}
        }
        None
    }

    fn respond_join(&mut self, response: &JoinGroupResponse) {
        if response.error_code == ResponseError::MemberIdRequired.code() {
            self.pending.insert(member_id(&response.member_id));
        }
        let current = Generation(response.generation_id) == self.generation;
        let names_members = current && response.member_id == response.leader;
        if response.error_code == 0 && names_members && self.is_of_consumers() {
            self.roster = Roster::of(response);
        }
    }

    fn respond_sync(
        &mut self,
        body: &SyncGroupRequest,
        response: &SyncGroupResponse,
    ) -> Option<Vec<TopicPartition>> {
        let current = Generation(body.generation_id) == self.generation;
        if response.error_code != 0 || !current {
            return None;
        }
        let member = member_id(&body.member_id);
        let member = self.resolve(&member).clone();
        self.record_assignment(&member, &response.assignment)
    }

    /// An OffsetCommit is acknowledged, in whole or in part.
    pub(in crate::model) fn acknowledge(
        &mut self,
        body: &OffsetCommitRequest,
        response: &OffsetCommitResponse,
    ) {
        for (topic, results) in body.topics.iter().zip(&response.topics) {
            for (entry, result) in topic.partitions.iter().zip(&results.partitions) {
                if result.error_code == 0 {
                    let partition = TopicPartition::new(topic.name.clone(), entry.partition_index);
                    self.committed.insert(partition, entry.committed_offset);
                    self.had_offsets = true;
                }
            }
        }
    }
}
