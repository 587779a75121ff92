//! What is known of the life of one member.

use std::fmt;
use std::time::Duration;

use crate::coordinator::GroupState;
use crate::invariant::ledger::Key;
use crate::time::{Pretty, Time};

/// How long a new member may take until a generation includes it (rules R5).
const NEW_MEMBER: Duration = Duration::from_secs(300);

/// How much later than due a removal may be: timers fire to the microsecond, so this is ample.
pub(super) const SLACK: Duration = Duration::from_secs(1);

/// What is known of the life of one member; times are the broker's.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) added: Time,
    /// No generation includes it yet.
    pub(super) fresh: bool,
    /// The shortest and the longest session timeout it has asked for.
    pub(super) session_min: Duration,
    pub(super) session_max: Duration,
    /// The session timeout that its next sign of life will start, if that is certain.
    pub(super) next_session: Option<Duration>,
    /// Its last sign of life that is beyond doubt.
    pub(super) certain: Option<Time>,
    /// Its last request, or other event, that may have been one.
    pub(super) hopeful: Time,
    /// Its JoinGroup, if that may be parked.
    pub(super) joined: Option<Key>,
    /// Its SyncGroup, if that may be parked.
    pub(super) synced: Option<Key>,
    /// The SyncGroup that was parked until the last sync phase ended, and when that was.
    pub(super) released: Option<(Key, Time)>,
    /// When to look at it next; once it has expired: when that was.
    pub(super) check_at: Time,
}

impl Life {
    pub(super) fn new(now: Time, session: Duration) -> Life {
        Life {
            added: now,
            fresh: true,
            session_min: session,
            session_max: session,
            next_session: None,
            certain: None,
            hopeful: now,
            joined: None,
            synced: None,
            released: None,
            check_at: now + NEW_MEMBER,
        }
    }

    /// One whose session starts at `now`, without a join phase.
    pub(super) fn known(now: Time, session: Duration) -> Life {
        Life { fresh: false, certain: Some(now), check_at: now, ..Life::new(now, session) }
    }

    /// A generation includes it.
    pub(super) fn begin(&mut self, now: Time) {
        self.fresh = false;
        self.certain = Some(now);
        self.hopeful = now;
        self.joined = None;
        self.synced = None;
    }

    /// A sign of life at `at` is certain. From then on its session is the one it asked for, where it has asked
    /// only once since it took the place of another.
    pub(super) fn is_heard(&mut self, at: Time) {
        self.certain = self.certain.max(Some(at));
        if let Some(session) = self.next_session.take() {
            (self.session_min, self.session_max) = (session, session);
        }
    }

    /// Its group leaves a state; what was parked in it is answered.
    pub(super) fn leave(&mut self, state: GroupState, now: Time) {
        match state {
            GroupState::CompletingRebalance => {
                if let Some(key) = self.synced.take() {
                    self.released = Some((key, now));
                    self.hopeful = now;
                }
            }
            // The generation that keeps it may be reported only after the move.
            GroupState::PreparingRebalance if self.joined.is_some() => self.hopeful = now,
            GroupState::PreparingRebalance
            | GroupState::Empty
            | GroupState::Stable
            | GroupState::Dead => {}
        }
    }

    /// The latest that its session may end.
    pub(super) fn deadline(&self) -> Time {
        let silent = self.hopeful + self.session_max;
        if self.fresh { silent.max(self.added + NEW_MEMBER) } else { silent }
    }

    /// Whether it has to be looked at sooner than it will be.
    pub(super) fn may_end_sooner(&self) -> bool {
        self.deadline() + SLACK < self.check_at
    }

    /// The earliest that its session may end.
    pub(super) fn earliest(&self) -> Time {
        let silent = self.certain.map(|certain| certain + self.session_min);
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
    pub(super) fn too_early_after(&self, heard: Time) -> bool {
        heard < self.check_at && self.check_at < heard + self.session_min
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fresh {
            write!(f, "added at {} and in no generation since", self.added)
        } else {
            let (session, heard) = (Pretty(self.session_max), self.certain.unwrap_or(self.added));
            write!(
                f,
                "last certainly heard at {heard}, perhaps at {}, session {session}",
                self.hopeful
            )
        }
    }
}
