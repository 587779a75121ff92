//! From the settings of a script to the settings of a consumer, and how long a cluster with such
//! consumers may take to settle.

use std::time::Duration;

use crate::consumer::ConsumerConfig;

use super::Sim;
use super::schedule::Settings;

impl Settings {
    /// Sets what is set here.
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
        set(&mut config.fetch_max_wait, &self.fetch);
        set(&mut config.join_version, &self.version);
    }
}

impl Sim<'_> {
    /// How long the cluster may take to settle once nothing disturbs it, from its own timeouts: a dead
    /// connection is noticed after a request timeout, a dead member after a session, a join phase and a
    /// sync phase may each take a rebalance timeout, and one of them may have to be repeated.
    pub fn settle_bound(&self) -> Duration {
        let configs = self.consumers.iter().map(|consumer| &consumer.config);
        let bounds = configs.map(|config| {
            let join = config.max_poll_interval + Duration::from_secs(5);
            config.request_timeout.max(join)
                + config.session_timeout * 2
                + config.max_poll_interval * 3
        });
        let slack = Duration::from_secs(30);
        bounds.max().unwrap_or_default() + self.schedule.broker.initial_delay + slack
    }

    /// How long the consumers may take to process what is in the logs once the cluster has settled.
    pub fn drain_bound(&self) -> Duration {
        let slowest = self.consumers.iter().map(|consumer| {
            let config = &consumer.config;
            config.processing_time * 2 * self.backlog().min(u64::from(u32::MAX)) as u32
                + config.request_timeout
                + config.fetch_max_wait
        });
        slowest.max().unwrap_or_default() + self.settle_bound()
    }
}
