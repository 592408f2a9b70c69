//! What the documentation shows works: commands, run files, links, generated pages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use cryptobot_docs::{Block, Shown, blocks, is_as_shown};

/// Commands that are shown in `sh` blocks and not run here: they fetch or build this repository (`.ci/run` runs `make
/// demo`, `make lint` and `make test` themselves), or install tools.
const NOT_RUN: [&str; 14] = [
    "git clone URL cryptobot-pro",
    "cd cryptobot-pro",
    "make demo",
    "make test",
    "make build",
    "make lint",
    "make optimised",
    "make bench",
    "make campaign",
    "make fuzz",
    "make docs",
    "make clean",
    ".ci/run",
    "rustup target add wasm32-unknown-unknown",
];

const PLUGINS: [&str; 8] = [
    "arbitrage-scout",
    "breakout",
    "buy-and-hold",
    "guarded-flip",
    "mean-reversion",
    "signal-flip",
    "sma-flip",
    "trend",
];

/// Ends what one command printed, together with its exit code.
const MARK: char = '\u{1e}';

fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

/// README, CONTRIBUTING and all pages of the book, by path below the root.
fn pages() -> Vec<(String, String)> {
    let mut paths = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    collect(&root().join("docs/src"), &mut paths);
    paths.sort();
    let page = |path: &PathBuf| {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        (name, fs::read_to_string(path).unwrap())
    };
    paths.iter().map(page).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
}

/// The release build of `host`: named by `CRYPTOBOT_HOST_RELEASE`, or built here.
fn host() -> &'static Path {
    static HOST: OnceLock<PathBuf> = OnceLock::new();
    HOST.get_or_init(|| {
        if let Some(host) = env::var_os("CRYPTOBOT_HOST_RELEASE") {
            return PathBuf::from(host);
        }
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        run(Command::new("cargo")
            .args(["build", "--release", "--package", "host"])
            .env("CARGO_TARGET_DIR", &target));
        target.join("release/host")
    })
}

/// What pages take for granted: a folder with built plugins, the sample and the example configurations.
fn prepared() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documentation");
        fs::create_dir_all(&folder).unwrap();
        // `host doctor` would tell of what another version has compiled.
        let compiled = folder.join("cache");
        if compiled.exists() {
            fs::remove_dir_all(&compiled).unwrap();
        }
        run(Command::new(host()).args(["data", "generate", "--out"]).arg(folder.join("data")));
        for plugin in PLUGINS {
            run(Command::new(host())
                .args(["plugin", "build", &format!("plugins/{plugin}"), "--out"])
                .arg(folder.join("plugins/dist")));
        }
        folder
    })
}

fn run(command: &mut Command) {
    let output = command.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An empty folder for one page, with links to what is prepared.
fn scratch(page: &str) -> PathBuf {
    let folder = prepared().join("pages").join(page.replace('/', "-"));
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(folder.join("plugins")).unwrap();
    let link = |from: PathBuf, to: &str| std::os::unix::fs::symlink(from, folder.join(to)).unwrap();
    link(prepared().join("plugins/dist"), "plugins/dist");
    link(prepared().join("data"), "data");
    link(root().join("config"), "config");
    folder
}

/// Runs the commands of a block in one shell. Answers what each printed, and its exit code.
fn play(commands: &[Shown], folder: &Path) -> Vec<(String, i32)> {
    let mut script = String::from("exec 2>&1\n");
    for shown in commands {
        writeln!(script, "{}\nprintf '{MARK}%d\\n{MARK}' $?", shown.command).unwrap();
    }
    let mut path = host().parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(env::var_os("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder)
        .env("PATH", path)
        .env("XDG_CACHE_HOME", prepared().join("cache"))
        .env("XDG_DATA_HOME", prepared().join("share"))
        .env("CRYPTOBOT_ACCEPTED", folder.join("accepted"))
        .env("CARGO_TARGET_DIR", prepared().join("target"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let parts: Vec<&str> = text.split(MARK).collect();
    parts.chunks_exact(2).map(|part| (part[0].to_owned(), part[1].trim().parse().unwrap())).collect()
}

/// The block's commands, with the recorded data in place of `--data DIR`; `None` where they are absent.
fn playable(block: &Block) -> Option<Vec<Shown>> {
    let mut commands = block.commands();
    if block.needs_recorded_data() {
        let data = root().join("../shared/data");
        if !data.is_dir() {
            return None;
        }
        for shown in &mut commands {
            shown.command = shown.command.replace("--data DIR", &format!("--data {}", data.display()));
        }
    }
    Some(commands)
}

#[test]
fn every_command_shown_does_what_is_shown() {
    let (mut count, mut wrong) = (0, Vec::new());
    for (page, text) in pages() {
        let shown: Vec<Block> =
            blocks(&text).into_iter().filter(|block| block.language == "console").collect();
        if shown.is_empty() {
            continue;
        }
        let folder = scratch(&page);
        for block in shown {
            let place = format!("{page}:{}", block.line);
            let Some(commands) = playable(&block) else {
                println!("skipped: {place}: no recorded data beside the repository");
                continue;
            };
            assert!(!commands.is_empty(), "{place}: a console block without a command");
            let results = play(&commands, &folder);
            assert_eq!(results.len(), commands.len(), "{place}: the shell ended early");
            for (index, (shown, (printed, code))) in commands.iter().zip(&results).enumerate() {
                let expected = if index + 1 == commands.len() { block.exit_code() } else { 0 };
                let as_shown = shown.output.is_empty() || is_as_shown(printed, &shown.output);
                if *code != expected || !as_shown {
                    wrong.push(format!(
                        "{place}: $ {}\nexit code {code}, expected {expected}\n{printed}\nshown:\n{}",
                        shown.command, shown.output
                    ));
                }
                count += 1;
            }
        }
    }
    println!("{count} commands");
    assert!(count > 0);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A Python of the name in `CRYPTOBOT_PYTHON` runs what is shown, after the commands of the page; where it lacks packages,
/// the snippet is shown and not run.
#[test]
fn every_python_snippet_shown_runs() {
    let python = env::var_os("CRYPTOBOT_PYTHON").unwrap_or_else(|| "python3".into());
    for (page, text) in pages() {
        let (snippets, others): (Vec<Block>, Vec<Block>) =
            blocks(&text).into_iter().partition(|block| block.language == "python");
        for snippet in &snippets {
            let imports: Vec<&str> =
                snippet.text.lines().filter(|line| line.starts_with("import ")).collect();
            let there =
                Command::new(&python).args(["-c", &imports.join("\n")]).stderr(Stdio::null()).status();
            if !there.is_ok_and(|status| status.success()) {
                println!("skipped: {page}:{}: no Python with `{}`", snippet.line, imports.join("`, `"));
                continue;
            }
            let folder = scratch(&format!("{page}-python"));
            for block in others.iter().filter(|block| block.language == "console") {
                play(&block.commands(), &folder);
            }
            run(Command::new(&python)
                .args(["-c", &format!("import os; os.chdir({folder:?})\n{}", snippet.text)]));
        }
    }
}

#[test]
fn what_is_shown_and_not_run_is_listed() {
    for (page, text) in pages() {
        for block in blocks(&text).iter().filter(|block| block.language == "sh") {
            for line in block.text.lines() {
                let command = line.split(" #").next().unwrap().trim();
                assert!(
                    command.is_empty() || NOT_RUN.contains(&command),
                    "{page}:{}: `{command}` is not run by any test; use a console block",
                    block.line
                );
            }
        }
    }
}

#[test]
fn every_run_file_shown_is_valid() {
    let folder = prepared().join("run-files");
    fs::create_dir_all(&folder).unwrap();
    let mut count = 0;
    for (page, text) in pages() {
        for block in blocks(&text).iter().filter(|block| block.language == "yaml") {
            let mut content = block.text.clone();
            if !content.lines().any(|line| line.starts_with("bots:")) {
                content.push_str("bots: {any: {plugin: trend}}\n");
            }
            let file = folder.join(format!("{}-{}.yaml", page.replace('/', "-"), block.line));
            fs::write(&file, content).unwrap();
            let output = Command::new(host()).args(["config", "check"]).arg(&file).output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{page}:{}: {error}", block.line);
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn generated_pages_are_up_to_date() {
    let generated = [
        (vec!["reference"], "docs/src/reference/commands.md"),
        (vec!["config", "schema"], "config/run.schema.json"),
    ];
    for (arguments, file) in generated {
        let output = Command::new(host()).args(&arguments).output().unwrap();
        assert!(output.status.success());
        let stored = fs::read(root().join(file)).unwrap();
        assert!(output.stdout == stored, "{file} is stale: run `make docs`");
    }
}

#[test]
fn the_book_has_every_page() {
    let summary = fs::read_to_string(root().join("docs/src/SUMMARY.md")).unwrap();
    for (page, _) in pages() {
        if let Some(page) = page.strip_prefix("docs/src/").filter(|page| *page != "SUMMARY.md") {
            assert!(summary.contains(&format!("({page})")), "docs/src/SUMMARY.md lacks {page}");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for (page, text) in pages() {
        let folder = root().join(&page).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { root().join(&page) } else { folder.join(file) };
            let found = if anchor.is_empty() {
                file.exists()
            } else {
                fs::read_to_string(&file).is_ok_and(|text| anchors(&text).any(|name| name == anchor))
            };
            if !found {
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The anchors of a page's headings, as mdBook names them.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}
