//! What a client is told that asks a broker for records which another one leads, or asks in another epoch
//! than the leader's (KIP-320).

use kafka_protocol::messages::{FetchResponse, ProduceResponse, fetch_response, produce_response};

use crate::protocol::{BrokerId, RequestFrame, Response, ResponseError, refusal};

use super::cluster::Detail;
use super::turn::Turn;

/// The first versions that may say who leads in place of the broker asked (KIP-951).
const PRODUCE_NAMES_LEADER: i16 = 10;
const FETCH_NAMES_LEADER: i16 = 16;

impl Turn<'_, '_> {
    /// The answer to a request for records that are led elsewhere.
    pub(super) fn not_data_leader(&self, frame: &RequestFrame) -> Response {
        let mut answer = refusal(&frame.body, frame.version, ResponseError::NotLeaderOrFollower);
        match (&mut answer, self.broker.image.data_leader) {
            (Response::Produce(answer), Some(leader)) if frame.version >= PRODUCE_NAMES_LEADER => {
                self.name_leader_to_producer(answer, leader);
            }
            (Response::Fetch(answer), Some(leader)) if frame.version >= FETCH_NAMES_LEADER => {
                self.name_leader_to_consumer(answer, leader);
            }
            _ => {}
        }
        answer
    }

    fn name_leader_to_producer(&self, answer: &mut ProduceResponse, leader: BrokerId) {
        let (host, port) = self.endpoint(leader);
        answer.node_endpoints = vec![
            produce_response::NodeEndpoint::default()
                .with_node_id(leader.0.into())
                .with_host(host)
                .with_port(port)
                .with_rack(self.rack(leader)),
        ];
        let current = produce_response::LeaderIdAndEpoch::default()
            .with_leader_id(leader.0.into())
            .with_leader_epoch(self.broker.image.data_epoch);
        for topic in &mut answer.responses {
            for partition in &mut topic.partition_responses {
                partition.current_leader = current.clone();
            }
        }
    }

    /// Names the leader in every partition whose client needs to know.
    pub(super) fn name_leader_to_consumer(&self, answer: &mut FetchResponse, leader: BrokerId) {
        let (host, port) = self.endpoint(leader);
        let current = fetch_response::LeaderIdAndEpoch::default()
            .with_leader_id(leader.0.into())
            .with_leader_epoch(self.broker.image.data_epoch);
        let astray = [ResponseError::NotLeaderOrFollower, ResponseError::FencedLeaderEpoch]
            .map(|e| e.code());
        let partitions = answer.responses.iter_mut().flat_map(|topic| &mut topic.partitions);
        let mut named = false;
        for partition in partitions.filter(|partition| astray.contains(&partition.error_code)) {
            partition.current_leader = current.clone();
            named = true;
        }
        if named {
            answer.node_endpoints = vec![
                fetch_response::NodeEndpoint::default()
                    .with_node_id(leader.0.into())
                    .with_host(host)
                    .with_port(port)
                    .with_rack(self.rack(leader)),
            ];
        }
    }

    /// The same for an answer of the leader itself.
    pub(super) fn name_itself_to_consumer(&self, version: i16, answer: &mut FetchResponse) {
        if version >= FETCH_NAMES_LEADER {
            self.name_leader_to_consumer(answer, self.broker.id);
        }
    }

    /// Whether a client knows the leader's epoch as it is; −1 when it does not say which it knows.
    pub(super) fn check_epoch(&self, known: i32) -> Result<(), ResponseError> {
        match known {
            -1 => Ok(()),
            known if known < self.broker.image.data_epoch => Err(ResponseError::FencedLeaderEpoch),
            known if known > self.broker.image.data_epoch => Err(ResponseError::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// The epoch that is written into what is appended.
    pub(super) fn append_epoch(&self) -> i32 {
        match self.shared.config.detail {
            Detail::Full => self.broker.image.data_epoch,
            Detail::Lean => 0,
        }
    }
}
