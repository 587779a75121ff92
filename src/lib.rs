//! Deterministic simulation testing for Kafka consumer groups.

pub mod assignor;
pub mod cluster;
pub mod consumer;
pub mod coordinator;
pub mod invariant;
pub mod protocol;
pub mod rng;
pub mod run;
pub mod script;
pub mod sim;
pub mod swarm;
pub mod time;
pub mod trace;
