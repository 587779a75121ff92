//! Topics with their ids, which all brokers share.

use crate::protocol::{IndexMap, ResponseError, TopicName, TopicPartition, Uuid};
use crate::rng::Rng;

use super::log::Log;

#[derive(Default)]
pub(super) struct Topics {
    topics: IndexMap<TopicName, Topic>,
    names: IndexMap<Uuid, TopicName>,
    /// How many topics were ever created.
    created: u64,
}

pub(super) struct Topic {
    /// Unique: a later topic of the same name has another id (KIP-516).
    pub(super) id: Uuid,
    logs: Vec<Log>,
}

/// How a request names a topic: newer versions have the id only.
#[derive(Clone, Copy)]
pub(super) enum TopicKey<'a> {
    Name(&'a TopicName),
    Id(Uuid),
}

impl<'a> TopicKey<'a> {
    /// The key of a topic in a request of an API that has ids instead of names from version `since`
    /// on.
    pub(super) fn of(name: &'a TopicName, id: Uuid, version: i16, since: i16) -> TopicKey<'a> {
        if version >= since { TopicKey::Id(id) } else { TopicKey::Name(name) }
    }
}

impl Topic {
    pub(super) fn partition_count(&self) -> i32 {
        self.logs.len() as i32
    }

    /// The log of a partition, or the error for a partition that does not exist.
    pub(super) fn log(&self, partition: i32) -> Result<&Log, ResponseError> {
        let index = usize::try_from(partition).ok();
        let log = index.and_then(|index| self.logs.get(index));
        log.ok_or(ResponseError::UnknownTopicOrPartition)
    }
}

impl Topics {
    pub(super) fn create(&mut self, name: TopicName, partitions: i32, seed: u64) {
        let id = topic_id(&name, self.created, seed);
        self.created += 1;
        self.delete(&name);
        self.names.insert(id, name.clone());
        let logs = (0..partitions).map(|_| Log::default()).collect();
        self.topics.insert(name, Topic { id, logs });
    }

    /// Raises the partition count of a topic to `partitions`; it never shrinks.
    pub(super) fn grow(&mut self, name: &TopicName, partitions: i32) {
        let Some(topic) = self.topics.get_mut(name) else {
            panic!("topic {} cannot grow: it does not exist", name.as_str())
        };
        let partitions = usize::try_from(partitions).unwrap_or(0).max(topic.logs.len());
        topic.logs.resize_with(partitions, Log::default);
    }

    /// Deletes a topic; does nothing if it does not exist.
    pub(super) fn delete(&mut self, name: &TopicName) {
        if let Some(topic) = self.topics.shift_remove(name) {
            self.names.swap_remove(&topic.id);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&TopicName, &Topic)> {
        self.topics.iter()
    }

    pub(super) fn by_name(&self, name: &TopicName) -> Option<&Topic> {
        self.topics.get(name)
    }

    pub(super) fn name_of(&self, id: Uuid) -> Option<&TopicName> {
        self.names.get(&id)
    }

    /// The name of the topic that a request names, or the error if there is none.
    pub(super) fn name<'a>(&'a self, key: TopicKey<'a>) -> Result<&'a TopicName, ResponseError> {
        match key {
            TopicKey::Name(name) => Ok(name),
            TopicKey::Id(id) => self.name_of(id).ok_or(ResponseError::UnknownTopicId),
        }
    }

    /// The topic that a request names, or the error if there is none.
    pub(super) fn topic(&self, key: TopicKey<'_>) -> Result<&Topic, ResponseError> {
        let name = self.name(key)?;
        self.by_name(name).ok_or(ResponseError::UnknownTopicOrPartition)
    }

    pub(super) fn partition_count(&self, name: &TopicName) -> Option<i32> {
        self.by_name(name).map(Topic::partition_count)
    }

    pub(super) fn log(&self, partition: &TopicPartition) -> Option<&Log> {
        self.find(&partition.topic, partition.partition)
    }

    pub(super) fn find(&self, topic: &TopicName, partition: i32) -> Option<&Log> {
        self.by_name(topic)?.log(partition).ok()
    }

    pub(super) fn find_mut(&mut self, topic: TopicKey<'_>, partition: i32) -> Option<&mut Log> {
        let index = usize::try_from(partition).ok()?;
        let topic = match topic {
            TopicKey::Name(name) => self.topics.get_mut(name),
            TopicKey::Id(id) => self.topics.get_mut(self.names.get(&id)?),
        };
        topic?.logs.get_mut(index)
    }
}

/// The random version 4 UUID of a topic; `created` counts the topics created before. Kafka reserves
/// the ids 0 and 1; neither is of version 4.
fn topic_id(name: &TopicName, created: u64, seed: u64) -> Uuid {
    let mut rng = Rng::stream(seed, &format!("topic/{created}/{}", name.as_str()));
    let bits = u128::from(rng.bits()) << 64 | u128::from(rng.bits());
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0b11 << 62;
    Uuid::from_u128(bits & !VERSION & !VARIANT | 4 << 76 | 0b10 << 62)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::str_bytes;

    #[test]
    fn a_topic_that_is_created_again_has_another_id() {
        let name = TopicName(str_bytes("t"));
        let mut topics = Topics::default();
        let create = |topics: &mut Topics| {
            topics.create(name.clone(), 1, 7);
            topics.by_name(&name).map(|topic| topic.id).unwrap()
        };
        let first = create(&mut topics);
        topics.delete(&name);
        assert_eq!(topics.name_of(first), None);
        let second = create(&mut topics);
        let third = create(&mut topics);
        assert!(first != second && second != third);
        assert_eq!(topics.names.len(), 1);
        assert_eq!(topics.name_of(third), Some(&name));
        assert_eq!(first.to_string().as_bytes()[14], b'4');
        let mut again = Topics::default();
        again.create(name.clone(), 1, 7);
        assert_eq!(again.name_of(first), Some(&name), "the same seed, the same ids");
    }
}
