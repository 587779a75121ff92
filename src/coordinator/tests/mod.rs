//! The rules, one by one, against requests played by hand.

mod bench;
mod fuzz;
mod heartbeat;
mod initial_delay;
mod join;
mod leave;
mod offsets;
mod sync;
mod timers;

use bench::{Bench, code, join_answer, ms, secs};

use crate::protocol::ResponseError as E;
