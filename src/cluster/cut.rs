//! How requests are cut into parts by shard, and where the parts' answers go (rule R3.15).

use std::collections::BTreeMap;

use kafka_protocol::messages::{
    OffsetCommitResponse, OffsetDeleteResponse, TxnOffsetCommitResponse,
};

use crate::protocol::{GroupId, IndexSet, Request, RequestFrame, Response, ResponseError, refusal};

use super::markers;
use super::partial::{merge, refuse_missing};
use super::routing::Routing;
use super::topics::Topics;

/// The places in the whole answer that a part's answer fills, in its order.
pub(super) type Places = Vec<usize>;

pub(super) struct Cut {
    /// The answer, as far as it does not depend on any shard.
    pub(super) answer: Response,
    pub(super) parts: Vec<Part>,
}

impl Cut {
    fn of(answer: impl Into<Response>, part: Option<Part>) -> Cut {
        Cut { answer: answer.into(), parts: part.into_iter().collect() }
    }
}

pub(super) struct Part {
    pub(super) partition: usize,
    pub(super) request: Request,
    pub(super) places: Places,
}

/// Cuts a request into what each shard has to answer of it.
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
            let by_shard = by_shard(request.groups.iter().map(|asked| &asked.group_id), routing);
            let part = |places: &Places| {
                request.clone().with_groups(chosen(&request.groups, places)).into()
            };
            Cut { answer: refused(E::UnknownServerError), parts: parts(by_shard, part) }
        }
        Request::DescribeGroups(request) => {
            let part = |places: &Places| {
                request.clone().with_groups(chosen(&request.groups, places)).into()
            };
            let by_shard = by_shard(request.groups.iter(), routing);
            Cut { answer: refused(E::UnknownServerError), parts: parts(by_shard, part) }
        }
        // A group named twice is deleted once, and answered once.
        Request::DeleteGroups(request) => {
            let once: IndexSet<&GroupId> = request.groups_names.iter().collect();
            let request = &request.clone().with_groups_names(once.into_iter().cloned().collect());
            let answer = refusal(&request.clone().into(), frame.version, E::UnknownServerError);
            let part = |places: &Places| {
                request.clone().with_groups_names(chosen(&request.groups_names, places)).into()
            };
            let by_shard = by_shard(request.groups_names.iter(), routing);
            Cut { answer, parts: parts(by_shard, part) }
        }
        Request::ListGroups(request) => {
            let everywhere = (0..partitions).map(|partition| (partition, Places::new())).collect();
            let answer = kafka_protocol::messages::ListGroupsResponse::default().into();
            Cut { answer, parts: parts(everywhere, |_| request.clone().into()) }
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
        // Whether the group may be asked at all comes before its partitions, be there any left or not.
        Request::OffsetDelete(request) => {
            let mut rest = request.clone();
            let refused = refuse_missing(&mut rest.topics, topics);
            let part = whole_part(routing.partition_of(&request.group_id), rest);
            Cut::of(OffsetDeleteResponse::default().with_topics(refused), Some(part))
        }
        other => panic!("a {} request is for one shard as a whole", other.api()),
    }
}

/// The places of the groups of each shard.
fn by_shard<'a>(
    groups: impl Iterator<Item = &'a GroupId>,
    routing: &mut Routing,
) -> BTreeMap<usize, Places> {
    let mut by_shard: BTreeMap<usize, Places> = BTreeMap::new();
    for (place, group) in groups.enumerate() {
        by_shard.entry(routing.partition_of(group)).or_default().push(place);
    }
    by_shard
}

fn chosen<T: Clone>(from: &[T], places: &Places) -> Vec<T> {
    places.iter().map(|&place| from[place].clone()).collect()
}

fn parts(by_shard: BTreeMap<usize, Places>, request: impl Fn(&Places) -> Request) -> Vec<Part> {
    let part = |(partition, places)| Part { partition, request: request(&places), places };
    by_shard.into_iter().map(part).collect()
}

/// A part whose answer concerns the answer as a whole.
fn whole_part(partition: usize, request: impl Into<Request>) -> Part {
    Part { partition, request: request.into(), places: Places::new() }
}

/// Puts a part's answer in its places.
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
        // One shard that is not ready is enough to fail the whole.
        (Response::ListGroups(whole), Response::ListGroups(part)) => {
            if whole.error_code == 0 && part.error_code == 0 {
                whole.groups.extend(part.groups);
            } else if whole.error_code == 0 {
                whole.error_code = part.error_code;
                whole.groups.clear();
            }
        }
        // So is an error of the group as a whole.
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
        (whole, part) => panic!("a part of {} is answered by {}", whole.api(), part.api()),
    }
}

fn put<T>(whole: &mut [T], places: &Places, part: Vec<T>) {
    for (&place, answer) in places.iter().zip(part) {
        whole[place] = answer;
    }
}
