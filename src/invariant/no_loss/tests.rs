use std::time::Duration;

use crate::consumer::Observation;
use crate::invariant::story::{Story, partition};
use crate::trace::Kind;

fn story() -> Story {
    let mut story = Story::new("no-loss");
    story.started(0).generation(1, &["a"]).stable();
    story
}

fn processed(first: i64, next: i64) -> Observation {
    Observation::Processed { partition: partition("t-0"), first, next }
}

fn positioned(offset: i64, committed: bool) -> Observation {
    Observation::Positioned { partition: partition("t-0"), offset, committed }
}

fn polled(first: i64, count: usize) -> Observation {
    let values = vec![bytes::Bytes::new(); count];
    Observation::Polled { partition: partition("t-0"), first, values }
}

#[test]
fn commits_follow_processing() {
    let mut story = story();
    story.consumer(0, processed(0, 3));
    let first = story.ask_commit("a", 1, &[("t-0", 3)]);
    story.committed(first, 0).holds();
    let second = story.ask_commit("a", 1, &[("t-0", 4)]);
    story.committed(second, 22).holds();
    let third = story.ask_commit("a", 1, &[("t-0", 4)]);
    story.consumer(0, processed(3, 4));
    story.committed(third, 0).breaks("only records before 3 had been processed");
}

#[test]
fn a_gap_before_a_commit_breaks() {
    let mut story = story();
    story.consumer(0, processed(0, 1)).consumer(0, processed(2, 3));
    let key = story.ask_commit("a", 1, &[("t-0", 3)]);
    story.committed(key, 0).breaks("only records before 1");
}

#[test]
fn a_fetch_answers_the_last_accepted_commit() {
    let mut story = story();
    story.consumer(0, processed(0, 9));
    let none = story.ask_fetch(&["t-0"]);
    story.fetched(none, &[("t-0", -1)]).holds();
    let first = story.ask_commit("a", 1, &[("t-0", 3)]);
    story.committed(first, 0);
    let second = story.ask_commit("a", 1, &[("t-0", 5)]);
    let fetch = story.ask_fetch(&["t-0"]);
    let third = story.ask_commit("a", 1, &[("t-0", 7)]);
    story.committed(second, 0).committed(third, 0).fetched(fetch, &[("t-0", 5)]).holds();
}

#[test]
fn a_fetch_that_forgets_or_foresees_breaks() {
    let answered = |offset| {
        let mut story = story();
        story.consumer(0, processed(0, 9));
        let first = story.ask_commit("a", 1, &[("t-0", 3)]);
        let fetch = story.ask_fetch(&["t-0"]);
        let second = story.ask_commit("a", 1, &[("t-0", 5)]);
        story.committed(first, 0).committed(second, 0).fetched(fetch, &[("t-0", offset)]);
        story
    };
    answered(3).holds();
    answered(-1).breaks("OffsetFetch of t-0 answered -1, but committed was [3]");
    answered(5).breaks("answered 5");
}

#[test]
fn reading_starts_where_it_was_told_and_goes_on_without_a_gap() {
    let mut story = story();
    let fetch = story.ask_fetch(&["t-0"]);
    story.fetched(fetch, &[("t-0", -1)]).heard(0, &[("t-0", -1)]);
    story.consumer(0, positioned(0, false)).consumer(0, polled(0, 2)).consumer(0, polled(2, 1));
    story.heard(0, &[("t-0", 3)]).consumer(0, positioned(3, true)).holds();
    story.consumer(0, polled(4, 1)).breaks("polled t-0 from 4, but was at 3");
}

#[test]
fn starting_elsewhere_breaks() {
    let told = |offset, start| {
        let mut story = story();
        let end = Kind::Appended { partition: partition("t-0"), first: 0, next: 5 };
        story.broker(end).heard(0, &[("t-0", offset)]).consumer(0, start);
        story
    };
    told(3, positioned(4, true)).breaks("starts t-0 at 4");
    told(3, positioned(0, false)).breaks("was told 3");
    told(9, positioned(0, false)).holds();
    told(-1, positioned(0, true)).breaks("was told -1");
    told(-1, positioned(2, false)).breaks("starts t-0 at 2");
    let mut untold = story();
    untold.consumer(0, polled(0, 1)).breaks("without a position");
}

#[test]
fn a_revoked_partition_has_no_position() {
    let mut story = story();
    story.heard(0, &[("t-0", -1)]).consumer(0, positioned(0, false));
    story.consumer(0, Observation::Revoked { partitions: vec![partition("t-0")] });
    story.consumer(0, polled(0, 1)).breaks("without a position");
}

#[test]
fn drained_means_everything_was_processed() {
    let drained = |next| {
        let mut story = story();
        story.broker(Kind::Appended { partition: partition("t-0"), first: 0, next: 4 });
        story.consumer(0, processed(0, next));
        story.schedule(Kind::Drained { took: Duration::ZERO });
        story
    };
    drained(4).holds();
    drained(3).breaks("only records before 3 were processed, of 4");
}

#[test]
fn a_commit_survives_fail_over_but_a_zombie_may_not_know_it() {
    let mut story = Story::new("no-loss");
    story.started(0).consumer(0, processed(0, 9)).shard_active(0).generation(1, &["a"]).stable();
    story.elected(1).on(1).shard_active(1).load(1, &[("a", "", &["t-0"])]);
    let key = story.ask_commit("a", 1, &[("t-0", 9)]);
    story.committed(key, 0);
    let key = story.on(0).ask_fetch(&["t-0"]);
    story.fetched(key, &[("t-0", -1)]).holds();
    let key = story.on(1).ask_fetch(&["t-0"]);
    story.fetched(key, &[("t-0", -1)]).breaks("OffsetFetch of t-0 answered -1");
}

#[test]
fn a_removed_offset_may_be_gone() {
    let mut story = Story::new("no-loss");
    story.started(0).consumer(0, processed(0, 9)).generation(1, &["a"]).stable();
    let key = story.ask_commit("a", 1, &[("t-0", 9)]);
    story.committed(key, 0).offset_removed("t-0");
    let key = story.ask_fetch(&["t-0"]);
    story.fetched(key, &[("t-0", -1)]).holds();
}

#[test]
fn who_reads_what_is_newest_may_find_it_gone_before_that_is_seen() {
    let mut story = Story::new("no-loss");
    story.started(0).consumer(0, processed(0, 9)).generation(1, &["a"]).stable();
    let key = story.ask_commit("a", 1, &[("t-0", 9)]);
    story.committed(key, 0);
    let key = story.ask_fetch(&["t-0"]);
    story.offset_removed("t-0").fetched(key, &[("t-0", -1)]).holds();
}

#[test]
fn an_offset_of_a_transaction_counts_when_the_transaction_ends() {
    let told = |ends: Option<i64>| {
        let mut story = story();
        let key = story.ask_txn_commit(7, "t-0", 5);
        if let Some(producer) = ends {
            story.end_txn(producer, true);
        }
        let fetch = story.ask_fetch(&["t-0"]);
        story.txn_committed(key, "t-0", 0).fetched(fetch, &[("t-0", 5)]);
        story
    };
    told(Some(7)).holds();
    told(Some(8)).breaks("answered 5, but committed was [-1]");
    told(None).breaks("answered 5, but committed was [-1]");
}

#[test]
fn nothing_is_stable_while_a_transaction_is_not_over() {
    let answered = |code: i16| {
        let mut story = story();
        let key = story.ask_txn_commit(7, "t-0", 5);
        story.txn_committed(key, "t-0", code);
        story
    };
    let mut stored = answered(0);
    let fetch = stored.ask_fetch(&["t-0"]);
    stored.fetched(fetch, &[("t-0", -1)]).breaks("a transaction that commits 5 is not over");
    let mut refused = answered(22);
    let fetch = refused.ask_fetch(&["t-0"]);
    refused.fetched(fetch, &[("t-0", -1)]).holds();
    let mut over = answered(0);
    let fetch = over.ask_fetch(&["t-0"]);
    over.end_txn(7, false).fetched(fetch, &[("t-0", -1)]).holds();
    let mut expired = answered(0);
    expired.offset_removed("t-0").breaks("expired, but a transaction that commits 5 is not over");
    let mut removed = answered(0);
    let key = removed.ask_delete_offset("t-0");
    let fetch = removed.offset_deleted(key, "t-0", 0).ask_fetch(&["t-0"]);
    removed.fetched(fetch, &[("t-0", -1)]).holds();
}

#[test]
fn what_a_dynamic_member_reads_does_not_expire() {
    let mut read = Story::new("no-loss");
    read.started(0).generation(1, &["a"]);
    let key = read.ask_sync("a", 1, &[]);
    read.stable().told(key, &["t-0"]).offset_removed("t-1").holds();
    read.offset_removed("t-0").breaks("the offset of t-0 expired, which is read");
    let mut own = Story::new("no-loss");
    own.started(0).protocol("own").generation(1, &["a"]);
    let key = own.ask_sync("a", 1, &[]);
    own.stable().told(key, &["t-0"]).offset_removed("t-0").holds();
    let mut away = Story::new("no-loss");
    away.started(0).added_static("a", "i").generation(1, &["a"]);
    let key = away.ask_sync("a", 1, &[]);
    away.stable().told(key, &["t-0"]).offset_removed("t-0").holds();
}

#[test]
fn a_transaction_that_has_committed_is_found_and_one_that_was_aborted_is_not() {
    let ended = |commit: bool, code: i16, found: i64| {
        let mut story = story();
        let key = story.ask_txn_commit(7, "t-0", 5);
        story.txn_committed(key, "t-0", 0);
        let end = story.ask_end_txn(7, commit);
        story.txn_ended(end, 7, code);
        let fetch = story.ask_fetch(&["t-0"]);
        story.fetched(fetch, &[("t-0", found)]);
        story
    };
    ended(true, 0, 5).holds();
    ended(true, 0, -1).breaks("answered -1, but committed was [5]");
    ended(false, 0, -1).holds();
    ended(false, 0, 5).breaks("answered 5, but committed was [-1]");
    ended(true, 6, -1).holds();
    ended(false, 6, 5).holds();
}

#[test]
fn an_end_that_was_not_answered_leaves_it_open_and_a_later_one_decides() {
    let twice = |first: bool, second: bool, found: i64| {
        let mut story = story();
        let key = story.ask_txn_commit(7, "t-0", 5);
        story.txn_committed(key, "t-0", 0).end_txn(7, first);
        let end = story.ask_end_txn(7, second);
        let next = story.ask_txn_commit(7, "t-0", 8);
        story.txn_committed(next, "t-0", 0).txn_ended(end, 7, 0);
        let end = story.ask_end_txn(7, false);
        story.txn_ended(end, 7, 0);
        let fetch = story.ask_fetch(&["t-0"]);
        story.fetched(fetch, &[("t-0", found)]);
        story
    };
    twice(true, true, 5).holds();
    twice(true, true, -1).breaks("committed was [5]");
    twice(false, false, 5).breaks("committed was [-1]");
    twice(true, false, 5).holds();
    twice(false, true, -1).holds();
    twice(true, false, 8).breaks("answered 8");
}

#[test]
fn neither_a_zombie_nor_a_refused_deletion_ends_a_transaction() {
    let stored = || {
        let mut story = story();
        story.shard_active(0);
        let key = story.ask_txn_commit(7, "t-0", 5);
        story.txn_committed(key, "t-0", 0);
        story
    };
    let mut refused = stored();
    let key = refused.ask_delete_group();
    let early = refused.ask_fetch(&["t-0"]);
    refused.fetched(early, &[("t-0", -1)]).holds();
    let fetch = refused.group_deleted(key, 68).ask_fetch(&["t-0"]);
    refused.fetched(fetch, &[("t-0", -1)]).breaks("a transaction that commits 5 is not over");
    let mut deleted = stored();
    let key = deleted.ask_delete_group();
    let fetch = deleted.group_deleted(key, 0).ask_fetch(&["t-0"]);
    deleted.fetched(fetch, &[("t-0", -1)]).holds();
    let mut zombie = stored();
    zombie.elected(1).on(1).shard_active(1).load(1, &[("a", "", &["t-0"])]).on(0).group_removed();
    zombie.ask_delete_group();
    zombie.end_txn(7, true);
    let fetch = zombie.on(1).ask_fetch(&["t-0"]);
    zombie.fetched(fetch, &[("t-0", -1)]).breaks("a transaction that commits 5 is not over");
}

#[test]
fn what_the_uncommitted_end_of_a_log_removes_may_be_gone() {
    let loaded = |records: u64| {
        let mut story = Story::new("no-loss");
        story
            .started(0)
            .consumer(0, processed(0, 9))
            .shard_active(0)
            .generation(1, &["a"])
            .stable();
        let key = story.ask_commit("a", 1, &[("t-0", 9)]);
        story.committed(key, 0).elected(1).on(1).shard_active(1);
        if records > 0 {
            story.uncommitted(1, records);
        }
        story.load_offsets(1, &[("a", "", &["t-0"])], &[("t-0", 9)]);
        let key = story.ask_fetch(&["t-0"]);
        story.uncommitted(1, 0).fetched(key, &[("t-0", -1)]);
        story
    };
    loaded(1).holds();
    loaded(0).breaks("OffsetFetch of t-0 answered -1");
}

#[test]
fn a_deleted_offset_is_gone_when_that_is_answered() {
    let deleted = |code: Option<i16>, found: i64| {
        let mut story = Story::new("no-loss");
        story.started(0).consumer(0, processed(0, 9)).shard_active(0);
        let key = story.ask_commit("", -1, &[("t-0", 9)]);
        let delete = story.committed(key, 0).ask_delete_offset("t-0");
        if let Some(code) = code {
            story.offset_deleted(delete, "t-0", code);
        }
        let key = story.ask_fetch(&["t-0"]);
        story.fetched(key, &[("t-0", found)]);
        story
    };
    deleted(Some(0), -1).holds();
    deleted(Some(0), 9).breaks("answered 9, but committed was [-1]");
    deleted(Some(86), -1).breaks("answered -1, but committed was [9]");
    deleted(Some(15), -1).holds();
    deleted(None, 9).holds();
}

#[test]
fn offsets_do_not_expire_before_their_time() {
    let mut early = Story::new("no-loss");
    let key = early.ask_commit("", -1, &[("t-0", 0)]);
    early.committed(key, 0).at(1_000).offset_removed("t-0").breaks("but not before");
    let mut late = Story::new("no-loss");
    let key = late.ask_commit("", -1, &[("t-0", 0)]);
    late.committed(key, 0).at(8 * 24 * 3_600_000).offset_removed("t-0").holds();
}
