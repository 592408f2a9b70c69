//! What must hold for orders of any kind in any recorded market, with books and with trades alone.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use cryptobot_model::{
    DepthEvent, DepthTrade, DepthUpdate, InstrumentId, Liquidity, OrderEventKind, OrderId, OrderKind,
    OrderRequest, OrderTerms, Price, Quantity, SeriesId, Side, StrategyId, TimeInForce, Timestamp,
    TriggerSource,
};
use cryptobot_sim::Report;
use cryptobot_sim::depth::{Contract, DepthConfig, Exchange, QueueModel};
use proptest::prelude::*;

const OWNER: StrategyId = StrategyId(0);

fn contract() -> Contract {
    let fee = "0.0004".parse().unwrap();
    let (tick, lot) = ("0.1".parse().unwrap(), "0.001".parse().unwrap());
    Contract { instrument: InstrumentId(0), tick, lot, maker_fee: fee, taker_fee: fee }
}

fn price(tick: i64) -> Price {
    contract().price(tick)
}

#[derive(Clone, Debug)]
enum Step {
    Diff(Vec<DepthUpdate>),
    Trade(DepthTrade),
    Market {
        side: Side,
        lots: i64,
        reduce_only: bool,
        close_position: bool,
    },
    Limit {
        side: Side,
        lots: i64,
        tick: i64,
        reduce_only: bool,
    },
    Stop {
        side: Side,
        lots: i64,
        tick: i64,
    },
    /// Entry, stop and target; the exits end each other.
    Bracket {
        side: Side,
        lots: i64,
        limit: Option<i64>,
        stop: i64,
        target: i64,
    },
    /// A limit and a stop of which one ends the other.
    Pair {
        side: Side,
        lots: i64,
        tick: i64,
        stop: i64,
    },
    Cancel(u64),
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn step() -> impl Strategy<Value = Step> {
    let tick = || 95_i64..106;
    let lots = || 1_i64..30;
    let update = (side(), tick(), 0_i64..30).prop_map(|(side, tick, lots)| DepthUpdate { side, tick, lots });
    let trade = (side(), tick(), 1_i64..40);
    prop_oneof![
        4 => prop::collection::vec(update, 1..5).prop_map(Step::Diff),
        6 => trade.prop_map(|(aggressor, tick, lots)| Step::Trade(DepthTrade { aggressor, tick, lots })),
        2 => (side(), lots(), any::<bool>(), any::<bool>()).prop_map(|(side, lots, reduce_only, close_position)| {
            Step::Market { side, lots, reduce_only, close_position }
        }),
        3 => (side(), lots(), tick(), any::<bool>())
            .prop_map(|(side, lots, tick, reduce_only)| Step::Limit { side, lots, tick, reduce_only }),
        1 => (side(), lots(), tick()).prop_map(|(side, lots, tick)| Step::Stop { side, lots, tick }),
        2 => (side(), lots(), prop::option::of(tick()), tick(), tick())
            .prop_map(|(side, lots, limit, stop, target)| Step::Bracket { side, lots, limit, stop, target }),
        1 => (side(), lots(), tick(), tick())
            .prop_map(|(side, lots, tick, stop)| Step::Pair { side, lots, tick, stop }),
        1 => (1_u64..30).prop_map(Step::Cancel),
    ]
}

/// The exchange, and what its reports come to.
struct Desk {
    exchange: Exchange,
    now: i64,
    orders: BTreeMap<OrderId, OrderRequest>,
    filled: BTreeMap<OrderId, i64>,
    over: BTreeMap<OrderId, OrderEventKind>,
    position: Quantity,
}

impl Desk {
    fn new(queue: QueueModel, trades_only: bool) -> Self {
        let exchange = Exchange::new(contract(), DepthConfig { queue, impact: true });
        let exchange = if trades_only { exchange.on_trades_only() } else { exchange };
        let (orders, filled, over) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { exchange, now: 0, orders, filled, over, position: Quantity::ZERO }
    }

    fn on(&mut self, event: &DepthEvent) -> Vec<Report> {
        let mut reports = Vec::new();
        self.now += 2;
        self.exchange.on_event(Timestamp(self.now), event, &mut reports);
        reports
    }

    fn submit(&mut self, side: Side, lots: i64, kind: OrderKind<Price>, terms: OrderTerms) -> OrderId {
        let id = OrderId::new(OWNER, self.orders.len() as u64 + 1);
        let quantity = if terms.close_position { Quantity::ZERO } else { contract().quantity(lots) };
        let (strategy, series, instrument) = (OWNER, SeriesId(0), InstrumentId(0));
        let decided_at = Timestamp(self.now);
        let order =
            OrderRequest { id, strategy, series, instrument, side, quantity, kind, terms, decided_at };
        self.orders.insert(id, order);
        self.exchange.submit(order, Timestamp(self.now));
        id
    }

    fn next_id(&self, after: u64) -> OrderId {
        OrderId::new(OWNER, self.orders.len() as u64 + after)
    }

    fn send(&mut self, step: &Step) {
        let source = TriggerSource::Last;
        let stop_at = |tick| OrderKind::StopMarket { trigger: price(tick), source };
        let limit_at = |tick| OrderKind::Limit { price: price(tick), tif: TimeInForce::Gtc };
        match *step {
            Step::Diff(_) | Step::Trade(_) => {}
            Step::Market { side, lots, reduce_only, close_position } => {
                let terms = OrderTerms { reduce_only, close_position, ..OrderTerms::FREE };
                self.submit(side, lots, OrderKind::Market, terms);
            }
            Step::Limit { side, lots, tick, reduce_only } => {
                self.submit(side, lots, limit_at(tick), OrderTerms::reducing(reduce_only));
            }
            Step::Stop { side, lots, tick } => {
                self.submit(side, lots, stop_at(tick), OrderTerms::FREE);
            }
            Step::Bracket { side, lots, limit, stop, target } => {
                let entry = limit.map_or(OrderKind::Market, limit_at);
                let parent = self.submit(side, lots, entry, OrderTerms::FREE);
                let ids = [self.next_id(1), self.next_id(2)];
                let kinds = [stop_at(stop), OrderKind::TakeProfitMarket { trigger: price(target), source }];
                for (kind, sibling) in kinds.into_iter().zip([ids[1], ids[0]]) {
                    let terms = OrderTerms { parent, sibling, ..OrderTerms::REDUCE_ONLY };
                    self.submit(side.opposite(), lots, kind, terms);
                }
            }
            Step::Pair { side, lots, tick, stop } => {
                let ids = [self.next_id(1), self.next_id(2)];
                for (kind, sibling) in [limit_at(tick), stop_at(stop)].into_iter().zip([ids[1], ids[0]]) {
                    self.submit(side, lots, kind, OrderTerms { sibling, ..OrderTerms::FREE });
                }
            }
            Step::Cancel(number) => {
                self.exchange.cancel(OrderId::new(OWNER, number), Timestamp(self.now));
            }
        }
    }

    fn filled(&self, id: OrderId) -> i64 {
        self.filled.get(&id).copied().unwrap_or(0)
    }

    /// Follows reports and checks what must hold of each.
    fn follow(&mut self, reports: &[Report]) -> Result<(), TestCaseError> {
        for report in reports {
            let id = report.event.id;
            let order = self.orders[&id];
            prop_assert!(!self.over.contains_key(&id), "{report:?} after the end");
            if let Some(fill) = report.fill {
                prop_assert!(report.market.is_some_and(|seen| seen.order == id && seen.ts == fill.ts));
                let lots = contract().lots(fill.quantity).unwrap();
                *self.filled.entry(id).or_insert(0) += lots;
                let before = self.position;
                self.position += fill.side.signed(fill.quantity);
                if order.terms.reduce_only || order.terms.close_position {
                    prop_assert!(self.position.abs() < before.abs(), "{order:?} at {before}");
                    prop_assert!(self.position.signum() * before.signum() >= 0, "{order:?} at {before}");
                }
                if let Some((limit, _)) = order.kind.limit() {
                    let worse = if order.side == Side::Buy { fill.price > limit } else { fill.price < limit };
                    prop_assert!(!worse, "{order:?} filled at {}", fill.price);
                }
                if order.terms.parent.is_some() {
                    prop_assert!(
                        self.over.contains_key(&order.terms.parent),
                        "a child of an order that lives"
                    );
                    prop_assert!(self.filled(id) <= self.filled(order.terms.parent));
                }
                if order.terms.sibling.is_some() && self.orders.contains_key(&order.terms.sibling) {
                    let both = self.filled(id) + self.filled(order.terms.sibling);
                    prop_assert!(contract().quantity(both) <= order.quantity, "both of a pair: {order:?}");
                }
                if !order.terms.close_position {
                    prop_assert!(contract().quantity(self.filled(id)) <= order.quantity);
                }
            }
            if report.event.kind.is_final() {
                self.over.insert(id, report.event.kind);
            }
        }
        Ok(())
    }
}

fn lots_of(reports: &[Report], liquidity: Liquidity) -> i64 {
    let fills = reports.iter().filter_map(|report| report.fill);
    fills.filter(|fill| fill.liquidity == liquidity).map(|fill| contract().lots(fill.quantity).unwrap()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Orders that may only reduce never enlarge or turn a position, a pair never gets more than one of it asked for,
    /// children follow their parents, limits hold, and nobody gets more than was traded or better than the book.
    #[test]
    fn orders_keep_their_promises(
        queue in prop_oneof![Just(QueueModel::RiskAverse), Just(QueueModel::Power { n: 2.0 }), Just(QueueModel::Log)],
        trades_only in any::<bool>(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut desk = Desk::new(queue, trades_only);
        let levels = [
            DepthUpdate { side: Side::Buy, tick: 99, lots: 20 }, DepthUpdate { side: Side::Sell, tick: 101, lots: 20 },
        ];
        desk.on(&DepthEvent::Snapshot(&levels));
        for step in &steps {
            let best = [Side::Buy, Side::Sell].map(|side| desk.exchange.book().best(side).map(|level| level.tick));
            let reports = match step {
                Step::Diff(updates) => desk.on(&DepthEvent::Diff(updates)),
                Step::Trade(trade) => {
                    let reports = desk.on(&DepthEvent::Trade(*trade));
                    prop_assert!(lots_of(&reports, Liquidity::Maker) <= trade.lots);
                    if trades_only {
                        // A stop that the trade wakes is a taker of later trades.
                        prop_assert!(lots_of(&reports, Liquidity::Taker) <= trade.lots);
                        for fill in reports.iter().filter_map(|report| report.fill) {
                            prop_assert!(fill.liquidity == Liquidity::Maker || fill.price == price(trade.tick));
                        }
                    }
                    reports
                }
                order => {
                    desk.send(order);
                    desk.now += 2;
                    let mut reports = Vec::new();
                    desk.exchange.advance(Timestamp(desk.now), &mut reports);
                    for fill in reports.iter().filter_map(|report| report.fill) {
                        let tick = contract().ticks(fill.price).unwrap();
                        let better = match fill.side {
                            Side::Buy => best[1].is_none_or(|ask| tick < ask),
                            Side::Sell => best[0].is_none_or(|bid| tick > bid),
                        };
                        prop_assert!(!better, "better than the book: {fill:?}");
                    }
                    reports
                }
            };
            desk.follow(&reports)?;
            let position = desk.position;
            desk.exchange.set_positions(|_| position);
        }
    }
}

/// Few cases in everyday tests; `CRYPTOBOT_CASES` sets more for campaigns.
fn cases() -> u32 {
    std::env::var("CRYPTOBOT_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}
