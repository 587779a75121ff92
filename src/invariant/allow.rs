//! Known violations that a run tolerates.

use std::str::FromStr;

use super::{Violation, names};

/// An invariant that may be violated, everywhere or in one group: `session`, `session:orders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    invariant: String,
    group: Option<String>,
}

impl Allow {
    /// Allows any invariant to be violated, also one of your own: everywhere, or in this group.
    pub fn new(invariant: impl Into<String>, group: Option<&str>) -> Allow {
        Allow { invariant: invariant.into(), group: group.map(str::to_owned) }
    }

    /// Whether this entry covers the violation.
    pub fn allows(&self, violation: &Violation) -> bool {
        let group = || violation.group.as_ref().map(|group| group.0.as_str());
        self.invariant == violation.invariant
            && self.group.as_deref().is_none_or(|allowed| group() == Some(allowed))
    }
}

/// Why an entry is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    /// No invariant has this name.
    UnknownInvariant(String),
    /// `session:`: the group's name is missing, so the entry would cover no violation.
    NoGroup(&'static str),
}

impl FromStr for Allow {
    type Err = NotAllowed;

    /// Parses `session` or `session:orders`; the invariant has to be one of this crate.
    fn from_str(text: &str) -> Result<Allow, NotAllowed> {
        let (name, group) = match text.split_once(':') {
            Some((name, group)) => (name, Some(group)),
            None => (text, None),
        };
        let known = names().into_iter().find(|known| *known == name);
        let invariant = known.ok_or_else(|| NotAllowed::UnknownInvariant(name.to_owned()))?;
        if group == Some("") {
            return Err(NotAllowed::NoGroup(invariant));
        }
        Ok(Allow::new(invariant, group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{GroupId, str_bytes};
    use crate::time::Time;

    #[test]
    fn an_invariant_is_allowed_to_be_violated_everywhere_or_in_one_group() {
        let of = |group: Option<&str>| Violation {
            invariant: "session",
            rule: "expired",
            group: group.map(|group| GroupId(str_bytes(group))),
            at: Time::ZERO,
            line: None,
            message: String::new(),
        };
        let everywhere: Allow = "session".parse().unwrap();
        assert!(everywhere.allows(&of(Some("g"))) && everywhere.allows(&of(None)));
        // A group's name may contain a colon.
        let one: Allow = "session:a:b".parse().unwrap();
        assert!(one.allows(&of(Some("a:b"))) && !one.allows(&of(Some("a"))));
        assert!(!one.allows(&of(None)));
        assert!(!"balance".parse::<Allow>().unwrap().allows(&of(Some("g"))));
        assert!(Allow::new("my-own", Some("a:b")) == Allow::new("my-own".to_owned(), Some("a:b")));
        let unknown = NotAllowed::UnknownInvariant("sesion".to_owned());
        assert_eq!("sesion:g".parse::<Allow>(), Err(unknown));
        assert_eq!("session:".parse::<Allow>(), Err(NotAllowed::NoGroup("session")));
    }
}
