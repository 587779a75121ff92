//! The rows of `expect`.

use super::{Claims, Verb, claim};
use crate::script::expect;
use crate::script::options::*;

/// The forms of `expect`.
pub(in crate::script) static EXPECT: [&Verb; 6] =
    [&GROUP_STATE, &CONSUMER, &COMMITTED, &PROCESSED, &ANSWER, &COORDINATOR];

pub(super) static GROUP_STATE: Verb = Verb {
    optional: &[&GENERATION, &MEMBERS, &GROUP],
    about: "checks the state of a group, as its coordinator sees it",
    ..claim("expect", "STATE", expect::group, "expect stable generation=4 members=2")
};

pub(super) static CONSUMER: Verb = Verb {
    optional: &[&OWNS, &GENERATION],
    about: "checks the state of a consumer, as it sees itself",
    ..claim(
        "expect",
        "CONSUMER [STATE]",
        expect::consumer,
        "expect c1 stable owns=orders-0,orders-1",
    )
};

pub(super) static COMMITTED: Verb = Verb {
    claims: Claims::At(0),
    optional: &[&GROUP],
    about: "checks the committed offset of a partition; -1 for none",
    ..claim(
        "expect committed",
        "PARTITION=OFFSET",
        expect::committed,
        "expect committed orders-0=5",
    )
};

pub(super) static PROCESSED: Verb = Verb {
    claims: Claims::At(0),
    about: "checks that the records below this offset have been processed, and the one at it has not",
    ..claim(
        "expect processed",
        "PARTITION=OFFSET",
        expect::processed,
        "expect processed orders-0=5",
    )
};

pub(super) static ANSWER: Verb = Verb {
    claims: Claims::Anywhere,
    optional: &[&STATE, &MEMBERS, &GROUPS],
    about: "checks the last admin response: its first error or NONE, an offset, a group",
    ..claim(
        "expect response",
        "[ERROR] [PARTITION=OFFSET]",
        expect::response,
        "expect response NONE state=Stable members=2",
    )
};

pub(super) static COORDINATOR: Verb = Verb {
    optional: &[&GROUP],
    about: "checks which broker leads the group's partition of the offsets log, or `none`",
    ..claim("expect coordinator", "BROKER", expect::coordinator, "expect coordinator b1 group=g")
};
