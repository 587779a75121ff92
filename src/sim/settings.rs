//! Turns script settings into the configs of consumers, brokers and coordinators, and computes how
//! long a cluster with these settings may take to settle.

use std::time::Duration;

use crate::broker::{ClusterConfig, Detail};
use crate::client::ConsumerConfig;
use crate::coordinator::CoordinatorConfig;
use crate::model::Model;
use crate::protocol::str_bytes;

use super::Sim;
use super::broker::Brokers;
use super::hosted::Topology;
use super::schedule::{Schedule, Settings};

impl Settings {
    /// Applies the settings that are set.
    pub(super) fn apply_to(&self, config: &mut ConsumerConfig) {
        fn set<T: Clone>(field: &mut T, value: &Option<T>) {
            if let Some(value) = value {
                *field = value.clone();
            }
        }
        set(&mut config.assignors, &self.assignors);
        set(&mut config.session_timeout, &self.session);
        set(&mut config.heartbeat_interval, &self.heartbeat);
        set(&mut config.max_poll_interval, &self.rebalance);
        set(&mut config.processing_time, &self.process);
        set(&mut config.max_poll_records, &self.records);
        set(&mut config.auto_commit_interval, &self.autocommit);
        set(&mut config.request_timeout, &self.request);
        set(&mut config.reconnect_backoff, &self.reconnect_backoff);
        set(&mut config.reconnect_backoff_max, &self.reconnect_backoff_max);
        set(&mut config.fetch_max_wait, &self.fetch);
        set(&mut config.metadata_max_age, &self.metadata);
        set(&mut config.join_version, &self.version);
        if let Some(instance) = &self.instance {
            config.instance_id = Some(str_bytes(instance));
        }
        if let Some(rack) = &self.rack {
            config.rack = Some(str_bytes(rack));
        }
    }
}

pub(super) fn coordinator_config(schedule: &Schedule) -> CoordinatorConfig {
    let broker = &schedule.broker;
    CoordinatorConfig {
        initial_rebalance_delay: broker.initial_delay,
        min_session_timeout: broker.min_session,
        max_session_timeout: broker.max_session,
        max_size: broker.max_size,
        offset_metadata_max: broker.metadata_max,
        offsets_retention: broker.retention,
        offsets_retention_check: broker.retention_check,
    }
}

/// The config of the cluster that the simulator runs, which is none of third-party brokers.
pub(super) fn cluster_config(
    schedule: &Schedule,
    topology: &Topology,
    brokers: &Brokers,
) -> ClusterConfig {
    let broker = &schedule.broker;
    ClusterConfig {
        brokers: brokers.nodes().len() as u8,
        endpoints: topology.endpoints.clone(),
        detail: if topology.external_clients { Detail::Full } else { Detail::Lean },
        racks: broker.racks.iter().map(|rack| str_bytes(rack)).collect(),
        offsets_partitions: i32::from(broker.offsets_partitions),
        coordinator: coordinator_config(schedule),
        commit_delay: broker.commit.clone(),
        linger: broker.linger,
        write_timeout: broker.write_timeout,
        load: broker.load.clone(),
    }
}

impl Sim {
    /// How long the cluster may take to settle once no fault disturbs it, computed from its
    /// timeouts: a dead connection is noticed after a request timeout, a dead member after a
    /// session timeout; a join phase and a sync phase may each take a rebalance timeout, and one of
    /// them may have to be repeated. Before all that, a crashed leader is noticed and replaced, and
    /// the old leader's pending writes time out.
    pub fn settle_bound(&self) -> Duration {
        let configs = self.consumers.iter().map(|consumer| &consumer.config);
        let bounds = configs.map(|config| {
            // A member whose JoinGroup version has no rebalance timeout gets its session timeout
            // (rule R6.1.16).
            let rebalance = match config.join_version {
                0 => config.max_poll_interval.max(config.session_timeout),
                _ => config.max_poll_interval,
            };
            let join = rebalance + Duration::from_secs(5);
            config.request_timeout.max(join) + config.session_timeout * 2 + rebalance * 3
        });
        let slack = Duration::from_secs(30);
        bounds.max().unwrap_or_default()
            + self.schedule.broker.initial_delay
            + self.fail_over_bound()
            + slack
    }

    /// How long it may take from the crash of a leader until another one responds in its place, or
    /// until a zombie leader learns that it has been replaced.
    fn fail_over_bound(&self) -> Duration {
        let broker = &self.schedule.broker;
        let unaware = self.controller.all_aware_at().filter(|until| *until > self.now);
        *broker.detect.end()
            + *broker.learn.end()
            + *broker.load.end()
            + broker.write_timeout
            + unaware.map_or(Duration::ZERO, |until| until.since(self.now))
    }

    /// How long the consumers may take to process the logs once the cluster has settled.
    pub fn drain_bound(&self, model: &Model) -> Duration {
        let backlog = u32::try_from(model.progress().remaining().max(0)).unwrap_or(u32::MAX);
        let slowest = self.consumers.iter().map(|consumer| {
            let config = &consumer.config;
            config.processing_time * 2 * backlog
                + config.request_timeout
                + config.fetch_max_wait
                + config.metadata_max_age
        });
        slowest.max().unwrap_or_default() + self.settle_bound()
    }
}
