//! Prints options as `key=value` lines: everything that was drawn, including defaults.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::sim::schedule::{BrokerSpec, Settings};
use crate::time::Pretty;

use super::options::Options;

/// The keys and values, in the order of their lines.
pub fn lines(options: &Options) -> Vec<(String, String)> {
    let mut lines = Lines::default();
    lines.add("seed", options.seed);
    lines.add("profile", options.profile);
    lines.add("duration", Pretty(options.duration));
    lines.add("network.latency", range(&options.network.latency));
    lines.add("network.loss", options.network.loss);
    lines.add("network.race", options.network.race);
    lines.add("broker.initial-delay", Pretty(options.broker.initial_delay));
    lines.add("broker.commit", range(&options.broker.commit));
    cluster(&options.broker, &mut lines);
    for topic in &options.topics {
        let value = format!("partitions={} rate={}/m", topic.partitions, topic.rate);
        lines.add(&format!("topic.{}", topic.name), value);
    }
    for group in &options.groups {
        lines.add(&format!("group.{}", group.name), settings(&group.settings));
    }
    fleet(options, &mut lines);
    faults(options, &mut lines);
    lines.0
}

fn cluster(broker: &BrokerSpec, lines: &mut Lines) {
    lines.add("broker.count", broker.count);
    lines.add("broker.racks", joined(&broker.racks));
    lines.add("broker.offsets-partitions", broker.offsets_partitions);
    lines.add("broker.max-size", broker.max_size);
    lines.add("broker.retention", Pretty(broker.retention));
    lines.add("broker.retention-check", Pretty(broker.retention_check));
    lines.add("broker.write-timeout", Pretty(broker.write_timeout));
    lines.add("broker.linger", Pretty(broker.linger));
    lines.add("broker.load", range(&broker.load));
    lines.add("broker.detect", range(&broker.detect));
    lines.add("broker.learn", range(&broker.learn));
}

fn fleet(options: &Options, lines: &mut Lines) {
    lines.add("at-start", options.at_start);
    lines.add("replacements", options.replacements);
    lines.add("arrival", options.arrival);
    for consumer in &options.consumers {
        let own = settings(&consumer.settings);
        let value = format!("group={} {own}", consumer.group);
        lines.add(&format!("consumer.{}", consumer.name), value.trim_end());
    }
}

fn faults(options: &Options, lines: &mut Lines) {
    let faults = &options.faults;
    lines.add("families", joined(&faults.families));
    lines.add("lanes", faults.lanes);
    lines.add("healthy-at-least", Pretty(faults.healthy));
    lines.add("broken-at-least", Pretty(faults.broken));
    lines.add("timeout-faults", faults.at_timeout);
    lines.add("churn-every", Pretty(faults.churn));
}

#[derive(Default)]
struct Lines(Vec<(String, String)>);

impl Lines {
    fn add(&mut self, key: &str, value: impl Display) {
        self.0.push((key.to_owned(), value.to_string()));
    }
}

fn range(range: &RangeInclusive<Duration>) -> String {
    format!("{}..{}", Pretty(*range.start()), Pretty(*range.end()))
}

fn joined<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(",") }
}

fn settings(settings: &Settings) -> String {
    let Settings {
        topics,
        assignors,
        session,
        heartbeat,
        rebalance,
        process,
        records,
        autocommit,
        request,
        reconnect_backoff,
        reconnect_backoff_max,
        fetch,
        metadata,
        version,
        instance,
        rack,
    } = settings;
    let pretty = |duration: &Option<Duration>| duration.map(|d| Pretty(d).to_string());
    let pairs = [
        ("topics", topics.as_ref().map(joined)),
        ("assignor", assignors.as_ref().map(joined)),
        ("session", pretty(session)),
        ("heartbeat", pretty(heartbeat)),
        ("rebalance", pretty(rebalance)),
        ("process", pretty(process)),
        ("records", records.map(|n| n.to_string())),
        ("autocommit", pretty(autocommit)),
        ("request", pretty(request)),
        ("reconnect-backoff", pretty(reconnect_backoff)),
        ("reconnect-backoff-max", pretty(reconnect_backoff_max)),
        ("fetch", pretty(fetch)),
        ("metadata", pretty(metadata)),
        ("version", version.map(|n| n.to_string())),
        ("instance", instance.clone()),
        ("rack", rack.clone()),
    ];
    let set = pairs.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
    set.collect::<Vec<_>>().join(" ")
}
