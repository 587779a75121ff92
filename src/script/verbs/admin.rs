//! The rows of admin requests.

use super::{Claims, Verb, action};
use crate::script::admin;
use crate::script::options::*;

/// All admin requests.
pub(super) static ROWS: &[Verb] = &[
    Verb {
        optional: &[&API_VERSION],
        about: "DescribeGroups; the groups need not exist",
        ..action("describe", "GROUP …", admin::describe, "describe g nope")
    },
    Verb {
        optional: &[&ON, &STATES, &TYPES, &API_VERSION],
        about: "ListGroups on one broker",
        ..action("list", "", admin::list, "list on=b1 states=Stable,Empty types=classic")
    },
    Verb {
        optional: &[&API_VERSION],
        about: "DeleteGroups; the groups need not exist",
        ..action("delete-group", "GROUP …", admin::delete_group, "delete-group g nope")
    },
    Verb {
        about: "OffsetDelete; the group and the partitions need not exist",
        ..action(
            "delete-offsets",
            "GROUP PARTITION …",
            admin::delete_offsets,
            "delete-offsets g orders-0 orders-9",
        )
    },
    Verb {
        optional: &[&INSTANCE, &MEMBER, &API_VERSION],
        about: "LeaveGroup for a static member, or for the member id of a consumer",
        ..action("remove", "GROUP", admin::remove, "remove g instance=i1")
    },
    Verb {
        claims: Claims::At(1),
        optional: &[&NOTE, &COMMIT_RETENTION],
        about: "OffsetCommit without a member, as tools that reset offsets send it; version 4 with retention=",
        ..action(
            "commit",
            "GROUP PARTITION=OFFSET",
            admin::commit,
            "commit g orders-0=5 note=5000 retention=60m",
        )
    },
    Verb {
        optional: &[&STABLE, &API_VERSION],
        about: "OffsetFetch of all offsets that the group has committed",
        ..action("offsets", "GROUP", admin::offsets, "offsets g stable=yes")
    },
    Verb {
        claims: Claims::At(1),
        required: &[&PRODUCER],
        optional: &[&AS],
        about: "TxnOffsetCommit, without a member or on behalf of a consumer",
        ..action(
            "txn-commit",
            "GROUP PARTITION=OFFSET",
            admin::txn_commit,
            "txn-commit g orders-0=5 producer=7 as=c1",
        )
    },
    Verb {
        required: &[&PRODUCER],
        about: "WriteTxnMarkers to the group's partition of the offsets log; OUTCOME is `commit` or `abort`",
        ..action("end-txn", "GROUP OUTCOME", admin::end_txn, "end-txn g commit producer=7")
    },
    Verb {
        required: &[&ANY_GROUP, &REQUESTED_SESSION],
        optional: &[&TYPE],
        about: "JoinGroup with values that no client sends, to test how the coordinator validates them",
        ..action("ask", "JoinGroup", admin::ask, "ask JoinGroup group= session=1s")
    },
];
