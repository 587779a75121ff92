//! Responses to a client that requests records from a broker that does not lead them, or in an
//! epoch other than the leader's (KIP-320).

use kafka_protocol::messages::{FetchResponse, ProduceResponse, fetch_response, produce_response};

use crate::protocol::{BrokerId, RequestFrame, Response, ResponseError, refusal};

use super::cluster::Detail;
use super::view::BrokerView;

/// The first versions whose responses may name the current leader (KIP-951).
const PRODUCE_NAMES_LEADER: i16 = 10;
const FETCH_NAMES_LEADER: i16 = 16;

impl BrokerView<'_> {
    /// The response to a request for records that another broker leads.
    pub(super) fn not_data_leader(&self, frame: &RequestFrame) -> Response {
        let mut response = refusal(&frame.body, frame.version, ResponseError::NotLeaderOrFollower);
        match (&mut response, self.image.data_leader) {
            (Response::Produce(body), Some(leader)) if frame.version >= PRODUCE_NAMES_LEADER => {
                self.name_leader_to_producer(body, leader);
            }
            (Response::Fetch(body), Some(leader)) if frame.version >= FETCH_NAMES_LEADER => {
                self.name_leader_to_consumer(body, leader);
            }
            _ => {}
        }
        response
    }

    fn name_leader_to_producer(&self, response: &mut ProduceResponse, leader: BrokerId) {
        let (host, port) = self.endpoint(leader);
        response.node_endpoints = vec![
            produce_response::NodeEndpoint::default()
                .with_node_id(leader.0.into())
                .with_host(host)
                .with_port(port)
                .with_rack(self.rack(leader)),
        ];
        let current = produce_response::LeaderIdAndEpoch::default()
            .with_leader_id(leader.0.into())
            .with_leader_epoch(self.image.data_epoch);
        for topic in &mut response.responses {
            for partition in &mut topic.partition_responses {
                partition.current_leader = current.clone();
            }
        }
    }

    /// Names the leader in every partition whose error says that the client has the wrong one.
    pub(super) fn name_leader_to_consumer(&self, response: &mut FetchResponse, leader: BrokerId) {
        let (host, port) = self.endpoint(leader);
        let current = fetch_response::LeaderIdAndEpoch::default()
            .with_leader_id(leader.0.into())
            .with_leader_epoch(self.image.data_epoch);
        let wrong_leader = [ResponseError::NotLeaderOrFollower, ResponseError::FencedLeaderEpoch]
            .map(|e| e.code());
        let partitions = response.responses.iter_mut().flat_map(|topic| &mut topic.partitions);
        let mut named = false;
        for partition in partitions.filter(|partition| wrong_leader.contains(&partition.error_code))
        {
            partition.current_leader = current.clone();
            named = true;
        }
        if named {
            response.node_endpoints = vec![
                fetch_response::NodeEndpoint::default()
                    .with_node_id(leader.0.into())
                    .with_host(host)
                    .with_port(port)
                    .with_rack(self.rack(leader)),
            ];
        }
    }

    /// The same, for a response of the leader itself.
    pub(super) fn name_itself_to_consumer(&self, version: i16, response: &mut FetchResponse) {
        if version >= FETCH_NAMES_LEADER {
            self.name_leader_to_consumer(response, self.id);
        }
    }

    /// Checks the leader epoch that a client knows; −1 if the client does not send one.
    pub(super) fn check_epoch(&self, known: i32) -> Result<(), ResponseError> {
        match known {
            -1 => Ok(()),
            known if known < self.image.data_epoch => Err(ResponseError::FencedLeaderEpoch),
            known if known > self.image.data_epoch => Err(ResponseError::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// The leader epoch that is written into appended batches.
    pub(super) fn append_epoch(&self) -> i32 {
        match self.config.detail {
            Detail::Full => self.image.data_epoch,
            Detail::Lean => 0,
        }
    }
}
