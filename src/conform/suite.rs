//! The scripts and recordings that come with the crate, and others from files.

use std::path::{Path, PathBuf};

use include_dir::{Dir, File, include_dir};

use super::recording::Recording;
use super::script::{Script, Settings, load, parse};

/// The scripts and recordings are compiled into the binary, so that an installed one has them.
static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/tests/conformance");

const SCRIPTS: &str = "scripts";

/// The folder of recordings that were made with the settings that the scripts presume.
const RECORDED: &str = "recorded";

/// The folders of recordings that were made with one more setting: its name, its value, the folder.
const RECORDED_WITH: [(&str, &str, &str); 1] =
    [("group.consumer.assignment.interval.ms", "0", "recorded-assignment-interval-0")];

/// A script and its recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The script's file, as messages show it.
    pub file: String,
    /// The script.
    pub script: Script,
    /// The responses of a real Kafka.
    pub recording: Option<Recording>,
    /// The settings of the recorded broker, beyond those that all scripts presume.
    pub settings: Settings,
    /// The scripts that precede it on the same broker.
    pub before: Vec<Script>,
}

/// The scripts that come with the crate, ordered by name. Each has its recording with these
/// settings if there is one, or else the recording with the settings that the script presumes.
///
/// # Panics
///
/// If one of them is malformed; a test prevents that.
pub fn embedded(settings: &Settings) -> Vec<Case> {
    let scripts = FOLDER.get_dir(SCRIPTS).expect("the folder of the scripts");
    let mut files: Vec<_> = scripts.files().collect();
    files.sort_by_key(|file| file.path());
    let cases = files.into_iter().map(|file| {
        let path = file.path().display().to_string();
        let script = embedded_script(file);
        let before = script.after.iter().map(|name| {
            let path = format!("{SCRIPTS}/{name}.txt");
            embedded_script(FOLDER.get_file(&path).unwrap_or_else(|| panic!("no {path}")))
        });
        let before = before.collect();
        let again = RECORDED_WITH.iter().find(|(name, value, _)| {
            settings.len() == 1 && settings.get(*name).is_some_and(|given| given == value)
        });
        let again = again.and_then(|(.., folder)| recording(folder, &script.name));
        let (recording, settings) = match again {
            Some(recording) => (Some(recording), settings.clone()),
            None => (recording(RECORDED, &script.name), script.presumes.clone()),
        };
        Case { file: path, script, recording, settings, before }
    });
    cases.collect()
}

fn embedded_script(file: &File<'_>) -> Script {
    let text = file.contents_utf8().unwrap_or_default();
    let path = file.path().display().to_string();
    parse(&path, text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn recording(folder: &str, script: &str) -> Option<Recording> {
    let path = format!("{folder}/{script}.txt");
    let text = FOLDER.get_file(&path)?.contents_utf8().unwrap_or_default();
    Some(Recording::parse(&path, text).unwrap_or_else(|error| panic!("{error}")))
}

/// Loads a script from a file, and its recording: `NAME.txt` in the folder `recorded` or, by
/// default, in a folder `recorded` beside the script or beside its folder.
///
/// # Errors
///
/// When one of them cannot be read or is malformed.
pub fn from_file(path: &Path, recorded: Option<&Path>) -> Result<Case, String> {
    let script = load(path).map_err(|error| error.to_string())?;
    let name = format!("{}.txt", script.name);
    let folders: Vec<PathBuf> = match recorded {
        Some(folder) => vec![folder.to_owned()],
        None => {
            let above = path.parent().into_iter();
            above.flat_map(|at| [at.join(RECORDED), at.join("..").join(RECORDED)]).collect()
        }
    };
    let found = folders.iter().map(|folder| folder.join(&name)).find(|path| path.exists());
    let recording = found.map(|path| Recording::load(&path)).transpose();
    let recording = recording.map_err(|error| format!("error: {error}"))?;
    let before = script.after.iter().map(|name| load(&path.with_file_name(format!("{name}.txt"))));
    let before = before.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let settings = script.presumes.clone();
    Ok(Case { file: path.display().to_string(), script, recording, settings, before })
}
