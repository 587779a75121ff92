//! The help pages of the sim language, generated from the table that drives the parser.

use std::fmt::Write as _;

use super::kafka::{self, Equivalent};
use super::options::Described;
use super::suggest;
use super::verbs::{self, Parser, Verb};

const INTRODUCTION: &str = "\
A script is a list of lines: first settings, then steps. Steps run in order.
`#` starts a comment. `at DURATION` before a step runs until that time first.

DURATION  a number and a unit: 250ms, 10s, 2m (us, ms, s, m, h, d)
RANGE     two durations, such as 1ms..5ms, or a single one
RATE      records per second or per minute: 10/s, 30/m
NODE      a consumer, or a broker: b0, b1, …
PARTITION a topic, a dash and a number, such as orders-0
STATE     of a group: empty, preparing-rebalance, completing-rebalance, stable, dead;
          of a consumer: unjoined, preparing-rebalance, completing-rebalance, stable

`groupsim language WORD` describes a verb, an option or a Kafka setting.
";

const AT: &str = "\
at DURATION STEP
    runs until that time, counted from the start of the run, then carries out the step
    example: at 12s pause c1
";

/// The width of the column of options.
const WIDTH: usize = 32;

/// The reference of the sim language, as `groupsim language` prints it: all verbs and options.
pub fn language() -> String {
    let mut text = INTRODUCTION.to_owned();
    section(&mut text, "Settings", rows(|parser| matches!(parser, Parser::Setting(_))));
    section(&mut text, "Steps", rows(|parser| matches!(parser, Parser::Action(_))));
    section(&mut text, "Expectations", verbs::EXPECT.into_iter());
    add(&mut text, format_args!("\nOptions, with their defaults (and Kafka's, if different)"));
    options(&mut text, verbs::all().chain(verbs::EXPECT).flat_map(Verb::options));
    add(&mut text, format_args!("\nKafka settings without an option"));
    for (name, equivalent) in kafka::NAMES {
        if let Equivalent::None(reason) = equivalent {
            wrapped(&mut text, &format!("  {name} "), reason);
        }
    }
    text
}

/// The description of a verb, an option or a Kafka setting, as `groupsim language group` prints it.
///
/// # Errors
///
/// If the word is none of these: a message that suggests the nearest one.
pub fn language_of(word: &str) -> Result<String, String> {
    let rows: Vec<&Verb> = verbs::all()
        .chain(verbs::EXPECT)
        .filter(|verb| verb.name == word || verb.name.split(' ').next() == Some(word))
        .collect();
    if !rows.is_empty() {
        return Ok(rows.into_iter().map(page).collect::<Vec<_>>().join("\n"));
    }
    if word == "at" {
        return Ok(AT.to_owned());
    }
    let of_that_name: Vec<&dyn Described> =
        every_option().filter(|opt| opt.name() == word).collect();
    if !of_that_name.is_empty() {
        let mut text =
            format!("{}\n", kafka::option_of(word).replace(" here, an option", ": an option"));
        options(&mut text, of_that_name.into_iter());
        return Ok(text);
    }
    match kafka::find(word) {
        Some((name, Equivalent::None(reason))) => Ok(format!("{name} {reason}\n")),
        Some((name, Equivalent::Option(option))) => {
            let mut text = format!("{name} is {}\n", kafka::option_of(option));
            let is_it = |opt: &&dyn Described| kafka::name_of(*opt) == Some(name);
            options(&mut text, every_option().filter(is_it));
            Ok(text)
        }
        None => Err(unknown(word)),
    }
}

fn unknown(word: &str) -> String {
    let options = every_option().map(Described::name);
    let names = kafka::NAMES.iter().map(|(name, _)| *name);
    let words: Vec<&str> = verbs::names().into_iter().chain(options).chain(names).collect();
    let verbs = || format!("the verbs are {}", verbs::names().join(", "));
    let near = suggest::synonym(word).or_else(|| suggest::nearest(word, words));
    let help = near.map(|near| format!("did you mean `{near}`?"));
    format!("the sim language has no word '{word}': {}", help.unwrap_or_else(verbs))
}

fn every_option() -> impl Iterator<Item = &'static dyn Described> {
    verbs::all().chain(verbs::EXPECT).flat_map(Verb::options)
}

fn rows(which: fn(&Parser) -> bool) -> impl Iterator<Item = &'static Verb> {
    verbs::all().filter(move |verb| which(&verb.parser))
}

fn section(text: &mut String, title: &str, rows: impl Iterator<Item = &'static Verb>) {
    add(text, format_args!("\n{title}"));
    for verb in rows {
        add(text, format_args!("  {}", verb.own_usage()));
        add(text, format_args!("      {}", verb.about));
        add(text, format_args!("      {}", verb.example));
    }
}

/// The page of a verb, with all its options.
fn page(verb: &Verb) -> String {
    let mut text = format!("{}\n    {}\n", verb.own_usage(), verb.about);
    add(&mut text, format_args!("    example: {}", verb.example));
    if verb.name == "join" {
        text.push_str(
            "    Options that are not given are inherited from the `group` line, then the defaults apply.\n",
        );
    }
    options(&mut text, verb.options());
    text
}

/// Adds a row for each distinct option.
fn options<'a>(text: &mut String, all: impl Iterator<Item = &'a dyn Described>) {
    let mut added: Vec<(&str, &str)> = Vec::new();
    for option in all {
        let entry = (option.name(), option.about());
        if !added.contains(&entry) {
            added.push(entry);
            let usage = format!("  {:<WIDTH$}", format!("{}={}", option.name(), option.value()));
            wrapped(text, &usage, &format!("{}{}", option.about(), default(option)));
        }
    }
}

/// The default, such as `; default: 5s (Kafka's: 500ms)`.
fn default(option: &dyn Described) -> String {
    let Some(default) = option.default() else { return String::new() };
    let kafka = option.kafka_default().map(|kafka| format!(" (Kafka's: {kafka})"));
    format!("; default: {default}{}", kafka.unwrap_or_default())
}

/// Adds `head` and `line`, wrapped and indented below the text after `head`.
fn wrapped(text: &mut String, head: &str, line: &str) {
    const LONGEST: usize = 110;
    let indent = head.chars().count().min(WIDTH + 2);
    let mut row = head.to_owned();
    for word in line.split(' ') {
        let is_new = row.trim().is_empty() || row.ends_with(' ');
        if !is_new && row.chars().count() + 1 + word.chars().count() > LONGEST {
            add(text, format_args!("{row}"));
            row = " ".repeat(indent);
        } else if !is_new {
            row.push(' ');
        }
        row.push_str(word);
    }
    add(text, format_args!("{row}"));
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_option_and_kafka_setting_has_a_page() {
        let names = kafka::NAMES.iter().map(|(name, _)| *name);
        let options = every_option().map(Described::name);
        for word in verbs::names().into_iter().chain(options).chain(names) {
            let page = language_of(word).unwrap_or_else(|why| panic!("{why}"));
            assert!(page.contains(word), "{word}: {page}");
        }
        for verb in verbs::all().chain(verbs::EXPECT) {
            let page = language_of(verb.name).expect("a page");
            assert!(page.contains(verb.example) && page.contains(verb.about), "{page}");
            for option in verb.options() {
                assert!(
                    page.contains(&format!("  {}={}", option.name(), option.value())),
                    "{page}"
                );
            }
        }
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_nearest_one() {
        assert!(language_of("partiton").unwrap_err().ends_with("did you mean `partition`?"));
        assert!(language_of("sesion").unwrap_err().ends_with("did you mean `session`?"));
        assert!(language_of("colour").unwrap_err().contains("the verbs are seed, network"));
    }

    #[test]
    fn a_default_that_differs_from_kafkas_shows_both() {
        let page = language_of("group").expect("a page");
        assert!(page.contains("fetch.max.wait.ms; default: 5s (Kafka's: 500ms)"), "{page}");
        assert!(page.contains("session.timeout.ms; default: 45s\n"), "{page}");
    }
}
