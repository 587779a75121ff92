//! What can be judged of brokers that nobody looks into: from what clients asked, were told and did.
//!
//! A simulation sees the coordinator change its mind. Of a broker somewhere on a network only its answers are
//! seen, and those only when they arrive. So these invariants speak of requests *sent after* an answer had
//! arrived: whoever answered the first had done so before it took up the second.
//!
//! Scope: a group that only the consumers of the run belong to. A generation is known by its number and its
//! leader: after a fail-over Kafka may issue a number again, and what was told of the first says nothing of
//! the second.
//!
//! | file | what it states |
//! |---|---|
//! | `single_owner` | in one generation no partition is told to two members |
//! | `generation` | a later question is not answered with an earlier generation |
//! | `fencing` | nothing succeeds in an old generation |
//! | `convergence` | a group that is left alone becomes stable |
//! | `no_loss` | an acknowledged commit is what is fetched afterwards |

mod book;
mod convergence;
mod fencing;
mod generation;
mod no_loss;
mod single_owner;

use super::Invariant;

/// Every invariant that can be judged from the clients' side, fresh.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(single_owner::SingleOwner::default()),
        Box::new(generation::Generations::default()),
        Box::new(fencing::Fencing::default()),
        Box::new(no_loss::NoLoss::default()),
        Box::new(convergence::Convergence),
        Box::new(super::expectations::Expectations),
    ]
}
