//! The simulator with several brokers, action by action.

mod admin;
mod failover;
mod logs;
mod topics;
mod world;

use world::World;
