//! Random flows of orders of every kind on random markets: what must hold whatever happens.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use cryptobot_model::random::Random;
use cryptobot_model::{
    Amendment, Bar, Callback, ContractTerms, Fill, FillRule, Instrument, InstrumentId, Liquidity, Money,
    OrderEventKind, OrderId, OrderKind, OrderRequest, OrderTerms, Price, Quantity, RefusalReason, SeriesId,
    Side, StrategyId, TimeInForce, Timestamp, TriggerSource,
};
use cryptobot_risk::{Exposure, Grid, ProposedOrder, check, check_amendment};
use cryptobot_sim::{
    Accounts, BarInterval, Exchange, ExchangeConfig, Latency, LatencyModel, Report, Slippage,
};
use proptest::prelude::*;

const MINUTE: i64 = 60_000_000_000;
const INSTRUMENT: InstrumentId = InstrumentId(0);

fn instrument() -> Instrument {
    Instrument {
        venue: "test".to_owned(),
        symbol: "S".to_owned(),
        tick: Price::new("0.01".parse().unwrap()),
        lot: Quantity::new("0.001".parse().unwrap()),
        min_notional: Money::ZERO,
        maker_fee: "0.0002".parse().unwrap(),
        taker_fee: "0.0004".parse().unwrap(),
        funding: false,
        terms: ContractTerms::default(),
    }
}

/// A run: what the strategies sent and what they were told.
#[derive(Default)]
struct Flow {
    sent: BTreeMap<OrderId, OrderRequest>,
    /// The largest quantity that was ever asked for.
    asked: BTreeMap<OrderId, Quantity>,
    reports: Vec<(BarInterval, Report)>,
}

struct Books {
    positions: Vec<Quantity>,
    /// How far from the last close positions are liquidated; none where it is zero.
    margin: f64,
    close: f64,
}

impl Accounts for Books {
    fn position(&self, strategy: StrategyId, _instrument: InstrumentId) -> Quantity {
        self.positions[strategy.index()]
    }

    fn liquidation_price(&self, strategy: StrategyId, _instrument: InstrumentId) -> Option<Price> {
        let away = f64::from(self.positions[strategy.index()].signum()) * self.margin;
        if away == 0.0 { None } else { Price::from_f64(self.close * (1.0 - away)) }
    }

    fn liquidation_quantity(
        &self,
        _strategy: StrategyId,
        _instrument: InstrumentId,
        _fills: &[Fill],
        position: Quantity,
        _mark: Price,
    ) -> Quantity {
        Quantity::from_units(position.abs().units() / 2)
    }
}

#[derive(Clone, Copy, Debug)]
struct Setup {
    seed: u64,
    latency: u8,
    margin: f64,
    noise_bps: f64,
    strategies: usize,
}

fn setups() -> impl Strategy<Value = Setup> {
    let choices = (any::<u64>(), 0_u8..4, prop::sample::select(vec![0.0, 0.005, 0.03]), 0_u8..2);
    choices.prop_map(|(seed, latency, margin, noise)| Setup {
        seed,
        latency,
        margin,
        noise_bps: f64::from(noise) * 5.0,
        strategies: 2,
    })
}

fn latency(choice: u8) -> Latency {
    let normal = LatencyModel::Normal {
        base_ns: 2e9,
        jitter_ns: 3e9,
        spike_probability: 0.05,
        spike_multiplier: 20.0,
    };
    match choice {
        0 => Latency::default(),
        1 => Latency::constant(50_000_000),
        2 => Latency::constant(MINUTE + 1),
        _ => Latency { entry: normal.clone(), response: normal },
    }
}

/// One strategy: orders, changes and cancels drawn from its own stream.
struct Trader {
    id: StrategyId,
    random: Random,
    sequence: u64,
    orders: Vec<OrderId>,
}

impl Trader {
    fn new(slot: usize, seed: u64) -> Self {
        let id = StrategyId::from(slot);
        Self { id, random: Random::new(seed, slot as u64), sequence: 0, orders: Vec::new() }
    }

    fn pick(&mut self, count: u64) -> u64 {
        self.random.next_u64() % count
    }

    /// One of its orders, which may be over.
    fn own(&mut self) -> OrderId {
        let index = self.pick(self.orders.len() as u64);
        self.orders[index as usize]
    }

    /// A price within 2 % of another one.
    fn near(&mut self, price: f64) -> f64 {
        price * (0.98 + 0.04 * self.random.uniform())
    }

    fn source(&mut self) -> TriggerSource {
        if self.pick(2) == 0 { TriggerSource::Last } else { TriggerSource::Mark }
    }

    fn tif(&mut self, now: Timestamp) -> TimeInForce {
        match self.pick(6) {
            0 => TimeInForce::Ioc,
            1 => TimeInForce::Fok,
            2 => TimeInForce::Gtx,
            3 => TimeInForce::Gtd(now.plus(self.pick(5 * MINUTE as u64) as i64)),
            _ => TimeInForce::Gtc,
        }
    }

    fn kind(&mut self, price: f64, now: Timestamp) -> OrderKind<f64> {
        let (trigger, limit) = (self.near(price), self.near(price));
        let (source, tif) = (self.source(), self.tif(now));
        match self.pick(8) {
            0 | 1 => OrderKind::Market,
            2 => OrderKind::Limit { price: limit, tif },
            3 => OrderKind::StopMarket { trigger, source },
            4 => OrderKind::StopLimit { trigger, source, price: limit, tif },
            5 => OrderKind::TakeProfitMarket { trigger, source },
            6 => OrderKind::TakeProfitLimit { trigger, source, price: limit, tif },
            _ => {
                let callback =
                    if self.pick(2) == 0 { Callback::Bps(40.0) } else { Callback::Distance(price * 0.003) };
                let activation = (self.pick(2) == 0).then_some(trigger);
                OrderKind::TrailingStop { callback, activation, source }
            }
        }
    }

    fn act(&mut self, exchange: &mut Exchange, flow: &mut Flow, price: f64, now: Timestamp) {
        let side = if self.pick(2) == 0 { Side::Buy } else { Side::Sell };
        match self.pick(8) {
            0 | 1 => {
                let kind = self.kind(price, now);
                let fok = matches!(kind.limit(), Some((_, TimeInForce::Fok)));
                let close_position = kind.trigger().is_some() && kind.limit().is_none() && self.pick(3) == 0;
                let reduce_only = !fok && self.pick(3) == 0;
                let terms = OrderTerms { reduce_only, close_position, ..OrderTerms::FREE };
                self.send(exchange, flow, (side, kind, terms), price, now);
            }
            2 => {
                let entry = if self.pick(2) == 0 { OrderKind::Market } else { self.limit(price) };
                self.bracket(exchange, flow, side, entry, price, now);
            }
            3 => {
                let ids = [1, 2].map(|next| OrderId::new(self.id, self.sequence + next));
                let (kinds, away) = ([self.limit(price), self.stop(price)], OrderTerms::FREE);
                for (kind, sibling) in kinds.into_iter().zip([ids[1], ids[0]]) {
                    self.send(exchange, flow, (side, kind, OrderTerms { sibling, ..away }), price, now);
                }
            }
            4 if !self.orders.is_empty() => {
                let id = self.own();
                exchange.cancel(INSTRUMENT, id, now);
            }
            5 if !self.orders.is_empty() => {
                let id = self.own();
                let quantity = (self.pick(4) + 1) as f64;
                let price = self.near(price);
                let grid = Grid::new(&instrument());
                let exposure = rich(price, Quantity::ZERO);
                let amendment =
                    check_amendment(&flow.sent[&id], quantity, price, now, &grid, &exposure).unwrap();
                let Amendment { quantity, .. } = *amendment.get();
                let asked = flow.asked.get_mut(&id).unwrap();
                *asked = quantity.max(*asked);
                exchange.modify(INSTRUMENT, amendment);
            }
            _ => {}
        }
    }

    fn limit(&mut self, price: f64) -> OrderKind<f64> {
        OrderKind::Limit { price: self.near(price), tif: TimeInForce::Gtc }
    }

    fn stop(&mut self, price: f64) -> OrderKind<f64> {
        OrderKind::StopMarket { trigger: self.near(price), source: self.source() }
    }

    fn bracket(
        &mut self,
        exchange: &mut Exchange,
        flow: &mut Flow,
        side: Side,
        entry: OrderKind<f64>,
        price: f64,
        now: Timestamp,
    ) {
        let [parent, stop, target] = [1, 2, 3].map(|next| OrderId::new(self.id, self.sequence + next));
        self.send(exchange, flow, (side, entry, OrderTerms::FREE), price, now);
        let exit = side.opposite();
        let terms = |sibling| OrderTerms { parent, sibling, ..OrderTerms::REDUCE_ONLY };
        let kind = self.stop(price);
        self.send(exchange, flow, (exit, kind, terms(target)), price, now);
        let kind = OrderKind::TakeProfitMarket { trigger: self.near(price), source: self.source() };
        self.send(exchange, flow, (exit, kind, terms(stop)), price, now);
    }

    fn send(
        &mut self,
        exchange: &mut Exchange,
        flow: &mut Flow,
        (side, kind, terms): (Side, OrderKind<f64>, OrderTerms),
        price: f64,
        now: Timestamp,
    ) {
        self.sequence += 1;
        let quantity = (self.pick(4) + 1) as f64;
        let proposed = ProposedOrder {
            id: OrderId::new(self.id, self.sequence),
            strategy: self.id,
            series: SeriesId(0),
            instrument: INSTRUMENT,
            side,
            quantity,
            kind,
            terms,
            decided_at: now,
        };
        // There is always something to reduce as far as the check knows: the exchange has to find out.
        let exposure = rich(price, side.opposite().signed(Quantity::from_units(1)));
        let instrument = instrument();
        let approved = check(&proposed, &instrument, &Grid::new(&instrument), &exposure).unwrap();
        let order = *approved.get();
        flow.sent.insert(order.id, order);
        flow.asked.insert(order.id, order.quantity);
        self.orders.push(order.id);
        exchange.submit(approved);
    }
}

/// What somebody who can pay for everything has at stake.
fn rich(price: f64, position: Quantity) -> Exposure {
    Exposure {
        position,
        open_buys: Quantity::ZERO,
        open_sells: Quantity::ZERO,
        price,
        equity: 1e9,
        other_notional: 0.0,
        leverage: 1.0,
        elsewhere: Quantity::ZERO,
        largest_notional: f64::INFINITY,
        open_orders: 0,
        max_open_orders: 1,
    }
}

/// A bar that begins near `from`, with gaps and long wicks now and then.
fn next_bar(random: &mut Random, from: f64, open_ts: Timestamp) -> BarInterval {
    let cents = |price: f64| (price * 100.0).round() / 100.0;
    let gap = if random.uniform() < 0.1 { 0.02 * (random.uniform() - 0.5) } else { 0.0 };
    let open = cents(from * (1.0 + gap));
    let close = cents(open * (1.0 + 0.01 * (random.uniform() - 0.5)));
    let wick = if random.uniform() < 0.1 { 0.03 } else { 0.003 };
    let high = cents(open.max(close) * (1.0 + wick * random.uniform()));
    let low = cents(open.min(close) * (1.0 - wick * random.uniform()));
    BarInterval { open_ts, bar: Bar { ts: open_ts.plus(MINUTE), open, high, low, close, volume: 10.0 } }
}

fn play(setup: &Setup) -> Flow {
    let config = ExchangeConfig {
        latency: latency(setup.latency),
        slippage: Slippage { noise_bps: setup.noise_bps, ..Slippage::NONE },
        open_late: 0.0,
        window_bars: 10,
        seed: setup.seed,
    };
    let mut exchange = Exchange::new(&[instrument()], &config);
    let mut market = Random::new(setup.seed, 1_000);
    let mut traders: Vec<Trader> = (0..setup.strategies).map(|slot| Trader::new(slot, setup.seed)).collect();
    let mut books =
        Books { positions: vec![Quantity::ZERO; setup.strategies], margin: setup.margin, close: 100.0 };
    let mut flow = Flow::default();
    let mut open_ts = Timestamp(0);
    let mut reports = Vec::new();
    for _ in 0..120 {
        let interval = next_bar(&mut market, books.close, open_ts);
        let mark = next_bar(&mut market, books.close, open_ts);
        let mark = (market.uniform() < 0.7).then_some(mark);
        exchange.on_bar(INSTRUMENT, &interval, mark.as_ref(), &books, &mut reports);
        for report in reports.drain(..) {
            if let Some(fill) = &report.fill {
                books.positions[fill.strategy.index()] += fill.side.signed(fill.quantity);
            }
            flow.reports.push((interval, report));
        }
        books.close = interval.bar.close;
        for trader in &mut traders {
            trader.act(&mut exchange, &mut flow, interval.bar.close, interval.bar.ts);
        }
        // A hole in the data now and then.
        let missing = if market.uniform() < 0.05 { 3 } else { 0 };
        open_ts = interval.bar.ts.plus(missing * MINUTE);
    }
    flow
}

/// What an order may do next: the model of its life.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Life {
    accepted: bool,
    triggered: bool,
    over: bool,
}

impl Life {
    fn step(self, kind: OrderEventKind, sleeps: bool) -> Option<Self> {
        use OrderEventKind as Kind;
        if self.over {
            return None;
        }
        let awake = self.triggered || !sleeps;
        Some(match (kind, self.accepted) {
            (Kind::Accepted, false) => Self { accepted: true, ..self },
            (Kind::Triggered, true) if sleeps && !self.triggered => Self { triggered: true, ..self },
            (Kind::Modified, true) => self,
            (Kind::PartiallyFilled, true) if awake => self,
            (Kind::Filled, true) if awake => Self { over: true, ..self },
            (Kind::Rejected, _) | (Kind::Cancelled | Kind::Expired, true) => Self { over: true, ..self },
            _ => return None,
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn orders_live_as_the_model_says(setup in setups()) {
        let flow = play(&setup);
        let mut lives = BTreeMap::<OrderId, (Life, Timestamp)>::new();
        for (_, Report { event, arrives_at, .. }) in &flow.reports {
            prop_assert!(*arrives_at >= event.ts);
            if event.id == OrderId::of_exchange(event.strategy) {
                prop_assert_eq!(event.kind, OrderEventKind::Filled);
                continue;
            }
            let sleeps = flow.sent[&event.id].kind.trigger().is_some();
            let (life, before) = lives.entry(event.id).or_insert((Life::default(), event.ts));
            prop_assert!(*before <= event.ts, "back in time: {event:?}");
            let next = life.step(event.kind, sleeps);
            prop_assert!(next.is_some(), "{event:?} after {life:?}");
            (*life, *before) = (next.unwrap(), event.ts);
        }
        prop_assert!(!lives.is_empty());
    }

    #[test]
    fn fills_keep_the_terms_of_their_orders(setup in setups()) {
        let flow = play(&setup);
        let mut positions = vec![Quantity::ZERO; setup.strategies];
        let mut filled = BTreeMap::<OrderId, Quantity>::new();
        for (_, report) in &flow.reports {
            let Some(fill) = report.fill else { continue };
            let position = &mut positions[fill.strategy.index()];
            let before = *position;
            *position += fill.side.signed(fill.quantity);
            prop_assert!(fill.quantity.signum() == 1 && fill.slippage >= Money::ZERO, "{fill:?}");
            let only_less = position.abs() + fill.quantity == before.abs();
            if fill.rule == FillRule::Liquidation {
                prop_assert!(only_less, "{fill:?} on {before}");
                continue;
            }
            let order = &flow.sent[&fill.order];
            if order.terms.reduce_only || order.terms.close_position {
                prop_assert!(only_less, "{fill:?} on {before}");
            }
            if order.terms.close_position {
                prop_assert!(position.is_zero());
            }
            *filled.entry(fill.order).or_default() += fill.quantity;
            if let Some((limit, tif)) = order.kind.limit() {
                prop_assert!(tif != TimeInForce::Gtx || fill.liquidity == Liquidity::Maker, "{fill:?}");
                let changed = flow.asked[&fill.order] != order.quantity || was_modified(&flow, fill.order);
                let within = if fill.side == Side::Buy { fill.price <= limit } else { fill.price >= limit };
                prop_assert!(within || changed, "{fill:?} beyond {limit}");
            }
        }
        for (id, quantity) in &filled {
            let order = &flow.sent[id];
            if !order.terms.close_position {
                prop_assert!(*quantity <= flow.asked[id], "{id:?}");
            }
            if matches!(order.kind.limit(), Some((_, TimeInForce::Fok))) && !was_modified(&flow, *id) {
                prop_assert_eq!(*quantity, order.quantity);
            }
            prop_assert!(!filled.contains_key(&order.terms.sibling), "both of a pair: {id:?}");
            let parent = order.terms.parent;
            if parent.is_some() && !was_modified(&flow, *id) {
                prop_assert!(filled.get(&parent).is_some_and(|entry| entry >= quantity), "{id:?}");
            }
        }
    }

    #[test]
    fn nothing_is_filled_before_it_arrived_or_at_a_price_that_was_not_there(setup in setups()) {
        let setup = Setup { noise_bps: 0.0, ..setup };
        let flow = play(&setup);
        let least = match latency(setup.latency).entry {
            LatencyModel::Constant { ns } => ns,
            _ => 0,
        };
        let mut accepted = BTreeMap::<OrderId, Timestamp>::new();
        for (interval, Report { event, fill, .. }) in &flow.reports {
            if event.id == OrderId::of_exchange(event.strategy) {
                continue;
            }
            let decided_at = flow.sent[&event.id].decided_at;
            if event.kind == OrderEventKind::Accepted {
                accepted.insert(event.id, event.ts);
            }
            prop_assert!(event.ts >= decided_at.plus(least), "{event:?} decided at {decided_at}");
            let Some(fill) = fill else { continue };
            prop_assert!(accepted.get(&fill.order).is_some_and(|arrival| *arrival <= fill.ts));
            prop_assert!(interval.open_ts >= decided_at && fill.ts <= interval.bar.ts, "{fill:?}");
            if fill.liquidity == Liquidity::Taker {
                let (price, bar) = (fill.price.to_f64(), interval.bar);
                prop_assert!(price >= bar.low && price <= bar.high, "{fill:?} outside of {bar:?}");
            }
        }
    }

    /// Neither others' orders nor their draws of latency and noise change what happens to a strategy.
    #[test]
    fn strategies_do_not_influence_each_other(setup in setups()) {
        let own = |flow: Flow| -> Vec<Report> {
            let reports = flow.reports.into_iter().map(|(_, report)| report);
            reports.filter(|report| report.event.strategy == StrategyId(0)).collect()
        };
        let alone = own(play(&Setup { strategies: 1, ..setup }));
        prop_assert_eq!(own(play(&setup)), alone);
    }
}

/// The properties above say something: the flows come by every rule, every kind of event and every reason.
#[test]
fn flows_come_by_everything() {
    let (mut rules, mut reasons) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..60 {
        let setup = Setup { seed, latency: (seed % 4) as u8, margin: 0.01, noise_bps: 0.0, strategies: 2 };
        for (_, Report { event, fill, .. }) in play(&setup).reports {
            rules.extend(fill.map(|fill| fill.rule.name()));
            reasons.extend(event.reason.map(RefusalReason::name));
        }
    }
    let expected_rules = [
        "close-after-arrival",
        "limit-gap",
        "limit-through",
        "liquidation",
        "open",
        "open-late",
        "stop-gap",
        "stop-on-path",
        "take-profit-gap",
        "take-profit-on-path",
    ];
    assert!(rules.into_iter().eq(expected_rules));
    let expected_reasons = [
        "good-till-date",
        "liquidated",
        "not-fillable",
        "nothing-to-reduce",
        "parent",
        "sibling",
        "would-take",
        "would-trigger",
    ];
    assert!(reasons.into_iter().eq(expected_reasons));
}

fn was_modified(flow: &Flow, id: OrderId) -> bool {
    flow.reports
        .iter()
        .any(|(_, report)| report.event.id == id && report.event.kind == OrderEventKind::Modified)
}

/// Few cases in everyday tests; `CRYPTOBOT_CASES` sets more for campaigns.
fn cases() -> u32 {
    std::env::var("CRYPTOBOT_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}
