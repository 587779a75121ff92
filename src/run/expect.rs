//! Judges `expect` lines: what is expected, and what was found instead.

use crate::coordinator::GroupState;
use crate::model::Model;
use crate::protocol::{GroupId, TopicPartition, str_bytes};
use crate::sim::Sim;
use crate::sim::schedule::Expectation;

/// The expectation as text, and what was found if it differs.
pub(super) fn judge(
    expectation: &Expectation,
    sim: &Sim,
    model: &Model,
) -> (String, Option<String>) {
    let found = match expectation {
        Expectation::Group { group, state, generation, members } => {
            judge_group((sim, model), group.as_deref(), *state, *generation, *members)
        }
        Expectation::Consumer { consumer, state, owns, generation } => {
            let Some(found) = sim.describe_consumer(consumer) else {
                return (expectation.to_string(), Some(format!("{consumer} is not running")));
            };
            let met = state.is_none_or(|state| state == found.state)
                && owns.as_ref().is_none_or(|owns| sorted(owns) == found.owned)
                && generation.is_none_or(|generation| generation == found.generation.0);
            (!met).then(|| {
                let owned: Vec<String> = found.owned.iter().map(ToString::to_string).collect();
                let owned = if owned.is_empty() { "none".to_owned() } else { owned.join(",") };
                format!("{consumer} {} owns={owned} generation={}", found.state, found.generation)
            })
        }
        Expectation::Committed { group, partition, offset } => {
            let group = group_id(sim, group.as_deref());
            let offsets = sim.describe_group(&group).map(|found| found.offsets).unwrap_or_default();
            let found = offsets.iter().find(|(at, _)| at == partition).map_or(-1, |(_, at)| *at);
            (found != *offset).then(|| format!("committed {partition}={found}"))
        }
        Expectation::Response(expected) => match sim.last_response() {
            None => Some("no response".to_owned()),
            Some(response) => (!response.meets(expected)).then(|| format!("answer {response}")),
        },
        Expectation::Coordinator { group, broker } => {
            let found = sim.coordinator(&group_id(sim, group.as_deref()));
            (found != *broker).then(|| {
                found.map_or("coordinator none".to_owned(), |found| format!("coordinator {found}"))
            })
        }
        Expectation::Processed { partition, next } => {
            let found = model.progress().prefix(partition);
            (found != *next).then(|| format!("processed {partition}={found}"))
        }
    };
    (expectation.to_string(), found)
}

fn judge_group(
    (sim, model): (&Sim, &Model),
    group: Option<&str>,
    state: GroupState,
    generation: Option<i32>,
    members: Option<usize>,
) -> Option<String> {
    let id = group_id(sim, group);
    let Some(found) = sim.group_status(model, &id) else {
        let unknown = sim.why_group_is_unknown(model, &id);
        return Some(unknown.unwrap_or_else(|| format!("there is no group {}", id.0.as_str())));
    };
    let met = state == found.state
        && generation.is_none_or(|generation| generation == found.generation.0)
        && members.is_none_or(|members| members == found.members);
    (!met).then(|| {
        format!("{} generation={} members={}", found.state, found.generation, found.members)
    })
}

fn group_id(sim: &Sim, group: Option<&str>) -> GroupId {
    GroupId(str_bytes(group.or(sim.first_group()).unwrap_or_default()))
}

fn sorted(partitions: &[TopicPartition]) -> Vec<TopicPartition> {
    let mut sorted = partitions.to_vec();
    sorted.sort();
    sorted
}
