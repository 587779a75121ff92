//! The responses of one term that wait for the log, and the write timeouts of their requests (rules
//! R3.2, R3.3, R3.9).
//!
//! A response waits for the high watermark, until everything that was appended before it is
//! committed; or it waits for the records of its own request, until the outcome of each is known. A
//! watermark here is a number of appends in the term. The host of a coordinator keeps this; it does
//! not send anything and does not know the log.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::coordinator::api::{Entry, RequestId, Ticket};
use crate::protocol::{Response, ResponseError};
use crate::time::Time;

#[derive(Debug, Default)]
pub(crate) struct DeferredResponses {
    /// The responses that wait for the high watermark, ordered by it.
    by_watermark: VecDeque<(u64, RequestId, Response)>,
    by_record: BTreeMap<RequestId, PerRecord>,
    /// The timeouts of requests that were handled while appends were uncommitted, ordered by
    /// watermark: when each expires, and the watermark that ends it. Some of these requests already
    /// have a response.
    timeouts: VecDeque<(Time, u64, RequestId)>,
    /// Requests to which the host responded without the coordinator. The coordinator does not know
    /// and will respond too.
    abandoned: BTreeSet<RequestId>,
}

/// A response that waits for the records of its request, written as if none were refused.
#[derive(Debug)]
struct PerRecord {
    records_left: usize,
    response: Response,
}

impl DeferredResponses {
    /// Keeps a response until `watermark` appends are committed.
    pub(crate) fn until_committed(&mut self, watermark: u64, to: RequestId, response: Response) {
        let last = self.by_watermark.back().map_or(0, |(last, ..)| *last);
        assert!(last <= watermark, "the response to {to:?} waits for {watermark}, after {last}");
        self.by_watermark.push_back((watermark, to, response));
    }

    /// Keeps a response until the outcome of that many records is known.
    pub(crate) fn until_known(&mut self, records: usize, to: RequestId, response: Response) {
        assert!(records > 0, "{to:?} has no records to wait for");
        let deferred = PerRecord { records_left: records, response };
        let earlier = self.by_record.insert(to, deferred);
        assert!(earlier.is_none(), "{to:?} has two responses, the first is {earlier:?}");
    }

    /// Notes the outcome of one record: the error of a refused one is written into the response.
    /// Returns the response after the last record.
    pub(crate) fn outcome(&mut self, of: Ticket, error: Option<ResponseError>) -> Option<Response> {
        let Some(deferred) = self.by_record.get_mut(&of.request) else {
            panic!("{:?} does not wait for a record", of.request);
        };
        if let Some(error) = error {
            refuse(&mut deferred.response, of.entry, error);
        }
        assert!(deferred.records_left > 0, "{:?} waits for nothing", of.request);
        deferred.records_left -= 1;
        match deferred.records_left {
            0 => self.by_record.remove(&of.request).map(|deferred| deferred.response),
            _ => None,
        }
    }

    /// Whether the response to a request waits for its records.
    #[cfg(test)]
    pub(crate) fn awaits_records(&self, request: RequestId) -> bool {
        self.by_record.contains_key(&request)
    }

    /// The next response that no longer has to wait for the high watermark.
    pub(crate) fn release_next(&mut self, committed: u64) -> Option<(RequestId, Response)> {
        while self.timeouts.front().is_some_and(|&(_, watermark, _)| watermark <= committed) {
            self.timeouts.pop_front();
        }
        self.by_watermark.front().filter(|&&(watermark, ..)| watermark <= committed)?;
        self.by_watermark.pop_front().map(|(_, to, response)| (to, response))
    }

    /// Takes out the requests that wait for more than `appended` appends: the rest of their batch
    /// has failed and will never be committed. Returns first those whose response waited for the
    /// high watermark, then the others, some of which already have a response.
    pub(crate) fn fail_beyond(&mut self, appended: u64) -> (Vec<RequestId>, Vec<RequestId>) {
        let deferred = self.by_watermark.partition_point(|&(watermark, ..)| watermark <= appended);
        let timeouts = self.timeouts.partition_point(|&(_, watermark, _)| watermark <= appended);
        let deferred = self.by_watermark.drain(deferred..).map(|(_, id, _)| id).collect();
        (deferred, self.timeouts.drain(timeouts..).map(|(.., id)| id).collect())
    }

    /// Starts the write timeout of a request: it expires at `until`, unless `watermark` appends are
    /// committed before.
    pub(crate) fn start_timeout(&mut self, until: Time, watermark: u64, request: RequestId) {
        let last = self.timeouts.back().map_or(0, |&(_, last, _)| last);
        assert!(last <= watermark, "{request:?} times out at {watermark}, after {last}");
        self.timeouts.push_back((until, watermark, request));
    }

    /// Takes out a request whose write timeout has expired.
    pub(crate) fn timed_out(&mut self, now: Time) -> Option<RequestId> {
        self.timeouts.front().filter(|&&(until, ..)| until <= now)?;
        self.timeouts.pop_front().map(|(.., request)| request)
    }

    /// When the next write timeout expires.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.timeouts.front().map(|&(until, ..)| until)
    }

    /// Records that the host responded to the request without the coordinator.
    pub(crate) fn abandon(&mut self, request: RequestId) {
        let is_first = self.abandoned.insert(request);
        assert!(is_first, "the host responded to {request:?} twice");
    }

    /// Whether the host has already responded to the request without the coordinator. Ends that
    /// record.
    pub(crate) fn was_abandoned(&mut self, request: RequestId) -> bool {
        self.abandoned.remove(&request)
    }
}

fn refuse(response: &mut Response, entry: Entry, error: ResponseError) {
    let code = error.code();
    match (response, entry) {
        (Response::OffsetCommit(response), Entry::Partition { topic, partition }) => {
            response.topics[topic].partitions[partition].error_code = code;
        }
        (Response::TxnOffsetCommit(response), Entry::Partition { topic, partition }) => {
            response.topics[topic].partitions[partition].error_code = code;
        }
        (Response::OffsetDelete(response), Entry::Partition { topic, partition }) => {
            response.topics[topic].partitions[partition].error_code = code;
        }
        (Response::DeleteGroups(response), Entry::Item(group)) => {
            response.results[group].error_code = code;
        }
        (Response::WriteTxnMarkers(response), Entry::Item(marker)) => {
            let topics = &mut response.markers[marker].topics;
            topics.iter_mut().flat_map(|t| &mut t.partitions).for_each(|p| p.error_code = code);
        }
        (response, entry) => panic!("{} has no {entry:?}", response.api()),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
    use kafka_protocol::messages::{DeleteGroupsResponse, HeartbeatResponse};

    use super::*;
    use crate::protocol::ResponseError as E;

    const FIRST: RequestId = RequestId(1);
    const SECOND: RequestId = RequestId(2);

    fn beat() -> Response {
        HeartbeatResponse::default().into()
    }

    fn deleted(groups: usize) -> Response {
        let results = vec![DeletableGroupResult::default(); groups];
        DeleteGroupsResponse::default().with_results(results).into()
    }

    /// R3.3.
    #[test]
    fn a_response_has_the_outcome_of_each_of_its_records() {
        let mut deferred = DeferredResponses::default();
        deferred.until_known(3, FIRST, deleted(2));
        let ticket = |group| Ticket { request: FIRST, entry: Entry::Item(group) };
        assert_eq!(deferred.outcome(ticket(0), None), None);
        assert_eq!(deferred.outcome(ticket(1), Some(E::NotCoordinator)), None);
        let Some(Response::DeleteGroups(response)) = deferred.outcome(ticket(1), None) else {
            panic!("the outcome of all three is known")
        };
        let codes: Vec<i16> = response.results.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [0, E::NotCoordinator.code()]);
    }

    /// R3.2.
    #[test]
    fn a_response_waits_for_what_was_appended_before_it() {
        let mut deferred = DeferredResponses::default();
        deferred.until_committed(1, FIRST, beat());
        deferred.until_committed(3, SECOND, beat());
        assert_eq!(deferred.release_next(0), None);
        assert_eq!(deferred.release_next(2), Some((FIRST, beat())));
        assert_eq!(deferred.release_next(2), None);
        assert_eq!(deferred.release_next(3), Some((SECOND, beat())));
    }

    /// R3.8: what is refused takes along all that waits for it, and nothing before it.
    #[test]
    fn a_refused_batch_fails_the_requests_that_wait_for_it() {
        let mut deferred = DeferredResponses::default();
        deferred.until_committed(1, FIRST, beat());
        deferred.until_committed(2, SECOND, beat());
        deferred.start_timeout(Time::from_micros(9), 1, FIRST);
        deferred.start_timeout(Time::from_micros(9), 2, SECOND);
        assert_eq!(deferred.fail_beyond(1), (vec![SECOND], vec![SECOND]));
        assert_eq!(deferred.release_next(1), Some((FIRST, beat())));
        assert_eq!(deferred.next_deadline(), None, "the high watermark has passed");
    }

    /// R3.9.
    #[test]
    fn a_timeout_expires_once_unless_the_high_watermark_passes() {
        let mut deferred = DeferredResponses::default();
        deferred.start_timeout(Time::from_micros(5), 1, FIRST);
        deferred.start_timeout(Time::from_micros(6), 2, SECOND);
        assert_eq!(deferred.release_next(1), None);
        assert_eq!(deferred.timed_out(Time::from_micros(5)), None);
        assert_eq!(deferred.timed_out(Time::from_micros(6)), Some(SECOND));
        assert_eq!(deferred.timed_out(Time::from_micros(6)), None);
        deferred.abandon(SECOND);
        assert!(deferred.was_abandoned(SECOND) && !deferred.was_abandoned(SECOND));
    }
}
