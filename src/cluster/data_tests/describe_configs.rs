//! DescribeConfigs.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::*;

/// What the broker b1 says of each resource: the error, and how many settings.
fn told(bench: &mut Bench<'_>, version: i16, resources: &[(i8, &str)]) -> Vec<(i16, usize)> {
    let resource = |(kind, name): &(i8, &str)| {
        DescribeConfigsResource::default()
            .with_resource_type(*kind)
            .with_resource_name(str_bytes(name))
            .with_configuration_keys(None)
    };
    let request = DescribeConfigsRequest::default()
        .with_resources(resources.iter().map(resource).collect())
        .with_include_synonyms(true);
    let answer: DescribeConfigsResponse = ask(bench, B1, version, &request);
    let named = answer.results.iter().map(|it| (it.resource_type, it.resource_name.as_str()));
    assert_eq!(named.collect::<Vec<_>>(), resources, "in the order in which they were asked for");
    answer.results.iter().map(|it| (it.error_code, it.configs.len())).collect()
}

#[test]
fn what_there_is_has_no_settings() {
    let mut bench = with_topics();
    let resources =
        [(2, "t"), (4, ""), (4, "1"), (8, "1"), (16, "any"), (32, "a group that nobody knows")];
    for version in versions::<DescribeConfigsRequest>() {
        assert_eq!(told(&mut bench, version, &resources), [(0, 0); 6], "version {version}");
    }
}

#[test]
fn what_there_is_not_is_refused_one_by_one() {
    let mut bench = with_topics();
    let cases = [
        ((2, "t"), 0),
        ((2, "nobody"), E::UnknownTopicOrPartition.code()),
        ((2, "a name with spaces"), E::InvalidTopicException.code()),
        ((4, "0"), E::InvalidRequest.code()),
        ((4, "x"), E::InvalidRequest.code()),
        ((8, ""), E::InvalidRequest.code()),
        ((16, ""), E::InvalidRequest.code()),
        ((32, ""), E::InvalidRequest.code()),
        ((3, "t"), E::InvalidRequest.code()),
    ];
    let (resources, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    for version in versions::<DescribeConfigsRequest>() {
        let told = told(&mut bench, version, &resources);
        let errors: Vec<i16> = told.into_iter().map(|(error, _)| error).collect();
        assert_eq!(errors, expected, "version {version}");
    }
}
