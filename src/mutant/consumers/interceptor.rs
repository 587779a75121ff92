//! A correct consumer whose requests and responses pass through an interceptor.

use std::sync::Arc;

use crate::client::{
    ClientInput, ClientObservation, ClientOutput, Conn, ConsumerDescription, GroupConsumer,
};
use crate::protocol::{Request, RequestFrame, Response, ResponseFrame};
use crate::time::Time;

/// The correlation id of a request that the consumer itself did not send.
pub const EXTRA: i32 = i32::MAX;

/// Changes what a consumer sends, receives and observes. The defaults change nothing.
pub trait RequestInterceptor {
    /// Changes a request before it is sent.
    fn request(&mut self, _request: &mut Request) {}

    /// Whether an observation is passed on.
    fn shows(&mut self, _observation: &ClientObservation) -> bool {
        true
    }

    /// An observation to add after this one.
    fn then(&mut self, _observation: &ClientObservation) -> Option<ClientObservation> {
        None
    }

    /// An observation to add after the consumer has closed.
    fn after_closed(&mut self) -> Option<ClientObservation> {
        None
    }

    /// A request to send when the application closes the consumer; `heartbeat` is its last
    /// heartbeat.
    fn at_close(&mut self, _heartbeat: &RequestFrame) -> Option<RequestFrame> {
        None
    }

    /// Changes a response before the consumer receives it.
    fn response(&mut self, _response: &mut Response) {}
}

/// A consumer with an interceptor.
pub struct InterceptedClient<T> {
    inner: Box<dyn GroupConsumer>,
    interceptor: T,
    /// The last heartbeat, while its connection is open.
    heartbeat: Option<(Conn, Arc<RequestFrame>)>,
}

impl<T: RequestInterceptor + 'static> InterceptedClient<T> {
    /// Wraps a consumer.
    pub fn boxed(inner: Box<dyn GroupConsumer>, interceptor: T) -> Box<dyn GroupConsumer> {
        Box::new(InterceptedClient { inner, interceptor, heartbeat: None })
    }

    /// Passes on the outputs of the consumer after the first `before`.
    fn pass(&mut self, before: usize, out: &mut Vec<ClientOutput>) {
        for mut output in out.split_off(before) {
            if let ClientOutput::Observe(observation) = &output
                && !self.interceptor.shows(observation)
            {
                continue;
            }
            let then = match &mut output {
                ClientOutput::Send { conn, frame } => {
                    let mut changed = RequestFrame::clone(frame);
                    self.interceptor.request(&mut changed.body);
                    *frame = Arc::new(changed);
                    if let Request::Heartbeat(_) = frame.body {
                        self.heartbeat = Some((*conn, frame.clone()));
                    }
                    None
                }
                ClientOutput::Close { conn } => {
                    self.forget(*conn);
                    None
                }
                ClientOutput::Observe(observation) => self.interceptor.then(observation),
                ClientOutput::Closed => self.interceptor.after_closed(),
            };
            out.push(output);
            out.extend(then.map(ClientOutput::Observe));
        }
    }

    fn forget(&mut self, gone: Conn) {
        self.heartbeat.take_if(|(conn, _)| *conn == gone);
    }

    fn at_close(&mut self, out: &mut Vec<ClientOutput>) {
        if let Some((conn, heartbeat)) = &self.heartbeat
            && let Some(frame) = self.interceptor.at_close(heartbeat)
        {
            out.push(ClientOutput::Send { conn: *conn, frame: Arc::new(frame) });
        }
    }
}

impl<T: RequestInterceptor + 'static> GroupConsumer for InterceptedClient<T> {
    fn handle(&mut self, now: Time, mut input: ClientInput, out: &mut Vec<ClientOutput>) {
        if let ClientInput::Disconnected { conn } = &input {
            self.forget(*conn);
        }
        if let ClientInput::Close = &input {
            self.at_close(out);
        }
        if let ClientInput::Response { frame, .. } = &mut input {
            if frame.correlation == EXTRA {
                return;
            }
            let mut changed = ResponseFrame::clone(frame);
            self.interceptor.response(&mut changed.body);
            *frame = Arc::new(changed);
        }
        let before = out.len();
        self.inner.handle(now, input, out);
        self.pass(before, out);
    }

    fn advance(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
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
