//! Compiled plugins are kept, and trusted only where nobody else can have touched them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use common::hostile;
use cryptobot_wasm::{CompileOutcome, Limits, Runtime, RuntimeConfig};

const COMPILED: CompileOutcome = CompileOutcome::Compiled { stored: true };
const NOT_STORED: CompileOutcome = CompileOutcome::Compiled { stored: false };

fn runtime(dir: &Path, strict: bool) -> Runtime {
    let config = RuntimeConfig { cache_dir: Some(dir.to_owned()), strict, ..RuntimeConfig::default() };
    Runtime::new(&config).unwrap()
}

fn load(dir: &Path) -> CompileOutcome {
    let plugin = runtime(dir, false).load_bytes(hostile()).unwrap();
    assert_eq!(
        plugin.describe(&Limits::default()).unwrap().name,
        "hostile",
        "a plugin works wherever it comes from"
    );
    plugin.compile_outcome()
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_second_start_does_not_compile() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("deep").join("compiled");
    assert_eq!(load(&dir), COMPILED);
    assert_eq!(load(&dir), CompileOutcome::Cached);
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(&entries(&dir)[0]).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn other_settings_have_other_entries() {
    let dir = tempfile::tempdir().unwrap();
    set_mode(dir.path(), 0o700);
    assert_eq!(load(dir.path()), COMPILED);
    assert_eq!(runtime(dir.path(), true).load_bytes(hostile()).unwrap().compile_outcome(), COMPILED);
    assert_eq!(entries(dir.path()).len(), 2);
    assert_eq!(load(dir.path()), CompileOutcome::Cached);
}

#[test]
fn damaged_entries_are_compiled_again() {
    let dir = tempfile::tempdir().unwrap();
    set_mode(dir.path(), 0o700);
    load(dir.path());
    let entry = entries(dir.path()).remove(0);
    let good = fs::read(&entry).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    for bad in [Vec::new(), good[..40].to_vec(), flipped(0), flipped(good.len() / 2), flipped(good.len() - 1)]
    {
        fs::write(&entry, bad).unwrap();
        assert_eq!(load(dir.path()), COMPILED);
        assert_eq!(fs::read(&entry).unwrap().len(), good.len());
        assert_eq!(load(dir.path()), CompileOutcome::Cached);
    }
}

#[test]
fn folders_that_others_may_write_to_are_not_used() {
    for mode in [0o770, 0o702, 0o777] {
        let dir = tempfile::tempdir().unwrap();
        set_mode(dir.path(), 0o700);
        load(dir.path());
        set_mode(dir.path(), mode);
        let runtime = runtime(dir.path(), false);
        let problem = runtime.cache_problem().unwrap();
        assert!(problem.contains("writable by nobody else"), "{problem}");
        assert_eq!(runtime.load_bytes(hostile()).unwrap().compile_outcome(), NOT_STORED);
    }
}

#[test]
fn entries_that_others_may_write_to_are_not_used() {
    let dir = tempfile::tempdir().unwrap();
    set_mode(dir.path(), 0o700);
    load(dir.path());
    set_mode(&entries(dir.path())[0], 0o666);
    assert_eq!(load(dir.path()), COMPILED);
    assert_eq!(load(dir.path()), CompileOutcome::Cached);
}

#[test]
fn symbolic_links_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    load(&real);
    let link = dir.path().join("link");
    symlink(&real, &link).unwrap();
    assert!(runtime(&link, false).cache_problem().is_some());

    let entry = entries(&real).remove(0);
    let moved = dir.path().join("elsewhere");
    fs::rename(&entry, &moved).unwrap();
    symlink(&moved, &entry).unwrap();
    assert_eq!(load(&real), COMPILED);
    assert!(fs::symlink_metadata(&entry).unwrap().is_file(), "the link was replaced by a file");
}

#[test]
fn a_folder_that_cannot_be_made_costs_a_compilation_only() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let runtime = runtime(&file.join("compiled"), false);
    assert!(runtime.cache_problem().is_some());
    assert_eq!(runtime.load_bytes(hostile()).unwrap().compile_outcome(), NOT_STORED);
}
