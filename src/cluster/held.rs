//! Who waits for the high watermark: responses that may leave only when something is durable, and requests
//! that run into the write timeout because it is not (rules R3.2, R3.9).
//!
//! A watermark here is a number of appends of the term, as in [`super::appends`]. All lists are in the order
//! of their watermarks.

use std::collections::{BTreeSet, VecDeque};

use crate::coordinator::RequestId;
use crate::protocol::{Request, Response};
use crate::time::Time;

#[derive(Default)]
pub(super) struct Held {
    responses: VecDeque<(u64, RequestId, Response)>,
    /// Requests that were handled when the log was behind: when their write timeout is over, and the
    /// watermark that ends the wait for it. Some have been answered since.
    writes: VecDeque<(Time, u64, RequestId)>,
    /// Answered without the coordinator, which does not know and will answer them too.
    abandoned: BTreeSet<RequestId>,
}

impl Held {
    /// Keeps a response until `watermark` appends are committed.
    pub(super) fn hold(&mut self, watermark: u64, to: RequestId, response: Response) {
        self.responses.push_back((watermark, to, response));
    }

    /// The write timeout of a request is over at `until`, unless `watermark` appends are committed before.
    pub(super) fn watch(&mut self, until: Time, watermark: u64, request: RequestId) {
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

    /// Takes out whoever waits for more than `appended`: the rest of the batch they waited for has failed,
    /// and no append will ever bring it. First those whose answer was held, then the others, some of whom
    /// have been answered.
    pub(super) fn fail_beyond(&mut self, appended: u64) -> (Vec<RequestId>, Vec<RequestId>) {
        let held = self.responses.partition_point(|&(watermark, ..)| watermark <= appended);
        let writes = self.writes.partition_point(|&(_, watermark, _)| watermark <= appended);
        let held = self.responses.drain(held..).map(|(_, id, _)| id).collect();
        (held, self.writes.drain(writes..).map(|(.., id)| id).collect())
    }

    /// A request whose write timeout is over.
    pub(super) fn timed_out(&mut self, now: Time) -> Option<RequestId> {
        self.writes.front().filter(|&&(until, ..)| until <= now)?;
        self.writes.pop_front().map(|(.., request)| request)
    }

    /// The request was answered without the coordinator.
    pub(super) fn abandon(&mut self, request: RequestId) {
        self.abandoned.insert(request);
    }

    /// Whether this answer of the coordinator comes too late.
    pub(super) fn was_abandoned(&mut self, request: RequestId) -> bool {
        self.abandoned.remove(&request)
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.writes.front().map(|&(until, ..)| until)
    }
}

/// Whether Kafka runs the request as a write operation, which times out after `offsets.commit.timeout.ms`. The
/// marker of a transaction is one too, but waits for as long as its sender does.
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
