//! Joining the parts of a sweep that were run apart.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::document::{self, Best, Document, Timing, Verification, folder};
use crate::error::SweepError;
use crate::folder::{CONFIG, TABLE, refuse_foreign};
use crate::identity::Shard;
use crate::row::Layout;
use crate::sweep::{Finished, finish};
use crate::tally::{Tally, is_remark};
use cryptobot_run::ExitCode;

/// Joins complete parts of one sweep in a new folder: the table is that of a sweep that was never divided, and the best
/// of all are among the best of their parts, whose reports are copied.
pub fn merge(parts: &[PathBuf], out: &Path) -> Result<Finished, SweepError> {
    let started = Instant::now();
    let documents = read(parts)?;
    let first = &documents[0];
    let top = first.top.len().max(documents.iter().map(|document| document.top.len()).max().unwrap_or(0));
    refuse_foreign(out)?;
    fs::create_dir_all(out).map_err(SweepError::file(out))?;
    let layout = Layout { axes: first.sweep.axes.clone(), symbols: first.sweep.symbols.clone() };
    let tables: Vec<PathBuf> = parts.iter().map(|part| part.join(TABLE)).collect();
    let aim = first.aim().map_err(|problem| SweepError::folder(&parts[0], problem))?;
    let tally = Tally::of(&tables, &layout, &aim, top, out)?;
    let mut identity = first.sweep.clone();
    identity.shard = Shard::WHOLE;
    let mut verification =
        Verification { delivery: first.verification.delivery.clone(), ..Verification::default() };
    for document in &documents {
        verification.checked += document.verification.checked;
        verification.differing.extend(document.verification.differing.iter().cloned());
    }
    for (place, leader) in tally.leaders.best().iter().enumerate() {
        for row in &leader.rows {
            let own = documents.iter().zip(parts).find_map(|(document, part)| {
                let best = document.top.iter().find(|best| best.index == leader.index)?;
                Some(part.join(&best.runs.get(row.symbol as usize)?.folder))
            });
            if let Some(own) = own {
                copy_files(&own, &out.join(folder(place + 1, &identity, row.symbol)))?;
            }
        }
    }
    let config = parts[0].join(CONFIG);
    fs::copy(&config, out.join(CONFIG)).map_err(SweepError::file(&config))?;
    let mut warnings: Vec<String> = Vec::new();
    for warning in documents.iter().flat_map(|document| &document.warnings) {
        if !warnings.contains(warning) && !is_remark(warning) {
            warnings.push(warning.clone());
        }
    }
    warnings.extend(tally.remark());
    let best = tally.leaders.best().iter().enumerate();
    let took = started.elapsed().as_secs_f64();
    let document = Document {
        trials: tally.combinations,
        runs: tally.rows,
        failed: tally.failed,
        ranked: tally.ranked,
        top: best.map(|(place, leader)| Best::new(place + 1, leader, &identity)).collect(),
        verification,
        warnings,
        timing: Timing { report_s: took, total_s: took, ..Timing::default() },
        peak_memory_bytes: document::peak_memory_bytes(),
        sweep: identity,
        ..first.clone()
    };
    finish(out, &document, &tally)?;
    let refused = !document.verification.differing.is_empty();
    let exit_code = if refused { ExitCode::Plugin } else { ExitCode::Done };
    let rows = tally.rows;
    Ok(Finished { document: Some(document), done: rows, total: rows, folder: out.to_owned(), exit_code })
}

/// Reads the documents of all parts; refuses what is no part of the same sweep, twice there, or missing.
fn read(parts: &[PathBuf]) -> Result<Vec<Document>, SweepError> {
    let mut documents: Vec<Document> = Vec::with_capacity(parts.len());
    for part in parts {
        let Some(document) = Document::read(part)? else {
            let problem =
                "holds no complete sweep; run it to its end, with --resume where it was interrupted";
            return Err(SweepError::folder(part, problem));
        };
        if let Some(first) = documents.first() {
            if let Some(what) = first.sweep.difference(&document.sweep) {
                let problem = format!("is no part of the sweep in {}: it has {what}", parts[0].display());
                return Err(SweepError::folder(part, problem));
            }
            let aim = |document: &Document| {
                (document.metric.clone(), document.less_is_better, document.constraints.clone())
            };
            if aim(first) != aim(&document) {
                let problem =
                    format!("ranks by another metric or other constraints than {}", parts[0].display());
                return Err(SweepError::folder(part, problem));
            }
            if first.sweep.shard.of != document.sweep.shard.of {
                let (one, other) = (first.sweep.shard, document.sweep.shard);
                let problem = format!("is part {other}, and {} is part {one}", parts[0].display());
                return Err(SweepError::folder(part, problem));
            }
        }
        if let Some(twice) = documents.iter().position(|one| one.sweep.shard == document.sweep.shard) {
            let problem = format!("is part {}, as {} is", document.sweep.shard, parts[twice].display());
            return Err(SweepError::folder(part, problem));
        }
        documents.push(document);
    }
    let of = documents.first().map_or(0, |document| document.sweep.shard.of);
    let missing: Vec<String> = (1..=of)
        .map(|part| Shard { part, of })
        .filter(|shard| !documents.iter().any(|document| document.sweep.shard == *shard))
        .map(|shard| shard.to_string())
        .collect();
    if !missing.is_empty() || documents.is_empty() {
        let problem = format!(
            "missing parts: {}; run them with --shard, and give their folders too",
            missing.join(", ")
        );
        return Err(SweepError::usage("sweep merge", problem));
    }
    Ok(documents)
}

fn copy_files(from: &Path, to: &Path) -> Result<(), SweepError> {
    fs::create_dir_all(to).map_err(SweepError::file(to))?;
    for entry in fs::read_dir(from).map_err(SweepError::file(from))? {
        let path = entry.map_err(SweepError::file(from))?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            fs::copy(&path, to.join(name)).map_err(SweepError::file(&path))?;
        }
    }
    Ok(())
}
