//! Coordinators that get the end of a transaction wrong.

use crate::coordinator::{GroupCoordinator, Record};
use crate::protocol::Request;

use super::bent::Bend;

/// Takes the ABORT of a transaction for a COMMIT: what was taken back counts. `no-loss` or `durable` must catch it.
pub struct CommitsWhatWasAborted;

impl Bend for CommitsWhatWasAborted {
    fn request(&mut self, _inner: &dyn GroupCoordinator, request: &mut Request) {
        if let Request::WriteTxnMarkers(body) = request {
            body.markers.iter_mut().for_each(|marker| marker.transaction_result = true);
        }
    }
}

/// Passes over the marker of a transaction that has committed when it replays the log, as if it had been aborted:
/// its offsets are gone after a fail-over. `durable` must catch it.
pub struct LosesWhatWasCommitted;

impl Bend for LosesWhatWasCommitted {
    fn record(&mut self, record: &Record) -> Option<Record> {
        Some(match record {
            Record::TxnMarker { producer, .. } => {
                Record::TxnMarker { producer: *producer, committed: false }
            }
            other => other.clone(),
        })
    }
}
