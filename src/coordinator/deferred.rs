//! Responses that wait until the outcome of every record of their request is known (R3.3).

use std::collections::BTreeMap;

use crate::protocol::{Response, ResponseError};

use super::api::RequestId;

/// The entry of a response that reports the outcome of one record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// One partition of OffsetCommit, TxnOffsetCommit or OffsetDelete.
    Partition { topic: usize, partition: usize },
    /// One group of DeleteGroups, or one marker of WriteTxnMarkers with all its partitions.
    Item(usize),
}

/// The request whose response waits for a record, and the entry that reports its outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) request: RequestId,
    pub(super) entry: Entry,
}

/// The deferred responses, each written as if all its appends succeeded.
#[derive(Debug, Default)]
pub(super) struct DeferredResponses(BTreeMap<RequestId, Deferred>);

#[derive(Debug)]
struct Deferred {
    appends_left: usize,
    response: Response,
}

impl DeferredResponses {
    /// Keeps a response until its appends have completed.
    pub(super) fn defer(&mut self, request: RequestId, appends: usize, response: Response) {
        assert!(appends > 0, "{request:?} appended nothing and has nothing to wait for");
        self.0.insert(request, Deferred { appends_left: appends, response });
    }

    /// Completes one append, with an error if it failed; returns the response after the last.
    pub(super) fn complete(
        &mut self,
        ticket: Ticket,
        error: Option<ResponseError>,
    ) -> Option<Response> {
        let Some(deferred) = self.0.get_mut(&ticket.request) else {
            panic!("{:?} does not wait for an append", ticket.request);
        };
        if let Some(error) = error {
            refuse(&mut deferred.response, ticket.entry, error);
        }
        deferred.appends_left -= 1;
        match deferred.appends_left {
            0 => self.0.remove(&ticket.request).map(|deferred| deferred.response),
            _ => None,
        }
    }

    /// Returns every deferred response, failed as a whole.
    pub(super) fn abandon(&mut self, error: ResponseError) -> Vec<(RequestId, Response)> {
        let deferred = std::mem::take(&mut self.0).into_iter();
        let refused = deferred.map(|(request, Deferred { mut response, .. })| {
            refuse_all(&mut response, error);
            (request, response)
        });
        refused.collect()
    }
}

fn refuse_all(response: &mut Response, error: ResponseError) {
    for entry in entries(response) {
        refuse(response, entry, error);
    }
}

fn entries(response: &Response) -> Vec<Entry> {
    match response {
        Response::OffsetCommit(response) => {
            partitions(response.topics.iter().map(|t| t.partitions.len()))
        }
        Response::TxnOffsetCommit(response) => {
            partitions(response.topics.iter().map(|t| t.partitions.len()))
        }
        Response::OffsetDelete(response) => {
            partitions(response.topics.iter().map(|t| t.partitions.len()))
        }
        Response::DeleteGroups(response) => (0..response.results.len()).map(Entry::Item).collect(),
        Response::WriteTxnMarkers(response) => {
            (0..response.markers.len()).map(Entry::Item).collect()
        }
        other => panic!("{} does not wait for records", other.api()),
    }
}

/// The entries of all partitions, from the number of partitions in each topic.
fn partitions(counts: impl Iterator<Item = usize>) -> Vec<Entry> {
    let of_topic =
        |(topic, count)| (0..count).map(move |partition| Entry::Partition { topic, partition });
    counts.enumerate().flat_map(of_topic).collect()
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
