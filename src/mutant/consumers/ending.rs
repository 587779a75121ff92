//! Members that do not know when to stop.

use std::collections::BTreeMap;

use crate::consumer::Observation;
use crate::protocol::{Request, RequestFrame, TopicPartition};
use kafka_protocol::messages::LeaveGroupRequest;
use kafka_protocol::messages::leave_group_request::MemberIdentity;

use super::twisted::{EXTRA, Twist};

/// Goes on with records of partitions that it has given up, as a client does whose application keeps a batch
/// in another thread. `no-overlap` must catch it.
#[derive(Default)]
pub struct WorksOnWhatItRevoked {
    batches: BTreeMap<TopicPartition, Observation>,
}

impl Twist for WorksOnWhatItRevoked {
    fn then(&mut self, observation: &Observation) -> Option<Observation> {
        match observation {
            Observation::Processed { partition, .. } => {
                self.batches.insert(partition.clone(), observation.clone());
                None
            }
            Observation::Revoked { partitions } => {
                partitions.iter().find_map(|partition| self.batches.remove(partition))
            }
            _ => None,
        }
    }
}

/// Is done with its last batch only after it has closed. `no-overlap` must catch it.
#[derive(Default)]
pub struct WorksAfterItClosed {
    batch: Option<Observation>,
}

impl Twist for WorksAfterItClosed {
    fn then(&mut self, observation: &Observation) -> Option<Observation> {
        if let Observation::Processed { .. } = observation {
            self.batch = Some(observation.clone());
        }
        None
    }

    fn after_closed(&mut self) -> Option<Observation> {
        self.batch.take()
    }
}

/// Is assigned what it had once more after it has closed, as a client that takes in the answer to its last
/// SyncGroup though it has left. `no-overlap` must catch it.
#[derive(Default)]
pub struct JoinsAfterItClosed {
    assigned: Option<Observation>,
}

impl Twist for JoinsAfterItClosed {
    fn then(&mut self, observation: &Observation) -> Option<Observation> {
        if let Observation::Assigned { .. } = observation {
            self.assigned = Some(observation.clone());
        }
        None
    }

    fn after_closed(&mut self) -> Option<Observation> {
        self.assigned.take()
    }
}

/// Sends LeaveGroup when it closes, though it is a static member: its restart is a rebalance. `static-identity`
/// must catch it.
pub struct LeavesThoughStatic;

impl Twist for LeavesThoughStatic {
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
