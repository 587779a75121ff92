//! InitProducerId.

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, TransactionalId};

use super::*;

/// A request of a producer without transactions; the codec's default is an empty transactional id.
fn idempotent() -> InitProducerIdRequest {
    InitProducerIdRequest::default().with_transactional_id(None)
}

fn outcome(
    bench: &mut Bench<'_>,
    at: BrokerId,
    version: i16,
    request: &InitProducerIdRequest,
) -> (i16, i64, i16) {
    let response: InitProducerIdResponse = call(bench, at, version, request);
    (response.error_code, response.producer_id.0, response.producer_epoch)
}

#[test]
fn every_producer_gets_an_id_of_its_own_from_any_broker() {
    let mut bench = with_topics();
    let mut next = 0;
    for version in versions::<InitProducerIdRequest>() {
        for at in [B0, B1, B0] {
            assert_eq!(outcome(&mut bench, at, version, &idempotent()), (0, next, 0));
            next += 1;
        }
    }
}

#[test]
fn there_are_no_transactions() {
    let mut bench = with_topics();
    for version in versions::<InitProducerIdRequest>() {
        let cases = [
            ("x", 60_000, E::TransactionalIdAuthorizationFailed),
            ("", 60_000, E::InvalidRequest),
            ("x", 0, E::InvalidTransactionTimeout),
            ("x", 15 * 60 * 1_000 + 1, E::InvalidTransactionTimeout),
        ];
        for (id, timeout, error) in cases {
            let request = InitProducerIdRequest::default()
                .with_transactional_id(Some(TransactionalId(str_bytes(id))))
                .with_transaction_timeout_ms(timeout);
            let found = outcome(&mut bench, B0, version, &request);
            assert_eq!(found, (error.code(), -1, -1), "{id:?} {timeout} v{version}");
        }
    }
}

/// Versions 3 and up have these fields.
#[test]
fn an_id_without_its_epoch_is_invalid() {
    let mut bench = with_topics();
    let with = |id: i64, epoch| idempotent().with_producer_id(id.into()).with_producer_epoch(epoch);
    for version in 3..=5 {
        for request in [with(4, -1), with(-1, 0)] {
            let found = outcome(&mut bench, B0, version, &request);
            assert_eq!(found, (E::InvalidRequest.code(), -1, -1));
        }
        let (error, id, epoch) = outcome(&mut bench, B0, version, &with(400, 3));
        assert_eq!((error, epoch), (0, 0));
        assert_ne!(id, 400, "a producer without a transaction gets a new id");
    }
}
