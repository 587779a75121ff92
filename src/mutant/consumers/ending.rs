//! Members that act after they should have stopped.

use std::collections::BTreeMap;

use crate::client::ClientObservation;
use crate::protocol::{Request, RequestFrame, TopicPartition};
use kafka_protocol::messages::LeaveGroupRequest;
use kafka_protocol::messages::leave_group_request::MemberIdentity;

use super::interceptor::{EXTRA, RequestInterceptor};

/// Processes records of partitions that it has revoked, like a client whose application keeps a
/// batch in another thread. `no-overlap` must catch it.
#[derive(Default)]
pub struct WorksOnWhatItRevoked {
    batches: BTreeMap<TopicPartition, ClientObservation>,
}

impl RequestInterceptor for WorksOnWhatItRevoked {
    fn then(&mut self, observation: &ClientObservation) -> Option<ClientObservation> {
        match observation {
            ClientObservation::Processed { partition, .. } => {
                self.batches.insert(partition.clone(), observation.clone());
                None
            }
            ClientObservation::Revoked { partitions } => {
                partitions.iter().find_map(|partition| self.batches.remove(partition))
            }
            _ => None,
        }
    }
}

/// Finishes its last batch only after it has closed. `no-overlap` must catch it.
#[derive(Default)]
pub struct WorksAfterItClosed {
    batch: Option<ClientObservation>,
}

impl RequestInterceptor for WorksAfterItClosed {
    fn then(&mut self, observation: &ClientObservation) -> Option<ClientObservation> {
        if let ClientObservation::Processed { .. } = observation {
            self.batch = Some(observation.clone());
        }
        None
    }

    fn after_closed(&mut self) -> Option<ClientObservation> {
        self.batch.take()
    }
}

/// Takes over its last assignment once more after it has closed, like a client that processes its
/// last SyncGroup response though it has left. `no-overlap` must catch it.
#[derive(Default)]
pub struct JoinsAfterItClosed {
    assigned: Option<ClientObservation>,
}

impl RequestInterceptor for JoinsAfterItClosed {
    fn then(&mut self, observation: &ClientObservation) -> Option<ClientObservation> {
        if let ClientObservation::Assigned { .. } = observation {
            self.assigned = Some(observation.clone());
        }
        None
    }

    fn after_closed(&mut self) -> Option<ClientObservation> {
        self.assigned.take()
    }
}

/// Sends LeaveGroup when it closes, though it is a static member: its restart triggers a rebalance.
/// `static-identity` must catch it.
pub struct LeavesThoughStatic;

impl RequestInterceptor for LeavesThoughStatic {
    fn at_close(&mut self, heartbeat: &RequestFrame) -> Option<RequestFrame> {
        let Request::Heartbeat(last) = &heartbeat.body else { return None };
        let instance = last.group_instance_id.clone()?;
        let member = MemberIdentity::default()
            .with_member_id(last.member_id.clone())
            .with_group_instance_id(Some(instance));
        let body = LeaveGroupRequest::default()
            .with_group_id(last.group_id.clone())
            .with_members(vec![member]);
        Some(RequestFrame {
            correlation: EXTRA,
            version: 3,
            client_id: heartbeat.client_id.clone(),
            body: body.into(),
        })
    }
}
