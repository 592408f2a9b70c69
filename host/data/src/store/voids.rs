//! Known holes: stretches of which a person said that there is nothing to be had.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cryptobot_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::kind::SeriesId;
use super::writer::lock;
use crate::error::{DataError, MissingRun};
use crate::write::replace_file;

/// The list of a series, beside its files; programs that read a folder of Parquet files pass over such names.
pub(crate) const FILE: &str = "_voids.json";

/// A stretch `[from, to)` of a series that is empty for a known reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Void {
    /// Its beginning, UTC: `2024-01-01T00:00:00Z`.
    pub from: String,
    /// Its end, UTC, exclusive.
    pub to: String,
    /// Why there is nothing.
    #[serde(default)]
    pub reason: String,
}

/// The known holes of a series, in order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voids(Vec<(i64, i64)>);

impl Voids {
    /// Those of a series; none where there is no list.
    pub fn read(root: &Path, series: &SeriesId) -> Result<Self, DataError> {
        Self::of_folder(&root.join(series.folder()))
    }

    /// Those of a series' folder.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, DataError> {
        let path = folder.join(FILE);
        let mut spans = Vec::new();
        for void in listed(&path)? {
            spans.push(span(&path, &void)?);
        }
        spans.sort_unstable();
        Ok(Self(spans))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every moment of `[from, to)`, ms, is known to be empty.
    pub fn cover(&self, from_ms: i64, to_ms: i64) -> bool {
        let mut reached = from_ms;
        for &(from, to) in &self.0 {
            if from <= reached {
                reached = reached.max(to);
            }
        }
        reached >= to_ms
    }

    /// Whether a missing run is known to be empty.
    pub(crate) fn cover_run(&self, run: &MissingRun) -> bool {
        self.cover(run.from.millis(), run.to.millis())
    }

    /// How much of `[from, to)` is known to be empty, ms.
    pub(crate) fn overlap_ms(&self, from_ms: i64, to_ms: i64) -> i64 {
        let (mut reached, mut sum) = (from_ms, 0);
        for &(from, to) in &self.0 {
            let (from, to) = (from.max(reached), to.min(to_ms));
            if to > from {
                sum += to - from;
                reached = to;
            }
        }
        sum
    }
}

/// Adds to the list of a series; a stretch that is there already is not added again. Returns how many were new.
pub fn mark_void(root: &Path, series: &SeriesId, voids: &[Void]) -> Result<usize, DataError> {
    if voids.is_empty() {
        return Ok(0);
    }
    let folder = root.join(series.folder());
    let _lock = lock(&folder)?;
    let path = folder.join(FILE);
    let mut all = listed(&path)?;
    let known = all.len();
    for void in voids {
        span(&path, void)?;
        if all.iter().all(|other| (&other.from, &other.to) != (&void.from, &void.to)) {
            all.push(void.clone());
        }
    }
    all.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    if all.len() > known {
        let write = |file: &mut fs::File| {
            serde_json::to_writer_pretty(&mut *file, &all)?;
            file.write_all(b"\n")
        };
        replace_file(&path, write).map_err(DataError::io(&path))?;
    }
    Ok(all.len() - known)
}

fn listed(path: &PathBuf) -> Result<Vec<Void>, DataError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| unusable(path, error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(DataError::io(path)(error)),
    }
}

fn span(path: &Path, void: &Void) -> Result<(i64, i64), DataError> {
    let time = |text: &str| {
        let parsed = text.parse::<Timestamp>();
        parsed.map(Timestamp::millis).map_err(|error| unusable(path, error.to_string()))
    };
    let (from, to) = (time(&void.from)?, time(&void.to)?);
    if from >= to {
        return Err(unusable(path, format!("the void from {} to {} is empty", void.from, void.to)));
    }
    Ok((from, to))
}

fn unusable(path: &Path, problem: String) -> DataError {
    DataError::Unwritable { file: path.to_owned(), problem }
}
