//! The brokers that coordinators live in: topics with their logs, the offsets log, connections, fail-over.
//!
//! A [`Cluster`] is a state machine without I/O, like what it hosts. Its brokers answer the data APIs
//! themselves, hand the group APIs to a [`GroupCoordinator`](crate::coordinator::GroupCoordinator) for each
//! partition of the offsets log that they lead, append the records it asks for, and hold responses back
//! until those records are committed. A controller names leaders; brokers learn of it later.
//!
//! What it deliberately does not do: followers with logs of their own (that one was behind shows only when
//! it is elected), more than one leader for the topics' records (one broker, the data leader, serves all of
//! them), transactions of records, sessions of fetches, unpacking of
//! compressed batches, limits of their size, topics made by asking for them, authorization, quotas.
//!
//! | file | what it does |
//! |---|---|
//! | `cluster` | the interface; what brokers share |
//! | `broker` | requests in, responses out; one request of a connection at a time |
//! | `turn` | what a broker may use while it acts |
//! | `controller` | who leads what, who is up |
//! | `routing` | which partition of the offsets log holds a group |
//! | `front_end` | what is decided without a coordinator |
//! | `scatter`, `cut` | requests that concern several shards, or not wholly a coordinator |
//! | `shard` | one term of a leader: requests to its coordinator, and what that wants done |
//! | `terms` | how terms begin and end |
//! | `waiting` | between a term and its log: flush, commit, time-outs |
//! | `appends`, `held` | what a term has appended, and who waits for that |
//! | `offsets_log` | what is stored and what of it is committed |
//! | `metadata` | Metadata |
//! | `find_coordinator` | FindCoordinator |
//! | `describe_configs` | DescribeConfigs |
//! | `data_leader` | what a client is told that asks the wrong broker, or in the wrong epoch |
//! | `topics`, `log` | topics with their ids, and the log of a partition |
//! | `produce` | Produce, and which batches are taken |
//! | `init_producer_id` | InitProducerId |
//! | `producers` | the batches of idempotent producers: what follows, what is a duplicate |
//! | `list_offsets` | ListOffsets |
//! | `fetching`, `reading` | Fetch: the fetches that wait for records, and what one finds |
//!
//! Read next: [`crate::sim`], which runs brokers and consumers against each other.

#[cfg(test)]
mod answer_tests;
mod appends;
mod broker;
#[expect(clippy::module_inception, reason = "the type that the module is named for")]
mod cluster;
mod controller;
mod cut;
mod data_leader;
#[cfg(test)]
mod data_tests;
mod describe_configs;
mod fetching;
mod find_coordinator;
mod front_end;
mod held;
mod init_producer_id;
mod list_offsets;
mod log;
mod markers;
mod metadata;
mod offsets_log;
mod partial;
mod produce;
mod producers;
mod reading;
mod routing;
mod scatter;
#[cfg(test)]
mod served_tests;
mod shard;
mod terms;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod topics;
mod turn;
mod waiting;

pub use broker::{ConnectionId, Output};
pub use cluster::{
    Cluster, ClusterConfig, CoordinatorFactory, Detail, Elected, Shard, ShardState, Uncommitted,
};
