//! The broker that a coordinator lives in: topics with their logs, the offsets log, connections.
//!
//! A [`Broker`] is a state machine without I/O, like what it hosts. It answers the data APIs itself, hands
//! the group APIs to its [`GroupCoordinator`](crate::coordinator::GroupCoordinator), appends the records
//! the coordinator asks for, and holds responses back until those records are committed.
//!
//! What it deliberately does not do: more than one broker, replication beyond a delay until a record is
//! committed, compaction, fail-over, transactions, authorization.
//!
//! | file | what it does |
//! |---|---|
//! | `broker` | requests in, responses out; one request of a connection at a time |
//! | `metadata` | Metadata, FindCoordinator |
//! | `topics` | topics and their logs: Produce, ListOffsets |
//! | `fetching` | Fetch, and the fetches that wait for records |
//! | `offsets_log` | what is appended, what is committed, what waits for it |
//!
//! Read next: [`crate::sim`], which runs brokers and consumers against each other.

mod broker;
mod fetching;
mod metadata;
mod offsets_log;
mod topics;

pub use broker::{Broker, BrokerConfig, ConnectionId, Output};
