//! Requests of administrators, and those with which every client starts.

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DeleteGroupsRequest, DescribeGroupsRequest,
    FindCoordinatorRequest, ListGroupsRequest, MetadataRequest, TopicName,
};

use super::RequestArgs;
use crate::protocol::StrBytes;

pub fn describe_groups(args: &RequestArgs<'_>) -> DescribeGroupsRequest {
    let mut request = DescribeGroupsRequest::default().with_groups(args.groups());
    if args.version >= 3 {
        request.include_authorized_operations = args.flag("authops", false);
    }
    request
}

pub fn list_groups(args: &RequestArgs<'_>) -> ListGroupsRequest {
    let mut request = ListGroupsRequest::default();
    if args.version >= 4 {
        request.states_filter = args.joined("states").unwrap_or_default();
    }
    if args.version >= 5 {
        request.types_filter = args.joined("types").unwrap_or_default();
    }
    request
}

pub fn delete_groups(args: &RequestArgs<'_>) -> DeleteGroupsRequest {
    DeleteGroupsRequest::default().with_groups_names(args.groups())
}

pub fn find_coordinator(args: &RequestArgs<'_>) -> FindCoordinatorRequest {
    let keys = args.list("keys").unwrap_or_else(|| vec![args.group().to_string()]);
    let mut keys = keys.into_iter().map(StrBytes::from_string);
    let mut request = match args.version >= 4 {
        true => FindCoordinatorRequest::default().with_coordinator_keys(keys.collect()),
        false => FindCoordinatorRequest::default().with_key(keys.next().unwrap_or_default()),
    };
    if args.version >= 1 {
        request.key_type = args.number("type", 0);
    }
    request
}

pub fn metadata(args: &RequestArgs<'_>) -> MetadataRequest {
    let name = TopicName(args.text("topic", "t"));
    let topic = MetadataRequestTopic::default().with_name(Some(name));
    let mut request = MetadataRequest::default().with_topics(Some(vec![topic]));
    if args.version >= 4 {
        request.allow_auto_topic_creation = false;
    }
    request
}

pub fn create_topics(args: &RequestArgs<'_>) -> CreateTopicsRequest {
    let topic = CreatableTopic::default()
        .with_name(TopicName(args.text("topic", "t")))
        .with_num_partitions(args.number("partitions", 4))
        .with_replication_factor(1);
    CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000)
}

pub fn api_versions(args: &RequestArgs<'_>) -> ApiVersionsRequest {
    let mut request = ApiVersionsRequest::default();
    if args.version >= 3 {
        request.client_software_name = args.text("software", "conform");
        request.client_software_version = args.text("sversion", "1");
    }
    request
}
