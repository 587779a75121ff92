//! The values that a script's clients have received, and how responses show them.

use std::collections::BTreeMap;

use uuid::Uuid;

/// The state of one run of a script.
pub(super) struct Session {
    /// The group that `%` stands for; no other run uses it.
    group: String,
    /// The last values that each client received: its member id (`a.m`), generation or epoch
    /// (`a.g`), producer id (`a.pid`) and producer epoch (`a.pepoch`).
    remembered: BTreeMap<String, String>,
    /// The name of each member id: `a.1` is the first that `a` received.
    names: BTreeMap<String, String>,
    counts: BTreeMap<String, u32>,
    /// The names of topics, by the ids that Metadata returned.
    topics: BTreeMap<Uuid, String>,
}

impl Session {
    pub(super) fn new(group: String) -> Session {
        Session {
            group,
            remembered: BTreeMap::new(),
            names: BTreeMap::new(),
            counts: BTreeMap::new(),
            topics: BTreeMap::new(),
        }
    }

    pub(super) fn group(&self) -> &str {
        &self.group
    }

    /// The text that a value stands for: `@text` is literal, `$a.m` is the last member id that `a`
    /// received, `%` is the group, and `text~300` is padded with x to 300 bytes.
    pub(super) fn value(&self, written: &str) -> String {
        if let Some(name) = written.strip_prefix('$') {
            return self.remembered.get(name).cloned().unwrap_or_default();
        }
        let text = written.strip_prefix('@').unwrap_or(written).replace('%', &self.group);
        let padded = text.rsplit_once('~').and_then(|(head, size)| {
            let size: usize = size.parse().ok()?;
            Some(format!("{head}{}", "x".repeat(size.saturating_sub(head.len()))))
        });
        padded.unwrap_or(text)
    }

    pub(super) fn remembered(&self, client: &str, what: &str) -> Option<&str> {
        self.remembered.get(&format!("{client}.{what}")).map(String::as_str)
    }

    pub(super) fn remember(&mut self, client: &str, what: &str, value: impl ToString) {
        self.remembered.insert(format!("{client}.{what}"), value.to_string());
    }

    pub(super) fn know_topic(&mut self, id: Uuid, name: &str) {
        self.topics.insert(id, name.to_owned());
    }

    /// The name of a topic that a response names by its id.
    pub(super) fn topic(&self, id: Uuid) -> &str {
        self.topics.get(&id).map_or("?", String::as_str)
    }

    /// The id of a topic, nil if Metadata has not returned it.
    pub(super) fn topic_id(&self, name: &str) -> Uuid {
        let known = self.topics.iter().find(|(_, known)| *known == name);
        known.map_or(Uuid::nil(), |(id, _)| *id)
    }

    /// Names a member id after the client that receives it, if it has no name yet.
    pub(super) fn name(&mut self, client: &str, member: &str) -> String {
        if member.is_empty() {
            return "-".to_owned();
        }
        if let Some(name) = self.names.get(member) {
            return name.clone();
        }
        let count = self.counts.entry(client.to_owned()).or_insert(0);
        *count += 1;
        let name = format!("{client}.{count}");
        self.names.insert(member.to_owned(), name.clone());
        name
    }

    /// The name of a member id; `?` for one that no client has received.
    pub(super) fn shown<'s>(&'s self, member: &str) -> &'s str {
        match member {
            "" => "-",
            member => self.names.get(member).map_or("?", String::as_str),
        }
    }

    /// A group id or key in a form that is the same in every run. A long one is truncated.
    pub(super) fn group_name(&self, id: &str) -> String {
        const LONGEST: usize = 40;
        let shown = id.replace(&self.group, "%");
        match shown.len() > LONGEST {
            true => format!("{}~{}", head(&shown, 8), id.len()),
            false => shown,
        }
    }

    /// Text of a response without the name of this run's group, and with long paddings truncated.
    pub(super) fn steady(&self, text: &str) -> String {
        const SHOWN: usize = 4;
        let (mut steady, mut run) = (String::new(), 0);
        for c in text.replace(&self.group, "%").chars() {
            if c == 'x' {
                run += 1;
                if run <= SHOWN {
                    steady.push(c);
                }
                continue;
            }
            if run > SHOWN {
                steady.push('~');
            }
            run = 0;
            steady.push(c);
        }
        steady
    }
}

/// The first bytes of a text, up to a character boundary.
pub(super) fn head(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// The client that a connection belongs to: `a_2` is another connection of `a`.
pub(super) fn client_of(conn: &str) -> &str {
    conn.split('_').next().unwrap_or(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_refer_to_the_group_to_received_values_and_to_a_length() {
        let mut session = Session::new("g-17".to_owned());
        session.remember("a", "m", "a-member");
        let values = ["$a.m", "$a.g", "@", "@$a.m", "%-2", "k~4", "%~6", "t~x", ""];
        let values = values.map(|written| session.value(written));
        assert_eq!(values, ["a-member", "", "", "$a.m", "g-17-2", "kxxx", "g-17xx", "t~x", ""]);
    }

    #[test]
    fn member_ids_are_named_in_the_order_of_receipt() {
        let mut session = Session::new("g".to_owned());
        assert_eq!(session.name("a", "x"), "a.1");
        assert_eq!(session.name("b", "x"), "a.1");
        assert_eq!(session.name("a", "y"), "a.2");
        assert_eq!([session.shown("y"), session.shown("z"), session.shown("")], ["a.2", "?", "-"]);
    }

    #[test]
    fn texts_do_not_depend_on_the_run() {
        let session = Session::new("run-1-of-it".to_owned());
        assert_eq!(session.steady("run-1-of-it: xxxxxxxx, xxxx"), "%: xxxx~, xxxx");
        let long = format!("run-1-of-it{}", "y".repeat(60));
        assert_eq!(session.group_name(&long), "%yyyyyyy~71");
        assert_eq!(head("aé", 2), "a");
    }
}
