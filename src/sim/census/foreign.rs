//! Groups of third-party brokers: nothing is seen of them, so their coordinators are asked, as an
//! administrator's tool would ask them (DescribeGroups).
//!
//! What the consumers know is not enough to tell whether a group has settled: when one of them leaves or
//! dies, the others learn of it only from their next heartbeat. An answer counts if it was asked for after
//! the last thing that could have changed it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::coordinator::GroupState;
use crate::protocol::{Generation, GroupId, MemberId, str_bytes};
use crate::sim::Sim;
use crate::sim::hosted::Order;
use crate::sim::queue::{Due, Turn};

/// After how long a coordinator is asked again that has said that its group is not at rest.
const PAUSE: Duration = Duration::from_millis(100);

/// A group, as its coordinator describes it from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its state.
    pub state: GroupState,
    /// The ids of its members.
    pub members: BTreeSet<MemberId>,
}

/// A question about a group that counts only if it is asked from a certain moment on.
#[derive(Clone, Debug)]
pub struct Inquiry {
    group: GroupId,
    since: u64,
}

/// What an `expect` line about a group is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: GroupState,
    /// Its generation; of a third-party group the newest that a consumer was assigned in.
    pub generation: Generation,
    /// How many members it has.
    pub members: usize,
}

/// What is known of groups of third-party brokers.
#[derive(Default)]
pub(super) struct Foreign {
    groups: BTreeMap<GroupId, Group>,
}

#[derive(Default)]
struct Group {
    /// When the question was asked that is under way.
    asked: Option<u64>,
    /// The last answer, with the moment of its question.
    answer: Option<(u64, Result<Described, String>)>,
    /// The newest generation in which a consumer was assigned anything.
    generation: Option<Generation>,
}

impl Group {
    fn answer_since(&self, since: u64) -> Option<&Result<Described, String>> {
        self.answer.as_ref().filter(|(asked, _)| *asked >= since).map(|(_, answer)| answer)
    }
}

impl Foreign {
    /// A consumer of this group has started.
    pub(super) fn meet(&mut self, group: &GroupId) {
        self.groups.entry(group.clone()).or_default();
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &GroupId> {
        self.groups.keys()
    }

    pub(super) fn assigned(&mut self, group: &GroupId, generation: Generation) {
        self.groups.entry(group.clone()).or_default().generation = Some(generation);
    }
}

impl Sim {
    /// Whether the brokers are third-party ones, none of which is on the stage.
    pub(in crate::sim) fn brokers_are_foreign(&self) -> bool {
        self.brokers.is_empty()
    }

    /// A question about a group, the first one when not named, from this moment on.
    pub fn inquiry(&self, group: Option<&str>) -> Inquiry {
        let name = group.or(self.first_group()).unwrap_or_default();
        Inquiry { group: GroupId(str_bytes(name)), since: self.census.changes }
    }

    /// Whether a question has been answered; asks it unless it is under way. There is nothing to ask where
    /// the brokers are on the stage.
    pub fn inquire(&mut self, inquiry: &Inquiry) -> bool {
        if !self.brokers_are_foreign() {
            return true;
        }
        let group = self.census.foreign.groups.entry(inquiry.group.clone()).or_default();
        if group.answer_since(inquiry.since).is_some() {
            return true;
        }
        if group.asked.is_none() {
            group.asked = Some(self.census.changes);
            self.order(Order::Describe(inquiry.group.clone()));
        }
        false
    }

    /// The same for a caller that needs the description itself: a coordinator that has none to give, because it
    /// loads or cannot be reached, is asked again.
    pub fn inquire_until_described(&mut self, inquiry: &Inquiry) -> bool {
        if !self.inquire(inquiry) {
            return false;
        }
        let known = self.census.foreign.groups.get(&inquiry.group);
        let answer = known.and_then(|known| known.answer_since(inquiry.since));
        let refused = matches!(answer, Some(Err(_)));
        if refused {
            self.ask_again_later(&inquiry.group);
        }
        !refused
    }

    /// Why nothing is known of a third-party group, if its coordinator has not described it.
    pub fn group_is_unknown_because(&self, group: &GroupId) -> Option<String> {
        let known = self.census.foreign.groups.get(group)?;
        let described = matches!(known.answer, Some((_, Ok(_))));
        (self.brokers_are_foreign() && !described).then(|| self.foreign_group_waits_for(group))?
    }

    /// The answer to [`Order::Describe`], or why there is none.
    pub fn described(&mut self, group: &GroupId, answer: Result<Described, String>) {
        let known = self.census.foreign.groups.entry(group.clone()).or_default();
        known.answer = known.asked.take().map(|asked| (asked, answer));
        self.look_again();
    }

    /// What a group is, as far as anybody can know; none when there is no such group.
    pub fn standing(&self, group: &GroupId) -> Option<Standing> {
        if self.brokers_are_foreign() {
            let known = self.census.foreign.groups.get(group)?;
            let (_, answer) = known.answer.as_ref()?;
            let described = answer.as_ref().ok().filter(|found| found.state != GroupState::Dead)?;
            return Some(Standing {
                state: described.state,
                generation: known.generation.unwrap_or(Generation::NONE),
                members: described.members.len(),
            });
        }
        let found = self.describe_group(group)?;
        let members = found.members.len();
        Some(Standing { state: found.state, generation: found.generation, members })
    }

    /// Whether every coordinator says that its group is at rest and has the members that the consumers are.
    pub(super) fn foreign_brokers_agree(&mut self) -> bool {
        if !self.brokers_are_foreign() {
            return true;
        }
        let groups: Vec<GroupId> = self.census.foreign.groups.keys().cloned().collect();
        let since = self.census.changes;
        let mut agree = true;
        for group in groups {
            let inquiry = Inquiry { group, since };
            agree &= self.inquire(&inquiry) && self.is_confirmed(&inquiry.group);
        }
        agree
    }

    /// Whether an answer agrees with what the consumers know. One that does not is forgotten, and after a
    /// while the coordinator is asked again.
    fn is_confirmed(&mut self, group: &GroupId) -> bool {
        if self.foreign_group_waits_for(group).is_none() {
            return true;
        }
        self.ask_again_later(group);
        false
    }

    /// Forgets an answer, unless a newer one is under way.
    fn ask_again_later(&mut self, group: &GroupId) {
        if let Some(known) = self.census.foreign.groups.get_mut(group)
            && known.asked.is_none()
        {
            known.answer = None;
            self.queue.schedule(self.now + PAUSE, Turn::Normal, Due::Look);
        }
    }

    /// Why the last answer about a group does not agree with what the consumers know.
    pub(super) fn foreign_group_waits_for(&self, group: &GroupId) -> Option<String> {
        let known = self.census.foreign.groups.get(group)?;
        let name = group.0.as_str();
        let described = match &known.answer {
            Some((_, Ok(described))) => described,
            Some((_, Err(why))) => return Some(format!("group {name}: {why}")),
            None => return Some(format!("the coordinator of group {name} is being asked")),
        };
        let Described { state, members } = described;
        let at_rest = matches!(state, GroupState::Stable | GroupState::Empty | GroupState::Dead);
        if !at_rest {
            let count = members.len();
            return Some(format!("group {name} is {state} with {count} members"));
        }
        let strangers = members.iter().filter(|member| !self.is_alive(group, member));
        let strangers: Vec<String> = strangers.map(ToString::to_string).collect();
        if !strangers.is_empty() {
            let strangers = strangers.join(", ");
            return Some(format!("group {name} has members without a process: {strangers}"));
        }
        let mut consumers = self.census.consumers.values().filter(|one| one.group == *group);
        let missing = consumers.find(|belief| {
            let consumer = &self.consumers[usize::from(belief.who.index)];
            !consumer.node.paused && !members.contains(&belief.member)
        })?;
        let consumer = &self.consumers[usize::from(missing.who.index)].name;
        Some(format!("group {name} is {state} without {consumer}"))
    }
}
