//! The table of the language: every verb, what follows it, what it does, and who reads it.
//!
//! Parsing, the errors that say what was expected and the help page all go by this table. Its rows are
//! in the order in which the help page lists them.

use crate::sim::schedule::{Action, Expectation, Schedule};

use super::args::Args;
use super::lexer::Piece;
use super::options::{
    AIM, ASSIGNOR, AUTOCOMMIT, BY, COMMIT, COUNT, Described, FETCH, GENERATION, GROUP, HEARTBEAT,
    INITIAL_DELAY, LATENCY, MEMBERS, NTH, OWNS, Options, PARTITION, PARTITIONS, PPM, PROCESS, RATE,
    REBALANCE, RECORDS, REQUEST, SESSION, TOPICS, VERSION, WITHIN,
};
use super::scope::Scope;
use super::{actions, expect, settings, values};

/// One row: a verb, or one of the forms of `expect`.
pub(super) struct Verb {
    /// The word, or words, it begins with.
    pub(super) name: &'static str,
    /// What stands for its operands in a usage line.
    pub(super) operands: &'static str,
    /// Whether the first operand is a claim `orders-0=5`, and so no option in spite of its `=`.
    pub(super) claims: bool,
    /// The options it cannot do without.
    required: Options,
    /// The others.
    optional: Options,
    /// What it does.
    pub(super) about: &'static str,
    /// How it is used; parses, after `topic`, `group` and `join` lines for the names in it.
    pub(super) example: &'static str,
    /// Who reads what follows it.
    pub(super) reader: Reader,
}

/// Who reads what follows a verb.
pub(super) enum Reader {
    /// A line above the first step.
    Setting(fn(&mut Args<'_>, &mut Schedule, &mut Scope)),
    /// A step.
    Action(fn(&mut Args<'_>, &mut Scope) -> Option<Action>),
    /// A step that claims something.
    Expect(fn(&mut Args<'_>, &mut Scope) -> Option<Expectation>),
}

impl Verb {
    /// Every option it takes, those it cannot do without first.
    pub(super) fn options(&self) -> impl Iterator<Item = &'static dyn Described> {
        self.required.iter().chain(self.optional).copied()
    }

    /// Whether it takes an option of that name.
    pub(super) fn takes(&self, option: &str) -> bool {
        self.options().any(|known| known.name() == option)
    }

    /// `clog NODE NODE by=DURATION`; for `expect`, whose forms begin alike, all of them.
    pub(super) fn usage(&self) -> String {
        match self.name {
            "expect" => EXPECT.map(Verb::own_usage).join("\n       "),
            _ => self.own_usage(),
        }
    }

    /// The usage of this row alone.
    pub(super) fn own_usage(&self) -> String {
        const MOST_OPTIONS: usize = 4;
        let mut words = vec![self.name.to_owned()];
        words.extend((!self.operands.is_empty()).then(|| self.operands.to_owned()));
        words.extend(self.required.iter().map(|opt| format!("{}={}", opt.name(), opt.value())));
        match self.optional {
            few if few.len() <= MOST_OPTIONS => {
                words.extend(few.iter().map(|opt| format!("[{}={}]", opt.name(), opt.value())));
            }
            _ => words.push("[OPTION=VALUE …]".to_owned()),
        }
        words.join(" ")
    }
}

/// The row that a line of these words goes by, and how many of them belong to the verb. Nothing when
/// there is no such verb.
pub(super) fn find(words: &[Piece<'_>]) -> Option<(&'static Verb, usize)> {
    let head = words.first()?.text;
    if head != "expect" {
        return ALL.iter().find(|verb| verb.name == head).map(|verb| (verb, 1));
    }
    let is_state = |word: &str| values::expect_words().any(|state| state == word);
    Some(match words.get(1).map(|claim| claim.text) {
        Some("committed") => (&EXPECT_COMMITTED, 2),
        Some("processed") => (&EXPECT_PROCESSED, 2),
        Some(word) if !is_state(word) && !word.contains('=') => (&EXPECT_CONSUMER, 1),
        Some(_) | None => (&EXPECT_GROUP, 1),
    })
}

/// The first words of all lines.
pub(super) fn names() -> Vec<&'static str> {
    ALL.iter().map(|verb| verb.name).chain(["expect", "at"]).collect()
}

/// Every row but those of `expect`.
pub(super) static ALL: &[Verb] = &[
    Verb {
        about: "the seed of all luck that the script leaves open; 0 when not said",
        ..setting("seed", "NUMBER", settings::seed, "seed 42")
    },
    Verb {
        optional: &[&LATENCY, &AIM],
        about: "how the network behaves",
        ..setting("network", "", settings::network, "network latency=1ms..20ms aim=20")
    },
    Verb {
        optional: &[&INITIAL_DELAY, &COMMIT],
        about: "how the broker is set",
        ..setting("broker", "", settings::broker, "broker initial-delay=0s commit=1ms..50ms")
    },
    Verb {
        required: &[&PARTITIONS],
        optional: &[&RATE],
        about: "a topic, and what the workload produces into it",
        ..setting("topic", "NAME", settings::topic, "topic payments partitions=4 rate=10/s")
    },
    Verb {
        optional: &[
            &TOPICS,
            &ASSIGNOR,
            &SESSION,
            &HEARTBEAT,
            &REBALANCE,
            &PROCESS,
            &RECORDS,
            &AUTOCOMMIT,
            &REQUEST,
            &FETCH,
            &VERSION,
        ],
        about: "a group, and what its consumers are set to where their `join` line says nothing",
        ..setting("group", "NAME", settings::group, "group g2 topics=orders session=10s")
    },
    Verb {
        optional: &[
            &GROUP,
            &TOPICS,
            &ASSIGNOR,
            &SESSION,
            &HEARTBEAT,
            &REBALANCE,
            &PROCESS,
            &RECORDS,
            &AUTOCOMMIT,
            &REQUEST,
            &FETCH,
            &VERSION,
        ],
        about: "starts a consumer, new or closed",
        ..action("join", "CONSUMER", actions::join, "join c3 group=g process=5ms")
    },
    Verb {
        about: "the application closes the consumer",
        ..action("leave", "CONSUMER", actions::leave, "leave c1")
    },
    Verb {
        about: "the process is gone at once, with its memory",
        ..action("crash", "CONSUMER", actions::crash, "crash c1")
    },
    Verb {
        about: "starts a crashed or closed consumer again, with the settings it had",
        ..action("restart", "CONSUMER", actions::restart, "restart c1")
    },
    Verb {
        about: "alive, but not running: a long garbage collection",
        ..action("pause", "NODE", actions::pause, "pause c1")
    },
    Verb { about: "ends a pause", ..action("resume", "NODE", actions::resume, "resume c1") },
    Verb {
        about: "cuts a link: both ways, or with `->` only what the first node sends",
        ..action("partition", "NODE [->] NODE", actions::partition, "partition c1 -> b0")
    },
    Verb { about: "ends a partition", ..action("heal", "NODE NODE", actions::heal, "heal c1 b0") },
    Verb {
        required: &[&BY],
        about: "everything on the link, both ways, takes that much longer",
        ..action("clog", "NODE NODE", actions::clog, "clog c1 b0 by=2s")
    },
    Verb { about: "ends a clog", ..action("unclog", "NODE NODE", actions::unclog, "unclog c1 b0") },
    Verb {
        about: "resets a consumer's connections, or one of bootstrap, coordinator, data",
        ..action("reset", "CONSUMER [CONNECTION]", actions::reset, "reset c1 coordinator")
    },
    Verb {
        optional: &[&NTH, &COUNT],
        about: "swallows messages of one API, either the `request` or the `response`",
        ..action("drop", "CONSUMER API SIDE", actions::drop, "drop c1 Heartbeat request nth=2")
    },
    Verb {
        required: &[&PPM],
        about: "from now on the node's clock runs that much fast, or slow",
        ..action("skew", "NODE", actions::skew, "skew c1 ppm=50000")
    },
    Verb {
        required: &[&PROCESS],
        about: "from now on the application takes this long for each record",
        ..action("slow", "CONSUMER", actions::slow, "slow c1 process=400s")
    },
    Verb {
        optional: &[&PARTITION, &COUNT],
        about: "produces records",
        ..action("produce", "TOPIC", actions::produce, "produce orders partition=0 count=10")
    },
    Verb {
        about: "lets time pass",
        ..action("advance", "DURATION", actions::advance, "advance 11s")
    },
    Verb {
        optional: &[&WITHIN],
        about: "runs until no rebalance is under way",
        ..action("settle", "", actions::settle, "settle within=90s")
    },
    Verb {
        optional: &[&WITHIN],
        about: "runs until every record in the logs has been processed",
        ..action("drain", "", actions::drain, "drain within=90s")
    },
    Verb {
        about: "faults are over, for the named consumers or for all; the workload stops",
        ..action("calm", "[CONSUMER …]", actions::calm, "calm c1 c2")
    },
];

/// The forms of `expect`.
pub(super) static EXPECT: [&Verb; 4] =
    [&EXPECT_GROUP, &EXPECT_CONSUMER, &EXPECT_COMMITTED, &EXPECT_PROCESSED];

static EXPECT_GROUP: Verb = Verb {
    optional: &[&GENERATION, &MEMBERS, &GROUP],
    about: "the group as its coordinator sees it",
    ..claim("expect", "STATE", expect::group, "expect stable generation=4 members=2")
};

static EXPECT_CONSUMER: Verb = Verb {
    optional: &[&OWNS, &GENERATION],
    about: "a consumer as it sees itself",
    ..claim(
        "expect",
        "CONSUMER [STATE]",
        expect::consumer,
        "expect c1 stable owns=orders-0,orders-1",
    )
};

static EXPECT_COMMITTED: Verb = Verb {
    claims: true,
    optional: &[&GROUP],
    about: "the committed offset; -1 for none",
    ..claim(
        "expect committed",
        "PARTITION=OFFSET",
        expect::committed,
        "expect committed orders-0=5",
    )
};

static EXPECT_PROCESSED: Verb = Verb {
    claims: true,
    about: "the records below this offset have been processed, and the next one has not",
    ..claim(
        "expect processed",
        "PARTITION=OFFSET",
        expect::processed,
        "expect processed orders-0=5",
    )
};

const fn setting(
    name: &'static str,
    operands: &'static str,
    read: fn(&mut Args<'_>, &mut Schedule, &mut Scope),
    example: &'static str,
) -> Verb {
    row(name, operands, Reader::Setting(read), example)
}

const fn action(
    name: &'static str,
    operands: &'static str,
    read: fn(&mut Args<'_>, &mut Scope) -> Option<Action>,
    example: &'static str,
) -> Verb {
    row(name, operands, Reader::Action(read), example)
}

const fn claim(
    name: &'static str,
    operands: &'static str,
    read: fn(&mut Args<'_>, &mut Scope) -> Option<Expectation>,
    example: &'static str,
) -> Verb {
    row(name, operands, Reader::Expect(read), example)
}

const fn row(
    name: &'static str,
    operands: &'static str,
    reader: Reader,
    example: &'static str,
) -> Verb {
    Verb { name, operands, claims: false, required: &[], optional: &[], about: "", example, reader }
}
