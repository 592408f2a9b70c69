//! A run that never happened: seeded random walks, traded at random, told to a collector as the engine would.

use std::collections::BTreeMap;

use cryptobot_analytics::{
    AccountLabel, Collector, InstrumentLabel, Record, RunIdentity, RunInfo, Setup, StrategyInfo, SwapSummary,
    Timing, TuningSummary,
};
use cryptobot_engine::random::Random;
use cryptobot_engine::{
    Cause, Decision, Entry, Evidence, Fault, FaultKind, Intent, Mark, Recorder, Scope, StateChange,
    TradingState,
};
use cryptobot_ledger::Account;
use cryptobot_model::time::NANOS_PER_SECOND;
use cryptobot_model::{
    Fill, FillRule, FundingPayment, FundingPrice, InstrumentId, Liquidation, Liquidity, Money, OrderEvent,
    OrderEventKind, OrderId, OrderKind, OrderRequest, OrderTerms, Price, Quantity, Rate, RefusalReason,
    SeriesId, Side, StrategyId, Timestamp,
};

const STEP: i64 = 60 * NANOS_PER_SECOND;
const MINUTES: i64 = 525_600;
const BALANCE: f64 = 10_000.0;
const FEE: f64 = 0.000_4;
const FUNDING_RATE: f64 = 0.000_1;
const FUNDING_STEP: i64 = 8 * 60 * STEP;
const MAINTENANCE: f64 = 0.02;
const HOSTILE: &str =
    "</script><img src=x onerror=\"window.stolen=1\"><script>window.stolen=1</script>{{data}}";

/// What to play.
pub struct RandomRun {
    trades: u32,
    hostile: bool,
    from: Timestamp,
}

/// What changes while it plays.
struct Market {
    random: Random,
    prices: Vec<f64>,
    accounts: Vec<Account>,
    sequences: Vec<u64>,
    /// Fees of liquidations by strategy, which the ledger's account is not told here.
    paid: Vec<Money>,
}

impl RandomRun {
    /// A year of minutes with about `trades` trades. With `hostile` every text attacks the page.
    pub fn new(trades: u32, hostile: bool) -> Self {
        Self { trades, hostile, from: Timestamp::from_civil(2024, 1, 1) }
    }

    fn text(&self, text: &str) -> String {
        if self.hostile { format!("{text}{HOSTILE}") } else { text.to_owned() }
    }

    fn instruments(&self) -> Vec<InstrumentLabel> {
        let symbols: &[&str] =
            if self.trades > 1_000 { &["BTCUSDT", "ETHUSDT", "SOLUSDT"] } else { &["BTCUSDT"] };
        let label =
            |symbol: &&str| InstrumentLabel { venue: "binance-usdm".to_owned(), symbol: self.text(symbol) };
        symbols.iter().map(label).collect()
    }

    fn names(&self) -> Vec<&'static str> {
        if self.trades > 1_000 { vec!["trend", "reversion"] } else { vec!["trend"] }
    }

    /// Plays the run.
    pub fn play(&self) -> (Record, RunInfo) {
        let balance = Money::from_f64(BALANCE).unwrap_or_default();
        let instruments = self.instruments();
        let names = self.names();
        let to = self.from.plus(MINUTES * STEP);
        let mut collector = Collector::new(Setup {
            strategies: names
                .iter()
                .map(|name| AccountLabel {
                    name: self.text(name),
                    initial_balance: balance,
                    instruments: Vec::new(),
                    series: (0..instruments.len()).map(InstrumentId::from).collect(),
                })
                .collect(),
            instruments: instruments.clone(),
            from: self.from,
            to,
        });
        let mut market = Market {
            random: Random::new(7, 0),
            prices: [42_000.0, 2_300.0, 100.0].into_iter().take(instruments.len()).collect(),
            accounts: names.iter().map(|_| Account::new(balance, instruments.len())).collect(),
            sequences: vec![0; names.len()],
            paid: vec![Money::ZERO; names.len()],
        };
        for minute in 1..=MINUTES {
            market.step(
                self.from.plus(minute * STEP),
                f64::from(self.trades) * 2.0 / MINUTES as f64,
                &mut collector,
            );
        }
        let record = collector.finish(&[]);
        let info = self.info(&record, to);
        (record, info)
    }

    fn info(&self, record: &Record, to: Timestamp) -> RunInfo {
        let symbols: Vec<String> = record.instruments.iter().map(|label| label.symbol.clone()).collect();
        let strategy = |name: &&str| StrategyInfo {
            plugin: self.text(name),
            plugin_sha256: "6f1d".repeat(16),
            params: vec![("fast".to_owned(), "10".to_owned()), ("slow".to_owned(), self.text("30"))],
            symbols: symbols.clone(),
        };
        RunInfo {
            run: RunIdentity {
                id: "20240101-sample".to_owned(),
                host_version: env!("CARGO_PKG_VERSION").to_owned(),
                plugin: self.text(&self.names().join(", ")),
                plugin_sha256: "6f1d".repeat(16),
                models_sha256: None,
                data_sha256: "a90c".repeat(16),
                reference_sha256: "33be".repeat(16),
                config_sha256: "07d2".repeat(16),
                seed: 7,
                mode: "backtest".to_owned(),
                delivery: "event".to_owned(),
            },
            synthetic: true,
            currency: "USDT".to_owned(),
            timeframe: "1m".to_owned(),
            to,
            bars: MINUTES as u64 * record.instruments.len() as u64,
            strategies: self.names().iter().map(strategy).collect(),
            warnings: vec![
                self.text(
                    "Fills, fees and prices on this page are random; it shows what a report looks like.",
                ),
            ],
            journal_sha256: "be41".repeat(16),
            swaps: vec![
                self.swap(60, None),
                self.swap(75, Some("refused: restore: the state must have 8 bytes")),
            ],
            tuning: vec![TuningSummary {
                strategy: self.text("trend"),
                at: self.day(150).to_string(),
                ts: Some(self.day(150)),
                set: BTreeMap::from([(self.text("stake"), "0.1".to_owned())]),
                done: true,
                reason: None,
            }],
            timing: Timing { engine_s: 0.082, bars_per_s: 6_400_000.0, ..Timing::default() },
            ..RunInfo::default()
        }
    }

    fn day(&self, day: i64) -> Timestamp {
        self.from.plus(day * 1_440 * STEP)
    }

    /// Another version on a day, which takes over unless there is a reason.
    fn swap(&self, day: i64, reason: Option<&str>) -> SwapSummary {
        SwapSummary {
            strategy: self.text("trend"),
            at: self.day(day).to_string(),
            ts: Some(self.day(day)),
            plugin: Some(self.text("trend 0.2.0")),
            plugin_sha256: Some("c4e1".repeat(16)),
            done: reason.is_none(),
            reason: reason.map(|reason| self.text(reason)),
            state_bytes: 1_234,
            ..SwapSummary::default()
        }
    }

    /// Something like a `run.yaml`.
    pub fn configuration(&self) -> String {
        format!("mode: backtest\nseed: 7\nbalance: 10000\nnote: {}\n", self.text("sample"))
    }
}

impl Market {
    /// Uniform in 0..1.
    fn uniform(&mut self) -> f64 {
        (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn step(&mut self, ts: Timestamp, rate: f64, collector: &mut Collector) {
        // Quiet and wild weeks, and a drift that turns every few months.
        let phase = ts.0 as f64 / (86_400e9 * 23.0);
        let volatility = 0.000_6 * (1.0 + 0.7 * libm::sin(phase));
        let drift = 0.000_001_2 * libm::sin(phase / 3.0) + 0.000_000_6;
        for index in 0..self.prices.len() {
            let shock = (0..4).map(|_| self.uniform()).sum::<f64>() - 2.0;
            self.prices[index] *= 1.0 + drift + volatility * shock * 1.7;
        }
        let strategy = (self.uniform() * self.accounts.len() as f64) as usize;
        if self.uniform() < rate {
            self.trade(ts, StrategyId::from(strategy), collector);
        }
        if ts.0 % FUNDING_STEP == 0 {
            self.pay_funding(ts, collector);
        }
        let slots = 0..self.accounts.len();
        let (equities, margin_ratios): (Vec<f64>, Vec<f64>) = slots.map(|slot| self.standing(slot)).unzip();
        collector.mark(&Mark {
            ts,
            prices: &self.prices,
            equities: &equities,
            margin_ratios: &margin_ratios,
        });
    }

    /// Equity and margin ratio of an account, as if its margin were a tenth of its equity.
    fn standing(&self, slot: usize) -> (f64, f64) {
        let account = &self.accounts[slot];
        let (mut value, mut notional) = (0.0, 0.0);
        for (position, price) in account.positions().iter().zip(&self.prices) {
            value += position.quantity().to_f64() * price;
            notional += (position.quantity().to_f64() * price).abs();
        }
        let equity = account.cash().to_f64() - self.paid[slot].to_f64() + value;
        (equity, if notional > 0.0 { notional * MAINTENANCE / (equity / 10.0) } else { f64::NAN })
    }

    fn pay_funding(&mut self, ts: Timestamp, collector: &mut Collector) {
        for (slot, account) in self.accounts.iter_mut().enumerate() {
            for (index, price) in self.prices.iter().enumerate() {
                let (instrument, position) =
                    (InstrumentId::from(index), account.positions()[index].quantity());
                let (mark, rate) = (Price::from_f64(*price), Rate::from_f64(FUNDING_RATE));
                let (Some(mark), Some(rate), false) = (mark, rate, position.is_zero()) else { continue };
                collector.entry(&Entry::Funding(&FundingPayment {
                    ts,
                    strategy: StrategyId::from(slot),
                    instrument,
                    position,
                    mark,
                    source: FundingPrice::Recorded,
                    rate,
                    paid: account.pay_funding(instrument, mark, rate),
                }));
            }
        }
    }

    /// Closes the position if there is one, opens one if there is none.
    fn trade(&mut self, ts: Timestamp, strategy: StrategyId, collector: &mut Collector) {
        let instrument = (self.uniform() * self.prices.len() as f64) as usize;
        let held = self.accounts[strategy.index()].positions()[instrument].quantity();
        let long = if held.is_zero() { self.uniform() < 0.6 } else { held.to_f64() < 0.0 };
        let side = if long { Side::Buy } else { Side::Sell };
        let stake = 1_500.0 + 3_000.0 * self.uniform();
        let amount = if held.is_zero() { stake / self.prices[instrument] } else { held.to_f64().abs() };
        let slip = 1.0 + side.sign() * 0.000_05;
        let edge = if held.is_zero() { 1.0 - side.sign() * 0.000_9 } else { 1.0 };
        let price = Price::from_f64(self.prices[instrument] * slip * edge);
        let (Some(quantity), Some(price)) = (Quantity::from_f64(amount), price) else {
            return;
        };
        if self.uniform() < 0.02 {
            self.refuse(ts, strategy, instrument, collector);
        }
        self.sequences[strategy.index()] += 1;
        let id = OrderId::new(strategy, self.sequences[strategy.index()]);
        let request = OrderRequest {
            id,
            strategy,
            series: SeriesId::from(instrument),
            instrument: InstrumentId::from(instrument),
            side,
            quantity,
            kind: OrderKind::Market,
            terms: OrderTerms::FREE,
            decided_at: ts.plus(-STEP),
        };
        let liquidated = !held.is_zero() && self.uniform() < 0.01;
        let rule = if liquidated { FillRule::Liquidation } else { FillRule::Open };
        // Now and then the host closes: after a fault, or at the operator's command.
        let by_host = !held.is_zero() && !liquidated && id.sequence() % 150 < 4;
        let faulted = by_host && id.sequence() % 300 < 150;
        if faulted {
            let fault = Fault::new(FaultKind::Trap, "the script gave up");
            collector.entry(&Entry::Fault { ts: request.decided_at, strategy, fault: &fault });
        }
        self.tell(ts, &request, price, rule, by_host, collector);
        if faulted {
            collector.entry(&Entry::Restart { ts: ts.plus(STEP), strategy });
        }
    }

    /// An order that the host refuses.
    fn refuse(&mut self, ts: Timestamp, strategy: StrategyId, instrument: usize, collector: &mut Collector) {
        const REASONS: [RefusalReason; 4] = [
            RefusalReason::InsufficientMargin,
            RefusalReason::RiskPerTrade,
            RefusalReason::Cooldown,
            RefusalReason::BelowMinimum,
        ];
        let reason = REASONS[(self.uniform() * self.uniform() * REASONS.len() as f64) as usize];
        self.sequences[strategy.index()] += 1;
        let id = OrderId::new(strategy, self.sequences[strategy.index()]);
        let series = SeriesId::from(instrument);
        let intent = Intent::Order {
            id,
            series,
            side: Side::Buy,
            quantity: 1e9,
            kind: OrderKind::Market,
            terms: OrderTerms::FREE,
            target: None,
        };
        collector.entry(&Entry::Intent { ts, strategy, intent: &intent });
        collector.entry(&Entry::Decision {
            ts,
            id,
            decision: &Decision::Refused { reason, evidence: Evidence::NONE },
        });
        let plain = OrderEvent::plain(strategy, series, id, Side::Buy, ts, OrderEventKind::Rejected);
        collector.entry(&Entry::Order(&OrderEvent { reason: Some(reason), ..plain }));
    }

    fn tell(
        &mut self,
        ts: Timestamp,
        request: &OrderRequest,
        price: Price,
        rule: FillRule,
        by_host: bool,
        collector: &mut Collector,
    ) {
        let OrderRequest { id, strategy, series, instrument, side, quantity, decided_at, .. } = *request;
        let notional = quantity.at(price).to_f64();
        let fee = Money::from_f64(notional * FEE).unwrap_or_default();
        let slippage = Money::from_f64(notional * 0.000_05).unwrap_or_default();
        let intent = Intent::Order {
            id,
            series,
            side,
            quantity: quantity.to_f64(),
            kind: OrderKind::Market,
            terms: OrderTerms::FREE,
            target: None,
        };
        collector.entry(&if by_host {
            Entry::Closing { ts: decided_at, id }
        } else {
            Entry::Intent { ts: decided_at, strategy, intent: &intent }
        });
        collector.entry(&Entry::Decision { ts: decided_at, id, decision: &Decision::Approved(*request) });
        let event = OrderEvent {
            ts,
            strategy,
            series,
            id,
            kind: OrderEventKind::Filled,
            side,
            price,
            quantity,
            remaining: Quantity::ZERO,
            fee,
            maker: false,
            reason: None,
        };
        collector.entry(&Entry::Order(&event));
        let liquidity = Liquidity::Taker;
        let fill = Fill {
            ts,
            strategy,
            instrument,
            order: id,
            side,
            price,
            quantity,
            fee,
            slippage,
            liquidity,
            rule,
        };
        collector.entry(&Entry::Fill(&fill));
        let slot = strategy.index();
        if let Some(closed) = self.accounts[slot].apply(&fill).closed {
            collector.entry(&Entry::Trade(&closed));
        }
        if rule == FillRule::Liquidation {
            let bankruptcy_price = Price::from_f64(price.to_f64() * (1.0 + side.sign() * 0.004));
            let liquidation = Liquidation {
                ts,
                strategy,
                instrument,
                side,
                quantity,
                mark: price,
                bankruptcy_price: bankruptcy_price.unwrap_or_default(),
                fee: Money::from_f64(notional * 0.001).unwrap_or_default(),
                insurance: Money::ZERO,
            };
            self.paid[slot] += liquidation.fee;
            collector.entry(&Entry::Liquidation(&liquidation));
            halt(ts, strategy, collector);
        }
    }
}

/// A loss limit that is reached, until the next day.
fn halt(ts: Timestamp, strategy: StrategyId, collector: &mut Collector) {
    let scope = Scope::Strategy(strategy);
    let evidence = Evidence { limit: 9_800.0, value: 9_786.5 };
    let (from, to) = (TradingState::Active, TradingState::Halted);
    let change = StateChange { ts, scope, from, to, cause: Cause::DailyLoss, evidence };
    collector.entry(&Entry::State(&change));
    let (ts, cause) = (ts.start_of_day().plus(1_440 * STEP), Cause::NewPeriod);
    let evidence = Evidence::NONE;
    collector.entry(&Entry::State(&StateChange { ts, scope, from: to, to: from, cause, evidence }));
}
