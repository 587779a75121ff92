//! The sticky assignor: first balance over all topics, then as few moves as possible (KIP-54).
//!
//! Members with equal subscriptions get the floor or the ceiling of the fair share
//! ([`constrained`]); otherwise a search ends at the most even assignment ([`general`]). Claims to
//! previous ownership are resolved first ([`claims`]). The algorithms work on numbers for members
//! and partitions ([`numbered`]), which are translated back to names at the end.
//!
//! Unlike Java's, it ignores racks (rule R15.12), and it does not resolve claims in the order of a
//! hash map (rule R15.13).

mod chains;
mod claims;
mod constrained;
mod general;
mod numbered;

use crate::protocol::Generation;
use crate::protocol::sticky_user_data::decode_previous;
use crate::protocol::subscription::Subscription;

use super::{Assignments, Subscriptions, Topics};

pub(super) use claims::{Claim, Claims};
pub(super) use numbered::NumberedGroup;

pub(super) fn assign(members: &Subscriptions, topics: &Topics) -> Assignments {
    let group = NumberedGroup::new(members, topics);
    let claims = Claims::new(&group, members.values().map(|member| previous(&member.subscription)));
    group.named(assign_evenly(&group, &claims).into_iter().map(Some))
}

/// The member of each partition; claims count as far as balance allows.
pub(super) fn assign_evenly(group: &NumberedGroup<'_>, claims: &Claims) -> Vec<usize> {
    match group.have_equal_subscriptions() {
        true => constrained::assign_evenly(group, claims.owners()),
        false => general::assign_evenly(group, claims.owners()),
    }
}

/// The claim in the member's user data: an eager member has given up everything, so its
/// subscription lists nothing as owned. Unreadable user data claims nothing, so that it does not
/// stop the group.
fn previous(subscription: &Subscription) -> Claim {
    let data = subscription.user_data.as_ref();
    let (partitions, generation) = data
        .and_then(|data| decode_previous(data).ok())
        .unwrap_or_else(|| (Vec::new(), Generation::NONE));
    Claim { partitions, generation }
}
