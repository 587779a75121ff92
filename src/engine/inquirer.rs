//! Asking third-party brokers what an administrator would ask: which versions they speak, what topics they
//! have, what a group is. Each question has a connection of its own, and none is part of the trace.

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

/// How long a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

const CLIENT_ID: &str = "groupsim-probe";

/// The newest version of each API at which its answer is understood here.
const NEWEST: [(Api, i16); 3] =
    [(Api::Metadata, 9), (Api::FindCoordinator, 3), (Api::DescribeGroups, 5)];

/// Asks the brokers of one cluster.
pub(super) struct Inquirer {
    address: SocketAddr,
    spoken: BTreeMap<i16, RangeInclusive<i16>>,
}

impl Inquirer {
    /// Finds a broker and asks it what it speaks.
    pub(super) async fn meet(bootstrap: &str) -> Result<Inquirer, String> {
        in_time(async {
            let (address, spoken) = ask_versions(bootstrap).await?;
            Ok(Inquirer { address, spoken: spoken.into_iter().collect() })
        })
        .await
    }

    /// Where the broker is.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Complains when the broker does not speak an API at a version.
    pub(super) fn must_speak(&self, api: Api, version: i16) -> Result<(), String> {
        match self.spoken.get(&(api as i16)) {
            Some(range) if range.contains(&version) => Ok(()),
            Some(range) => {
                Err(format!("speaks {api} at versions {} to {}", range.start(), range.end()))
            }
            None => Err(format!("speaks {api} not at all")),
        }
    }

    /// How many partitions each of these topics has; those that do not exist are left out.
    pub(super) async fn partitions(
        &self,
        topics: &[TopicName],
    ) -> Result<BTreeMap<TopicName, usize>, String> {
        let wanted =
            |name: &TopicName| MetadataRequestTopic::default().with_name(Some(name.clone()));
        let request = MetadataRequest::default()
            .with_topics(Some(topics.iter().map(wanted).collect()))
            .with_allow_auto_topic_creation(false);
        let answer = in_time(self.ask(self.address, request.into())).await?;
        let Response::Metadata(answer) = answer else { return Err(misfit(Api::Metadata)) };
        let there = answer.topics.into_iter().filter(|topic| topic.error_code == 0);
        Ok(there.filter_map(|topic| Some((topic.name?, topic.partitions.len()))).collect())
    }

    /// What the coordinator of a group says of it.
    pub(super) async fn describe(&self, group: &GroupId) -> Result<Described, String> {
        in_time(async {
            let coordinator = self.coordinator(group).await?;
            let request = DescribeGroupsRequest::default().with_groups(vec![group.clone()]);
            let answer = self.ask(coordinator, request.into()).await?;
            let Response::DescribeGroups(mut answer) = answer else {
                return Err(misfit(Api::DescribeGroups));
            };
            let found = answer.groups.pop().ok_or(misfit(Api::DescribeGroups))?;
            if found.error_code != 0 {
                return Err(format!("DescribeGroups {}", error_name(found.error_code)));
            }
            let name = found.group_state.as_str();
            let state = GroupState::ALL.into_iter().find(|state| state.name() == name);
            let state = state.ok_or_else(|| format!("an unknown group state {name:?}"))?;
            let members = found.members.into_iter().map(|member| MemberId(member.member_id));
            Ok(Described { state, members: members.collect::<BTreeSet<_>>() })
        })
        .await
    }

    async fn coordinator(&self, group: &GroupId) -> Result<SocketAddr, String> {
        let request = FindCoordinatorRequest::default().with_key(group.0.clone());
        let answer = self.ask(self.address, request.into()).await?;
        let Response::FindCoordinator(answer) = answer else {
            return Err(misfit(Api::FindCoordinator));
        };
        if answer.error_code != 0 {
            return Err(format!("FindCoordinator {}", error_name(answer.error_code)));
        }
        let port = u16::try_from(answer.port).map_err(|_| misfit(Api::FindCoordinator))?;
        let found = tokio::net::lookup_host((answer.host.as_str(), port)).await;
        let mut found = found.map_err(|error| error.to_string())?;
        found.next().ok_or_else(|| format!("{} has no address", answer.host.as_str()))
    }

    /// Sends one request at the newest version that both know.
    async fn ask(&self, at: SocketAddr, body: Request) -> Result<Response, String> {
        let api = body.api();
        let newest =
            NEWEST.iter().find(|(known, _)| *known == api).map_or(0, |(_, newest)| *newest);
        let there = self.spoken.get(&(api as i16)).map_or(newest, |range| newest.min(*range.end()));
        self.must_speak(api, there).map_err(|why| format!("the broker {why}"))?;
        let frame =
            RequestFrame { correlation: 0, version: there, client_id: str_bytes(CLIENT_ID), body };
        let bytes = wire::encode_request(&frame).map_err(|malformed| malformed.to_string())?;
        let answer = exchange(&mut connect(at).await?, bytes).await?;
        let answer = wire::decode_response(answer, api, there);
        Ok(answer.map_err(|malformed| malformed.to_string())?.body)
    }
}

type Frames = Framed<TcpStream, wire::Framing>;
type Spoken = Vec<(i16, RangeInclusive<i16>)>;

async fn ask_versions(bootstrap: &str) -> Result<(SocketAddr, Spoken), String> {
    let mut frames = connect(bootstrap).await?;
    let address = frames.get_ref().peer_addr().map_err(|error| error.to_string())?;
    let question = wire::encode_api_versions_request(0, &str_bytes(CLIENT_ID));
    let answer = exchange(&mut frames, question).await?;
    let spoken = wire::decode_api_versions_response(answer);
    Ok((address, spoken.map_err(|malformed| malformed.to_string())?))
}

async fn connect(to: impl ToSocketAddrs) -> Result<Frames, String> {
    let stream = TcpStream::connect(to).await.map_err(|error| error.to_string())?;
    Ok(Framed::new(stream, wire::framing(wire::MAX_FRAME)))
}

async fn exchange(frames: &mut Frames, question: Bytes) -> Result<Bytes, String> {
    frames.send(question).await.map_err(|error: io::Error| error.to_string())?;
    match frames.next().await {
        Some(Ok(answer)) => Ok(answer.freeze()),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("it hung up".to_owned()),
    }
}

async fn in_time<T>(what: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| Err(format!("no answer within {PATIENCE:?}"));
    tokio::time::timeout(PATIENCE, what).await.unwrap_or_else(late)
}

fn misfit(api: Api) -> String {
    format!("the answer to {api} makes no sense")
}
