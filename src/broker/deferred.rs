//! The responses that wait for the high watermark, and the write timeouts of requests whose records
//! are not committed in time (rules R3.2, R3.9).
//!
//! A watermark here is a number of appends in the term, as in [`super::appends`]. All lists are
//! ordered by watermark.

use std::collections::{BTreeSet, VecDeque};

use crate::coordinator::RequestId;
use crate::protocol::{Request, Response};
use crate::time::Time;

#[derive(Default)]
pub(super) struct DeferredResponses {
    responses: VecDeque<(u64, RequestId, Response)>,
    /// The timeouts of requests that were handled while appends were uncommitted: when each
    /// expires, and the watermark that ends it. Some of these requests already have a response.
    writes: VecDeque<(Time, u64, RequestId)>,
    /// Requests to which the broker responded without the coordinator. The coordinator does not
    /// know and will respond too.
    abandoned: BTreeSet<RequestId>,
}

impl DeferredResponses {
    /// Keeps a response until `watermark` appends are committed.
    pub(super) fn defer(&mut self, watermark: u64, to: RequestId, response: Response) {
        self.responses.push_back((watermark, to, response));
    }

    /// Starts the write timeout of a request: it expires at `until`, unless `watermark` appends are
    /// committed before.
    pub(super) fn start_timeout(&mut self, until: Time, watermark: u64, request: RequestId) {
        self.writes.push_back((until, watermark, request));
    }

    /// The next response that no longer has to wait.
    pub(super) fn release_next(&mut self, committed: u64) -> Option<(RequestId, Response)> {
        while self.writes.front().is_some_and(|&(_, watermark, _)| watermark <= committed) {
            self.writes.pop_front();
        }
        self.responses.front().filter(|&&(watermark, ..)| watermark <= committed)?;
        self.responses.pop_front().map(|(_, to, response)| (to, response))
    }

    /// Takes out the requests that wait for more than `appended` appends: the rest of their batch
    /// has failed and will never be committed. Returns first those whose response was deferred,
    /// then the others, some of which already have a response.
    pub(super) fn fail_beyond(&mut self, appended: u64) -> (Vec<RequestId>, Vec<RequestId>) {
        let deferred = self.responses.partition_point(|&(watermark, ..)| watermark <= appended);
        let writes = self.writes.partition_point(|&(_, watermark, _)| watermark <= appended);
        let deferred = self.responses.drain(deferred..).map(|(_, id, _)| id).collect();
        (deferred, self.writes.drain(writes..).map(|(.., id)| id).collect())
    }

    /// Takes out a request whose write timeout has expired.
    pub(super) fn timed_out(&mut self, now: Time) -> Option<RequestId> {
        self.writes.front().filter(|&&(until, ..)| until <= now)?;
        self.writes.pop_front().map(|(.., request)| request)
    }

    /// Records that the broker responded to the request without the coordinator.
    pub(super) fn abandon(&mut self, request: RequestId) {
        self.abandoned.insert(request);
    }

    /// Whether the broker has already responded to the request without the coordinator. Ends that
    /// record.
    pub(super) fn was_abandoned(&mut self, request: RequestId) -> bool {
        self.abandoned.remove(&request)
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.writes.front().map(|&(until, ..)| until)
    }
}

/// Whether Kafka runs the request as a write operation, which times out after
/// `offsets.commit.timeout.ms`. A transaction marker is one too, but waits as long as its sender
/// does.
pub(super) fn is_write(request: &Request) -> bool {
    match request {
        Request::JoinGroup(_)
        | Request::SyncGroup(_)
        | Request::Heartbeat(_)
        | Request::LeaveGroup(_)
        | Request::OffsetCommit(_)
        | Request::TxnOffsetCommit(_)
        | Request::OffsetDelete(_)
        | Request::DeleteGroups(_) => true,
        Request::OffsetFetch(request) => request.require_stable,
        Request::DescribeGroups(_)
        | Request::ListGroups(_)
        | Request::WriteTxnMarkers(_)
        | Request::Produce(_)
        | Request::Fetch(_)
        | Request::ListOffsets(_)
        | Request::Metadata(_)
        | Request::InitProducerId(_)
        | Request::DescribeConfigs(_)
        | Request::FindCoordinator(_) => false,
    }
}
