//! Mutates a schedule of the corpus.
//!
//! Only faults and admin requests of the fault phase are changed. Joins and leaves stay, so that a
//! consumer remains that reads all topics. The healed phase heals all consumers, so that the group
//! must converge whatever faults are left.

use std::time::Duration;

use crate::rng::Rng;
use crate::script;
use crate::sim::schedule::{Action, Schedule, Step};
use crate::time::Time;

use super::windows::wide_millis;

/// The largest number of changes.
const CHANGES: u64 = 6;

/// `parent` with a few changes, some of which copy steps from `other`. The result is valid as far
/// as that can be checked without running it; `None` if it cannot be repaired.
pub fn mutated(rng: &mut Rng, parent: &Schedule, other: &Schedule) -> Option<Schedule> {
    let mut child = parent.clone();
    for _ in 0..rng.within(1..=CHANGES) {
        change(rng, &mut child, other);
    }
    if rng.chance(300) {
        child.seed = rng.bits() >> 32;
    }
    // Steps without a time belong to the healed phase, which stays after the fault phase.
    let quiesce = child.steps.iter().position(|step| matches!(step.action, Action::Quiesce(_)));
    let end = quiesce.unwrap_or(child.steps.len());
    // A step that was moved past the end of the fault phase would come after `quiesce`.
    if let Some(last) = quiesce.and_then(|index| child.steps[index].at) {
        let late = child.steps[..end].iter_mut().filter_map(|step| step.at.as_mut());
        late.for_each(|at| *at = last.min(*at));
    }
    child.steps[..end].sort_by_key(|step| step.at);
    heal_all(&mut child);
    script::repaired(child)
}

fn change(rng: &mut Rng, child: &mut Schedule, other: &Schedule) {
    let faults: Vec<usize> = mutable_steps(child);
    if faults.is_empty() {
        return splice(rng, child, other);
    }
    let index = *rng.pick(&faults);
    match rng.below(6) {
        0 => drop(child.steps.remove(index)),
        1 => repeat(rng, child, index),
        2 => shift(rng, &mut child.steps[index]),
        3 => align(rng, child, index),
        4 => change_victim(rng, child, index),
        _ => splice(rng, child, other),
    }
}

/// The indices of the steps that may be changed.
fn mutable_steps(schedule: &Schedule) -> Vec<usize> {
    let numbered = schedule.steps.iter().enumerate();
    numbered
        .filter(|(_, step)| step.at.is_some() && is_mutable(&step.action))
        .map(|(n, _)| n)
        .collect()
}

const fn is_mutable(action: &Action) -> bool {
    !matches!(
        action,
        Action::Join { .. }
            | Action::Leave(_)
            | Action::Quiesce(_)
            | Action::Advance(_)
            | Action::Settle(_)
            | Action::Drain(_)
            | Action::Expect(_)
    )
}

/// Repeats a step a little later.
fn repeat(rng: &mut Rng, child: &mut Schedule, index: usize) {
    let mut step = child.steps[index].clone();
    step.at = step.at.map(|at| at + wide_millis(rng, &(1..=30_000)));
    insert(child, step);
}

/// Moves a step earlier or later.
fn shift(rng: &mut Rng, step: &mut Step) {
    let by = wide_millis(rng, &(1..=10_000));
    let earlier = rng.chance(500);
    step.at = step.at.map(|at| match earlier {
        true => Time::ZERO + at.since(Time::ZERO).saturating_sub(by),
        false => at + by,
    });
}

/// Moves a step to the time of another one, or up to 20 ms later.
fn align(rng: &mut Rng, child: &mut Schedule, index: usize) {
    let times: Vec<Time> = child.steps.iter().filter_map(|step| step.at).collect();
    let apart = Duration::from_millis(rng.below(20));
    child.steps[index].at = Some(*rng.pick(&times) + apart);
}

/// Applies a step to another consumer.
fn change_victim(rng: &mut Rng, child: &mut Schedule, index: usize) {
    let names: Vec<String> = child
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Join { consumer, .. } => Some(consumer.clone()),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        return;
    }
    let to = rng.pick(&names);
    let line = child.steps[index].action.to_string();
    let words =
        line.split(' ').map(|word| if names.contains(&word.to_owned()) { to } else { word });
    let line = words.collect::<Vec<&str>>().join(" ");
    // The parser decides whether the step is valid for that consumer.
    let mut settings = child.clone();
    settings.steps.retain(|step| matches!(step.action, Action::Join { .. }));
    let text = format!("{}{line}\n", script::print(&settings));
    if let Ok(read) = script::parse("candidate", &text)
        && let Some(step) = read.steps.last()
    {
        child.steps[index].action = step.action.clone();
    }
}

/// Copies a few consecutive steps of another schedule.
fn splice(rng: &mut Rng, child: &mut Schedule, other: &Schedule) {
    let faults = mutable_steps(other);
    if faults.is_empty() {
        return;
    }
    let first = rng.below(faults.len() as u64) as usize;
    let count = rng.within(1..=8) as usize;
    for &index in faults.iter().skip(first).take(count) {
        insert(child, other.steps[index].clone());
    }
}

/// Inserts a timed step in order, within the fault phase: after `quiesce` no step would end a
/// fault.
fn insert(child: &mut Schedule, step: Step) {
    let quiesce = child.steps.iter().position(|step| matches!(step.action, Action::Quiesce(_)));
    let end = quiesce.unwrap_or(child.steps.len());
    let later = |other: &Step| other.at.is_none_or(|at| Some(at) > step.at);
    let place = child.steps[..end].iter().position(later).unwrap_or(end);
    child.steps.insert(place, step);
}

fn heal_all(child: &mut Schedule) {
    for step in &mut child.steps {
        match &mut step.action {
            Action::Quiesce(core) => *core = None,
            Action::Drain(within) => *within = None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Finding, Run};
    use crate::swarm::{Profile, schedule};

    #[test]
    fn mutated_schedules_are_valid_and_differ_from_their_parents() {
        let (parent, other) = (schedule(3, Profile::Default), schedule(4, Profile::Default));
        let mut differ = 0;
        for number in 0..50 {
            let mut rng = Rng::stream(number, "test");
            let Some(child) = mutated(&mut rng, &parent, &other) else { continue };
            differ += u32::from(script::print(&child) != script::print(&parent));
            let after_quiesce =
                child.steps.iter().skip_while(|step| !matches!(step.action, Action::Quiesce(_)));
            let timed: Vec<&Step> =
                after_quiesce.skip(1).filter(|step| step.at.is_some()).collect();
            assert!(timed.is_empty(), "child {number}: {timed:?} in the healed phase");
        }
        assert!(differ >= 45, "{differ} of 50 differ");
    }

    #[test]
    fn correct_systems_hold_on_mutated_schedules() {
        for number in 0..20 {
            let mut rng = Rng::stream(number, "test");
            let parent = schedule(number, Profile::Default);
            let other = schedule(number + 1, Profile::Default);
            let mut child = mutated(&mut rng, &parent, &other).expect("valid settings");
            loop {
                match Run::of(&child).run().finding {
                    Some(Finding::BadStep { line, .. })
                        if script::without_line(&mut child, line) => {}
                    None => break,
                    found => panic!("child {number}: {found:?}\n{}", script::print(&child)),
                }
            }
        }
    }
}
