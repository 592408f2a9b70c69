//! Runs of one configuration that differ in parameters only: plugins are compiled and market data decoded once.

use std::io;
use std::ops::ControlFlow;

use cryptobot_analytics::{Collector, Metrics, MetricsOptions, RunIdentity};
use cryptobot_engine::{Delivery, Entry, Mark, Marks, Params, Recorder};
use cryptobot_journal::{Chain, JournalHash, JournalWriter};
use cryptobot_model::{Instrument, Money, PluginInfo, Timeframe, Timestamp};
use cryptobot_plugin::Loader;

use crate::config::RunConfig;
use crate::error::RunError;
use crate::identity;
use crate::plan::{self, Inputs, Plan};
use crate::prepare::Environment;
use crate::supply::{self, Residency, SharedSupply};

/// A checked configuration that can be run any number of times, by several threads at once.
pub struct Trials {
    plan: Plan,
    supplies: Vec<SharedSupply>,
    residency: Residency,
}

/// What one run with one set of parameters came to: the figures that `host run` has of it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Orders that the host let through.
    pub orders: u64,
    /// Executions.
    pub fills: u64,
    /// Closed positions.
    pub trades: u64,
    /// Positions, or parts of them, that the exchange closed.
    pub liquidations: u64,
    /// Sum of the strategies' final equities; `None` where no run came about.
    pub final_equity: Option<Money>,
    /// Figures of all strategies together; `None` after a fault.
    pub metrics: Option<Metrics>,
    /// Hash of the journal, which is not written; `None` where no run came about.
    pub journal: Option<JournalHash>,
    /// The first fault of a plugin.
    pub error: Option<String>,
}

/// A bot of a configuration.
#[derive(Clone, Copy, Debug)]
pub struct TrialBot<'a> {
    /// Its name.
    pub name: &'a str,
    /// What its plugin says of itself.
    pub info: &'a PluginInfo,
    /// The parameters that the configuration gives to it, in the declared order.
    pub params: &'a Params,
}

/// Loads the plugins of many [`Trials`].
pub struct TrialLoader(Loader);

impl TrialLoader {
    /// A loader for configurations with the limits of this one.
    pub fn new(config: &RunConfig, environment: &Environment) -> Self {
        Self(plan::loader(config, environment))
    }
}

impl Trials {
    /// Checks a configuration and reads its data, which are kept in memory unless they take more than `budget` bytes.
    pub fn prepare(
        config: RunConfig,
        loader: &TrialLoader,
        environment: &Environment,
        budget: u64,
    ) -> Result<Self, RunError> {
        let (mut plan, Inputs { supplies, hash }) = Plan::new(config, &loader.0, environment)?;
        // The figures would be those of another portfolio.
        std::mem::take(&mut plan.left_out).refuse()?;
        let (supplies, residency) = supply::share(supplies, budget)?;
        identity::complete(&mut plan.identity, hash.join()?.sha256);
        Ok(Self { plan, supplies, residency })
    }

    /// The bots in the order of their slots.
    pub fn bots(&self) -> impl Iterator<Item = TrialBot<'_>> {
        self.plan.bots.iter().map(|bot| TrialBot { name: &bot.name, info: &bot.info, params: &bot.params })
    }

    /// The complete configuration.
    pub fn config(&self) -> &RunConfig {
        &self.plan.config
    }

    /// The identity of the run that the configuration describes as it is.
    pub fn identity(&self) -> &RunIdentity {
        &self.plan.identity
    }

    /// The instruments.
    pub fn instruments(&self) -> &[Instrument] {
        &self.plan.instruments
    }

    /// Begin and end by open time of bars.
    pub fn period(&self) -> (Timestamp, Timestamp) {
        (self.plan.from, self.plan.to)
    }

    /// The shortest base timeframe of a bot.
    pub fn timeframe(&self) -> Timeframe {
        self.plan.timeframe
    }

    /// The delivery that runs have where this one is asked for; refused where it is impossible.
    pub fn delivery(&self, wanted: Delivery) -> Result<Delivery, RunError> {
        plan::resolve(wanted, &self.plan.bots)
    }

    /// Base bars that a run sees.
    pub fn expected_bars(&self) -> u64 {
        self.plan.expected_bars
    }

    /// Whether the market data were generated.
    pub fn synthetic(&self) -> bool {
        self.plan.synthetic
    }

    /// What a reader must know of all runs.
    pub fn warnings(&self) -> &[String] {
        &self.plan.warnings
    }

    /// Where the runs have their bars from.
    pub fn residency(&self) -> Residency {
        self.residency
    }

    /// Runs with the parameters of each bot, all declared ones in the declared order. A fault of a plugin is in the
    /// answer; an error is one of the data. `None` where it was told to `stop`.
    pub fn run(
        &self,
        params: Vec<Params>,
        delivery: Delivery,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Trial>, RunError> {
        match self.run_once(params.clone(), delivery, stop) {
            // The fault of a plugin is an event only where it is known when it happened.
            Err(RunError::InPage(_)) => self.run_once(params, Delivery::Single, stop),
            other => other,
        }
    }

    fn run_once(
        &self,
        params: Vec<Params>,
        delivery: Delivery,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Trial>, RunError> {
        let feeds = self.supplies.iter().map(SharedSupply::feed).collect::<Result<_, _>>()?;
        let mut engine = match self.plan.engine(feeds, params, delivery) {
            Ok(engine) => engine,
            Err(RunError::PluginFault { fault, .. }) => return Ok(Some(Trial::stillborn(fault.to_string()))),
            Err(error) => return Err(error),
        };
        let mut recorder = Figures {
            journal: JournalWriter::new(io::sink()),
            collector: Collector::of_figures(self.plan.labels()),
        };
        let outcome = engine.run(&mut recorder, &mut |_| {
            if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if outcome.interrupted {
            return Ok(None);
        }
        let nowhere = |source| RunError::Journal { path: "journal.bin".into(), source };
        let journal = recorder.journal.finish().map_err(nowhere)?;
        let equities: Vec<Money> = outcome.accounts.iter().map(|account| account.equity).collect();
        let record = recorder.collector.finish(&equities);
        let error = outcome.faults.first().map(|(_, fault)| fault.to_string());
        let options = MetricsOptions { risk_free: self.plan.config.metrics.risk_free };
        Ok(Some(Trial {
            orders: record.portfolio.orders,
            fills: record.portfolio.fills,
            trades: record.portfolio.trades,
            liquidations: record.portfolio.liquidations,
            final_equity: Some(record.portfolio.final_equity),
            metrics: error.is_none().then(|| Metrics::of(&record, None, options)),
            journal: Some(journal),
            error,
        }))
    }
}

impl Trial {
    /// Of a plugin that could not be started.
    fn stillborn(error: String) -> Self {
        Self {
            orders: 0,
            fills: 0,
            trades: 0,
            liquidations: 0,
            final_equity: None,
            metrics: None,
            journal: None,
            error: Some(error),
        }
    }
}

/// Hashes the journal and keeps what figures need.
struct Figures {
    journal: JournalWriter<Chain<io::Sink>>,
    collector: Collector,
}

impl Recorder for Figures {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.journal.append(entry);
        self.collector.entry(entry);
    }

    fn mark(&mut self, mark: &Mark<'_>) {
        self.collector.mark(mark);
    }

    fn marks(&mut self, marks: &Marks<'_>) {
        self.collector.marks(marks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_can_share_trials() {
        fn shared<T: Sync>() {}
        shared::<Trials>();
    }
}
