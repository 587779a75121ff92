//! Coordinators with bugs in the end of a transaction.

use crate::coordinator::{GroupCoordinator, Record};
use crate::protocol::Request;

use super::interceptor::ResponseInterceptor;

/// Treats the ABORT of a transaction as a COMMIT: aborted offsets take effect. `no-loss` or
/// `durable` must catch it.
pub struct CommitsWhatWasAborted;

impl ResponseInterceptor for CommitsWhatWasAborted {
    fn request(&mut self, _inner: &dyn GroupCoordinator, request: &mut Request) {
        if let Request::WriteTxnMarkers(body) = request {
            body.markers.iter_mut().for_each(|marker| marker.transaction_result = true);
        }
    }
}

/// Treats a committed transaction as aborted when it replays the log: its offsets are gone after a
/// fail-over. `durable` must catch it.
pub struct LosesWhatWasCommitted;

impl ResponseInterceptor for LosesWhatWasCommitted {
    fn record(&mut self, record: &Record) -> Option<Record> {
        Some(match record {
            Record::TxnMarker { producer, .. } => {
                Record::TxnMarker { producer: *producer, committed: false }
            }
            other => other.clone(),
        })
    }
}
