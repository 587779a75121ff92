//! The contract between a group coordinator and its host.
//!
//! A coordinator is a state machine without I/O, for the groups of one partition of the offsets log
//! and for one term of its leader. A broker that becomes leader creates a coordinator and replays
//! the log into it; a broker that loses leadership unloads the coordinator and drops it. The broker
//! ([`crate::broker`]) delivers the time and each [`Input`]: requests, the outcome of appends,
//! changes of topics. It appends the records that the coordinator emits and sends its responses,
//! and it calls [`GroupCoordinator::advance`] when [`GroupCoordinator::next_deadline`] is due.
//!
//! To test a coordinator of your own, implement [`GroupCoordinator`] for it.

use crate::protocol::{Request, Response, ResponseError, StrBytes};
use crate::time::Time;

use super::inspect::Inspect;
use super::metadata::{MetadataImage, TopicChange};
use super::observation::Observation;
use super::record::Record;

/// Identifies a request from its delivery to its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Identifies an append of the coordinator until it is committed or has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppendId(pub u64);

/// One request of the group APIs ([`crate::protocol::Api::is_group_api`]).
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The id that the response refers to.
    pub id: RequestId,
    /// The API version of the request.
    pub version: i16,
    /// The client id of the request header.
    pub client_id: &'a StrBytes,
    /// The client's address as the broker sees it, such as `/10.1.0.1`.
    pub client_host: &'a StrBytes,
    /// The request body.
    pub request: &'a Request,
}

/// When the broker may send a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Immediately: the response promises nothing durable.
    Now,
    /// When everything appended so far is committed, even if this request appended nothing. (Rule
    /// R3.2: heartbeats queue behind a stuck append.)
    WhenDurable,
    /// When the outcome of that many records is known, at least one, each reported by
    /// [`Output::Outcome`] after this response was put out. The response is written as if none were
    /// refused. (Rule R3.3.)
    WhenKnown(usize),
}

/// The entry of a response that reports the outcome of a record; the indexes are those of the
/// response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The request that the response belongs to.
    pub request: RequestId,
    /// The entry.
    pub entry: Entry,
}

/// One entry of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One partition of OffsetCommit, TxnOffsetCommit or OffsetDelete.
    Partition {
        /// The index of its topic.
        topic: usize,
        /// The index among the partitions of the topic.
        partition: usize,
    },
    /// One group of DeleteGroups, or one marker of WriteTxnMarkers with all its partitions.
    Item(usize),
}

/// What the coordinator wants the broker to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a response.
    Respond {
        /// The request it belongs to.
        to: RequestId,
        /// The response body.
        response: Response,
        /// When it may be sent.
        release: Release,
    },
    /// Append a batch of records to the offsets log, and report its outcome. The batch is atomic:
    /// it becomes durable as a whole or not at all, and no election splits it.
    Append {
        /// The id for reporting the outcome.
        id: AppendId,
        /// The records, at least one.
        records: Vec<Record>,
    },
    /// The outcome of a record is known, for a response that waits for it
    /// ([`Release::WhenKnown`]). The response is sent after the last of its records.
    Outcome {
        /// The entry that reports it.
        of: Ticket,
        /// The error for the client; none if the record is durable.
        error: Option<ResponseError>,
    },
    /// An event for traces and invariants. The broker ignores it, but `settle` and the invariants
    /// know a group from its observations alone: see [`Observation`].
    Observe(Observation),
}

/// What a coordinator receives from its broker.
///
/// The life of a coordinator: the image of all topics, every batch of the log, [`Input::Loaded`];
/// then anything in any order; at last [`Input::Unload`], unless the broker crashes.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A request. It gets exactly one response, now or later, through [`Output::Respond`].
    Request(Call<'a>),
    /// The records of an append are durable, and with them those of every earlier one.
    Committed(AppendId),
    /// The records of an append will not become durable.
    AppendFailed {
        /// The append.
        append: AppendId,
        /// The log's error.
        error: ResponseError,
    },
    /// Something that was appended up to this request is not durable `offsets.commit.timeout.ms`
    /// after the request was handled. It may still become durable; its outcome is reported as
    /// usual. The broker sends the client an error and drops a later response; a request that is
    /// parked stays parked (rule R3.9). The broker does the same, without this input, for requests
    /// that wait for a batch which the log refuses.
    WriteTimedOut(RequestId),
    /// The topics of the cluster: the first input of a coordinator, and again whenever a topic has
    /// changed.
    Metadata {
        /// All topics, after the change.
        image: &'a MetadataImage,
        /// The change; none in the first image.
        change: Option<&'a TopicChange>,
    },
    /// One batch of the log, replayed before [`Input::Loaded`]. Batches come in the order of the
    /// log, each once; compaction may have dropped records that later ones supersede.
    Replay {
        /// The records of the batch with their positions, which grow over the whole log. The
        /// coordinator's own appends come after all replayed records.
        records: &'a [(u64, Record)],
        /// Whether the batch is durable. Those that are not come last. The coordinator acts on them
        /// as on its own appends in flight; another election may truncate them.
        committed: bool,
    },
    /// Every replayed batch is now durable. Comes only if some were not.
    ReplayedCommitted,
    /// The whole log has been replayed (or is empty), and requests follow. Comes exactly once.
    Loaded,
    /// The broker no longer leads the log: every group is Dead. The coordinator refuses its parked
    /// requests with NOT_COORDINATOR, and the broker every request that is left without a response.
    /// The coordinator appends nothing any more, and is dropped.
    Unload,
}

/// A group coordinator without I/O.
///
/// Three methods make a coordinator. This one turns every client away, so its consumers
/// never form a group, which a run reports:
///
/// ```
/// use std::sync::Arc;
///
/// use groupsim::coordinator::{GroupCoordinator, Input, Output, Release};
/// use groupsim::protocol::{ResponseError, refusal};
/// use groupsim::run::{Finding, Run, Systems};
/// use groupsim::script;
/// use groupsim::time::Time;
///
/// struct Closed;
///
/// impl GroupCoordinator for Closed {
///     fn handle(&mut self, _now: Time, input: Input<'_>, out: &mut Vec<Output>) {
///         if let Input::Request(call) = input {
///             let error = ResponseError::CoordinatorNotAvailable;
///             let response = refusal(call.request, call.version, error);
///             out.push(Output::Respond { to: call.id, response, release: Release::Now });
///         }
///     }
///
///     fn advance(&mut self, _now: Time, _out: &mut Vec<Output>) {}
///
///     fn next_deadline(&self) -> Option<Time> {
///         None
///     }
/// }
///
/// let systems =
///     Systems { coordinator: Arc::new(|_config, _rng| Box::new(Closed)), ..Systems::default() };
/// let text = "topic orders partitions=4\ngroup g assignor=range\njoin c1\nsettle";
/// let schedule = script::parse("closed", text).unwrap();
/// let report = Run::of(&schedule).systems(&systems).run();
/// assert!(matches!(report.finding, Some(Finding::NoConvergence(_))), "{:?}", report.finding);
/// ```
///
/// A group needs a little more. This one has a single member, which leads and assigns everything to
/// itself. It writes no records, so a fail-over loses its member; but it reports what
/// `settle` and the invariants must know:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use groupsim::coordinator::GroupState::{self, *};
/// use groupsim::coordinator::{ClassicObservation as Classic, GroupCoordinator, Input, Output};
/// use groupsim::coordinator::{Release, TransitionReason};
/// use groupsim::protocol::{Generation, GroupId, MemberId, Request, Response, ResponseError};
/// use groupsim::protocol::{refusal, str_bytes};
/// use groupsim::run::{Run, Systems};
/// use groupsim::script;
/// use groupsim::time::Time;
/// use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
/// use kafka_protocol::messages::{HeartbeatResponse, JoinGroupRequest, JoinGroupResponse};
/// use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
///
/// struct OneMember;
///
/// fn moved(group: &GroupId, from: GroupState, to: GroupState, why: TransitionReason) -> Output {
///     Output::Observe(Classic::State { group: group.clone(), from, to, why }.into())
/// }
///
/// fn join(request: &JoinGroupRequest, out: &mut Vec<Output>) -> Response {
///     let (group, member) = (request.group_id.clone(), MemberId(str_bytes("the-one")));
///     let millis = |time: i32| Duration::from_millis(time as u64);
///     let protocol = request.protocols.first().expect("a client has an assignor");
///     let added = Classic::MemberAdded {
///         group: group.clone(),
///         member: member.clone(),
///         instance: None,
///         session: millis(request.session_timeout_ms),
///         rebalance: millis(request.rebalance_timeout_ms),
///     };
///     out.push(Output::Observe(added.into()));
///     out.push(moved(&group, Empty, PreparingRebalance, TransitionReason::MemberJoined));
///     let why = TransitionReason::AllMembersJoined;
///     out.push(moved(&group, PreparingRebalance, CompletingRebalance, why));
///     let began = Classic::GenerationBegan {
///         group,
///         generation: Generation(1),
///         protocol: Some(protocol.name.clone()),
///         leader: Some(member.clone()),
///         members: vec![member.clone()],
///         took: Duration::ZERO,
///     };
///     out.push(Output::Observe(began.into()));
///     let entry = JoinGroupResponseMember::default()
///         .with_member_id(member.0.clone())
///         .with_metadata(protocol.metadata.clone());
///     JoinGroupResponse::default()
///         .with_generation_id(1)
///         .with_protocol_type(Some(request.protocol_type.clone()))
///         .with_protocol_name(Some(protocol.name.clone()))
///         .with_leader(member.0.clone())
///         .with_member_id(member.0)
///         .with_members(vec![entry])
///         .into()
/// }
///
/// fn sync(request: &SyncGroupRequest, out: &mut Vec<Output>) -> Response {
///     let why = TransitionReason::LeaderSynced;
///     out.push(moved(&request.group_id, CompletingRebalance, Stable, why));
///     let own = request.assignments.first().map(|own| own.assignment.clone());
///     SyncGroupResponse::default()
///         .with_protocol_type(request.protocol_type.clone())
///         .with_protocol_name(request.protocol_name.clone())
///         .with_assignment(own.unwrap_or_default())
///         .into()
/// }
///
/// impl GroupCoordinator for OneMember {
///     fn handle(&mut self, _now: Time, input: Input<'_>, out: &mut Vec<Output>) {
///         let Input::Request(call) = input else { return };
///         let response = match call.request {
///             Request::JoinGroup(request) => join(request, out),
///             Request::SyncGroup(request) => sync(request, out),
///             Request::Heartbeat(_) => HeartbeatResponse::default().into(),
///             other => refusal(other, call.version, ResponseError::CoordinatorNotAvailable),
///         };
///         out.push(Output::Respond { to: call.id, response, release: Release::Now });
///     }
///
///     fn advance(&mut self, _now: Time, _out: &mut Vec<Output>) {}
///
///     fn next_deadline(&self) -> Option<Time> {
///         None
///     }
/// }
///
/// let systems = Systems {
///     coordinator: Arc::new(|_config, _rng| Box::new(OneMember)),
///     ..Systems::default()
/// };
/// let text = "topic orders partitions=4\ngroup g assignor=range\njoin c1\nsettle";
/// let report = Run::of(&script::parse("one", text).unwrap()).systems(&systems).run();
/// assert_eq!(report.finding, None);
/// ```
pub trait GroupCoordinator {
    /// Handles one input.
    fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>);

    /// Fires every timer whose deadline is not after `now`, the earliest first.
    fn advance(&mut self, now: Time, out: &mut Vec<Output>);

    /// The time at which [`Self::advance`] must be called next. It may be early, never late.
    fn next_deadline(&self) -> Option<Time>;

    /// A look inside, for a coordinator that allows it: all its deadlines, which deliveries then
    /// race (otherwise only the next one), and its groups, which `expect` lines need.
    fn inspect(&self) -> Option<&dyn Inspect> {
        None
    }
}
