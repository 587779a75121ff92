//! A group of any type, and what the code for all types asks of one.
//!
//! Kafka keeps groups of several types side by side in one log. Their offsets, the requests of
//! administrators, and loading and removing them work alike, so that code knows only [`Group`]. The
//! members of a group, and the requests that they send, are in the folder of its type. To add a
//! type, add a variant here: the compiler then asks for an answer to each question below.

use crate::protocol::{GroupId, IndexMap, ResponseError, StrBytes};
use crate::time::Time;

use super::api::AppendId;
use super::classic::group::ClassicGroup;
use super::classic::term;
use super::inspect::GroupDescription;
use super::observation::Observation;
use super::offsets::{ExpiryRule, OffsetStore, Subscribed};
use super::record::GroupMetadata;
use super::runtime::timers::Timers;
use super::runtime::turn::Turn;

/// All groups of a coordinator.
pub(crate) type Groups = IndexMap<GroupId, Group>;

/// One group.
#[derive(Debug)]
pub(crate) enum Group {
    /// A group of the classic protocol. As in Kafka, a group that only has offsets is one too.
    Classic(ClassicGroup),
}

/// What the log has, or is about to have, of a group.
#[derive(Debug, Default)]
pub(crate) struct InLog {
    /// A record of the group itself; offsets can exist without one.
    pub(crate) is_recorded: bool,
    /// The append of this term that created the group, if there is one.
    pub(crate) creation: Option<AppendId>,
    /// The log refused that append.
    pub(crate) creation_failed: bool,
    /// An earlier group of the same name whose removal was refused. It is the current group if this
    /// one was never created (R9.8).
    pub(crate) previous: Option<Box<Group>>,
}

/// The identity of the client that commits offsets.
pub(crate) struct Committer<'a> {
    /// The generation of a classic group, or the member's epoch.
    pub(crate) generation: i32,
    pub(crate) member: &'a StrBytes,
    pub(crate) instance: Option<&'a StrBytes>,
}

impl Committer<'_> {
    /// Whether the request has no generation: it comes from a tool, or from a consumer that does
    /// not use group management.
    pub(crate) fn has_no_generation(&self) -> bool {
        self.generation < 0
    }

    /// Whether the request has no identity to check.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.has_no_generation() && self.member.is_empty() && self.instance.is_none()
    }
}

impl Group {
    /// A group that so far has only offsets.
    pub(crate) fn with_offsets_only(id: GroupId, now: Time) -> Group {
        Group::Classic(ClassicGroup::new(id, now))
    }

    /// A group that a commit creates; its first record is the next append.
    pub(crate) fn created_by_commit(id: GroupId, turn: &Turn<'_>) -> Group {
        let mut group = Group::with_offsets_only(id, turn.now);
        group.in_log_mut().creation = Some(turn.appends.next_id());
        group
    }

    /// A group from its record (R11.1).
    pub(crate) fn restored(metadata: &GroupMetadata) -> Group {
        Group::Classic(ClassicGroup::restored(metadata))
    }

    pub(crate) fn id(&self) -> &GroupId {
        let Group::Classic(group) = self;
        &group.id
    }

    pub(crate) fn in_log(&self) -> &InLog {
        let Group::Classic(group) = self;
        &group.in_log
    }

    pub(crate) fn in_log_mut(&mut self) -> &mut InLog {
        let Group::Classic(group) = self;
        &mut group.in_log
    }

    /// Whether the group is in the state Empty.
    pub(crate) fn is_empty(&self) -> bool {
        let Group::Classic(group) = self;
        group.is_empty()
    }

    /// Kafka's name of the group's type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Group::Classic(_) => "classic",
        }
    }

    /// Kafka's name of the group's state.
    pub(crate) fn state_name(&self) -> &'static str {
        let Group::Classic(group) = self;
        group.state().name()
    }

    /// The protocol type, `consumer` for consumers; none before the first member has joined.
    pub(crate) fn protocol_type(&self) -> Option<&StrBytes> {
        let Group::Classic(group) = self;
        group.protocol_type.as_ref()
    }
}

/// What requests about offsets, and about whole groups, ask.
impl Group {
    /// Whether the committer may commit now (R6.5.3 to R6.5.8). A commit of a member keeps its
    /// session alive.
    pub(crate) fn validate_commit(
        &self,
        turn: &mut Turn<'_>,
        committer: &Committer<'_>,
    ) -> Result<(), ResponseError> {
        let Group::Classic(group) = self;
        group.validate_commit(turn, committer)
    }

    /// Whether the committer may commit in a transaction now (R6.8.3, R6.8.4).
    pub(crate) fn validate_txn_commit(
        &self,
        committer: &Committer<'_>,
    ) -> Result<(), ResponseError> {
        let Group::Classic(group) = self;
        group.validate_txn_commit(committer)
    }

    /// Whether a client may fetch offsets now.
    pub(crate) fn validate_fetch(&self) -> Result<(), ResponseError> {
        let Group::Classic(group) = self;
        group.validate_fetch()
    }

    /// Whether offsets may be deleted now (R6.7.2, R6.7.3).
    pub(crate) fn validate_offset_delete(&self) -> Result<(), ResponseError> {
        let Group::Classic(group) = self;
        group.validate_offset_delete()
    }

    /// Whether the group may be deleted now (R6.7.6).
    pub(crate) fn validate_delete(&self) -> Result<(), ResponseError> {
        let Group::Classic(group) = self;
        group.validate_delete()
    }

    /// The topics that its members subscribe to.
    pub(crate) fn subscribed(&self) -> Subscribed<'_> {
        let Group::Classic(group) = self;
        group.subscribed()
    }

    /// The rule by which its offsets expire; none while they do not expire.
    pub(crate) fn expiry(&self) -> Option<ExpiryRule<'_>> {
        let Group::Classic(group) = self;
        group.expiry()
    }
}

/// What the runtime does with a group.
impl Group {
    /// The observation of a group that was found in the log, or that is back as it was there.
    pub(crate) fn as_loaded(&self, offsets: &OffsetStore) -> Observation {
        let Group::Classic(group) = self;
        term::as_loaded(group, offsets)
    }

    /// The log is loaded: the sessions of its members start (R11.2).
    pub(crate) fn start_sessions(&self, turn: &mut Turn<'_>) {
        let Group::Classic(group) = self;
        term::start_sessions(group, turn);
    }

    /// The group is loaded, and may have more members than this coordinator allows (R11.5).
    pub(crate) fn enforce_size(&mut self, turn: &mut Turn<'_>) {
        let Group::Classic(group) = self;
        term::enforce_size(group, turn);
    }

    /// The term is over (R11.7).
    pub(crate) fn unload(&mut self, turn: &mut Turn<'_>) {
        let Group::Classic(group) = self;
        term::unload(group, turn);
    }

    /// The group was never created: no member of it has an id (R6.1.1), and its parked requests
    /// fail.
    pub(crate) fn refuse_as_never_created(&mut self, turn: &mut Turn<'_>, error: ResponseError) {
        let Group::Classic(group) = self;
        term::refuse_parked(group, turn, error, |_| StrBytes::new());
    }

    /// Forgets the ids that were handed out and have not joined. They never were members, so there
    /// is nothing to observe.
    pub(crate) fn forget_pending(&mut self, turn: &mut Turn<'_>) {
        let Group::Classic(group) = self;
        group.forget_pending(turn);
    }

    /// Disarms all timers of the group.
    pub(crate) fn cancel_timers(&self, turn: &mut Turn<'_>) {
        let Group::Classic(group) = self;
        group.cancel_timers(turn);
    }

    /// This group, which has no record of its own, turns out to be the earlier group `before`.
    pub(crate) fn become_earlier(&mut self, before: Group) {
        let (Group::Classic(group), Group::Classic(before)) = (self, before);
        group.become_earlier(before);
    }

    /// A snapshot for reports.
    pub(crate) fn describe(&self, timers: &Timers, offsets: &OffsetStore) -> GroupDescription {
        let Group::Classic(group) = self;
        group.describe(timers, offsets)
    }

    /// Asserts everything that must hold between two inputs. Reads the whole group.
    pub(crate) fn assert_consistent(&self, turn: &Turn<'_>) {
        let Group::Classic(group) = self;
        group.assert_consistent(turn);
    }
}
