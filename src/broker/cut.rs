//! How requests are cut into one part for each partition of the offsets log, and how the responses
//! to the parts form the whole response (rule R3.15).

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    OffsetCommitResponse, OffsetDeleteResponse, TxnOffsetCommitResponse,
};

use crate::protocol::{GroupId, IndexSet, Request, RequestFrame, Response, ResponseError, refusal};

use super::markers;
use super::partial::{merge, refuse_missing};
use super::routing::Routing;
use super::topics::Topics;

/// The indexes in the whole response that a part's response fills, in its order.
pub(super) type Places = Vec<usize>;

pub(super) struct Cut {
    /// The part of the response that no coordinator contributes to.
    pub(super) response: Response,
    pub(super) parts: Vec<Part>,
}

impl Cut {
    fn of(response: impl Into<Response>, part: Option<Part>) -> Cut {
        Cut { response: response.into(), parts: part.into_iter().collect() }
    }
}

pub(super) struct Part {
    pub(super) partition: usize,
    pub(super) request: Request,
    pub(super) places: Places,
}

/// Cuts a request into one part for each partition of the offsets log that it concerns.
pub(super) fn cut(
    frame: &RequestFrame,
    routing: &mut Routing,
    topics: &Topics,
    partitions: usize,
) -> Cut {
    use ResponseError as E;
    let refused = |error| refusal(&frame.body, frame.version, error);
    match &frame.body {
        Request::OffsetFetch(request) => {
            let by_partition =
                by_partition(request.groups.iter().map(|group| &group.group_id), routing);
            let part = |places: &Places| {
                request.clone().with_groups(chosen(&request.groups, places)).into()
            };
            Cut { response: refused(E::UnknownServerError), parts: parts(by_partition, part) }
        }
        Request::DescribeGroups(request) => {
            let part = |places: &Places| {
                request.clone().with_groups(chosen(&request.groups, places)).into()
            };
            let by_partition = by_partition(request.groups.iter(), routing);
            Cut { response: refused(E::UnknownServerError), parts: parts(by_partition, part) }
        }
        // A group that is named twice is deleted once and has one entry in the response.
        Request::DeleteGroups(request) => {
            let once: IndexSet<&GroupId> = request.groups_names.iter().collect();
            let request = &request.clone().with_groups_names(once.into_iter().cloned().collect());
            let response = refusal(&request.clone().into(), frame.version, E::UnknownServerError);
            let part = |places: &Places| {
                request.clone().with_groups_names(chosen(&request.groups_names, places)).into()
            };
            let by_partition = by_partition(request.groups_names.iter(), routing);
            Cut { response, parts: parts(by_partition, part) }
        }
        Request::ListGroups(request) => {
            let everywhere = (0..partitions).map(|partition| (partition, Places::new())).collect();
            let response = kafka_protocol::messages::ListGroupsResponse::default().into();
            Cut { response, parts: parts(everywhere, |_| request.clone().into()) }
        }
        Request::WriteTxnMarkers(request) => markers::cut(request, topics, partitions),
        Request::OffsetCommit(request) => {
            let mut rest = request.clone();
            let refused = refuse_missing(&mut rest.topics, topics);
            let partition = routing.partition_of(&request.group_id);
            let part = (!rest.topics.is_empty()).then(|| whole_part(partition, rest));
            Cut::of(OffsetCommitResponse::default().with_topics(refused), part)
        }
        Request::TxnOffsetCommit(request) => {
            let mut rest = request.clone();
            let refused = refuse_missing(&mut rest.topics, topics);
            let partition = routing.partition_of(&request.group_id);
            let part = (!rest.topics.is_empty()).then(|| whole_part(partition, rest));
            Cut::of(TxnOffsetCommitResponse::default().with_topics(refused), part)
        }
        // The coordinator checks the group before the partitions, so it receives the request even
        // if no partition remains.
        Request::OffsetDelete(request) => {
            let mut rest = request.clone();
            let refused = refuse_missing(&mut rest.topics, topics);
            let part = whole_part(routing.partition_of(&request.group_id), rest);
            Cut::of(OffsetDeleteResponse::default().with_topics(refused), Some(part))
        }
        other => panic!("a {} request is never cut", other.api()),
    }
}

/// The indexes of the groups in each partition of the offsets log.
fn by_partition<'a>(
    groups: impl Iterator<Item = &'a GroupId>,
    routing: &mut Routing,
) -> BTreeMap<usize, Places> {
    let mut by_partition: BTreeMap<usize, Places> = BTreeMap::new();
    for (place, group) in groups.enumerate() {
        by_partition.entry(routing.partition_of(group)).or_default().push(place);
    }
    by_partition
}

fn chosen<T: Clone>(from: &[T], places: &Places) -> Vec<T> {
    places.iter().map(|&place| from[place].clone()).collect()
}

fn parts(by_partition: BTreeMap<usize, Places>, request: impl Fn(&Places) -> Request) -> Vec<Part> {
    let part = |(partition, places)| Part { partition, request: request(&places), places };
    by_partition.into_iter().map(part).collect()
}

/// A part whose response concerns the whole response.
fn whole_part(partition: usize, request: impl Into<Request>) -> Part {
    Part { partition, request: request.into(), places: Places::new() }
}

/// Puts the response to a part into its places.
pub(super) fn fill(whole: &mut Response, places: &Places, part: Response) {
    match (whole, part) {
        (Response::OffsetFetch(whole), Response::OffsetFetch(part)) => {
            put(&mut whole.groups, places, part.groups);
        }
        (Response::DescribeGroups(whole), Response::DescribeGroups(part)) => {
            put(&mut whole.groups, places, part.groups);
        }
        (Response::DeleteGroups(whole), Response::DeleteGroups(part)) => {
            put(&mut whole.results, places, part.results);
        }
        // If one partition of the offsets log is not ready, the whole response fails.
        (Response::ListGroups(whole), Response::ListGroups(part)) => {
            if whole.error_code == 0 && part.error_code == 0 {
                whole.groups.extend(part.groups);
            } else if whole.error_code == 0 {
                whole.error_code = part.error_code;
                whole.groups.clear();
            }
        }
        // So does an error of the group.
        (Response::OffsetDelete(whole), Response::OffsetDelete(part)) if part.error_code != 0 => {
            *whole = part;
        }
        (Response::OffsetDelete(whole), Response::OffsetDelete(part)) => {
            merge(&mut whole.topics, part.topics);
        }
        (Response::OffsetCommit(whole), Response::OffsetCommit(part)) => {
            merge(&mut whole.topics, part.topics);
        }
        (Response::TxnOffsetCommit(whole), Response::TxnOffsetCommit(part)) => {
            merge(&mut whole.topics, part.topics);
        }
        (Response::WriteTxnMarkers(whole), Response::WriteTxnMarkers(part)) => {
            markers::fill(whole, part);
        }
        (whole, part) => {
            panic!("a part of a {} request got a {} response", whole.api(), part.api())
        }
    }
}

fn put<T>(whole: &mut [T], places: &Places, part: Vec<T>) {
    for (&place, response) in places.iter().zip(part) {
        whole[place] = response;
    }
}
