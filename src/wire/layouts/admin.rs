//! Layouts of the admin requests for groups, and of ApiVersions.

use super::{Layout, array, boolean, bytes, int8, int16, int32, int64, string, strings};

pub(super) static DESCRIBE_GROUPS_REQUEST: Layout = Layout {
    flexible_from: 5,
    fields: &[strings("groups"), boolean("include_authorized_operations").since(3)],
};

pub(super) static DESCRIBE_GROUPS_RESPONSE: Layout = Layout {
    flexible_from: 5,
    fields: &[
        int32("throttle_time_ms").since(1),
        array(
            "groups",
            &[
                int16("error_code"),
                string("error_message").since(6),
                string("group_id"),
                string("group_state"),
                string("protocol_type"),
                string("protocol_data"),
                array(
                    "members",
                    &[
                        string("member_id"),
                        string("group_instance_id").since(4),
                        string("client_id"),
                        string("client_host"),
                        bytes("member_metadata"),
                        bytes("member_assignment"),
                    ],
                ),
                int32("authorized_operations").since(3),
            ],
        ),
    ],
};

pub(super) static DESCRIBE_CONFIGS_REQUEST: Layout = Layout {
    flexible_from: 4,
    fields: &[
        array(
            "resources",
            &[int8("resource_type"), string("resource_name"), strings("configuration_keys")],
        ),
        boolean("include_synonyms"),
        boolean("include_documentation").since(3),
    ],
};

pub(super) static DESCRIBE_CONFIGS_RESPONSE: Layout = Layout {
    flexible_from: 4,
    fields: &[
        int32("throttle_time_ms"),
        array(
            "results",
            &[
                int16("error_code"),
                string("error_message"),
                int8("resource_type"),
                string("resource_name"),
                array(
                    "configs",
                    &[
                        string("name"),
                        string("value"),
                        boolean("read_only"),
                        int8("config_source"),
                        boolean("is_sensitive"),
                        array("synonyms", &[string("name"), string("value"), int8("source")]),
                        int8("config_type").since(3),
                        string("documentation").since(3),
                    ],
                ),
            ],
        ),
    ],
};

pub(super) static LIST_GROUPS_REQUEST: Layout = Layout {
    flexible_from: 3,
    fields: &[strings("states_filter").since(4), strings("types_filter").since(5)],
};

pub(super) static LIST_GROUPS_RESPONSE: Layout = Layout {
    flexible_from: 3,
    fields: &[
        int32("throttle_time_ms").since(1),
        int16("error_code"),
        array(
            "groups",
            &[
                string("group_id"),
                string("protocol_type"),
                string("group_state").since(4),
                string("group_type").since(5),
            ],
        ),
    ],
};

pub(super) static DELETE_GROUPS_REQUEST: Layout =
    Layout { flexible_from: 2, fields: &[strings("groups_names")] };

pub(super) static DELETE_GROUPS_RESPONSE: Layout = Layout {
    flexible_from: 2,
    fields: &[
        int32("throttle_time_ms"),
        array("results", &[string("group_id"), int16("error_code")]),
    ],
};

pub(in crate::wire) static API_VERSIONS_REQUEST: Layout = Layout {
    flexible_from: 3,
    fields: &[string("client_software_name").since(3), string("client_software_version").since(3)],
};

pub(in crate::wire) static API_VERSIONS_RESPONSE: Layout = Layout {
    flexible_from: 3,
    fields: &[
        int16("error_code"),
        array("api_keys", &[int16("api_key"), int16("min_version"), int16("max_version")]),
        int32("throttle_time_ms").since(1),
        array("supported_features", &[string("name"), int16("min_version"), int16("max_version")])
            .since(3)
            .tagged(0),
        int64("finalized_features_epoch").since(3).tagged(1),
        array(
            "finalized_features",
            &[string("name"), int16("max_version_level"), int16("min_version_level")],
        )
        .since(3)
        .tagged(2),
        boolean("zk_migration_ready").since(3).tagged(3),
    ],
};
