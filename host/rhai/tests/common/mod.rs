//! Scripts at a desk, bar by bar.
#![allow(dead_code, reason = "each test uses its part")]

use std::path::Path;

use cryptobot_engine::{Desk, DeskLimits, Fault, Intent, LogLine, Strategy};
use cryptobot_model::{
    Bar, InstrumentId, ParamValue, SeriesId, SeriesInfo, StrategyId, Timeframe, Timestamp,
};
use cryptobot_rhai::{Limits, Script, ScriptStrategy};

/// Loads a text as `test.rhai`.
pub fn script(text: &str) -> Script {
    Script::load_bytes(Path::new("test.rhai"), text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// What keeps a text from being loaded, described or started, in one line.
pub fn refused(text: &str) -> String {
    refused_with(text, &[])
}

/// As [`refused`], with values for parameters.
pub fn refused_with(text: &str, params: &[(&str, ParamValue)]) -> String {
    let script = match Script::load_bytes(Path::new("test.rhai"), text.as_bytes()) {
        Ok(script) => script,
        Err(error) => return error.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    if let Err(fault) = script.describe(&Limits::default()) {
        return fault.to_string();
    }
    match Player::start(&script, &["AUSDT"], params, &Limits::default()) {
        Err(fault) => fault.to_string(),
        Ok(_) => panic!("it starts: {text}"),
    }
}

/// A series of a test.
fn series(id: usize, instrument: usize, symbol: &str, role: &str, timeframe: Timeframe) -> SeriesInfo {
    SeriesInfo {
        id: SeriesId::from(id),
        role: role.to_owned(),
        instrument: InstrumentId::from(instrument),
        symbol: symbol.to_owned(),
        venue: "test".to_owned(),
        timeframe,
        tick: 0.01,
        lot: 0.001,
        min_notional: 5.0,
    }
}

/// A script that is shown bars. Nothing is filled; positions are set by the test.
pub struct Player {
    pub strategy: ScriptStrategy,
    pub step: i64,
}

impl Player {
    /// Starts a script on symbols of which each has the declared series.
    pub fn start(
        script: &Script,
        symbols: &[&str],
        params: &[(&str, ParamValue)],
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let info = script.describe(limits)?;
        let mut list = Vec::new();
        for (instrument, symbol) in symbols.iter().enumerate() {
            for spec in &info.series {
                let timeframe =
                    spec.timeframe_ns.and_then(Timeframe::from_nanos).unwrap_or(Timeframe::MINUTE);
                list.push(series(list.len(), instrument, symbol, &spec.role, timeframe));
            }
        }
        let given =
            |name: &str| params.iter().find(|(given, _)| *given == name).map(|(_, value)| value.clone());
        let params = info
            .params
            .iter()
            .map(|spec| (spec.name.clone(), given(&spec.name).unwrap_or_else(|| spec.default.clone())));
        let desk = Desk::new(StrategyId(0), list, symbols.len(), 100, 7, DeskLimits::default());
        let mut strategy = script.instantiate(desk, params.collect(), limits);
        strategy.init()?;
        strategy.desk().accepting = true;
        strategy.desk().account.cash = 10_000.0;
        Ok(Self { strategy, step: 0 })
    }

    /// Starts a text on one symbol with the defaults.
    pub fn of(text: &str) -> Self {
        Self::start(&script(text), &["AUSDT"], &[], &Limits::default())
            .unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// A bar of a series closes at a price.
    pub fn bar_of(&mut self, series: usize, close: f64) -> Result<Vec<Intent>, Fault> {
        self.step += 1;
        let bar = Bar {
            ts: Timestamp(self.step * 60_000_000_000),
            open: close - 1.0,
            high: close + 2.0,
            low: close - 3.0,
            close,
            volume: 10.0,
        };
        let series = SeriesId::from(series);
        let desk = self.strategy.desk();
        desk.begin(bar.ts);
        let instrument = desk.series_info(series)?.instrument;
        desk.account.marks.set(instrument.index(), close);
        desk.observe(series, &bar);
        self.strategy.on_bar(series, &bar)?;
        let mut intents = Vec::new();
        self.strategy.desk().take_intents(&mut intents);
        Ok(intents)
    }

    /// A bar of the first series.
    pub fn bar(&mut self, close: f64) -> Vec<Intent> {
        self.bar_of(0, close).unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// What the script logged.
    pub fn log(&mut self) -> Vec<String> {
        self.strategy.desk().take_logs().into_iter().map(|line: LogLine| line.message).collect()
    }
}

/// What a body of `on_bar` logs on one bar at 100.
pub fn logged(body: &str) -> Vec<String> {
    let mut player = Player::of(&format!("fn on_bar(bar) {{\n{body}\n}}"));
    player.bar(100.0);
    player.log()
}

/// The fault of a body of `on_bar` on one bar at 100.
pub fn fault(body: &str) -> Fault {
    let mut player = Player::of(&format!("fn on_bar(bar) {{\n{body}\n}}"));
    match player.bar_of(0, 100.0) {
        Err(fault) => fault,
        Ok(intents) => panic!("no fault of `{body}`, but {intents:?}"),
    }
}
