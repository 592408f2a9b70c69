//! The exchange on small books with numbers that can be checked by hand, and what must hold for any of them.

use cryptobot_model::{
    Amendment, DepthEvent, DepthTrade, DepthUpdate, Fill, FillRule, InstrumentId, Liquidity, OrderEventKind,
    OrderId, OrderKind, OrderRequest, OrderTerms, RefusalReason, SeriesId, Side, StrategyId, TimeInForce,
    Timestamp,
};
use proptest::prelude::*;

use super::*;
use crate::book::Report;

const OWNER: StrategyId = StrategyId(0);

fn contract() -> Contract {
    Contract {
        instrument: InstrumentId(0),
        tick: "0.1".parse().unwrap(),
        lot: "0.001".parse().unwrap(),
        maker_fee: "0.0002".parse().unwrap(),
        taker_fee: "0.0004".parse().unwrap(),
    }
}

fn at(side: Side, tick: i64, lots: i64) -> DepthUpdate {
    DepthUpdate { side, tick, lots }
}

fn order(number: u64, side: Side, lots: i64, limit: Option<(i64, TimeInForce)>) -> OrderRequest {
    OrderRequest {
        id: OrderId::new(OWNER, number),
        strategy: OWNER,
        series: SeriesId(0),
        instrument: InstrumentId(0),
        side,
        quantity: contract().quantity(lots),
        kind: match limit {
            None => OrderKind::Market,
            Some((tick, tif)) => OrderKind::Limit { price: contract().price(tick), tif },
        },
        terms: OrderTerms::FREE,
        decided_at: Timestamp(0),
    }
}

/// An exchange whose clock ticks once per call.
struct Venue {
    exchange: Exchange,
    now: i64,
    reports: Vec<Report>,
}

impl Venue {
    fn new(queue: QueueModel) -> Self {
        let config = DepthConfig { queue, impact: true };
        Self { exchange: Exchange::new(contract(), config), now: 0, reports: Vec::new() }
    }

    /// Bids 100, 99, 98 and asks 101, 102, 103 with 10, 20, 30 lots.
    fn with_levels() -> Self {
        let mut venue = Self::new(QueueModel::RiskAverse);
        let levels = [(100, 101, 10), (99, 102, 20), (98, 103, 30)];
        let both = |(bid, ask, lots)| [at(Side::Buy, bid, lots), at(Side::Sell, ask, lots)];
        venue.on(&DepthEvent::Snapshot(&levels.map(both).concat()));
        venue
    }

    fn on(&mut self, event: &DepthEvent) -> Vec<Report> {
        self.now += 1;
        self.exchange.on_event(Timestamp(self.now), event, &mut self.reports);
        std::mem::take(&mut self.reports)
    }

    fn trade(&mut self, aggressor: Side, tick: i64, lots: i64) -> Vec<Report> {
        self.on(&DepthEvent::Trade(DepthTrade { aggressor, tick, lots }))
    }

    fn settle(&mut self) -> Vec<Report> {
        self.now += 2;
        self.exchange.advance(Timestamp(self.now), &mut self.reports);
        std::mem::take(&mut self.reports)
    }

    fn submit(&mut self, order: OrderRequest) -> Vec<Report> {
        self.exchange.submit(order, Timestamp(self.now));
        self.settle()
    }
}

fn kinds(reports: &[Report]) -> Vec<OrderEventKind> {
    reports.iter().map(|report| report.event.kind).collect()
}

/// Tick, lots, liquidity and rule of every fill.
fn fills(reports: &[Report]) -> Vec<(i64, i64, Liquidity, FillRule)> {
    let seen = |fill: &Fill| {
        let (tick, lots) = (contract().ticks(fill.price).unwrap(), contract().lots(fill.quantity).unwrap());
        (tick, lots, fill.liquidity, fill.rule)
    };
    reports.iter().filter_map(|report| report.fill.as_ref()).map(seen).collect()
}

use FillRule::{BookWalk, LimitThrough, Queue};
use Liquidity::{Maker, Taker};
use OrderEventKind::{Accepted, Cancelled, Expired, Filled, Modified, PartiallyFilled, Rejected};

#[test]
fn a_taker_walks_through_the_levels() {
    let mut venue = Venue::with_levels();
    let reports = venue.submit(order(1, Side::Buy, 25, None));
    assert_eq!(kinds(&reports), [Accepted, PartiallyFilled, Filled]);
    assert_eq!(fills(&reports), [(101, 10, Taker, BookWalk), (102, 15, Taker, BookWalk)]);
    let second = reports[2].fill.unwrap();
    // 0.015 x 10.2 = 0.153; 0.04 % of it; one tick worse than the best ask.
    assert_eq!(second.fee.to_string(), "0.0000612");
    assert_eq!(second.slippage.to_string(), "0.0015");
}

#[test]
fn what_was_taken_is_gone_until_it_is_published_again() {
    let mut venue = Venue::with_levels();
    venue.submit(order(1, Side::Buy, 10, None));
    assert_eq!(fills(&venue.submit(order(2, Side::Buy, 1, None))), [(102, 1, Taker, BookWalk)]);
    venue.on(&DepthEvent::Diff(&[at(Side::Sell, 101, 4)]));
    assert_eq!(
        fills(&venue.submit(order(3, Side::Buy, 5, None))),
        [(101, 4, Taker, BookWalk), (102, 1, Taker, BookWalk)]
    );
}

#[test]
fn without_impact_every_taker_finds_what_was_published() {
    let mut venue = Venue::with_levels();
    venue.exchange.config.impact = false;
    for number in 1..4 {
        let reports = venue.submit(order(number, Side::Sell, 10, None));
        assert_eq!(fills(&reports), [(100, 10, Taker, BookWalk)]);
    }
}

#[test]
fn times_in_force() {
    let limit = |tick, tif| Some((tick, tif));
    let submit = |lots, limit| {
        let reports = Venue::with_levels().submit(order(1, Side::Buy, lots, limit));
        (kinds(&reports), reports.last().unwrap().event.reason)
    };
    let not_fillable = Some(RefusalReason::NotFillable);
    assert_eq!(submit(30, limit(102, TimeInForce::Fok)).0, [Accepted, PartiallyFilled, Filled]);
    assert_eq!(submit(31, limit(102, TimeInForce::Fok)), (vec![Accepted, Expired], not_fillable));
    let partly = vec![Accepted, PartiallyFilled, PartiallyFilled, Expired];
    assert_eq!(submit(31, limit(102, TimeInForce::Ioc)), (partly.clone(), not_fillable));
    assert_eq!(submit(31, limit(102, TimeInForce::Gtc)), (partly[..3].to_vec(), None));
    assert_eq!(
        submit(61, None),
        (vec![Accepted, PartiallyFilled, PartiallyFilled, PartiallyFilled, Expired], not_fillable)
    );
    let would_take = Some(RefusalReason::WouldTake);
    assert_eq!(submit(1, limit(101, TimeInForce::Gtx)), (vec![Rejected], would_take));
    assert_eq!(submit(1, limit(100, TimeInForce::Gtx)), (vec![Accepted], None));
}

#[test]
fn an_order_lives_until_its_date() {
    let mut venue = Venue::with_levels();
    let until = TimeInForce::Gtd(Timestamp(venue.now + 10));
    assert_eq!(kinds(&venue.submit(order(1, Side::Buy, 1, Some((100, until))))), [Accepted]);
    venue.now += 20;
    let reports = venue.trade(Side::Sell, 99, 5);
    assert_eq!(kinds(&reports), [Expired]);
    assert_eq!(TimeInForce::Gtd(reports[0].event.ts), until);
    assert_eq!(kinds(&venue.submit(order(2, Side::Buy, 1, Some((101, until))))), [Accepted, Expired]);
}

#[test]
fn a_resting_order_waits_for_the_queue_before_it() {
    let mut venue = Venue::with_levels();
    venue.submit(order(1, Side::Buy, 5, Some((100, TimeInForce::Gtx))));
    assert!(venue.trade(Side::Buy, 101, 50).is_empty());
    assert!(venue.trade(Side::Sell, 100, 9).is_empty());
    assert_eq!(fills(&venue.trade(Side::Sell, 100, 3)), [(100, 2, Maker, Queue)]);
    let reports = venue.trade(Side::Sell, 100, 7);
    assert_eq!(fills(&reports), [(100, 3, Maker, Queue)]);
    assert_eq!(kinds(&reports), [Filled]);
    // 0.003 x 10 = 0.03; 0.02 % of it.
    assert_eq!(reports[0].fill.unwrap().fee.to_string(), "0.000006");
}

#[test]
fn a_trade_through_fills_no_more_than_was_traded() {
    let mut venue = Venue::with_levels();
    venue.submit(order(1, Side::Buy, 5, Some((100, TimeInForce::Gtx))));
    venue.submit(order(2, Side::Buy, 5, Some((100, TimeInForce::Gtx))));
    assert_eq!(fills(&venue.trade(Side::Sell, 99, 3)), [(100, 3, Maker, LimitThrough)]);
    let reports = venue.trade(Side::Sell, 99, 4);
    assert_eq!(fills(&reports), [(100, 2, Maker, LimitThrough), (100, 2, Maker, LimitThrough)]);
    assert_eq!(fills(&venue.trade(Side::Sell, 100, 9)), [(100, 3, Maker, Queue)]);
}

#[test]
fn own_orders_share_what_comes_through_the_queue() {
    let mut venue = Venue::with_levels();
    venue.submit(order(1, Side::Sell, 5, Some((101, TimeInForce::Gtc))));
    venue.submit(order(2, Side::Sell, 5, Some((101, TimeInForce::Gtc))));
    let reports = venue.trade(Side::Buy, 101, 17);
    assert_eq!(fills(&reports), [(101, 5, Maker, Queue), (101, 2, Maker, Queue)]);
}

#[test]
fn a_level_published_beyond_a_resting_order_fills_it() {
    let mut venue = Venue::with_levels();
    venue.submit(order(1, Side::Buy, 5, Some((100, TimeInForce::Gtx))));
    // The book is crossed between the two updates of one diff only.
    let passing = [at(Side::Sell, 100, 9), at(Side::Sell, 100, 0)];
    assert!(venue.on(&DepthEvent::Diff(&passing)).is_empty());
    let reports = venue.on(&DepthEvent::Diff(&[at(Side::Buy, 100, 0), at(Side::Sell, 99, 4)]));
    assert_eq!(fills(&reports), [(100, 4, Maker, LimitThrough)]);
    assert_eq!(venue.exchange.book().lots(Side::Sell, 99), 0);
}

#[test]
fn an_amended_order_goes_to_the_end_of_the_queue() {
    let mut venue = Venue::with_levels();
    let id = OrderId::new(OWNER, 1);
    venue.submit(order(1, Side::Buy, 5, Some((100, TimeInForce::Gtx))));
    venue.trade(Side::Sell, 100, 12);
    venue.on(&DepthEvent::Diff(&[at(Side::Buy, 100, 40)]));
    assert_eq!(venue.exchange.position(id).unwrap().ahead, 0.0);
    let amend = |venue: &mut Venue, lots, tick| {
        let amendment = Amendment {
            id,
            quantity: contract().quantity(lots),
            price: contract().price(tick),
            decided_at: Timestamp(venue.now),
        };
        venue.exchange.modify(amendment, Timestamp(venue.now));
        venue.settle()
    };
    let reports = amend(&mut venue, 4, 100);
    assert_eq!(kinds(&reports), [Modified]);
    assert_eq!(reports[0].event.remaining, contract().quantity(2), "two were filled before");
    assert_eq!(venue.exchange.position(id).unwrap().ahead, 40.0);
    let reports = amend(&mut venue, 4, 101);
    assert_eq!((kinds(&reports), reports[0].event.reason), (vec![Expired], Some(RefusalReason::WouldTake)));
    assert!(amend(&mut venue, 4, 100).is_empty(), "the order is over");

    venue.submit(order(1, Side::Buy, 5, Some((99, TimeInForce::Gtc))));
    assert_eq!(fills(&amend(&mut venue, 6, 101)), [(101, 6, Taker, BookWalk)]);
    venue.submit(order(1, Side::Buy, 5, Some((101, TimeInForce::Gtc))));
    assert_eq!(kinds(&amend(&mut venue, 4, 101)), [Cancelled], "four were filled before");
}

#[test]
fn a_cancel_ends_an_order_once() {
    let mut venue = Venue::with_levels();
    let id = OrderId::new(OWNER, 1);
    venue.submit(order(1, Side::Buy, 5, Some((100, TimeInForce::Gtx))));
    for expected in [vec![Cancelled], vec![]] {
        venue.exchange.cancel(id, Timestamp(venue.now));
        assert_eq!(kinds(&venue.settle()), expected);
    }
}

#[test]
fn what_the_exchange_does_not_serve_is_rejected() {
    let off_grid = OrderRequest { quantity: "0.0015".parse().unwrap(), ..order(1, Side::Buy, 1, None) };
    let reports = Venue::with_levels().submit(off_grid);
    assert_eq!(kinds(&reports), [Rejected]);
    assert_eq!(reports[0].event.reason, Some(RefusalReason::InvalidArgument));
    let reports = Venue::new(QueueModel::Log).submit(order(1, Side::Buy, 1, None));
    assert_eq!(reports[0].event.reason, Some(RefusalReason::NoMarket));
}

#[test]
fn messages_and_reports_take_their_time() {
    let latency = ConstantLatency { entry_ns: 10, response_ns: 7 };
    let config = DepthConfig::default();
    let mut gateway = Gateway::new(Exchange::new(contract(), config), latency);
    let levels = [at(Side::Buy, 100, 10), at(Side::Sell, 101, 10)];
    gateway.on_event(Timestamp(0), &DepthEvent::Snapshot(&levels));
    let placed =
        OrderRequest { decided_at: Timestamp(5), ..order(1, Side::Buy, 1, Some((100, TimeInForce::Gtx))) };
    assert_eq!(gateway.submit(placed), Timestamp(15));
    let through = DepthEvent::Trade(DepthTrade { aggressor: Side::Sell, tick: 99, lots: 5 });
    gateway.on_event(Timestamp(15), &through);
    assert_eq!(gateway.receive(Timestamp(100)), None, "what happens at the time of arrival is not met");
    gateway.on_event(Timestamp(16), &through);
    assert_eq!(gateway.receive(Timestamp(21)), None);
    let accepted = gateway.receive(Timestamp(22)).unwrap().event;
    assert_eq!((accepted.kind, accepted.ts), (Accepted, Timestamp(15)));
    assert_eq!(gateway.receive(Timestamp(22)), None);
    assert_eq!(gateway.receive(Timestamp(23)).unwrap().event.kind, Filled);
}

#[derive(Clone, Debug)]
enum Step {
    Diff(Vec<DepthUpdate>),
    Trade(DepthTrade),
    Order(Side, i64, Option<(i64, TimeInForce)>),
    Cancel(u64),
    Amend(u64, i64, i64),
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn tif() -> impl Strategy<Value = TimeInForce> {
    use TimeInForce::{Fok, Gtc, Gtx, Ioc};
    prop_oneof![Just(Gtc), Just(Ioc), Just(Fok), Just(Gtx)]
}

fn step() -> impl Strategy<Value = Step> {
    let update = (side(), 95_i64..106, 0_i64..30).prop_map(|(side, tick, lots)| at(side, tick, lots));
    let trade = (side(), 95_i64..106, 1_i64..40);
    let limit = proptest::option::weighted(0.9, (95_i64..106, tif()));
    prop_oneof![
        4 => prop::collection::vec(update, 1..5).prop_map(Step::Diff),
        3 => trade.prop_map(|(aggressor, tick, lots)| Step::Trade(DepthTrade { aggressor, tick, lots })),
        4 => (side(), 1_i64..40, limit).prop_map(|(side, lots, limit)| Step::Order(side, lots, limit)),
        1 => (1_u64..20).prop_map(Step::Cancel),
        1 => (1_u64..20, 1_i64..40, 95_i64..106).prop_map(|(id, lots, tick)| Step::Amend(id, lots, tick)),
    ]
}

fn queue() -> impl Strategy<Value = QueueModel> {
    prop_oneof![
        Just(QueueModel::RiskAverse),
        (0.5_f64..4.0).prop_map(|n| QueueModel::Power { n }),
        Just(QueueModel::Log)
    ]
}

fn lots_of(reports: &[Report], liquidity: Liquidity) -> i64 {
    fills(reports).iter().filter(|fill| fill.2 == liquidity).map(|fill| fill.1).sum()
}

/// Lots on a side that an order with this limit could take.
fn shown(book: &Book, side: Side, limit: Option<i64>) -> i64 {
    let reachable = |level: &Level| match (side, limit) {
        (_, None) => true,
        (Side::Buy, Some(limit)) => level.tick <= limit,
        (Side::Sell, Some(limit)) => level.tick >= limit,
    };
    book.levels(side.opposite()).filter(reachable).map(|level| level.lots).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Nobody gets more than was asked for, traded or shown; fill-or-kill is all or nothing; a post-only order never
    /// takes; limits hold; a place in the queue is only lost by amending.
    #[test]
    fn orders_keep_their_promises(queue in queue(), steps in prop::collection::vec(step(), 1..80)) {
        let mut venue = Venue::new(queue);
        let (mut asked, mut filled, mut over) = (vec![0_i64], vec![0_i64], vec![true]);
        let mut orders: Vec<Option<(i64, TimeInForce)>> = vec![None];
        let mut sides = vec![Side::Buy];
        for step in steps {
            let ahead: Vec<_> = (0..asked.len() as u64)
                .map(|number| venue.exchange.position(OrderId::new(OWNER, number)))
                .collect();
            let amended = match &step { Step::Amend(number, ..) => Some(*number), _ => None };
            let book = venue.exchange.book().clone();
            let reports = match step {
                Step::Diff(updates) => {
                    let reports = venue.on(&DepthEvent::Diff(&updates));
                    prop_assert_eq!(lots_of(&reports, Taker), 0);
                    let mut after = book.clone();
                    for update in updates {
                        after.apply(update);
                    }
                    let all = shown(&after, Side::Buy, None) + shown(&after, Side::Sell, None);
                    prop_assert!(lots_of(&reports, Maker) <= all);
                    reports
                }
                Step::Trade(trade) => {
                    let reports = venue.on(&DepthEvent::Trade(trade));
                    prop_assert_eq!(lots_of(&reports, Taker), 0);
                    prop_assert!(lots_of(&reports, Maker) <= trade.lots);
                    reports
                }
                Step::Order(side, lots, limit) => {
                    asked.push(lots);
                    filled.push(0);
                    over.push(false);
                    orders.push(limit);
                    sides.push(side);
                    let reports = venue.submit(order(asked.len() as u64 - 1, side, lots, limit));
                    let taken = lots_of(&reports, Taker);
                    let available = shown(&book, side, limit.map(|(tick, _)| tick));
                    prop_assert!(taken <= available);
                    match limit {
                        Some((_, TimeInForce::Gtx)) => {
                            prop_assert_eq!(taken, 0);
                            prop_assert_eq!(available > 0, reports[0].event.reason == Some(RefusalReason::WouldTake));
                        }
                        Some((_, TimeInForce::Fok)) => prop_assert_eq!(taken, if available >= lots { lots } else { 0 }),
                        _ => prop_assert_eq!(taken, available.min(lots)),
                    }
                    prop_assert_eq!(lots_of(&reports, Maker), 0);
                    reports
                }
                Step::Cancel(number) => {
                    venue.exchange.cancel(OrderId::new(OWNER, number), Timestamp(venue.now));
                    venue.settle()
                }
                Step::Amend(number, lots, tick) => {
                    let id = OrderId::new(OWNER, number);
                    let (quantity, price) = (contract().quantity(lots), contract().price(tick));
                    let amendment = Amendment { id, quantity, price, decided_at: Timestamp(venue.now) };
                    venue.exchange.modify(amendment, Timestamp(venue.now));
                    let reports = venue.settle();
                    if !reports.is_empty() {
                        asked[number as usize] = lots.max(filled[number as usize]);
                        orders[number as usize] = orders[number as usize].map(|(_, tif)| (tick, tif));
                        if matches!(orders[number as usize], Some((_, TimeInForce::Gtx))) {
                            prop_assert_eq!(lots_of(&reports, Taker), 0);
                        }
                    }
                    reports
                }
            };
            for report in &reports {
                let number = report.event.id.sequence() as usize;
                prop_assert!(!over[number], "{:?} after the end", report);
                over[number] = report.event.kind.is_final();
                if let Some(fill) = report.fill {
                    filled[number] += contract().lots(fill.quantity).unwrap();
                    let tick = contract().ticks(fill.price).unwrap();
                    let (limit, side) = (orders[number].map_or(tick, |(tick, _)| tick), sides[number]);
                    let worse = if side == Side::Buy { tick > limit } else { tick < limit };
                    prop_assert!(!worse, "order {} was filled beyond its limit", number);
                    prop_assert!(fill.liquidity == Taker || tick == limit);
                    prop_assert!(fill.slippage.units() >= 0);
                    prop_assert_eq!(report.event.remaining, contract().quantity(asked[number] - filled[number]));
                }
                prop_assert!(filled[number] <= asked[number]);
            }
            for (number, before) in ahead.iter().enumerate() {
                let after = venue.exchange.position(OrderId::new(OWNER, number as u64));
                if let (Some(before), Some(after)) = (before, after) && amended != Some(number as u64) {
                    prop_assert!(after.ahead <= before.ahead, "somebody came before order {}", number);
                }
            }
        }
    }

    /// Arrival and receipt are as late as the latencies say, and in order.
    #[test]
    fn latency_is_respected(
        entry_ns in 0_i64..50,
        response_ns in 0_i64..50,
        decisions in prop::collection::vec(0_i64..30, 1..30),
    ) {
        let latency = ConstantLatency { entry_ns, response_ns };
        let mut gateway = Gateway::new(Exchange::new(contract(), DepthConfig::default()), latency);
        let levels = [at(Side::Buy, 100, 10), at(Side::Sell, 101, 10)];
        gateway.on_event(Timestamp(-1), &DepthEvent::Snapshot(&levels));
        let (mut now, mut sent, mut known) = (0, Vec::new(), 0);
        for wait in decisions {
            now += wait;
            gateway.advance(Timestamp(now));
            while let Some(report) = gateway.receive(Timestamp(now)) {
                let decided_at: i64 = sent[report.event.id.sequence() as usize - 1];
                prop_assert_eq!(report.event.ts, Timestamp(decided_at + entry_ns));
                prop_assert_eq!(report.arrives_at, report.event.ts.plus(response_ns));
                prop_assert!(report.arrives_at.0 <= now);
                known += 1;
            }
            let due = sent.iter().filter(|at| **at + entry_ns < now && **at + entry_ns + response_ns <= now).count();
            prop_assert_eq!(known, due, "every report that is due is known");
            sent.push(now);
            let limit = Some((100, TimeInForce::Gtx));
            gateway.submit(OrderRequest { decided_at: Timestamp(now), ..order(sent.len() as u64, Side::Buy, 1, limit) });
        }
    }
}
