//! Layouts for records: producing, fetching, offsets, metadata.

use super::{
    Layout, array, boolean, bytes, int8, int16, int32, int32s, int64, string, structure, uuid,
};

pub(super) static PRODUCE_REQUEST: Layout = Layout {
    flexible_from: 9,
    fields: &[
        string("transactional_id"),
        int16("acks"),
        int32("timeout_ms"),
        array(
            "topic_data",
            &[
                string("name").until(12),
                uuid("topic_id").since(13),
                array("partition_data", &[int32("index"), bytes("records")]),
            ],
        ),
    ],
};

pub(super) static PRODUCE_RESPONSE: Layout = Layout {
    flexible_from: 9,
    fields: &[
        array(
            "responses",
            &[
                string("name").until(12),
                uuid("topic_id").since(13),
                array(
                    "partition_responses",
                    &[
                        int32("index"),
                        int16("error_code"),
                        int64("base_offset"),
                        int64("log_append_time_ms"),
                        int64("log_start_offset").since(5),
                        array(
                            "record_errors",
                            &[int32("batch_index"), string("batch_index_error_message")],
                        )
                        .since(8),
                        string("error_message").since(8),
                        structure("current_leader", &[int32("leader_id"), int32("leader_epoch")])
                            .since(10)
                            .tagged(0),
                    ],
                ),
            ],
        ),
        int32("throttle_time_ms"),
        array("node_endpoints", &[int32("node_id"), string("host"), int32("port"), string("rack")])
            .since(10)
            .tagged(0),
    ],
};

pub(super) static FETCH_REQUEST: Layout = Layout {
    flexible_from: 12,
    fields: &[
        int32("replica_id").until(14),
        int32("max_wait_ms"),
        int32("min_bytes"),
        int32("max_bytes"),
        int8("isolation_level"),
        int32("session_id").since(7),
        int32("session_epoch").since(7),
        array(
            "topics",
            &[
                string("topic").until(12),
                uuid("topic_id").since(13),
                array(
                    "partitions",
                    &[
                        int32("partition"),
                        int32("current_leader_epoch").since(9),
                        int64("fetch_offset"),
                        int32("last_fetched_epoch").since(12),
                        int64("log_start_offset").since(5),
                        int32("partition_max_bytes"),
                        uuid("replica_directory_id").since(17).tagged(0),
                        int64("high_watermark").since(18).tagged(1),
                    ],
                ),
            ],
        ),
        array(
            "forgotten_topics_data",
            &[string("topic").until(12), uuid("topic_id").since(13), int32s("partitions")],
        )
        .since(7),
        string("rack_id").since(11),
        string("cluster_id").since(12).tagged(0),
        structure("replica_state", &[int32("replica_id"), int64("replica_epoch")])
            .since(15)
            .tagged(1),
    ],
};

pub(super) static FETCH_RESPONSE: Layout = Layout {
    flexible_from: 12,
    fields: &[
        int32("throttle_time_ms"),
        int16("error_code").since(7),
        int32("session_id").since(7),
        array(
            "responses",
            &[
                string("topic").until(12),
                uuid("topic_id").since(13),
                array(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        int64("high_watermark"),
                        int64("last_stable_offset"),
                        int64("log_start_offset").since(5),
                        array(
                            "aborted_transactions",
                            &[int64("producer_id"), int64("first_offset")],
                        ),
                        int32("preferred_read_replica").since(11),
                        bytes("records"),
                        structure("diverging_epoch", &[int32("epoch"), int64("end_offset")])
                            .since(12)
                            .tagged(0),
                        structure("current_leader", &[int32("leader_id"), int32("leader_epoch")])
                            .since(12)
                            .tagged(1),
                        structure("snapshot_id", &[int64("end_offset"), int32("epoch")])
                            .since(12)
                            .tagged(2),
                    ],
                ),
            ],
        ),
        array("node_endpoints", &[int32("node_id"), string("host"), int32("port"), string("rack")])
            .since(16)
            .tagged(0),
    ],
};

pub(super) static LIST_OFFSETS_REQUEST: Layout = Layout {
    flexible_from: 6,
    fields: &[
        int32("replica_id"),
        int8("isolation_level").since(2),
        array(
            "topics",
            &[
                string("name"),
                array(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int32("current_leader_epoch").since(4),
                        int64("timestamp"),
                    ],
                ),
            ],
        ),
        int32("timeout_ms").since(10),
    ],
};

pub(super) static LIST_OFFSETS_RESPONSE: Layout = Layout {
    flexible_from: 6,
    fields: &[
        int32("throttle_time_ms").since(2),
        array(
            "topics",
            &[
                string("name"),
                array(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int16("error_code"),
                        int64("timestamp"),
                        int64("offset"),
                        int32("leader_epoch").since(4),
                    ],
                ),
            ],
        ),
    ],
};

pub(super) static METADATA_REQUEST: Layout = Layout {
    flexible_from: 9,
    fields: &[
        array("topics", &[uuid("topic_id").since(10), string("name")]),
        boolean("allow_auto_topic_creation").since(4),
        boolean("include_cluster_authorized_operations").since(8).until(10),
        boolean("include_topic_authorized_operations").since(8),
    ],
};

pub(super) static METADATA_RESPONSE: Layout = Layout {
    flexible_from: 9,
    fields: &[
        int32("throttle_time_ms").since(3),
        array(
            "brokers",
            &[int32("node_id"), string("host"), int32("port"), string("rack").since(1)],
        ),
        string("cluster_id").since(2),
        int32("controller_id").since(1),
        array(
            "topics",
            &[
                int16("error_code"),
                string("name"),
                uuid("topic_id").since(10),
                boolean("is_internal").since(1),
                array(
                    "partitions",
                    &[
                        int16("error_code"),
                        int32("partition_index"),
                        int32("leader_id"),
                        int32("leader_epoch").since(7),
                        int32s("replica_nodes"),
                        int32s("isr_nodes"),
                        int32s("offline_replicas").since(5),
                    ],
                ),
                int32("topic_authorized_operations").since(8),
            ],
        ),
        int32("cluster_authorized_operations").since(8).until(10),
        int16("error_code").since(13),
    ],
};

pub(super) static INIT_PRODUCER_ID_REQUEST: Layout = Layout {
    flexible_from: 2,
    fields: &[
        string("transactional_id"),
        int32("transaction_timeout_ms"),
        int64("producer_id").since(3),
        int16("producer_epoch").since(3),
    ],
};

pub(super) static INIT_PRODUCER_ID_RESPONSE: Layout = Layout {
    flexible_from: 2,
    fields: &[
        int32("throttle_time_ms"),
        int16("error_code"),
        int64("producer_id"),
        int16("producer_epoch"),
    ],
};
