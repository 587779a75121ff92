//! The sticky assignor: first balance over all topics, then as few moves as possible (KIP-54).
//!
//! Members who all want the same get floor or ceiling of the fair share ([`constrained`]); otherwise
//! a search ends at the most even plan there is ([`general`]). Who owned what is settled beforehand
//! ([`claims`]). Works on numbers for members and partitions ([`ground`]); names come back at the end.
//!
//! What it does not do: racks are not looked at (rule R15.12); claims are not settled in the order of a
//! hash map (rule R15.13).

mod chains;
mod claims;
mod constrained;
mod general;
mod ground;

use crate::protocol::Generation;
use crate::protocol::sticky_user_data::decode_previous;
use crate::protocol::subscription::Subscription;

use super::{Assignments, Subscriptions, Topics};

pub(super) use claims::{Claim, Claims};
pub(super) use ground::Ground;

pub(super) fn assign(members: &Subscriptions, topics: &Topics) -> Assignments {
    let ground = Ground::new(members, topics);
    let claims =
        Claims::new(&ground, members.values().map(|member| previous(&member.subscription)));
    ground.named(deal(&ground, &claims).into_iter().map(Some))
}

/// Who gets each partition, with as much regard for claims as balance allows.
pub(super) fn deal(ground: &Ground<'_>, claims: &Claims) -> Vec<usize> {
    match ground.all_want_the_same() {
        true => constrained::deal(ground, claims.owners()),
        false => general::deal(ground, claims.owners()),
    }
}

/// What the member's user data claims: an eager member has given up all that its subscription could list.
/// What cannot be read claims nothing, rather than stopping the group.
fn previous(subscription: &Subscription) -> Claim {
    let data = subscription.user_data.as_ref();
    let (partitions, generation) = data
        .and_then(|data| decode_previous(data).ok())
        .unwrap_or_else(|| (Vec::new(), Generation::NONE));
    Claim { partitions, generation }
}
