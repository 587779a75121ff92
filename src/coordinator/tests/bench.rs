//! A test bench for one coordinator: tests send requests and decide when the log commits. The bench
//! checks that every response is the only one to its request and can be encoded at its version.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
    SyncGroupResponse,
};
use kafka_protocol::protocol::Encodable;

use crate::coordinator::runtime::phase::Phase;
use crate::coordinator::{
    AppendId, Call, ClassicObservation, Coordinator, CoordinatorConfig, DeferredResponses,
    GroupCoordinator, GroupDescription, GroupState, Input, Inspect, MetadataImage, Observation,
    Output, Record, Release, RequestId, TopicChange, TransitionReason,
};
use crate::protocol::{
    GroupId, Request, Response, ResponseError, StrBytes, TopicName, refusal, str_bytes,
};
use crate::rng::Rng;
use crate::time::Time;

pub(super) const SESSION: Duration = secs(10);
pub(super) const REBALANCE: Duration = secs(30);

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// An error code, for comparison with a response.
pub(super) fn code(error: ResponseError) -> i16 {
    error.code()
}

pub(super) struct Bench {
    pub(super) coordinator: Coordinator,
    pub(super) now: Time,
    pub(super) log: Vec<(AppendId, Record)>,
    pub(super) observed: Vec<Observation>,
    settled: usize,
    sent: BTreeMap<RequestId, (i16, Request)>,
    deferred: DeferredResponses,
    pub(super) responses: BTreeMap<RequestId, (Response, Release)>,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::with(CoordinatorConfig::default())
    }

    pub(super) fn with(config: CoordinatorConfig) -> Bench {
        Bench::after(config, "members", Time::ZERO, &[])
    }

    /// A coordinator that loads the given log at `now`. The last argument seeds its member ids.
    pub(super) fn after(
        config: CoordinatorConfig,
        rng: &str,
        now: Time,
        records: &[Record],
    ) -> Bench {
        let mut bench = Bench::loading(config, rng, now);
        for (position, record) in records.iter().enumerate() {
            bench.replay(position as u64, record, true);
        }
        bench.pass_in(Input::Loaded);
        bench
    }

    /// A coordinator that has not loaded its log yet.
    pub(super) fn loading(config: CoordinatorConfig, rng: &str, now: Time) -> Bench {
        Bench {
            coordinator: Coordinator::new(config, Rng::stream(1, rng)),
            now,
            log: Vec::new(),
            observed: Vec::new(),
            settled: 0,
            sent: BTreeMap::new(),
            deferred: DeferredResponses::default(),
            responses: BTreeMap::new(),
        }
    }

    /// Passes an input to the coordinator and takes its outputs.
    pub(super) fn pass_in(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.coordinator.handle(self.now, input, &mut out);
        self.take(out);
    }

    /// Replays a batch of one record.
    pub(super) fn replay(&mut self, position: u64, record: &Record, committed: bool) {
        let records = &[(position, record.clone())];
        self.pass_in(Input::Replay { records, committed });
    }

    /// A topic is deleted, the last of the cluster.
    pub(super) fn delete_topic(&mut self, topic: &str) {
        let change = TopicChange::Deleted(TopicName(str_bytes(topic)));
        let image = &MetadataImage::default();
        self.pass_in(Input::Metadata { image, change: Some(&change) });
    }

    /// Ends the coordinator's term. Requests that wait for a record are refused, as by a broker.
    pub(super) fn unload(&mut self) {
        self.pass_in(Input::Unload);
        for (id, (version, request)) in self.sent.clone() {
            if self.deferred.awaits_records(id) {
                let response = refusal(&request, version, ResponseError::NotCoordinator);
                self.respond(id, response, Release::Now);
            }
        }
        self.deferred = DeferredResponses::default();
    }

    /// A group of members `m0`, `m1`, … that is Stable in generation 1; returns their ids, the
    /// leader's first.
    pub(super) fn stable(members: usize) -> (Bench, Vec<StrBytes>) {
        let (mut bench, ids) = Bench::completing(members);
        let syncs: Vec<_> = ids.iter().map(|id| bench.sync(id, 1, &ids)).collect();
        bench.commit();
        syncs.into_iter().for_each(|sync| assert_eq!(bench.synced(sync).error_code, 0));
        assert_eq!(bench.state(), GroupState::Stable);
        (bench, ids)
    }

    /// Like [`Bench::stable`], with static members `i0`, `i1`, ….
    pub(super) fn stable_static(members: usize) -> (Bench, Vec<StrBytes>) {
        let (mut bench, ids) = Bench::completing_static(members);
        ids.iter().for_each(|id| {
            bench.sync(id, 1, &ids);
        });
        bench.commit();
        assert_eq!(bench.state(), GroupState::Stable);
        (bench, ids)
    }

    /// Like [`Bench::stable_static`], before any member has sent SyncGroup.
    pub(super) fn completing_static(members: usize) -> (Bench, Vec<StrBytes>) {
        let mut bench = Bench::new();
        let joins: Vec<_> = (0..members).map(|n| bench.join_as(&format!("i{n}"), "")).collect();
        while bench.state() == GroupState::PreparingRebalance {
            bench.pass(secs(3));
        }
        bench.commit();
        let ids = joins.into_iter().map(|join| bench.joined(join).member_id).collect();
        assert_eq!(bench.state(), GroupState::CompletingRebalance);
        (bench, ids)
    }

    /// Like [`Bench::stable`], before any member has sent SyncGroup.
    pub(super) fn completing(members: usize) -> (Bench, Vec<StrBytes>) {
        let mut bench = Bench::new();
        let ids: Vec<_> = (0..members).map(|n| bench.enter(&format!("m{n}"))).collect();
        while bench.state() == GroupState::PreparingRebalance {
            bench.pass(secs(3));
        }
        bench.commit();
        assert_eq!(bench.describe().generation.0, 1);
        assert_eq!(bench.state(), GroupState::CompletingRebalance);
        (bench, ids)
    }

    // Time and log.

    /// Advances the time, stopping at every deadline as a broker does.
    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(next) = self.coordinator.next_deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            let mut out = Vec::new();
            self.coordinator.advance(self.now, &mut out);
            self.take(out);
        }
        self.now = end;
    }

    /// Everything appended becomes durable.
    pub(super) fn commit(&mut self) {
        self.settle(None);
    }

    /// Everything in flight fails.
    pub(super) fn fail(&mut self, error: ResponseError) {
        self.settle(Some(error));
    }

    fn settle(&mut self, error: Option<ResponseError>) {
        let appends: Vec<_> = self.log[self.settled..].iter().map(|(id, _)| *id).collect();
        self.settled += appends.len();
        for append in appends {
            self.settle_one(append, error);
        }
    }

    pub(super) fn settle_one(&mut self, append: AppendId, error: Option<ResponseError>) {
        self.pass_in(match error {
            None => Input::Committed(append),
            Some(error) => Input::AppendFailed { append, error },
        });
    }

    /// What the request appended was not durable in time.
    pub(super) fn time_out(&mut self, request: RequestId) {
        self.pass_in(Input::WriteTimedOut(request));
    }

    // Requests.

    pub(super) fn send(
        &mut self,
        client: &str,
        version: i16,
        request: impl Into<Request>,
    ) -> RequestId {
        let id = RequestId(self.sent.len() as u64);
        let (request, client_id) = (request.into(), str_bytes(client));
        self.sent.insert(id, (version, request.clone()));
        let (client_id, client_host) = (&client_id, &str_bytes("/10.1.0.1"));
        let call = Call { id, version, client_id, client_host, request: &request };
        self.pass_in(Input::Request(call));
        id
    }

    /// Both steps of a first join; returns the member id.
    pub(super) fn enter(&mut self, client: &str) -> StrBytes {
        let first = self.send(client, 9, join_request(""));
        let id = self.joined(first).member_id;
        self.send(client, 9, join_request(&id));
        id
    }

    /// JoinGroup of a static member; without a member id for a new process.
    pub(super) fn join_as(&mut self, instance: &str, member: &str) -> RequestId {
        self.send("c", 9, as_instance(join_request(member), instance))
    }

    pub(super) fn join(&mut self, member: &str) -> RequestId {
        self.send("again", 9, join_request(member))
    }

    pub(super) fn join_with(&mut self, member: &str, protocols: &[(&str, &str)]) -> RequestId {
        self.send("again", 9, offer(join_request(member), protocols))
    }

    /// SyncGroup that assigns each of `members` its own id.
    pub(super) fn sync(
        &mut self,
        member: &str,
        generation: i32,
        members: &[StrBytes],
    ) -> RequestId {
        self.send("m", 5, sync_request(member, generation, members))
    }

    /// The error code of a heartbeat.
    pub(super) fn heartbeat(&mut self, member: &str, generation: i32) -> i16 {
        self.heartbeat_as(member, generation, None)
    }

    /// Like [`Bench::heartbeat`], with the instance id of a static member.
    pub(super) fn heartbeat_as(
        &mut self,
        member: &str,
        generation: i32,
        instance: Option<&str>,
    ) -> i16 {
        let request = HeartbeatRequest::default()
            .with_group_id(group())
            .with_generation_id(generation)
            .with_member_id(str_bytes(member))
            .with_group_instance_id(instance.map(str_bytes));
        let id = self.send("m", 4, request);
        let Response::Heartbeat(response) = self.response(id) else { panic!("not a heartbeat") };
        response.error_code
    }

    /// The top-level error code and those of the entries; dynamic members.
    pub(super) fn leave(&mut self, members: &[&str]) -> (i16, Vec<i16>) {
        let members: Vec<_> = members.iter().map(|id| (*id, None)).collect();
        self.leave_as(&members)
    }

    /// Like [`Bench::leave`], with the instance ids of static members.
    pub(super) fn leave_as(&mut self, members: &[(&str, Option<&str>)]) -> (i16, Vec<i16>) {
        let entry = |(id, instance): &(&str, Option<&str>)| {
            MemberIdentity::default()
                .with_member_id(str_bytes(id))
                .with_group_instance_id(instance.map(str_bytes))
        };
        let request = LeaveGroupRequest::default()
            .with_group_id(group())
            .with_members(members.iter().map(entry).collect());
        let id = self.send("m", 5, request);
        let Response::LeaveGroup(response) = self.response(id) else { panic!("not a leave") };
        (response.error_code, response.members.into_iter().map(|m| m.error_code).collect())
    }

    // Results.

    pub(super) fn is_parked(&self, id: RequestId) -> bool {
        !self.responses.contains_key(&id)
    }

    pub(super) fn response(&self, id: RequestId) -> Response {
        self.responses.get(&id).unwrap_or_else(|| panic!("{id:?} has no response")).0.clone()
    }

    pub(super) fn joined(&self, id: RequestId) -> JoinGroupResponse {
        join_response(self.response(id))
    }

    pub(super) fn synced(&self, id: RequestId) -> SyncGroupResponse {
        let Response::SyncGroup(response) = self.response(id) else { panic!("not a sync") };
        response
    }

    pub(super) fn describe(&self) -> GroupDescription {
        self.coordinator.describe(&group()).expect("the group exists")
    }

    pub(super) fn state(&self) -> GroupState {
        self.describe().state
    }

    pub(super) fn session_of(&self, member: &StrBytes) -> Option<Time> {
        let describe = self.describe();
        let member = describe.members.iter().find(|m| m.id.0 == *member).expect("a member");
        member.session_deadline
    }

    /// The reasons of the state changes so far.
    pub(super) fn reasons(&self) -> Vec<TransitionReason> {
        let why = |o: &Observation| match o {
            Observation::Classic(ClassicObservation::State { why, .. }) => Some(*why),
            _ => None,
        };
        self.observed.iter().filter_map(why).collect()
    }

    pub(super) fn without_response(&self) -> usize {
        self.sent.len() - self.responses.len()
    }

    fn respond(&mut self, to: RequestId, response: Response, release: Release) {
        encodes(&response, self.sent[&to].0);
        let before = self.responses.insert(to, (response, release));
        assert!(before.is_none(), "{to:?} has two responses");
    }

    pub(super) fn take(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Respond { to, response, release: Release::WhenKnown(records) } => {
                    self.deferred.until_known(records, to, response);
                }
                Output::Respond { to, response, release } => self.respond(to, response, release),
                Output::Outcome { of, error } => {
                    if let Some(response) = self.deferred.outcome(of, error) {
                        self.respond(of.request, response, Release::Now);
                    }
                }
                Output::Append { id, records } => {
                    self.log.extend(records.into_iter().map(|record| (id, record)));
                }
                Output::Observe(observation) => self.observed.push(observation),
            }
        }
        if self.coordinator.phase == Phase::Loading {
            return;
        }
        let mut none = Vec::new();
        let (groups, turn) = self.coordinator.turn(self.now, &mut none);
        groups.values().for_each(|group| group.assert_consistent(&turn));
    }
}

fn encodes(response: &Response, version: i16) {
    let mut buf = BytesMut::new();
    let result = match response {
        Response::JoinGroup(body) => body.encode(&mut buf, version),
        Response::SyncGroup(body) => body.encode(&mut buf, version),
        Response::Heartbeat(body) => body.encode(&mut buf, version),
        Response::LeaveGroup(body) => body.encode(&mut buf, version),
        Response::OffsetCommit(body) => body.encode(&mut buf, version),
        Response::OffsetFetch(body) => body.encode(&mut buf, version),
        Response::TxnOffsetCommit(body) => body.encode(&mut buf, version),
        Response::WriteTxnMarkers(body) => body.encode(&mut buf, version),
        Response::DescribeGroups(body) => body.encode(&mut buf, version),
        Response::ListGroups(body) => body.encode(&mut buf, version),
        Response::DeleteGroups(body) => body.encode(&mut buf, version),
        Response::OffsetDelete(body) => body.encode(&mut buf, version),
        other => panic!("a coordinator does not handle {}", other.api()),
    };
    result.unwrap_or_else(|error| panic!("{response:?} at version {version}: {error}"));
}

pub(super) fn group() -> GroupId {
    GroupId(str_bytes("g"))
}

pub(super) fn join_response(response: Response) -> JoinGroupResponse {
    let Response::JoinGroup(response) = response else { panic!("not a join") };
    response
}

pub(super) fn join_request(member: &str) -> JoinGroupRequest {
    let request = JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(SESSION.as_millis() as i32)
        .with_rebalance_timeout_ms(REBALANCE.as_millis() as i32)
        .with_member_id(str_bytes(member))
        .with_protocol_type(str_bytes("consumer"));
    offer(request, &[("range", "topics")])
}

pub(super) fn as_instance(request: JoinGroupRequest, instance: &str) -> JoinGroupRequest {
    request.with_group_instance_id(Some(str_bytes(instance)))
}

pub(super) fn offer(request: JoinGroupRequest, protocols: &[(&str, &str)]) -> JoinGroupRequest {
    let protocol = |(name, metadata): &(&str, &str)| {
        JoinGroupRequestProtocol::default()
            .with_name(str_bytes(name))
            .with_metadata(Bytes::copy_from_slice(metadata.as_bytes()))
    };
    request.with_protocols(protocols.iter().map(protocol).collect())
}

pub(super) fn sync_request(
    member: &str,
    generation: i32,
    members: &[StrBytes],
) -> SyncGroupRequest {
    let own = |id: &StrBytes| {
        SyncGroupRequestAssignment::default()
            .with_member_id(id.clone())
            .with_assignment(id.clone().into_bytes())
    };
    SyncGroupRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(str_bytes(member))
        .with_protocol_type(Some(str_bytes("consumer")))
        .with_protocol_name(Some(str_bytes("range")))
        .with_assignments(members.iter().map(own).collect())
}
