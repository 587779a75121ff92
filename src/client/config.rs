//! The settings of one consumer, under Kafka's names where Kafka has one.

use std::time::Duration;

use crate::assignor::Assignor;
use crate::protocol::{BrokerId, GroupId, StrBytes, TopicName};

/// The settings of one consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// `client.id`: the prefix of its member ids.
    pub client_id: StrBytes,
    /// `group.id`.
    pub group: GroupId,
    /// `group.instance.id`: makes it a static member (KIP-345).
    pub instance_id: Option<StrBytes>,
    /// `client.rack`: the rack it runs in (KIP-881).
    pub rack: Option<StrBytes>,
    /// The topics it subscribes to, sorted.
    pub topics: Vec<TopicName>,
    /// `partition.assignment.strategy`, in order of preference; never empty.
    pub assignors: Vec<Assignor>,
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`; sent as the rebalance timeout.
    pub max_poll_interval: Duration,
    /// `max.poll.records`: the most records that one poll returns.
    pub max_poll_records: usize,
    /// `auto.commit.interval.ms`.
    pub auto_commit_interval: Duration,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `retry.backoff.ms`: the first backoff, doubled with each failure.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`: the longest backoff.
    pub retry_backoff_max: Duration,
    /// `reconnect.backoff.ms`: the backoff before a lost connection is reopened, doubled with each
    /// failure.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`: the longest backoff before a lost connection is reopened.
    pub reconnect_backoff_max: Duration,
    /// `fetch.max.wait.ms`: how long the broker may hold a Fetch that finds no records. Kafka's
    /// default is 500 ms; here it is 5 s, because idle fetches would make up most of a run and test
    /// nothing about groups.
    pub fetch_max_wait: Duration,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Duration,
    /// How long the application takes for one record.
    pub processing_time: Duration,
    /// The JoinGroup version it uses (0 to 9). The versions of the other group APIs follow from it,
    /// as in clients of that age.
    pub join_version: i16,
    /// `bootstrap.servers`: the brokers it knows from the start; never empty.
    pub bootstrap: Vec<BrokerId>,
}

impl ConsumerConfig {
    /// Kafka's defaults, except for `fetch_max_wait`, for a member of `group` that subscribes to
    /// `topics`.
    pub fn new(client_id: StrBytes, group: GroupId, topics: Vec<TopicName>) -> Self {
        ConsumerConfig {
            client_id,
            group,
            instance_id: None,
            rack: None,
            topics,
            assignors: vec![Assignor::Range],
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Duration::from_secs(300),
            max_poll_records: 500,
            auto_commit_interval: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            fetch_max_wait: Duration::from_secs(5),
            metadata_max_age: Duration::from_secs(300),
            processing_time: Duration::from_millis(1),
            join_version: 9,
            bootstrap: vec![BrokerId(0)],
        }
    }
}
