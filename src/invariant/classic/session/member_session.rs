//! The session of one member, as far as the trace shows it.

use std::fmt;
use std::time::Duration;

use crate::coordinator::GroupState;
use crate::model::Key;
use crate::time::{Pretty, Time};

/// How long a new member may take until a generation includes it (rules R5).
const NEW_MEMBER: Duration = Duration::from_secs(300);

/// How much later than due a removal may be: timers fire to the microsecond, so this is ample.
pub(super) const SLACK: Duration = Duration::from_secs(1);

/// The session of one member; all times are on the broker's clock.
#[derive(Debug)]
pub(super) struct MemberSession {
    pub(super) added: Time,
    /// Whether no generation includes it yet.
    pub(super) fresh: bool,
    /// The shortest and the longest session timeout that it has requested.
    pub(super) session_min: Duration,
    pub(super) session_max: Duration,
    /// The session timeout that its next sign of life will start, if that is certain.
    pub(super) next_session: Option<Duration>,
    /// Its last confirmed sign of life.
    pub(super) confirmed: Option<Time>,
    /// Its last request, or other event, that may have been a sign of life.
    pub(super) possible: Time,
    /// Its JoinGroup, if that may be parked.
    pub(super) joined: Option<Key>,
    /// Its SyncGroup, if that may be parked.
    pub(super) synced: Option<Key>,
    /// The SyncGroup that was parked until the last sync phase ended, and when that was.
    pub(super) released: Option<(Key, Time)>,
    /// When to check it next; once it has expired, when it expired.
    pub(super) check_at: Time,
}

impl MemberSession {
    pub(super) fn new(now: Time, session: Duration) -> MemberSession {
        MemberSession {
            added: now,
            fresh: true,
            session_min: session,
            session_max: session,
            next_session: None,
            confirmed: None,
            possible: now,
            joined: None,
            synced: None,
            released: None,
            check_at: now + NEW_MEMBER,
        }
    }

    /// A member whose session starts at `now`, without a join phase.
    pub(super) fn known(now: Time, session: Duration) -> MemberSession {
        MemberSession {
            fresh: false,
            confirmed: Some(now),
            check_at: now,
            ..MemberSession::new(now, session)
        }
    }

    /// A generation begins that includes it.
    pub(super) fn begin(&mut self, now: Time) {
        self.fresh = false;
        self.confirmed = Some(now);
        self.possible = now;
        self.joined = None;
        self.synced = None;
    }

    /// A sign of life at `at` is certain. From then on its session timeout is the one that it
    /// requested, if it has requested only one since it replaced another id.
    pub(super) fn confirm(&mut self, at: Time) {
        self.confirmed = self.confirmed.max(Some(at));
        if let Some(session) = self.next_session.take() {
            (self.session_min, self.session_max) = (session, session);
        }
    }

    /// Its group leaves a state; the coordinator responds to what was parked in it.
    pub(super) fn leave(&mut self, state: GroupState, now: Time) {
        match state {
            GroupState::CompletingRebalance => {
                if let Some(key) = self.synced.take() {
                    self.released = Some((key, now));
                    self.possible = now;
                }
            }
            // The generation that keeps it may be reported only after the transition.
            GroupState::PreparingRebalance if self.joined.is_some() => self.possible = now,
            GroupState::PreparingRebalance
            | GroupState::Empty
            | GroupState::Stable
            | GroupState::Dead => {}
        }
    }

    /// The latest time at which its session may end.
    pub(super) fn deadline(&self) -> Time {
        let silent = self.possible + self.session_max;
        if self.fresh { silent.max(self.added + NEW_MEMBER) } else { silent }
    }

    /// Whether it must be checked sooner than planned.
    pub(super) fn may_end_sooner(&self) -> bool {
        self.deadline() + SLACK < self.check_at
    }

    /// The earliest time at which its session may end.
    pub(super) fn earliest(&self) -> Time {
        let silent = self.confirmed.map(|confirmed| confirmed + self.session_min);
        let new = self.fresh.then(|| self.added + NEW_MEMBER);
        match (silent, new) {
            (Some(silent), Some(new)) => silent.min(new),
            (Some(earliest), None) | (None, Some(earliest)) => earliest,
            // It has its place again after a replacement that failed.
            (None, None) => Time::ZERO,
        }
    }

    /// Whether a parked request may protect it.
    pub(super) fn shielded(&self, state: GroupState) -> bool {
        !self.fresh
            && match state {
                GroupState::PreparingRebalance => self.joined.is_some(),
                GroupState::CompletingRebalance => self.synced.is_some(),
                // A static member that came back waits for the record of its replacement.
                GroupState::Stable => self.joined.is_some(),
                GroupState::Empty | GroupState::Dead => false,
            }
    }

    /// Whether it expired (at `check_at`) after a sign of life at `heard`, but too soon after it.
    pub(super) fn too_early_after(&self, sign_of_life: Time) -> bool {
        sign_of_life < self.check_at && self.check_at < sign_of_life + self.session_min
    }
}

impl fmt::Display for MemberSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fresh {
            write!(f, "added at {} and in no generation since", self.added)
        } else {
            let (session, sign_of_life) =
                (Pretty(self.session_max), self.confirmed.unwrap_or(self.added));
            write!(
                f,
                "last confirmed sign of life at {sign_of_life}, possible one at {}, session {session}",
                self.possible
            )
        }
    }
}
