//! What is waited for, in words: what a report prints when a cluster does not settle.

use crate::coordinator::{self, GroupState};
use crate::protocol::GroupId;
use crate::sim::Sim;

use super::{Belief, Term};

impl Sim {
    /// Everything that keeps the cluster from being settled, a reason a line.
    pub fn waiting_for(&self) -> Vec<String> {
        let mut reasons: Vec<String> =
            self.census.terms.iter().filter_map(|(p, term)| term_waits_for(*p, term)).collect();
        reasons.extend(self.census.groups.keys().filter_map(|id| self.group_waits_for(id)));
        reasons.extend(self.census.consumers.values().filter_map(|belief| self.disagrees(belief)));
        if self.brokers_are_foreign() {
            let groups = self.census.foreign.groups();
            reasons.extend(groups.filter_map(|group| self.foreign_group_waits_for(group)));
        }
        reasons
    }

    fn group_waits_for(&self, id: &GroupId) -> Option<String> {
        let group = self.cluster.describe(id)?;
        let missing = |wanted: &dyn Fn(&coordinator::MemberDescription) -> bool| {
            let names: Vec<String> = group
                .members
                .iter()
                .filter(|member| wanted(member))
                .map(|member| member.id.to_string())
                .collect();
            if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
        };
        let timers: Vec<String> =
            group.timers.iter().map(|(kind, at)| format!("{kind} timer due {at}")).collect();
        let timers =
            if timers.is_empty() { "no timer is armed".to_owned() } else { timers.join(", ") };
        let what = match group.state {
            GroupState::PreparingRebalance => {
                format!("not rejoined: {}; {timers}", missing(&|member| !member.joined))
            }
            GroupState::CompletingRebalance => {
                format!("sync missing from: {}; {timers}", missing(&|member| member.sync_awaited))
            }
            GroupState::Stable => {
                let ghosts = missing(&|member| !self.is_alive(id, &member.id));
                if ghosts == "nobody" {
                    return None;
                }
                format!("members without a process: {ghosts}")
            }
            GroupState::Empty | GroupState::Dead => return None,
        };
        let pending = group.pending.len();
        Some(format!(
            "group {} is {} in generation {}: {what}; pending member ids: {pending}",
            id.0.as_str(),
            group.state,
            group.generation
        ))
    }

    /// What keeps the logs from being drained, a reason a line.
    pub fn unprocessed(&self) -> Vec<String> {
        let mut reasons = self.census.progress.unprocessed();
        if self.workload.in_flight() {
            reasons.push("records are on their way to the broker".to_owned());
        }
        reasons.extend(self.waiting_for());
        reasons
    }

    fn disagrees(&self, belief: &Belief) -> Option<String> {
        if self.agrees(belief) {
            return None;
        }
        let consumer = &self.consumers[usize::from(belief.who.index)];
        let closing = match (consumer.closing, belief.will_rejoin) {
            (true, _) => ", closing",
            (false, true) => ", about to join again",
            (false, false) => "",
        };
        let waiting = consumer.process.as_ref().map(|process| process.describe().waiting_for);
        Some(format!(
            "{} is {} in generation {}{closing}, waiting for {}",
            consumer.name,
            belief.state,
            belief.generation,
            waiting.as_deref().unwrap_or("nothing")
        ))
    }
}

fn term_waits_for(partition: i32, term: &Term) -> Option<String> {
    if term.is_active() {
        return None;
    }
    let log = format!("partition {partition} of the offsets log");
    Some(match (term.leader, term.announced > term.epoch) {
        (Some(leader), false) => format!("{leader} does not coordinate the groups of {log} yet"),
        (Some(leader), true) => format!("{leader} has not heard that it leads {log}"),
        (None, _) => format!("nobody leads {log}"),
    })
}
