//! Removes and simplifies settings.

use crate::sim::schedule::{Action, BrokerSpec, NetworkSpec, Schedule, Settings};

use super::Shrinker;

/// Resets one setting to its default.
type Reset<T> = fn(&mut T);

/// Resets for the settings of consumers.
const OF_CONSUMERS: [Reset<Settings>; 16] = [
    |settings| settings.assignors = None,
    |settings| settings.session = None,
    |settings| settings.heartbeat = None,
    |settings| settings.rebalance = None,
    |settings| settings.process = None,
    |settings| settings.records = None,
    |settings| settings.autocommit = None,
    |settings| settings.request = None,
    |settings| settings.reconnect_backoff = None,
    |settings| settings.reconnect_backoff_max = None,
    |settings| settings.fetch = None,
    |settings| settings.metadata = None,
    |settings| settings.version = None,
    |settings| settings.instance = None,
    |settings| settings.rack = None,
    |settings| settings.topics = None,
];

/// Resets for the settings of brokers.
const OF_BROKERS: [Reset<BrokerSpec>; 17] = [
    |broker| broker.count = broker.count.min(2),
    |broker| broker.count = 1,
    |broker| broker.racks = Vec::new(),
    |broker| broker.offsets_partitions = BrokerSpec::default().offsets_partitions,
    |broker| broker.initial_delay = BrokerSpec::default().initial_delay,
    |broker| broker.min_session = BrokerSpec::default().min_session,
    |broker| broker.max_session = BrokerSpec::default().max_session,
    |broker| broker.max_size = BrokerSpec::default().max_size,
    |broker| broker.metadata_max = BrokerSpec::default().metadata_max,
    |broker| broker.retention = BrokerSpec::default().retention,
    |broker| broker.retention_check = BrokerSpec::default().retention_check,
    |broker| broker.write_timeout = BrokerSpec::default().write_timeout,
    |broker| broker.linger = BrokerSpec::default().linger,
    |broker| broker.load = BrokerSpec::default().load,
    |broker| broker.detect = BrokerSpec::default().detect,
    |broker| broker.learn = BrokerSpec::default().learn,
    |broker| broker.commit = BrokerSpec::default().commit,
];

impl Shrinker<'_> {
    /// Resets every setting that the finding does not need.
    pub(super) fn simplify_settings(&mut self) {
        self.simplify_cluster();
        self.simplify_topics();
        self.simplify_groups();
        self.simplify_joins();
    }

    fn simplify_cluster(&mut self) {
        self.attempt(|schedule| schedule.seed = 0);
        if !self.attempt(|schedule| schedule.network = NetworkSpec::default()) {
            self.attempt(|schedule| schedule.network.latency = NetworkSpec::default().latency);
            self.attempt(|schedule| schedule.network.loss = 0);
            self.attempt(|schedule| schedule.network.race = 0);
        }
        if !self.attempt(|schedule| schedule.broker = BrokerSpec::default()) {
            for reset in OF_BROKERS {
                self.attempt(|schedule| reset(&mut schedule.broker));
            }
        }
    }

    fn simplify_topics(&mut self) {
        for index in (0..self.schedule().topics.len()).rev() {
            if self.attempt(|schedule| drop_topic(schedule, index)) {
                continue;
            }
            for partitions in [1, 2, 3, 4] {
                if partitions < self.schedule().topics[index].partitions
                    && self.attempt(|schedule| schedule.topics[index].partitions = partitions)
                {
                    break;
                }
            }
            for rate in [0, 60] {
                if self.attempt(|schedule| schedule.topics[index].rate = rate) {
                    break;
                }
            }
        }
    }

    fn simplify_groups(&mut self) {
        for index in (0..self.schedule().groups.len()).rev() {
            if self.schedule().groups.len() > 1
                && self.attempt(|schedule| drop_group(schedule, index))
            {
                continue;
            }
            if self.attempt(|schedule| schedule.groups[index].settings = Settings::default()) {
                continue;
            }
            for reset in OF_CONSUMERS {
                self.attempt(|schedule| reset(&mut schedule.groups[index].settings));
            }
        }
    }

    fn simplify_joins(&mut self) {
        for index in 0..self.schedule().steps.len() {
            if self.attempt(|schedule| {
                change_join(schedule, index, |settings| *settings = Settings::default())
            }) {
                continue;
            }
            for reset in OF_CONSUMERS {
                self.attempt(|schedule| change_join(schedule, index, reset));
            }
        }
        // With a single group, joins need not name it.
        self.attempt(|schedule| {
            if schedule.groups.len() != 1 {
                return;
            }
            for step in &mut schedule.steps {
                if let Action::Join { group, .. } = &mut step.action {
                    *group = None;
                }
            }
        });
    }
}

fn change_join(schedule: &mut Schedule, index: usize, change: impl FnOnce(&mut Settings)) {
    if let Some(step) = schedule.steps.get_mut(index)
        && let Action::Join { settings, .. } = &mut step.action
    {
        change(settings);
    }
}

/// Removes a topic, and its name from all subscriptions.
fn drop_topic(schedule: &mut Schedule, index: usize) {
    let removed = schedule.topics.remove(index).name;
    let unsubscribe = |settings: &mut Settings| {
        if let Some(topics) = &mut settings.topics {
            topics.retain(|topic| *topic != removed);
        }
        settings.topics.take_if(|topics| topics.is_empty());
    };
    schedule.groups.iter_mut().for_each(|group| unsubscribe(&mut group.settings));
    for step in &mut schedule.steps {
        if let Action::Join { settings, .. } = &mut step.action {
            unsubscribe(settings);
        }
    }
}

/// Removes a group. Repairing the candidate removes its consumers.
fn drop_group(schedule: &mut Schedule, index: usize) {
    schedule.groups.remove(index);
}
