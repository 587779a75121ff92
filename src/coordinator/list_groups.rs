//! ListGroups: the groups of this coordinator (rules R6.7). A broker that leads several partitions of the
//! offsets log puts the answers of their coordinators together.

use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{ListGroupsRequest, ListGroupsResponse};

use crate::protocol::{StrBytes, str_bytes};

use super::api::{Call, Release};
use super::group::{Group, Groups};
use super::turn::Turn;

/// The type of all groups here, as against those of KIP-848 (R15.3).
const CLASSIC: &str = "classic";
/// The first version with the states of groups (KIP-518).
const STATES: i16 = 4;
/// The first version with the types of groups (KIP-848).
const TYPES: i16 = 5;

/// Answers a ListGroups, in the order of the group ids.
pub(super) fn handle(
    groups: &Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &ListGroupsRequest,
) {
    let mut wanted: Vec<&Group> =
        groups.values().filter(|g| is_wanted(g, call.version, request)).collect();
    wanted.sort_by(|a, b| a.id.cmp(&b.id));
    let response = ListGroupsResponse::default()
        .with_groups(wanted.into_iter().map(|group| listed(group, call.version)).collect());
    turn.respond(call.id, response, Release::Now);
}

/// No names mean all; names that mean nothing match nothing.
fn is_wanted(group: &Group, version: i16, request: &ListGroupsRequest) -> bool {
    (version < STATES || passes(&request.states_filter, group.state().name(), trimmed))
        && (version < TYPES || passes(&request.types_filter, CLASSIC, |wanted| wanted))
}

fn passes(filter: &[StrBytes], name: &str, read: impl Fn(&str) -> &str) -> bool {
    filter.is_empty() || filter.iter().any(|wanted| read(wanted).eq_ignore_ascii_case(name))
}

/// Without what Java counts as space at either end. Kafka trims states so, but not types.
fn trimmed(name: &str) -> &str {
    name.trim_matches(|c| c <= ' ')
}

fn listed(group: &Group, version: i16) -> ListedGroup {
    let mut listed = ListedGroup::default()
        .with_group_id(group.id.clone())
        .with_protocol_type(group.protocol_type.clone().unwrap_or_default());
    if version >= STATES {
        listed.group_state = str_bytes(group.state().name());
    }
    if version >= TYPES {
        listed.group_type = str_bytes(CLASSIC);
    }
    listed
}
