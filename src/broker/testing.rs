//! A scripted coordinator for the tests, and a cluster to run it in.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    DescribeGroupsResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsResponse,
    OffsetCommitRequest, SyncGroupRequest, SyncGroupResponse,
};

use super::*;
use crate::coordinator::{
    self, AppendId, Call, CoordinatorConfig, GroupCoordinator, GroupMetadata, GroupRemoval, Input,
    Inspect, Observation, Record, Release, RequestId,
};
use crate::protocol::{
    BrokerId, Generation, GroupId, Request, RequestFrame, Response, ResponseError, TopicName,
    refusal, str_bytes,
};
use crate::time::Time;

pub(super) fn tombstone(id: &str) -> Record {
    Record::GroupTombstone { group: group_id(id) }
}

pub(super) fn group(id: &str, generation: i32) -> Record {
    Record::GroupMetadata(GroupMetadata {
        group: group_id(id),
        protocol_type: None,
        generation: Generation(generation),
        protocol: None,
        leader: None,
        state_since: Time::ZERO,
        members: Vec::new(),
    })
}

pub(super) fn group_id(id: &str) -> GroupId {
    GroupId(str_bytes(id))
}

pub(super) fn topic(name: &str) -> TopicName {
    TopicName(str_bytes(name))
}

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Parks each JoinGroup until a SyncGroup arrives, which gets all of them a response. LeaveGroup
/// and OffsetCommit append a record of their group; the response to the first is released with that
/// append, the response to the second follows when the append is committed or has failed. Each
/// failed append is observed as a removed group.
#[derive(Default)]
struct Scripted {
    parked: Vec<RequestId>,
    commits: BTreeMap<AppendId, (RequestId, Request)>,
    groups: BTreeMap<GroupId, ()>,
    next_append: u64,
}

pub(super) fn scripted() -> Box<dyn GroupCoordinator> {
    Box::new(Scripted::default())
}

impl Scripted {
    fn append(&mut self, group: &GroupId, out: &mut Vec<coordinator::Output>) -> AppendId {
        self.groups.insert(group.clone(), ());
        let id = AppendId(self.next_append);
        self.next_append += 1;
        let record = Record::GroupTombstone { group: group.clone() };
        out.push(coordinator::Output::Append { id, records: vec![record] });
        id
    }

    fn respond_parked(&mut self, error: Option<ResponseError>, out: &mut Vec<coordinator::Output>) {
        for to in std::mem::take(&mut self.parked) {
            let code = error.map_or(0, |error| error.code());
            let body = JoinGroupResponse::default().with_error_code(code);
            respond(to, body.into(), Release::Now, out);
        }
    }
}

fn respond(
    to: RequestId,
    response: Response,
    release: Release,
    out: &mut Vec<coordinator::Output>,
) {
    out.push(coordinator::Output::Respond { to, response, release });
}

impl Scripted {
    fn request(&mut self, call: Call<'_>, out: &mut Vec<coordinator::Output>) {
        match call.request {
            Request::JoinGroup(_) => self.parked.push(call.id),
            Request::SyncGroup(_) => {
                self.respond_parked(None, out);
                respond(call.id, SyncGroupResponse::default().into(), Release::Now, out);
            }
            Request::Heartbeat(_) => {
                respond(call.id, HeartbeatResponse::default().into(), Release::WhenDurable, out);
            }
            Request::LeaveGroup(request) => {
                self.append(&request.group_id, out);
                respond(call.id, LeaveGroupResponse::default().into(), Release::WhenDurable, out);
            }
            Request::OffsetCommit(request) => {
                let append = self.append(&request.group_id, out);
                self.commits.insert(append, (call.id, call.request.clone()));
            }
            Request::DescribeGroups(request) => {
                let described = |id: &GroupId| {
                    DescribedGroup::default()
                        .with_group_id(id.clone())
                        .with_group_state(str_bytes("Scripted"))
                };
                let groups = request.groups.iter().map(described).collect();
                let body = DescribeGroupsResponse::default().with_groups(groups);
                respond(call.id, body.into(), Release::Now, out);
            }
            Request::ListGroups(_) => {
                let listed = |id: &GroupId| ListedGroup::default().with_group_id(id.clone());
                let groups = self.groups.keys().map(listed).collect();
                let body = ListGroupsResponse::default().with_groups(groups);
                respond(call.id, body.into(), Release::Now, out);
            }
            other => panic!("the scripted coordinator does not handle {other:?}"),
        }
    }

    fn committed(&mut self, id: AppendId, out: &mut Vec<coordinator::Output>) {
        if let Some((to, request)) = self.commits.remove(&id) {
            // The response's layout for this request, with every error set to none.
            let mut body = refusal(&request, 9, ResponseError::UnknownServerError);
            if let Response::OffsetCommit(body) = &mut body {
                let partitions = body.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
                partitions.for_each(|partition| partition.error_code = 0);
            }
            respond(to, body, Release::Now, out);
        }
    }

    fn append_failed(&mut self, id: AppendId, out: &mut Vec<coordinator::Output>) {
        if let Some((to, request)) = self.commits.remove(&id) {
            let body = refusal(&request, 9, ResponseError::NotCoordinator);
            respond(to, body, Release::Now, out);
        }
        let group = group_id(&id.0.to_string());
        let removed = Observation::GroupRemoved { group, why: GroupRemoval::NotStored };
        out.push(coordinator::Output::Observe(removed));
    }
}

impl GroupCoordinator for Scripted {
    fn handle(&mut self, _now: Time, input: Input<'_>, out: &mut Vec<coordinator::Output>) {
        match input {
            Input::Request(call) => self.request(call, out),
            Input::Committed(append) => self.committed(append, out),
            Input::AppendFailed { append, error: _ } => self.append_failed(append, out),
            Input::Replay { records, committed: _ } => {
                for (_, record) in records {
                    if let Record::GroupTombstone { group } = record {
                        self.groups.insert(group.clone(), ());
                    }
                }
            }
            Input::Unload => self.respond_parked(Some(ResponseError::NotCoordinator), out),
            Input::Metadata { .. }
            | Input::WriteTimedOut(_)
            | Input::ReplayedCommitted
            | Input::Loaded => {}
        }
    }

    fn advance(&mut self, _now: Time, _out: &mut Vec<coordinator::Output>) {}

    fn next_deadline(&self) -> Option<Time> {
        None
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(self)
    }
}

impl Inspect for Scripted {
    fn groups(&self) -> Vec<GroupId> {
        self.groups.keys().cloned().collect()
    }
}

pub(super) fn config() -> ClusterConfig {
    ClusterConfig {
        brokers: 3,
        endpoints: Vec::new(),
        detail: Detail::Full,
        racks: Vec::new(),
        offsets_partitions: 1,
        coordinator: CoordinatorConfig::default(),
        commit_delay: ms(2)..=ms(2),
        linger: Duration::ZERO,
        write_timeout: ms(5_000),
        load: ms(100)..=ms(100),
    }
}

/// A cluster whose brokers share one clock, and its outputs.
pub(super) struct Bench<'a> {
    pub(super) cluster: Cluster<'a>,
    pub(super) now: Time,
    connections: u32,
    pub(super) responses: BTreeMap<ConnectionId, Response>,
    pub(super) failed: usize,
    pub(super) term_changes: Vec<(i32, Term, TermState)>,
    /// The reported numbers of uncommitted records, each with its epoch.
    pub(super) uncommitted: Vec<(i32, u64)>,
}

pub(super) const B0: BrokerId = BrokerId(0);
pub(super) const B1: BrokerId = BrokerId(1);

impl<'a> Bench<'a> {
    pub(super) fn new(config: ClusterConfig, make: &'a CoordinatorFactory<'a>) -> Bench<'a> {
        Bench {
            cluster: Cluster::new(config, Rc::new(make), 42),
            now: Time::ZERO,
            connections: 0,
            responses: BTreeMap::new(),
            failed: 0,
            term_changes: Vec::new(),
            uncommitted: Vec::new(),
        }
    }

    /// Sends a request on a new connection.
    pub(super) fn send(&mut self, at: BrokerId, version: i16, body: impl Into<Request>) -> Sent {
        let conn = ConnectionId(self.connections);
        self.connections += 1;
        let client_id = str_bytes("c");
        let frame = RequestFrame { correlation: 0, version, client_id, body: body.into() };
        let host = str_bytes("/10.1.0.1");
        self.at(at, |cluster, now, out| {
            cluster.handle(now, at, (conn, &host), Arc::new(frame), out)
        });
        Sent(conn)
    }

    pub(super) fn at(
        &mut self,
        at: BrokerId,
        call: impl FnOnce(&mut Cluster<'a>, Time, &mut Vec<BrokerOutput>),
    ) {
        let mut out = Vec::new();
        call(&mut self.cluster, self.now, &mut out);
        for output in out {
            match output {
                BrokerOutput::Respond { conn, response, .. } => {
                    let before = self.responses.insert(conn, response.body.clone());
                    assert_eq!(before, None, "{conn:?} got two responses");
                }
                BrokerOutput::Observe(_) => self.failed += 1,
                BrokerOutput::TermChanged(term, state) => {
                    self.term_changes.push((at.0, term, state))
                }
                BrokerOutput::Uncommitted(of_term, records) => {
                    self.uncommitted.push((of_term.epoch, records))
                }
                BrokerOutput::Handling { .. } | BrokerOutput::Appended { .. } => {}
            }
        }
    }

    /// Advances the time at every broker, deadline by deadline.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let brokers = [B0, B1, BrokerId(2)];
        loop {
            let deadline = |&at: &BrokerId| self.cluster.next_deadline(at);
            let next = brokers.iter().filter_map(deadline).min();
            let Some(next) = next.filter(|&next| next <= end) else { break };
            self.now = self.now.max(next);
            for at in brokers {
                self.at(at, |cluster, now, out| cluster.advance(now, at, out));
            }
        }
        self.now = end;
    }

    pub(super) fn elect(&mut self, leader: Option<BrokerId>, uncommitted: Uncommitted) -> Elected {
        self.cluster.elect(0, leader, uncommitted)
    }

    pub(super) fn learn(&mut self, at: BrokerId) {
        self.at(at, |cluster, now, out| cluster.learn(now, at, out));
    }

    /// The first error code of a response; `None` while there is no response.
    pub(super) fn code(&self, sent: Sent) -> Option<i16> {
        Some(match self.responses.get(&sent.0)? {
            Response::JoinGroup(body) => body.error_code,
            Response::SyncGroup(body) => body.error_code,
            Response::Heartbeat(body) => body.error_code,
            Response::LeaveGroup(body) => body.error_code,
            Response::ListGroups(body) => body.error_code,
            Response::OffsetCommit(body) => body.topics[0].partitions[0].error_code,
            Response::FindCoordinator(body) => body.error_code,
            other => panic!("{other:?}"),
        })
    }

    pub(super) fn has_response(&self, sent: Sent) -> bool {
        self.responses.contains_key(&sent.0)
    }

    pub(super) fn response(&self, sent: Sent) -> &Response {
        self.responses.get(&sent.0).expect("a response")
    }
}

/// A request that was sent.
#[derive(Clone, Copy)]
pub(super) struct Sent(ConnectionId);

pub(super) fn join(group: &str) -> Request {
    let request = JoinGroupRequest::default().with_group_id(group_id(group));
    request.with_session_timeout_ms(10_000).into()
}

pub(super) fn sync(group: &str) -> Request {
    SyncGroupRequest::default().with_group_id(group_id(group)).into()
}

pub(super) fn heartbeat(group: &str) -> Request {
    HeartbeatRequest::default().with_group_id(group_id(group)).into()
}

pub(super) fn leave(group: &str) -> Request {
    LeaveGroupRequest::default().with_group_id(group_id(group)).into()
}

pub(super) fn commit(group: &str, partitions: &[(&str, i32)]) -> Request {
    let topics = partitions.iter().map(|&(name, partition)| {
        let partition = OffsetCommitRequestPartition::default().with_partition_index(partition);
        OffsetCommitRequestTopic::default().with_name(topic(name)).with_partitions(vec![partition])
    });
    let request = OffsetCommitRequest::default().with_group_id(group_id(group));
    request.with_topics(topics.collect()).into()
}
