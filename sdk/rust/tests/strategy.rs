//! The SDK as an author uses it: parameters, routing by symbol, series, timers, indicators, snapshots.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use cryptobot_sdk::params::Parameters;
use cryptobot_sdk::prelude::*;
use cryptobot_sdk::{Param, Value};

params! {
    /// The parameters of the tests.
    pub struct Params {
        /// Bars
        /// in the average.
        period: u32 = 3, range = 1..=50, step = 1;
        /// Size.
        size: f64 = 1.0, range = 0.0..=10.0, step = 0.5, tunable = true;
        quiet: bool = false;
        name: String = "x".to_owned();
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct AboveAverage {
    average: Sma,
    host_average: Indicator,
    size: f64,
    bars: u32,
    fills: u32,
}

impl Strategy for AboveAverage {
    type Params = Params;

    fn new(params: &Params, series: &[Series], host: &mut Host) -> Result<Self, String> {
        host.buy(&series[0], 1.0);
        Ok(Self {
            average: Sma::new(params.period)?,
            host_average: host.indicator(&series[0], "sma", &[("period", f64::from(params.period))])?,
            size: params.size,
            bars: 0,
            fills: 0,
        })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        self.bars += 1;
        let average = self.average.update(bar.close);
        assert_eq!(average.to_bits(), host.value(&self.host_average, 0, 0).to_bits());
        if bar.close > average {
            host.target_position(series, self.size);
        } else if bar.close < average {
            host.target_position(series, -self.size);
        }
        if self.bars == 2 {
            host.set_timer(7, host.now() + 2 * MINUTE);
        }
        let draw = host.random() % 10;
        let position = host.position(series);
        host.log(Level::Debug, format_args!("{} bar {} draw {draw} {position}", series.symbol, self.bars));
    }

    fn on_order(&mut self, _host: &mut Host, _series: &Series, event: &OrderEvent) {
        if event.kind == OrderEventKind::Filled {
            self.fills += 1;
        }
    }

    fn on_position_close(&mut self, host: &mut Host, series: &Series, close: &PositionClose) {
        host.info(format_args!("{} closed, pnl {}", series.symbol, close.net_pnl));
    }

    fn on_timer(&mut self, host: &mut Host, id: u32) {
        host.info(format_args!("timer {id} at bar {}", self.bars));
    }

    fn stop(&mut self, host: &mut Host) {
        host.info(format_args!("{} bars, {} fills", self.bars, self.fills));
    }
}

export!(AboveAverage);

fn waves(n: usize) -> Vec<f64> {
    (0..n).map(|i| 100.0 + ((i % 11) as f64 - 5.0) * ((i % 3) as f64 + 1.0)).collect()
}

#[test]
fn parameters_are_described_and_read() {
    let specs = Params::specs();
    assert_eq!(specs.len(), 4);
    assert_eq!((specs[0].name.as_str(), specs[0].doc.as_str()), ("period", "Bars in the average."));
    assert_eq!((specs[0].min, specs[0].max, specs[0].step), (Some(1.0), Some(50.0), Some(1.0)));
    assert_eq!(specs[0].default, Value::Integer(3));
    assert!(specs[1].tunable && !specs[0].tunable);
    assert_eq!((&specs[2].default, specs[2].min), (&Value::Flag(false), None));
    let given = |name: &str, value| Param { name: name.to_owned(), value };
    let params =
        Params::from_values(&[given("period", Value::Integer(9)), given("quiet", Value::Flag(true))]);
    assert_eq!(params, Ok(Params { period: 9, quiet: true, ..Params::default() }));
    assert!(Params::from_values(&[given("period", Value::Integer(-1))]).unwrap_err().contains("`period`"));
    assert!(Params::from_values(&[given("size", Value::Text("1".into()))]).is_err());
}

#[test]
fn each_symbol_has_its_own_value_timers_and_positions() {
    let run = Tape::from_closes(waves(12))
        .and("OTHER", waves(12).into_iter().map(|price| 300.0 - price))
        .run::<AboveAverage>(&Params::default())
        .unwrap();
    assert_eq!(run.position(), -run.position_of("OTHER"));
    assert_ne!(run.position(), 0.0);
    let timers: Vec<&str> =
        run.logs.iter().map(|line| line.message.as_str()).filter(|text| text.starts_with("timer")).collect();
    assert_eq!(timers, ["timer 7 at bar 4", "timer 7 at bar 4"]);
    assert!(run.closed.iter().any(|close| close.series == 1));
}

#[test]
fn orders_are_refused_before_the_start() {
    let run = Tape::from_closes(waves(5)).run::<AboveAverage>(&Params::default()).unwrap();
    assert_eq!(run.orders[0].order, Order::market(Side::Buy, 1.0));
    assert_eq!((run.events[0].kind, run.events[0].reason), (OrderEventKind::Rejected, 8));
}

#[test]
fn snapshot_and_restore_change_nothing() {
    let tape = Tape::from_closes(waves(60)).and("OTHER", waves(60));
    assert!(tape.run::<AboveAverage>(&Params::default()).unwrap().fills.len() > 10);
    tape.check_restart::<AboveAverage>(&Params::default()).unwrap();
}

/// Buys when the hourly close rises.
#[derive(Serialize, Deserialize)]
struct Hourly {
    last: f64,
}

impl Strategy for Hourly {
    type Params = ();

    fn new(_params: &(), series: &[Series], _host: &mut Host) -> Result<Self, String> {
        assert_eq!(series.len(), 2);
        Ok(Self { last: f64::NAN })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        if series.role == "hour" {
            host.info(format_args!("{} {} {} {}", bar.open, bar.high, bar.low, bar.close));
            if bar.close > self.last {
                host.buy(series, 1.0);
            }
            self.last = bar.close;
        }
    }

    fn series() -> Vec<SeriesSpec> {
        vec![SeriesSpec::base(), SeriesSpec::every("hour", HOUR)]
    }
}

#[test]
fn higher_timeframes_are_built_from_the_tape() {
    let run = Tape::from_closes((0..150).map(f64::from).map(|i| 100.0 + i)).run::<Hourly>(&()).unwrap();
    let logs: Vec<&str> = run.logs.iter().map(|line| line.message.as_str()).collect();
    // Each bar opens at the close before.
    assert_eq!(logs, ["100 159 100 159", "159 219 159 219"]);
    assert_eq!((run.fills.len(), run.fills[0].price), (1, 219.0));
}

/// One value for all symbols: holds the strongest one.
#[derive(Serialize, Deserialize)]
struct Strongest {
    returns: Vec<f64>,
}

impl Strategy for Strongest {
    type Params = ();
    const SCOPE: Scope = Scope::Portfolio;

    fn new(_params: &(), series: &[Series], host: &mut Host) -> Result<Self, String> {
        host.info(series.len());
        Ok(Self { returns: vec![0.0; series.len()] })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        self.returns[series.id as usize] = bar.close / bar.open;
        if series.id + 1 == self.returns.len() as u32 {
            let best = (0..self.returns.len()).max_by(|a, b| self.returns[*a].total_cmp(&self.returns[*b]));
            host.info(format_args!("best {}", best.unwrap_or(0)));
        }
    }
}

#[test]
fn a_portfolio_sees_all_symbols() {
    let run = Tape::from_closes([1.0, 2.0]).and("B", [1.0, 3.0]).run::<Strongest>(&()).unwrap();
    let logs: Vec<&str> = run.logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(logs, ["2", "best 1", "best 1"]);
}

/// Enters once and protects itself with a stop.
#[derive(Serialize, Deserialize)]
struct Protected;

impl Strategy for Protected {
    type Params = ();

    fn new(_params: &(), _series: &[Series], _host: &mut Host) -> Result<Self, String> {
        Ok(Self)
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, _bar: &Bar) {
        if host.bars(series) == 1 {
            host.buy(series, 2.0);
        }
    }

    fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
        if event.kind == OrderEventKind::Filled && event.side == Side::Buy {
            let stop = Order::stop(Side::Sell, event.quantity, event.price * 0.9);
            host.submit(series, &stop.reduce_only());
        }
    }
}

#[test]
fn stops_protect_from_the_bar_after_they_were_placed() {
    let run = Tape::from_closes([100.0, 99.0, 95.0, 80.0, 120.0]).fee(0.001).run::<Protected>(&()).unwrap();
    let prices: Vec<f64> = run.fills.iter().map(|fill| fill.price).collect();
    assert_eq!(prices, [100.0, 90.0]);
    assert_eq!(run.position(), 0.0);
    assert!((run.closed[0].net_pnl - (-20.0 - 0.38)).abs() < 1e-9);
    assert!((run.equity - 1_000_000.0 - run.closed[0].net_pnl).abs() < 1e-6);
    let refused = Tape::from_closes([100.0, 99.0]).balance(150.0).run::<Protected>(&()).unwrap();
    assert_eq!((refused.events[0].kind, refused.events[0].reason), (OrderEventKind::Rejected, 3));
}

#[test]
fn a_state_of_other_parameters_or_another_version_is_refused_with_a_reason() {
    use cryptobot_sdk::testing::restore_elsewhere;

    let tape = Tape::from_closes(waves(20));
    let other = Params { period: 5, ..Params::default() };
    let refused = |version, params: &Params| {
        restore_elsewhere::<AboveAverage>(&tape, &Params::default(), version, params).unwrap_err()
    };
    assert_eq!(refused(1, &other), "the state was stored with other parameters");
    assert_eq!(refused(9, &other), "state version 9 cannot be read; this plugin has version 1");
}

/// Its indicator depends on what the test wants, as that of a changed version would.
#[derive(Debug, Serialize, Deserialize)]
struct Renamed {
    indicator: Indicator,
}

thread_local! {
    static KIND: std::cell::Cell<&'static str> = const { std::cell::Cell::new("sma") };
}

impl Strategy for Renamed {
    type Params = ();

    fn new(_params: &(), series: &[Series], host: &mut Host) -> Result<Self, String> {
        Ok(Self { indicator: host.indicator(&series[0], KIND.get(), &[])? })
    }

    fn on_bar(&mut self, _host: &mut Host, _series: &Series, _bar: &Bar) {
        KIND.set("ema");
    }
}

#[test]
fn a_state_with_an_indicator_that_is_gone_is_refused() {
    let error = Tape::from_closes([1.0, 2.0]).run_with_restart::<Renamed>(&(), 1).unwrap_err();
    assert!(error.contains("`sma on tape TESTUSDT base 60000000000`"), "{error}");
}

/// Rests a post-only order and one that is filled or killed.
#[derive(Serialize, Deserialize)]
struct Resting;

impl Strategy for Resting {
    type Params = ();

    fn new(_params: &(), _series: &[Series], _host: &mut Host) -> Result<Self, String> {
        Ok(Self)
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        if host.bars(series) == 1 {
            host.submit(series, &Order::limit(Side::Buy, 1.0, bar.close).tif(Tif::Gtx));
            host.submit(series, &Order::limit(Side::Buy, 1.0, bar.close - 2.0).tif(Tif::Gtx));
            host.submit(series, &Order::limit(Side::Buy, 1.0, bar.close - 1.0).tif(Tif::Fok));
            host.submit(series, &Order::market(Side::Sell, 1.0).reduce_only());
            host.submit(series, &Order::market(Side::Sell, f64::NAN));
        }
    }
}

#[test]
fn limit_orders_rest_end_or_are_refused() {
    let run = Tape::from_closes([100.0, 99.0, 97.0, 99.0]).run::<Resting>(&()).unwrap();
    let ends: Vec<(OrderEventKind, u32)> = run
        .events
        .iter()
        .filter(|event| event.kind.is_final())
        .map(|event| (event.kind, event.reason))
        .collect();
    assert_eq!(
        ends,
        [
            (OrderEventKind::Rejected, 6),
            (OrderEventKind::Rejected, 4),
            (OrderEventKind::Rejected, 1),
            (OrderEventKind::Expired, 7),
            (OrderEventKind::Filled, 0),
        ]
    );
    assert_eq!((run.fills.len(), run.fills[0].price), (1, 98.0));
}

/// Reads features in every way, and keeps them in its state.
#[derive(Debug, Serialize, Deserialize)]
struct Reader {
    fast: Features,
    longer: Features,
    rsi: Indicator,
}

thread_local! {
    static QUERY: std::cell::Cell<&'static str> = const { std::cell::Cell::new("technical_fast") };
}

impl Strategy for Reader {
    type Params = ();

    fn new(_params: &(), series: &[Series], host: &mut Host) -> Result<Self, String> {
        let query = FeatureQuery::of(QUERY.get()).define("low", "bollinger", &[("period", 5.0)], "lower");
        Ok(Self {
            fast: host.features(&series[0], &query)?,
            longer: host.features(&series[0], &FeatureQuery::of("rsi_14").every(5 * MINUTE))?,
            rsi: host.indicator(&series[0], "rsi", &[])?,
        })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, _bar: &Bar) {
        let bits = |value: f64| value.to_bits();
        let rsi = self.fast.column("rsi_14").unwrap();
        let now = host.feature(&self.fast, rsi, 0);
        assert_eq!(bits(now), bits(host.value(&self.rsi, 0, 0)));
        assert_eq!(bits(now), bits(host.feature_values(&self.fast)[rsi as usize]));
        assert_eq!(bits(host.feature(&self.fast, rsi, 1)), bits(host.value(&self.rsi, 0, 1)));
        assert!(host.feature(&self.fast, 99, 0).is_nan());
        let bars = host.bars(series);
        let low = host.feature(&self.fast, self.fast.column("low").unwrap(), 0);
        assert_eq!(low.is_nan(), bars < 5);
        assert_eq!(host.feature(&self.longer, 0, 0).is_nan(), bars < 75);
        if bars > 75 && !bars.is_multiple_of(5) {
            let [newest, before] = [0, 1].map(|n| bits(host.feature(&self.longer, 0, n)));
            assert_eq!(newest, before, "a longer bar counts when it has closed");
        }
        if bars == 90 {
            host.target_position(series, now);
        }
        QUERY.set("technical_standard");
    }
}

#[test]
fn features_are_read_by_handle_and_found_again_by_what_they_are() {
    let plain = Tape::from_closes(waves(120)).run::<Reader>(&()).unwrap();
    assert_eq!(plain.targets().len(), 1);
    QUERY.set("technical_fast");
    let error = Tape::from_closes(waves(120)).run_with_restart::<Reader>(&(), 80).unwrap_err();
    assert!(error.contains("uses `features technical_fast low=bollinger"), "{error}");
}

#[test]
fn features_that_there_are_not_are_named() {
    let refused = |name: &'static str| {
        QUERY.set(name);
        Tape::from_closes([1.0]).run::<Reader>(&()).unwrap_err()
    };
    assert!(refused("fast").starts_with("there is no feature set `fast`; sets are technical_fast,"));
    assert_eq!(
        refused("futures"),
        "feature `mark_index_deviation` is not computed from bars; a tape has only bars"
    );
}
