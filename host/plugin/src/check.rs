//! A trial of a plugin without data: does it load, describe itself, start, and survive some bars?

use std::path::Path;

use cryptobot_engine::{Delivery, Desk, DeskLimits, EmptyColumns, Fault, Intent, Strategy};
use cryptobot_model::{
    Bar, InstrumentId, ParamValue, PluginInfo, SeriesId, SeriesInfo, StrategyId, Timeframe, Timestamp,
};
use cryptobot_wasm::ContractVersion;

use crate::advice::advised;
use crate::backend::{Limits, Loader, Plugin, PluginFile};
use crate::limits::host_limits;

/// Bars of each series in the trial, besides the plugin's warm-up.
const BARS: u32 = 500;
/// Warm-up that the trial honours; a longer one would only take time.
const MOST_WARMUP: u32 = 10_000;

/// What a trial found.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// What the plugin says of itself, where it got that far.
    pub info: Option<PluginInfo>,
    /// What went well, one sentence each.
    pub passed: Vec<String>,
    /// What is wrong, one sentence each; empty = the plugin is fit to run.
    pub problems: Vec<String>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Loads a plugin, starts it with its default parameters on made-up bars and takes it through its life.
pub fn check(loader: &Loader, path: &Path, limits: &Limits) -> CheckReport {
    let mut report = CheckReport { info: None, passed: Vec::new(), problems: Vec::new() };
    if let Err(problem) = trial(loader, path, limits, &mut report) {
        report.problems.push(problem);
    }
    report
}

fn trial(loader: &Loader, path: &Path, limits: &Limits, report: &mut CheckReport) -> Result<(), String> {
    let file = PluginFile::read(path).map_err(|error| match error.place() {
        place if place.is_empty() => error.to_string(),
        place => format!("{}{place}: {error}", path.display()),
    })?;
    let plugin = loader.compile(&file).map_err(|error| error.to_string())?;
    report.passed.push(match &plugin {
        Plugin::Component(component) => of_contract(component.contract()),
        Plugin::Script(_) => {
            "it is a script, its syntax is right and all functions that it calls exist".to_owned()
        }
    });
    let declared = file.declaration().limits;
    let desk = DeskLimits::default().with(&host_limits().stricter(declared));
    tried(&plugin, &limits.at_most(&declared), &desk, report).map_err(|problem| {
        match plugin.excerpt(&problem) {
            Some(excerpt) => format!("{problem}\n{excerpt}"),
            None => problem,
        }
    })
}

fn tried(
    plugin: &Plugin,
    limits: &Limits,
    desk: &DeskLimits,
    report: &mut CheckReport,
) -> Result<(), String> {
    let info = plugin.describe(limits).map_err(|fault| format!("describe failed: {}", advised(&fault)))?;
    report.passed.push(format!(
        "it describes itself as {} {} with {} parameters and {} series",
        info.name,
        info.version,
        info.params.len(),
        info.series.len()
    ));
    if !info.wants.bars {
        report.problems.push("it wants no bars, so that it would never be called on market data".to_owned());
    }
    report.info = Some(info.clone());

    let plain = Trial { plugin, info: &info, limits, desk, snapshot_at: None }.run()?;
    report.passed.push(format!("it starts with its default parameters and survives {} bars", plain.bars));

    let half = Some(plain.bars / 2);
    let interrupted = Trial { plugin, info: &info, limits, desk, snapshot_at: half }.run()?;
    if plain.intents == interrupted.intents {
        report.passed.push(format!(
            "it gives the same {} orders and cancels again, also with a snapshot in between",
            plain.intents.len()
        ));
    } else {
        report.problems.push(
            "a second run with a snapshot in between gives other orders: `snapshot` must not change behaviour"
                .to_owned(),
        );
    }
    if let Some(state) = interrupted.state {
        Trial { plugin, info: &info, limits, desk, snapshot_at: None }.restore(&state)?;
        report.passed.push(format!("its state of {} bytes can be restored", state.len()));
    }
    Ok(())
}

fn of_contract(version: ContractVersion) -> String {
    let compiles = format!("it is a component of plugin contract {version} and compiles");
    if version == ContractVersion::NEWEST {
        return compiles;
    }
    let newest = ContractVersion::NEWEST;
    format!("{compiles}; the newest contract is {newest}, and this one goes on running as it is")
}

struct Trial<'a> {
    plugin: &'a Plugin,
    info: &'a PluginInfo,
    limits: &'a Limits,
    desk: &'a DeskLimits,
    /// After this many bars a snapshot is taken.
    snapshot_at: Option<u32>,
}

struct Outcome {
    bars: u32,
    intents: Vec<Intent>,
    state: Option<Vec<u8>>,
}

impl Trial<'_> {
    fn run(&self) -> Result<Outcome, String> {
        let mut strategy = self.start()?;
        let series = strategy.desk().series().to_vec();
        let mut outcome =
            Outcome { bars: self.info.warmup_bars.min(MOST_WARMUP) + BARS, intents: Vec::new(), state: None };
        for step in 0..outcome.bars {
            for info in &series {
                let bar = bar(step, info.instrument, info.timeframe);
                let desk = strategy.desk();
                desk.begin(bar.ts);
                desk.accepting = true;
                desk.account.cash = 10_000.0;
                desk.account.marks.set(info.instrument.index(), bar.close);
                desk.observe(info.id, &bar);
                let called = strategy.on_bar(info.id, &bar);
                called.map_err(|fault| format!("on-bar failed at bar {}: {}", step + 1, advised(&fault)))?;
                strategy.desk().take_intents(&mut outcome.intents);
                strategy.desk().take_timers(&mut Vec::new());
            }
            if self.snapshot_at == Some(step) {
                outcome.state = Some(strategy.snapshot().map_err(named("snapshot"))?);
            }
        }
        strategy.stop().map_err(named("stop"))?;
        Ok(outcome)
    }

    fn restore(&self, state: &[u8]) -> Result<(), String> {
        self.start()?.restore(self.info.state_version, state).map_err(named("restore"))
    }

    /// Starts it on one symbol, or on two where it does not want to be alone.
    fn start(&self) -> Result<Box<dyn Strategy>, String> {
        self.start_on(1).or_else(|alone| self.start_on(2).map_err(|_| alone))
    }

    fn start_on(&self, symbols: usize) -> Result<Box<dyn Strategy>, String> {
        let specs = (0..symbols).flat_map(|symbol| self.info.series.iter().map(move |spec| (symbol, spec)));
        let series = (0_u32..).zip(specs).map(|(id, (symbol, spec))| SeriesInfo {
            id: SeriesId(id),
            role: spec.role.clone(),
            instrument: InstrumentId::from(symbol),
            symbol: format!("TEST{symbol}USDT"),
            venue: "test".to_owned(),
            timeframe: spec.timeframe_ns.and_then(Timeframe::from_nanos).unwrap_or(Timeframe::MINUTE),
            tick: 0.01,
            lot: 0.001,
            min_notional: 5.0,
        });
        let desk = Desk::new(StrategyId(0), series.collect(), symbols, 1_000, 1, *self.desk)
            .with_features(Box::new(EmptyColumns));
        let params: Vec<(String, ParamValue)> =
            self.info.params.iter().map(|spec| (spec.name.clone(), spec.default.clone())).collect();
        let mut strategy = self
            .plugin
            .instantiate(desk, params, self.limits, Delivery::Single)
            .map_err(named("instantiation"))?;
        strategy.init().map_err(named("init"))?;
        Ok(strategy)
    }
}

fn named(callback: &'static str) -> impl Fn(Fault) -> String {
    move |fault| format!("{callback} failed: {}", advised(&fault))
}

/// A price that swings with two periods, so that crossovers and bands have something to see.
fn bar(step: u32, instrument: InstrumentId, timeframe: Timeframe) -> Bar {
    let price = |step: u32| {
        let slow = triangle(step, 120 + 40 * instrument.0);
        let fast = triangle(step, 14);
        100.0 + 10.0 * slow + 2.0 * fast
    };
    let (open, close) = (price(step), price(step + 1));
    Bar {
        ts: Timestamp(i64::from(step + 1).saturating_mul(timeframe.nanos())),
        open,
        high: open.max(close) + 0.5,
        low: open.min(close) - 0.5,
        close,
        volume: 1_000.0,
    }
}

/// A wave between −1 and 1.
fn triangle(step: u32, period: u32) -> f64 {
    let phase = f64::from(step % period) / f64::from(period);
    4.0 * (phase - 0.5).abs() - 1.0
}
