//! Random groups and topics, and properties of a plan that do not depend on the assignor.

use std::collections::{BTreeMap, BTreeSet};

use groupsim::assignor::{
    Assignments, Assignor, MemberSubscription, StickyMemory, Subscriptions, TopicShape, Topics,
};
use groupsim::protocol::subscription::Subscription;
use groupsim::protocol::{Generation, MemberId, StrBytes, TopicName, TopicPartition, str_bytes};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// The last does not exist on any broker.
const TOPICS: [&str; 5] = ["a", "a-1", "b", "orders", "unknown"];
const RACKS: [&str; 3] = ["east", "north", "west"];

pub fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

pub fn topic(name: &str) -> TopicName {
    TopicName(str_bytes(name))
}

pub fn member(name: &str) -> MemberId {
    MemberId(str_bytes(name))
}

pub fn partition(name: &str, number: i32) -> TopicPartition {
    TopicPartition::new(topic(name), number)
}

pub fn rack_set(names: &[&str]) -> BTreeSet<StrBytes> {
    names.iter().map(|name| str_bytes(name)).collect()
}

/// All topics but the last, with replicas in random racks.
pub fn topics() -> impl Strategy<Value = Topics> {
    let racks = subsequence(RACKS.to_vec(), 0..=RACKS.len()).prop_map(|racks| rack_set(&racks));
    let shape = prop::collection::vec(racks, 0..12).prop_map(|racks| TopicShape { racks });
    prop::collection::vec(shape, TOPICS.len() - 1)
        .prop_map(|shapes| TOPICS.iter().map(|name| topic(name)).zip(shapes).collect())
}

/// The same topics without racks.
pub fn plain(topics: Topics) -> Topics {
    let shapes = topics.into_iter();
    shapes.map(|(name, shape)| (name, TopicShape::without_racks(shape.partitions()))).collect()
}

fn wishes() -> impl Strategy<Value = Vec<TopicName>> {
    subsequence(TOPICS.to_vec(), 0..=TOPICS.len())
        .prop_map(|names| names.into_iter().map(topic).collect())
}

fn names(count: std::ops::Range<usize>) -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set("[a-c]{1,2}[0-9]{1,2}", count)
}

/// A member that may be static and may have a rack. Instance ids sort in another order than member
/// ids.
fn described(
    name: &str,
    wishes: &[TopicName],
    fixed: bool,
    rack: Option<&str>,
) -> MemberSubscription {
    let subscription = Subscription { rack: rack.map(str_bytes), ..Subscription::to(wishes) };
    let instance: String = name.chars().rev().collect();
    MemberSubscription { subscription, instance_id: fixed.then(|| str_bytes(&instance)) }
}

/// Up to eight members with random subscriptions.
pub fn group() -> impl Strategy<Value = Subscriptions> {
    let traits = (wishes(), any::<bool>(), prop::option::of(select(&RACKS[..])));
    (names(0..9), prop::collection::vec(traits, 9)).prop_map(|(names, traits)| {
        let each = names.into_iter().zip(traits);
        each.map(|(name, (wishes, fixed, rack))| {
            (member(&name), described(&name, &wishes, fixed, rack))
        })
        .collect()
    })
}

/// Up to eight members with equal subscriptions.
pub fn same_wishes() -> impl Strategy<Value = Subscriptions> {
    let traits = prop::collection::vec((any::<bool>(), prop::option::of(select(&RACKS[..]))), 9);
    (names(1..9), wishes(), traits).prop_map(|(names, wishes, traits)| {
        let each = names.into_iter().zip(traits);
        each.map(|(name, (fixed, rack))| (member(&name), described(&name, &wishes, fixed, rack)))
            .collect()
    })
}

/// Claims of owned partitions, by place in the group; some contradict each other or are nonsense.
#[derive(Clone, Debug)]
pub struct Claims(Vec<(BTreeSet<TopicPartition>, Generation)>);

pub fn claimed() -> impl Strategy<Value = Claims> {
    let owned = prop::collection::btree_set((select(&TOPICS[..]), -1..13_i32), 0..16)
        .prop_map(|owned| owned.into_iter().map(|(name, p)| partition(name, p)).collect());
    let claim = (owned, (0..4_i32).prop_map(Generation));
    prop::collection::vec(claim, 9).prop_map(Claims)
}

impl Claims {
    pub fn put(&self, assignor: Assignor, mut members: Subscriptions) -> Subscriptions {
        for (member, (owned, generation)) in members.values_mut().zip(&self.0) {
            claim(assignor, member, owned.iter().cloned().collect(), *generation);
        }
        members
    }

    /// The claims of the first `members` places, partition by partition.
    pub fn by_partition(
        &self,
        members: &Subscriptions,
    ) -> BTreeMap<TopicPartition, Vec<(Generation, MemberId)>> {
        let mut made: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (id, (owned, generation)) in members.keys().zip(&self.0) {
            for partition in owned {
                made.entry(partition.clone()).or_default().push((*generation, id.clone()));
            }
        }
        made
    }
}

/// Makes the member claim, in the format of the assignor, `partitions` in `generation`.
pub fn claim(
    assignor: Assignor,
    member: &mut MemberSubscription,
    partitions: Vec<TopicPartition>,
    generation: Generation,
) {
    let memory = StickyMemory { partitions: partitions.clone(), generation };
    member.subscription.owned = partitions;
    member.subscription.generation = generation;
    member.subscription.user_data = assignor.subscription_user_data(Some(&memory));
}

/// The members after they received `plan`.
pub fn after(
    assignor: Assignor,
    plan: &Assignments,
    generation: i32,
    mut members: Subscriptions,
) -> Subscriptions {
    for (id, member) in &mut members {
        if let Some(given) = plan.get(id) {
            claim(assignor, member, given.clone(), Generation(generation));
        }
    }
    members
}

/// Static members by instance id, then the others by member id.
pub fn in_order(members: &Subscriptions) -> Vec<&MemberId> {
    let (fixed, dynamic): (Vec<_>, Vec<_>) =
        members.iter().partition(|(_, member)| member.instance_id.is_some());
    let by_instance: BTreeMap<_, _> =
        fixed.into_iter().map(|(id, member)| (member.instance_id.clone(), id)).collect();
    by_instance.into_values().chain(dynamic.into_iter().map(|(id, _)| id)).collect()
}

/// All existing partitions with a subscriber.
pub fn wanted(members: &Subscriptions, topics: &Topics) -> BTreeSet<TopicPartition> {
    topics
        .iter()
        .filter(|(topic, _)| members.values().any(|member| member.subscribes_to(topic)))
        .flat_map(|(topic, shape)| {
            (0..shape.partitions() as i32).map(|p| TopicPartition::new(topic.clone(), p))
        })
        .collect()
}

/// All assigned partitions.
pub fn given_out(plan: &Assignments) -> BTreeSet<TopicPartition> {
    plan.values().flatten().cloned().collect()
}

pub fn partitions_of(hand: &[TopicPartition], topic: &TopicName) -> Vec<i32> {
    hand.iter().filter(|owned| owned.topic == *topic).map(|owned| owned.partition).collect()
}

/// The difference between the largest and the smallest number of partitions.
pub fn spread(plan: &Assignments) -> usize {
    let sizes = plan.values().map(Vec::len);
    sizes.clone().max().unwrap_or(0) - sizes.min().unwrap_or(0)
}

/// A partition whose move to another subscriber would make the plan more even.
pub fn improvement(plan: &Assignments, members: &Subscriptions) -> Option<String> {
    let mut poorest: BTreeMap<&TopicName, &MemberId> = BTreeMap::new();
    for (id, member) in members {
        for topic in &member.subscription.topics {
            let known = poorest.entry(topic).or_insert(id);
            if plan[id].len() < plan[*known].len() {
                *known = id;
            }
        }
    }
    for (rich, hand) in plan {
        for partition in hand {
            let poor = poorest[&partition.topic];
            if plan[poor].len() + 1 < hand.len() {
                return Some(format!("{partition} from {rich} to {poor} in {plan:?}"));
            }
        }
    }
    None
}
