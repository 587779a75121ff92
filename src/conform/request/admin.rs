//! What an administrator asks, and what every client asks before it does anything.

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DeleteGroupsRequest, DescribeGroupsRequest,
    FindCoordinatorRequest, ListGroupsRequest, MetadataRequest, TopicName,
};

use super::Ask;
use crate::protocol::StrBytes;

pub fn describe_groups(ask: &Ask<'_>) -> DescribeGroupsRequest {
    let mut request = DescribeGroupsRequest::default().with_groups(ask.groups());
    if ask.version >= 3 {
        request.include_authorized_operations = ask.flag("authops", false);
    }
    request
}

pub fn list_groups(ask: &Ask<'_>) -> ListGroupsRequest {
    let mut request = ListGroupsRequest::default();
    if ask.version >= 4 {
        request.states_filter = ask.joined("states").unwrap_or_default();
    }
    if ask.version >= 5 {
        request.types_filter = ask.joined("types").unwrap_or_default();
    }
    request
}

pub fn delete_groups(ask: &Ask<'_>) -> DeleteGroupsRequest {
    DeleteGroupsRequest::default().with_groups_names(ask.groups())
}

pub fn find_coordinator(ask: &Ask<'_>) -> FindCoordinatorRequest {
    let keys = ask.list("keys").unwrap_or_else(|| vec![ask.group().to_string()]);
    let mut keys = keys.into_iter().map(StrBytes::from_string);
    let mut request = match ask.version >= 4 {
        true => FindCoordinatorRequest::default().with_coordinator_keys(keys.collect()),
        false => FindCoordinatorRequest::default().with_key(keys.next().unwrap_or_default()),
    };
    if ask.version >= 1 {
        request.key_type = ask.number("type", 0);
    }
    request
}

pub fn metadata(ask: &Ask<'_>) -> MetadataRequest {
    let name = TopicName(ask.text("topic", "t"));
    let topic = MetadataRequestTopic::default().with_name(Some(name));
    let mut request = MetadataRequest::default().with_topics(Some(vec![topic]));
    if ask.version >= 4 {
        request.allow_auto_topic_creation = false;
    }
    request
}

pub fn create_topics(ask: &Ask<'_>) -> CreateTopicsRequest {
    let topic = CreatableTopic::default()
        .with_name(TopicName(ask.text("topic", "t")))
        .with_num_partitions(ask.number("partitions", 4))
        .with_replication_factor(1);
    CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000)
}

pub fn api_versions(ask: &Ask<'_>) -> ApiVersionsRequest {
    let mut request = ApiVersionsRequest::default();
    if ask.version >= 3 {
        request.client_software_name = ask.text("software", "conform");
        request.client_software_version = ask.text("sversion", "1");
    }
    request
}
