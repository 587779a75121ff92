//! DescribeConfigs: what is set for topics, brokers and groups, for administrators.
//!
//! Nothing can be configured here while brokers run, so every resource that there is has no settings to show.
//! `kafka-topics --describe` asks for those of each topic and fails without an answer.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use crate::protocol::{ResponseError, TopicName, is_legal_topic, str_bytes};

use super::turn::Turn;

/// The kinds of resource, as numbered by Kafka.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

impl Turn<'_, '_> {
    pub(super) fn describe_configs(
        &self,
        request: &DescribeConfigsRequest,
    ) -> DescribeConfigsResponse {
        let results = request.resources.iter().map(|resource| {
            let answer = DescribeConfigsResult::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            match self.check_resource(resource) {
                Ok(()) => answer,
                Err((error, why)) => {
                    answer.with_error_code(error.code()).with_error_message(Some(str_bytes(&why)))
                }
            }
        });
        DescribeConfigsResponse::default().with_results(results.collect())
    }

    /// Why a resource has no settings to speak of, in the order in which Kafka looks.
    fn check_resource(
        &self,
        resource: &DescribeConfigsResource,
    ) -> Result<(), (ResponseError, String)> {
        let name = &resource.resource_name;
        let own = name.parse() == Ok(self.broker.id.0);
        let invalid = |why: String| Err((ResponseError::InvalidRequest, why));
        match resource.resource_type {
            TOPIC => {
                let topic = TopicName(name.clone());
                if !is_legal_topic(name.as_str()) {
                    let why = "not a legal topic name".to_owned();
                    return Err((ResponseError::InvalidTopicException, why));
                }
                match self.shared.topics.by_name(&topic) {
                    Some(_) => Ok(()),
                    None => {
                        let why = format!("there is no topic '{name}'");
                        Err((ResponseError::UnknownTopicOrPartition, why))
                    }
                }
            }
            // What no broker in particular has set goes by the empty name.
            BROKER if name.is_empty() || own => Ok(()),
            BROKER_LOGGER if own => Ok(()),
            BROKER | BROKER_LOGGER => {
                invalid(format!("this is broker {}, not the one named", self.broker.id.0))
            }
            CLIENT_METRICS | GROUP if name.is_empty() => invalid("it has no name".to_owned()),
            CLIENT_METRICS | GROUP => Ok(()),
            other => invalid(format!("there are no resources of type {other}")),
        }
    }
}
