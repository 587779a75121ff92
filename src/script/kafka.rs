//! Kafka settings and their equivalents in the sim language, for users who write
//! `max.poll.interval.ms` out of habit.

use std::time::Duration;

use crate::time::Pretty;

use super::options::Described;
use super::verbs::{self, Verb};

/// The equivalent of a Kafka setting in the sim language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Equivalent {
    /// The option of this name.
    Option(&'static str),
    /// There is none, for this reason.
    None(&'static str),
}

use Equivalent::{None as Not, Option as Is};

/// Kafka settings, those of consumers first, and their equivalents.
pub(super) const NAMES: &[(&str, Equivalent)] = &[
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
            "is always true: a consumer commits every `autocommit=`, before it revokes partitions, and \
             when it closes",
        ),
    ),
    (
        "auto.offset.reset",
        Not(
            "is always earliest: without a committed offset a consumer starts at the earliest record \
             (Kafka's default is latest)",
        ),
    ),
    (
        "transactional.id",
        Not("is not supported: `txn-commit` and `end-txn` identify a producer by `producer=`"),
    ),
    ("isolation.level", Not("is always read_uncommitted: no record is part of a transaction")),
    (
        "retry.backoff.ms",
        Not("is fixed: 100ms, doubled with each failure up to retry.backoff.max.ms"),
    ),
    ("retry.backoff.max.ms", Not("is fixed: 1s, Kafka's default")),
    ("group.id", Not("is the name after `group`, and the option `group=` of `join`")),
    ("client.id", Not("is the name after `join`")),
    ("bootstrap.servers", Not("is fixed: a consumer knows all brokers from the start")),
    ("group.protocol", Not("is always classic: the consumer protocol (KIP-848) is not supported")),
    (
        "group.remote.assignor",
        Not("belongs to the consumer protocol (KIP-848), which is not supported"),
    ),
    (
        "default.api.timeout.ms",
        Not("is not supported: the application only ever waits for records"),
    ),
    ("fetch.min.bytes", Not("is fixed: 1, Kafka's default")),
    ("fetch.max.bytes", Not("is fixed; `records=` limits the records that a poll returns")),
    (
        "max.partition.fetch.bytes",
        Not("is fixed; `records=` limits the records that a poll returns"),
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
    ("auto.create.topics.enable", Not("is always false: `topic` lines create topics")),
    ("unclean.leader.election.enable", Not("is always false: committed records are never lost")),
    (
        "min.insync.replicas",
        Not(
            "is not supported, because replicas are not simulated: `stall` and `refuse` have the effects \
             of too few replicas",
        ),
    ),
];

/// Finds a Kafka setting in any spelling: `max.poll.interval`, `max_poll_interval_ms` and
/// `maxPollIntervalMs` are the same.
pub(super) fn find(name: &str) -> Option<(&'static str, Equivalent)> {
    let bare = bare(name);
    NAMES.iter().find(|(known, _)| self::bare(known) == bare).copied()
}

fn bare(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
    let letters: String = letters.collect();
    // The unit is ignored: in the sim language each value has its own.
    let unit = ["ms", "minutes"].into_iter().find_map(|unit| letters.strip_suffix(unit));
    unit.map_or_else(|| letters.clone(), str::to_owned)
}

/// The hint for a Kafka setting with a value, written as an option of `verb`. `None` for other
/// names.
pub(super) fn hint(verb: Option<&Verb>, name: &str, value: &str) -> Option<String> {
    let (kafka, equivalent) = find(name)?;
    Some(match equivalent {
        Not(reason) => format!("{kafka} {reason}"),
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

/// The text `` `session` here, an option of `group` and `join` ``.
pub(super) fn option_of(option: &str) -> String {
    // `ask` takes fields of a request, not settings.
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

/// The value of a Kafka setting in the syntax of the sim language.
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

/// The assignor of a Kafka class name, with or without its package.
pub(super) fn assignor(class: &str) -> Option<&'static str> {
    match class.rsplit('.').next().unwrap_or(class) {
        "RangeAssignor" => Some("range"),
        "RoundRobinAssignor" => Some("roundrobin"),
        "StickyAssignor" => Some("sticky"),
        "CooperativeStickyAssignor" => Some("cooperative-sticky"),
        _ => None,
    }
}

/// The Kafka setting that an option is equivalent to, if any.
pub(super) fn name_of(option: &dyn Described) -> Option<&'static str> {
    let is = |equivalent: &Equivalent| *equivalent == Is(option.name());
    NAMES
        .iter()
        .find(|(name, equivalent)| is(equivalent) && option.about().contains(name))
        .map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb(name: &str) -> &'static Verb {
        verbs::all().find(|verb| verb.name == name).expect("a verb of that name")
    }

    fn hinted(taker: &str, name: &str, value: &str) -> String {
        hint(Some(verb(taker)), name, value).unwrap_or_default()
    }

    #[test]
    fn a_kafka_setting_is_recognised_in_any_spelling() {
        for name in ["max.poll.interval", "max_poll_interval_ms", "maxPollIntervalMs"] {
            let expected = "max.poll.interval.ms is `rebalance` here: write rebalance=5m";
            assert_eq!(hinted("group", name, "300000"), expected);
        }
        let classes = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor,RangeAssignor";
        let strategy = hinted("join", "partition.assignment.strategy", classes);
        assert!(strategy.ends_with("write assignor=cooperative-sticky,range"), "{strategy}");
        assert!(
            hinted("broker", "offsets.retention.minutes", "10080").ends_with("retention=10080m")
        );
    }

    #[test]
    fn the_hint_for_a_setting_on_the_wrong_line_names_the_right_verb() {
        let size = hinted("group", "group.max.size", "3");
        assert_eq!(size, "group.max.size is `max-size` here, an option of `broker`");
        let session = hinted("broker", "session.timeout.ms", "10000");
        assert_eq!(
            session,
            "session.timeout.ms is `session` here, an option of `group` and `join`"
        );
        assert!(hinted("group", "enable.auto.commit", "false").contains("is always true"));
        assert_eq!(hinted("group", "colour", "red"), "");
    }

    #[test]
    fn every_equivalent_option_exists() {
        for (name, equivalent) in NAMES {
            let Is(option) = equivalent else { continue };
            assert!(verbs::all().any(|verb| verb.takes(option)), "{name}: no verb takes {option}");
        }
    }

    #[test]
    fn every_option_that_names_a_kafka_setting_is_its_equivalent() {
        let dotted = |word: &str| word.split('.').count() > 2 && !word.contains("..");
        for option in verbs::all().flat_map(Verb::options) {
            for name in option.about().split([' ', ',', ':', ';']).filter(|word| dotted(word)) {
                let found = find(name);
                assert_eq!(found, Some((name, Is(option.name()))), "{}", option.about());
            }
        }
    }
}
