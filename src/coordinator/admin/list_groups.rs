//! ListGroups: the groups of this coordinator (rules R6.7). A broker that leads several partitions
//! of the offsets log merges the responses of their coordinators.

use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{ListGroupsRequest, ListGroupsResponse};

use crate::coordinator::api::{Call, Release};
use crate::coordinator::group::{Group, Groups};
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{StrBytes, str_bytes};

/// The first version with group states (KIP-518).
const HAS_STATES: i16 = 4;
/// The first version with group types (KIP-848).
const HAS_TYPES: i16 = 5;

/// Responds to a ListGroups, ordered by group id.
pub(crate) fn handle(
    groups: &Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &ListGroupsRequest,
) {
    let mut wanted: Vec<&Group> =
        groups.values().filter(|g| matches(g, call.version, request)).collect();
    wanted.sort_by(|a, b| a.id().cmp(b.id()));
    let response = ListGroupsResponse::default()
        .with_groups(wanted.into_iter().map(|group| listed(group, call.version)).collect());
    turn.respond(call.id, response, Release::Now);
}

/// An empty filter matches all groups; unknown names match none.
fn matches(group: &Group, version: i16, request: &ListGroupsRequest) -> bool {
    (version < HAS_STATES
        || passes_filter(&request.states_filter, group.state_name(), trim_like_java))
        && (version < HAS_TYPES
            || passes_filter(&request.types_filter, group.type_name(), |wanted| wanted))
}

fn passes_filter(filter: &[StrBytes], name: &str, read: impl Fn(&str) -> &str) -> bool {
    filter.is_empty() || filter.iter().any(|wanted| read(wanted).eq_ignore_ascii_case(name))
}

/// Trims what Java's `String.trim` trims. Kafka trims states this way, but not types.
fn trim_like_java(name: &str) -> &str {
    name.trim_matches(|c| c <= ' ')
}

fn listed(group: &Group, version: i16) -> ListedGroup {
    let mut listed = ListedGroup::default()
        .with_group_id(group.id().clone())
        .with_protocol_type(group.protocol_type().cloned().unwrap_or_default());
    if version >= HAS_STATES {
        listed.group_state = str_bytes(group.state_name());
    }
    if version >= HAS_TYPES {
        listed.group_type = str_bytes(group.type_name());
    }
    listed
}
