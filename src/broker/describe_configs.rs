//! DescribeConfigs: the settings of topics, brokers and groups, for administrators.
//!
//! Nothing can be configured while brokers run, so an existing resource has an empty list of
//! settings. `kafka-topics --describe` requests the settings of each topic and fails without a
//! response.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use crate::protocol::{ResponseError, TopicName, is_legal_topic, str_bytes};

use super::view::BrokerView;

/// The resource types, as numbered by Kafka.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

impl BrokerView<'_> {
    pub(super) fn describe_configs(
        &self,
        request: &DescribeConfigsRequest,
    ) -> DescribeConfigsResponse {
        let results = request.resources.iter().map(|resource| {
            let response = DescribeConfigsResult::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            match self.check_resource(resource) {
                Ok(()) => response,
                Err((error, why)) => {
                    response.with_error_code(error.code()).with_error_message(Some(str_bytes(&why)))
                }
            }
        });
        DescribeConfigsResponse::default().with_results(results.collect())
    }

    /// The error for a resource that has no settings, with a message. The checks are in Kafka's
    /// order.
    fn check_resource(
        &self,
        resource: &DescribeConfigsResource,
    ) -> Result<(), (ResponseError, String)> {
        let name = &resource.resource_name;
        let own = name.parse() == Ok(self.id.0);
        let invalid = |why: String| Err((ResponseError::InvalidRequest, why));
        match resource.resource_type {
            TOPIC => {
                let topic = TopicName(name.clone());
                if !is_legal_topic(name.as_str()) {
                    let why = "the topic name is not legal".to_owned();
                    return Err((ResponseError::InvalidTopicException, why));
                }
                match self.topics.by_name(&topic) {
                    Some(_) => Ok(()),
                    None => {
                        let why = format!("there is no topic '{name}'");
                        Err((ResponseError::UnknownTopicOrPartition, why))
                    }
                }
            }
            // The empty name stands for the cluster-wide defaults of all brokers.
            BROKER if name.is_empty() || own => Ok(()),
            BROKER_LOGGER if own => Ok(()),
            BROKER | BROKER_LOGGER => {
                invalid(format!("this is broker {}, not the one named", self.id.0))
            }
            CLIENT_METRICS | GROUP if name.is_empty() => {
                invalid("the resource name is empty".to_owned())
            }
            CLIENT_METRICS | GROUP => Ok(()),
            other => invalid(format!("there are no resources of type {other}")),
        }
    }
}
