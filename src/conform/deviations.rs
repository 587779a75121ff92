//! The table of intended differences between the responses of this crate's brokers and those of
//! Kafka 4.4.0.
//!
//! An entry names a line of a script, Kafka's response and the response of this crate. It permits
//! nothing else. When the difference no longer exists the entry is stale, and the tests fail.

/// Responses of one script that differ on purpose, for one reason.
#[derive(Debug)]
pub struct Deviation {
    /// The script's name.
    pub script: &'static str,
    /// The rule that requires it.
    pub rule: &'static str,
    /// The reason.
    pub why: &'static str,
    /// The responses that differ.
    pub answers: &'static [Deviating],
}

/// A response that differs on purpose.
#[derive(Debug)]
pub struct Deviating {
    /// The line of the script that awaits the response.
    pub line: u32,
    /// The name of the connection.
    pub conn: &'static str,
    /// Kafka's response.
    pub kafka: &'static str,
    /// The response of this crate.
    pub here: &'static str,
}

const fn at(line: u32, conn: &'static str, kafka: &'static str, here: &'static str) -> Deviating {
    Deviating { line, conn, kafka, here }
}

const NO_RESPONSE: &str = "(no answer)";
const CLOSED: &str = "(closed by the broker)";

/// Every deviation.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        script: "duplicate_join_parked",
        rule: "R3.5",
        why: "the older of two parked JoinGroups of one member gets a response; Kafka drops it (KAFKA-20938)",
        answers: &[at(
            13,
            "b",
            NO_RESPONSE,
            r#"JoinGroup NOT_COORDINATOR gen=-1 type="-" protocol="-" leader=- me=b.1 skip=false members=[]"#,
        )],
    },
    Deviation {
        script: "parked_sync_twice",
        rule: "R3.5",
        why: "the older of two parked SyncGroups of one member gets a response; Kafka drops it",
        answers: &[at(
            30,
            "b",
            NO_RESPONSE,
            r#"SyncGroup NOT_COORDINATOR type="-" protocol="-" assignment=empty"#,
        )],
    },
    Deviation {
        script: "leave_in_completing",
        rule: "R6.4.7",
        why: "the parked SyncGroup of a member that leaves gets a response; Kafka drops it",
        answers: &[at(
            27,
            "b",
            NO_RESPONSE,
            r#"SyncGroup UNKNOWN_MEMBER_ID type="-" protocol="-" assignment=empty"#,
        )],
    },
    Deviation {
        script: "join_duplicate_protocols",
        rule: "R15.22",
        why: "if a JoinGroup lists an assignor twice, the first entry counts; in Kafka the group hangs",
        answers: &[
            at(
                5,
                "a",
                NO_RESPONSE,
                r#"JoinGroup NONE gen=1 type="consumer" protocol="range" leader=a.1 me=a.1 id="a-*" skip=false members=[a.1(null)=13]"#,
            ),
            at(
                7,
                "x",
                r#"DescribeGroups NONE state=PreparingRebalance type="consumer" protocol="" members=[a.1=empty]"#,
                r#"DescribeGroups NONE state=CompletingRebalance type="consumer" protocol="" members=[a.1=empty]"#,
            ),
            at(
                9,
                "b",
                r#"JoinGroup INCONSISTENT_GROUP_PROTOCOL gen=-1 type="-" protocol="" leader=- me=- skip=false members=[]"#,
                r#"JoinGroup NONE gen=2 type="-" protocol="range" leader=b.1 me=b.1 skip=false members=[b.1]"#,
            ),
            at(
                11,
                "x",
                r#"DescribeGroups NONE state=PreparingRebalance type="consumer" protocol="" members=[a.1=empty]"#,
                r#"DescribeGroups NONE state=CompletingRebalance type="consumer" protocol="" members=[b.1=empty]"#,
            ),
        ],
    },
    Deviation {
        script: "offsets_v10_topic_ids",
        rule: "R15.4",
        why: "OffsetCommit 10 and OffsetFetch 10 name topics by their ids (KIP-848)",
        answers: &[
            at(
                3,
                "a",
                "Raw 00000000020000000000000000000000000000000002000000000064000000",
                CLOSED,
            ),
            at(
                5,
                "b",
                "Raw 0000000002026702000000000000000000000000000000000200000000ffffffffffffffffffffffff010064000000000000",
                CLOSED,
            ),
        ],
    },
    Deviation {
        script: "api_versions",
        rule: "R15.24",
        why: "the codec lacks the newest versions of some APIs, and there is no transaction coordinator",
        answers: &[
            at(3, "a", KAFKAS, SERVED),
            at(5, "a", KAFKAS, SERVED),
            at(7, "a", KAFKAS, SERVED),
            at(9, "a", KAFKAS, SERVED),
            at(11, "a", KAFKAS, SERVED),
            at(19, "e", "Raw 2300000001001200000005", "Raw 2300000001001200000004"),
            at(21, "e", KAFKAS, SERVED),
        ],
    },
    Deviation {
        script: "txn_with_coordinator",
        rule: "R15.25",
        why: "there is no transaction coordinator",
        answers: &[
            at(3, "f", SOME_NODE, NO_NODE),
            at(6, "f", SOME_NODE, NO_NODE),
            at(
                8,
                "t",
                "InitProducerId NONE epoch=0",
                "InitProducerId TRANSACTIONAL_ID_AUTHORIZATION_FAILED epoch=-1",
            ),
            at(10, "t", "AddOffsetsToTxn NONE", CLOSED),
            at(22, "t", "EndTxn NONE", CLOSED),
            at(25, "x", FIVE, UNSTABLE),
            at(27, "t", "AddOffsetsToTxn NONE", CLOSED),
            at(33, "t", "EndTxn NONE", CLOSED),
            at(36, "x", FIVE, UNSTABLE),
        ],
    },
];

const KAFKAS: &str = "ApiVersions NONE OffsetCommit:2-10 OffsetFetch:1-10 FindCoordinator:0-6 \
    JoinGroup:0-9 Heartbeat:0-4 LeaveGroup:0-5 SyncGroup:0-5 DescribeGroups:0-6 ListGroups:0-5 \
    ApiVersions:0-5 InitProducerId:0-5 EndTxn:0-5 WriteTxnMarkers:1-2 TxnOffsetCommit:0-6 \
    DeleteGroups:0-3 OffsetDelete:0-0";
const SERVED: &str = "ApiVersions NONE OffsetCommit:2-9 OffsetFetch:1-9 FindCoordinator:0-6 \
    JoinGroup:0-9 Heartbeat:0-4 LeaveGroup:0-5 SyncGroup:0-5 DescribeGroups:0-6 ListGroups:0-5 \
    ApiVersions:0-4 InitProducerId:0-5 WriteTxnMarkers:1-1 TxnOffsetCommit:0-5 DeleteGroups:0-2 \
    OffsetDelete:0-0";

const SOME_NODE: &str = r#"FindCoordinator %=NONE/""/node=some"#;
const NO_NODE: &str = r#"FindCoordinator %=TRANSACTIONAL_ID_AUTHORIZATION_FAILED/""/node=none"#;
const FIVE: &str = r#"OffsetFetch NONE[t:0=NONE:5/-1/""]"#;
/// Without EndTxn the offset stays pending.
const UNSTABLE: &str = r#"OffsetFetch NONE[t:0=UNSTABLE_OFFSET_COMMIT:-1/-1/""]"#;

/// Scripts of features that this crate does not serve, with the rule and the reason.
pub const NOT_SERVED: &[(&str, &str, &str)] = &[
    ("k_classic_requests_to_consumer_group", "R15.2", KIP_848),
    ("k_epoch_fencing", "R15.2", KIP_848),
    ("k_offsets", "R15.2", KIP_848),
    ("k_range_assignor", "R15.2", KIP_848),
    ("k_static", "R15.2", KIP_848),
    ("k_two_members", "R15.2", KIP_848),
    ("k_validation", "R15.2", KIP_848),
];

const KIP_848: &str = "the consumer group protocol (KIP-848) is not served";
