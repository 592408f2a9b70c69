//! The test kit: runs a strategy natively on a small tape, without the host.
//!
//! ```
//! # use cryptobot_sdk::prelude::*;
//! # #[derive(Serialize, Deserialize)] struct BuyFirst;
//! # impl Strategy for BuyFirst {
//! #     type Params = ();
//! #     fn new(_: &(), _: &[Series], _: &mut Host) -> Result<Self, String> { Ok(Self) }
//! #     fn on_bar(&mut self, host: &mut Host, series: &Series, _bar: &Bar) { host.target_position(series, 1.0); }
//! # }
//! let run = Tape::from_closes([100.0, 101.0, 102.0]).run::<BuyFirst>(&()).unwrap();
//! assert_eq!(run.targets(), [1.0]);
//! assert_eq!((run.fills[0].price, run.position()), (100.0, 1.0));
//! ```
//!
//! The exchange behind it is a small model of the host's. Orders meet the bars that open after they were placed; the
//! open comes first, then what costs, then what pays, so that a stop and a target in one bar cost the stop:
//!
//! - market orders fill at the open;
//! - stops fill at the worse of trigger and open, take-profits at the better one, limits at their price when the price
//!   trades through, whatever the trigger source; no slippage, no partial fills;
//! - a trailing stop keeps its trigger through a bar, then follows the bar's best price, and is touched by a close
//!   beyond it;
//! - stop and target of a bracket live from the entry's fill on, inside the same bar: the stop sees all of that bar,
//!   the target of an entry after the open only its close; so does a limit order that was woken inside a bar;
//! - orders that are good till a date expire with the bar in which it comes;
//! - signals are refused with reason 40 unless [`Tape::stake`] says how much they stake.
//!
//! `host run` is the place for results, a tape is the place for behaviour.

mod account;
pub(crate) mod desk;
mod exchange;
mod matching;
mod record;

pub use record::{Fill, LogLine, Placed, Signaled, TapeRun};

use crate::runtime::Runtime;
use crate::{Bar, Host, MINUTE, OrderEventKind, Series, Strategy, Wants};
use desk::{Desk, Terms};

/// 2024-01-01T00:00:00Z.
const START: i64 = 1_704_067_200_000_000_000;

/// Bars of one or several symbols, and the account that trades them.
#[derive(Clone, Debug)]
pub struct Tape {
    symbols: Vec<(String, Vec<Bar>)>,
    timeframe_ns: i64,
    terms: Terms,
}

impl Tape {
    /// One-minute bars of the symbol `TESTUSDT` with these closes; each bar opens at the close before.
    pub fn from_closes(closes: impl IntoIterator<Item = f64>) -> Self {
        Self::from_bars(bars_of(closes, MINUTE))
    }

    /// One-minute bars of the symbol `TESTUSDT` as they are; [`Tape::timeframe`] says if they are of another length.
    pub fn from_bars(bars: Vec<Bar>) -> Self {
        Self {
            symbols: vec![("TESTUSDT".to_owned(), bars)],
            timeframe_ns: MINUTE,
            terms: Terms { balance: 1_000_000.0, leverage: 1.0, fee: 0.0, lot: 1e-8, stake: None },
        }
    }

    /// Adds a symbol with these closes.
    #[must_use]
    pub fn and(mut self, symbol: &str, closes: impl IntoIterator<Item = f64>) -> Self {
        self.symbols.push((symbol.to_owned(), bars_of(closes, self.timeframe_ns)));
        self
    }

    /// The length of the bars; all are stamped anew, one after the other.
    #[must_use]
    pub fn timeframe(mut self, timeframe_ns: i64) -> Self {
        self.timeframe_ns = timeframe_ns;
        for (_, bars) in &mut self.symbols {
            stamp(bars, timeframe_ns);
        }
        self
    }

    /// The balance at the start, 1,000,000 otherwise.
    #[must_use]
    pub fn balance(mut self, balance: f64) -> Self {
        self.terms.balance = balance;
        self
    }

    /// Largest notional per unit of equity, 1 otherwise.
    #[must_use]
    pub fn leverage(mut self, leverage: f64) -> Self {
        self.terms.leverage = leverage;
        self
    }

    /// Fee of every fill as a fraction of its notional, 0 otherwise.
    #[must_use]
    pub fn fee(mut self, fee: f64) -> Self {
        self.terms.fee = fee;
        self
    }

    /// Smallest step of a quantity, 1e-8 otherwise.
    #[must_use]
    pub fn lot(mut self, lot: f64) -> Self {
        self.terms.lot = lot;
        self
    }

    /// Share of the equity that each signal stakes; without it signals are refused, as by a host without a sizer.
    #[must_use]
    pub fn stake(mut self, stake: f64) -> Self {
        self.terms.stake = Some(stake);
        self
    }

    /// Runs a strategy over the tape.
    ///
    /// # Errors
    /// What the strategy's `new` says.
    pub fn run<S: Strategy>(&self, params: &S::Params) -> Result<TapeRun, String> {
        self.run_with::<S>(params, usize::MAX, Ok)
    }

    /// Runs a strategy and replaces it after `rows` bars by a new one that is given its state: snapshot, `new`,
    /// restore, as a hot swap does.
    ///
    /// # Errors
    /// What `new`, `snapshot` or `restore` say.
    pub fn run_with_restart<S: Strategy>(&self, params: &S::Params, rows: usize) -> Result<TapeRun, String> {
        self.run_with::<S>(params, rows, |runtime| runtime.restarted(params, self.series::<S>()))
    }

    /// Runs a strategy and gives it new values of its tunable parameters after `rows` bars.
    ///
    /// # Errors
    /// What `new` or [`Strategy::tune`] say.
    pub fn run_with_tuning<S: Strategy>(
        &self,
        params: &S::Params,
        rows: usize,
        tuned: &S::Params,
    ) -> Result<TapeRun, String> {
        self.run_with::<S>(params, rows, |mut runtime| {
            runtime.tune(tuned)?;
            runtime.deliver_events();
            Ok(runtime)
        })
    }

    /// Runs a strategy and does something with it after `rows` bars.
    fn run_with<S: Strategy>(
        &self,
        params: &S::Params,
        rows: usize,
        act: impl Fn(Runtime<S>) -> Result<Runtime<S>, String>,
    ) -> Result<TapeRun, String> {
        let (host, all_series) = host_for::<S>(self);
        let mut runtime = Runtime::<S>::new(host, params, all_series.clone())?;
        runtime.host.backend.process_intents();
        runtime.host.backend.accept_orders();

        let tape = self.rows(&all_series);
        let mut delivered = 0;
        let mut step = 0;
        while step < tape.len() {
            let now = tape[step].1.ts;
            let end = step + tape[step..].iter().take_while(|(_, bar)| bar.ts == now).count();
            runtime.host.backend.advance(now, &tape[step..end]);
            runtime.deliver_events();
            for (series, bar) in &tape[step..end] {
                if S::wants().contains(Wants::BARS) {
                    runtime.on_bar(*series, bar);
                    runtime.deliver_events();
                }
                delivered += 1;
                if delivered == rows {
                    runtime = act(runtime)?;
                }
            }
            while let Some(timer) = runtime.host.backend.due_timer() {
                runtime.on_timer(timer);
                runtime.deliver_events();
            }
            step = end;
        }
        runtime.stop();
        Ok(runtime.host.backend.into_run())
    }

    /// Checks that snapshot and restore change nothing: runs the strategy once in one go, then with a restart at up
    /// to 16 places, and compares all orders, fills, closed positions and log lines.
    ///
    /// # Errors
    /// Where the first difference is, or what `new`, `snapshot` or `restore` say.
    pub fn check_restart<S: Strategy>(&self, params: &S::Params) -> Result<(), String> {
        let expected = self.run::<S>(params)?;
        let rows = self.rows(&self.series::<S>()).len();
        for place in 1..=rows.min(16) {
            let after = place * rows / rows.min(16);
            let run = self.run_with_restart::<S>(params, after)?;
            if let Some(difference) = expected.difference(&run) {
                return Err(format!("after a restart at bar {after} of {rows}: {difference}"));
            }
        }
        Ok(())
    }

    /// The series a strategy is given: what it asks for, once per symbol.
    fn series<S: Strategy>(&self) -> Vec<Series> {
        let mut list = Vec::new();
        for (symbol, _) in &self.symbols {
            for spec in S::series() {
                list.push(Series {
                    id: list.len() as u32,
                    role: spec.role,
                    symbol: symbol.clone(),
                    venue: "tape".to_owned(),
                    timeframe_ns: spec.timeframe_ns.unwrap_or(self.timeframe_ns),
                    tick: 1e-8,
                    lot: self.terms.lot,
                    min_notional: 0.0,
                });
            }
        }
        list
    }

    /// All bars in the order of delivery: by time, shorter timeframes first, then by series.
    fn rows(&self, series: &[Series]) -> Vec<(u32, Bar)> {
        let mut rows = Vec::new();
        for series in series {
            for (symbol, bars) in &self.symbols {
                if *symbol == series.symbol {
                    let bars = resample(bars, self.timeframe_ns, series.timeframe_ns);
                    rows.extend(bars.into_iter().map(|bar| (series.id, bar)));
                }
            }
        }
        rows.sort_by_key(|(id, bar)| (bar.ts, series[*id as usize].timeframe_ns, *id));
        rows
    }
}

/// Runs a strategy over the tape with `before` and gives its state, as one of `version`, to a new one with `after`:
/// for tests of [`Strategy::adopt`] and [`Strategy::migrate`].
///
/// # Errors
/// What `new`, `snapshot` or `restore` say.
pub fn restore_elsewhere<S: Strategy>(
    tape: &Tape,
    before: &S::Params,
    version: u32,
    after: &S::Params,
) -> Result<(), String> {
    let (host, series) = host_for::<S>(tape);
    let mut old = Runtime::<S>::new(host, before, series.clone())?;
    for (series, bar) in tape.rows(&series) {
        old.host.backend.advance(bar.ts, &[(series, bar)]);
        old.on_bar(series, &bar);
    }
    let state = old.snapshot()?;
    let (host, series) = host_for::<S>(tape);
    Runtime::<S>::new(host, after, series)?.restore(version, &state)
}

/// A host and the series of a strategy on the tape, for tests of a [`Runtime`] of their own.
#[doc(hidden)]
pub fn host_for<S: Strategy>(tape: &Tape) -> (Host, Vec<Series>) {
    let series = tape.series::<S>();
    let desk = Desk::new(&series, &tape.terms);
    (Host { backend: desk, slot: 0, slots: 1 }, series)
}

impl<S: Strategy> Runtime<S> {
    /// Brings what happened to orders and positions to the strategy, and what it does in answer.
    fn deliver_events(&mut self) {
        self.host.backend.process_intents();
        while let Some(event) = self.host.backend.next_event() {
            match event {
                desk::Event::Order(event) if wants_step::<S>(event.kind) => {
                    self.on_order(&event);
                }
                desk::Event::Close(close) if S::wants().contains(Wants::POSITION_CLOSES) => {
                    self.on_position_close(&close);
                }
                _ => continue,
            }
            self.host.backend.process_intents();
        }
    }

    /// A new runtime with this one's state and the same desk.
    fn restarted(self, params: &S::Params, series: Vec<Series>) -> Result<Self, String> {
        let state = self.snapshot()?;
        let mut host = self.host;
        let before = host.backend.before();
        host.backend.refuse_orders();
        let mut next = Self::new(host, params, series)?;
        next.host.backend.forget_since(before);
        next.restore(S::STATE_VERSION, &state)?;
        next.host.backend.process_intents();
        next.host.backend.accept_orders();
        Ok(next)
    }
}

/// Whether the strategy is told of this step of its orders, as a host would.
fn wants_step<S: Strategy>(kind: OrderEventKind) -> bool {
    let wants = S::wants();
    wants.contains(Wants::ORDERS) || (wants.contains(Wants::OUTCOMES) && kind.is_outcome())
}

fn bars_of(closes: impl IntoIterator<Item = f64>, timeframe_ns: i64) -> Vec<Bar> {
    let mut previous = None;
    let mut bars: Vec<Bar> = closes
        .into_iter()
        .map(|close| {
            let open = previous.replace(close).unwrap_or(close);
            Bar { ts: 0, open, high: open.max(close), low: open.min(close), close, volume: 1.0 }
        })
        .collect();
    stamp(&mut bars, timeframe_ns);
    bars
}

fn stamp(bars: &mut [Bar], timeframe_ns: i64) {
    let mut ts = START;
    for bar in bars {
        ts += timeframe_ns;
        bar.ts = ts;
    }
}

/// Whole bars of a longer timeframe; nothing where it is no multiple.
fn resample(bars: &[Bar], from_ns: i64, to_ns: i64) -> Vec<Bar> {
    if from_ns == to_ns {
        return bars.to_vec();
    }
    let group = |bar: &Bar| (bar.ts - from_ns).div_euclid(to_ns);
    let whole = |bars: &&[Bar]| to_ns % from_ns == 0 && bars.len() as i64 == to_ns / from_ns;
    bars.chunk_by(|a, b| group(a) == group(b))
        .filter(whole)
        .map(|bars| {
            let last = bars[bars.len() - 1];
            Bar {
                ts: last.ts,
                open: bars[0].open,
                high: bars.iter().fold(f64::NEG_INFINITY, |high, bar| high.max(bar.high)),
                low: bars.iter().fold(f64::INFINITY, |low, bar| low.min(bar.low)),
                close: last.close,
                volume: bars.iter().map(|bar| bar.volume).sum(),
            }
        })
        .collect()
}
