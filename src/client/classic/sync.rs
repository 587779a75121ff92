//! SyncGroup on the client's side (rules R13.1, R13.2).

use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use crate::client::MemberState;
use crate::client::context::{Context, always};
use crate::client::links::Sent;
use crate::client::membership::{Identity, Membership};
use crate::client::reason::TransitionReason;
use crate::client::responses::Outcome;
use crate::protocol::{Api, BrokerId, CONSUMER_PROTOCOL_TYPE, ResponseError, str_bytes};

use super::{Classic, PendingAssignment, is_foreign};

impl Classic {
    /// Sends SyncGroup for the generation just joined, with the assignments if this member leads.
    pub(super) fn sync(
        &mut self,
        cx: &mut Context,
        coordinator: Option<BrokerId>,
        membership: &Membership,
        assignments: Vec<SyncGroupRequestAssignment>,
    ) {
        always!(
            cx,
            membership.state() == MemberState::CompletingRebalance,
            "syncs while it is {}",
            membership.state()
        );
        let coordinator = coordinator.unwrap_or_else(|| {
            cx.broken(format_args!("has joined over a connection to no coordinator"))
        });
        let identity = cx.identity().clone();
        let mut request = SyncGroupRequest::default()
            .with_group_id(cx.config.group.clone())
            .with_generation_id(identity.generation.0)
            .with_member_id(identity.member.0.clone())
            .with_group_instance_id(cx.config.instance_id.clone())
            .with_assignments(assignments);
        if cx.version_of(Api::SyncGroup) >= 5 {
            request = request
                .with_protocol_type(Some(str_bytes(CONSUMER_PROTOCOL_TYPE)))
                .with_protocol_name(self.protocol.clone());
        }
        cx.send(coordinator, Sent::Sync(identity), request);
    }

    pub(in crate::client) fn on_sync(
        &mut self,
        cx: &mut Context,
        membership: &mut Membership,
        sent_as: &Identity,
        response: &SyncGroupResponse,
    ) -> Outcome {
        use ResponseError as E;
        always!(cx, !membership.is_stable(), "is Stable before the response to its sync");
        match E::try_from_code(response.error_code) {
            None => return self.synced(cx, membership, sent_as, response),
            Some(E::RebalanceInProgress) => membership.rejoin_at_once(cx.now),
            Some(E::UnknownMemberId) => {
                let why = TransitionReason::UnknownMemberId;
                membership.reset_if_current(cx, sent_as, false, why);
                membership.rejoin_at_once(cx.now);
            }
            Some(E::IllegalGeneration) => {
                let why = TransitionReason::IllegalGeneration;
                membership.reset_if_current(cx, sent_as, true, why);
                membership.rejoin_at_once(cx.now);
            }
            Some(E::NotCoordinator | E::CoordinatorNotAvailable) => {
                return Outcome::NotCoordinator;
            }
            // The Java client throws this error from poll(); an application that polls again ends
            // up here (rule R13.2.2).
            Some(E::CoordinatorLoadInProgress) => return Outcome::Retry,
            Some(_) => return Outcome::Fatal(response.error_code),
        }
        Outcome::Done
    }

    fn synced(
        &mut self,
        cx: &mut Context,
        membership: &mut Membership,
        sent_as: &Identity,
        response: &SyncGroupResponse,
    ) -> Outcome {
        let current = cx.identity() == sent_as;
        if !current || membership.state() != MemberState::CompletingRebalance {
            membership.rejoin_at_once(cx.now);
            return Outcome::Done;
        }
        let (name, chosen) = (&response.protocol_name, &self.protocol);
        if is_foreign(response.protocol_type.as_ref()) || (name.is_some() && name != chosen) {
            return Outcome::Fatal(ResponseError::InconsistentGroupProtocol.code());
        }
        membership.synced(cx);
        always!(cx, self.pending.is_none(), "has two assignments to apply");
        let (sent_as, assignment) = (sent_as.clone(), response.assignment.clone());
        self.pending = Some(PendingAssignment { sent_as, assignment });
        Outcome::Done
    }
}
