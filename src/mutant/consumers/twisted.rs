//! A correct consumer whose requests and responses pass through somebody's hands.

use std::sync::Arc;

use crate::consumer::{Conn, ConsumerDescription, GroupConsumer, Input, Observation, Output};
use crate::protocol::{Request, RequestFrame, Response, ResponseFrame};
use crate::time::Time;

/// The correlation id of what the consumer itself has not asked.
pub const EXTRA: i32 = i32::MAX;

/// The hands. Everything is let pass unless said otherwise.
pub trait Twist {
    /// Changes a request before it is sent.
    fn request(&mut self, _request: &mut Request) {}

    /// Whether an observation is made.
    fn shows(&mut self, _observation: &Observation) -> bool {
        true
    }

    /// What is observed right after that.
    fn then(&mut self, _observation: &Observation) -> Option<Observation> {
        None
    }

    /// What is observed after the consumer has closed.
    fn after_closed(&mut self) -> Option<Observation> {
        None
    }

    /// What is asked of the coordinator when the application closes the consumer; `heartbeat` is its last.
    fn at_close(&mut self, _heartbeat: &RequestFrame) -> Option<RequestFrame> {
        None
    }

    /// Changes a response before the consumer hears it.
    fn response(&mut self, _response: &mut Response) {}
}

/// A consumer in somebody's hands.
pub struct Twisted<T> {
    inner: Box<dyn GroupConsumer>,
    twist: T,
    /// The last heartbeat, while its connection is there.
    heartbeat: Option<(Conn, Arc<RequestFrame>)>,
}

impl<T: Twist + 'static> Twisted<T> {
    /// A consumer, twisted.
    pub fn boxed(inner: Box<dyn GroupConsumer>, twist: T) -> Box<dyn GroupConsumer> {
        Box::new(Twisted { inner, twist, heartbeat: None })
    }

    /// Passes on what the consumer put out after the first `before`.
    fn pass(&mut self, before: usize, out: &mut Vec<Output>) {
        for mut output in out.split_off(before) {
            if let Output::Observe(observation) = &output
                && !self.twist.shows(observation)
            {
                continue;
            }
            let then = match &mut output {
                Output::Send { conn, frame } => {
                    let mut changed = RequestFrame::clone(frame);
                    self.twist.request(&mut changed.body);
                    *frame = Arc::new(changed);
                    if let Request::Heartbeat(_) = frame.body {
                        self.heartbeat = Some((*conn, frame.clone()));
                    }
                    None
                }
                Output::Close { conn } => {
                    self.forget(*conn);
                    None
                }
                Output::Observe(observation) => self.twist.then(observation),
                Output::Closed => self.twist.after_closed(),
            };
            out.push(output);
            out.extend(then.map(Output::Observe));
        }
    }

    fn forget(&mut self, gone: Conn) {
        self.heartbeat.take_if(|(conn, _)| *conn == gone);
    }

    fn at_close(&mut self, out: &mut Vec<Output>) {
        if let Some((conn, heartbeat)) = &self.heartbeat
            && let Some(frame) = self.twist.at_close(heartbeat)
        {
            out.push(Output::Send { conn: *conn, frame: Arc::new(frame) });
        }
    }
}

impl<T: Twist + 'static> GroupConsumer for Twisted<T> {
    fn handle(&mut self, now: Time, mut input: Input, out: &mut Vec<Output>) {
        if let Input::Disconnected { conn } = &input {
            self.forget(*conn);
        }
        if let Input::Close = &input {
            self.at_close(out);
        }
        if let Input::Response { frame, .. } = &mut input {
            if frame.correlation == EXTRA {
                return;
            }
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
