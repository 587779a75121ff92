//! What a coordinator knows of the cluster's topics: an image of all of them, and its changes.

use std::collections::BTreeMap;

use crate::protocol::{StrBytes, TopicName, Uuid};

/// All topics of the cluster. An image that a paused broker receives late may contain later changes
/// than the one that it comes with. The racks are those at the last change of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataImage {
    /// The topics by name.
    pub topics: BTreeMap<TopicName, TopicImage>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// Its id: a later topic of the same name has another one (KIP-516).
    pub id: Uuid,
    /// The number of its partitions.
    pub partitions: i32,
    /// The racks of each partition's replicas, in order and without duplicates; empty if no broker
    /// has a rack.
    pub racks: Vec<Vec<StrBytes>>,
}

impl TopicImage {
    /// The racks of a partition's replicas.
    pub fn racks_of(&self, partition: i32) -> &[StrBytes] {
        let index = usize::try_from(partition).ok();
        index.and_then(|index| self.racks.get(index)).map_or(&[], Vec::as_slice)
    }
}

/// The change of a topic that leads to a new image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicChange {
    /// The topic has more partitions than before.
    Grown(TopicName),
    /// The topic was deleted. The image no longer has it, unless another topic of the name exists.
    Deleted(TopicName),
}

impl TopicChange {
    /// The topic that has changed.
    pub fn topic(&self) -> &TopicName {
        match self {
            TopicChange::Grown(topic) | TopicChange::Deleted(topic) => topic,
        }
    }
}
