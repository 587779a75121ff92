//! Responses about offsets.

use kafka_protocol::messages::{
    OffsetCommitResponse, OffsetDeleteResponse, OffsetFetchResponse, TopicName,
};

use super::{ResponseContext, by_topic, error, sorted};
use crate::conform::session::head;
use crate::protocol::StrBytes;

pub fn offset_commit(response: &OffsetCommitResponse, context: &mut ResponseContext<'_>) -> String {
    let topics = response.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let results = partitions.map(|one| (one.partition_index, error(one.error_code)));
        (topic.name.to_string(), results.collect())
    });
    match context.is_full() {
        true => format!("OffsetCommit [{}]", by_topic(context.detail, topics.collect())),
        false => format!("OffsetCommit {}", results(topics)),
    }
}

/// The results of all partitions, without their topics.
pub(super) fn results(topics: impl Iterator<Item = (String, Vec<(i32, String)>)>) -> String {
    let results = topics.flat_map(|(_, partitions)| partitions).map(|(_, result)| result);
    results.collect::<Vec<_>>().join(" ")
}

pub fn offset_delete(response: &OffsetDeleteResponse, context: &mut ResponseContext<'_>) -> String {
    let topics = response.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let results = partitions.map(|one| (one.partition_index, error(one.error_code)));
        (topic.name.to_string(), results.collect())
    });
    let results = match context.is_full() {
        true => by_topic(context.detail, topics.collect()),
        false => results(topics),
    };
    format!("OffsetDelete {} [{results}]", error(response.error_code))
}

/// The offset of one partition.
struct Fetched<'a> {
    partition: i32,
    offset: i64,
    epoch: i32,
    metadata: &'a Option<StrBytes>,
    error: i16,
}

impl Fetched<'_> {
    fn short(&self) -> String {
        format!("{}:{}", error(self.error), self.offset)
    }

    fn full(&self) -> String {
        const LONGEST: usize = 20;
        let metadata = match self.metadata {
            None => "null".to_owned(),
            Some(text) if text.len() > LONGEST => format!("\"{}~{}\"", head(text, 4), text.len()),
            Some(text) => format!("{:?}", text.as_str()),
        };
        let (partition, error) = (self.partition, error(self.error));
        format!("{partition}={error}:{}/{}/{metadata}", self.offset, self.epoch)
    }
}

/// Old and new versions have different structs with the same fields.
macro_rules! fetched {
    ($topics:expr) => {
        $topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|one| Fetched {
                partition: one.partition_index,
                offset: one.committed_offset,
                epoch: one.committed_leader_epoch,
                metadata: &one.metadata,
                error: one.error_code,
            });
            (&topic.name, partitions.collect())
        })
    };
}

pub fn offset_fetch(response: &OffsetFetchResponse, context: &mut ResponseContext<'_>) -> String {
    if context.version < 8 {
        let (code, topics) = (error(response.error_code), fetched!(response.topics));
        return match context.is_full() {
            true => format!("OffsetFetch {code}[{}]", full(topics)),
            false => format!("OffsetFetch {code} [{}]", short(topics)),
        };
    }
    let groups = response.groups.iter().map(|group| {
        let (code, topics) = (error(group.error_code), fetched!(group.topics));
        match context.is_full() {
            true => {
                let name = context.session.group_name(&group.group_id);
                format!("{name}={code}[{}]", full(topics))
            }
            false => format!("OffsetFetch {code} [{}]", short(topics)),
        }
    });
    let groups = groups.collect::<Vec<_>>().join(" ");
    match context.is_full() {
        true => format!("OffsetFetch {groups}"),
        false => groups,
    }
}

type Topics<'a> = (&'a TopicName, Vec<Fetched<'a>>);

fn short<'a>(topics: impl Iterator<Item = Topics<'a>>) -> String {
    let all = topics.flat_map(|(_, partitions)| partitions).map(|fetched| fetched.short());
    all.collect::<Vec<_>>().join(" ")
}

fn full<'a>(topics: impl Iterator<Item = Topics<'a>>) -> String {
    let topics = topics.map(|(name, mut partitions)| {
        partitions.sort_by_key(|fetched| fetched.partition);
        let each: Vec<String> = partitions.iter().map(Fetched::full).collect();
        format!("{}:{}", name.as_str(), each.join(","))
    });
    sorted(topics.collect()).join(" ")
}
