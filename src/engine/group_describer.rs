//! Asks third-party brokers what an administrator's tool would ask: which API versions they
//! support, which topics they have, and how they describe a group. Each request uses its own
//! connection, and none is part of the trace.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{DescribeGroupsRequest, FindCoordinatorRequest, MetadataRequest};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio_util::codec::Framed;

use crate::coordinator::GroupState;
use crate::protocol::{
    Api, GroupId, MemberId, Request, RequestFrame, Response, TopicName, error_name, str_bytes,
};
use crate::sim::Described;
use crate::wire;

/// How long a broker may take to respond.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

const CLIENT_ID: &str = "groupsim-probe";

/// The newest version of each API whose response is understood here.
const NEWEST: [(Api, i16); 3] =
    [(Api::Metadata, 9), (Api::FindCoordinator, 3), (Api::DescribeGroups, 5)];

/// Sends requests to the brokers of one cluster.
pub(super) struct GroupDescriber {
    address: SocketAddr,
    versions: BTreeMap<i16, RangeInclusive<i16>>,
}

impl GroupDescriber {
    /// Connects to a broker and requests its API versions.
    pub(super) async fn connect_to(bootstrap: &str) -> Result<GroupDescriber, String> {
        with_timeout(async {
            let (address, versions) = fetch_versions(bootstrap).await?;
            Ok(GroupDescriber { address, versions: versions.into_iter().collect() })
        })
        .await
    }

    /// The broker's address.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Fails if the broker does not support a version of an API.
    pub(super) fn require_version(&self, api: Api, version: i16) -> Result<(), String> {
        match self.versions.get(&(api as i16)) {
            Some(range) if range.contains(&version) => Ok(()),
            Some(range) => {
                Err(format!("supports {api} versions {} to {}", range.start(), range.end()))
            }
            None => Err(format!("does not support {api}")),
        }
    }

    /// The number of partitions of each of these topics. Topics that do not exist are left out.
    pub(super) async fn partitions(
        &self,
        topics: &[TopicName],
    ) -> Result<BTreeMap<TopicName, usize>, String> {
        let wanted =
            |name: &TopicName| MetadataRequestTopic::default().with_name(Some(name.clone()));
        let request = MetadataRequest::default()
            .with_topics(Some(topics.iter().map(wanted).collect()))
            .with_allow_auto_topic_creation(false);
        let response = with_timeout(self.request(self.address, request.into())).await?;
        let Response::Metadata(response) = response else {
            return Err(invalid_response(Api::Metadata));
        };
        let there = response.topics.into_iter().filter(|topic| topic.error_code == 0);
        Ok(there.filter_map(|topic| Some((topic.name?, topic.partitions.len()))).collect())
    }

    /// The coordinator's description of a group.
    pub(super) async fn describe(&self, group: &GroupId) -> Result<Described, String> {
        with_timeout(async {
            let coordinator = self.coordinator(group).await?;
            let request = DescribeGroupsRequest::default().with_groups(vec![group.clone()]);
            let response = self.request(coordinator, request.into()).await?;
            let Response::DescribeGroups(mut response) = response else {
                return Err(invalid_response(Api::DescribeGroups));
            };
            let found = response.groups.pop().ok_or(invalid_response(Api::DescribeGroups))?;
            if found.error_code != 0 {
                return Err(format!("DescribeGroups {}", error_name(found.error_code)));
            }
            let name = found.group_state.as_str();
            let state = GroupState::ALL.into_iter().find(|state| state.name() == name);
            let state = state.ok_or_else(|| format!("unknown group state {name:?}"))?;
            let members = found.members.into_iter().map(|member| MemberId(member.member_id));
            Ok(Described { state, members: members.collect::<BTreeSet<_>>() })
        })
        .await
    }

    async fn coordinator(&self, group: &GroupId) -> Result<SocketAddr, String> {
        let request = FindCoordinatorRequest::default().with_key(group.0.clone());
        let response = self.request(self.address, request.into()).await?;
        let Response::FindCoordinator(response) = response else {
            return Err(invalid_response(Api::FindCoordinator));
        };
        if response.error_code != 0 {
            return Err(format!("FindCoordinator {}", error_name(response.error_code)));
        }
        let port =
            u16::try_from(response.port).map_err(|_| invalid_response(Api::FindCoordinator))?;
        let found = tokio::net::lookup_host((response.host.as_str(), port)).await;
        let mut found = found.map_err(|error| error.to_string())?;
        found.next().ok_or_else(|| format!("{} has no address", response.host.as_str()))
    }

    /// Sends one request at the newest version that both sides support.
    async fn request(&self, at: SocketAddr, body: Request) -> Result<Response, String> {
        let api = body.api();
        let newest =
            NEWEST.iter().find(|(known, _)| *known == api).map_or(0, |(_, newest)| *newest);
        let there =
            self.versions.get(&(api as i16)).map_or(newest, |range| newest.min(*range.end()));
        self.require_version(api, there).map_err(|why| format!("the broker {why}"))?;
        let frame =
            RequestFrame { correlation: 0, version: there, client_id: str_bytes(CLIENT_ID), body };
        let bytes = wire::encode_request(&frame).map_err(|malformed| malformed.to_string())?;
        let response = exchange(&mut connect(at).await?, bytes).await?;
        let response = wire::decode_response(response, api, there);
        Ok(response.map_err(|malformed| malformed.to_string())?.body)
    }
}

type Frames = Framed<TcpStream, wire::Framing>;
type Versions = Vec<(i16, RangeInclusive<i16>)>;

async fn fetch_versions(bootstrap: &str) -> Result<(SocketAddr, Versions), String> {
    let mut frames = connect(bootstrap).await?;
    let address = frames.get_ref().peer_addr().map_err(|error| error.to_string())?;
    let request = wire::encode_api_versions_request(0, &str_bytes(CLIENT_ID));
    let response = exchange(&mut frames, request).await?;
    let versions = wire::decode_api_versions_response(response);
    Ok((address, versions.map_err(|malformed| malformed.to_string())?))
}

async fn connect(to: impl ToSocketAddrs) -> Result<Frames, String> {
    let stream = TcpStream::connect(to).await.map_err(|error| error.to_string())?;
    Ok(Framed::new(stream, wire::framing(wire::MAX_FRAME)))
}

async fn exchange(frames: &mut Frames, request: Bytes) -> Result<Bytes, String> {
    frames.send(request).await.map_err(|error: io::Error| error.to_string())?;
    match frames.next().await {
        Some(Ok(response)) => Ok(response.freeze()),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("the broker closed the connection".to_owned()),
    }
}

async fn with_timeout<T>(future: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| Err(format!("no response within {REQUEST_TIMEOUT:?}"));
    tokio::time::timeout(REQUEST_TIMEOUT, future).await.unwrap_or_else(late)
}

fn invalid_response(api: Api) -> String {
    format!("the {api} response is invalid")
}
