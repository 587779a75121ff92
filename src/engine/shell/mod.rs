//! The shell: what makes programs of the state machines. Written once, for every network.
//!
//! A host runs one driver. It sleeps until the next deadline of its state machine, wakes it, and looks after
//! the ends of its connections: frames in, frames out. What was sent and not answered, when to give up, when
//! to connect again and how long to back off is the state machines' own business; a shell only tells them
//! what has arrived and what has ended.
//!
//! | file | what it does |
//! |---|---|
//! | `broker` | listens; requests in, one of a connection at a time, responses out |
//! | `complaints` | what is said of clients that send what is no request |
//! | `consumer` | connects; requests out in order, responses in |
//! | `timer` | wakes a state machine at its deadlines |

mod broker;
mod complaints;
mod consumer;
#[cfg(test)]
mod tests;
mod timer;

pub use broker::Limits;
pub(super) use broker::broker;
pub(super) use consumer::consumer;
