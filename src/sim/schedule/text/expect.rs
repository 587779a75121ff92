//! Prints the expectations.

use std::fmt;

use super::super::{Expectation, ExpectedResponse};
use super::{Line, group_state_word, member_state_word, or_none};

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line::new("expect");
        match self {
            Expectation::Group { group, state, generation, members } => {
                line = line.word(group_state_word(*state));
                line.option("generation", *generation);
                line.option("members", *members);
                line.option("group", group.as_ref());
            }
            Expectation::Consumer { consumer, state, owns, generation } => {
                line = line.word(consumer);
                if let Some(state) = state {
                    line = line.word(member_state_word(*state));
                }
                line.option("owns", owns.as_ref().map(|owns| or_none(owns)));
                line.option("generation", *generation);
            }
            Expectation::Committed { group, partition, offset } => {
                line = line.word("committed").word(format_args!("{partition}={offset}"));
                line.option("group", group.as_ref());
            }
            Expectation::Response(response) => {
                line = response_options(line.word("response"), response);
            }
            Expectation::Coordinator { group, broker } => {
                let none = || "none".to_owned();
                let broker = broker.map_or_else(none, |broker| broker.to_string());
                line = line.word("coordinator").word(broker);
                line.option("group", group.as_ref());
            }
            Expectation::Processed { partition, next } => {
                line = line.word("processed").word(format_args!("{partition}={next}"));
            }
        }
        line.write(f)
    }
}

fn response_options(line: Line, response: &ExpectedResponse) -> Line {
    let ExpectedResponse { error, state, members, groups, offset } = response;
    let offset = offset.as_ref().map(|(partition, offset)| format!("{partition}={offset}"));
    let mut line = line.maybe(error.as_ref()).maybe(offset);
    line.option("state", *state);
    line.option("members", *members);
    line.option("groups", groups.as_ref().map(|groups| or_none(groups)));
    line
}
