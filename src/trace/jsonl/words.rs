//! Reads the names of closed sets: states, faults, reasons.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::fields::Field;
use super::places::Places;
use crate::assignor::Assignor;
use crate::broker::TermState;
use crate::client::MemberState;
use crate::coordinator::{GroupState, Removal, TimerKind};
use crate::trace::event::{CutWay, FaultKind, Loss};
use crate::trace::fields::{removal_name, term_state_name, timer_name};

/// Reads each type by the names under which it is written. A variant that is missing here does not
/// compile.
macro_rules! words {
    ($($type:ident by $name:path: $($variant:ident)*;)*) => {$(
        impl Field for $type {
            fn expected() -> Cow<'static, str> {
                let all: &[&str] = &[$($name($type::$variant)),*];
                format!("one of {}", all.join(", ")).into()
            }

            fn read(value: &Value, _places: &Places) -> Option<Self> {
                let _: fn($type) = |value| match value { $($type::$variant => {})* };
                let word = value.as_str()?;
                [$($type::$variant),*].into_iter().find(|value| $name(*value) == word)
            }
        }
    )*};
}

words! {
    Assignor by Assignor::name: Range RoundRobin Sticky CooperativeSticky;
    CutWay by CutWay::name: ToPeer FromPeer;
    FaultKind by FaultKind::name: Partition Clog Drop Reset Pause Crash Skew Slow Move Zombie Stall
        Refuse Compact;
    GroupState by GroupState::name: Empty PreparingRebalance CompletingRebalance Stable Dead;
    Loss by Loss::name: Dropped BehindDropped ConnectionClosed ConnectionReset ReceiverGone;
    MemberState by MemberState::name: Unjoined PreparingRebalance CompletingRebalance Stable;
    Removal by removal_name: Left SessionExpired NotRejoined NotSynced GroupFull;
    TermState by term_state_name: Loading Active Unloaded;
    TimerKind by timer_name: Session PendingJoin Join Sync;
}

/// A reason is a text of the program. One that was read is kept for as long as the program runs;
/// there are few different ones.
impl Field for &'static str {
    fn expected() -> Cow<'static, str> {
        "a reason".into()
    }

    fn read(value: &Value, _places: &Places) -> Option<Self> {
        value.as_str().map(interned)
    }
}

fn interned(text: &str) -> &'static str {
    static REASONS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut reasons = REASONS.lock().unwrap_or_else(PoisonError::into_inner);
    match reasons.get(text) {
        Some(known) => known,
        None => {
            let kept: &'static str = Box::leak(text.into());
            reasons.insert(kept);
            kept
        }
    }
}
