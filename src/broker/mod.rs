//! The brokers that run coordinators: topics with their logs, the offsets log, connections,
//! fail-over.
//!
//! A [`Cluster`] is a state machine without I/O, like the coordinators inside it. Its brokers
//! handle the data APIs themselves. They pass group requests to a
//! [`GroupCoordinator`](crate::coordinator::GroupCoordinator), one for each partition of the
//! offsets log that they lead. They append the records that the coordinator writes, and hold
//! responses back until those records are committed. A controller elects leaders; brokers learn of
//! an election later.
//!
//! Not modelled: followers with logs of their own (a lagging follower shows only when it is
//! elected), more than one leader for the topics' records (one broker, the data leader, serves all
//! of them), transactional records, fetch sessions, decompression of batches, batch size limits,
//! automatic topic creation, authorization, quotas.
//!
//! | file | what it does |
//! |---|---|
//! | `cluster` | the public interface |
//! | `node` | connections: requests in, responses out, one request of a connection at a time |
//! | `context` | what a broker may use while it acts, and what all brokers share |
//! | `view` | what it reads to respond to a request that changes nothing |
//! | `controller` | leaders, epochs, live brokers |
//! | `routing` | maps a group to its partition of the offsets log |
//! | `front_end` | what a broker decides without a coordinator |
//! | `scatter`, `cut` | requests cut into parts, and the responses put together |
//! | `partial` | requests in which some topic partitions do not exist |
//! | `markers` | WriteTxnMarkers, cut by partition of the offsets log |
//! | `coordinator_term` | one term of a leader, with its coordinator |
//! | `terms` | how terms begin and end |
//! | `waiting` | between a term and its log: flush, commit, timeouts |
//! | `appends` | the appends of a term, and which of them are committed |
//! | `offsets_log` | the stored records of the offsets log, and which of them are committed |
//! | `metadata` | Metadata |
//! | `find_coordinator` | FindCoordinator |
//! | `describe_configs` | DescribeConfigs |
//! | `data_leader` | responses to clients that use the wrong broker or leader epoch |
//! | `topics`, `log` | topics with their ids, and the log of a partition |
//! | `produce` | Produce: which batches are accepted |
//! | `init_producer_id` | InitProducerId |
//! | `producers` | the batches of idempotent producers: sequence numbers and duplicates |
//! | `list_offsets` | ListOffsets |
//! | `fetching`, `reading` | Fetch: the fetches that wait, and the records that one finds |
//!
//! Read next: [`crate::sim`], which runs brokers and consumers against each other.

mod appends;
mod cluster;
mod context;
#[cfg(test)]
mod contract_tests;
mod controller;
mod coordinator_term;
mod cut;
mod data_leader;
#[cfg(test)]
mod data_tests;
mod describe_configs;
mod fetching;
mod find_coordinator;
mod front_end;
mod init_producer_id;
mod list_offsets;
mod log;
mod markers;
mod metadata;
mod node;
mod offsets_log;
mod partial;
mod produce;
mod producers;
mod reading;
#[cfg(test)]
mod response_tests;
mod routing;
mod scatter;
#[cfg(test)]
mod served_tests;
mod terms;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod topics;
mod view;
mod waiting;

pub use cluster::{
    Cluster, ClusterConfig, CoordinatorFactory, Detail, Elected, Term, TermState, Uncommitted,
};
pub use node::{BrokerOutput, ConnectionId};
