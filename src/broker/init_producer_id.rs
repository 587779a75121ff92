//! InitProducerId: ids for idempotent producers.
//!
//! As in Kafka, any broker issues an id to any client, always in epoch 0: an idempotent producer
//! that wants a new epoch raises its own. Kafka's brokers get blocks of ids from the controller;
//! here there is one counter. A producer with a transactional id gets the same error as from
//! FindCoordinator (R3.16).

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::protocol::ResponseError;
use crate::time::from_millis_i32;

/// `transaction.max.timeout.ms`, at its default.
const MAX_TRANSACTION_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// Gives a producer the id `next`, and counts on.
pub(super) fn respond(next: &mut i64, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    let response = InitProducerIdResponse::default();
    match check(request) {
        Ok(()) => {
            let id = *next;
            *next += 1;
            response.with_producer_id(id.into()).with_producer_epoch(0)
        }
        Err(error) => response
            .with_error_code(error.code())
            .with_producer_id((-1).into())
            .with_producer_epoch(-1),
    }
}

/// The error of a request that gets no id. The checks are in Kafka's order. The producer's previous
/// id and epoch, which versions 3 and up have, matter to transactions only.
fn check(request: &InitProducerIdRequest) -> Result<(), ResponseError> {
    if (request.producer_id.0 == -1) != (request.producer_epoch == -1) {
        return Err(ResponseError::InvalidRequest);
    }
    let Some(transaction) = &request.transactional_id else { return Ok(()) };
    let timeout = from_millis_i32(request.transaction_timeout_ms);
    if transaction.is_empty() {
        Err(ResponseError::InvalidRequest)
    } else if request.transaction_timeout_ms <= 0 || timeout > MAX_TRANSACTION_TIMEOUT {
        Err(ResponseError::InvalidTransactionTimeout)
    } else {
        Err(ResponseError::TransactionalIdAuthorizationFailed)
    }
}
