//! FindCoordinator, answered from what the broker has learned, which may be out of date (rule R3.16).
//!
//! Versions 1 to 3 have a word for every outcome, `NONE` for success. Later ones have none but where the type of the
//! keys is unknown, which Kafka finds out too late to answer key by key.
//!
//! There are coordinators of groups only. Who asks for that of a transaction is told
//! TRANSACTIONAL_ID_AUTHORIZATION_FAILED, the one error that every client takes for final: told to try again,
//! as by a Kafka whose log of transactions has no leader, a producer would do so for ever.

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use crate::protocol::{
    BrokerId, GroupId, ResponseError, StrBytes, error_message, error_name, str_bytes,
};

use super::turn::Turn;

/// The types of keys, and the outcome in words, came with this version (KIP-98).
const NAMES_TYPE: i16 = 1;
/// Several keys at once came with this version (KIP-699).
const SEVERAL_KEYS: i16 = 4;

/// What a key is the name of.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// Known to Kafka, but there are no share groups here (R15.2).
const SHARE: i8 = 2;

/// The outcome in words.
fn message(code: i16) -> Option<StrBytes> {
    Some(str_bytes(ResponseError::try_from_code(code).map_or(error_name(code), error_message)))
}

impl Turn<'_, '_> {
    pub(super) fn find_coordinator(
        &mut self,
        version: i16,
        request: &FindCoordinatorRequest,
    ) -> FindCoordinatorResponse {
        if version >= SEVERAL_KEYS {
            let unknown = !(GROUP..=SHARE).contains(&request.key_type);
            let keys = request.coordinator_keys.iter();
            let found = keys.map(|key| {
                let found = self.coordinator_of(request.key_type, key).with_key(key.clone());
                match unknown {
                    true => found.with_error_message(message(ResponseError::InvalidRequest.code())),
                    false => found,
                }
            });
            let found = found.collect();
            return FindCoordinatorResponse::default().with_coordinators(found);
        }
        let found = self.coordinator_of(request.key_type, &request.key);
        FindCoordinatorResponse::default()
            .with_error_message(message(found.error_code).filter(|_| version >= NAMES_TYPE))
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
            TRANSACTION => Err(ResponseError::TransactionalIdAuthorizationFailed),
            _ => Err(ResponseError::InvalidRequest),
        }
    }
}
