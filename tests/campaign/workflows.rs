//! Checks the workflows and scripts of the CI: what they call exists, and a campaign runs.

use super::*;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

const WORKFLOWS: [&str; 2] =
    [".github/workflows/pull-request.yml", ".github/workflows/nightly.yml"];
const OTHERS: [&str; 3] = [".ci/campaign-job.yaml", ".ci/Dockerfile", ".ci/kubernetes"];
const SCRIPTS: [&str; 3] = [".ci/run", ".ci/pull-request", ".ci/campaign"];

/// The words of a text that name a file under `.ci`.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let word =
        |letter: char| !(letter.is_alphanumeric() || matches!(letter, '.' | '/' | '-' | '_'));
    text.split(word).filter(|word| word.starts_with(".ci/") && word.len() > 4)
}

#[test]
fn every_script_that_a_workflow_names_exists() {
    for file in WORKFLOWS.iter().chain(&OTHERS).chain(&SCRIPTS) {
        let text = read(file);
        let mut names = named(&text).peekable();
        assert!(names.peek().is_some() || *file == ".ci/run", "{file} names no script");
        for name in names {
            let path = root().join(name.trim_end_matches('.'));
            assert!(path.is_file(), "{file} names {name}, which does not exist");
        }
    }
}

/// Workflows run scripts of `.ci` only, except to set up a machine.
#[test]
fn workflows_run_only_scripts_that_run_locally_too() {
    for file in WORKFLOWS {
        let text = read(file);
        let commands = text
            .lines()
            .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("run: "));
        for command in commands {
            let ours = command.starts_with(".ci/");
            let setting_up = ["rustup update stable", "chmod +x bin/groupsim"].contains(&command);
            assert!(ours || setting_up, "{file} runs `{command}`, which is no script of .ci");
        }
    }
}

/// Each subcommand of `.ci/campaign` that a file uses exists.
#[cfg(unix)]
#[test]
fn the_subcommands_of_a_campaign_exist() {
    let script = read(".ci/campaign");
    for file in [WORKFLOWS[1], OTHERS[0]] {
        let text = read(file).replace(['"', ',', ']'], "");
        let parts = text.split(".ci/campaign ").skip(1);
        let parts: Vec<&str> = parts.filter_map(|rest| rest.split_whitespace().next()).collect();
        assert!(parts.contains(&"shard") && parts.contains(&"merge"), "{file}: {parts:?}");
        for part in parts {
            assert!(
                script.contains(&format!("\n#   .ci/campaign {part} ")),
                "{file} uses the subcommand {part}, which does not exist"
            );
        }
    }
    let wrong =
        Command::new(root().join(".ci/campaign")).arg("dream").output().expect("bash starts");
    assert_eq!(wrong.status.code(), Some(2));
}

/// The options of every `groupsim VERB --option …` in the scripts exist.
#[test]
fn the_options_that_scripts_use_exist() {
    let mut seen = 0;
    for file in SCRIPTS {
        let text = read(file).replace("\\\n", " ");
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let verb = ["swarm", "report merge"].into_iter().find(|verb| {
                line.contains(&format!(" {verb} -")) || line.contains(&format!(" {verb} \""))
            });
            let Some(verb) = verb else { continue };
            let help = text_of_help(verb);
            let options = line
                .split([' ', '"', '(', ')', '}'])
                .filter(|word| word.starts_with("--") && word.len() > 2);
            for option in
                options.filter(|option| !["--locked", "--release", "--cached"].contains(option))
            {
                assert!(help.contains(option), "{file}: groupsim {verb} has no {option}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 10, "only {seen} options seen");
}

fn text_of_help(verb: &str) -> String {
    let help = output(&format!("{verb} --help"), &[]);
    assert_eq!(help.status.code(), Some(0));
    text(&help.stdout)
}

#[cfg(unix)]
#[test]
fn the_seeds_of_a_campaign_are_a_hash_of_its_name() {
    let seeds = |text: &str| {
        let output =
            Command::new(root().join(".ci/seeds")).arg(text).output().expect("bash starts");
        String::from_utf8(output.stdout).unwrap().trim().parse::<u64>()
    };
    assert_eq!(seeds("2026-01-01"), Ok(187_550_928_346_945));
    assert_ne!(seeds("2026-01-02"), seeds("2026-01-01"));
    assert!(seeds("").is_err());
}

/// A complete campaign of a few seconds with the local build: shards, canary, merge.
#[cfg(target_os = "linux")]
#[test]
fn a_short_campaign_runs_locally() {
    let (ledger, out) = (folder("ci"), folder("ci-out"));
    let campaign = |canary: &str| {
        Command::new(root().join(".ci/campaign"))
            .env("GROUPSIM", env!("CARGO_BIN_EXE_groupsim"))
            .envs([("CAMPAIGN", "2026-01-01"), ("SHARDS", "2"), ("TIME", "1s"), ("SHRINK", "1s")])
            .envs([("WORLDS", "default failover"), ("CANARY", canary)])
            .envs([("LEDGER", &ledger), ("OUT", &out)])
            .env_remove("GITHUB_STEP_SUMMARY")
            .output()
            .expect("bash starts")
    };
    let good = campaign(CANARY.0);
    let stdout = text(&good.stdout);
    assert_eq!(good.status.code(), Some(0), "{stdout}{}", text(&good.stderr));
    assert!(stdout.contains("# The campaign held") && out.join("summary.md").is_file(), "{stdout}");
    let ledgers = merged(&ledger).ledgers.len();
    assert_eq!(ledgers, 5, "two shards of two profiles, and the canary");
    assert!(merged(&ledger).missing().is_empty());

    let mistyped = campaign("comits-ahead");
    assert_eq!(mistyped.status.code(), Some(2), "{}", text(&mistyped.stdout));
}

/// There is one machine for each shard and one for the canary; otherwise some seeds would not be run.
#[test]
fn there_are_as_many_machines_as_shards_and_a_canary() {
    let behind = |text: &str, key: &str| {
        let value = text.split(key).nth(1).unwrap_or_else(|| panic!("no {key} in\n{text}"));
        value.lines().next().expect("a value").trim_matches([' ', '"', '}']).to_owned()
    };
    let number = |text: &str, key: &str| behind(text, key).parse::<usize>().expect(key);
    let workflow = read(WORKFLOWS[1]);
    let machines: Vec<String> =
        (0..=number(&workflow, "SHARDS: ")).map(|i| i.to_string()).collect();
    assert_eq!(behind(&workflow, "shard: ["), format!("{}]", machines.join(", ")));
    let job = read(OTHERS[0]);
    let shards = number(&job, "name: SHARDS, value: ");
    let pods =
        ["completions: ", "parallelism: ", "maxFailedIndexes: "].map(|key| number(&job, key));
    assert_eq!(pods, [shards + 1; 3]);
}
