use crate::coordinator::GroupState::*;
use crate::invariant::story::{Story, join_answer};

/// Generation 2 was told to a; t-0 is committed at 5, then b0 is succeeded.
fn story() -> Story {
    let mut story = Story::new("durable");
    story.shard_active(0).generation(2, &["a", "b"]);
    let key = story.ask_sync("a", 2, &[("a", &["t-0"]), ("b", &["t-1"])]);
    story.stable().told(key, &["t-0"]);
    let key = story.ask_commit("a", 2, &[("t-0", 5)]);
    story.committed(key, 0);
    story
}

fn succeeded() -> Story {
    let mut story = story();
    story.elected(1).on(1).shard_active(1);
    story
}

const BOTH: &[(&str, &str, &[&str])] = &[("a", "", &["t-0"]), ("b", "", &["t-1"])];

#[test]
fn what_was_told_is_loaded() {
    succeeded().load_offsets(2, BOTH, &[("t-0", 5)]).holds();
    succeeded().load_offsets(3, &[], &[("t-0", 5)]).holds();
}

#[test]
fn a_generation_that_was_told_is_not_forgotten() {
    succeeded().load_offsets(1, BOTH, &[("t-0", 5)]).breaks("generation 2 was told, but 1 is");
    let other: &[(&str, &str, &[&str])] = &[("a", "", &["t-1"]), ("b", "", &[])];
    succeeded().load_offsets(2, other, &[("t-0", 5)]).breaks("a is loaded with another");
    let gone: &[(&str, &str, &[&str])] = &[("b", "", &["t-1"])];
    succeeded().load_offsets(2, gone, &[("t-0", 5)]).breaks("a was told 2, but is not loaded");
}

/// The leader hands in a second plan before the record of the first is durable; members are told the first.
fn planned_twice(second: &[(&str, &[&str])]) -> Story {
    let mut story = Story::new("durable");
    story.shard_active(0).generation(2, &["a", "b"]);
    let a = story.ask_sync("a", 2, &[("a", &["t-0"]), ("b", &["t-1"])]);
    let b = story.ask_sync("b", 2, &[]);
    story.ask_sync("a", 2, second);
    story.stable().told(a, &["t-0"]).told(b, &["t-1"]);
    story
}

/// R11.12.
#[test]
fn of_two_plans_the_log_has_either() {
    let loaded = |a: &[&str], b: &[&str]| {
        let mut story = planned_twice(&[("a", &["t-1"]), ("b", &["t-0"])]);
        story.elected(1).on(1).shard_active(1).load(2, &[("a", "", a), ("b", "", b)]);
        story
    };
    loaded(&["t-0"], &["t-1"]).holds();
    loaded(&["t-1"], &["t-0"]).holds();
    loaded(&["t-1"], &[]).breaks("b is loaded with another assignment in 2");
    loaded(&[], &["t-0"]).breaks("a is loaded with another assignment in 2");
}

/// R9.1, R11.12, R11.13: the second plan was made for a lost generation of that number, in which c was and b was not,
/// or by one who was a follower there and planned for nobody.
#[test]
fn whom_the_second_plan_leaves_out_the_log_has_without_an_assignment() {
    let loaded = |second: &[(&str, &[&str])], a: &[&str], b: &[&str]| {
        let mut story = planned_twice(second);
        story.elected(1).on(1).shard_active(1).load(2, &[("a", "", a), ("b", "", b)]);
        story
    };
    loaded(&[("a", &["t-0"]), ("c", &["t-1"])], &["t-0"], &[]).holds();
    loaded(&[("a", &["t-0"]), ("c", &["t-1"])], &["t-0"], &["t-1"]).holds();
    loaded(&[], &[], &[]).holds();
    loaded(&[], &["t-1"], &[]).breaks("a is loaded with another assignment in 2");
    loaded(&[("c", &["t-0"])], &["t-0"], &["t-0"]).breaks("b is loaded with another");
}

/// R11.12, R11.15: the plans are the place's, whoever has it, and the replacement is lost.
#[test]
fn a_plan_is_that_of_the_member_also_when_its_replacement_is_lost() {
    let loaded = |second: &[(&str, &[&str])], id: &str, b: &[&str]| {
        let mut story = planned_twice(second);
        story.replaced("i", "b", "b2");
        // Somebody is told while the new id has the place.
        let a = story.ask_sync("a", 2, &[]);
        story.told(a, &["t-0"]).elected(1).on(1).shard_active(1);
        story.load(2, &[("a", "", &["t-0"]), (id, "i", b)]);
        story
    };
    for id in ["b", "b2"] {
        loaded(&[("a", &["t-0"]), ("b", &["t-2"])], id, &["t-2"]).holds();
        loaded(&[("a", &["t-0"])], id, &[]).holds();
        loaded(&[("a", &["t-0"]), ("b", &["t-2"])], id, &[]).breaks("b is loaded with another");
    }
}

#[test]
fn a_group_that_was_told_is_not_forgotten() {
    let mut story = succeeded();
    story.ask_heartbeat("a", 2);
    story.breaks("generation 2 was told, but no group loaded");
}

#[test]
fn a_generation_that_nobody_was_told_may_be_issued_again() {
    let mut story = story();
    story.state(Stable, PreparingRebalance).generation(3, &["a", "b"]);
    story.elected(1).on(1).shard_active(1).load_offsets(2, BOTH, &[("t-0", 5)]);
    story.state(Stable, PreparingRebalance).generation(3, &["b"]);
    let key = story.ask_sync("b", 3, &[("b", &["t-0", "t-1"])]);
    story.state(CompletingRebalance, Stable).told(key, &["t-0", "t-1"]).holds();
}

#[test]
fn a_commit_that_was_answered_is_not_forgotten() {
    succeeded().load_offsets(2, BOTH, &[]).breaks("answered to be at 5, but nothing is loaded");
    succeeded().load_offsets(2, BOTH, &[("t-0", 4)]).breaks("but 4 is loaded");
}

#[test]
fn later_commits_and_removals_may_or_may_not_survive() {
    for found in [&[("t-0", 5)][..], &[("t-0", 7)][..]] {
        let mut story = story();
        story.ask_commit("a", 2, &[("t-0", 7)]);
        story.elected(1).on(1).shard_active(1).load_offsets(2, BOTH, found).holds();
    }
    let mut story = story();
    story.offset_removed("t-0").elected(1).on(1).shard_active(1);
    story.load_offsets(2, BOTH, &[]).holds();
}

#[test]
fn a_group_that_was_removed_may_be_gone() {
    let mut story = story();
    story.group_removed().elected(1).on(1).shard_active(1).ask_join("");
    story.holds();
}

#[test]
fn a_zombie_commits_nothing() {
    let mut story = story();
    let early = story.ask_commit("a", 2, &[("t-0", 6)]);
    story.elected(1).committed(early, 0).holds();
    let late = story.ask_commit("a", 2, &[("t-0", 7)]);
    story.committed(late, 0).breaks("was accepted by a broker that another had succeeded");
    let mut refused = succeeded();
    let late = refused.on(0).ask_commit("a", 2, &[("t-0", 7)]);
    refused.committed(late, 16).holds();
}

#[test]
fn a_zombie_begins_no_generation_that_anybody_is_told() {
    let mut story = story();
    story.elected(1).state(Stable, PreparingRebalance).generation(3, &["a"]);
    let key = story.ask_sync("a", 3, &[("a", &["t-0"])]);
    story.told(key, &["t-0"]).breaks("a was told generation 3 by a broker");
    let mut late = succeeded();
    let key = late.on(0).ask_sync("b", 2, &[]);
    late.told(key, &["t-1"]).holds();
}

#[test]
fn a_replacement_that_was_told_lasts() {
    let replaced = |told: bool| {
        let mut story = story();
        let key = story.ask_join_static("", "i", &["range"]);
        story.replaced("i", "b", "b2");
        if told {
            story.answer(key, join_answer("b2", 2, "a", &[]));
        }
        story.elected(1).on(1).shard_active(1);
        story
    };
    let new: &[(&str, &str, &[&str])] = &[("a", "", &["t-0"]), ("b2", "i", &["t-1"])];
    replaced(true).load_offsets(2, new, &[("t-0", 5)]).holds();
    replaced(false).load_offsets(2, BOTH, &[("t-0", 5)]).holds();
    replaced(true).load_offsets(2, BOTH, &[("t-0", 5)]).breaks("b was replaced, but is loaded");
}

#[test]
fn a_zombie_removes_nothing() {
    let mut story = story();
    story.elected(1).group_removed().on(1).shard_active(1).ask_heartbeat("a", 2);
    story.breaks("generation 2 was told, but no group loaded");
    let mut late = succeeded();
    late.on(0).group_removed().on(1).load_offsets(1, BOTH, &[("t-0", 5)]);
    late.breaks("generation 2 was told, but 1 is");
}

#[test]
fn a_removal_that_is_not_in_the_log_takes_nothing_back() {
    let removed = || {
        let mut story = story();
        story.group_removed();
        story
    };
    removed().elected(1).on(1).shard_active(1).load_offsets(2, BOTH, &[("t-0", 5)]).holds();
    let mut lost = removed();
    lost.elected(1).on(1).shard_active(1).load_offsets(1, BOTH, &[("t-0", 5)]);
    lost.breaks("generation 2 was told, but 1 is");
    let mut again = removed();
    again.ask_join("");
    again.elected(1).on(1).shard_active(1).load_offsets(1, &[], &[]).holds();
    let mut back = removed();
    back.load_offsets(3, &[], &[("t-0", 5)]).elected(1).on(1).shard_active(1).ask_join("");
    back.breaks("generation 2 was told, but no group loaded");
}

#[test]
fn what_is_told_of_an_uncommitted_record_may_go_with_the_next_election() {
    let told = |committed: bool| {
        let mut story = succeeded();
        story.uncommitted(1, 2).load_offsets(3, BOTH, &[("t-0", 5)]);
        let key = story.ask_sync("a", 3, &[]);
        story.told(key, &["t-0"]);
        if committed {
            story.uncommitted(1, 0);
        }
        story.elected(2).on(2).shard_active(2).load_offsets(2, BOTH, &[("t-0", 5)]);
        story
    };
    told(false).holds();
    told(true).breaks("generation 3 was told, but 2 is");
}

#[test]
fn a_transaction_is_loaded_as_it_ended() {
    let ended = |commit: bool, code: i16, found: &[(&str, i64)]| {
        let mut story = story();
        let key = story.ask_txn_commit(7, "t-1", 8);
        story.txn_committed(key, "t-1", 0);
        let end = story.ask_end_txn(7, commit);
        story.txn_ended(end, 7, code);
        story.elected(1).on(1).shard_active(1).load_offsets(2, BOTH, found);
        story
    };
    let (before, after) = (&[("t-0", 5)][..], &[("t-0", 5), ("t-1", 8)][..]);
    ended(true, 0, after).holds();
    ended(true, 0, before).breaks("t-1 was answered to be at 8, but nothing is loaded");
    ended(false, 0, before).holds();
    ended(false, 0, after).breaks("t-1 was answered to be at nothing, but 8 is loaded");
    ended(true, 6, before).holds();
    ended(true, 6, after).holds();
}
