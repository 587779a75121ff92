//! Prints the lines above the first step, and the settings of consumers.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::{BrokerSpec, GroupSpec, NetworkSpec, Settings, TopicSpec};
use super::{Line, changed, commas};
use crate::time::Pretty;

impl fmt::Display for NetworkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = NetworkSpec::default();
        let mut line = Line::new("network");
        line.option("latency", changed(&self.latency, &default.latency).map(range));
        line.option("loss", changed(&self.loss, &default.loss));
        line.option("race", changed(&self.race, &default.race));
        line.write(f)
    }
}

impl fmt::Display for BrokerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = BrokerSpec::default();
        let mut line = Line::new("broker");
        line.option("count", changed(&self.count, &usual.count));
        line.option("racks", changed(&self.racks, &usual.racks).map(|racks| commas(racks)));
        line.option(
            "offsets-partitions",
            changed(&self.offsets_partitions, &usual.offsets_partitions),
        );
        for (name, own, usual) in [
            ("initial-delay", self.initial_delay, usual.initial_delay),
            ("min-session", self.min_session, usual.min_session),
            ("max-session", self.max_session, usual.max_session),
        ] {
            line.option(name, changed(&own, &usual).copied().map(Pretty));
        }
        line.option("max-size", changed(&self.max_size, &usual.max_size));
        line.option("metadata-max", changed(&self.metadata_max, &usual.metadata_max));
        for (name, own, usual) in [
            ("retention", self.retention, usual.retention),
            ("retention-check", self.retention_check, usual.retention_check),
            ("write-timeout", self.write_timeout, usual.write_timeout),
            ("linger", self.linger, usual.linger),
        ] {
            line.option(name, changed(&own, &usual).copied().map(Pretty));
        }
        for (name, own, usual) in [
            ("load", &self.load, &usual.load),
            ("detect", &self.detect, &usual.detect),
            ("learn", &self.learn, &usual.learn),
            ("commit", &self.commit, &usual.commit),
        ] {
            line.option(name, changed(own, usual).map(range));
        }
        line.write(f)
    }
}

impl fmt::Display for TopicSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line::new("topic").word(&self.name);
        line.option("partitions", Some(self.partitions));
        line.option("rate", changed(&self.rate, &0).map(rate));
        line.write(f)
    }
}

impl fmt::Display for GroupSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line::new("group").word(&self.name).settings(&self.settings).write(f)
    }
}

/// The options alone, separated by spaces: what follows the name on a `group` or `join` line.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line::default().settings(self).write(f)
    }
}

fn range(range: &RangeInclusive<Duration>) -> String {
    match (range.start(), range.end()) {
        (start, end) if start == end => Pretty(*start).to_string(),
        (start, end) => format!("{}..{}", Pretty(*start), Pretty(*end)),
    }
}

fn rate(per_minute: &u32) -> String {
    match per_minute {
        rate if rate % 60 == 0 => format!("{}/s", rate / 60),
        rate => format!("{rate}/m"),
    }
}
