//! DescribeConfigs.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::*;

/// What broker b1 returns for each resource: the error and the number of settings.
fn outcomes(bench: &mut Bench<'_>, version: i16, resources: &[(i8, &str)]) -> Vec<(i16, usize)> {
    let resource = |(kind, name): &(i8, &str)| {
        DescribeConfigsResource::default()
            .with_resource_type(*kind)
            .with_resource_name(str_bytes(name))
            .with_configuration_keys(None)
    };
    let request = DescribeConfigsRequest::default()
        .with_resources(resources.iter().map(resource).collect())
        .with_include_synonyms(true);
    let response: DescribeConfigsResponse = call(bench, B1, version, &request);
    let named = response.results.iter().map(|it| (it.resource_type, it.resource_name.as_str()));
    assert_eq!(named.collect::<Vec<_>>(), resources, "in the order of the request");
    response.results.iter().map(|it| (it.error_code, it.configs.len())).collect()
}

#[test]
fn existing_resources_have_no_settings() {
    let mut bench = with_topics();
    let resources = [(2, "t"), (4, ""), (4, "1"), (8, "1"), (16, "any"), (32, "an unknown group")];
    for version in versions::<DescribeConfigsRequest>() {
        assert_eq!(outcomes(&mut bench, version, &resources), [(0, 0); 6], "version {version}");
    }
}

#[test]
fn each_missing_resource_has_its_own_error() {
    let mut bench = with_topics();
    let cases = [
        ((2, "t"), 0),
        ((2, "absent"), E::UnknownTopicOrPartition.code()),
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
        let found = outcomes(&mut bench, version, &resources);
        let errors: Vec<i16> = found.into_iter().map(|(error, _)| error).collect();
        assert_eq!(errors, expected, "version {version}");
    }
}
