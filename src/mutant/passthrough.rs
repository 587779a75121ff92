//! The base of every wrapper around a coordinator: it passes through everything that the wrapper
//! does not override.

use crate::coordinator::{AppendId, Call, GroupCoordinator, Input, Inspect, Output, Record};
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
    fn request(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>) {
        self.inner_mut().handle(now, Input::Request(call), out);
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

    /// Passes in a batch of the log that is replayed.
    fn replay(
        &mut self,
        now: Time,
        records: &[(u64, Record)],
        committed: bool,
        out: &mut Vec<Output>,
    ) {
        self.inner_mut().handle(now, Input::Replay { records, committed }, out);
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

    fn pass_in(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        self.passing(now, out, |wrapper, out| wrapper.inner_mut().handle(now, input, out));
    }
}

impl<A: Passthrough> GroupCoordinator for Intercepted<A> {
    fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        match input {
            Input::Request(call) => {
                self.passing(now, out, |wrapper, out| wrapper.request(now, call, out));
            }
            Input::Committed(append) => {
                if let Some(append) = self.0.own_append(append) {
                    self.pass_in(now, Input::Committed(append), out);
                }
            }
            Input::AppendFailed { append, error } => {
                if let Some(append) = self.0.own_append(append) {
                    self.pass_in(now, Input::AppendFailed { append, error }, out);
                }
            }
            Input::Replay { records, committed } => {
                self.passing(now, out, |wrapper, out| wrapper.replay(now, records, committed, out));
            }
            Input::WriteTimedOut(_)
            | Input::Metadata { .. }
            | Input::ReplayedCommitted
            | Input::Loaded
            | Input::Unload => self.pass_in(now, input, out),
        }
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.0.ticks(now) {
            self.passing(now, out, |wrapper, out| wrapper.inner_mut().advance(now, out));
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        self.0.next_deadline()
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        self.0.inner().inspect()
    }
}
