//! Cooperative rebalancing (rules R13.7).

use super::*;
use crate::protocol::Generation;
use crate::protocol::sticky_user_data::{decode_generation, decode_previous};

fn cooperative() -> ConsumerConfig {
    config(&[Assignor::CooperativeSticky])
}

/// A member of generation 1 that owns partitions 0 and 1 and reads them from offset 5, and whose group
/// rebalances.
fn reading_member(config: ConsumerConfig) -> Client {
    let mut client = Client::member(config, 1, &[0, 1]);
    client.answer_offsets(5);
    client.wait(Duration::from_secs(3));
    client.answer_heartbeat(code(ResponseError::RebalanceInProgress));
    client
}

/// R13.7.1, R13.7.2, R13.7.3.
#[test]
fn partitions_are_kept_through_the_join_and_given_up_when_they_are_taken() {
    let mut client = reading_member(cooperative());
    client.answer_commit(0);
    assert_eq!(client.owned(), partitions(&[0, 1]), "nothing is given up before the join");
    assert_eq!(client.offered().owned, partitions(&[0, 1]));
    assert_eq!(client.offered().generation, Generation(1));
    assert_eq!(client.callbacks(), [""; 0]);

    client.rebalance("m1", 2, &[1]);
    assert_eq!(client.callbacks(), ["revoked 0", "assigned  of 1"]);
    client.answer_commit(0);
    assert_eq!(client.offered().owned, partitions(&[1]), "who revokes joins once more");
    assert_eq!(client.offered().generation, Generation(2));

    client.rebalance("m1", 3, &[1, 2]);
    assert_eq!(client.callbacks(), ["assigned 2 of 1,2"]);
    assert!(!client.awaits(Api::JoinGroup), "nothing was revoked, so nothing is left to do");
    assert_eq!(client.state(), MemberState::Stable);
}

/// R13.7.3.
#[test]
fn a_kept_partition_keeps_its_position_and_its_fetch() {
    let mut client = reading_member(cooperative());
    client.answer_commit(0);
    assert_eq!(client.fetched(), [0, 1]);
    client.rebalance("m1", 2, &[0, 1, 2]);
    client.answer_fetch(1, 5);
    let polled = |seen: &Observation| matches!(seen, Observation::Polled { first: 5, .. });
    assert!(client.seen.iter().any(polled), "a Fetch from before the rebalance counts");
    let Request::OffsetFetch(OffsetFetchRequest { groups, .. }) =
        &client.oldest(Api::OffsetFetch).1.body
    else {
        unreachable!()
    };
    let asked = &groups[0].topics.as_ref().expect("topics")[0].partition_indexes;
    assert_eq!(asked, &[2], "only what was added needs a position");
}

#[test]
fn an_answer_about_an_earlier_time_of_owning_is_not_used() {
    let mut client = reading_member(cooperative());
    client.answer_commit(0);
    client.rebalance("m1", 2, &[1]);
    client.answer_commit(0);
    client.rebalance("m1", 3, &[0, 1]);
    client.seen.clear();
    client.answer_fetch(0, 5);
    assert!(!client.seen.iter().any(|seen| matches!(seen, Observation::Polled { .. })));
}

/// R13.7.2.
#[test]
fn records_are_handed_out_while_the_group_rebalances() {
    let mut client = reading_member(cooperative());
    client.answer_fetch(0, 5);
    let polled = |seen: &Observation| matches!(seen, Observation::Polled { .. });
    assert!(client.seen.iter().any(polled), "the commit before the join is still in flight");
}

/// R13.7.5.
#[test]
fn a_busy_application_leaves_the_answer_to_its_join_unread() {
    let mut config = cooperative();
    config.processing_time = Duration::from_secs(20);
    let mut client = reading_member(config);
    client.answer_commit(0);
    client.answer_fetch(0, 5);
    client.answer_join_as_follower("m1", 2);
    client.wait(Duration::from_secs(19));
    assert_eq!(client.state(), MemberState::PreparingRebalance);
    assert!(!client.awaits(Api::SyncGroup));
    client.wait(Duration::from_secs(1));
    assert!(client.awaits(Api::SyncGroup));
    client.answer_sync(&[0]);
    assert_eq!(client.callbacks(), ["revoked 1", "assigned  of 0"]);
}

/// R13.4.5, R13.7.5.
#[test]
fn an_assignment_that_arrives_at_a_busy_application_waits_and_may_be_undone() {
    let mut config = cooperative();
    config.processing_time = Duration::from_secs(20);
    let mut client = reading_member(config);
    client.answer_commit(0);
    client.answer_join_as_follower("m1", 2);
    client.answer_fetch(0, 5);
    client.answer_sync(&[0]);
    assert_eq!(client.state(), MemberState::Stable);
    assert_eq!(client.callbacks(), [""; 0]);
    client.wait(Duration::from_secs(4));
    client.answer_heartbeat(code(ResponseError::IllegalGeneration));
    client.wait(Duration::from_secs(20));
    assert_eq!(client.callbacks(), ["lost 0,1"]);
    assert_eq!(client.join_request().member_id.as_str(), "", "the whole membership is gone");
}

/// R13.7.2.
#[test]
fn a_reset_membership_loses_everything() {
    let mut client = Client::member(cooperative(), 1, &[0, 1]);
    client.answer_offsets(5);
    client.wait(Duration::from_secs(3));
    client.answer_heartbeat(code(ResponseError::UnknownMemberId));
    assert_eq!(client.callbacks(), ["lost 0,1"]);
    assert_eq!(client.offered().owned, partitions(&[]));
    assert_eq!(client.offered().generation, Generation::NONE);
}

/// R13.2.5.
#[test]
fn a_sync_that_must_be_repeated_costs_nothing() {
    let mut client = reading_member(cooperative());
    client.answer_commit(0);
    client.answer_join_as_follower("m1", 2);
    client.refuse_sync(ResponseError::RebalanceInProgress);
    assert_eq!(client.offered().owned, partitions(&[0, 1]));
    assert_eq!(client.offered().generation, Generation(2));
    assert_eq!(client.callbacks(), [""; 0]);
}

/// R13.3.4.
#[test]
fn closing_in_mid_rebalance_is_a_loss_and_at_rest_it_is_not() {
    let mut client = reading_member(cooperative());
    client.answer_commit(0);
    client.give(Input::Close);
    assert_eq!(client.callbacks(), ["lost 0,1"]);
    assert!(client.awaits(Api::LeaveGroup));

    let mut client = Client::member(cooperative(), 1, &[0, 1]);
    client.give(Input::Close);
    assert_eq!(client.callbacks(), ["revoked 0,1"]);
}

/// R13.4.1, R13.4.9, R14.11.
#[test]
fn a_mixed_list_of_assignors_is_eager() {
    let mut client = reading_member(config(&[Assignor::Range, Assignor::CooperativeSticky]));
    client.answer_commit(0);
    assert_eq!(client.callbacks(), ["revoked 0,1"]);
    assert_eq!(client.offered().owned, partitions(&[]));
    client.rebalance("m1", 2, &[0]);
    assert_eq!(client.callbacks(), ["assigned 0 of 0"]);
}

/// R13.7.1, R14.10.
#[test]
fn an_old_client_says_what_it_owns_too() {
    let mut config = cooperative();
    config.join_version = 2;
    let mut client = Client::member(config, 1, &[0, 1]);
    client.wait(Duration::from_secs(3));
    client.answer_heartbeat(code(ResponseError::RebalanceInProgress));
    assert_eq!(client.offered().owned, partitions(&[0, 1]));
    let data = client.offered().user_data.expect("a generation");
    assert_eq!(decode_generation(&data), Ok(Generation(1)));
}

/// R14.10.
#[test]
fn sticky_members_remember_what_they_had_given_up() {
    let mut client = reading_member(config(&[Assignor::Sticky]));
    client.answer_commit(0);
    assert_eq!(client.offered().owned, partitions(&[]));
    let data = client.offered().user_data.expect("a memory");
    assert_eq!(decode_previous(&data), Ok((partitions(&[0, 1]), Generation(1))));
}

/// R13.7.4.
#[test]
fn what_was_processed_after_the_commit_before_the_join_is_not_committed_when_it_is_revoked() {
    let mut client = reading_member(cooperative());
    client.answer_commit(0);
    client.answer_fetch(0, 5);
    client.wait(Duration::from_millis(10));
    assert!(client.seen.iter().any(|seen| matches!(seen, Observation::Processed { .. })));
    let committed = client.count(Api::OffsetCommit);
    client.answer_join_as_follower("m1", 2);
    client.seen.clear();
    client.answer_sync(&[]);
    assert_eq!(client.callbacks(), ["revoked 0,1", "assigned  of "]);
    assert_eq!(client.count(Api::OffsetCommit), committed);
}

/// R13.7.6.
#[test]
fn positions_wait_for_the_end_of_a_rebalance() {
    let mut client = Client::member(cooperative(), 1, &[0]);
    assert!(client.awaits(Api::OffsetFetch));
    let asked = client.count(Api::OffsetFetch);
    client.wait(Duration::from_secs(3));
    client.answer_heartbeat(code(ResponseError::RebalanceInProgress));
    client.disconnect(Api::OffsetFetch);
    client.find_again(0);
    client.wait(Duration::from_secs(2));
    assert_eq!(client.count(Api::OffsetFetch), asked);
    client.rebalance("m1", 2, &[0]);
    client.wait(Duration::from_secs(1));
    assert_eq!(client.count(Api::OffsetFetch), asked + 1);
}
