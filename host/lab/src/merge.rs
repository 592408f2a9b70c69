//! Joining the parts of a sweep that were run apart.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::document::{self, Best, Document, Timing, Verification, folder};
use crate::error::SweepError;
use crate::folder::{CONFIG, Lock, TABLE, prepare_merge};
use crate::identity::{Identity, Shard};
use crate::row::Layout;
use crate::sweep::{Finished, finish};
use crate::tally::{Tally, is_remark, nothing_verified};
use cryptobot_data::table::TableReader;
use cryptobot_run::ExitCode;

/// Joins complete parts of one sweep in a new folder: the table is that of a sweep that was never divided, and the best
/// of all are among the best of their parts, whose reports are copied. As many are ranked as each part ranked: what a part
/// did not list was not verified either. An earlier result of the same sweep in the folder is replaced.
pub fn merge(parts: &[PathBuf], out: &Path) -> Result<Finished, SweepError> {
    let started = Instant::now();
    let _reading = parts.iter().map(|part| Lock::read(part)).collect::<Result<Vec<_>, _>>()?;
    let documents = read(parts)?;
    let first = &documents[0];
    let mut identity = first.sweep.clone();
    identity.shard = Shard::WHOLE;
    refuse_itself(parts, out)?;
    let _writing = prepare_merge(out, &identity)?;
    let tops: Vec<usize> = documents.iter().map(Document::most).collect();
    let top = tops.iter().copied().min().unwrap_or_default();
    let layout = Layout { axes: first.sweep.axes.clone(), symbols: first.sweep.symbols.clone() };
    let tables: Vec<PathBuf> = parts.iter().map(|part| part.join(TABLE)).collect();
    let aim = first.aim().map_err(|problem| SweepError::folder(&parts[0], problem))?;
    let tally = Tally::of(&tables, &layout, &aim, top, out)?;
    let total = rows(&identity);
    if tally.rows != total {
        let problem = format!(
            "has the results of {} of {total} runs: a part was changed meanwhile; merge again",
            tally.rows
        );
        return Err(SweepError::incomplete(out, problem));
    }
    let mut verification =
        Verification { delivery: first.verification.delivery.clone(), ..Verification::default() };
    for document in &documents {
        verification.differing.extend(document.verification.differing.iter().cloned());
    }
    for (place, leader) in tally.leaders.best().iter().enumerate() {
        for row in &leader.rows {
            let (document, part) = documents
                .iter()
                .zip(parts)
                .find(|(document, _)| document.sweep.shard.has(leader.index))
                .unwrap_or((first, &parts[0]));
            let best = document.top.iter().find(|best| best.index == leader.index);
            let Some(run) = best.and_then(|best| best.runs.get(row.symbol as usize)) else {
                let problem = format!(
                    "combination {} is among the best of all, and the part does not list it; run it again there with \
                     --resume",
                    leader.index
                );
                return Err(SweepError::folder(part, problem));
            };
            copy_files(&part.join(&run.folder), &out.join(folder(place + 1, &identity, row.symbol)))?;
            verification.checked += 1;
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
    if tops.iter().any(|most| *most != top) {
        let tops: Vec<String> = tops.iter().map(ToString::to_string).collect();
        warnings.push(format!(
            "parts were run with different numbers of best combinations (--top {}): as many are ranked as all \
             parts have verified, {top}; for more run the others again with --resume and a higher --top",
            tops.join(", ")
        ));
    }
    warnings.extend(nothing_verified(top, tally.ranked));
    let best = tally.leaders.best().iter().enumerate();
    let took = started.elapsed().as_secs_f64();
    let document = Document {
        trials: tally.combinations,
        runs: tally.rows,
        failed: tally.failed,
        ranked: tally.ranked,
        top_most: top,
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
        refuse_missing_rows(part, &document.sweep)?;
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

/// Refuses a part whose table has fewer rows than the part has runs.
fn refuse_missing_rows(part: &Path, identity: &Identity) -> Result<(), SweepError> {
    let table = part.join(TABLE);
    if !table.exists() {
        let problem = format!("has no {TABLE}; run it again without --resume");
        return Err(SweepError::folder(part, problem));
    }
    let (there, all) = (TableReader::any(&table)?.rows(), rows(identity));
    if there == all {
        return Ok(());
    }
    let problem = format!("has {there} of the {all} rows of its part; run it again there with --resume");
    Err(SweepError::folder(part, problem))
}

/// The rows that a complete sweep, or part of one, has.
fn rows(identity: &Identity) -> u64 {
    identity.shard.count(identity.choice.combinations) * identity.symbols.len() as u64
}

/// Refuses a result that would take the place of what it is made from.
fn refuse_itself(parts: &[PathBuf], out: &Path) -> Result<(), SweepError> {
    // What is not there yet is none of the parts.
    let Ok(place) = out.canonicalize() else { return Ok(()) };
    if parts.iter().any(|part| part.canonicalize().is_ok_and(|part| part == place)) {
        return Err(SweepError::folder(out, "is one of the parts; give another --out"));
    }
    Ok(())
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
