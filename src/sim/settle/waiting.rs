//! Explains what the cluster waits for. A report prints this when a cluster does not settle.

use crate::coordinator::{self, GroupState};
use crate::protocol::GroupId;
use crate::sim::Sim;
use crate::trace::Awaited;

use super::{MemberView, NewestTerm};

impl Sim {
    /// The reasons why the cluster is not settled.
    pub fn waiting_for(&self) -> Vec<Awaited> {
        let terms = self.tracker.terms.iter().filter_map(|(p, term)| term_waits_for(*p, term));
        let mut reasons: Vec<Awaited> = terms.map(|what| Awaited { group: None, what }).collect();
        let mut of_group = |group: &GroupId, what: Option<String>| {
            reasons.extend(what.map(|what| Awaited::of(group, what)));
        };
        self.tracker.groups.keys().for_each(|id| of_group(id, self.group_waits_for(id)));
        for view in self.tracker.consumers.values() {
            of_group(&view.group, self.disagrees(view));
        }
        if self.brokers_are_third_party() {
            let groups = self.tracker.third_party.groups();
            groups.for_each(|id| of_group(id, self.third_party_group_waits_for(id)));
        }
        reasons
    }

    /// The same for a group that its coordinator does not describe: what its observations say.
    fn observed_group_waits_for(&self, id: &GroupId) -> Option<String> {
        let group = self.tracker.groups.get(id)?;
        let stale = group.members.iter().filter(|member| !self.has_process(id, member));
        let stale: Vec<String> = stale.map(ToString::to_string).collect();
        if group.is_at_rest() && stale.is_empty() {
            return None;
        }
        let stale = listed(&stale);
        Some(format!(
            "group {} is {} in generation {}: members without a process: {stale}",
            id.as_str(),
            group.state,
            group.generation
        ))
    }

    fn group_waits_for(&self, id: &GroupId) -> Option<String> {
        let Some(group) = self.cluster.describe(id) else {
            return self.observed_group_waits_for(id);
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
                let stale = missing(&|member| !self.has_process(id, &member.id));
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
    pub fn unprocessed(&self) -> Vec<Awaited> {
        let mut reasons = self.tracker.progress.unprocessed();
        if self.workload.in_flight() {
            let what = "records are in flight to the broker".to_owned();
            reasons.push(Awaited { group: None, what });
        }
        reasons.extend(self.waiting_for());
        reasons
    }

    fn disagrees(&self, view: &MemberView) -> Option<String> {
        if self.agrees(view) {
            return None;
        }
        let consumer = &self.consumers[usize::from(view.consumer.index)];
        let closing = match (consumer.closing, view.will_rejoin) {
            (true, _) => ", closing",
            (false, true) => ", about to rejoin",
            (false, false) => "",
        };
        let waiting = consumer.process.as_ref().map(|process| process.describe().waiting_for);
        Some(format!(
            "{} is {} in generation {}{closing}, waiting for {}",
            consumer.name,
            view.state,
            view.generation,
            waiting.as_deref().unwrap_or("nothing")
        ))
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn term_waits_for(partition: i32, term: &NewestTerm) -> Option<String> {
    if term.is_active() {
        return None;
    }
    let log = format!("partition {partition} of the offsets log");
    Some(match (term.leader, term.announced > term.epoch) {
        (Some(leader), false) => format!("{leader} does not coordinate the groups of {log} yet"),
        (Some(leader), true) => format!("{leader} has not learned that it leads {log}"),
        (None, _) => format!("{log} has no leader"),
    })
}
