//! A correct consumer whose requests and responses pass through somebody's hands.

use std::sync::Arc;

use groupsim::consumer::{ConsumerDescription, GroupConsumer, Input, Output};
use groupsim::protocol::{Request, RequestFrame, Response, ResponseFrame};
use groupsim::time::Time;

/// The hands. Everything is let pass unless said otherwise.
pub trait Twist {
    /// Changes a request before it is sent.
    fn request(&mut self, _request: &mut Request) {}

    /// Changes a response before the consumer hears it.
    fn response(&mut self, _response: &mut Response) {}
}

/// A consumer in somebody's hands.
pub struct Twisted<T> {
    inner: Box<dyn GroupConsumer>,
    twist: T,
}

impl<T: Twist + 'static> Twisted<T> {
    /// A consumer, twisted.
    pub fn boxed(inner: Box<dyn GroupConsumer>, twist: T) -> Box<dyn GroupConsumer> {
        Box::new(Twisted { inner, twist })
    }

    /// Passes on what the consumer put out after the first `before`.
    fn pass(&mut self, before: usize, out: &mut [Output]) {
        for output in &mut out[before..] {
            if let Output::Send { frame, .. } = output {
                let mut changed = RequestFrame::clone(frame);
                self.twist.request(&mut changed.body);
                *frame = Arc::new(changed);
            }
        }
    }
}

impl<T: Twist + 'static> GroupConsumer for Twisted<T> {
    fn handle(&mut self, now: Time, mut input: Input, out: &mut Vec<Output>) {
        if let Input::Response { frame, .. } = &mut input {
            let mut changed = ResponseFrame::clone(frame);
            self.twist.response(&mut changed.body);
            *frame = Arc::new(changed);
        }
        let before = out.len();
        self.inner.handle(now, input, out);
        self.pass(before, out);
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Output>) {
        let before = out.len();
        self.inner.advance(now, out);
        self.pass(before, out);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.inner.next_deadline()
    }

    fn describe(&self) -> ConsumerDescription {
        self.inner.describe()
    }
}
