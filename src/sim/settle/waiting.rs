//! Explains what the cluster waits for. A report prints this when a cluster does not settle.

use crate::coordinator::{self, GroupState};
use crate::model::{Client, Group, Lag, Model};
use crate::protocol::GroupId;
use crate::sim::Sim;
use crate::trace::Awaited;

use super::{TermStatus, has_process, terms};

impl Sim {
    /// The reasons why the cluster is not settled.
    pub fn waiting_for(&self, model: &Model) -> Vec<Awaited> {
        let terms = terms(model).filter_map(|term| term_waits_for(&term));
        let mut reasons: Vec<Awaited> = terms.map(|what| Awaited { group: None, what }).collect();
        let mut of_group = |group: &GroupId, what: Option<String>| {
            reasons.extend(what.map(|what| Awaited::of(group, what)));
        };
        let mut groups: Vec<&Group> = model.reported_groups().collect();
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        groups.iter().for_each(|group| of_group(&group.id, self.group_waits_for(model, group)));
        for client in model.clients() {
            of_group(&client.config.group, self.disagrees(model, client));
        }
        if self.brokers_are_third_party() {
            let groups = self.third_party_groups(model);
            groups.iter().for_each(|id| of_group(id, self.third_party_group_waits_for(model, id)));
        }
        reasons
    }

    /// The same for a group that its coordinator does not describe: what its observations say.
    fn observed_group_waits_for(&self, model: &Model, group: &Group) -> Option<String> {
        let mut stale: Vec<String> = group
            .members
            .keys()
            .filter(|member| !has_process(model, &group.id, member))
            .map(ToString::to_string)
            .collect();
        stale.sort();
        if group.is_at_rest() && stale.is_empty() {
            return None;
        }
        let stale = listed(&stale);
        Some(format!(
            "group {} is {} in generation {}: members without a process: {stale}",
            group.id.as_str(),
            group.state,
            group.generation
        ))
    }

    fn group_waits_for(&self, model: &Model, reported: &Group) -> Option<String> {
        let id = &reported.id;
        let Some(group) = self.cluster.describe(id) else {
            return self.observed_group_waits_for(model, reported);
        };
        let missing = |wanted: &dyn Fn(&coordinator::MemberDescription) -> bool| {
            let names: Vec<String> = group
                .members
                .iter()
                .filter(|member| wanted(member))
                .map(|member| member.id.to_string())
                .collect();
            listed(&names)
        };
        let timers: Vec<String> =
            group.timers.iter().map(|(kind, at)| format!("{kind} timer due {at}")).collect();
        let timers =
            if timers.is_empty() { "no timer is armed".to_owned() } else { timers.join(", ") };
        let reason = match group.state {
            GroupState::PreparingRebalance => {
                format!("not rejoined: {}; {timers}", missing(&|member| !member.joined))
            }
            GroupState::CompletingRebalance => {
                format!("sync missing from: {}; {timers}", missing(&|member| member.sync_awaited))
            }
            GroupState::Stable => {
                let stale = missing(&|member| !has_process(model, id, &member.id));
                if stale == "none" {
                    return None;
                }
                format!("members without a process: {stale}")
            }
            GroupState::Empty | GroupState::Dead => return None,
        };
        let pending = group.pending.len();
        Some(format!(
            "group {} is {} in generation {}: {reason}; pending member ids: {pending}",
            id.0.as_str(),
            group.state,
            group.generation
        ))
    }

    /// The reasons why the logs are not drained.
    pub fn unprocessed(&self, model: &Model) -> Vec<Awaited> {
        let mut reasons: Vec<Awaited> = model.progress().lags().map(lag_as_awaited).collect();
        if self.workload.in_flight() {
            let what = "records are in flight to the broker".to_owned();
            reasons.push(Awaited { group: None, what });
        }
        reasons.extend(self.waiting_for(model));
        reasons
    }

    fn disagrees(&self, model: &Model, client: &Client) -> Option<String> {
        if self.agrees(model, client) {
            return None;
        }
        let consumer = &self.consumers[usize::from(client.who.index)];
        let closing = match (consumer.closing, client.will_rejoin) {
            (true, _) => ", closing",
            (false, true) => ", about to rejoin",
            (false, false) => "",
        };
        let waiting = consumer.process.as_ref().map(|process| process.describe().waiting_for);
        Some(format!(
            "{} is {} in generation {}{closing}, waiting for {}",
            consumer.name,
            client.state,
            client.generation,
            waiting.as_deref().unwrap_or("nothing")
        ))
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn lag_as_awaited(lag: Lag<'_>) -> Awaited {
    let Lag { group, partition, next, end } = lag;
    let name = group.as_str();
    Awaited::of(group, format!("group {name} has processed {partition} to {next} of {end}"))
}

fn term_waits_for(term: &TermStatus<'_>) -> Option<String> {
    if term.is_active() {
        return None;
    }
    let log = format!("partition {} of the offsets log", term.newest.term.partition);
    Some(match (term.leader, term.elected > term.newest.term.epoch) {
        (Some(leader), false) => format!("{leader} does not coordinate the groups of {log} yet"),
        (Some(leader), true) => format!("{leader} has not learned that it leads {log}"),
        (None, _) => format!("{log} has no leader"),
    })
}
