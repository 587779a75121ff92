//! Layouts of a group member's requests, from FindCoordinator to LeaveGroup.

use super::{Layout, array, boolean, bytes, int8, int16, int32, string, strings};

pub(super) static FIND_COORDINATOR_REQUEST: Layout = Layout {
    flexible_from: 3,
    fields: &[
        string("key").until(3),
        int8("key_type").since(1),
        strings("coordinator_keys").since(4),
    ],
};

pub(super) static FIND_COORDINATOR_RESPONSE: Layout = Layout {
    flexible_from: 3,
    fields: &[
        int32("throttle_time_ms").since(1),
        int16("error_code").until(3),
        string("error_message").since(1).until(3),
        int32("node_id").until(3),
        string("host").until(3),
        int32("port").until(3),
        array(
            "coordinators",
            &[
                string("key"),
                int32("node_id"),
                string("host"),
                int32("port"),
                int16("error_code"),
                string("error_message"),
            ],
        )
        .since(4),
    ],
};

pub(super) static JOIN_GROUP_REQUEST: Layout = Layout {
    flexible_from: 6,
    fields: &[
        string("group_id"),
        int32("session_timeout_ms"),
        int32("rebalance_timeout_ms").since(1),
        string("member_id"),
        string("group_instance_id").since(5),
        string("protocol_type"),
        array("protocols", &[string("name"), bytes("metadata")]),
        string("reason").since(8),
    ],
};

pub(super) static JOIN_GROUP_RESPONSE: Layout = Layout {
    flexible_from: 6,
    fields: &[
        int32("throttle_time_ms").since(2),
        int16("error_code"),
        int32("generation_id"),
        string("protocol_type").since(7),
        string("protocol_name"),
        string("leader"),
        boolean("skip_assignment").since(9),
        string("member_id"),
        array(
            "members",
            &[string("member_id"), string("group_instance_id").since(5), bytes("metadata")],
        ),
    ],
};

pub(super) static HEARTBEAT_REQUEST: Layout = Layout {
    flexible_from: 4,
    fields: &[
        string("group_id"),
        int32("generation_id"),
        string("member_id"),
        string("group_instance_id").since(3),
    ],
};

pub(super) static HEARTBEAT_RESPONSE: Layout =
    Layout { flexible_from: 4, fields: &[int32("throttle_time_ms").since(1), int16("error_code")] };

pub(super) static LEAVE_GROUP_REQUEST: Layout = Layout {
    flexible_from: 4,
    fields: &[
        string("group_id"),
        string("member_id").until(2),
        array(
            "members",
            &[string("member_id"), string("group_instance_id"), string("reason").since(5)],
        )
        .since(3),
    ],
};

pub(super) static LEAVE_GROUP_RESPONSE: Layout = Layout {
    flexible_from: 4,
    fields: &[
        int32("throttle_time_ms").since(1),
        int16("error_code"),
        array("members", &[string("member_id"), string("group_instance_id"), int16("error_code")])
            .since(3),
    ],
};

pub(super) static SYNC_GROUP_REQUEST: Layout = Layout {
    flexible_from: 4,
    fields: &[
        string("group_id"),
        int32("generation_id"),
        string("member_id"),
        string("group_instance_id").since(3),
        string("protocol_type").since(5),
        string("protocol_name").since(5),
        array("assignments", &[string("member_id"), bytes("assignment")]),
    ],
};

pub(super) static SYNC_GROUP_RESPONSE: Layout = Layout {
    flexible_from: 4,
    fields: &[
        int32("throttle_time_ms").since(1),
        int16("error_code"),
        string("protocol_type").since(5),
        string("protocol_name").since(5),
        bytes("assignment"),
    ],
};
