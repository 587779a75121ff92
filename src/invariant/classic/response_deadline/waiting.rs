//! The JoinGroup and SyncGroup requests that wait for a response, at most one of each consumer.

use crate::coordinator::GroupState;
use crate::model::{Group, Key, RequestContext};
use crate::protocol::{Api, IndexMap};
use crate::time::Time;
use crate::trace::ConsumerRef;

/// The requests that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// The last request of each consumer, unless the consumer has given it up.
    sent: IndexMap<ConsumerRef, Key>,
    /// The request of each consumer that a broker has begun to handle.
    waits: IndexMap<ConsumerRef, Wait>,
}

/// One request that waits for a response.
#[derive(Debug)]
pub(super) struct Wait {
    key: Key,
    pub(super) group: usize,
    api: Api,
    pub(super) consumer: ConsumerRef,
    broker: usize,
    arrived: Time,
    /// Since when the group is in no phase in which the request may wait.
    without_phase: Option<Time>,
}

impl Waiting {
    /// A consumer sends a request. It has given up its request before: it sends one at a time.
    pub(super) fn sent(&mut self, consumer: ConsumerRef, key: Key) {
        self.gave_up(consumer);
        self.sent.insert(consumer, key);
    }

    /// The broker begins to handle a request; one that was given up in flight needs no response.
    pub(super) fn on_request(
        &mut self,
        consumer: ConsumerRef,
        broker: usize,
        ctx: &RequestContext,
        api: Api,
        without_phase: Option<Time>,
    ) {
        let (key, group, arrived) = (ctx.key, ctx.group, ctx.local);
        if self.sent.get(&consumer) != Some(&key) {
            return;
        }
        self.waits
            .insert(consumer, Wait { key, group, api, consumer, broker, arrived, without_phase });
    }

    pub(super) fn on_response(&mut self, consumer: ConsumerRef, key: Key) {
        if self.waits.get(&consumer).is_some_and(|wait| wait.key == key) {
            self.waits.swap_remove(&consumer);
        }
    }

    pub(super) fn gave_up(&mut self, consumer: ConsumerRef) {
        self.sent.swap_remove(&consumer);
        self.waits.swap_remove(&consumer);
    }

    /// A group entered a state. Returns whether a request of it must not wait any longer.
    pub(super) fn moved(&mut self, group: usize, state: GroupState, now: Time) -> bool {
        let mut any = false;
        for wait in self.waits.values_mut().filter(|wait| wait.group == group) {
            if wait.may_wait_in(state) {
                wait.without_phase = None;
            } else {
                wait.without_phase.get_or_insert(now);
                any = true;
            }
        }
        any
    }

    /// A broker has unloaded some incarnations; their requests must not wait.
    pub(super) fn unloaded(&mut self, broker: usize, over: impl Fn(usize) -> bool, now: Time) {
        for wait in self.waits.values_mut().filter(|wait| wait.broker == broker) {
            if over(wait.group) {
                wait.without_phase = Some(now);
            }
        }
    }

    /// A broker crashed and lost the requests that it was handling.
    pub(super) fn crashed(&mut self, broker: usize) {
        self.waits.retain(|_, wait| wait.broker != broker);
    }

    /// The requests at a broker that must not wait, and since when.
    pub(super) fn without_phase(&self, broker: usize) -> impl Iterator<Item = (Time, &Wait)> {
        let waits = self.waits.values().filter(move |wait| wait.broker == broker);
        waits.filter_map(|wait| wait.without_phase.map(|since| (since, wait)))
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
            "group {}: the coordinator has not responded by {now} to the {} of {}, which arrived at {}, \
             though the group is {}",
            group.id.as_str(),
            self.api,
            self.consumer,
            self.arrived,
            group.state
        )
    }
}
