//! The context of a handler while the coordinator processes one input.

use std::time::Duration;

use crate::coordinator::api::{AppendId, Output, Release, RequestId};
use crate::coordinator::config::CoordinatorConfig;
use crate::coordinator::group::Groups;
use crate::coordinator::observation::Observation;
use crate::coordinator::offsets::OffsetStore;
use crate::coordinator::record::Record;
use crate::protocol::{GroupId, Response};
use crate::rng::Rng;
use crate::time::Time;

use super::appends::{Appends, Consequence};
use super::timers::{TimerKey, Timers};

/// Everything a handler needs besides the group it works on.
pub(crate) struct Turn<'a> {
    pub(crate) now: Time,
    pub(crate) config: &'a CoordinatorConfig,
    pub(crate) rng: &'a mut Rng,
    pub(crate) timers: &'a mut Timers,
    pub(crate) appends: &'a mut Appends,
    pub(crate) offsets: &'a mut OffsetStore,
    pub(crate) out: &'a mut Vec<Output>,
    /// The groups whose state has changed; they are checked at the end of the input.
    changed: Vec<GroupId>,
}

impl<'a> Turn<'a> {
    /// The context of one input.
    pub(crate) fn new(
        now: Time,
        (config, rng): (&'a CoordinatorConfig, &'a mut Rng),
        timers: &'a mut Timers,
        appends: &'a mut Appends,
        offsets: &'a mut OffsetStore,
        out: &'a mut Vec<Output>,
    ) -> Turn<'a> {
        Turn { now, config, rng, timers, appends, offsets, out, changed: Vec::new() }
    }

    /// Sends a response.
    pub(crate) fn respond(
        &mut self,
        to: RequestId,
        response: impl Into<Response>,
        release: Release,
    ) {
        self.out.push(Output::Respond { to, response: response.into(), release });
    }

    /// Emits an observation for traces and invariants.
    pub(crate) fn observe(&mut self, observation: Observation) {
        self.out.push(Output::Observe(observation));
    }

    /// Appends a record; `consequence` is the effect of its outcome, apart from its effect on
    /// offsets.
    pub(crate) fn append(&mut self, record: Record, consequence: Consequence) -> AppendId {
        let id = self.appends.expect(consequence);
        self.offsets.append(id, &record);
        self.out.push(Output::Append { id, records: vec![record] });
        id
    }

    /// The state of a group has changed.
    pub(crate) fn changed(&mut self, group: &GroupId) {
        if self.changed.last() != Some(group) {
            self.changed.push(group.clone());
        }
    }

    /// The number of responses among the outputs since the first `outputs`.
    pub(crate) fn responses_since(&self, outputs: usize) -> usize {
        let is_response = |output: &&Output| matches!(output, Output::Respond { .. });
        self.out[outputs..].iter().filter(is_response).count()
    }

    /// Asserts that the groups whose state has changed are consistent. A group may have been
    /// removed since.
    pub(crate) fn check_changed(&mut self, groups: &Groups) {
        for id in std::mem::take(&mut self.changed) {
            if let Some(group) = groups.get(&id) {
                assert_eq!(*group.id(), id, "a group under another's id");
                group.assert_consistent(self);
            }
        }
    }

    /// Arms a timer to fire `after` from now.
    pub(crate) fn arm(&mut self, key: TimerKey, after: Duration) {
        self.timers.arm(key, self.now + after);
    }
}
