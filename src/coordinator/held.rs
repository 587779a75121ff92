//! Answers that wait until the fate of every record of their request is known (R3.3).

use std::collections::BTreeMap;

use crate::protocol::{Response, ResponseError};

use super::api::RequestId;

/// The place in an answer that tells what became of one record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// One partition of OffsetCommit, TxnOffsetCommit or OffsetDelete.
    Partition { topic: usize, partition: usize },
    /// One group of DeleteGroups, or one marker of WriteTxnMarkers with all its partitions.
    Item(usize),
}

/// Whose answer waits for a record, and where it says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) request: RequestId,
    pub(super) entry: Entry,
}

/// The answers that wait, each of them written as if all went well.
#[derive(Debug, Default)]
pub(super) struct HeldAnswers(BTreeMap<RequestId, Held>);

#[derive(Debug)]
struct Held {
    appends_left: usize,
    response: Response,
}

impl HeldAnswers {
    /// Keeps an answer until its appends are done.
    pub(super) fn hold(&mut self, request: RequestId, appends: usize, response: Response) {
        assert!(appends > 0, "{request:?} appended nothing and has nothing to wait for");
        self.0.insert(request, Held { appends_left: appends, response });
    }

    /// One append is done, well or with an error; gives the answer after the last.
    pub(super) fn done(
        &mut self,
        ticket: Ticket,
        error: Option<ResponseError>,
    ) -> Option<Response> {
        let Some(held) = self.0.get_mut(&ticket.request) else {
            panic!("{:?} does not wait for an append", ticket.request);
        };
        if let Some(error) = error {
            refuse(&mut held.response, ticket.entry, error);
        }
        held.appends_left -= 1;
        match held.appends_left {
            0 => self.0.remove(&ticket.request).map(|held| held.response),
            _ => None,
        }
    }

    /// Gives every answer that waits, refused as a whole.
    pub(super) fn abandon(&mut self, error: ResponseError) -> Vec<(RequestId, Response)> {
        let held = std::mem::take(&mut self.0).into_iter();
        let refused = held.map(|(request, Held { mut response, .. })| {
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
        Response::OffsetCommit(answer) => {
            partitions(answer.topics.iter().map(|t| t.partitions.len()))
        }
        Response::TxnOffsetCommit(answer) => {
            partitions(answer.topics.iter().map(|t| t.partitions.len()))
        }
        Response::OffsetDelete(answer) => {
            partitions(answer.topics.iter().map(|t| t.partitions.len()))
        }
        Response::DeleteGroups(answer) => (0..answer.results.len()).map(Entry::Item).collect(),
        Response::WriteTxnMarkers(answer) => (0..answer.markers.len()).map(Entry::Item).collect(),
        other => panic!("{} does not wait for records", other.api()),
    }
}

/// The places of all partitions, given how many there are in each topic.
fn partitions(counts: impl Iterator<Item = usize>) -> Vec<Entry> {
    let of_topic =
        |(topic, count)| (0..count).map(move |partition| Entry::Partition { topic, partition });
    counts.enumerate().flat_map(of_topic).collect()
}

fn refuse(response: &mut Response, entry: Entry, error: ResponseError) {
    let code = error.code();
    match (response, entry) {
        (Response::OffsetCommit(answer), Entry::Partition { topic, partition }) => {
            answer.topics[topic].partitions[partition].error_code = code;
        }
        (Response::TxnOffsetCommit(answer), Entry::Partition { topic, partition }) => {
            answer.topics[topic].partitions[partition].error_code = code;
        }
        (Response::OffsetDelete(answer), Entry::Partition { topic, partition }) => {
            answer.topics[topic].partitions[partition].error_code = code;
        }
        (Response::DeleteGroups(answer), Entry::Item(group)) => {
            answer.results[group].error_code = code;
        }
        (Response::WriteTxnMarkers(answer), Entry::Item(marker)) => {
            let topics = &mut answer.markers[marker].topics;
            topics.iter_mut().flat_map(|t| &mut t.partitions).for_each(|p| p.error_code = code);
        }
        (response, entry) => panic!("{} has no {entry:?}", response.api()),
    }
}
