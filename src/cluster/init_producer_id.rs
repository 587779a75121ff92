//! InitProducerId: ids for idempotent producers.
//!
//! Any broker gives one out to whoever asks, as in Kafka, always in epoch 0: an idempotent producer that wants
//! a new epoch raises its own. Kafka's brokers get blocks of ids from the controller; here there is one
//! counter. A producer with a transactional id is told what it was told when it looked for the coordinator
//! of its transactions (R3.16).

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::protocol::ResponseError;
use crate::time::from_millis_i32;

use super::turn::Turn;

/// `transaction.max.timeout.ms`, at its default.
const LONGEST_TRANSACTION: std::time::Duration = std::time::Duration::from_secs(15 * 60);

impl Turn<'_, '_> {
    pub(super) fn init_producer_id(
        &mut self,
        request: &InitProducerIdRequest,
    ) -> InitProducerIdResponse {
        let answer = InitProducerIdResponse::default();
        match check(request) {
            Ok(()) => {
                let id = self.shared.next_producer;
                self.shared.next_producer += 1;
                answer.with_producer_id(id.into()).with_producer_epoch(0)
            }
            Err(error) => answer
                .with_error_code(error.code())
                .with_producer_id((-1).into())
                .with_producer_epoch(-1),
        }
    }
}

/// Why a producer gets no id, in the order in which Kafka looks. The id and the epoch that it had before, which
/// only version 3 and up can tell, are of use to a transaction alone.
fn check(request: &InitProducerIdRequest) -> Result<(), ResponseError> {
    if (request.producer_id.0 == -1) != (request.producer_epoch == -1) {
        return Err(ResponseError::InvalidRequest);
    }
    let Some(transaction) = &request.transactional_id else { return Ok(()) };
    let timeout = from_millis_i32(request.transaction_timeout_ms);
    if transaction.is_empty() {
        Err(ResponseError::InvalidRequest)
    } else if request.transaction_timeout_ms <= 0 || timeout > LONGEST_TRANSACTION {
        Err(ResponseError::InvalidTransactionTimeout)
    } else {
        Err(ResponseError::TransactionalIdAuthorizationFailed)
    }
}
