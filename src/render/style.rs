//! How each field is shown on a line: one table.

/// How a field is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) show: Show,
    pub(super) when: When,
}

/// The form of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// ` key=value`
    Key,
    /// The value, after a space and these words.
    After(&'static str),
    /// The value, directly after these characters.
    Glued(&'static str),
    /// A list (or an encoded payload) inside an item: `[a,b]`, without a space before it.
    Bracketed,
    /// A list inside an item: only the number of its items, directly after these characters.
    Count(&'static str),
    /// Not shown.
    Hidden,
}

/// When a field is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// Only if it has information: not empty, zero, −1 or false.
    Set,
    /// Only in a response with an error.
    Failed,
}

const fn style(show: Show, when: When) -> Style {
    Style { show, when }
}

/// How a field is shown. `scope` is the innermost list of the field; outside of lists it is the API
/// of a message, or the name of any other event.
pub(super) fn of(scope: &str, key: &str) -> Style {
    head(scope, key)
        .or_else(|| item_of_a_message(scope, key))
        .or_else(|| field_of_a_message(scope, key))
        .or_else(|| observation(scope, key))
        .or_else(|| world(scope, key))
        .unwrap_or(style(Show::Key, When::Always))
}

/// Fields that the columns of the line already show, and fields of all messages.
fn head(scope: &str, key: &str) -> Option<Style> {
    use Show::*;
    use When::*;
    Some(match (scope, key) {
        (_, "at" | "local" | "place" | "event") => style(Hidden, Always),
        (_, "api") | ("sent" | "received" | "lost", "to" | "from") | ("lost", "why") => {
            style(After(""), Always)
        }
        ("JoinGroup", "version") => style(Key, Always),
        (_, "side" | "correlation" | "version" | "client" | "host" | "conn") => {
            style(Hidden, Always)
        }
        _ => return None,
    })
}

/// The lists in messages: `orders-0@5`, `c1#1[orders-0,orders-1]`.
fn item_of_a_message(scope: &str, key: &str) -> Option<Style> {
    use Show::*;
    use When::*;
    Some(match (scope, key) {
        ("protocols" | "members", "subscription") | ("assignments", "assignment") => {
            style(Bracketed, Always)
        }
        ("members", "instance" | "reason") => style(Glued("/"), Set),
        ("members", "assignment") => style(Bracketed, Set),
        ("members", "metadata" | "session" | "rebalance") => style(Hidden, Always),
        ("offsets" | "positions", "offset") => style(Glued("@"), Always),
        ("offsets", "epoch" | "timestamp" | "metadata") => style(Hidden, Always),
        ("positions", "max_bytes") | ("timestamps", "timestamp") => style(Hidden, Always),
        ("records", "records") => style(Glued("×"), Always),
        ("records", "high_watermark" | "log_start") => style(Hidden, Always),
        ("topics", "partitions") => style(Count("×"), Always),
        ("groups", "partitions" | "offsets") | ("markers", "partitions" | "results") => {
            style(Bracketed, Always)
        }
        ("groups", "members") => style(Bracketed, Set),
        ("groups", "state") => style(Glued(":"), Set),
        ("groups", "protocol" | "group_type") => style(Glued("/"), Set),
        ("groups", "member" | "epoch" | "type" | "message") => style(Hidden, Always),
        ("markers", "outcome") => style(Glued(":"), Always),
        ("markers", "producer_epoch" | "coordinator_epoch") => style(Hidden, Always),
        ("coordinators", "node") => style(Glued("@"), Always),
        (
            "members" | "offsets" | "records" | "topics" | "groups" | "coordinators" | "results",
            "error",
        ) => style(Glued(":"), Failed),
        _ => return None,
    })
}

/// The line of a consumer's start names its group, so its messages need not.
fn field_of_a_message(scope: &str, key: &str) -> Option<Style> {
    use Show::*;
    use When::*;
    Some(match (scope, key) {
        (
            "JoinGroup" | "SyncGroup" | "Heartbeat" | "LeaveGroup" | "OffsetCommit" | "OffsetFetch",
            "group" | "type" | "retention" | "top_error",
        )
        | ("Fetch", "wait" | "min_bytes" | "max_bytes" | "isolation" | "top_error")
        | ("Metadata", "controller" | "brokers" | "top_error")
        | ("FindCoordinator", "key_type" | "top_error")
        | ("ListOffsets", "isolation")
        | ("DescribeGroups", "authorized_operations")
        | ("TxnOffsetCommit", "transaction" | "producer_epoch")
        | ("OffsetDelete", "top_error")
        | ("Produce", "acks") => style(Hidden, Always),
        ("OffsetCommit" | "TxnOffsetCommit", "results") => style(Key, Failed),
        ("ListGroups", "states" | "types")
        | ("OffsetDelete", "results")
        | ("TxnOffsetCommit", "generation" | "member" | "instance")
        | ("Fetch", "rack") => style(Key, Set),
        ("FindCoordinator", "key" | "keys" | "coordinators") => style(Key, Set),
        ("LeaveGroup", "member" | "members") => style(Key, Set),
        (
            "JoinGroup" | "SyncGroup" | "Heartbeat" | "OffsetCommit" | "OffsetFetch",
            "generation" | "leader" | "protocol" | "members" | "assignments" | "assignment"
            | "instance" | "reason" | "rebalance" | "skip_assignment" | "require_stable" | "groups",
        ) => style(Key, Set),
        _ => return None,
    })
}

fn observation(scope: &str, key: &str) -> Option<Style> {
    use Show::*;
    use When::*;
    Some(match (scope, key) {
        (
            "group-state" | "member-added" | "member-removed" | "timer-fired" | "member-replaced"
            | "replacement-undone" | "group-loaded" | "group-removed" | "offset-removed",
            "group",
        )
        | ("member-replaced", "old")
        | ("replacement-undone", "new")
        | ("group-loaded", "state")
        | ("offset-removed", "partition")
        | ("generation-began", "group" | "generation")
        | ("member-added" | "member-removed", "member")
        | ("member-removed", "why")
        | ("group-state" | "member-state", "from")
        | ("timer-fired", "timer")
        | ("assigned" | "revoked" | "partitions-lost", "partitions")
        | ("positioned" | "polled" | "processed", "partition")
        | ("polled", "values") => style(After(""), Always),
        ("group-state" | "member-state", "to")
        | ("member-replaced", "new")
        | ("replacement-undone", "old") => style(After("→ "), Always),
        ("group-loaded", "type" | "since") => style(Hidden, Always),
        ("group-loaded", "protocol" | "leader" | "members" | "offsets") => style(Key, Set),
        ("commit-failed", "offsets") => style(After(""), Always),
        ("generation-began", "protocol" | "leader") => style(Key, Set),
        ("positioned", "offset") | ("polled" | "processed", "first") => style(Glued("@"), Always),
        ("processed", "next") => style(Glued(".."), Always),
        _ => return None,
    })
}

fn world(scope: &str, key: &str) -> Option<Style> {
    use Show::*;
    use When::*;
    Some(match (scope, key) {
        ("topic-created" | "topic-grown" | "topic-deleted", "topic")
        | ("term", "partition" | "state")
        | ("leader-elected" | "uncommitted", "partition")
        | ("fault-began" | "fault-ended", "fault")
        | ("appended", "partition")
        | ("expected", "expected") => style(After(""), Always),
        ("appended", "first") => style(Glued("@"), Always),
        ("appended", "next") => style(Glued(".."), Always),
        ("term", "epoch") => style(After("epoch "), Always),
        ("expected", "line") => style(Hidden, Always),
        (
            "consumer-started",
            "name"
            | "records"
            | "autocommit"
            | "request"
            | "fetch"
            | "backoff"
            | "backoff_max"
            | "reconnect_backoff"
            | "reconnect_backoff_max"
            | "metadata_age"
            | "bootstrap",
        ) => style(Hidden, Always),
        (_, "error") => style(After(""), Always),
        _ => return None,
    })
}
