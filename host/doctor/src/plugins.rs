//! Plugins and their compiled forms.

use std::fs;
use std::path::Path;

use cryptobot_wasm::{StoredPlugins, stored_plugins};

use crate::{Finding, Places, State, mebibytes};

pub(crate) fn findings(places: &Places) -> Vec<Finding> {
    vec![plugins(&places.plugins), cache(places.cache.as_deref())]
}

fn plugins(folders: &[impl AsRef<Path>]) -> Finding {
    let count = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "wasm")).count()
    };
    let counts: Vec<(String, usize)> = folders
        .iter()
        .map(|folder| (folder.as_ref().display().to_string(), count(folder.as_ref())))
        .collect();
    let found: Vec<String> = counts.iter().map(|(folder, count)| format!("{count} in {folder}")).collect();
    if counts.iter().any(|(_, count)| *count > 0) {
        Finding::ok("plugins", found.join(", "))
    } else {
        let fix = "make one with `host plugin new my-strategy`, or name a file with --plugin";
        Finding::but("plugins", State::Note, found.join(", "), fix)
    }
}

fn cache(dir: Option<&Path>) -> Finding {
    const NAME: &str = "cache";
    let Some(dir) = dir else {
        let fix = "set HOME or XDG_CACHE_HOME to an absolute path";
        return Finding::but(NAME, State::Note, "no folder: plugins are compiled at each start", fix);
    };
    let StoredPlugins { current, stale, mode, problem } = match stored_plugins(dir) {
        Ok(stored) => stored,
        Err(error) => return Finding::but(NAME, State::Note, error.to_string(), "see `sandbox` above"),
    };
    let place = dir.display();
    let Some(mode) = mode else {
        return Finding::ok(NAME, format!("{place} will be made when a plugin is first compiled"));
    };
    if let Some(problem) = problem {
        let found = format!("{place} is not used: plugins are compiled at each start");
        return Finding::but(NAME, State::Note, found, problem);
    }
    let all = mebibytes(current.bytes + stale.bytes);
    let found = format!("{place}, yours, mode {mode:o}, {} entries, {all}", current.files + stale.files);
    if stale.files == 0 {
        return Finding::ok(NAME, found);
    }
    let found =
        format!("{found}; {} of them ({}) are of other versions", stale.files, mebibytes(stale.bytes));
    Finding::but(NAME, State::Note, found, "remove them with `host doctor --clean`")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_cache_is_described_and_its_faults_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("compiled");
        assert!(cache(Some(&dir)).found.ends_with("will be made when a plugin is first compiled"));
        assert!(!dir.exists(), "looking changes nothing");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        let empty = cache(Some(&dir));
        assert!(
            empty.state == State::Ok && empty.found.ends_with("yours, mode 700, 0 entries, 0.0 MiB"),
            "{empty:?}"
        );
        fs::write(dir.join(format!("{}-{}", "0".repeat(64), "1".repeat(16))), b"x").unwrap();
        assert!(cache(Some(&dir)).fix.unwrap().contains("host doctor --clean"));
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(cache(Some(&dir)).fix.unwrap().contains("chmod 700"));
        assert_eq!(cache(None).state, State::Note);
    }

    #[test]
    fn plugins_are_counted_by_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(plugins(&[folder.path()]).state, State::Note);
        fs::write(folder.path().join("a.wasm"), b"").unwrap();
        fs::write(folder.path().join("a.txt"), b"").unwrap();
        assert!(plugins(&[folder.path()]).found.starts_with("1 in "));
    }
}
