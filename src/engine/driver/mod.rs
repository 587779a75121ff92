//! The drivers, which turn the state machines into programs. They are written once, for every
//! network.
//!
//! Each process runs one driver. The driver sleeps until the next deadline of its state machine,
//! wakes it, and runs the ends of its connections: frames in, frames out. The state machines
//! themselves track requests in flight and decide when to give up, when to reconnect and how long
//! to back off. A driver only reports what has arrived and what has ended.
//!
//! | file | what it does |
//! |---|---|
//! | `broker` | listens; takes one request per connection at a time, writes responses |
//! | `consumer` | connects; writes requests in order, reads responses |
//! | `timer` | wakes a state machine at its deadlines |
//! | `warnings` | log messages about clients that send invalid or unsupported requests |

mod broker;
mod consumer;
#[cfg(test)]
mod tests;
mod timer;
mod warnings;

pub use broker::{Limits, broker};
pub use consumer::consumer;
