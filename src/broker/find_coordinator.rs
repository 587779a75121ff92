//! FindCoordinator, handled from the broker's own view of the cluster, which may be stale (rule
//! R3.16).
//!
//! Versions 1 to 3 have an error message for every outcome, `NONE` for success. Later versions have
//! one only if the key type is unknown, which Kafka detects too late to respond key by key.
//!
//! Only groups have coordinators here. A request for the coordinator of a transaction gets
//! TRANSACTIONAL_ID_AUTHORIZATION_FAILED, the one error that every client treats as final. A
//! retriable error, such as Kafka returns while its transaction log has no leader, would make a
//! producer retry for ever.

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use crate::protocol::{
    BrokerId, GroupId, ResponseError, StrBytes, error_message, error_name, str_bytes,
};

use super::routing::Routing;
use super::view::BrokerView;

/// The first version with key types and error messages (KIP-98).
const HAS_KEY_TYPE: i16 = 1;
/// The first version with several keys (KIP-699).
const SEVERAL_KEYS: i16 = 4;

/// The key types: the key names a group or a transaction.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// Known to Kafka, but there are no share groups here (R15.2).
const SHARE: i8 = 2;

/// The error message for an outcome.
fn message(code: i16) -> Option<StrBytes> {
    Some(str_bytes(ResponseError::try_from_code(code).map_or(error_name(code), error_message)))
}

impl BrokerView<'_> {
    pub(super) fn find_coordinator(
        &self,
        routing: &mut Routing,
        version: i16,
        request: &FindCoordinatorRequest,
    ) -> FindCoordinatorResponse {
        if version >= SEVERAL_KEYS {
            let unknown = !(GROUP..=SHARE).contains(&request.key_type);
            let keys = request.coordinator_keys.iter();
            let found = keys.map(|key| {
                let found =
                    self.coordinator_of(routing, request.key_type, key).with_key(key.clone());
                match unknown {
                    true => found.with_error_message(message(ResponseError::InvalidRequest.code())),
                    false => found,
                }
            });
            let found = found.collect();
            return FindCoordinatorResponse::default().with_coordinators(found);
        }
        let found = self.coordinator_of(routing, request.key_type, &request.key);
        FindCoordinatorResponse::default()
            .with_error_message(message(found.error_code).filter(|_| version >= HAS_KEY_TYPE))
            .with_error_code(found.error_code)
            .with_node_id(found.node_id)
            .with_host(found.host)
            .with_port(found.port)
    }

    fn coordinator_of(&self, routing: &mut Routing, key_type: i8, key: &StrBytes) -> Coordinator {
        match self.leader_for(routing, key_type, key) {
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

    fn leader_for(
        &self,
        routing: &mut Routing,
        key_type: i8,
        key: &StrBytes,
    ) -> Result<BrokerId, ResponseError> {
        match key_type {
            GROUP => {
                let partition = routing.partition_of(&GroupId(key.clone()));
                let image = self.image;
                let leader = image.offsets[partition].leader;
                let alive = leader.filter(|&leader| image.is_live(leader));
                alive.ok_or(ResponseError::CoordinatorNotAvailable)
            }
            TRANSACTION => Err(ResponseError::TransactionalIdAuthorizationFailed),
            _ => Err(ResponseError::InvalidRequest),
        }
    }
}
