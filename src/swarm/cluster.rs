//! The cluster that a seed draws: the number of brokers, the timing of their offsets logs, and the
//! retention of offsets.

use std::time::Duration;

use crate::rng::Rng;
use crate::sim::schedule::BrokerSpec;

use super::profile::Spec;
use super::windows::{millis, span, wide, wide_millis};

/// Draws the broker settings. The initial delay and the commit times come from the stream `world`,
/// the rest from a stream of its own.
pub fn draw(world: &mut Rng, seed: u64, spec: &Spec) -> BrokerSpec {
    let rng = &mut Rng::stream(seed, "swarm/cluster");
    let mut broker = BrokerSpec {
        initial_delay: initial_delay(world, spec),
        commit: commit(world),
        ..BrokerSpec::default()
    };
    if rng.chance(spec.several_brokers) {
        broker.count = rng.within(2..=5) as u8;
    }
    broker.offsets_partitions = match rng.below(4) {
        0 => 1,
        1 => rng.within(2..=8) as u8,
        _ => broker.offsets_partitions,
    };
    if rng.chance(300) {
        broker.racks = (1..=rng.within(1..=u64::from(broker.count.min(3))))
            .map(|rack| format!("r{rack}"))
            .collect();
    }
    timing(rng, &mut broker);
    retention(rng, &mut broker);
    broker
}

fn initial_delay(rng: &mut Rng, spec: &Spec) -> Duration {
    match rng.below(4) {
        0 => Duration::ZERO,
        1 => BrokerSpec::default().initial_delay,
        _ => millis(rng, spec.initial_delay.clone()),
    }
}

fn commit(rng: &mut Rng) -> std::ops::RangeInclusive<Duration> {
    match rng.below(10) {
        0..6 => BrokerSpec::default().commit,
        6..9 => span(1..=wide(rng, &(10..=500))),
        _ => span(100..=wide(rng, &(500..=2_000))),
    }
}

/// The times to detect a crash, to propagate metadata, to load a log, and to time a write out.
fn timing(rng: &mut Rng, broker: &mut BrokerSpec) {
    let detect = wide(rng, &(100..=10_000));
    broker.detect = span(detect..=detect);
    if rng.chance(400) {
        broker.learn = span(1..=wide(rng, &(20..=3_000)));
    }
    if rng.chance(400) {
        broker.load = span(1..=wide(rng, &(10..=8_000)));
    }
    if rng.chance(300) {
        broker.write_timeout = wide_millis(rng, &(500..=10_000));
    }
    if rng.chance(300) {
        broker.linger = wide_millis(rng, &(1..=50));
    }
    // With a shorter timeout no write would ever complete in time.
    let slowest = *broker.commit.end() + broker.linger;
    broker.write_timeout = broker.write_timeout.max(slowest * 3);
}

/// A retention of offsets that is short enough to expire them during a run.
fn retention(rng: &mut Rng, broker: &mut BrokerSpec) {
    if rng.chance(400) {
        broker.retention = Duration::from_secs(wide(rng, &(10..=300)));
        broker.retention_check = Duration::from_secs(wide(rng, &(5..=60)));
    }
}
