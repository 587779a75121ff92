//! How requests are cut into parts by shard, and where the parts' answers go (rule R3.15).

use std::collections::BTreeMap;

use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse, WriteTxnMarkersRequest};

use crate::protocol::{
    GroupId, Request, RequestFrame, Response, ResponseError, TopicName, refusal,
};

use super::routing::Routing;
use super::topics::Topics;

/// The topic that the offsets log is to clients.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The places in the whole answer that a part's answer fills, in its order.
pub(super) type Places = Vec<usize>;

pub(super) struct Cut {
    /// The answer, as far as it does not depend on any shard.
    pub(super) answer: Response,
    pub(super) parts: Vec<Part>,
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
        Request::DeleteGroups(request) => {
            let part = |places: &Places| {
                request.clone().with_groups_names(chosen(&request.groups_names, places)).into()
            };
            let by_shard = by_shard(request.groups_names.iter(), routing);
            Cut { answer: refused(E::UnknownServerError), parts: parts(by_shard, part) }
        }
        Request::ListGroups(request) => {
            let everywhere = (0..partitions).map(|partition| (partition, Places::new())).collect();
            let answer = kafka_protocol::messages::ListGroupsResponse::default().into();
            Cut { answer, parts: parts(everywhere, |_| request.clone().into()) }
        }
        Request::WriteTxnMarkers(request) => cut_markers(request, refused, topics, partitions),
        Request::OffsetCommit(request) => {
            let answer = refused(E::UnknownTopicOrPartition);
            let mut rest = request.clone();
            let mut known = Known::new(topics);
            rest.topics.retain_mut(|topic| {
                topic.partitions.retain(|p| known.see(&topic.name, p.partition_index));
                !topic.partitions.is_empty()
            });
            known.cut(answer, routing.partition_of(&request.group_id), rest.into())
        }
        Request::TxnOffsetCommit(request) => {
            let answer = refused(E::UnknownTopicOrPartition);
            let mut rest = request.clone();
            let mut known = Known::new(topics);
            rest.topics.retain_mut(|topic| {
                topic.partitions.retain(|p| known.see(&topic.name, p.partition_index));
                !topic.partitions.is_empty()
            });
            known.cut(answer, routing.partition_of(&request.group_id), rest.into())
        }
        Request::OffsetDelete(request) => {
            let answer = all_unknown(request).into();
            let mut rest = request.clone();
            let mut known = Known::new(topics);
            rest.topics.retain_mut(|topic| {
                topic.partitions.retain(|p| known.see(&topic.name, p.partition_index));
                !topic.partitions.is_empty()
            });
            known.cut(answer, routing.partition_of(&request.group_id), rest.into())
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

/// Sorts the partitions of a request into those that exist and the others.
struct Known<'a> {
    topics: &'a Topics,
    seen: usize,
    places: Places,
}

impl<'a> Known<'a> {
    fn new(topics: &'a Topics) -> Known<'a> {
        Known { topics, seen: 0, places: Places::new() }
    }

    fn see(&mut self, topic: &TopicName, partition: i32) -> bool {
        let exists = self.topics.find(topic, partition).is_some();
        if exists {
            self.places.push(self.seen);
        }
        self.seen += 1;
        exists
    }

    /// A request of which nothing is left reaches no coordinator.
    fn cut(self, answer: Response, partition: usize, request: Request) -> Cut {
        let places = self.places;
        let parts = match places.is_empty() {
            true => Vec::new(),
            false => vec![Part { partition, request, places }],
        };
        Cut { answer, parts }
    }
}

fn all_unknown(request: &OffsetDeleteRequest) -> OffsetDeleteResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetDeleteResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(ResponseError::UnknownTopicOrPartition.code())
        });
        OffsetDeleteResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}

/// A marker goes to each partition of the offsets log that it names. For partitions of other topics, whose
/// records are in no transaction here, it means nothing and is taken.
fn cut_markers(
    request: &WriteTxnMarkersRequest,
    refused: impl Fn(ResponseError) -> Response,
    topics: &Topics,
    partitions: usize,
) -> Cut {
    let mut answer = refused(ResponseError::UnknownTopicOrPartition);
    let mut by_shard: BTreeMap<usize, (WriteTxnMarkersRequest, Places)> = BTreeMap::new();
    let mut codes = codes(&mut answer).into_iter().enumerate();
    for marker in &request.markers {
        for topic in &marker.topics {
            for &index in &topic.partition_indexes {
                let (place, code) = codes.next().expect("a code for each partition named");
                let shard = usize::try_from(index).ok().filter(|&index| index < partitions);
                if topic.name.as_str() != OFFSETS_TOPIC {
                    let exists = topics.find(&topic.name, index).is_some();
                    *code = if exists { 0 } else { *code };
                } else if let Some(shard) = shard {
                    let only = topic.clone().with_partition_indexes(vec![index]);
                    let (request, places) = by_shard.entry(shard).or_default();
                    request.markers.push(marker.clone().with_topics(vec![only]));
                    places.push(place);
                }
            }
        }
    }
    let part = |(partition, (request, places)): (usize, (WriteTxnMarkersRequest, Places))| Part {
        partition,
        request: request.into(),
        places,
    };
    let parts = by_shard.into_iter().map(part).collect();
    drop(codes);
    Cut { answer, parts }
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
        (whole, mut part) => {
            let mut whole = codes(whole);
            for (&place, code) in places.iter().zip(codes(&mut part)) {
                *whole[place] = *code;
            }
        }
    }
}

fn put<T>(whole: &mut [T], places: &Places, part: Vec<T>) {
    for (&place, answer) in places.iter().zip(part) {
        whole[place] = answer;
    }
}

/// The errors of the partitions of an answer, in order.
fn codes(answer: &mut Response) -> Vec<&mut i16> {
    match answer {
        Response::OffsetCommit(answer) => {
            let partitions = answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.map(|partition| &mut partition.error_code).collect()
        }
        Response::TxnOffsetCommit(answer) => {
            let partitions = answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.map(|partition| &mut partition.error_code).collect()
        }
        Response::OffsetDelete(answer) => {
            let partitions = answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.map(|partition| &mut partition.error_code).collect()
        }
        Response::WriteTxnMarkers(answer) => {
            let topics = answer.markers.iter_mut().flat_map(|marker| &mut marker.topics);
            let partitions = topics.flat_map(|topic| &mut topic.partitions);
            partitions.map(|partition| &mut partition.error_code).collect()
        }
        other => panic!("a {} response has no errors of partitions", other.api()),
    }
}
