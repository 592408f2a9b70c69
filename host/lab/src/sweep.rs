//! A sweep from its settings to its folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use cryptobot_engine::{Delivery, Params};
use cryptobot_model::ParamValue;
use cryptobot_run::sweep::Search;
use cryptobot_run::{Environment, ExitCode, RunConfig, TrialBot, TrialLoader, Trials};

use crate::document::{self, Bars, Best, DOCUMENT, Document, Period, Timing, Verification};
use crate::error::SweepError;
use crate::folder::{self, CONFIG, Earlier, Lock, PAGE, TABLE};
use crate::goal::{Aim, Numbers};
use crate::identity::{Identity, Shard};
use crate::leaders::pooled;
use crate::page;
use crate::row::{Layout, Row};
use crate::search::Choice;
use crate::space::Space;
use crate::store::{self, Store};
use crate::tally::{Tally, nothing_verified};
use crate::tpe::History;
use crate::verify::Verifier;
use crate::workers;

/// Decoded bars are kept for all runs unless they take more than this many bytes.
pub const BARS_BUDGET: u64 = 1 << 30;

/// What a sweep is asked to do.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Ranges by parameter, `None` = as the plugin describes it; without any, all that are described.
    pub params: BTreeMap<String, Option<String>>,
    /// Which combinations are tried.
    pub search: Search,
    /// How many, where not all are.
    pub samples: Option<u64>,
    /// What the best is best in.
    pub aim: Aim,
    /// Combinations that are listed, verified and reported.
    pub top: usize,
    /// Runs of one symbol each instead of all together.
    pub per_symbol: bool,
    /// How events are handed to plugins.
    pub delivery: Delivery,
    /// Worker threads.
    pub jobs: usize,
    /// Goes on where an earlier process ended.
    pub resume: bool,
    /// The part of the combinations that is run here.
    pub shard: Option<Shard>,
    /// Also more than 10 million combinations.
    pub yes: bool,
}

/// How far a sweep is.
#[derive(Clone, Debug)]
pub struct SweepProgress<'a> {
    /// Runs that are done, those of earlier processes included.
    pub done: u64,
    /// All of them.
    pub total: u64,
    /// Runs of this process.
    pub fresh: u64,
    /// Time since this process began its first run.
    pub spent: Duration,
    /// The best run of this process: its metric and its parameters.
    pub best: Option<(f64, &'a [ParamValue])>,
}

impl SweepProgress<'_> {
    /// Runs per second of this process: what an earlier one did says nothing about its speed. `None` = none is done yet.
    pub fn rate(&self) -> Option<f64> {
        (self.fresh > 0).then(|| self.fresh as f64 / self.spent.as_secs_f64().max(1e-9))
    }

    /// Time until all runs are done, at the rate so far; `None` where there is none.
    pub fn left(&self) -> Option<Duration> {
        let seconds = self.total.saturating_sub(self.done) as f64 / self.rate()?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// A sweep that is over.
#[derive(Debug)]
pub struct Finished {
    /// What it came to; `None` where it was interrupted.
    pub document: Option<Document>,
    /// Runs that are done.
    pub done: u64,
    /// All of them.
    pub total: u64,
    /// Its folder.
    pub folder: PathBuf,
    /// How the process should exit.
    pub exit_code: ExitCode,
}

/// A sweep that is checked and ready.
pub struct Sweep {
    settings: Settings,
    environment: Environment,
    trials: Vec<Trials>,
    base: Vec<Vec<Params>>,
    space: Space,
    identity: Identity,
    layout: Layout,
    out: PathBuf,
    earlier: Earlier,
    /// Nobody else writes the folder as long as this is here.
    _lock: Lock,
    loaded: Instant,
}

impl Sweep {
    /// Checks a configuration and settings against plugins and data, reads the data and makes the folder ready.
    pub fn prepare(
        config: RunConfig,
        mut settings: Settings,
        environment: Environment,
    ) -> Result<Self, SweepError> {
        let loader = TrialLoader::new(&config, &environment);
        let stated = stated(&config);
        let all = Trials::prepare(
            config,
            &loader,
            &environment,
            if settings.per_symbol { 0 } else { BARS_BUDGET },
        )?;
        settings.delivery = all.delivery(settings.delivery)?;
        let bots: Vec<TrialBot<'_>> = all.bots().collect();
        let space = Space::new(&bots, &settings.params, &stated)?;
        let seed = all.config().seed;
        let choice = Choice::new(&space, settings.search, settings.samples, seed, settings.yes)?;
        if settings.search == Search::Tpe && settings.shard.is_some() {
            let problem = "a search that learns from its results cannot be divided; use --random or --lhs";
            return Err(SweepError::usage("--shard", problem));
        }
        let (trials, symbols) = if settings.per_symbol {
            by_symbol(&all, &loader, &environment)?
        } else {
            let symbols = all.instruments().iter().map(|instrument| instrument.symbol.as_str());
            let symbols = symbols.collect::<Vec<_>>().join("+");
            (vec![all], vec![symbols])
        };
        let shard = settings.shard.unwrap_or(Shard::WHOLE);
        let identity = Identity::new(&trials, choice, &space.axes, &symbols, &settings.aim, shard);
        let out = environment.out.clone().unwrap_or_else(|| usual_folder(&trials, &identity));
        let (earlier, lock) = folder::prepare(&out, &identity, settings.resume)?;
        let base =
            trials.iter().map(|trials| trials.bots().map(|bot| bot.params.clone()).collect()).collect();
        let layout = Layout { axes: space.axes.clone(), symbols };
        Ok(Self {
            settings,
            environment,
            trials,
            base,
            space,
            identity,
            layout,
            out,
            earlier,
            _lock: lock,
            loaded: Instant::now(),
        })
    }

    /// What makes it the same sweep as another one.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Runs what is to be run, joins the results, verifies the best and writes the reports. `stop` interrupts it; what is
    /// finished is kept.
    pub fn run(
        self,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&SweepProgress<'_>),
    ) -> Result<Finished, SweepError> {
        let symbols = self.layout.symbols.len() as u64;
        let total = self.identity.shard.count(self.identity.choice.combinations) * symbols;
        let replaced = self.identity.choice.replaced(&self.space);
        let mut state = State::open(&self)?;
        let whole = match self.identity.choice.search {
            Search::Tpe => self.learn(&mut state, stop, progress, total)?,
            Search::Grid | Search::Random | Search::Lhs => {
                let choice = self.identity.choice;
                let positions = |index| {
                    replaced.get(&index).cloned().unwrap_or_else(|| choice.positions(&self.space, index))
                };
                self.work(0..choice.combinations, &positions, &mut state, stop, &mut |best, state| {
                    progress(&state.progress(total, best));
                })?
            }
        };
        state.store.flush()?;
        let (done, runs_s, fresh) = (state.done.count, self.loaded.elapsed().as_secs_f64(), state.fresh);
        if !whole {
            return Ok(self.interrupted(done, total));
        }
        let timing = Timing {
            jobs: self.settings.jobs,
            load_s: (self.loaded - self.environment.started).as_secs_f64(),
            runs_s,
            runs: fresh,
            runs_per_s: fresh as f64 / runs_s.max(1e-9),
            bars_per_s: (fresh * self.bars_per_run()) as f64 / runs_s.max(1e-9),
            ..Timing::default()
        };
        self.report(state.store, stop, (done, total), timing)
    }

    /// Runs the combinations of a range that are this part's and not done yet.
    fn work(
        &self,
        range: std::ops::Range<u64>,
        positions: &(dyn Fn(u64) -> Vec<u32> + Sync),
        state: &mut State,
        stop: &AtomicBool,
        progress: &mut Told<'_>,
    ) -> Result<bool, SweepError> {
        let symbols = self.layout.symbols.len() as u64;
        let done = state.done.clone();
        let task = |at: u64, stop: &(dyn Fn() -> bool + Sync)| {
            let ordinal = range.start * symbols + at;
            let (index, symbol) = (ordinal / symbols, (ordinal % symbols) as usize);
            if !self.identity.shard.has(index) || done.has(ordinal) {
                return Ok(None);
            }
            let values = self.space.values(&positions(index));
            let params = self.space.params(&self.base[symbol], &values);
            let trial = self.trials[symbol].run(params, self.settings.delivery, &|| stop())?;
            Ok(trial.map(|trial| Row::new(index, symbol as u32, values, trial)))
        };
        let count = (range.end - range.start) * symbols;
        let mut best: Option<(f64, f64, Vec<ParamValue>)> = None;
        workers::work(count, self.settings.jobs, stop, task, |row| {
            match row {
                Some(row) => {
                    state.done.add(self.layout.ordinal(&row));
                    state.fresh += 1;
                    if let Some(score) = self.settings.aim.score(&row.numbers)
                        && best.as_ref().is_none_or(|(best, ..)| score > *best)
                    {
                        best = Some((score, self.settings.aim.goal.value(&row.numbers), row.values.clone()));
                    }
                    state.learn(&row);
                    state.store.add(row)?;
                }
                None => state.store.tick()?,
            }
            progress(best.as_ref().map(|(_, metric, values)| (*metric, values.as_slice())), state);
            Ok(())
        })
    }

    /// Asks for batch after batch, each by the results of those before.
    fn learn(
        &self,
        state: &mut State,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&SweepProgress<'_>),
        total: u64,
    ) -> Result<bool, SweepError> {
        let (choice, mut history, mut first) = (self.identity.choice, History::new(&self.space), 0);
        let mut best: Option<(f64, f64, Vec<ParamValue>)> = None;
        while first < choice.combinations {
            let batch = history.ask(&choice, &self.space, first);
            let positions = |index: u64| batch[(index - first) as usize].clone();
            let end = first + batch.len() as u64;
            let whole = self.work(first..end, &positions, state, stop, &mut |_, state| {
                let best = best.as_ref().map(|(_, metric, values)| (*metric, values.as_slice()));
                progress(&state.progress(total, best));
            })?;
            if !whole {
                return Ok(false);
            }
            let scored: Vec<(Vec<u32>, f64)> = (first..end)
                .map(|index| {
                    let numbers = state.mean(index);
                    let score = self.settings.aim.score(&numbers);
                    if let Some(score) = score
                        && best.as_ref().is_none_or(|(best, ..)| score > *best)
                    {
                        let metric = self.settings.aim.goal.value(&numbers);
                        best = Some((score, metric, self.space.values(&positions(index))));
                    }
                    (positions(index), score.unwrap_or(f64::NAN))
                })
                .collect();
            history.tell(scored);
            first = end;
        }
        Ok(true)
    }

    fn interrupted(self, done: u64, total: u64) -> Finished {
        Finished { document: None, done, total, folder: self.out, exit_code: ExitCode::Interrupted }
    }

    fn bars_per_run(&self) -> u64 {
        self.trials.iter().map(Trials::expected_bars).sum::<u64>() / self.trials.len() as u64
    }

    /// Joins the results, runs the best again and writes the documents.
    fn report(
        self,
        store: Store,
        stop: &AtomicBool,
        (done, total): (u64, u64),
        mut timing: Timing,
    ) -> Result<Finished, SweepError> {
        let reporting = Instant::now();
        let mut tables = store.parts()?;
        if self.earlier == Earlier::Whole {
            tables.push(self.out.join(TABLE));
        }
        let tally = Tally::of(&tables, &self.layout, &self.settings.aim, self.settings.top, &self.out)?;
        if tally.rows != total {
            let problem = format!(
                "has the results of {} of {total} runs: files were removed or changed while it ran; run the rest with \
                 --resume",
                tally.rows
            );
            return Err(SweepError::incomplete(&self.out, problem));
        }
        folder::clear_top(&self.out)?;
        let verifier = Verifier {
            trials: &self.trials,
            identity: &self.identity,
            environment: &self.environment,
            out: &self.out,
            jobs: self.settings.jobs,
            stop,
        };
        let Some(verification) = verifier.verify(tally.leaders.best())? else {
            return Ok(self.interrupted(done, total));
        };
        let configuration = self.trials[0].config().to_yaml()?;
        document::write(&self.out.join(CONFIG), &configuration)?;
        timing.report_s = reporting.elapsed().as_secs_f64();
        timing.total_s = self.environment.started.elapsed().as_secs_f64();
        let document = self.document(&tally, verification, timing);
        finish(&self.out, &document, &tally)?;
        store.remove()?;
        let refused = !document.verification.differing.is_empty();
        let exit_code = if refused { ExitCode::Plugin } else { ExitCode::Done };
        Ok(Finished { document: Some(document), done, total, folder: self.out, exit_code })
    }

    fn document(&self, tally: &Tally<'_>, verification: Verification, timing: Timing) -> Document {
        let first = &self.trials[0];
        let aim = &self.settings.aim;
        let instruments = self.trials.iter().flat_map(Trials::instruments);
        let from = self.trials.iter().map(|trials| trials.period().0).min().unwrap_or_default();
        let to = self.trials.iter().map(|trials| trials.period().1).max().unwrap_or_default();
        let mut warnings: Vec<String> = Vec::new();
        for warning in self.trials.iter().flat_map(Trials::warnings) {
            if !warnings.contains(warning) {
                warnings.push(warning.clone());
            }
        }
        warnings.extend(self.space.remark());
        warnings.extend(tally.remark());
        warnings.extend(nothing_verified(self.settings.top, tally.ranked));
        let best = tally.leaders.best().iter().enumerate();
        Document {
            sweep: self.identity.clone(),
            instruments: instruments.map(|it| format!("{}/{}", it.venue, it.symbol)).collect(),
            timeframe: first.timeframe().to_string(),
            period: Period { from: from.to_string(), to: to.to_string() },
            synthetic: self.trials.iter().any(Trials::synthetic),
            trials: tally.combinations,
            runs: tally.rows,
            failed: tally.failed,
            ranked: tally.ranked,
            metric: aim.goal.name().to_owned(),
            less_is_better: aim.goal.less_is_better(),
            constraints: aim.constraints.iter().map(ToString::to_string).collect(),
            top_most: self.settings.top,
            top: best.map(|(place, leader)| Best::new(place + 1, leader, &self.identity)).collect(),
            delivery: self.settings.delivery.to_string(),
            verification,
            bars: Bars::new(self.bars_per_run(), self.trials.iter().map(Trials::residency)),
            warnings,
            timing,
            peak_memory_bytes: document::peak_memory_bytes(),
        }
    }
}

/// Writes the page and then the document, which marks the folder as complete.
pub(crate) fn finish(out: &Path, document: &Document, tally: &Tally<'_>) -> Result<(), SweepError> {
    let path = out.join(DOCUMENT);
    let top: Vec<Vec<ParamValue>> = tally.leaders.best().iter().map(|leader| leader.values.clone()).collect();
    let page = page::html(document, &tally.survey, &top).map_err(SweepError::document(&path))?;
    document::write(&out.join(PAGE), &page)?;
    document::write(&path, &document.to_json().map_err(SweepError::document(&path))?)
}

/// Hears of the best run so far, its metric and its parameters, and of what is done.
type Told<'a> = dyn FnMut(Option<(f64, &[ParamValue])>, &State) + 'a;

/// What is done, on disk and in memory.
struct State {
    store: Store,
    done: Done,
    fresh: u64,
    /// When the first run began.
    begun: Instant,
    /// Of searches that learn: the rows' numbers by combination.
    numbers: Option<BTreeMap<u64, Vec<Row>>>,
}

impl State {
    /// Takes over what an earlier process left.
    fn open(sweep: &Sweep) -> Result<Self, SweepError> {
        let store = Store::open(&sweep.out, sweep.layout.clone())?;
        let learns = sweep.identity.choice.search == Search::Tpe;
        let ordinals = sweep.identity.choice.combinations * sweep.layout.symbols.len() as u64;
        let (done, numbers) = (Done::new(ordinals), learns.then(BTreeMap::new));
        let mut state = Self { store, done, fresh: 0, begun: Instant::now(), numbers };
        let mut tables = state.store.parts()?;
        if sweep.earlier == Earlier::Whole {
            tables.push(sweep.out.join(TABLE));
        }
        for table in tables {
            store::read(&table, &sweep.layout, |rows| {
                for row in rows {
                    state.done.add(sweep.layout.ordinal(row));
                    state.learn(row);
                }
            })?;
        }
        state.begun = Instant::now();
        Ok(state)
    }

    fn progress<'a>(&self, total: u64, best: Option<(f64, &'a [ParamValue])>) -> SweepProgress<'a> {
        let (done, fresh, spent) = (self.done.count, self.fresh, self.begun.elapsed());
        SweepProgress { done, total, fresh, spent, best }
    }

    fn learn(&mut self, row: &Row) {
        if let Some(numbers) = &mut self.numbers {
            let rows = numbers.entry(row.index).or_default();
            if !rows.iter().any(|one| one.symbol == row.symbol) {
                rows.push(row.clone());
                // Sums depend on the order of their terms.
                rows.sort_by_key(|row| row.symbol);
            }
        }
    }

    fn mean(&self, index: u64) -> Numbers {
        pooled(self.numbers.as_ref().and_then(|numbers| numbers.get(&index)).map_or(&[], Vec::as_slice))
    }
}

/// Which rows are done: a bit for each.
#[derive(Clone, Debug)]
struct Done {
    bits: Vec<u64>,
    count: u64,
}

impl Done {
    fn new(ordinals: u64) -> Self {
        Self { bits: vec![0; ordinals.div_ceil(64) as usize], count: 0 }
    }

    fn has(&self, ordinal: u64) -> bool {
        self.bits.get((ordinal / 64) as usize).is_some_and(|bits| bits >> (ordinal % 64) & 1 == 1)
    }

    fn add(&mut self, ordinal: u64) {
        if let Some(bits) = self.bits.get_mut((ordinal / 64) as usize) {
            self.count += u64::from(*bits >> (ordinal % 64) & 1 == 0);
            *bits |= 1 << (ordinal % 64);
        }
    }
}

/// The parameters that a configuration gives one value to, named as axes are.
fn stated(config: &RunConfig) -> BTreeSet<String> {
    let alone = config.bots.len() == 1;
    let named =
        |(bot, param): (&String, &String)| if alone { param.clone() } else { format!("{bot}.{param}") };
    config
        .bots
        .iter()
        .flat_map(|(name, bot)| bot.params.keys().map(move |param| (name, param)))
        .map(named)
        .collect()
}

/// The same configuration for each symbol on its own.
fn by_symbol(
    all: &Trials,
    loader: &TrialLoader,
    environment: &Environment,
) -> Result<(Vec<Trials>, Vec<String>), SweepError> {
    let config = all.config();
    let Some((name, bot)) = config.bots.iter().next().filter(|_| config.bots.len() == 1) else {
        let problem = "is for one bot; with several their symbols belong together";
        return Err(SweepError::usage("--per-symbol", problem));
    };
    let mut budget = BARS_BUDGET;
    let (mut trials, symbols) = (Vec::new(), bot.symbols.clone());
    for symbol in &symbols {
        let mut config = config.clone();
        if let Some(bot) = config.bots.get_mut(name) {
            bot.symbols = vec![symbol.clone()];
        }
        let of_symbol = Trials::prepare(config, loader, environment, budget)?;
        if let cryptobot_run::Residency::Decoded { bytes } = of_symbol.residency() {
            budget = budget.saturating_sub(bytes);
        }
        trials.push(of_symbol);
    }
    Ok((trials, symbols))
}

fn usual_folder(trials: &[Trials], identity: &Identity) -> PathBuf {
    let names = trials[0].bots().map(|bot| bot.name.to_owned()).collect::<Vec<_>>().join("+");
    let symbols = match identity.symbols.as_slice() {
        [one] if one.len() <= 40 => one.clone(),
        _ => format!("{}-symbols", trials.iter().map(|trials| trials.instruments().len()).sum::<usize>()),
    };
    let part = identity.shard;
    let part = if part == Shard::WHOLE { String::new() } else { format!("-{}of{}", part.part, part.of) };
    PathBuf::from("runs").join(format!("sweep-{names}-{symbols}-{}{part}", trials[0].timeframe()))
}
