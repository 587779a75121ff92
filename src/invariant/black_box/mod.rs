//! Invariants for brokers that are black boxes: judged by the requests that clients send and the
//! responses that they receive.
//!
//! A simulation sees the coordinator change its state. Of a broker on a network only the responses
//! are visible, and only when they arrive. So these invariants are about requests *sent after* a
//! response had arrived: the broker had sent the first response before it handled the second
//! request.
//!
//! Scope: a group that only the consumers of the run belong to. A generation is identified by its
//! number and its leader: after a fail-over Kafka may issue a number again, and responses about the
//! first such generation say nothing about the second.
//!
//! | file | what it claims |
//! |---|---|
//! | `single_owner` | in one generation no partition is assigned to two members |
//! | `generation` | a later request does not receive an earlier generation |
//! | `fencing` | no request succeeds in an old generation |
//! | `convergence` | an undisturbed group becomes stable |
//! | `no_loss` | a later fetch returns an acknowledged commit |
//!
//! Each has the name of the invariant that claims more where a broker can be looked into, and the
//! rules of that where they mean the same. What a client owes by itself is in `client`, and not
//! judged here: a probe tests the brokers.
//!
//! Read next: `in_flight`, which orders requests and responses.

mod convergence;
mod fencing;
mod generation;
mod in_flight;
mod no_loss;
mod single_owner;

use super::Invariant;

/// A new instance of every invariant that needs only the clients' side.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(single_owner::SingleOwner::default()),
        Box::new(generation::Generations::default()),
        Box::new(fencing::Fencing::default()),
        Box::new(no_loss::NoLoss::default()),
        Box::new(convergence::Convergence),
        Box::new(super::common::expectations::Expectations),
    ]
}
