//! Coordinators with bugs in offsets, transactions and administration.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::coordinator::{
    GroupCoordinator, GroupState, Observation, OffsetRemoval, Output, Record,
};
use crate::protocol::{GroupId, Request, Response, ResponseError, TopicPartition};
use crate::time::Time;
use kafka_protocol::messages::LeaveGroupRequest;
use kafka_protocol::messages::leave_group_request::MemberIdentity;

use super::interceptor::{ResponseFate, ResponseInterceptor, hidden};
use super::memory::each_offset;

/// Expires the offsets of a Stable group 20 s after their commit, though its members read the
/// topics. Like KAFKA-13636. `no-loss` must catch it.
#[derive(Default)]
pub struct ExpiresWhatIsRead {
    fresh: Vec<(GroupId, TopicPartition)>,
    committed: BTreeMap<(GroupId, TopicPartition), Time>,
    expired: BTreeSet<(GroupId, TopicPartition)>,
}

impl ResponseInterceptor for ExpiresWhatIsRead {
    fn output(&mut self, output: &mut Output) {
        let Output::Append { records, .. } = output else { return };
        for record in records {
            if let Record::OffsetCommit { group, partition, .. } = record {
                self.fresh.push((group.clone(), partition.clone()));
            }
        }
    }

    fn also(&mut self, inner: &dyn GroupCoordinator, now: Time, out: &mut Vec<Output>) {
        for id in self.fresh.drain(..) {
            self.expired.remove(&id);
            self.committed.insert(id, now);
        }
        let stable =
            |group: &GroupId| inner.describe(group).is_some_and(|g| g.state == GroupState::Stable);
        let due = self.committed.extract_if(.., |(group, _), committed| {
            *committed + Duration::from_secs(20) <= now && stable(group)
        });
        for ((group, partition), _) in due {
            self.expired.insert((group.clone(), partition.clone()));
            out.push(Output::Observe(Observation::OffsetRemoved {
                group,
                partition,
                why: OffsetRemoval::Expired,
            }));
        }
    }

    fn response(&mut self, request: &Request, response: &mut Response) -> ResponseFate {
        each_offset(request, response, |group, partition, offset, _| {
            if self.expired.contains(&(group.clone(), partition)) {
                *offset = -1;
            }
        });
        ResponseFate::Sent
    }
}

/// Deletes Stable groups, without a check that the group is Empty. `legal-transitions` must catch
/// it.
pub struct DeletesStableGroups;

impl ResponseInterceptor for DeletesStableGroups {
    fn before(
        &mut self,
        inner: &mut dyn GroupCoordinator,
        now: Time,
        request: &Request,
        out: &mut Vec<Output>,
    ) {
        let Request::DeleteGroups(body) = request else { return };
        for id in &body.groups_names {
            let Some(group) = inner.describe(id) else { continue };
            if group.state != GroupState::Stable {
                continue;
            }
            let members = group.members.iter();
            let members = members.map(|m| MemberIdentity::default().with_member_id(m.id.0.clone()));
            let leave = LeaveGroupRequest::default()
                .with_group_id(id.clone())
                .with_members(members.collect());
            let mut done = Vec::new();
            hidden(inner, now, 5, &leave.into(), &mut done);
            // The departure of the members is not observed.
            out.extend(done.into_iter().filter(|output| !matches!(output, Output::Observe(_))));
        }
    }
}

/// The offsets of open transactions, by producer.
#[derive(Default)]
struct Pending(BTreeMap<(GroupId, TopicPartition), (i64, i64)>);

impl Pending {
    fn learn(&mut self, request: &Request) {
        match request {
            Request::TxnOffsetCommit(body) => {
                for topic in &body.topics {
                    for entry in &topic.partitions {
                        let id = TopicPartition::new(topic.name.clone(), entry.partition_index);
                        let pending = (body.producer_id.0, entry.committed_offset);
                        self.0.insert((body.group_id.clone(), id), pending);
                    }
                }
            }
            Request::WriteTxnMarkers(body) => {
                for marker in &body.markers {
                    self.0.retain(|_, (producer, _)| *producer != marker.producer_id.0);
                }
            }
            _ => {}
        }
    }
}

/// Returns offsets of an open transaction to a fetch with RequireStable. This is what KIP-447
/// prevents. `no-loss` must catch it.
#[derive(Default)]
pub struct ReturnsPendingOffsets(Pending);

impl ResponseInterceptor for ReturnsPendingOffsets {
    fn request(&mut self, _inner: &dyn GroupCoordinator, request: &mut Request) {
        self.0.learn(request);
    }

    fn response(&mut self, request: &Request, response: &mut Response) -> ResponseFate {
        let unstable = ResponseError::UnstableOffsetCommit.code();
        each_offset(request, response, |group, partition, offset, error| {
            if *error == unstable
                && let Some((_, pending)) = self.0.0.get(&(group.clone(), partition))
            {
                (*offset, *error) = (*pending, 0);
            }
        });
        ResponseFate::Sent
    }
}

/// Ignores RequireStable: returns the committed offset though an open transaction is about to
/// change it. Like brokers before KIP-447. `no-loss` must catch it.
pub struct IgnoresTransactions;

impl ResponseInterceptor for IgnoresTransactions {
    fn request(&mut self, _inner: &dyn GroupCoordinator, request: &mut Request) {
        if let Request::OffsetFetch(body) = request {
            body.require_stable = false;
        }
    }
}
