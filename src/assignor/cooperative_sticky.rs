//! The cooperative sticky assignor: the sticky one in two phases (KIP-429).
//!
//! The plan is the sticky one, less every partition that somebody must give up first. Whoever loses one
//! by that joins again once it has, claiming it no more, and then it is given out. The members' claims
//! are what they say they own; under the eager protocol that is nothing, and the plan is given out whole.

use crate::protocol::Generation;
use crate::protocol::sticky_user_data::decode_generation;
use crate::protocol::subscription::Subscription;

use super::sticky::{Claim, Claims, Ground, deal};
use super::{Assignments, Subscriptions, Topics};

pub(super) fn assign(members: &Subscriptions, topics: &Topics) -> Assignments {
    let ground = Ground::new(members, topics);
    let claims = Claims::new(&ground, members.values().map(|member| owned(&member.subscription)));
    let plan = deal(&ground, &claims);
    // Rule R14.9.
    let free = plan
        .into_iter()
        .enumerate()
        .map(|(partition, member)| claims.can_take(member, partition).then_some(member));
    ground.named(free)
}

/// What a member lists as its own. A subscription older than version 2 has no generation of its own, and
/// the user data makes up for it.
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
