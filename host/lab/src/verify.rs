//! The best combinations once more: by `host run`, with a fresh instance, one call per event, and a full report.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use cryptobot_engine::Delivery;
use cryptobot_model::ParamValue;
use cryptobot_run::{Environment, RunConfig, Spelled, Trials, prepare};

use crate::document::{Differing, Verification, folder};
use crate::error::SweepError;
use crate::identity::Identity;
use crate::leaders::Leader;
use crate::row::Row;
use crate::workers;

/// What is verified, and how.
pub(crate) struct Verifier<'a> {
    pub(crate) trials: &'a [Trials],
    pub(crate) identity: &'a Identity,
    pub(crate) environment: &'a Environment,
    pub(crate) out: &'a Path,
    pub(crate) jobs: usize,
    pub(crate) stop: &'a AtomicBool,
}

impl Verifier<'_> {
    /// Runs the best again, each into its own folder, and compares the journals; `None` where it was interrupted.
    pub(crate) fn verify(&self, best: &[Leader]) -> Result<Option<Verification>, SweepError> {
        let runs: Vec<(usize, &Row)> = best
            .iter()
            .enumerate()
            .flat_map(|(place, leader)| leader.rows.iter().map(move |row| (place + 1, row)))
            .collect();
        let mut verification = Verification { delivery: "single".to_owned(), ..Verification::default() };
        let again = |at: u64, stop: &(dyn Fn() -> bool + Sync)| {
            let (rank, row) = runs[at as usize];
            self.again(rank, row, stop)
        };
        let whole = workers::work(runs.len() as u64, self.jobs, self.stop, again, |result| {
            verification.checked += usize::from(result.is_some());
            if let Some(Again::Otherwise(differing)) = result {
                verification.differing.push(differing);
            }
            Ok(())
        })?;
        verification.differing.sort_by(|a, b| (a.index, &a.symbol).cmp(&(b.index, &b.symbol)));
        Ok(whole.then_some(verification))
    }

    fn again(
        &self,
        rank: usize,
        row: &Row,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Again>, SweepError> {
        let trials = &self.trials[row.symbol as usize];
        let config = with_values(trials, self.identity, &row.values);
        let out = Some(self.out.join(folder(rank, self.identity, row.symbol)));
        let environment = Environment { out, started: std::time::Instant::now(), ..self.environment.clone() };
        let finished = prepare(config, &environment)?.execute(&mut |_| {
            if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if finished.summary.interrupted {
            return Ok(None);
        }
        let expected = row.journal.clone().unwrap_or_default();
        let verified = finished.summary.journal_sha256;
        if expected == verified {
            return Ok(Some(Again::Same));
        }
        Ok(Some(Again::Otherwise(Differing {
            index: row.index,
            symbol: self.identity.symbols[row.symbol as usize].clone(),
            journal_sha256: expected,
            verified_sha256: verified,
        })))
    }
}

/// How a run came out the second time.
enum Again {
    Same,
    Otherwise(Differing),
}

/// The configuration of a run with the values of a combination, one call per event whatever the file says.
fn with_values(trials: &Trials, identity: &Identity, values: &[ParamValue]) -> RunConfig {
    let mut config = trials.config().clone();
    config.delivery = Spelled(Delivery::Single);
    let several = config.bots.len() > 1;
    for (axis, value) in identity.axes.iter().zip(values) {
        for (name, bot) in &mut config.bots {
            let param =
                if several { axis.name.strip_prefix(&format!("{name}.")) } else { Some(axis.name.as_str()) };
            if let Some(param) = param {
                bot.params.insert(param.to_owned(), value.clone());
            }
        }
    }
    config
}
