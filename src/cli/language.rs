//! `language`: describes the sim language.

use serde_json::json;

use crate::script;

use super::args;
use super::exit::Exit;
use super::out::{Failure, Out};

/// Prints the reference of the sim language, or the entries of single words.
pub fn language(args: &args::Language, out: &mut Out) -> Result<Exit, Failure> {
    let text = match &args.words[..] {
        [] => script::language(),
        // `expect committed` is one verb.
        words => match script::language_of(&words.join(" ")) {
            Ok(text) => text,
            Err(_) => {
                let pages = words.iter().map(|word| script::language_of(word));
                pages.collect::<Result<Vec<_>, _>>().map_err(Failure::Usage)?.join("\n")
            }
        },
    };
    out.line(text.trim_end())?;
    out.object(&json!({ "language": text }))?;
    Ok(Exit::Held)
}
