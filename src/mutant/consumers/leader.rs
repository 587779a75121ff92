//! Leaders that submit wrong assignments.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::subscription::{decode_assignment, encode_assignment};
use crate::protocol::{Request, Response, StrBytes, TopicName, TopicPartition};
use kafka_protocol::messages::SyncGroupRequest;

use super::cooperative::rewrite;
use super::interceptor::RequestInterceptor;

/// Assigns the first member all partitions of each topic that it has a share of. Like the third
/// part of KAFKA-12984, where members were filled beyond their quota. `balance` must catch it.
pub struct SkewedLeader;

impl RequestInterceptor for SkewedLeader {
    fn request(&mut self, request: &mut Request) {
        edit(request, |plan| {
            let Some((first, others)) = plan.split_first_mut() else { return };
            let topics: BTreeSet<TopicName> = first.iter().map(|p| p.topic.clone()).collect();
            for owned in others {
                first.extend(owned.extract_if(.., |p| topics.contains(&p.topic)));
            }
        });
    }
}

/// Assigns each member's share to the next member: as balanced as before, but no member keeps a
/// partition. `stickiness` must catch it.
pub struct RotatingLeader;

impl RequestInterceptor for RotatingLeader {
    fn request(&mut self, request: &mut Request) {
        edit(request, |plan| {
            if !plan.is_empty() {
                plan.rotate_left(1);
            }
        });
    }
}

/// Ignores the partitions that members claim to own: each plan starts from nothing. `stickiness`
/// must catch it.
pub struct ForgetsClaims;

impl RequestInterceptor for ForgetsClaims {
    fn response(&mut self, response: &mut Response) {
        let Response::JoinGroup(body) = response else { return };
        for member in &mut body.members {
            rewrite(&mut member.metadata, |subscription| {
                subscription.owned_partitions.clear();
                subscription.user_data = None;
            });
        }
    }
}

/// A cooperative leader that reassigns partitions at once that others have yet to revoke. A
/// partition then has two owners for the length of a rebalance. `revoke-first` must catch it.
#[derive(Default)]
pub struct ImpatientLeader {
    /// The partitions that each member claims to own.
    claims: BTreeMap<StrBytes, Vec<TopicPartition>>,
}

impl RequestInterceptor for ImpatientLeader {
    fn response(&mut self, response: &mut Response) {
        let Response::JoinGroup(body) = response else { return };
        self.claims.clear();
        let cooperative = body.protocol_name.as_ref().map(|name| name.as_str());
        for member in body.members.iter_mut().filter(|_| cooperative == Some("cooperative-sticky"))
        {
            let mut owned = Vec::new();
            rewrite(&mut member.metadata, |subscription| {
                for topic in &subscription.owned_partitions {
                    let of = |n: &i32| TopicPartition::new(topic.topic.clone(), *n);
                    owned.extend(topic.partitions.iter().map(of));
                }
            });
            self.claims.insert(member.member_id.clone(), owned);
        }
    }

    fn request(&mut self, request: &mut Request) {
        let Request::SyncGroup(body) = &*request else { return };
        let members: Vec<StrBytes> =
            body.assignments.iter().map(|entry| entry.member_id.clone()).collect();
        edit(request, |plan| {
            for (owner, owned) in &self.claims {
                for partition in owned {
                    if plan.iter().flatten().any(|given| given == partition) {
                        continue;
                    }
                    let others = plan.iter_mut().zip(&members).filter(|(_, id)| *id != owner);
                    if let Some((least, _)) = others.min_by_key(|(given, _)| given.len()) {
                        least.push(partition.clone());
                    }
                }
            }
        });
    }
}

/// Leaves the last partition unassigned. Like sarama#1462, where added partitions were never
/// assigned. `single-owner` must catch it.
pub struct ForgetfulLeader;

impl RequestInterceptor for ForgetfulLeader {
    fn request(&mut self, request: &mut Request) {
        edit(request, |plan| {
            if let Some(owned) = plan.iter_mut().rev().find(|owned| !owned.is_empty()) {
                owned.pop();
            }
        });
    }
}

/// Assigns the first partition to two members. Like KAFKA-12984, where two members claimed a
/// partition and both kept it. `single-owner` must catch it.
pub struct DoublingLeader;

impl RequestInterceptor for DoublingLeader {
    fn request(&mut self, request: &mut Request) {
        edit(request, |plan| {
            let Some(partition) = plan.iter().flatten().next().cloned() else { return };
            if let Some(owned) = plan.iter_mut().find(|owned| !owned.contains(&partition)) {
                owned.push(partition);
            }
        });
    }
}

/// Changes the plan that a leader submits, in the order of its members.
fn edit(request: &mut Request, change: impl FnOnce(&mut Vec<Vec<TopicPartition>>)) {
    let Request::SyncGroup(SyncGroupRequest { assignments, .. }) = request else { return };
    if assignments.is_empty() {
        return;
    }
    let decoded = assignments.iter().map(|entry| decode_assignment(&entry.assignment));
    let Ok(mut plan) = decoded.collect::<Result<Vec<_>, _>>() else { return };
    change(&mut plan);
    for (entry, mut owned) in assignments.iter_mut().zip(plan) {
        owned.sort();
        entry.assignment = encode_assignment(&owned, 1);
    }
}
