//! FindCoordinator, answered from what the broker has learned, which may be out of date (rule R3.16).
//!
//! There are coordinators of groups only. Who asks for that of a transaction is told to try again, as by a
//! Kafka whose log of transactions has no leader.

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use crate::protocol::{BrokerId, GroupId, ResponseError, StrBytes};

use super::turn::Turn;

/// Several keys at once came with this version (KIP-699).
const SEVERAL_KEYS: i16 = 4;

/// What a key is the name of.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

impl Turn<'_, '_> {
    pub(super) fn find_coordinator(
        &mut self,
        version: i16,
        request: &FindCoordinatorRequest,
    ) -> FindCoordinatorResponse {
        if version >= SEVERAL_KEYS {
            let keys = request.coordinator_keys.iter();
            let found = keys
                .map(|key| self.coordinator_of(request.key_type, key).with_key(key.clone()))
                .collect();
            return FindCoordinatorResponse::default().with_coordinators(found);
        }
        let found = self.coordinator_of(request.key_type, &request.key);
        FindCoordinatorResponse::default()
            .with_error_code(found.error_code)
            .with_node_id(found.node_id)
            .with_host(found.host)
            .with_port(found.port)
    }

    fn coordinator_of(&mut self, key_type: i8, key: &StrBytes) -> Coordinator {
        match self.leader_for(key_type, key) {
            Ok(leader) => {
                let (host, port) = self.endpoint(leader);
                Coordinator::default().with_node_id(leader.0.into()).with_host(host).with_port(port)
            }
            Err(error) => Coordinator::default()
                .with_node_id((-1).into())
                .with_port(-1)
                .with_error_code(error.code()),
        }
    }

    fn leader_for(&mut self, key_type: i8, key: &StrBytes) -> Result<BrokerId, ResponseError> {
        match key_type {
            GROUP => {
                let partition = self.shared.routing.partition_of(&GroupId(key.clone()));
                let image = &self.broker.image;
                let leader = image.offsets[partition].leader;
                let alive = leader.filter(|&leader| image.is_live(leader));
                alive.ok_or(ResponseError::CoordinatorNotAvailable)
            }
            TRANSACTION => Err(ResponseError::CoordinatorNotAvailable),
            _ => Err(ResponseError::InvalidRequest),
        }
    }
}
