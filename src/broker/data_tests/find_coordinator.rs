//! FindCoordinator.

use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use super::*;
use crate::protocol::StrBytes;

/// The result for each key: error, node, host, port.
fn found(
    bench: &mut Bench<'_>,
    version: i16,
    key_type: i8,
    keys: &[&str],
) -> Vec<(String, i16, i32, String, i32)> {
    let keys: Vec<_> = keys.iter().map(|key| str_bytes(key)).collect();
    let request = match version {
        0 => FindCoordinatorRequest::default().with_key(keys[0].clone()),
        1..=3 => {
            FindCoordinatorRequest::default().with_key(keys[0].clone()).with_key_type(key_type)
        }
        _ => FindCoordinatorRequest::default()
            .with_coordinator_keys(keys.clone())
            .with_key_type(key_type),
    };
    let response: FindCoordinatorResponse = call(bench, B1, version, &request);
    if version < 4 {
        let host = response.host.to_string();
        return vec![(
            keys[0].to_string(),
            response.error_code,
            response.node_id.0,
            host,
            response.port,
        )];
    }
    let found = response
        .coordinators
        .iter()
        .map(|it| (it.key.to_string(), it.error_code, it.node_id.0, it.host.to_string(), it.port));
    found.collect()
}

/// R3.16.
#[test]
fn old_versions_have_an_error_message_for_every_outcome() {
    let mut bench = bench(config());
    let unknown = "This most likely occurs because of a request being malformed by the client library or \
                   the message was sent to an incompatible broker. See the broker logs for more details.";
    for version in versions::<FindCoordinatorRequest>() {
        for (key_type, message) in [
            (0, "NONE"),
            (1, "Transactional Id authorization failed."),
            (2, unknown),
            (3, unknown),
            (-1, unknown),
        ] {
            let request = FindCoordinatorRequest::default().with_key_type(key_type);
            let request = match version {
                0..=3 => request.with_key(str_bytes("a")),
                _ => request.with_coordinator_keys(vec![str_bytes("a"), str_bytes("")]),
            };
            let request = if version == 0 { request.with_key_type(0) } else { request };
            let response: FindCoordinatorResponse = call(&mut bench, B1, version, &request);
            let text = |message: &Option<StrBytes>| message.clone().unwrap_or_default().to_string();
            match version {
                0 => assert_eq!(text(&response.error_message), ""),
                1..=3 => assert_eq!(text(&response.error_message), message, "version {version}"),
                _ => {
                    let expected = if (0..=2).contains(&key_type) { "" } else { message };
                    let keys = response.coordinators.iter();
                    let all: Vec<_> = keys.map(|found| text(&found.error_message)).collect();
                    assert_eq!(all, [expected, expected], "version {version}");
                }
            }
        }
    }
}

/// R3.16.
#[test]
fn only_groups_have_coordinators() {
    let endpoints = (0..3).map(|n| (str_bytes(&format!("host{n}")), 9_000 + n)).collect();
    let mut bench = bench(ClusterConfig { endpoints, offsets_partitions: 3, ..config() });
    let text = |text: &str| text.to_owned();
    for version in versions::<FindCoordinatorRequest>() {
        // a: partition 1; b: 2.
        let mut expected = vec![(text("a"), 0, 1, text("host1"), 9_001)];
        if version >= 4 {
            expected.push((text("b"), 0, 2, text("host2"), 9_002));
        }
        assert_eq!(found(&mut bench, version, 0, &["a", "b"]), expected, "version {version}");
        if version == 0 {
            continue;
        }
        for (key_type, error) in [
            (1, E::TransactionalIdAuthorizationFailed),
            (2, E::InvalidRequest),
            (3, E::InvalidRequest),
        ] {
            let none = [(text("a"), error.code(), -1, String::new(), -1)];
            assert_eq!(found(&mut bench, version, key_type, &["a"]), none, "version {version}");
        }
    }
}
