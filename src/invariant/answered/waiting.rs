//! The JoinGroup and SyncGroup requests that wait for an answer, at most one of each consumer.

use crate::coordinator::GroupState;
use crate::invariant::ledger::{Asked, Group, Key};
use crate::protocol::{Api, IndexMap};
use crate::time::Time;
use crate::trace::ConsumerRef;

/// The requests that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// What each consumer asked last, and has not given up.
    sent: IndexMap<ConsumerRef, Key>,
    /// What of it a broker has begun to handle.
    waits: IndexMap<ConsumerRef, Wait>,
}

/// One request that waits.
#[derive(Debug)]
pub(super) struct Wait {
    key: Key,
    pub(super) group: usize,
    api: Api,
    pub(super) consumer: ConsumerRef,
    broker: usize,
    asked: Time,
    /// Since when there is no phase that it may wait for.
    stray: Option<Time>,
}

impl Waiting {
    /// A consumer asks. What it asked before it has given up: it asks one thing at a time.
    pub(super) fn sent(&mut self, consumer: ConsumerRef, key: Key) {
        self.gave_up(consumer);
        self.sent.insert(consumer, key);
    }

    /// The broker begins to handle a request; one that was given up on the way needs no answer.
    pub(super) fn asked(
        &mut self,
        consumer: ConsumerRef,
        broker: usize,
        asked: &Asked,
        api: Api,
        stray: Option<Time>,
    ) {
        let (key, group, asked) = (asked.key, asked.group, asked.local);
        if self.sent.get(&consumer) != Some(&key) {
            return;
        }
        self.waits.insert(consumer, Wait { key, group, api, consumer, broker, asked, stray });
    }

    pub(super) fn answered(&mut self, consumer: ConsumerRef, key: Key) {
        if self.waits.get(&consumer).is_some_and(|wait| wait.key == key) {
            self.waits.swap_remove(&consumer);
        }
    }

    pub(super) fn gave_up(&mut self, consumer: ConsumerRef) {
        self.sent.swap_remove(&consumer);
        self.waits.swap_remove(&consumer);
    }

    /// A group entered a state. True if a request of it has nothing to wait for any more.
    pub(super) fn moved(&mut self, group: usize, state: GroupState, now: Time) -> bool {
        let mut any = false;
        for wait in self.waits.values_mut().filter(|wait| wait.group == group) {
            if wait.may_wait_in(state) {
                wait.stray = None;
            } else {
                wait.stray.get_or_insert(now);
                any = true;
            }
        }
        any
    }

    /// A broker has unloaded some incarnations; of those nothing may wait.
    pub(super) fn unloaded(&mut self, broker: usize, over: impl Fn(usize) -> bool, now: Time) {
        for wait in self.waits.values_mut().filter(|wait| wait.broker == broker) {
            if over(wait.group) {
                wait.stray = Some(now);
            }
        }
    }

    /// A broker has forgotten what it was asked.
    pub(super) fn crashed(&mut self, broker: usize) {
        self.waits.retain(|_, wait| wait.broker != broker);
    }

    /// The requests that a broker was asked and that have nothing to wait for, and since when.
    pub(super) fn strays(&self, broker: usize) -> impl Iterator<Item = (Time, &Wait)> {
        let waits = self.waits.values().filter(move |wait| wait.broker == broker);
        waits.filter_map(|wait| wait.stray.map(|since| (since, wait)))
    }
}

impl Wait {
    fn may_wait_in(&self, state: GroupState) -> bool {
        match state {
            GroupState::PreparingRebalance => self.api == Api::JoinGroup,
            GroupState::CompletingRebalance => self.api == Api::SyncGroup,
            GroupState::Empty | GroupState::Stable | GroupState::Dead => false,
        }
    }

    pub(super) fn describe(&self, group: &Group, now: Time) -> String {
        format!(
            "group {}: the {} that {} sent at {} is unanswered at {now}, and the group is {}",
            group.id.as_str(),
            self.api,
            self.consumer,
            self.asked,
            group.state
        )
    }
}
