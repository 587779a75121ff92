//! Faults of brokers and their logs: crashes, moves, zombies, stalls.

use std::time::Duration;

use crate::protocol::BrokerId;
use crate::rng::Rng;
use crate::sim::schedule::{Action, NodeName, RefusedWith, Tail};

use super::faults::Steps;
use super::options::Options;
use super::windows::{Window, at_a_timeout, wide_millis};

/// Any broker, all equally likely.
pub fn any_broker(rng: &mut Rng, options: &Options) -> NodeName {
    NodeName::Broker(broker_id(rng, options))
}

fn broker_id(rng: &mut Rng, options: &Options) -> BrokerId {
    match options.broker.count {
        1 => BrokerId(0),
        count => BrokerId(rng.below(u64::from(count)) as i32),
    }
}

fn any_group(rng: &mut Rng, options: &Options) -> Option<String> {
    Some(rng.pick(&options.groups).name.clone())
}

fn tail(rng: &mut Rng) -> Tail {
    *rng.pick(&[Tail::Random, Tail::Lost, Tail::Lost, Tail::Kept])
}

/// The coordinator crashes, moves, or is replaced and continues as a zombie.
pub fn failover(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    match rng.below(10) {
        0..3 => crash(rng, options, window, steps),
        3 => {
            // The second leader crashes while it takes over from the first.
            crash(rng, options, window, steps);
            let second = window.from + wide_millis(rng, &(1..=12_000));
            crash(rng, options, Window { from: second, ..window }, steps);
        }
        4 => rolling_restart(rng, options, window, steps),
        5..7 => move_away(rng, options, window, Duration::ZERO, steps),
        7 => there_and_back(rng, options, window, steps),
        _ => {
            let unaware = match rng.chance(300) {
                true => at_a_timeout(rng, options),
                false => wide_millis(rng, &(100..=40_000)),
            };
            move_away(rng, options, window, unaware, steps);
        }
    }
}

fn crash(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let broker = any_broker(rng, options);
    steps.at(window.from, Action::Crash(broker.clone(), tail(rng)));
    let back = match rng.below(3) {
        // It restarts before the crash is detected.
        0 => Some(window.from + wide_millis(rng, &(20..=2_000))),
        _ => window.to,
    };
    steps.until(back, Action::Restart(broker));
}

fn rolling_restart(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let down = wide_millis(rng, &(50..=8_000));
    let between = wide_millis(rng, &(50..=10_000));
    let mut at = window.from;
    for id in 0..i32::from(options.broker.count) {
        let broker = NodeName::Broker(BrokerId(id));
        steps.at(at, Action::Crash(broker.clone(), tail(rng)));
        steps.at(at + down, Action::Restart(broker));
        at += down + between;
    }
}

fn move_away(
    rng: &mut Rng,
    options: &Options,
    window: Window,
    unaware: Duration,
    steps: &mut Steps,
) {
    // With a single broker, the same broker starts another term.
    let named = rng.chance(500) || options.broker.count == 1;
    let to = named.then(|| broker_id(rng, options));
    let group = any_group(rng, options);
    steps.at(window.from, Action::Move { group, to, unaware, tail: tail(rng) });
}

/// Leadership moves several times, so fast that brokers may never learn of some of the moves.
fn there_and_back(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let group = any_group(rng, options);
    let mut at = window.from;
    for _ in 0..rng.within(2..=4) {
        let to = Some(broker_id(rng, options));
        let tail = tail(rng);
        let unaware =
            if rng.chance(300) { wide_millis(rng, &(10..=3_000)) } else { Duration::ZERO };
        steps.at(at, Action::Move { group: group.clone(), to, unaware, tail });
        at += wide_millis(rng, &(1..=3_000));
    }
}

/// The offsets log stalls, refuses appends or is compacted.
pub fn log(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let group = any_group(rng, options);
    match rng.below(6) {
        0 | 1 => {
            steps.at(window.from, Action::Stall(group.clone()));
            steps.until(window.to, Action::Unstall(group));
        }
        2 | 3 => {
            let usual = rng.chance(400);
            let any = *rng.pick(&RefusedWith::ALL);
            let error = if usual { RefusedWith::NotEnoughReplicas } else { any };
            steps.at(window.from, Action::Refuse(group.clone(), error));
            steps.until(window.to, Action::Accept(group));
        }
        _ => steps.at(window.from, Action::Compact(group)),
    }
}
