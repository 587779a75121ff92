//! The help page of the language, out of the table that drives the parser.

use std::fmt::Write as _;

use super::options::Described;
use super::verbs::{self, Reader, Verb};

const INTRODUCTION: &str = "\
A script is a list of lines: settings first, then steps, which happen in order.
`#` begins a comment. A step may begin with `at DURATION`: run until that time first.

DURATION  a number and a unit: 250ms, 10s, 2m (us, ms, s, m, h, d)
RANGE     two durations, like 1ms..5ms, or one for exactly that
RATE      10/s or 30/m
NODE      a consumer, or a broker: b0, b1, …
PARTITION a topic, a dash and a number, like orders-0
STATE     of a group: empty, preparing-rebalance, completing-rebalance, stable, dead;
          of a consumer: unjoined, preparing-rebalance, completing-rebalance, stable
";

/// Every line the sim language has, what it does, and its options: what `groupsim help language` prints.
pub fn language() -> String {
    let mut text = INTRODUCTION.to_owned();
    section(&mut text, "Settings", rows(|reader| matches!(reader, Reader::Setting(_))));
    section(&mut text, "Steps", rows(|reader| matches!(reader, Reader::Action(_))));
    section(&mut text, "Claims", verbs::EXPECT.into_iter());
    options(&mut text);
    text
}

fn rows(which: fn(&Reader) -> bool) -> impl Iterator<Item = &'static Verb> {
    verbs::all().filter(move |verb| which(&verb.reader))
}

fn section(text: &mut String, title: &str, rows: impl Iterator<Item = &'static Verb>) {
    add(text, format_args!("\n{title}"));
    for verb in rows {
        add(text, format_args!("  {}", verb.own_usage()));
        add(text, format_args!("      {}", verb.about));
        add(text, format_args!("      {}", verb.example));
    }
}

fn options(text: &mut String) {
    add(text, format_args!("\nOptions"));
    let mut told: Vec<(&str, &str)> = Vec::new();
    let all = verbs::all().chain(verbs::EXPECT).flat_map(Verb::options);
    for option in all.collect::<Vec<&dyn Described>>() {
        let entry = (option.name(), option.about());
        if !told.contains(&entry) {
            told.push(entry);
            let usage = format!("{}={}", option.name(), option.value());
            add(text, format_args!("  {usage:<26}{}", option.about()));
        }
    }
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a String does not fail");
}
