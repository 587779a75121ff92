use std::time::Duration;

use crate::client::ClientObservation;
use crate::invariant::trace_builder::{TraceBuilder, partition};
use crate::trace::EventKind;

fn trace() -> TraceBuilder {
    let mut trace = TraceBuilder::new("no-loss");
    trace.started(0).generation(1, &["a"]).stable();
    trace
}

fn processed(first: i64, next: i64) -> ClientObservation {
    ClientObservation::Processed { partition: partition("t-0"), first, next }
}

fn positioned(offset: i64, committed: bool) -> ClientObservation {
    ClientObservation::Positioned { partition: partition("t-0"), offset, committed }
}

fn polled(first: i64, count: usize) -> ClientObservation {
    let values = vec![bytes::Bytes::new(); count];
    ClientObservation::Polled { partition: partition("t-0"), first, values }
}

#[test]
fn commits_follow_processing() {
    let mut trace = trace();
    trace.consumer(0, processed(0, 3));
    let first = trace.request_commit("a", 1, &[("t-0", 3)]);
    trace.committed(first, 0).holds();
    let second = trace.request_commit("a", 1, &[("t-0", 4)]);
    trace.committed(second, 22).holds();
    let third = trace.request_commit("a", 1, &[("t-0", 4)]);
    trace.consumer(0, processed(3, 4));
    trace.committed(third, 0).breaks("had processed only records before 3");
}

#[test]
fn a_gap_before_a_commit_breaks() {
    let mut trace = trace();
    trace.consumer(0, processed(0, 1)).consumer(0, processed(2, 3));
    let key = trace.request_commit("a", 1, &[("t-0", 3)]);
    trace.committed(key, 0).breaks("processed only records before 1");
}

#[test]
fn a_fetch_returns_the_last_accepted_commit() {
    let mut trace = trace();
    trace.consumer(0, processed(0, 9));
    let none = trace.request_fetch(&["t-0"]);
    trace.fetched(none, &[("t-0", -1)]).holds();
    let first = trace.request_commit("a", 1, &[("t-0", 3)]);
    trace.committed(first, 0);
    let second = trace.request_commit("a", 1, &[("t-0", 5)]);
    let fetch = trace.request_fetch(&["t-0"]);
    let third = trace.request_commit("a", 1, &[("t-0", 7)]);
    trace.committed(second, 0).committed(third, 0).fetched(fetch, &[("t-0", 5)]).holds();
}

#[test]
fn a_fetch_that_loses_or_anticipates_a_commit_breaks() {
    let returned = |offset| {
        let mut trace = trace();
        trace.consumer(0, processed(0, 9));
        let first = trace.request_commit("a", 1, &[("t-0", 3)]);
        let fetch = trace.request_fetch(&["t-0"]);
        let second = trace.request_commit("a", 1, &[("t-0", 5)]);
        trace.committed(first, 0).committed(second, 0).fetched(fetch, &[("t-0", offset)]);
        trace
    };
    returned(3).holds();
    returned(-1).breaks("OffsetFetch of t-0 returned -1, but the committed offset is one of [3]");
    returned(5).breaks("returned 5");
}

#[test]
fn reading_starts_at_the_fetched_offset_and_goes_on_without_a_gap() {
    let mut trace = trace();
    let fetch = trace.request_fetch(&["t-0"]);
    trace.fetched(fetch, &[("t-0", -1)]).receives_offsets(0, &[("t-0", -1)]);
    trace.consumer(0, positioned(0, false)).consumer(0, polled(0, 2)).consumer(0, polled(2, 1));
    trace.receives_offsets(0, &[("t-0", 3)]).consumer(0, positioned(3, true)).holds();
    trace.consumer(0, polled(4, 1)).breaks("polled t-0 from 4, but its position was 3");
}

#[test]
fn starting_elsewhere_breaks() {
    let fetched = |offset, start| {
        let mut trace = trace();
        let end = EventKind::Appended { partition: partition("t-0"), first: 0, next: 5 };
        trace.broker(end).receives_offsets(0, &[("t-0", offset)]).consumer(0, start);
        trace
    };
    fetched(3, positioned(4, true)).breaks("starts t-0 at 4");
    fetched(3, positioned(0, false)).breaks("OffsetFetch returned 3");
    fetched(9, positioned(0, false)).holds();
    fetched(-1, positioned(0, true)).breaks("OffsetFetch returned -1");
    fetched(-1, positioned(2, false)).breaks("starts t-0 at 2");
    let mut without = trace();
    without.consumer(0, polled(0, 1)).breaks("without a position");
}

#[test]
fn a_revoked_partition_has_no_position() {
    let mut trace = trace();
    trace.receives_offsets(0, &[("t-0", -1)]).consumer(0, positioned(0, false));
    trace.consumer(0, ClientObservation::Revoked { partitions: vec![partition("t-0")] });
    trace.consumer(0, polled(0, 1)).breaks("without a position");
}

#[test]
fn drained_means_everything_was_processed() {
    let drained = |next| {
        let mut trace = trace();
        trace.broker(EventKind::Appended { partition: partition("t-0"), first: 0, next: 4 });
        trace.consumer(0, processed(0, next));
        trace.schedule(EventKind::Drained { took: Duration::ZERO });
        trace
    };
    drained(4).holds();
    drained(3).breaks("processed only records before 3 of t-0, which ends at 4");
}

#[test]
fn a_commit_survives_fail_over_but_a_zombie_may_not_know_it() {
    let mut trace = TraceBuilder::new("no-loss");
    trace.started(0).consumer(0, processed(0, 9)).term_active(0).generation(1, &["a"]).stable();
    trace.elected(1).on(1).term_active(1).load(1, &[("a", "", &["t-0"])]);
    let key = trace.request_commit("a", 1, &[("t-0", 9)]);
    trace.committed(key, 0);
    let key = trace.on(0).request_fetch(&["t-0"]);
    trace.fetched(key, &[("t-0", -1)]).holds();
    let key = trace.on(1).request_fetch(&["t-0"]);
    trace.fetched(key, &[("t-0", -1)]).breaks("OffsetFetch of t-0 returned -1");
}

#[test]
fn a_removed_offset_may_be_gone() {
    let mut trace = TraceBuilder::new("no-loss");
    trace.started(0).consumer(0, processed(0, 9)).generation(1, &["a"]).stable();
    let key = trace.request_commit("a", 1, &[("t-0", 9)]);
    trace.committed(key, 0).offset_removed("t-0");
    let key = trace.request_fetch(&["t-0"]);
    trace.fetched(key, &[("t-0", -1)]).holds();
}

#[test]
fn a_fetch_of_the_newest_state_may_miss_an_offset_before_its_removal_is_observed() {
    let mut trace = TraceBuilder::new("no-loss");
    trace.started(0).consumer(0, processed(0, 9)).generation(1, &["a"]).stable();
    let key = trace.request_commit("a", 1, &[("t-0", 9)]);
    trace.committed(key, 0);
    let key = trace.request_fetch(&["t-0"]);
    trace.offset_removed("t-0").fetched(key, &[("t-0", -1)]).holds();
}

#[test]
fn an_offset_of_a_transaction_counts_when_the_transaction_ends() {
    let fetched = |ends: Option<i64>| {
        let mut trace = trace();
        let key = trace.request_txn_commit(7, "t-0", 5);
        if let Some(producer) = ends {
            trace.end_txn(producer, true);
        }
        let fetch = trace.request_fetch(&["t-0"]);
        trace.txn_committed(key, "t-0", 0).fetched(fetch, &[("t-0", 5)]);
        trace
    };
    fetched(Some(7)).holds();
    fetched(Some(8)).breaks("returned 5, but the committed offset is one of [-1]");
    fetched(None).breaks("returned 5, but the committed offset is one of [-1]");
}

#[test]
fn no_offset_is_stable_while_a_transaction_has_not_ended() {
    let responded = |code: i16| {
        let mut trace = trace();
        let key = trace.request_txn_commit(7, "t-0", 5);
        trace.txn_committed(key, "t-0", code);
        trace
    };
    let mut stored = responded(0);
    let fetch = stored.request_fetch(&["t-0"]);
    stored.fetched(fetch, &[("t-0", -1)]).breaks("a transaction that commits 5 has not ended");
    let mut refused = responded(22);
    let fetch = refused.request_fetch(&["t-0"]);
    refused.fetched(fetch, &[("t-0", -1)]).holds();
    let mut over = responded(0);
    let fetch = over.request_fetch(&["t-0"]);
    over.end_txn(7, false).fetched(fetch, &[("t-0", -1)]).holds();
    let mut expired = responded(0);
    expired.offset_removed("t-0").breaks("expired, but a transaction that commits 5 has not ended");
    let mut removed = responded(0);
    let key = removed.request_delete_offset("t-0");
    let fetch = removed.offset_deleted(key, "t-0", 0).request_fetch(&["t-0"]);
    removed.fetched(fetch, &[("t-0", -1)]).holds();
}

#[test]
fn an_offset_that_a_dynamic_member_reads_does_not_expire() {
    let mut read = TraceBuilder::new("no-loss");
    read.started(0).generation(1, &["a"]);
    let key = read.request_sync("a", 1, &[]);
    read.stable().assigned_in_sync(key, &["t-0"]).offset_removed("t-1").holds();
    read.offset_removed("t-0").breaks("the offset of t-0 expired, which a member is assigned");
    let mut own = TraceBuilder::new("no-loss");
    own.started(0).protocol("own").generation(1, &["a"]);
    let key = own.request_sync("a", 1, &[]);
    own.stable().assigned_in_sync(key, &["t-0"]).offset_removed("t-0").holds();
    let mut away = TraceBuilder::new("no-loss");
    away.started(0).added_static("a", "i").generation(1, &["a"]);
    let key = away.request_sync("a", 1, &[]);
    away.stable().assigned_in_sync(key, &["t-0"]).offset_removed("t-0").holds();
}

#[test]
fn a_committed_transaction_is_found_and_an_aborted_one_is_not() {
    let ended = |commit: bool, code: i16, found: i64| {
        let mut trace = trace();
        let key = trace.request_txn_commit(7, "t-0", 5);
        trace.txn_committed(key, "t-0", 0);
        let end = trace.request_end_txn(7, commit);
        trace.txn_ended(end, 7, code);
        let fetch = trace.request_fetch(&["t-0"]);
        trace.fetched(fetch, &[("t-0", found)]);
        trace
    };
    ended(true, 0, 5).holds();
    ended(true, 0, -1).breaks("returned -1, but the committed offset is one of [5]");
    ended(false, 0, -1).holds();
    ended(false, 0, 5).breaks("returned 5, but the committed offset is one of [-1]");
    ended(true, 6, -1).holds();
    ended(false, 6, 5).holds();
}

#[test]
fn an_end_without_a_response_leaves_the_outcome_open_and_a_later_one_decides() {
    let twice = |first: bool, second: bool, found: i64| {
        let mut trace = trace();
        let key = trace.request_txn_commit(7, "t-0", 5);
        trace.txn_committed(key, "t-0", 0).end_txn(7, first);
        let end = trace.request_end_txn(7, second);
        let next = trace.request_txn_commit(7, "t-0", 8);
        trace.txn_committed(next, "t-0", 0).txn_ended(end, 7, 0);
        let end = trace.request_end_txn(7, false);
        trace.txn_ended(end, 7, 0);
        let fetch = trace.request_fetch(&["t-0"]);
        trace.fetched(fetch, &[("t-0", found)]);
        trace
    };
    twice(true, true, 5).holds();
    twice(true, true, -1).breaks("the committed offset is one of [5]");
    twice(false, false, 5).breaks("the committed offset is one of [-1]");
    twice(true, false, 5).holds();
    twice(false, true, -1).holds();
    twice(true, false, 8).breaks("returned 8");
}

#[test]
fn neither_a_zombie_nor_a_refused_deletion_ends_a_transaction() {
    let stored = || {
        let mut trace = trace();
        trace.term_active(0);
        let key = trace.request_txn_commit(7, "t-0", 5);
        trace.txn_committed(key, "t-0", 0);
        trace
    };
    let mut refused = stored();
    let key = refused.request_delete_group();
    let early = refused.request_fetch(&["t-0"]);
    refused.fetched(early, &[("t-0", -1)]).holds();
    let fetch = refused.group_deleted(key, 68).request_fetch(&["t-0"]);
    refused.fetched(fetch, &[("t-0", -1)]).breaks("a transaction that commits 5 has not ended");
    let mut deleted = stored();
    let key = deleted.request_delete_group();
    let fetch = deleted.group_deleted(key, 0).request_fetch(&["t-0"]);
    deleted.fetched(fetch, &[("t-0", -1)]).holds();
    let mut zombie = stored();
    zombie.elected(1).on(1).term_active(1).load(1, &[("a", "", &["t-0"])]).on(0).group_removed();
    zombie.request_delete_group();
    zombie.end_txn(7, true);
    let fetch = zombie.on(1).request_fetch(&["t-0"]);
    zombie.fetched(fetch, &[("t-0", -1)]).breaks("a transaction that commits 5 has not ended");
}

#[test]
fn an_offset_may_be_gone_if_the_uncommitted_end_of_the_log_removes_it() {
    let loaded = |records: u64| {
        let mut trace = TraceBuilder::new("no-loss");
        trace.started(0).consumer(0, processed(0, 9)).term_active(0).generation(1, &["a"]).stable();
        let key = trace.request_commit("a", 1, &[("t-0", 9)]);
        trace.committed(key, 0).elected(1).on(1).term_active(1);
        if records > 0 {
            trace.uncommitted(1, records);
        }
        trace.load_offsets(1, &[("a", "", &["t-0"])], &[("t-0", 9)]);
        let key = trace.request_fetch(&["t-0"]);
        trace.uncommitted(1, 0).fetched(key, &[("t-0", -1)]);
        trace
    };
    loaded(1).holds();
    loaded(0).breaks("OffsetFetch of t-0 returned -1");
}

#[test]
fn a_deleted_offset_is_gone_once_the_deletion_is_acknowledged() {
    let deleted = |code: Option<i16>, found: i64| {
        let mut trace = TraceBuilder::new("no-loss");
        trace.started(0).consumer(0, processed(0, 9)).term_active(0);
        let key = trace.request_commit("", -1, &[("t-0", 9)]);
        let delete = trace.committed(key, 0).request_delete_offset("t-0");
        if let Some(code) = code {
            trace.offset_deleted(delete, "t-0", code);
        }
        let key = trace.request_fetch(&["t-0"]);
        trace.fetched(key, &[("t-0", found)]);
        trace
    };
    deleted(Some(0), -1).holds();
    deleted(Some(0), 9).breaks("returned 9, but the committed offset is one of [-1]");
    deleted(Some(86), -1).breaks("returned -1, but the committed offset is one of [9]");
    deleted(Some(15), -1).holds();
    deleted(None, 9).holds();
}

#[test]
fn offsets_do_not_expire_before_their_time() {
    let mut early = TraceBuilder::new("no-loss");
    let key = early.request_commit("", -1, &[("t-0", 0)]);
    early.committed(key, 0).at(1_000).offset_removed("t-0").breaks("but it may not before");
    let mut late = TraceBuilder::new("no-loss");
    let key = late.request_commit("", -1, &[("t-0", 0)]);
    late.committed(key, 0).at(8 * 24 * 3_600_000).offset_removed("t-0").holds();
}
