//! Files that change under a watch: in every way in which builds and editors write them.
#![allow(clippy::unwrap_used, clippy::disallowed_types, reason = "tests write files")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use cryptobot_plugin::{Patience, Watch, rollback};
use tempfile::TempDir;

/// Long enough for a busy machine.
const SOON: Duration = Duration::from_secs(20);
/// Long enough to see that nothing comes: more than a look, a settling and the time to become complete.
const NOTHING: Duration = Duration::from_millis(900);

/// Contents that are complete end with a point.
fn fit(bytes: &[u8]) -> Result<(), String> {
    if bytes.ends_with(b".") { Ok(()) } else { Err("no point at the end".to_owned()) }
}

struct Folder {
    folder: TempDir,
    watch: Watch,
}

impl Folder {
    fn new() -> Self {
        Self::settling(Duration::from_millis(30))
    }

    fn settling(settle: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plugin.txt");
        fs::write(&file, "one.").unwrap();
        let patience =
            Patience { settle, complete: Duration::from_millis(400), look: Duration::from_millis(200) };
        let watch = Watch::new(&file, Box::new(fit), patience).unwrap();
        Self { folder, watch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self) -> PathBuf {
        self.path("plugin.txt")
    }

    /// Exactly this is told next, and nothing after it.
    fn tells(&self, contents: &str) {
        let version = self.watch.next_within(SOON).unwrap().unwrap();
        assert_eq!(
            (version.path, String::from_utf8(version.bytes).unwrap()),
            (self.file(), contents.to_owned())
        );
        assert_eq!(self.watch.next_within(NOTHING), None);
    }
}

fn write_slowly(path: &Path, parts: &[&str], pause: Duration) {
    let mut file = File::create(path).unwrap();
    for part in parts {
        file.write_all(part.as_bytes()).unwrap();
        file.flush().unwrap();
        sleep(pause);
    }
}

#[test]
fn an_atomic_rename_is_one_new_version() {
    let folder = Folder::new();
    fs::write(folder.path(".plugin.txt.1"), "two.").unwrap();
    fs::rename(folder.path(".plugin.txt.1"), folder.file()).unwrap();
    folder.tells("two.");
}

#[test]
fn truncating_and_writing_in_place_is_one_new_version() {
    let folder = Folder::new();
    fs::write(folder.file(), "two, longer.").unwrap();
    folder.tells("two, longer.");
    fs::write(folder.file(), "3.").unwrap();
    folder.tells("3.");
}

#[test]
fn an_editor_that_keeps_a_backup_makes_one_new_version() {
    let folder = Folder::new();
    fs::rename(folder.file(), folder.path("plugin.txt~")).unwrap();
    sleep(Duration::from_millis(100));
    fs::write(folder.file(), "two.").unwrap();
    fs::remove_file(folder.path("plugin.txt~")).unwrap();
    folder.tells("two.");
}

#[test]
fn a_partial_write_is_waited_for() {
    let folder = Folder::new();
    // Every part looks still for longer than it takes to settle, and the first ones are not fit.
    write_slowly(&folder.file(), &["two", " parts", " and", " a point."], Duration::from_millis(120));
    folder.tells("two parts and a point.");
}

#[test]
fn parts_that_would_be_fit_by_themselves_are_not_taken_before_the_writer_rests() {
    let folder = Folder::settling(Duration::from_millis(600));
    write_slowly(&folder.file(), &["a.", "b.", "c.", "d."], Duration::from_millis(5));
    folder.tells("a.b.c.d.");
}

#[test]
fn what_stays_unfit_is_reported_once_and_what_follows_counts() {
    let folder = Folder::new();
    fs::write(folder.file(), "broken").unwrap();
    let unfit = folder.watch.next_within(SOON).unwrap().unwrap_err();
    assert!(unfit.to_string().ends_with("plugin.txt: no point at the end"), "{unfit}");
    fs::write(folder.file(), "broken").unwrap();
    assert_eq!(folder.watch.next_within(NOTHING), None);
    fs::write(folder.file(), "mended.").unwrap();
    folder.tells("mended.");
}

#[test]
fn what_is_not_new_is_no_news() {
    let folder = Folder::new();
    fs::write(folder.file(), "one.").unwrap();
    fs::write(folder.path("other.txt"), "other.").unwrap();
    assert_eq!(folder.watch.next_within(NOTHING), None);
    fs::remove_file(folder.file()).unwrap();
    assert_eq!(folder.watch.next_within(NOTHING), None);
    fs::write(folder.file(), "one.").unwrap();
    assert_eq!(folder.watch.next_within(NOTHING), None);
    fs::write(folder.file(), "two.").unwrap();
    folder.tells("two.");
}

#[test]
fn a_rollback_is_a_new_version_for_who_watches() {
    let folder = Folder::new();
    fs::write(folder.file(), "two.").unwrap();
    folder.tells("two.");
    rollback(&folder.file()).unwrap();
    folder.tells("one.");
    assert!(rollback(&folder.file()).is_err(), "what was watched first is the oldest");
}
