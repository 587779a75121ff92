//! Layouts for offsets: committed, fetched, deleted, and committed in a transaction.

use super::{Layout, NEVER, array, boolean, int16, int32, int32s, int64, string};

pub(super) static OFFSET_COMMIT_REQUEST: Layout = Layout {
    flexible_from: 8,
    fields: &[
        string("group_id"),
        int32("generation_id_or_member_epoch"),
        string("member_id"),
        string("group_instance_id").since(7),
        int64("retention_time_ms").until(4),
        array(
            "topics",
            &[
                string("name"),
                array(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int64("committed_offset"),
                        int32("committed_leader_epoch").since(6),
                        string("committed_metadata"),
                    ],
                ),
            ],
        ),
    ],
};

pub(super) static OFFSET_COMMIT_RESPONSE: Layout = Layout {
    flexible_from: 8,
    fields: &[
        int32("throttle_time_ms").since(3),
        array(
            "topics",
            &[
                string("name"),
                array("partitions", &[int32("partition_index"), int16("error_code")]),
            ],
        ),
    ],
};

pub(super) static OFFSET_FETCH_REQUEST: Layout = Layout {
    flexible_from: 6,
    fields: &[
        string("group_id").until(7),
        array("topics", &[string("name"), int32s("partition_indexes")]).until(7),
        array(
            "groups",
            &[
                string("group_id"),
                string("member_id").since(9),
                int32("member_epoch").since(9),
                array("topics", &[string("name"), int32s("partition_indexes")]),
            ],
        )
        .since(8),
        boolean("require_stable").since(7),
    ],
};

pub(super) static OFFSET_FETCH_RESPONSE: Layout = Layout {
    flexible_from: 6,
    fields: &[
        int32("throttle_time_ms").since(3),
        array(
            "topics",
            &[
                string("name"),
                array(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int64("committed_offset"),
                        int32("committed_leader_epoch").since(5),
                        string("metadata"),
                        int16("error_code"),
                    ],
                ),
            ],
        )
        .until(7),
        int16("error_code").since(2).until(7),
        array(
            "groups",
            &[
                string("group_id"),
                array(
                    "topics",
                    &[
                        string("name"),
                        array(
                            "partitions",
                            &[
                                int32("partition_index"),
                                int64("committed_offset"),
                                int32("committed_leader_epoch"),
                                string("metadata"),
                                int16("error_code"),
                            ],
                        ),
                    ],
                ),
                int16("error_code"),
            ],
        )
        .since(8),
    ],
};

pub(super) static OFFSET_DELETE_REQUEST: Layout = Layout {
    flexible_from: NEVER,
    fields: &[
        string("group_id"),
        array("topics", &[string("name"), array("partitions", &[int32("partition_index")])]),
    ],
};

pub(super) static OFFSET_DELETE_RESPONSE: Layout = Layout {
    flexible_from: NEVER,
    fields: &[
        int16("error_code"),
        int32("throttle_time_ms"),
        array(
            "topics",
            &[
                string("name"),
                array("partitions", &[int32("partition_index"), int16("error_code")]),
            ],
        ),
    ],
};

pub(super) static TXN_OFFSET_COMMIT_REQUEST: Layout = Layout {
    flexible_from: 3,
    fields: &[
        string("transactional_id"),
        string("group_id"),
        int64("producer_id"),
        int16("producer_epoch"),
        int32("generation_id").since(3),
        string("member_id").since(3),
        string("group_instance_id").since(3),
        array(
            "topics",
            &[
                string("name"),
                array(
                    "partitions",
                    &[
                        int32("partition_index"),
                        int64("committed_offset"),
                        int32("committed_leader_epoch").since(2),
                        string("committed_metadata"),
                    ],
                ),
            ],
        ),
    ],
};

pub(super) static TXN_OFFSET_COMMIT_RESPONSE: Layout = Layout {
    flexible_from: 3,
    fields: &[
        int32("throttle_time_ms"),
        array(
            "topics",
            &[
                string("name"),
                array("partitions", &[int32("partition_index"), int16("error_code")]),
            ],
        ),
    ],
};

pub(super) static WRITE_TXN_MARKERS_REQUEST: Layout = Layout {
    flexible_from: 1,
    fields: &[array(
        "markers",
        &[
            int64("producer_id"),
            int16("producer_epoch"),
            boolean("transaction_result"),
            array("topics", &[string("name"), int32s("partition_indexes")]),
            int32("coordinator_epoch"),
        ],
    )],
};

pub(super) static WRITE_TXN_MARKERS_RESPONSE: Layout = Layout {
    flexible_from: 1,
    fields: &[array(
        "markers",
        &[
            int64("producer_id"),
            array(
                "topics",
                &[
                    string("name"),
                    array("partitions", &[int32("partition_index"), int16("error_code")]),
                ],
            ),
        ],
    )],
};
