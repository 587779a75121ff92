//! Kafka's names of settings, for whoever writes `max.poll.interval.ms` out of habit: what each is called here,
//! or why there is no such setting.

use std::time::Duration;

use crate::time::Pretty;

use super::options::Described;
use super::verbs::{self, Verb};

/// What becomes of one of Kafka's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Here {
    /// It is this option.
    Option(&'static str),
    /// It is no option, for this reason.
    Not(&'static str),
}

use Here::{Not, Option as Is};

/// Kafka's names, those of consumers first, and what they are here.
pub(super) const NAMES: &[(&str, Here)] = &[
    ("session.timeout.ms", Is("session")),
    ("heartbeat.interval.ms", Is("heartbeat")),
    ("max.poll.interval.ms", Is("rebalance")),
    ("rebalance.timeout.ms", Is("rebalance")),
    ("max.poll.records", Is("records")),
    ("auto.commit.interval.ms", Is("autocommit")),
    ("request.timeout.ms", Is("request")),
    ("reconnect.backoff.ms", Is("reconnect-backoff")),
    ("reconnect.backoff.max.ms", Is("reconnect-backoff-max")),
    ("fetch.max.wait.ms", Is("fetch")),
    ("metadata.max.age.ms", Is("metadata")),
    ("partition.assignment.strategy", Is("assignor")),
    ("group.instance.id", Is("instance")),
    ("client.rack", Is("rack")),
    (
        "enable.auto.commit",
        Not(
            "is always true: a consumer commits every `autocommit=`, before it gives partitions up, and when \
             it closes",
        ),
    ),
    (
        "auto.offset.reset",
        Not(
            "is always earliest: without a committed offset a consumer begins at the earliest record (Kafka's \
             default is latest)",
        ),
    ),
    (
        "transactional.id",
        Not(
            "is not here: `txn-commit` and `end-txn` act for a producer, which they name by `producer=`",
        ),
    ),
    ("isolation.level", Not("is always read_uncommitted: no record is part of a transaction here")),
    (
        "retry.backoff.ms",
        Not("is fixed: 100ms, doubled with each failure up to retry.backoff.max.ms"),
    ),
    ("retry.backoff.max.ms", Not("is fixed: 1s, Kafka's default")),
    ("group.id", Not("is the name behind `group`, and `join` takes it as `group=`")),
    ("client.id", Not("is the name behind `join`")),
    ("bootstrap.servers", Not("is fixed: a consumer knows all brokers from the start")),
    ("group.protocol", Not("is always classic: the consumer protocol of KIP-848 is not here")),
    ("group.remote.assignor", Not("is of the consumer protocol (KIP-848), which is not here")),
    (
        "default.api.timeout.ms",
        Not("has no use here: the application waits for nothing but records"),
    ),
    ("fetch.min.bytes", Not("is fixed: 1, Kafka's default")),
    (
        "fetch.max.bytes",
        Not("is fixed; `records=` limits what the application is handed at a time"),
    ),
    (
        "max.partition.fetch.bytes",
        Not("is fixed; `records=` limits what the application is handed at a time"),
    ),
    ("group.initial.rebalance.delay.ms", Is("initial-delay")),
    ("group.min.session.timeout.ms", Is("min-session")),
    ("group.max.session.timeout.ms", Is("max-session")),
    ("group.max.size", Is("max-size")),
    ("offset.metadata.max.bytes", Is("metadata-max")),
    ("offsets.retention.minutes", Is("retention")),
    ("offsets.retention.check.interval.ms", Is("retention-check")),
    ("offsets.commit.timeout.ms", Is("write-timeout")),
    ("offsets.topic.num.partitions", Is("offsets-partitions")),
    ("group.coordinator.append.linger.ms", Is("linger")),
    ("broker.rack", Is("racks")),
    ("broker.session.timeout.ms", Is("detect")),
    ("num.partitions", Is("partitions")),
    ("auto.create.topics.enable", Not("is always false: topics come from `topic` lines")),
    ("unclean.leader.election.enable", Not("is always false: what is committed is never lost")),
    (
        "min.insync.replicas",
        Not(
            "has no use here, replicas are not simulated: `stall` and `refuse` do what too few of them do",
        ),
    ),
];

/// What one of Kafka's names is here, under whatever spelling: `max.poll.interval`, `max_poll_interval_ms` and
/// `maxPollIntervalMs` are one.
pub(super) fn find(name: &str) -> Option<(&'static str, Here)> {
    let bare = bare(name);
    NAMES.iter().find(|(known, _)| self::bare(known) == bare).copied()
}

fn bare(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
    let letters: String = letters.collect();
    // Whatever unit it is in: here each number has its own.
    let unit = ["ms", "minutes"].into_iter().find_map(|unit| letters.strip_suffix(unit));
    unit.map_or_else(|| letters.clone(), str::to_owned)
}

/// The answer to one of Kafka's names with a value, where `verb` was to take it; nothing for other names.
pub(super) fn answer(verb: Option<&Verb>, name: &str, value: &str) -> Option<String> {
    let (kafka, here) = find(name)?;
    Some(match here {
        Not(why) => format!("{kafka} {why}"),
        Is(option) => {
            let value = self::value(kafka, value);
            match verb {
                Some(verb) if verb.takes(option) => {
                    format!("{kafka} is `{option}` here: write {option}={value}")
                }
                _ => format!("{kafka} is {}", option_of(option)),
            }
        }
    })
}

/// `` `session` here, an option of `group` and `join` ``
pub(super) fn option_of(option: &str) -> String {
    // A bare request is no place for a setting.
    let takers = verbs::all().filter(|verb| verb.takes(option) && verb.name != "ask");
    let takers: Vec<String> = takers.map(|verb| format!("`{}`", verb.name)).collect();
    match &takers[..] {
        [] => format!("`{option}` here"),
        [one] => format!("`{option}` here, an option of {one}"),
        [others @ .., last] => {
            format!("`{option}` here, an option of {} and {last}", others.join(", "))
        }
    }
}

/// One of Kafka's values as it is written here.
fn value(kafka: &str, value: &str) -> String {
    let number = value.parse::<u32>().ok().map(u64::from);
    match number {
        Some(millis) if kafka.ends_with(".ms") => Pretty(Duration::from_millis(millis)).to_string(),
        Some(minutes) if kafka.ends_with(".minutes") => {
            Pretty(Duration::from_secs(60 * minutes)).to_string()
        }
        _ if kafka == "partition.assignment.strategy" => {
            let names = value.split(',').map(|class| assignor(class).unwrap_or(class));
            names.collect::<Vec<_>>().join(",")
        }
        _ => value.to_owned(),
    }
}

/// The assignor of one of Kafka's class names, with or without its package.
pub(super) fn assignor(class: &str) -> Option<&'static str> {
    match class.rsplit('.').next().unwrap_or(class) {
        "RangeAssignor" => Some("range"),
        "RoundRobinAssignor" => Some("roundrobin"),
        "StickyAssignor" => Some("sticky"),
        "CooperativeStickyAssignor" => Some("cooperative-sticky"),
        _ => None,
    }
}

/// Kafka's name of an option, if it is a setting of Kafka's.
pub(super) fn name_of(option: &dyn Described) -> Option<&'static str> {
    let is = |here: &Here| *here == Is(option.name());
    NAMES
        .iter()
        .find(|(name, here)| is(here) && option.about().contains(name))
        .map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb(name: &str) -> &'static Verb {
        verbs::all().find(|verb| verb.name == name).expect("a verb of that name")
    }

    fn told(taker: &str, name: &str, value: &str) -> String {
        answer(Some(verb(taker)), name, value).unwrap_or_default()
    }

    #[test]
    fn a_name_is_answered_in_whatever_spelling() {
        for name in ["max.poll.interval", "max_poll_interval_ms", "maxPollIntervalMs"] {
            let expected = "max.poll.interval.ms is `rebalance` here: write rebalance=5m";
            assert_eq!(told("group", name, "300000"), expected);
        }
        let classes = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor,RangeAssignor";
        let strategy = told("join", "partition.assignment.strategy", classes);
        assert!(strategy.ends_with("write assignor=cooperative-sticky,range"), "{strategy}");
        assert!(told("broker", "offsets.retention.minutes", "10080").ends_with("retention=10080m"));
    }

    #[test]
    fn a_name_on_the_wrong_line_is_sent_to_the_right_one() {
        let size = told("group", "group.max.size", "3");
        assert_eq!(size, "group.max.size is `max-size` here, an option of `broker`");
        let session = told("broker", "session.timeout.ms", "10000");
        assert_eq!(
            session,
            "session.timeout.ms is `session` here, an option of `group` and `join`"
        );
        assert!(told("group", "enable.auto.commit", "false").contains("is always true"));
        assert_eq!(told("group", "colour", "red"), "");
    }

    #[test]
    fn every_option_that_is_named_exists() {
        for (name, here) in NAMES {
            let Is(option) = here else { continue };
            assert!(verbs::all().any(|verb| verb.takes(option)), "{name}: no verb takes {option}");
        }
    }

    #[test]
    fn every_option_that_is_one_of_kafkas_says_so() {
        let dotted = |word: &str| word.split('.').count() > 2 && !word.contains("..");
        for option in verbs::all().flat_map(Verb::options) {
            for name in option.about().split([' ', ',', ':', ';']).filter(|word| dotted(word)) {
                let found = find(name);
                assert_eq!(found, Some((name, Is(option.name()))), "{}", option.about());
            }
        }
    }
}
