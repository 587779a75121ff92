//! The sim language: printed scripts parse back to the same schedule, no text makes the parser panic,
//! and each kind of error is shown at its position.

#[path = "script/strategy.rs"]
mod strategy;

use std::fs;
use std::path::Path;

use groupsim::script::{LoadError, ScriptErrors, load, parse, print};
use groupsim::sim::schedule::{Action, Schedule};
use proptest::prelude::*;

fn without_lines(mut schedule: Schedule) -> Schedule {
    schedule.steps.iter_mut().for_each(|step| step.line = 0);
    schedule
}

fn must_parse(text: &str) -> Schedule {
    parse("test.sim", text).unwrap_or_else(|errors| panic!("{errors}\n\n{text}"))
}

fn must_fail(text: &str) -> ScriptErrors {
    match parse("test.sim", text) {
        Ok(schedule) => panic!("accepted:\n{}", print(&schedule)),
        Err(errors) => errors,
    }
}

/// Parses any text: it is a schedule that prints and parses back, or it has errors that can be shown.
fn check_any(text: &str) {
    match parse("fuzz.sim", text) {
        Ok(schedule) => {
            let printed = print(&schedule);
            assert_eq!(without_lines(must_parse(&printed)), without_lines(schedule));
        }
        Err(errors) => {
            assert!(!errors.errors().is_empty());
            for error in errors.errors() {
                assert!(text.get(error.span.clone()).is_some(), "{error:?} is no part of the text");
            }
            assert!(!errors.to_string().contains('\u{1b}'), "plain text moves no cursor");
            assert!(errors.styled().contains('\u{1b}'));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_printed_schedule_parses_back_to_the_same_schedule(schedule in strategy::schedule()) {
        let text = print(&schedule);
        let read = must_parse(&text);
        prop_assert_eq!(print(&read), text);
        prop_assert_eq!(without_lines(read), schedule);
    }

    #[test]
    fn random_bytes_do_not_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check_any(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn random_characters_do_not_make_the_parser_panic(text in "([a-z0-9=,.#>\\- \t\r\n-]|\\PC|.){0,200}") {
        check_any(&text);
    }

    #[test]
    fn random_words_of_the_language_do_not_make_the_parser_panic(
        lines in prop::collection::vec(prop::collection::vec(strategy::word(), 1..7), 1..12)
    ) {
        let lines: Vec<String> = lines.iter().map(|words| words.join(" ")).collect();
        check_any(&format!("topic orders partitions=4\ngroup g\njoin c1\n{}", lines.join("\n")));
    }

    #[test]
    fn a_typing_mistake_does_not_make_the_parser_panic(
        schedule in strategy::schedule(),
        place in any::<prop::sample::Index>(),
        slip in prop_oneof![Just(String::new()), "\\PC{1,3}", Just(" ".into()), Just("\n".into())],
    ) {
        let mut chars: Vec<char> = print(&schedule).chars().collect();
        let place = place.index(chars.len());
        chars.splice(place..place + 1, slip.chars());
        check_any(&chars.into_iter().collect::<String>());
    }
}

/// The sum of 2^64 - 1 seconds and one more makes humantime 2.4 panic.
#[test]
fn a_duration_that_overflows_is_an_error() {
    check_any("advance 18446744073709551615s1000ms");
    check_any("advance 18446744073709551615s");
    must_fail("advance 584542046090y");
}

#[test]
fn the_canonical_form_leaves_out_defaults() {
    let text = "\
seed 0
network race=0 latency=1ms..5ms   # the default
broker commit=2ms..2ms
group g topics=orders session=0.5m
topic orders rate=120/m partitions=4
at 1000ms join c1
drop c1 heartbeat REQUEST
";
    let errors = must_fail(text);
    assert_eq!(errors.errors().len(), 1, "only APIs are read in any case: {errors}");
    let printed = print(&must_parse(&text.replace("REQUEST", "request nth=1")));
    assert_eq!(
        printed,
        "\
broker commit=2ms
topic orders partitions=4 rate=2/s
group g topics=orders session=30s

at 1s join c1
drop c1 Heartbeat request
"
    );
}

/// Requests that only read or delete can name groups and partitions that do not exist.
#[test]
fn admin_requests_can_name_what_does_not_exist() {
    for line in [
        "describe nope",
        "delete-group nope",
        "delete-offsets nope none-7",
        "remove nope instance=nobody",
        "offsets nope",
        "ask JoinGroup group=nope session=0s type=",
        "commit g none-7=1",
        "expect response groups=nope",
    ] {
        must_parse(&format!("{PREAMBLE}{line}\n"));
    }
}

/// Consumers can share an instance id: this is how one consumer fences another.
#[test]
fn two_running_consumers_can_share_an_instance_id() {
    must_parse(&format!("{PREAMBLE}join c2 instance=i1\njoin c3 instance=i1\n"));
}

#[test]
fn later_steps_know_that_a_topic_has_grown_or_was_deleted() {
    let text = |line: &str| format!("{PREAMBLE}grow orders partitions=8\n{line}\n");
    must_parse(&text("produce orders partition=7"));
    must_parse(&text("delete-topic orders\nexpect committed orders-7=-1\nexpect c1 owns=orders-0"));
    assert_eq!(must_fail(&text("grow orders partitions=8")).errors().len(), 1);
    assert_eq!(must_fail(&text("delete-topic orders\ngrow orders partitions=9")).errors().len(), 1);
}

#[test]
fn steps_know_their_lines() {
    let schedule = must_parse("topic t partitions=1\r\ngroup g\r\n\r\njoin c1\r\n# …\r\nsettle");
    assert_eq!(schedule.steps.iter().map(|step| step.line).collect::<Vec<_>>(), [4, 6]);
}

#[test]
fn an_empty_script_is_an_empty_schedule() {
    assert_eq!(must_parse("# nothing\n\n"), Schedule::default());
    assert_eq!(print(&Schedule::default()), "");
}

/// The last value within a limit is accepted, the next one is not.
#[test]
fn limits_are_exact() {
    let topic = |options: &str| format!("topic orders {options}\ngroup g\njoin c1\n");
    let step = |line: &str| format!("{}{line}\n", topic("partitions=100000"));
    let pairs = [
        (topic("partitions=100000"), topic("partitions=100001")),
        (topic("partitions=1"), topic("partitions=0")),
        (topic("partitions=1 rate=6000000/m"), topic("partitions=1 rate=6000001/m")),
        (topic("partitions=1 rate=100000/s"), topic("partitions=1 rate=100001/s")),
        (step("produce orders count=1000000"), step("produce orders count=1000001")),
        (step("produce orders partition=99999"), step("produce orders partition=100000")),
        (step("skew c1 ppm=-500000"), step("skew c1 ppm=-500001")),
        (step("advance 30d"), step("advance 43201m")),
        (step("advance 1us"), step("advance 0s")),
        (step("slow c1 process=0s"), step("clog c1 b0 by=0s")),
        (step("join c2 version=9"), step("join c2 version=10")),
        (step("join c2 instance=i version=5"), step("join c2 instance=i version=4")),
        ("broker count=100".into(), "broker count=101".into()),
        ("broker offsets-partitions=255".into(), "broker offsets-partitions=256".into()),
        ("broker max-size=2147483647".into(), "broker max-size=2147483648".into()),
        (
            "broker min-session=6s max-session=6s".into(),
            "broker min-session=6s max-session=5s".into(),
        ),
        (step("move g to=b0"), step("move g")),
        (step("commit g any-9=0"), step("commit g any-9=-1")),
        (step("expect response any-9=-1"), step("expect response any-9=-2")),
        (
            topic("partitions=4") + "grow orders partitions=5",
            topic("partitions=4") + "grow orders partitions=4",
        ),
        (step("crash b0\nrestart b0\ncrash b0"), step("crash b0\nquiesce\nrestart b0")),
        (step("join c2 session=6s"), step("join c2 session=5999ms")),
        (step("join c2 session=30m"), step("join c2 session=1801s")),
        (step("join c2 session=6s heartbeat=5999ms"), step("join c2 session=6s heartbeat=6s")),
        (step("at 5s advance 5s\nat 10s settle"), step("at 5s advance 5s\nat 9s settle")),
        (step(&format!("join {}", "x".repeat(100))), step(&format!("join {}", "x".repeat(101)))),
        ("network race=1000".into(), "network race=1001".into()),
        ("network latency=0s..0s".into(), "network latency=1us..0s".into()),
        (format!("seed {}", u64::MAX), "seed 18446744073709551616".into()),
    ];
    for (good, bad) in pairs {
        must_parse(&good);
        assert_eq!(must_fail(&bad).errors().len(), 1, "{bad}");
    }
}

#[test]
fn at_most_ten_thousand_consumers_can_join() {
    let mut text = String::from("topic orders partitions=4\ngroup g\n");
    (0..10_000).for_each(|number| text.push_str(&format!("join c{number}\n")));
    must_parse(&text);
    text.push_str("join last\njoin more\n");
    assert!(must_fail(&text).to_string().contains("at most 10000"));
}

/// Rendering takes linear time, because each error shows only its own line.
#[test]
fn all_errors_of_a_long_script_are_reported() {
    let text = "oops\n".repeat(5_000);
    let errors = must_fail(&text);
    assert_eq!(errors.errors().len(), 5_000);
    assert!(errors.to_string().ends_with("test.sim: 5000 errors"));
}

const PREAMBLE: &str = "topic orders partitions=4\ngroup g\n\njoin c1\n";

/// One invalid script per kind of error. Those that start with a step get the preamble.
const MISTAKES: &[(&str, &str)] = &[
    ("unknown_verb", "jion c2"),
    ("unknown_verb_far_from_any", "explode c1"),
    ("unknown_verb_of_another_case", "Settle"),
    ("option_without_a_verb", "session=10s"),
    ("unknown_option", "join c2 sesion=10s"),
    ("unknown_option_far_from_any", "produce orders color=red"),
    ("option_of_a_verb_without_options", "advance by=10s"),
    ("option_split_by_blanks", "join c2 session = 10s"),
    ("option_without_a_name", "join c2 =10s"),
    ("option_as_an_operand", "clog c1 b0 by 2s"),
    ("missing_value", "join c2 session="),
    ("value_behind_a_blank", "join c2 session= 10s"),
    ("value_of_a_list_is_empty", "join c2 topics=orders,"),
    ("missing_operand", "leave"),
    ("missing_node", "partition c1"),
    ("missing_node_behind_the_arrow", "partition c1 ->"),
    ("missing_option", "clog c1 b0"),
    ("unexpected_operand", "leave c1 now"),
    ("duplicate_option", "join c2 session=10s session=20s"),
    ("duplicate_list_item", "join c2 topics=orders,orders"),
    ("duplicate_topic", "#\ntopic a partitions=1\ntopic a partitions=2"),
    ("duplicate_group", "#\ngroup g\ngroup g"),
    ("duplicate_setting", "#\nseed 1\nseed 2"),
    ("duplicate_in_calm", "quiesce c1 c1"),
    ("duration_without_a_unit", "advance 10"),
    ("duration_of_an_unknown_unit", "advance 10sx"),
    ("duration_of_no_number", "advance soon"),
    ("duration_negative", "advance -10s"),
    ("duration_zero", "advance 0s"),
    ("duration_too_long", "advance 31d"),
    ("duration_too_fine", "advance 1500ns"),
    ("setting_too_fine", "#\ngroup h fetch=999us"),
    ("range_reversed", "#\nnetwork latency=5ms..1ms"),
    ("range_malformed", "#\nnetwork latency=5ms.."),
    ("rate_without_a_unit", "#\ntopic a partitions=1 rate=10"),
    ("rate_too_high", "#\ntopic a partitions=1 rate=100001/s"),
    ("partitions_zero", "#\ntopic a partitions=0"),
    ("partitions_absurd", "#\ntopic a partitions=99999999999999999999"),
    ("partitions_missing", "#\ntopic a"),
    ("count_zero", "produce orders count=0"),
    ("count_malformed", "produce orders count=ten"),
    ("aim_too_high", "#\nnetwork race=1001"),
    ("version_out_of_range", "join c2 version=10"),
    ("ppm_out_of_range", "skew c1 ppm=900000"),
    ("seed_malformed", "#\nseed -1"),
    ("session_out_of_bounds", "join c2 session=5s"),
    ("session_not_longer_than_heartbeat", "join c2 session=10s heartbeat=10s"),
    (
        "session_not_longer_than_inherited_heartbeat",
        "#\ntopic a partitions=1\ngroup g heartbeat=20s\njoin c1 session=10s",
    ),
    ("racks_without_brokers", "#\nbroker count=2 racks=a,b,a"),
    ("sessions_reversed", "#\nbroker min-session=10s max-session=5s"),
    ("session_out_of_the_brokers_bounds", "#\ngroup g session=8s\nbroker min-session=9s"),
    ("brokers_none", "#\nbroker count=0"),
    ("brokers_out_of_range", "#\nbroker count=300\nsettle\ncrash b7\nmove"),
    ("broker_out_of_range", "#\nbroker count=3\npause b3"),
    ("broker_with_another_name", "pause b00"),
    ("broker_crashed_twice", "crash b0\ncrash b0"),
    ("broker_restarted_while_running", "restart b0"),
    ("tail_of_a_consumer", "crash c1 tail=lost"),
    ("tail_unknown", "crash b0 tail=gone"),
    ("move_without_another_broker", "move"),
    ("move_to_a_broker_that_is_down", "#\ngroup g\nbroker count=2\ncrash b1\nmove g to=b1"),
    ("move_to_a_consumer", "move g to=c1"),
    ("move_of_an_unknown_group", "move h to=b0"),
    ("stall_of_an_unknown_group", "stall h"),
    ("refuse_with_an_unknown_error", "refuse g error=NOT_ENOUGH_REPLICA"),
    ("grow_to_fewer", "grow orders partitions=4"),
    ("grow_without_a_number", "grow orders"),
    ("grow_of_an_unknown_topic", "grow order partitions=8"),
    ("produce_to_a_deleted_topic", "delete-topic orders\nproduce orders"),
    ("topic_deleted_twice", "delete-topic orders\ndelete-topic orders"),
    ("instance_of_a_group", "#\ngroup h instance=i1"),
    ("instance_of_an_old_consumer", "join c2 instance=i1 version=4"),
    ("instance_of_an_old_group", "#\ntopic a partitions=1\ngroup g version=3\njoin c1 instance=i1"),
    ("describe_nothing", "describe"),
    ("describe_twice", "describe g g"),
    ("list_on_an_unknown_broker", "list on=b1"),
    ("remove_nobody", "remove g"),
    ("remove_an_unknown_consumer", "remove g member=c9"),
    ("delete_offsets_of_nothing", "delete-offsets g"),
    ("delete_offsets_of_a_topic", "delete-offsets g orders"),
    ("commit_of_an_unknown_group", "commit h orders-0=5"),
    ("commit_without_a_group", "commit orders-0=5"),
    ("commit_without_an_offset", "commit g orders-0"),
    ("commit_of_no_partition", "commit g orders=5"),
    ("txn_commit_without_a_producer", "txn-commit g orders-0=5"),
    ("txn_commit_as_an_unknown_consumer", "txn-commit g orders-0=5 producer=7 as=c9"),
    ("end_txn_without_an_outcome", "end-txn g producer=7"),
    ("end_txn_with_another_outcome", "end-txn g comit producer=7"),
    ("ask_another_api", "ask SyncGroup group=g session=10s"),
    ("ask_without_a_group", "ask JoinGroup session=10s"),
    ("ask_with_a_word_astray", "ask JoinGroup group= g session=10s"),
    ("stable_unknown", "offsets g stable=true"),
    ("version_that_no_request_has", "describe g version=7"),
    ("version_that_names_no_instance", "remove g instance=i1 version=2"),
    ("answer_of_nothing", "expect response"),
    ("answer_with_an_unknown_error", "expect response NON_EMPTY_GRUOP"),
    ("answer_in_the_words_of_a_claim", "expect response state=stable"),
    ("answer_with_an_unknown_option", "expect response stat=Stable"),
    ("coordinator_out_of_range", "expect coordinator b1"),
    ("coordinator_that_is_no_broker", "expect coordinator c1"),
    ("join_by_another_word_of_expect", "join coordinator"),
    ("unknown_consumer", "pause c9"),
    ("unknown_consumer_nearly_known", "join consumer-1\npause consumer-l"),
    ("consumer_that_joins_later", "pause c2\njoin c2"),
    ("restart_of_one_that_never_joined", "restart c2"),
    ("heal_of_an_unknown_node", "heal c2 b0"),
    ("unclog_of_an_unknown_broker", "unclog c1 b1"),
    ("join_while_running", "join c1"),
    ("join_by_the_name_of_a_broker", "join b7"),
    ("join_by_a_word_of_expect", "join stable"),
    ("name_malformed", "join 9lives"),
    (
        "name_too_long",
        "join a123456789_123456789_123456789_123456789_123456789_123456789_123456789_123456789_123456789_123456789_",
    ),
    ("unknown_topic", "produce order"),
    ("unknown_topic_of_a_group", "#\ngroup g topics=orders\ntopic payments partitions=1"),
    ("unknown_topic_of_a_join", "join c2 topics=orders,payments"),
    ("unknown_group", "join c2 group=h"),
    ("no_group", "#\ntopic a partitions=1\njoin c1\njoin c2"),
    ("no_topic", "#\ngroup g\njoin c1\njoin c2"),
    ("partition_out_of_range", "produce orders partition=4"),
    ("partition_out_of_range_in_owns", "expect c1 owns=orders-3,orders-4"),
    ("partition_malformed", "expect committed orders=5"),
    ("link_between_consumers", "join c2\npartition c1 c2"),
    ("link_between_brokers", "partition b0 b0"),
    ("unknown_api", "drop c1 Heartbeet request"),
    ("unknown_side", "drop c1 Heartbeat reply"),
    ("unknown_connection", "reset c1 heartbeat"),
    ("unknown_assignor", "join c2 assignor=stickiest"),
    ("unknown_state", "expect stabel"),
    ("unknown_member_state", "expect c1 stabel"),
    ("expect_nothing", "expect"),
    ("expect_nothing_of_a_consumer", "expect c1"),
    ("claim_without_an_offset", "expect committed orders-0"),
    ("claim_with_a_bad_offset", "expect processed orders-0=-1"),
    ("time_goes_back", "at 10s pause c1\nat 9s resume c1"),
    ("time_goes_back_after_advance", "at 10s pause c1\nadvance 5s\nat 12s resume c1"),
    ("at_without_a_time", "at"),
    ("at_without_a_step", "at 10s"),
    ("at_before_a_setting", "#\nat 10s seed 4"),
    ("setting_after_a_step", "topic late partitions=1"),
    (
        "several_mistakes",
        "#\ntopic a partitions=0 rte=5/s\ngroup g\njoin c1 process=x records=0\nleve c1",
    ),
    ("wide_characters", "produce orders 日本語 # a comment"),
    ("escapes_are_not_passed_on", "\u{1b}[31mjoin c1"),
];

#[test]
fn each_kind_of_error_is_shown_at_its_position() {
    snapshots().bind(|| {
        for (name, script) in MISTAKES {
            let text = match script.starts_with("#\n") {
                true => (*script).to_owned(),
                false => format!("{PREAMBLE}{script}\n"),
            };
            insta::assert_snapshot!(format!("script_error__{name}"), must_fail(&text).to_string());
        }
    });
}

#[test]
fn the_help_page_of_the_language() {
    snapshots().bind(|| insta::assert_snapshot!("language", groupsim::script::language()));
}

#[test]
fn the_error_says_why_a_file_cannot_be_loaded() {
    let folder = std::env::temp_dir().join(format!("groupsim-script-test-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (bad, good) = (folder.join("latin1.sim"), folder.join("good.sim"));
    fs::write(&bad, b"# fine\n# caf\xe9\n").unwrap();
    fs::write(&good, "topic t partitions=1\n").unwrap();

    assert_eq!(load(&good).unwrap().topics.len(), 1);
    let error = load(&bad).unwrap_err();
    assert!(matches!(error, LoadError::NotUtf8 { line: 2, offset: 12, byte: 0xe9, .. }));
    let message = error.to_string();
    assert!(message.contains("0xe9") && message.contains("line 2"), "{message}");
    let error = load(&folder.join("absent.sim")).unwrap_err();
    assert!(error.to_string().contains("absent.sim: "), "{error}");
    assert!(matches!(load(&folder), Err(LoadError::Unreadable { .. })), "a folder is no script");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
#[cfg(unix)]
fn an_endless_file_is_refused() {
    assert!(matches!(load(Path::new("/dev/zero")), Err(LoadError::TooLarge { .. })));
}

/// Each scenario of the project starts with a comment that cites rules, checks something with `expect`,
/// and parses back from its canonical form.
#[test]
fn every_sim_parses_and_cites_the_rules_it_checks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims");
    let paths = sims(&folder);
    assert!(paths.len() >= 100, "only {} sims in {}", paths.len(), folder.display());
    for path in paths {
        let (name, text) = (path.display(), fs::read_to_string(&path).unwrap());
        let found_once = path.starts_with(folder.join("regress"));
        let comment = text.lines().map_while(|line| line.strip_prefix('#'));
        let comment: String = comment.collect();
        assert!(found_once || comment.contains("rules R"), "{name} cites no rules in its head");
        let schedule = load(&path).unwrap_or_else(|error| panic!("{error}"));
        let claims = schedule.steps.iter().any(|step| matches!(step.action, Action::Expect(_)));
        assert!(found_once || claims, "{name} expects nothing");
        let printed = print(&schedule);
        let read = must_parse(&printed);
        assert_eq!(print(&read), printed, "{name}");
        assert_eq!(without_lines(read), without_lines(schedule), "{name}");
    }
}

fn sims(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let each = entries.flat_map(|path| match path.is_dir() {
        true => sims(&path),
        false => vec![path],
    });
    each.filter(|path| path.extension().is_some_and(|extension| extension == "sim")).collect()
}

fn snapshots() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/script");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}
