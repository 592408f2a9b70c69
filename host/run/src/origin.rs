//! Where the values of a configuration come from: a line of a run file, or a flag over it.

use std::path::{Path, PathBuf};

use crate::config::{RunConfig, read_file};
use crate::contradictions;
use crate::error::RunError;
use crate::overrides::Overrides;
use crate::places::Places;

/// What a configuration was made from; it finds the place of what is wrong with it.
#[derive(Debug)]
pub struct Origin {
    file: Option<(PathBuf, Places)>,
    flags: Overrides,
}

impl Origin {
    /// Reads a run file, or takes the defaults, and lays flags over it.
    ///
    /// # Errors
    /// What cannot be read, values that make no sense, and what can have no effect beside the rest, with their places.
    pub fn configure(file: Option<&Path>, flags: Overrides) -> Result<(RunConfig, Self), RunError> {
        let (mut config, file) = match file {
            Some(path) => {
                let (config, text) = read_file(path)?;
                (config, Some((path.to_owned(), Places::of(&text))))
            }
            None => (RunConfig::default(), None),
        };
        flags.apply(&mut config)?;
        let origin = Self { file, flags };
        contradictions::check(&config, |field| origin.is_written(field))
            .map_err(|error| origin.locate(error))?;
        Ok((config, origin))
    }

    /// Says where the field of an error stands: the flag that gave its value, or file, line and column. Other errors stay
    /// as they are.
    #[must_use]
    pub fn locate(&self, error: RunError) -> RunError {
        let RunError::Config { field, problem } = error else { return error };
        if let Some(flag) = self.flag_of(&field) {
            return RunError::Config { field: flag, problem };
        }
        match &self.file {
            Some((path, places)) => locate(path, places, field, problem),
            None => RunError::Config { field, problem },
        }
    }

    /// Whether somebody wrote a field, in the file or as a flag.
    fn is_written(&self, field: &str) -> bool {
        self.is_in_file(field) || self.flag_of(field).is_some()
    }

    fn is_in_file(&self, field: &str) -> bool {
        let found = self.file.as_ref().and_then(|(_, places)| places.find(field));
        found.is_some_and(|found| found.is_field)
    }

    /// The flag that a field was given with.
    fn flag_of(&self, field: &str) -> Option<String> {
        self.flags.flag_of(field, self.is_in_file(field))
    }
}

/// An error about a field of a file. Flags are named as what they are.
pub(crate) fn locate(path: &Path, places: &Places, field: String, problem: String) -> RunError {
    if field.starts_with("--") {
        return RunError::Config { field, problem };
    }
    let at = places.find(&field).map(|found| found.place);
    RunError::ConfigAt { path: path.to_owned(), at, message: format!("{field}: {problem}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "execution:\n  margin: {leverage: 3}\nbots:\n  a:\n    plugin: x\n    params:\n      fast: 1\n    \
                        swaps:\n      - {at: 'bar:1', plugin: y}\n";

    #[test]
    fn what_a_flag_gives_is_named_by_the_flag_and_the_rest_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.yaml");
        std::fs::write(&file, FILE).unwrap();
        let said = |flags: &Overrides, field: &str| {
            let (_, origin) = Origin::configure(Some(&file), flags.clone()).unwrap();
            let said = origin.locate(RunError::config(field, "no")).to_string();
            said.replace(&format!("{}/", folder.path().display()), "")
        };
        let none = Overrides::default();
        assert_eq!(said(&none, "execution.margin.leverage"), "c.yaml:2:12: execution.margin.leverage: no");
        assert_eq!(said(&none, "bots.a.params.slow"), "c.yaml:6:5: bots.a.params.slow: no");
        assert_eq!(said(&none, "balance"), "c.yaml: balance: no");
        assert_eq!(said(&none, "--venue"), "--venue: no");
        let flags = Overrides {
            leverage: Some(5),
            set: vec!["fast=2".to_owned(), "a.slow=7".to_owned()],
            swaps: vec!["bar:9=z".to_owned()],
            ..Overrides::default()
        };
        assert_eq!(said(&flags, "execution.margin.leverage"), "--leverage: no");
        assert_eq!(said(&flags, "bots.a.params.fast"), "--set fast: no");
        assert_eq!(said(&flags, "bots.a.params.slow"), "--set a.slow: no");
        assert_eq!(said(&flags, "bots.a.swaps[0].plugin"), "c.yaml:9:23: bots.a.swaps[0].plugin: no");
        assert_eq!(said(&flags, "bots.a.swaps[1].plugin"), "--swap: no");
        assert_eq!(said(&flags, "bots.a.plugin"), "c.yaml:5:5: bots.a.plugin: no");
    }
}
