//! Versions of the plugin contract: which one a component was built for, read from the names of its interfaces.

use std::fmt;

use crate::contract::LoadError;
use crate::host::printable;

/// A version of the contract that this host speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContractVersion {
    /// 0.0.1, the first draft.
    V0_0,
    /// 0.1, the current draft.
    #[default]
    V0_1,
}

impl ContractVersion {
    /// All of them, rising.
    pub const ALL: [Self; 2] = [Self::V0_0, Self::V0_1];
    /// The one that plugins are built for today.
    pub const NEWEST: Self = Self::V0_1;

    /// Its version track, within which versions are compatible as semver has it.
    pub const fn track(self) -> &'static str {
        match self {
            Self::V0_0 => "0.0.1",
            Self::V0_1 => "0.1",
        }
    }

    /// Folder of its definition in the repository.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::V0_0 => "wit/v0.0",
            Self::V0_1 => "wit/v0.1",
        }
    }

    /// Interfaces that a plugin may import.
    pub(crate) const fn served(self) -> &'static [&'static str] {
        match self {
            Self::V0_0 => &["log", "clock", "random", "timers", "types", "orders", "account"],
            Self::V0_1 => &[
                "log",
                "clock",
                "random",
                "timers",
                "types",
                "market",
                "orders",
                "advanced-orders",
                "signals",
                "account",
                "indicators",
                "features",
                "paging",
            ],
        }
    }

    /// Interfaces of the contract that this host does not serve yet.
    pub(crate) const fn not_served(self) -> &'static [&'static str] {
        match self {
            Self::V0_0 => &[],
            Self::V0_1 => &["predictions", "inference"],
        }
    }

    /// Whether a version number belongs to the track: the track itself, or further numbers behind it. A pre-release
    /// promises nothing.
    fn includes(self, version: &str) -> bool {
        let plain = !version.contains('-');
        let rest = version.strip_prefix(self.track());
        plain && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('+'))
    }

    /// The version of a component by the versions of all its interfaces of the contract.
    pub(crate) fn of<'a>(interfaces: impl Iterator<Item = &'a str>) -> Result<Option<Self>, LoadError> {
        let mut found: Option<(Self, &str)> = None;
        for theirs in interfaces {
            let version = Self::ALL.into_iter().find(|version| version.includes(theirs));
            let version = version.ok_or_else(|| unknown(theirs))?;
            match found {
                Some((other, before)) if other != version => {
                    let (one, other) = (printable(before), printable(theirs));
                    return Err(LoadError::MixedVersions { one, other });
                }
                _ => found = Some((version, theirs)),
            }
        }
        Ok(found.map(|(version, _)| version))
    }
}

impl fmt::Display for ContractVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.track())
    }
}

/// The versions of this host for people: `0.0.1 and 0.1`.
pub(crate) fn spoken() -> String {
    ContractVersion::ALL.map(ContractVersion::track).join(" and ")
}

fn unknown(theirs: &str) -> LoadError {
    let newest = numbers(ContractVersion::NEWEST.track());
    let mut track = numbers(theirs);
    track.truncate(newest.len());
    let is_newer = track > newest;
    let theirs = printable(theirs);
    if is_newer { LoadError::NewerVersion { theirs } } else { LoadError::OtherVersion { theirs } }
}

/// `0.2.0-rc1` as 0, 2, 0.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    plain.split('.').map_while(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(versions: &[&str]) -> Result<Option<ContractVersion>, String> {
        ContractVersion::of(versions.iter().copied()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_version_belongs_to_its_track() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["0.0.1", "0.0.1"]), Ok(Some(ContractVersion::V0_0)));
        for version in ["0.1.0", "0.1.7", "0.1.0+build"] {
            assert_eq!(of(&[version]), Ok(Some(ContractVersion::V0_1)), "{version}");
        }
    }

    #[test]
    fn others_are_named_with_what_to_do() {
        for newer in ["0.2.0", "1.0.0", "0.10.0", "0.2.0-rc1", "99999999999999999999.0.0"] {
            let said = of(&[newer]).unwrap_err();
            let newest = "which is newer than what this host speaks (0.0.1 and 0.1)";
            assert!(said.starts_with(&format!("built for plugin contract {newer}, {newest}")), "{said}");
        }
        for other in ["0.0.0", "0.1.0-rc1", "0.0.10", "", "x"] {
            assert!(of(&[other]).unwrap_err().contains("which this host does not speak"), "{other}");
        }
        assert!(
            of(&["0.0.0"])
                .unwrap_err()
                .contains("0.0.0, which this host does not speak (it speaks 0.0.1 and 0.1)")
        );
        assert!(of(&["0.1.0", "0.0.1"]).unwrap_err().contains("mixes plugin contracts 0.1.0 and 0.0.1"));
    }
}
