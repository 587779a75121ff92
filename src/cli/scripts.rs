//! Where scripts come from: files, stdin, and those that are in the program.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::OnceLock;

use include_dir::{Dir, File};

use crate::script::{self, LoadError, suggest};
use crate::sim::schedule::Schedule;

use super::out::complain;
use super::run::tell;

/// The folder that the scripts in the program come from.
pub const SIMS: &str = "sims";

static BUILT_IN: OnceLock<&'static Dir<'static>> = OnceLock::new();

/// Says which scripts are in the program.
pub fn put_in(sims: &'static Dir<'static>) {
    BUILT_IN.get_or_init(|| sims);
}

/// A script that is in the program.
#[derive(Clone, Debug)]
pub struct BuiltIn {
    /// What it is called: `cooperative/two-phases`.
    pub name: String,
    /// What it says.
    pub text: &'static str,
}

/// The scripts that are in the program, by name.
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

/// The script in the program of that name, with or without its folder and its ending.
///
/// # Errors
///
/// What it may have been meant to be, when there is none or more than one.
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
            return Err(format!("'{name}' may be {}", names.join(" or ")));
        }
    }
    let names = scripts
        .iter()
        .flat_map(|script| [Some(script.name.as_str()), script.name.rsplit('/').next()]);
    let help = match suggest::nearest(bare, names.flatten()) {
        Some(near) => format!("did you mean {near}?"),
        None => "`groupsim list` has their names".to_owned(),
    };
    Err(format!("no script '{bare}' in this program: {help}"))
}

/// A script that is about to be run.
pub struct Script {
    /// Where it is from, as errors show it.
    pub name: String,
    /// What it says.
    pub text: String,
    /// What it means.
    pub schedule: Schedule,
}

/// The script of a file, of stdin for `-`, or of the program where there is no such file; nothing after
/// telling what is wrong with it.
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
                complain(&format!("cannot read {name}: there is no such file; {why}"));
                return None;
            }
            (true, _) => (name, script::read_text(path)),
        }
    };
    match text.and_then(|text| parsed(name, text)) {
        Ok(script) => Some(script),
        Err(error) => {
            let styled = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            tell(&if styled { error.styled() } else { error.to_string() });
            None
        }
    }
}

fn parsed(name: String, text: String) -> Result<Script, LoadError> {
    let schedule = script::parse(&name, &text).map_err(LoadError::Script)?;
    Ok(Script { name, text, schedule })
}
