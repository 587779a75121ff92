//! The help pages of the language, out of the table that drives the parser: all of it, and one verb.

use std::fmt::Write as _;

use super::kafka::{self, Here};
use super::options::Described;
use super::suggest;
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

`groupsim language WORD` tells more of a verb, an option or one of Kafka's settings.
";

const AT: &str = "\
at DURATION STEP
    runs until that time, counted from the start of the run, and then does the step
    example: at 12s pause c1
";

/// How wide the column of options is.
const WIDTH: usize = 32;

/// Every line the sim language has, what it does, and its options: what `groupsim language` prints.
pub fn language() -> String {
    let mut text = INTRODUCTION.to_owned();
    section(&mut text, "Settings", rows(|reader| matches!(reader, Reader::Setting(_))));
    section(&mut text, "Steps", rows(|reader| matches!(reader, Reader::Action(_))));
    section(&mut text, "Claims", verbs::EXPECT.into_iter());
    add(&mut text, format_args!("\nOptions, their defaults, and Kafka's where they are others"));
    options(&mut text, verbs::all().chain(verbs::EXPECT).flat_map(Verb::options));
    add(&mut text, format_args!("\nKafka's settings that are none here"));
    for (name, here) in kafka::NAMES {
        if let Here::Not(why) = here {
            wrapped(&mut text, &format!("  {name} "), why);
        }
    }
    text
}

/// What there is to say of one word: a verb, an option, or one of Kafka's settings. `groupsim language group`.
///
/// # Errors
///
/// What the word was most likely meant to be, when it is none of these.
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
        Some((name, Here::Not(why))) => Ok(format!("{name} {why}\n")),
        Some((name, Here::Option(option))) => {
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
    let near = suggest::translated(word).or_else(|| suggest::nearest(word, words));
    let help = near.map(|near| format!("did you mean `{near}`?"));
    format!("the sim language has no word '{word}': {}", help.unwrap_or_else(verbs))
}

fn every_option() -> impl Iterator<Item = &'static dyn Described> {
    verbs::all().chain(verbs::EXPECT).flat_map(Verb::options)
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

/// A verb with all its options.
fn page(verb: &Verb) -> String {
    let mut text = format!("{}\n    {}\n", verb.own_usage(), verb.about);
    add(&mut text, format_args!("    example: {}", verb.example));
    if verb.name == "join" {
        text.push_str(
            "    What is not said here is as its `group` line says, and else the default.\n",
        );
    }
    options(&mut text, verb.options());
    text
}

/// Each option once.
fn options<'a>(text: &mut String, all: impl Iterator<Item = &'a dyn Described>) {
    let mut told: Vec<(&str, &str)> = Vec::new();
    for option in all {
        let entry = (option.name(), option.about());
        if !told.contains(&entry) {
            told.push(entry);
            let usage = format!("  {:<WIDTH$}", format!("{}={}", option.name(), option.value()));
            wrapped(text, &usage, &format!("{}{}", option.about(), default(option)));
        }
    }
}

/// `, default 5s (Kafka's: 500ms)`
fn default(option: &dyn Described) -> String {
    let Some(default) = option.default() else { return String::new() };
    let kafka = option.kafka_default().map(|kafka| format!(" (Kafka's: {kafka})"));
    format!("; default: {default}{}", kafka.unwrap_or_default())
}

/// A line that begins with `head`, and goes on below the text that follows it where it is too long.
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
    fn every_word_has_a_page_of_its_own() {
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
    fn an_unknown_word_is_met_with_the_nearest_one() {
        assert!(language_of("partiton").unwrap_err().ends_with("did you mean `partition`?"));
        assert!(language_of("sesion").unwrap_err().ends_with("did you mean `session`?"));
        assert!(language_of("colour").unwrap_err().contains("the verbs are seed, network"));
    }

    #[test]
    fn a_default_that_is_not_kafkas_says_so() {
        let page = language_of("group").expect("a page");
        assert!(page.contains("fetch.max.wait.ms; default: 5s (Kafka's: 500ms)"), "{page}");
        assert!(page.contains("session.timeout.ms; default: 45s\n"), "{page}");
    }
}
