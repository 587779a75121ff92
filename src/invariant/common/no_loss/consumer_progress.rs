//! What one consumer received from OffsetFetch, and where it reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::client::ConsumerConfig;
use crate::invariant::{Breach, breach};
use crate::protocol::TopicPartition;
use crate::trace::ConsumerRef;

pub(super) struct ConsumerProgress {
    pub(super) config: Arc<ConsumerConfig>,
    /// The offset that OffsetFetch last returned, −1 for none.
    pub(super) fetched_offsets: BTreeMap<TopicPartition, i64>,
    /// The next offset that it must poll.
    pub(super) positions: BTreeMap<TopicPartition, i64>,
}

impl ConsumerProgress {
    /// The consumer starts to read the partition at `offset`.
    pub(super) fn position(
        &mut self,
        consumer: ConsumerRef,
        partition: &TopicPartition,
        (offset, committed): (i64, bool),
        end: i64,
    ) -> Result<(), Breach> {
        self.positions.insert(partition.clone(), offset);
        // An offset beyond the end of the log (committed by an administrator, or of a topic of the
        // same name that was deleted) cannot be read from: the client starts anew.
        let beyond = |offset: &i64| *offset > end;
        let fetched_offset = self
            .fetched_offsets
            .get(partition)
            .copied()
            .filter(|offset| committed || !beyond(offset));
        let expected =
            if committed { fetched_offset.filter(|offset| *offset >= 0) } else { Some(0) };
        if committed != fetched_offset.is_some_and(|offset| offset >= 0) || expected != Some(offset)
        {
            let fetched_offset =
                fetched_offset.map_or("no offset".to_owned(), |offset| offset.to_string());
            return breach!(
                "position",
                "{} starts {partition} at {offset} (committed: {committed}), but OffsetFetch returned {fetched_offset}",
                self.describe(consumer)
            );
        }
        Ok(())
    }

    /// The application receives `count` records of the partition, the first at offset `first`.
    pub(super) fn poll(
        &mut self,
        consumer: ConsumerRef,
        partition: &TopicPartition,
        first: i64,
        count: usize,
    ) -> Result<(), Breach> {
        match self.positions.get_mut(partition) {
            Some(position) if *position == first => {
                *position = first + count as i64;
                Ok(())
            }
            Some(position) => {
                let position = *position;
                let consumer = self.describe(consumer);
                breach!(
                    "polled",
                    "{consumer} polled {partition} from {first}, but its position was {position}"
                )
            }
            None => {
                let consumer = self.describe(consumer);
                breach!(
                    "polled-nowhere",
                    "{consumer} polled {partition} from {first} without a position"
                )
            }
        }
    }

    fn describe(&self, consumer: ConsumerRef) -> String {
        format!("group {}: {consumer}", self.config.group.as_str())
    }
}
