//! What realism costs: the benchmark job without and with leverage, margin, funding, limits and stops.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use cryptobot_engine::{
    AccountKind, BarBlock, Delivery, Desk, Fault, Limits, MarginMode, MarginSettings, RiskSettings, Strategy,
};
use cryptobot_model::{
    Bar, Bracket, Brackets, ContractTerms, FundingRate, Instrument, Money, OrderEvent, OrderEventKind,
    OrderId, OrderKind, OrderTerms, ParamValue, SeriesId, Side, Timeframe, Timestamp, TriggerSource, Wants,
};
use cryptobot_test_support::market::{START_MS, random_walk};
use cryptobot_test_support::native::{Logic, Native};
use cryptobot_test_support::run::{HashOnly, MemoryRun, desk, instrument};
use cryptobot_test_support::sma_flip::SmaFlip;
use cryptobot_wasm::{Limits as Sandbox, Plugin, Runtime, RuntimeConfig};

use crate::job::{failed, params};

const YEAR: usize = 525_600;
const EIGHT_HOURS_MS: i64 = 8 * 3_600_000;
/// How far a stop is from the price: never touched, always watched.
const STOP_DISTANCE: f64 = 0.5;

/// Files of the three components that do the job, without a stop, with one that comes with each entry and with one that
/// follows each fill, and how they get their bars.
type Components<'a> = Option<([&'a str; 3], Delivery)>;

/// Prints times and ratios of the ways to do the job.
pub(crate) fn run(components: Components<'_>, rounds: usize) -> ExitCode {
    let doer = match Doer::load(components) {
        Ok(doer) => doer,
        Err(error) => return failed(&error),
    };
    let block = random_walk(YEAR, 42);
    let mut best = [f64::MAX; Way::ALL.len()];
    for _ in 0..rounds {
        for (way, best) in Way::ALL.into_iter().zip(&mut best) {
            *best = best.min(once(way, &doer, &block));
        }
    }
    println!("one year of minute bars, {}, best of {rounds}      ms   ratio", doer.name());
    for (way, took) in Way::ALL.into_iter().zip(best) {
        println!("{:55} {took:8.2} {:7.2}", way.name(), took / best[0]);
    }
    ExitCode::SUCCESS
}

/// Runs the job one way, to count its instructions.
pub(crate) fn count(way: &str, components: Components<'_>) -> ExitCode {
    let names = ["ideal", "margin", "stops", "late"];
    let Some((_, way)) = names.into_iter().zip(Way::ALL).find(|(name, _)| *name == way) else {
        println!("one of {}", names.join(", "));
        return ExitCode::from(2);
    };
    let doer = match Doer::load(components) {
        Ok(doer) => doer,
        Err(error) => return failed(&error),
    };
    let took = once(way, &doer, &random_walk(YEAR, 42));
    println!("{}, {}: {took:.2} ms", doer.name(), way.name());
    ExitCode::SUCCESS
}

/// Who does the job.
enum Doer {
    Native,
    /// One without a stop, one with a stop that comes with each entry, one with a stop that follows each fill.
    Components(Vec<Plugin>, Delivery),
}

impl Doer {
    fn load(components: Components<'_>) -> Result<Self, String> {
        let Some((files, delivery)) = components else { return Ok(Self::Native) };
        let runtime = Runtime::new(&RuntimeConfig::default()).map_err(|error| error.to_string())?;
        let load = |file: &str| {
            runtime
                .load(Path::new(file))
                .map_err(|error| format!("{file}: {error}; build it with `make build`"))
        };
        Ok(Self::Components(files.into_iter().map(load).collect::<Result<_, _>>()?, delivery))
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Native => "native strategy",
            Self::Components(_, Delivery::Single) => "component, one call of the host per bar",
            Self::Components(..) => "component",
        }
    }

    /// The strategy, and what it wants to be told: natively the same as the component.
    fn strategy(&self, way: Way, contract: &Instrument) -> (Box<dyn Strategy>, Wants) {
        let desk = desk(0, std::slice::from_ref(contract), &[Timeframe::MINUTE], 42);
        let bars_only = Wants { bars: true, ..Wants::default() };
        let wants = match way {
            Way::Ideal | Way::Margin | Way::Stops => bars_only,
            Way::LateStops => Wants { outcomes: true, ..bars_only },
        };
        let strategy: Box<dyn Strategy> = match self {
            Self::Native => {
                let flip = SmaFlip::new(10, 30, 1.0);
                match way {
                    Way::Ideal | Way::Margin => Box::new(Native::new(desk, flip)),
                    Way::Stops => Box::new(Native::new(desk, Signals(flip))),
                    Way::LateStops => Box::new(Native::new(desk, Guarded { flip, stop: None })),
                }
            }
            Self::Components(plugins, delivery) => {
                let mut params = params();
                let stop = ("stop".to_owned(), ParamValue::Number(STOP_DISTANCE));
                let plugin = match way {
                    Way::Ideal | Way::Margin => &plugins[0],
                    Way::Stops => {
                        params.retain(|(name, _)| name != "quantity");
                        params.push(stop);
                        &plugins[1]
                    }
                    Way::LateStops => {
                        params.push(stop);
                        &plugins[2]
                    }
                };
                let strategy = plugin.instantiate(desk, params, &Sandbox::default(), *delivery);
                #[expect(clippy::expect_used, reason = "a benchmark of first-party plugins")]
                Box::new(strategy.expect("it starts"))
            }
        };
        (strategy, wants)
    }
}

#[derive(Clone, Copy)]
enum Way {
    Ideal,
    Margin,
    Stops,
    LateStops,
}

impl Way {
    const ALL: [Self; 4] = [Self::Ideal, Self::Margin, Self::Stops, Self::LateStops];

    const fn name(self) -> &'static str {
        match self {
            Self::Ideal => "without",
            Self::Margin => "margin at leverage 5, funding, every limit on",
            Self::Stops => "the same and a stop that comes with every entry",
            Self::LateStops => "the same and a stop that follows every fill",
        }
    }
}

fn once(way: Way, doer: &Doer, block: &BarBlock) -> f64 {
    let contract = contract();
    let (strategy, wants) = doer.strategy(way, &contract);
    let mut run = MemoryRun::new(vec![(contract, block.clone())]);
    if !matches!(way, Way::Ideal) {
        run.leverage = 5.0;
        run.limits = limits();
        run.funding.insert(0, funding());
        #[expect(clippy::expect_used, reason = "leverage 5 exists")]
        let settings = MarginSettings::new(MarginMode::Isolated, 5).expect("leverage 5");
        run.margin = Some((AccountKind::Shared, settings));
    }
    let ready = run.with_strategy_wanting(strategy, wants).engine();
    let mut recorder = HashOnly::default();
    let started = Instant::now();
    ready.run_all(&mut recorder);
    started.elapsed().as_secs_f64() * 1e3
}

/// Three brackets, of which the position moves between the first two.
fn contract() -> Instrument {
    let bracket = |floor: i128, cap: i128, max_leverage, rate: &str, cum: i128| {
        let money = |units: i128| Money::from_units(units * 100_000_000);
        let maintenance_rate = rate.parse().unwrap_or_default();
        Bracket { floor: money(floor), cap: money(cap), max_leverage, maintenance_rate, cum: money(cum) }
    };
    let brackets = vec![
        bracket(0, 50_000, 50, "0.004", 0),
        bracket(50_000, 500_000, 25, "0.005", 50),
        bracket(500_000, 100_000_000, 10, "0.01", 2_550),
    ];
    #[expect(clippy::expect_used, reason = "the table follows its rule")]
    let brackets = Brackets::new(brackets).expect("a table");
    Instrument { terms: ContractTerms { brackets, ..ContractTerms::default() }, ..instrument("J1USDT") }
}

fn funding() -> Vec<FundingRate> {
    let year_ms = YEAR as i64 * 60_000;
    let times = (1..year_ms / EIGHT_HOURS_MS).map(|index| START_MS + index * EIGHT_HOURS_MS);
    let rate = "0.0001".parse().unwrap_or_default();
    times.map(|ms| FundingRate { ts: Timestamp::from_millis(ms), rate, mark: None }).collect()
}

/// Every kind of limit, none of which the job reaches, and the size of what it signals.
fn limits() -> Limits {
    let text = r#"{
        "portfolio": {"max_leverage": 20, "max_notional": 1e12, "max_instrument_notional": 1e12, "max_positions": 100,
            "max_orders": 100, "daily_loss": 0.5, "weekly_loss": 0.6, "monthly_loss": 0.7,
            "reduce_from_drawdown": 0.8, "halt_at_drawdown": 0.9},
        "strategy": {"sizer": {"model": "fixed-quantity", "quantity": 1},
            "budget": {"max_leverage": 20, "daily_loss": 0.5, "halt_at_drawdown": 0.9}},
        "orders": {"rate": {"orders": 1000, "per_s": 60}, "price_collar": 0.5},
        "market": {"circuit_breaker": {"jump": 0.9, "within_s": 300, "halt_s": 900}}
    }"#;
    #[expect(clippy::expect_used, reason = "settings that hold")]
    serde_json::from_str::<RiskSettings>(text).expect("settings").resolve().expect("limits")
}

/// The strategy of the job as signals, each with its stop.
struct Signals(SmaFlip);

impl Logic for Signals {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        let Some(target) = self.0.flip(bar.close) else { return Ok(()) };
        let side = if target > 0.0 { Side::Buy } else { Side::Sell };
        let stop = bar.close * (1.0 - side.sign() * STOP_DISTANCE);
        desk.signal(series, side, 1.0, Some(stop), None).map(drop)
    }
}

/// The strategy of the job, with a stop behind its position.
struct Guarded {
    flip: SmaFlip,
    stop: Option<OrderId>,
}

impl Logic for Guarded {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        self.flip.on_bar(desk, series, bar)
    }

    fn on_order(&mut self, desk: &mut Desk, event: &OrderEvent) -> Result<(), Fault> {
        if event.kind != OrderEventKind::Filled {
            return Ok(());
        }
        if let Some(old) = self.stop.take() {
            desk.cancel(old)?;
        }
        let position = desk.position(event.series)?;
        let side = if position > 0.0 { Side::Sell } else { Side::Buy };
        let trigger = event.price.to_f64() * (1.0 + side.sign() * STOP_DISTANCE);
        let kind = OrderKind::StopMarket { trigger, source: TriggerSource::Mark };
        self.stop = Some(desk.submit(event.series, side, position.abs(), kind, OrderTerms::REDUCE_ONLY)?);
        Ok(())
    }
}
