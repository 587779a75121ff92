//! The context of a handler while the coordinator processes one input.

use std::time::Duration;

use crate::coordinator::api::{AppendId, Output, Release, RequestId};
use crate::coordinator::config::CoordinatorConfig;
use crate::coordinator::observation::Observation;
use crate::coordinator::offsets::OffsetStore;
use crate::coordinator::record::Record;
use crate::protocol::Response;
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
}

impl Turn<'_> {
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

    /// Arms a timer to fire `after` from now.
    pub(crate) fn arm(&mut self, key: TimerKey, after: Duration) {
        self.timers.arm(key, self.now + after);
    }
}
