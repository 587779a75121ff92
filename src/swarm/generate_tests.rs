//! Tests the properties of all generated schedules.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::protocol::BrokerId;
use crate::sim::schedule::NodeName;

fn each(seeds: u64, mut check: impl FnMut(&Options, &Schedule)) {
    for profile in Profile::ALL {
        for seed in 0..seeds {
            let options = Options::draw(seed, profile);
            check(&options, &expand(&options));
        }
    }
}

/// The family of a step; `None` for arrivals, the workload and the healed phase.
fn family(action: &Action) -> Option<FaultFamily> {
    match action {
        Action::Partition(..) | Action::Heal(..) | Action::Isolate(_) | Action::Reconnect(_) => {
            Some(FaultFamily::Partition)
        }
        Action::Clog(..) | Action::Unclog(..) => Some(FaultFamily::Clog),
        Action::Drop { .. } => Some(FaultFamily::Drop),
        Action::Reset(..) => Some(FaultFamily::Reset),
        Action::Pause(_) | Action::Resume(_) => Some(FaultFamily::Pause),
        Action::Crash(NodeName::Broker(_), _)
        | Action::Restart(NodeName::Broker(_))
        | Action::Move { .. } => Some(FaultFamily::Failover),
        Action::Stall(_)
        | Action::Unstall(_)
        | Action::Refuse(..)
        | Action::Accept(_)
        | Action::Compact(_) => Some(FaultFamily::Log),
        Action::Grow { .. } | Action::DeleteTopic(_) => Some(FaultFamily::Topics),
        Action::Admin(_) => Some(FaultFamily::Admin),
        Action::Crash(..) | Action::Restart(_) => Some(FaultFamily::Crash),
        Action::Skew(..) => Some(FaultFamily::Skew),
        Action::Slow(..) => Some(FaultFamily::Slow),
        Action::Leave(_) => Some(FaultFamily::Churn),
        _ => None,
    }
}

#[test]
fn the_same_seed_is_the_same_schedule() {
    each(50, |options, schedule| {
        assert_eq!(*schedule, super::schedule(options.seed, options.profile));
    });
    assert_ne!(schedule(1, Profile::Default), schedule(2, Profile::Default));
}

#[test]
fn time_never_goes_back() {
    each(100, |options, schedule| {
        let times: Vec<Time> = schedule.steps.iter().filter_map(|step| step.at).collect();
        assert!(times.is_sorted(), "seed {} {}", options.seed, options.profile);
        assert_eq!(times.last(), Some(&options.faults_end()));
    });
}

#[test]
fn a_family_that_is_off_does_nothing() {
    each(100, |options, schedule| {
        for step in &schedule.steps {
            if let Some(family) = family(&step.action) {
                assert!(
                    options.faults.families.contains(&family),
                    "seed {} {}: {step:?}",
                    options.seed,
                    options.profile
                );
            }
        }
    });
}

#[test]
fn switching_a_family_off_does_not_change_the_steps_of_the_others() {
    for seed in 0..200 {
        let mut with = Options::draw(seed, Profile::Default);
        // An outage needs both families and belongs to neither.
        with.faults.families.remove(&FaultFamily::Admin);
        let mut without = with.clone();
        without.faults.families.remove(&FaultFamily::Pause);
        let mut left = faults(&with);
        left.retain(|step| family(&step.action) != Some(FaultFamily::Pause));
        assert_eq!(left, faults(&without), "seed {seed}");
    }
}

/// Follows each consumer through the schedule with independent rules, not those of
/// `schedule_state.rs`.
#[test]
fn every_step_can_be_carried_out() {
    each(150, |options, schedule| {
        let mut up: BTreeSet<&str> = BTreeSet::new();
        let mut known: BTreeSet<&str> = BTreeSet::new();
        let mut down: BTreeSet<&str> = BTreeSet::new();
        let mut paused: BTreeSet<String> = BTreeSet::new();
        let mut dead: BTreeSet<BrokerId> = BTreeSet::new();
        for step in &schedule.steps {
            let fine = match &step.action {
                Action::Join { consumer, .. } => known.insert(consumer) && up.insert(consumer),
                Action::Leave(name) => !paused.contains(name) && up.remove(name.as_str()),
                Action::Crash(NodeName::Consumer(name), _) => {
                    paused.remove(name);
                    up.remove(name.as_str()) && down.insert(name)
                }
                Action::Restart(NodeName::Consumer(name)) => {
                    down.remove(name.as_str()) && up.insert(name)
                }
                Action::Pause(NodeName::Consumer(name)) => {
                    up.contains(name.as_str()) && paused.insert(name.clone())
                }
                Action::Pause(NodeName::Broker(id)) => {
                    !dead.contains(id) && paused.insert(id.to_string())
                }
                Action::Resume(NodeName::Consumer(name)) => paused.remove(name),
                Action::Resume(NodeName::Broker(id)) => paused.remove(&id.to_string()),
                Action::Crash(NodeName::Broker(id), _) => {
                    paused.remove(&id.to_string());
                    dead.insert(*id)
                }
                Action::Restart(NodeName::Broker(id)) => dead.remove(id),
                Action::Reset(name, _)
                | Action::Slow(name, _)
                | Action::Drop { consumer: name, .. } => up.contains(name.as_str()),
                Action::Quiesce(Some(core)) => {
                    !core.is_empty()
                        && core.iter().all(|c| up.contains(c.as_str()) || down.contains(c.as_str()))
                }
                _ => true,
            };
            assert!(fine, "seed {} {}: {step:?}", options.seed, options.profile);
        }
    });
}

#[test]
fn every_group_keeps_a_member_of_the_core_that_reads_all_of_it() {
    each(150, |options, schedule| {
        let consumers: BTreeMap<&str, &ConsumerOptions> =
            options.consumers.iter().map(|c| (c.name.as_str(), c)).collect();
        let core = schedule.steps.iter().find_map(|step| match &step.action {
            Action::Quiesce(core) => Some(core),
            _ => None,
        });
        let Some(core) = core.expect("every schedule has a `quiesce` step") else { return };
        for group in &options.groups {
            let reader = core
                .iter()
                .map(|name| consumers[name.as_str()])
                .any(|consumer| consumer.group == group.name && consumer.settings.topics.is_none());
            assert!(reader, "seed {} {}: {core:?}", options.seed, options.profile);
        }
    });
}

#[test]
fn joins_happen_during_rebalances() {
    let mut close = 0;
    for seed in 0..300 {
        let schedule = schedule(seed, Profile::Churn);
        let joins_or_goes = |step: &&Step| {
            matches!(step.action, Action::Join { .. } | Action::Leave(_) | Action::Crash(..))
        };
        let times: Vec<Time> =
            schedule.steps.iter().filter(joins_or_goes).filter_map(|step| step.at).collect();
        close += times
            .windows(2)
            .filter(|pair| pair[1].since(pair[0]) <= Duration::from_millis(500))
            .count();
    }
    assert!(close > 1_000, "only {close} follow within 500 ms in 300 seeds");
}

#[test]
fn static_replacements_have_an_instance_of_the_start_and_some_have_another_session_timeout() {
    let (mut others, mut in_trouble) = (0, 0);
    for seed in 0..300 {
        let options = Options::draw(seed, Profile::Churn);
        let steps = schedule(seed, Profile::Churn).steps;
        for replacement in options.replacements() {
            let mut firsts = options.consumers[..options.at_start].iter();
            let old = firsts.find(|one| one.settings.instance == replacement.settings.instance);
            let old = old.expect("a replacement has the instance id of a consumer of the start");
            assert_eq!(old.group, replacement.group, "seed {seed}: {}", replacement.name);
            let joins = |step: &Step| matches!(&step.action, Action::Join { consumer, .. } if *consumer == replacement.name);
            if steps.iter().any(joins) {
                let node = NodeName::Consumer(replacement.name.clone());
                others += usize::from(replacement.settings.session != old.settings.session);
                in_trouble += usize::from(steps.iter().any(|step| match &step.action {
                    Action::Crash(one, _) | Action::Pause(one) => *one == node,
                    _ => false,
                }));
            }
        }
    }
    assert!(others > 30, "only {others} replacements have their own session timeout");
    assert!(in_trouble > 30, "only {in_trouble} replacements crash or are paused");
}
