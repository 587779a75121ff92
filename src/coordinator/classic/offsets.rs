//! What a classic group permits clients to do with its offsets and with itself, and when its
//! offsets expire.

use crate::coordinator::group::Committer;
use crate::coordinator::offsets::{ExpiryRule, Subscribed};
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::ResponseError;

use super::group::ClassicGroup;
use super::state::GroupState;
use super::subscribed::is_consumer_group;

impl ClassicGroup {
    /// Members commit in their own generation, and may still do so while the next one forms: this
    /// is how a consumer commits what it gives up. Any client may commit to a group without
    /// members.
    pub(crate) fn validate_commit(
        &self,
        turn: &mut Turn<'_>,
        committer: &Committer<'_>,
    ) -> Result<(), ResponseError> {
        self.assert_shape();
        match self.state() {
            GroupState::Dead => return Err(ResponseError::CoordinatorNotAvailable),
            GroupState::Empty if committer.has_no_generation() => return Ok(()),
            GroupState::Empty
            | GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => {}
        }
        if committer.is_anonymous() {
            return Err(ResponseError::UnknownMemberId);
        }
        let member = self.validate(committer.member, committer.instance)?;
        self.check_generation(committer.generation)?;
        match self.state() {
            GroupState::CompletingRebalance => Err(ResponseError::RebalanceInProgress),
            GroupState::PreparingRebalance | GroupState::Stable => {
                self.restart_session(member, turn);
                Ok(())
            }
            GroupState::Empty | GroupState::Dead => Err(ResponseError::UnknownMemberId),
        }
    }

    /// Requests of versions before KIP-447 have no identity and may commit at any time. A producer
    /// that sends its consumer's identity is fenced with the consumer, but a rebalance does not
    /// make it fail, and it keeps no session alive.
    pub(crate) fn validate_txn_commit(
        &self,
        committer: &Committer<'_>,
    ) -> Result<(), ResponseError> {
        self.assert_shape();
        match self.state() {
            GroupState::Dead => Err(ResponseError::CoordinatorNotAvailable),
            GroupState::Empty if committer.has_no_generation() => Ok(()),
            GroupState::Empty
            | GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => {
                if committer.is_anonymous() {
                    return Ok(());
                }
                self.validate(committer.member, committer.instance)?;
                self.check_generation(committer.generation)
            }
        }
    }

    /// There is no fencing: a consumer fetches offsets before it acts, and any client may read
    /// them.
    pub(crate) fn validate_fetch(&self) -> Result<(), ResponseError> {
        match self.state() {
            GroupState::Dead => Err(ResponseError::GroupIdNotFound),
            GroupState::Empty
            | GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => Ok(()),
        }
    }

    /// A group with members can tell which offsets they still need only if they are consumers.
    pub(crate) fn validate_offset_delete(&self) -> Result<(), ResponseError> {
        self.assert_shape();
        match self.state() {
            GroupState::Dead => Err(ResponseError::GroupIdNotFound),
            GroupState::Empty => Ok(()),
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => match is_consumer_group(self) {
                true => Ok(()),
                false => Err(ResponseError::NonEmptyGroup),
            },
        }
    }

    /// Only a group without members can be deleted.
    pub(crate) fn validate_delete(&self) -> Result<(), ResponseError> {
        self.assert_shape();
        match self.state() {
            GroupState::Dead => Err(ResponseError::GroupIdNotFound),
            GroupState::Empty => Ok(()),
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => Err(ResponseError::NonEmptyGroup),
        }
    }

    /// The subscription that the group keeps.
    pub(crate) fn subscribed(&self) -> Subscribed<'_> {
        match &self.subscribed {
            Some(topics) => Subscribed::To(topics),
            None if is_consumer_group(self) => Subscribed::Unknown,
            None => Subscribed::NotConsumers,
        }
    }

    /// The rule by which its offsets expire; none while they do not expire (R10.2 to R10.4).
    pub(crate) fn expiry(&self) -> Option<ExpiryRule<'_>> {
        if self.protocol_type.is_none() {
            return Some(ExpiryRule::EachFromCommit);
        }
        match self.state() {
            GroupState::Empty => Some(ExpiryRule::SinceEmpty(self.state_since())),
            GroupState::Stable => match self.subscribed() {
                subscribed @ Subscribed::To(_) => Some(ExpiryRule::NotSubscribed(subscribed)),
                Subscribed::Unknown | Subscribed::NotConsumers => None,
            },
            GroupState::PreparingRebalance | GroupState::CompletingRebalance | GroupState::Dead => {
                None
            }
        }
    }
}
