//! The base of every wrapper around a coordinator: it passes through everything that the wrapper
//! does not override.

use crate::coordinator::{
    AppendId, Call, GroupCoordinator, GroupDescription, Output, Record, RequestId,
};
use crate::protocol::{GroupId, ResponseError, TopicName};
use crate::time::Time;

/// A wrapper around a coordinator. [`Intercepted`] makes a coordinator of it.
pub trait Passthrough {
    /// The wrapped coordinator.
    fn inner(&self) -> &dyn GroupCoordinator;

    /// The wrapped coordinator, mutable.
    fn inner_mut(&mut self) -> &mut dyn GroupCoordinator;

    /// Changes the outputs of the coordinator after the first `before`.
    fn pass(&mut self, _now: Time, _before: usize, _out: &mut Vec<Output>) {}

    /// Passes in a request.
    fn handle(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>) {
        self.inner_mut().handle(now, call, out);
    }

    /// Whether timers fire.
    fn ticks(&mut self, _now: Time) -> bool {
        true
    }

    /// When the next timer fires.
    fn next_deadline(&self) -> Option<Time> {
        self.inner().next_deadline()
    }

    /// The id under which the wrapped coordinator knows an append, if it does.
    fn own_append(&self, append: AppendId) -> Option<AppendId> {
        Some(append)
    }

    /// Replays a record of the log.
    fn replay(&mut self, now: Time, position: u64, record: &Record) {
        self.inner_mut().replay(now, position, record);
    }

    /// Replays a record of the log that is not committed.
    fn replay_uncommitted(&mut self, now: Time, position: u64, record: &Record) {
        self.inner_mut().replay_uncommitted(now, position, record);
    }

    /// Called when the log has been replayed.
    fn loaded(&mut self, now: Time, out: &mut Vec<Output>) {
        self.inner_mut().loaded(now, out);
    }
}

/// A coordinator whose outputs pass through a function, which may change an output and returns
/// whether to keep it.
pub struct OutputFilter<F>(pub Box<dyn GroupCoordinator>, pub F);

impl<F: FnMut(&mut Output) -> bool> Passthrough for OutputFilter<F> {
    fn inner(&self) -> &dyn GroupCoordinator {
        &*self.0
    }

    fn inner_mut(&mut self) -> &mut dyn GroupCoordinator {
        &mut *self.0
    }

    fn pass(&mut self, _now: Time, before: usize, out: &mut Vec<Output>) {
        for mut output in out.split_off(before) {
            if (self.1)(&mut output) {
                out.push(output);
            }
        }
    }
}

/// The coordinator that a wrapper makes.
pub struct Intercepted<A>(pub A);

impl<A: Passthrough> Intercepted<A> {
    fn passing(
        &mut self,
        now: Time,
        out: &mut Vec<Output>,
        act: impl FnOnce(&mut A, &mut Vec<Output>),
    ) {
        let before = out.len();
        act(&mut self.0, out);
        self.0.pass(now, before, out);
    }
}

impl<A: Passthrough> GroupCoordinator for Intercepted<A> {
    fn handle(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>) {
        self.passing(now, out, |wrapper, out| wrapper.handle(now, call, out));
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.0.ticks(now) {
            self.passing(now, out, |wrapper, out| wrapper.inner_mut().advance(now, out));
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.0.next_deadline()
    }

    fn committed(&mut self, now: Time, append: AppendId, out: &mut Vec<Output>) {
        if let Some(append) = self.0.own_append(append) {
            self.passing(now, out, |wrapper, out| wrapper.inner_mut().committed(now, append, out));
        }
    }

    fn append_failed(
        &mut self,
        now: Time,
        append: AppendId,
        error: ResponseError,
        out: &mut Vec<Output>,
    ) {
        if let Some(append) = self.0.own_append(append) {
            self.passing(now, out, |wrapper, out| {
                wrapper.inner_mut().append_failed(now, append, error, out);
            });
        }
    }

    fn write_timed_out(&mut self, now: Time, request: RequestId, out: &mut Vec<Output>) {
        self.passing(now, out, |wrapper, out| {
            wrapper.inner_mut().write_timed_out(now, request, out);
        });
    }

    fn deadlines(&self, visit: &mut dyn FnMut(Time)) {
        self.0.inner().deadlines(visit);
    }

    fn groups(&self) -> Vec<GroupId> {
        self.0.inner().groups()
    }

    fn describe(&self, group: &GroupId) -> Option<GroupDescription> {
        self.0.inner().describe(group)
    }

    fn topic_deleted(&mut self, now: Time, topic: &TopicName, out: &mut Vec<Output>) {
        self.passing(now, out, |wrapper, out| wrapper.inner_mut().topic_deleted(now, topic, out));
    }

    fn replay(&mut self, now: Time, position: u64, record: &Record) {
        self.0.replay(now, position, record);
    }

    fn replay_uncommitted(&mut self, now: Time, position: u64, record: &Record) {
        self.0.replay_uncommitted(now, position, record);
    }

    fn replayed_committed(&mut self, now: Time, out: &mut Vec<Output>) {
        self.passing(now, out, |wrapper, out| wrapper.inner_mut().replayed_committed(now, out));
    }

    fn loaded(&mut self, now: Time, out: &mut Vec<Output>) {
        self.passing(now, out, |wrapper, out| wrapper.loaded(now, out));
    }

    fn unload(&mut self, now: Time, out: &mut Vec<Output>) {
        self.passing(now, out, |wrapper, out| wrapper.inner_mut().unload(now, out));
    }
}
