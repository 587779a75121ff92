//! Groups of the classic protocol: members join a generation, and one of them, the leader, assigns
//! the partitions.
//!
//! | file | the state in it |
//! |---|---|
//! | `group` | one incarnation of a group: its state, generation, members and owners |
//! | `observe` | how the observations of its coordinator change it |
//! | `messages` | what requests and responses reveal of it |
//! | `roster`, `claims` | the members as the leader received them, and what they claim |
//! | `plan` | what the leader submitted |
//! | `membership` | what a client may believe about its own membership |
//!
//! Which incarnation an event is about is decided outside, once for all group types.

mod claims;
mod group;
mod membership;
mod messages;
mod observe;
mod plan;
mod roster;

pub use claims::Claim;
pub use group::{Group, Member};
pub use membership::Membership;
pub use plan::{Assigned, Plan};
pub use roster::Roster;
