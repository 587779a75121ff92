//! Lines of a script into requests. A field that the version does not have is left alone.

pub(super) mod admin;
pub(super) mod consumer;
pub(super) mod group;
pub(super) mod offsets;
pub(super) mod txn;

use std::collections::BTreeMap;
use std::str::FromStr;

use kafka_protocol::messages::{GroupId, TopicName};

use super::session::{Session, client_of};
use crate::protocol::{StrBytes, str_bytes};

/// What a line asks for, and what its values refer to.
pub(super) struct Ask<'a> {
    pub session: &'a Session,
    pub conn: &'a str,
    pub version: i16,
    pub options: &'a BTreeMap<String, String>,
}

/// A topic with partitions and offsets.
type Places = (String, Vec<(i32, i64)>);

impl Ask<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }

    /// The value of an option as it is written.
    fn written(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    pub(super) fn given(&self, name: &str) -> Option<String> {
        self.written(name).map(|written| self.session.value(written))
    }

    pub(super) fn text(&self, name: &str, default: &str) -> StrBytes {
        self.given(name).map_or_else(|| str_bytes(default), StrBytes::from_string)
    }

    /// A text that is null when the option says so or is not there.
    pub(super) fn nullable(&self, name: &str) -> Option<StrBytes> {
        self.given(name).filter(|text| text != "null").map(StrBytes::from_string)
    }

    /// The default also stands for what nobody was told.
    pub(super) fn number<T: FromStr>(&self, name: &str, default: T) -> T {
        self.given(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.number(name, default)
    }

    /// The texts between semicolons, none of them for `@`.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let written = self.written(name)?;
        Some(match written {
            "@" => Vec::new(),
            written => written.split(';').map(|item| self.session.value(item)).collect(),
        })
    }

    /// The texts between plus signs.
    pub(super) fn joined(&self, name: &str) -> Option<Vec<StrBytes>> {
        let given = self.given(name)?;
        Some(given.split('+').filter(|item| !item.is_empty()).map(str_bytes).collect())
    }

    pub(super) fn group(&self) -> GroupId {
        GroupId(self.text("group", self.session.group()))
    }

    /// `groups=`, or the script's own.
    pub(super) fn groups(&self) -> Vec<GroupId> {
        let group = || vec![self.group().to_string()];
        let groups = self.list("groups").unwrap_or_else(group).into_iter();
        groups.map(|group| GroupId(StrBytes::from_string(group))).collect()
    }

    /// What the client was told last.
    fn told(&self, what: &str) -> Option<&str> {
        self.session.told(client_of(self.conn), what)
    }

    pub(super) fn member(&self) -> StrBytes {
        self.text("member", self.told("m").unwrap_or_default())
    }

    pub(super) fn generation(&self) -> i32 {
        let told = self.told("g").and_then(|told| told.parse().ok());
        self.number("gen", told.unwrap_or(-1))
    }

    /// The producer's id and epoch, as the options or InitProducerId say.
    pub(super) fn producer(&self) -> (i64, i16) {
        let said = |option: &str| self.given(option).or(self.told(option).map(str::to_owned));
        let id = said("pid").and_then(|id| id.parse().ok()).unwrap_or(-1);
        let epoch = said("pepoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        (id, epoch)
    }

    /// `parts=t:0=5;t:1;u:`, or the one of `topic=`, `partition=` and `offset=`. Neighbours of one
    /// topic go together, those with another topic in between do not; `u:` is a topic without
    /// partitions.
    pub(super) fn places(&self) -> Vec<Places> {
        let Some(items) = self.list("parts") else {
            let topic = self.text("topic", "t").to_string();
            return vec![(topic, vec![(self.number("partition", 0), self.number("offset", 1))])];
        };
        let mut places: Vec<Places> = Vec::new();
        for item in &items {
            let (place, offset) = item.split_once('=').unwrap_or((item, "1"));
            let (topic, partition) = place.split_once(':').unwrap_or((place, ""));
            if places.last().is_none_or(|(last, _)| last != topic) {
                places.push((topic.to_owned(), Vec::new()));
            }
            if let (Ok(partition), Some((_, partitions))) = (partition.parse(), places.last_mut()) {
                partitions.push((partition, offset.parse().unwrap_or(1)));
            }
        }
        places
    }

    /// The text that goes with an offset.
    pub(super) fn metadata(&self) -> Option<StrBytes> {
        match self.has("meta") {
            true => self.nullable("meta"),
            false => Some(StrBytes::from_string("x".repeat(self.number("metalen", 0)))),
        }
    }
}

pub(super) fn topic(name: &str) -> TopicName {
    TopicName(str_bytes(name))
}
