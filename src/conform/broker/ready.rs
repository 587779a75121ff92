//! Checks, before the first script, whether scripts can be replayed on a broker.
//!
//! Without the topics that all scripts presume nearly every response would differ, and on a server
//! that is not a Kafka broker every request would time out.

use std::time::Duration;

use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;

use super::settings::TOPICS;
use super::{Broker, Received};
use crate::protocol::{Api, RequestFrame, Response, TopicName, str_bytes};
use crate::wire;

/// How long a broker may take to respond.
const PATIENCE: Duration = Duration::from_secs(10);
/// A version of Metadata that all recent brokers support.
const VERSION: i16 = 5;

/// Requests the metadata of the topics that all scripts presume. If `presumed` is set they must
/// exist.
///
/// # Errors
///
/// When the broker cannot be used, with the reason.
pub fn is_ready(broker: &mut impl Broker, presumed: bool) -> Result<(), String> {
    let topic =
        |name: &str| MetadataRequestTopic::default().with_name(Some(TopicName(str_bytes(name))));
    let request = MetadataRequest::default()
        .with_topics(Some(TOPICS.iter().map(|(name, _)| topic(name)).collect()))
        .with_allow_auto_topic_creation(false);
    let (client_id, body) = (str_bytes("groupsim"), request.into());
    let frame = RequestFrame { correlation: 0, version: VERSION, client_id, body };
    let frame = wire::encode_request(&frame).expect("a valid request");
    let conn = broker.connect()?;
    broker.send(conn, frame);
    let answer = match broker.receive(conn, PATIENCE) {
        Received::Frame(bytes) => wire::decode_response(bytes, Api::Metadata, VERSION)
            .map_err(|malformed| format!("no Kafka broker: {malformed}"))?,
        Received::Nothing => return Err(format!("no response within {} s", PATIENCE.as_secs())),
        Received::Ended(why) => return Err(format!("no Kafka broker: {why}")),
    };
    broker.close(conn);
    let Response::Metadata(answer) = answer.body else {
        return Err("no Kafka broker: the response is to another request".to_owned());
    };
    for (name, partitions) in TOPICS.iter().filter(|_| presumed) {
        let there = answer.topics.iter().find(|topic| {
            topic.name.as_ref().is_some_and(|found| found.as_str() == *name)
                && topic.error_code == 0
        });
        match there.map_or(0, |topic| topic.partitions.len()) {
            0 => {
                return Err(format!(
                    "it has no topic {name}: create it with {partitions} partitions"
                ));
            }
            found if found == *partitions as usize => {}
            found => {
                return Err(format!("its topic {name} has {found} partitions, not {partitions}"));
            }
        }
    }
    Ok(())
}
