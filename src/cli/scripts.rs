//! The sources of scripts: files, stdin, and the scripts that are built into the program.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::OnceLock;

use include_dir::{Dir, File};

use crate::script::{self, LoadError, suggest};
use crate::sim::schedule::Schedule;

use super::out::complain;
use super::run::print_error;

/// The directory that the built-in scripts come from.
pub const SIMS: &str = "sims";

static BUILT_IN: OnceLock<&'static Dir<'static>> = OnceLock::new();

/// Sets the built-in scripts, once.
pub fn set_built_in(sims: &'static Dir<'static>) {
    BUILT_IN.get_or_init(|| sims);
}

/// A built-in script.
#[derive(Clone, Debug)]
pub struct BuiltIn {
    /// The name, such as `cooperative/two-phases`.
    pub name: String,
    /// The text.
    pub text: &'static str,
}

/// The built-in scripts, sorted by name.
pub fn built_in() -> Vec<BuiltIn> {
    let mut found = Vec::new();
    if let Some(sims) = BUILT_IN.get() {
        collect(sims, &mut found);
    }
    found.sort_by(|a: &BuiltIn, b| a.name.cmp(&b.name));
    found
}

fn collect(folder: &'static Dir<'static>, found: &mut Vec<BuiltIn>) {
    found.extend(folder.files().filter_map(one));
    folder.dirs().for_each(|inner| collect(inner, found));
}

fn one(file: &'static File<'static>) -> Option<BuiltIn> {
    let name = file.path().to_str()?.strip_suffix(".sim")?.replace('\\', "/");
    Some(BuiltIn { name, text: file.contents_utf8()? })
}

/// Finds a built-in script by name, with or without its directory and its extension.
///
/// # Errors
///
/// If there is none or more than one: a message that suggests names.
pub fn find(name: &str) -> Result<BuiltIn, String> {
    let scripts = built_in();
    let bare = name.strip_prefix("./").unwrap_or(name);
    let bare = bare.strip_prefix("sims/").unwrap_or(bare);
    let bare = bare.strip_suffix(".sim").unwrap_or(bare);
    if let Some(script) = scripts.iter().find(|script| script.name == bare) {
        return Ok(script.clone());
    }
    let called = |script: &&BuiltIn| script.name.rsplit('/').next() == Some(bare);
    let those: Vec<&BuiltIn> = scripts.iter().filter(called).collect();
    match &those[..] {
        [one] => return Ok((*one).clone()),
        [] => {}
        many => {
            let names: Vec<&str> = many.iter().map(|script| script.name.as_str()).collect();
            return Err(format!("'{name}' is ambiguous: {}", names.join(" or ")));
        }
    }
    let names = scripts
        .iter()
        .flat_map(|script| [Some(script.name.as_str()), script.name.rsplit('/').next()]);
    let help = match suggest::nearest(bare, names.flatten()) {
        Some(near) => format!("did you mean {near}?"),
        None => "see `groupsim list`".to_owned(),
    };
    Err(format!("there is no built-in script '{bare}': {help}"))
}

/// A parsed script.
pub struct Script {
    /// The source as errors show it: a path or `stdin`.
    pub name: String,
    /// The text.
    pub text: String,
    /// The schedule.
    pub schedule: Schedule,
}

/// Loads a script from a file, from stdin for `-`, or from the built-in scripts if there is no such
/// file. Prints the error and returns `None` if that fails.
pub fn load(path: &Path) -> Option<Script> {
    let name = path.display().to_string();
    let (name, text) = if name == "-" {
        ("stdin".to_owned(), script::read_text_from(Path::new("stdin"), io::stdin().lock()))
    } else {
        match (path.exists(), find(&name)) {
            (false, Ok(script)) => {
                (format!("{SIMS}/{}.sim", script.name), Ok(script.text.to_owned()))
            }
            (false, Err(why)) => {
                let meant = format!("{name}.sim");
                let why = match Path::new(&meant).exists() {
                    true => format!("did you mean {meant}?"),
                    false => why,
                };
                complain(&format!("cannot read {name}: no such file; {why}"));
                return None;
            }
            (true, _) => (name, script::read_text(path)),
        }
    };
    match text.and_then(|text| parsed(name, text)) {
        Ok(script) => Some(script),
        Err(error) => {
            let styled = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            print_error(&if styled { error.styled() } else { error.to_string() });
            None
        }
    }
}

fn parsed(name: String, text: String) -> Result<Script, LoadError> {
    let schedule = script::parse(&name, &text).map_err(LoadError::Script)?;
    Ok(Script { name, text, schedule })
}
