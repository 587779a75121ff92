//! Cooperative rebalancing (rules R13.7).

use super::*;
use crate::protocol::Generation;
use crate::protocol::sticky_user_data::{decode_generation, decode_previous};

fn cooperative() -> ConsumerConfig {
    config(&[Assignor::CooperativeSticky])
}

/// A member of generation 1 that owns partitions 0 and 1 and reads them from offset 5, and whose
/// group rebalances.
fn reading_member(config: ConsumerConfig) -> Client {
    let mut client = Client::member(config, 1, &[0, 1]);
    client.respond_offsets(5);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::RebalanceInProgress));
    client
}

/// R13.7.1, R13.7.2, R13.7.3.
#[test]
fn partitions_are_kept_through_the_join_and_revoked_when_they_are_no_longer_assigned() {
    let mut client = reading_member(cooperative());
    client.respond_commit(0);
    assert_eq!(client.owned(), partitions(&[0, 1]), "nothing is given up before the join");
    assert_eq!(client.offered().owned, partitions(&[0, 1]));
    assert_eq!(client.offered().generation, Generation(1));
    assert_eq!(client.callbacks(), [""; 0]);

    client.rebalance("m1", 2, &[1]);
    assert_eq!(client.callbacks(), ["revoked 0", "assigned  of 1"]);
    client.respond_commit(0);
    assert_eq!(
        client.offered().owned,
        partitions(&[1]),
        "a member that revoked partitions rejoins"
    );
    assert_eq!(client.offered().generation, Generation(2));

    client.rebalance("m1", 3, &[1, 2]);
    assert_eq!(client.callbacks(), ["assigned 2 of 1,2"]);
    assert!(!client.awaits(Api::JoinGroup), "nothing was revoked, so no rejoin is needed");
    assert_eq!(client.state(), MemberState::Stable);
}

/// R13.7.3.
#[test]
fn a_kept_partition_keeps_its_position_and_its_fetch() {
    let mut client = reading_member(cooperative());
    client.respond_commit(0);
    assert_eq!(client.fetched(), [0, 1]);
    client.rebalance("m1", 2, &[0, 1, 2]);
    client.respond_fetch(1, 5);
    let polled =
        |seen: &ClientObservation| matches!(seen, ClientObservation::Polled { first: 5, .. });
    assert!(client.seen.iter().any(polled), "a Fetch from before the rebalance counts");
    let Request::OffsetFetch(OffsetFetchRequest { groups, .. }) =
        &client.oldest(Api::OffsetFetch).1.body
    else {
        unreachable!()
    };
    let requested = &groups[0].topics.as_ref().expect("topics")[0].partition_indexes;
    assert_eq!(requested, &[2], "only added partitions need a position");
}

#[test]
fn a_response_from_an_earlier_ownership_is_ignored() {
    let mut client = reading_member(cooperative());
    client.respond_commit(0);
    client.rebalance("m1", 2, &[1]);
    client.respond_commit(0);
    client.rebalance("m1", 3, &[0, 1]);
    client.seen.clear();
    client.respond_fetch(0, 5);
    assert!(!client.seen.iter().any(|seen| matches!(seen, ClientObservation::Polled { .. })));
}

/// R13.7.2.
#[test]
fn records_are_handed_out_while_the_group_rebalances() {
    let mut client = reading_member(cooperative());
    client.respond_fetch(0, 5);
    let polled = |seen: &ClientObservation| matches!(seen, ClientObservation::Polled { .. });
    assert!(client.seen.iter().any(polled), "the commit before the join is still in flight");
}

/// R13.7.5.
#[test]
fn a_busy_application_leaves_its_join_response_unread() {
    let mut config = cooperative();
    config.processing_time = Duration::from_secs(20);
    let mut client = reading_member(config);
    client.respond_commit(0);
    client.respond_fetch(0, 5);
    client.respond_join_as_follower("m1", 2);
    client.wait(Duration::from_secs(19));
    assert_eq!(client.state(), MemberState::PreparingRebalance);
    assert!(!client.awaits(Api::SyncGroup));
    client.wait(Duration::from_secs(1));
    assert!(client.awaits(Api::SyncGroup));
    client.respond_sync(&[0]);
    assert_eq!(client.callbacks(), ["revoked 1", "assigned  of 0"]);
}

/// R13.4.5, R13.7.5.
#[test]
fn an_assignment_that_arrives_at_a_busy_application_waits_and_may_be_invalidated() {
    let mut config = cooperative();
    config.processing_time = Duration::from_secs(20);
    let mut client = reading_member(config);
    client.respond_commit(0);
    client.respond_join_as_follower("m1", 2);
    client.respond_fetch(0, 5);
    client.respond_sync(&[0]);
    assert_eq!(client.state(), MemberState::Stable);
    assert_eq!(client.callbacks(), [""; 0]);
    client.wait(Duration::from_secs(4));
    client.respond_heartbeat(code(ResponseError::IllegalGeneration));
    client.wait(Duration::from_secs(20));
    assert_eq!(client.callbacks(), ["lost 0,1"]);
    assert_eq!(client.join_request().member_id.as_str(), "", "the whole membership is gone");
}

/// R13.7.2.
#[test]
fn a_reset_membership_loses_everything() {
    let mut client = Client::member(cooperative(), 1, &[0, 1]);
    client.respond_offsets(5);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::UnknownMemberId));
    assert_eq!(client.callbacks(), ["lost 0,1"]);
    assert_eq!(client.offered().owned, partitions(&[]));
    assert_eq!(client.offered().generation, Generation::NONE);
}

/// R13.2.5.
#[test]
fn a_sync_refused_because_of_a_rebalance_loses_no_partitions() {
    let mut client = reading_member(cooperative());
    client.respond_commit(0);
    client.respond_join_as_follower("m1", 2);
    client.refuse_sync(ResponseError::RebalanceInProgress);
    assert_eq!(client.offered().owned, partitions(&[0, 1]));
    assert_eq!(client.offered().generation, Generation(2));
    assert_eq!(client.callbacks(), [""; 0]);
}

/// R13.3.4.
#[test]
fn closing_during_a_rebalance_loses_partitions_and_otherwise_revokes_them() {
    let mut client = reading_member(cooperative());
    client.respond_commit(0);
    client.give(ClientInput::Close);
    assert_eq!(client.callbacks(), ["lost 0,1"]);
    assert!(client.awaits(Api::LeaveGroup));

    let mut client = Client::member(cooperative(), 1, &[0, 1]);
    client.give(ClientInput::Close);
    assert_eq!(client.callbacks(), ["revoked 0,1"]);
}

/// R13.4.1, R13.4.9, R14.11.
#[test]
fn a_mixed_list_of_assignors_is_eager() {
    let mut client = reading_member(config(&[Assignor::Range, Assignor::CooperativeSticky]));
    client.respond_commit(0);
    assert_eq!(client.callbacks(), ["revoked 0,1"]);
    assert_eq!(client.offered().owned, partitions(&[]));
    client.rebalance("m1", 2, &[0]);
    assert_eq!(client.callbacks(), ["assigned 0 of 0"]);
}

/// R13.7.1, R14.10.
#[test]
fn an_old_client_also_sends_its_owned_partitions() {
    let mut config = cooperative();
    config.join_version = 2;
    let mut client = Client::member(config, 1, &[0, 1]);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::RebalanceInProgress));
    assert_eq!(client.offered().owned, partitions(&[0, 1]));
    let data = client.offered().user_data.expect("a generation");
    assert_eq!(decode_generation(&data), Ok(Generation(1)));
}

/// R14.10.
#[test]
fn sticky_members_send_the_partitions_they_gave_up() {
    let mut client = reading_member(config(&[Assignor::Sticky]));
    client.respond_commit(0);
    assert_eq!(client.offered().owned, partitions(&[]));
    let data = client.offered().user_data.expect("a memory");
    assert_eq!(decode_previous(&data), Ok((partitions(&[0, 1]), Generation(1))));
}

/// R13.7.4.
#[test]
fn records_processed_after_the_commit_before_the_join_are_not_committed_on_revocation() {
    let mut client = reading_member(cooperative());
    client.respond_commit(0);
    client.respond_fetch(0, 5);
    client.wait(Duration::from_millis(10));
    assert!(client.seen.iter().any(|seen| matches!(seen, ClientObservation::Processed { .. })));
    let committed = client.count(Api::OffsetCommit);
    client.respond_join_as_follower("m1", 2);
    client.seen.clear();
    client.respond_sync(&[]);
    assert_eq!(client.callbacks(), ["revoked 0,1", "assigned  of "]);
    assert_eq!(client.count(Api::OffsetCommit), committed);
}

/// R13.7.6.
#[test]
fn positions_wait_for_the_end_of_a_rebalance() {
    let mut client = Client::member(cooperative(), 1, &[0]);
    assert!(client.awaits(Api::OffsetFetch));
    let before = client.count(Api::OffsetFetch);
    client.wait(Duration::from_secs(3));
    client.respond_heartbeat(code(ResponseError::RebalanceInProgress));
    client.disconnect(Api::OffsetFetch);
    client.find_again(0);
    client.wait(Duration::from_secs(2));
    assert_eq!(client.count(Api::OffsetFetch), before);
    client.rebalance("m1", 2, &[0]);
    client.wait(Duration::from_secs(1));
    assert_eq!(client.count(Api::OffsetFetch), before + 1);
}
