//! The rules, one by one, with requests sent by hand.

mod bench;
mod compaction;
mod delete;
mod describe;
mod fuzz;
mod heartbeat;
mod initial_delay;
mod join;
mod leave;
mod list;
mod load;
mod max_size;
mod memory;
mod offset_delete;
mod offset_world;
mod offsets;
mod replacement;
mod replay;
mod retention;
mod static_members;
mod sync;
mod timers;
mod txn;
mod unload;

use bench::{Bench, code, join_response, ms, secs};

use crate::protocol::ResponseError as E;
