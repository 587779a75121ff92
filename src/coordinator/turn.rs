//! The context of a handler while the coordinator processes one input.

use std::time::Duration;

use crate::protocol::Response;
use crate::rng::Rng;
use crate::time::Time;

use super::api::{AppendId, Output, Release, RequestId};
use super::appends::{Appends, Consequence};
use super::config::CoordinatorConfig;
use super::observation::Observation;
use super::offsets::OffsetStore;
use super::record::Record;
use super::timers::{TimerKey, Timers};

/// Everything a handler needs besides the group it works on.
pub(super) struct Turn<'a> {
    pub(super) now: Time,
    pub(super) config: &'a CoordinatorConfig,
    pub(super) rng: &'a mut Rng,
    pub(super) timers: &'a mut Timers,
    pub(super) appends: &'a mut Appends,
    pub(super) offsets: &'a mut OffsetStore,
    pub(super) out: &'a mut Vec<Output>,
}

impl Turn<'_> {
    /// Sends a response.
    pub(super) fn respond(
        &mut self,
        to: RequestId,
        response: impl Into<Response>,
        release: Release,
    ) {
        self.out.push(Output::Respond { to, response: response.into(), release });
    }

    /// Emits an observation for traces and invariants.
    pub(super) fn observe(&mut self, observation: Observation) {
        self.out.push(Output::Observe(observation));
    }

    /// Appends a record; `consequence` is the effect of its outcome, apart from its effect on
    /// offsets.
    pub(super) fn append(&mut self, record: Record, consequence: Consequence) -> AppendId {
        let id = self.appends.expect(consequence);
        self.offsets.append(id, &record);
        self.out.push(Output::Append { id, records: vec![record] });
        id
    }

    /// Arms a timer to fire `after` from now.
    pub(super) fn arm(&mut self, key: TimerKey, after: Duration) {
        self.timers.arm(key, self.now + after);
    }
}
