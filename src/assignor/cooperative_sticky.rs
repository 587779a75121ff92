//! The cooperative sticky assignor: the sticky one in two phases (KIP-429).
//!
//! It computes the sticky assignment, less every partition that a member must give up first. That
//! member joins again once it has given the partition up, and the next assignment gives the
//! partition out. Claims are the partitions that members list as owned; under the eager protocol
//! there are none, and the whole assignment is given out.

use crate::protocol::Generation;
use crate::protocol::sticky_user_data::decode_generation;
use crate::protocol::subscription::Subscription;

use super::sticky::{Claim, Claims, NumberedGroup, assign_evenly};
use super::{Assignments, Subscriptions, Topics};

pub(super) fn assign(members: &Subscriptions, topics: &Topics) -> Assignments {
    let group = NumberedGroup::new(members, topics);
    let claims = Claims::new(&group, members.values().map(|member| owned(&member.subscription)));
    let plan = assign_evenly(&group, &claims);
    // Rule R14.9.
    let free = plan
        .into_iter()
        .enumerate()
        .map(|(partition, member)| claims.can_take(member, partition).then_some(member));
    group.named(free)
}

/// The partitions that a member lists as owned. A subscription older than version 2 has no
/// generation of its own; the user data has it instead.
fn owned(subscription: &Subscription) -> Claim {
    let generation = match subscription.generation {
        Generation::NONE => generation_of_user_data(subscription),
        generation => generation,
    };
    Claim { partitions: subscription.owned.clone(), generation }
}

fn generation_of_user_data(subscription: &Subscription) -> Generation {
    let data = subscription.user_data.as_ref();
    data.and_then(|data| decode_generation(data).ok()).unwrap_or(Generation::NONE)
}
