//! What becomes of orders in all their ways, where every cost goes, and how near an account came to liquidation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{self, Write};

use cryptobot_analytics::{
    AccountLabel, Collector, InstrumentLabel, Record, RunFolder, RunInfo, Setup, Summary, orders::OrderRow,
    tables,
};
use cryptobot_engine::{
    Cause, Decision, Entry, Evidence, Fault, FaultKind, Intent, Mark, Recorder, Scope, Signal, StateChange,
    TradingState,
};
use cryptobot_model::{
    Callback, Fill, FillRule, FundingPayment, FundingPrice, InstrumentId, Liquidation, Liquidity, Money,
    OrderEvent, OrderEventKind, OrderId, OrderKind, OrderRequest, OrderTerms, Price, Quantity, RefusalReason,
    SeriesId, Side, StrategyId, TimeInForce, Timestamp, TriggerSource,
};
use proptest::prelude::*;

const STRATEGY: StrategyId = StrategyId(0);

/// A table as it is written.
fn text(table: fn(&Record, &mut dyn Write) -> io::Result<()>, record: &Record) -> String {
    let mut written = Vec::new();
    table(record, &mut written).unwrap();
    String::from_utf8(written).unwrap()
}

/// One strategy with two series, the second of which is of the second instrument.
fn collector() -> Collector {
    let label = |symbol: &str| InstrumentLabel { venue: "v".to_owned(), symbol: symbol.to_owned() };
    Collector::new(Setup {
        strategies: vec![AccountLabel {
            name: "s".to_owned(),
            initial_balance: "100".parse().unwrap(),
            instruments: Vec::new(),
            series: vec![InstrumentId(0), InstrumentId(1)],
        }],
        instruments: vec![label("X"), label("Y")],
        from: Timestamp(0),
        to: Timestamp(1_000),
    })
}

fn id(sequence: u64) -> OrderId {
    OrderId::new(STRATEGY, sequence)
}

fn wanted(sequence: u64, kind: OrderKind<f64>) -> Intent {
    Intent::Order {
        id: id(sequence),
        series: SeriesId(1),
        side: Side::Buy,
        quantity: 3.0,
        kind,
        terms: OrderTerms::FREE,
        target: None,
    }
}

/// Orders that the host makes itself are told apart by what made it do so.
#[test]
fn who_made_an_order_stands_in_its_row() {
    let mut collector = collector();
    let approve = |collector: &mut Collector, sequence| {
        decide(collector, sequence, Decision::Approved(request(sequence, OrderKind::Market)));
    };
    let close = |collector: &mut Collector, sequence| {
        collector.entry(&Entry::Closing { ts: Timestamp(1), id: id(sequence) });
        approve(collector, sequence);
    };
    tell_intent(&mut collector, &wanted(1, OrderKind::Market));
    approve(&mut collector, 1);
    close(&mut collector, 2);
    let fault = Fault::new(FaultKind::Trap, "x");
    collector.entry(&Entry::Fault { ts: Timestamp(1), strategy: STRATEGY, fault: &fault });
    close(&mut collector, 3);
    close(&mut collector, 4);
    collector.entry(&Entry::Restart { ts: Timestamp(2), strategy: STRATEGY });
    close(&mut collector, 5);
    // The stop of a signal has no intent either.
    approve(&mut collector, 6);
    let record = collector.finish(&[]);
    let rows = text(tables::orders, &record);
    let origins: Vec<&str> = rows.lines().skip(1).filter_map(|row| row.rsplit(',').next()).collect();
    assert_eq!(origins, ["strategy", "kill", "after-fault", "after-fault", "kill", "signal"]);
}

fn request(sequence: u64, kind: OrderKind<Price>) -> OrderRequest {
    OrderRequest {
        id: id(sequence),
        strategy: STRATEGY,
        series: SeriesId(1),
        instrument: InstrumentId(1),
        side: Side::Buy,
        quantity: "3".parse().unwrap(),
        kind,
        terms: OrderTerms::FREE,
        decided_at: Timestamp(1),
    }
}

fn tell_intent(collector: &mut Collector, intent: &Intent) {
    collector.entry(&Entry::Intent { ts: Timestamp(1), strategy: STRATEGY, intent });
}

fn decide(collector: &mut Collector, sequence: u64, decision: Decision) {
    collector.entry(&Entry::Decision { ts: Timestamp(1), id: id(sequence), decision: &decision });
}

fn refused(reason: RefusalReason) -> Decision {
    Decision::Refused { reason, evidence: Evidence::NONE }
}

fn step(collector: &mut Collector, sequence: u64, kind: OrderEventKind, reason: Option<RefusalReason>) {
    let plain = OrderEvent::plain(STRATEGY, SeriesId(1), id(sequence), Side::Buy, Timestamp(2), kind);
    collector.entry(&Entry::Order(&OrderEvent { reason, remaining: "2".parse().unwrap(), ..plain }));
}

fn limit<P>(price: P) -> OrderKind<P> {
    OrderKind::Limit { price, tif: TimeInForce::Gtc }
}

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

fn row(rows: &[OrderRow], sequence: u64) -> &OrderRow {
    rows.iter().find(|row| row.id == id(sequence)).expect("a row")
}

#[test]
fn refused_orders_name_what_they_were_for() {
    let mut collector = collector();
    tell_intent(&mut collector, &wanted(1, OrderKind::Market));
    decide(&mut collector, 1, refused(RefusalReason::Cooldown));
    step(&mut collector, 1, OrderEventKind::Rejected, Some(RefusalReason::Cooldown));
    let record = collector.finish(&[]);
    let table = text(tables::orders, &record);
    assert!(table.lines().nth(1).unwrap().contains(",s,v,Y,buy,market,3,0,"), "{table}");
    let counts = &Summary::new(&record, RunInfo::default()).refusals;
    assert_eq!(counts.len(), 1);
    assert_eq!((counts[0].reason, counts[0].refused, counts[0].ended), (RefusalReason::Cooldown, 1, 0));
}

/// The values of the first row of `orders.csv`, in these columns.
fn order_cells(record: &Record, columns: [&str; 4]) -> [String; 4] {
    let table = text(tables::orders, record);
    let [header, row, ..] = table.lines().collect::<Vec<_>>()[..] else { panic!("{table}") };
    let place = |column: &str| header.split(',').position(|name| name == column).unwrap();
    columns.map(|column| row.split(',').nth(place(column)).unwrap().to_owned())
}

/// A collector whose instruments are at a venue with known errors.
fn collector_at_binance() -> Collector {
    let label =
        |symbol: &str| InstrumentLabel { venue: "binance-usdm".to_owned(), symbol: symbol.to_owned() };
    Collector::new(Setup {
        strategies: vec![AccountLabel {
            name: "s".to_owned(),
            initial_balance: "100".parse().unwrap(),
            instruments: Vec::new(),
            series: vec![InstrumentId(0), InstrumentId(1)],
        }],
        instruments: vec![label("X"), label("Y")],
        from: Timestamp(0),
        to: Timestamp(1_000),
    })
}

#[test]
fn refusals_have_the_names_of_the_venue() {
    let columns = ["status", "reason", "venue_error", "origin"];
    let mut collector = collector_at_binance();
    tell_intent(&mut collector, &wanted(1, OrderKind::Market));
    decide(&mut collector, 1, refused(RefusalReason::InsufficientMargin));
    step(&mut collector, 1, OrderEventKind::Rejected, Some(RefusalReason::InsufficientMargin));
    tell_intent(&mut collector, &wanted(2, limit(50.0)));
    decide(&mut collector, 2, Decision::Approved(request(2, limit(price("50")))));
    step(&mut collector, 2, OrderEventKind::Rejected, Some(RefusalReason::PriceBand));
    tell_intent(&mut collector, &wanted(3, OrderKind::Market));
    decide(&mut collector, 3, refused(RefusalReason::Cooldown));
    let record = collector.finish(&[]);
    let row = ["rejected", "insufficient-margin", "-2019 MARGIN_NOT_SUFFICIENT", "strategy"];
    assert_eq!(order_cells(&record, columns), row);
    let json = serde_json::to_value(Summary::new(&record, RunInfo::default())).unwrap();
    let errors = |reason: &str| {
        let refusals = json["refusals"].as_array().unwrap();
        refusals.iter().find(|count| count["reason"] == reason).unwrap()["venue_errors"].clone()
    };
    assert_eq!(errors("insufficient-margin"), serde_json::json!(["-2019 MARGIN_NOT_SUFFICIENT"]));
    assert_eq!(errors("price-band"), serde_json::json!(["-4016 PRICE_HIGHTER_THAN_MULTIPLIER_UP"]));
    assert_eq!(errors("cooldown"), serde_json::json!([]), "the host's own reason");
}

#[test]
fn what_was_not_refused_has_no_error_of_the_venue() {
    let mut collector = collector_at_binance();
    tell_intent(&mut collector, &wanted(1, OrderKind::Market));
    let order = request(1, OrderKind::Market);
    let reason = RefusalReason::LeverageExceeded;
    decide(&mut collector, 1, Decision::Reduced { order, reason, evidence: Evidence::NONE });
    step(&mut collector, 1, OrderEventKind::Filled, None);
    let record = collector.finish(&[]);
    let row = ["filled", "leverage-exceeded", "", "strategy"];
    assert_eq!(order_cells(&record, ["status", "reason", "venue_error", "origin"]), row);
    assert!(record.portfolio.reasons[0].venue_errors.is_empty());
}

#[test]
fn trailing_stops_show_callback_and_activation() {
    let columns = ["trigger", "callback", "callback_bps", "activation"];
    for (callback, activation, expected) in [
        (Callback::Bps(50.0), Some(110.0), ["", "", "50", "110"]),
        (Callback::Distance(2.5), None, ["", "2.5", "", ""]),
    ] {
        let mut collector = collector();
        let kind = OrderKind::TrailingStop { callback, activation, source: TriggerSource::Mark };
        tell_intent(&mut collector, &wanted(1, kind));
        let exact = |number: f64| Price::from_f64(number);
        let sent = request(1, kind.try_map(exact, exact).unwrap());
        decide(&mut collector, 1, Decision::Approved(sent));
        // A change leaves its price alone.
        tell_intent(&mut collector, &Intent::Modify { id: id(1), quantity: 2.0, price: 99.0 });
        step(&mut collector, 1, OrderEventKind::Modified, None);
        assert_eq!(order_cells(&collector.finish(&[]), columns), expected);
    }
}

#[test]
fn an_entry_that_is_refused_with_its_stop_and_target_counts_once() {
    let mut collector = collector();
    let reasons = [RefusalReason::InsufficientMargin, RefusalReason::Parent, RefusalReason::Parent];
    for (sequence, reason) in (1..).zip(reasons) {
        tell_intent(&mut collector, &wanted(sequence, OrderKind::Market));
        decide(&mut collector, sequence, refused(reason));
        step(&mut collector, sequence, OrderEventKind::Rejected, Some(reason));
    }
    let record = collector.finish(&[]);
    assert_eq!((record.portfolio.intents, record.portfolio.orders, record.portfolio.refused), (3, 0, 1));
    let counts = &Summary::new(&record, RunInfo::default()).refusals;
    assert_eq!(
        counts.iter().map(|count| (count.reason, count.refused)).collect::<Vec<_>>(),
        [(reasons[0], 1)]
    );
    // All three stand in the table, each with its reason.
    let rows: Vec<_> = record.orders.iter().map(|row| (row.status, row.reason)).collect();
    assert_eq!(rows, reasons.map(|reason| (Some(OrderEventKind::Rejected), Some(reason))));
}

#[test]
fn orders_of_a_signal_have_rows_without_an_intent_of_their_own() {
    let mut collector = collector();
    let signal = |sequence| {
        let (stop, target) = (Some(90.0), None);
        let (series, side) = (SeriesId(1), Side::Buy);
        Intent::Signal(Signal { id: id(sequence), series, side, confidence: 0.9, stop, target })
    };
    tell_intent(&mut collector, &signal(1));
    decide(&mut collector, 1, Decision::Approved(request(1, OrderKind::Market)));
    decide(&mut collector, 2, Decision::Approved(request(2, limit(price("90")))));
    tell_intent(&mut collector, &signal(4));
    decide(&mut collector, 4, refused(RefusalReason::LowConfidence));
    // The first signal's target is refused: no intent, no order, only this.
    decide(&mut collector, 3, refused(RefusalReason::NothingToReduce));
    step(&mut collector, 3, OrderEventKind::Rejected, Some(RefusalReason::NothingToReduce));
    let record = collector.finish(&[]);
    let rows = &record.orders;
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id(1), id(2), id(4), id(3)]);
    let kinds = ["market", "limit", "signal", "signal"];
    assert_eq!(rows.iter().map(|row| row.terms.kind).collect::<Vec<_>>(), kinds);
    assert_eq!(record.portfolio.reasons.iter().map(|count| count.refused).sum::<u64>(), 2, "once each");
    assert!(rows.iter().all(|row| row.instrument == Some(InstrumentId(1)) && row.requested.is_none()));
    assert_eq!((row(rows, 2).quantity.to_string(), row(rows, 2).terms.price), ("3".to_owned(), Some(90.0)));
    assert_eq!(row(rows, 4).status, Some(OrderEventKind::Rejected));
    assert_eq!((record.portfolio.orders, record.portfolio.refused), (2, 2));
    assert!(text(tables::orders, &record).lines().nth(3).unwrap().contains(",signal,,0,"));
}

#[test]
fn the_end_of_an_order_stands_and_amendments_change_it() {
    let mut collector = collector();
    for sequence in [1, 2] {
        tell_intent(&mut collector, &wanted(sequence, limit(50.0)));
        decide(&mut collector, sequence, Decision::Approved(request(sequence, limit(price("50")))));
        step(&mut collector, sequence, OrderEventKind::Accepted, None);
    }
    // The first is filled; a cancel that comes too late is refused and changes nothing.
    step(&mut collector, 1, OrderEventKind::Filled, None);
    tell_intent(&mut collector, &Intent::Cancel { id: id(1) });
    step(&mut collector, 1, OrderEventKind::Rejected, Some(RefusalReason::UnknownOrder));
    // The second is amended once, and once in vain.
    tell_intent(&mut collector, &Intent::Modify { id: id(2), quantity: 2.0, price: 49.0 });
    step(&mut collector, 2, OrderEventKind::Modified, None);
    tell_intent(&mut collector, &Intent::Modify { id: id(2), quantity: 2.0, price: -1.0 });
    step(&mut collector, 2, OrderEventKind::Modified, Some(RefusalReason::InvalidArgument));
    let record = collector.finish(&[]);
    assert_eq!(row(&record.orders, 1).status, Some(OrderEventKind::Filled));
    assert_eq!(row(&record.orders, 1).reason, None);
    let second = row(&record.orders, 2);
    assert_eq!((second.status, second.reason), (Some(OrderEventKind::Modified), None));
    assert_eq!((second.quantity.to_string(), second.terms.price), ("2".to_owned(), Some(49.0)));
    let reasons = record.portfolio.reasons.iter().map(|count| (count.reason, count.refused, count.ended));
    let expected = [(RefusalReason::InvalidArgument, 1, 0), (RefusalReason::UnknownOrder, 1, 0)];
    assert_eq!(reasons.collect::<Vec<_>>(), expected);
}

#[test]
fn reduced_orders_are_sent_and_counted_by_their_reason() {
    let mut collector = collector();
    tell_intent(&mut collector, &wanted(1, OrderKind::Market));
    let order = OrderRequest { quantity: "2".parse().unwrap(), ..request(1, OrderKind::Market) };
    let reason = RefusalReason::RiskPerTrade;
    decide(&mut collector, 1, Decision::Reduced { order, reason, evidence: Evidence::NONE });
    step(&mut collector, 1, OrderEventKind::Filled, None);
    let record = collector.finish(&[]);
    let counts = &record.portfolio.reasons[0];
    assert_eq!((counts.reason, counts.refused, counts.reduced, counts.ended), (reason, 0, 1, 0));
    let found = row(&record.orders, 1);
    assert_eq!((found.requested, found.quantity.to_string()), (Some(3.0), "2".to_owned()));
    assert_eq!((found.status, found.reason), (Some(OrderEventKind::Filled), Some(reason)));
    assert_eq!((record.portfolio.orders, record.portfolio.refused), (1, 0));
}

#[test]
fn halts_are_told_with_their_limits() {
    let mut collector = collector();
    collector.entry(&Entry::State(&StateChange {
        ts: Timestamp(0),
        scope: Scope::Instrument(InstrumentId(1)),
        from: TradingState::Active,
        to: TradingState::Halted,
        cause: Cause::CircuitBreaker,
        evidence: Evidence { limit: 0.1, value: f64::NAN },
    }));
    let json = serde_json::to_value(Summary::new(&collector.finish(&[]), RunInfo::default())).unwrap();
    let expected = serde_json::json!({
        "ts": "1970-01-01T00:00:00Z", "scope": "Y", "from": "active", "to": "halted",
        "cause": "circuit-breaker", "limit": 0.1, "value": null,
    });
    assert_eq!(json["states"], serde_json::json!([expected]));
}

#[test]
fn what_the_exchange_ends_is_told_from_what_the_host_refuses() {
    let mut collector = collector();
    tell_intent(&mut collector, &wanted(1, limit(50.0)));
    decide(&mut collector, 1, Decision::Approved(request(1, limit(price("50")))));
    step(&mut collector, 1, OrderEventKind::Rejected, Some(RefusalReason::WouldTake));
    let record = collector.finish(&[]);
    let counts = &record.portfolio.reasons[0];
    assert_eq!((counts.reason, counts.refused, counts.ended), (RefusalReason::WouldTake, 0, 1));
    assert_eq!(record.portfolio.refused, 0);
}

#[test]
fn peaks_of_the_margin_ratio_are_kept() {
    let mut collector = collector();
    for (ts, ratio) in [(1, f64::NAN), (2, 0.25), (3, 0.75), (4, 0.5), (5, f64::NAN)] {
        let ts = Timestamp(ts);
        collector.mark(&Mark { ts, prices: &[1.0, 1.0], equities: &[100.0], margin_ratios: &[ratio] });
    }
    let record = collector.finish(&[]);
    assert_eq!(record.strategies[0].margin, [0.75], "one bucket");
    let json = serde_json::to_value(Summary::new(&record, RunInfo::default())).unwrap();
    let expected = serde_json::json!({"max_ratio": 0.75, "ts": Timestamp(3).to_string(), "strategy": "s"});
    assert_eq!((&json["margin"], &json["strategies"][0]["margin"]), (&expected, &expected));
}

#[test]
fn nothing_is_nearer_than_a_liquidation() {
    let mut collector = collector();
    for (ts, ratio) in [(1, 0.5), (2, f64::INFINITY), (3, 1.5)] {
        let ts = Timestamp(ts);
        collector.mark(&Mark { ts, prices: &[1.0, 1.0], equities: &[100.0], margin_ratios: &[ratio] });
    }
    let record = collector.finish(&[]);
    assert_eq!(record.strategies[0].margin, [1.0]);
    let json = serde_json::to_value(Summary::new(&record, RunInfo::default())).unwrap();
    let expected = serde_json::json!({"max_ratio": 1.0, "ts": Timestamp(2).to_string(), "strategy": "s"});
    assert_eq!(json["margin"], expected);
}

#[test]
fn liquidations_are_counted_with_what_they_cost() {
    let mut collector = collector();
    let liquidation = Liquidation {
        ts: Timestamp(7),
        strategy: STRATEGY,
        instrument: InstrumentId(0),
        side: Side::Sell,
        quantity: "1".parse().unwrap(),
        mark: price("90"),
        bankruptcy_price: price("89"),
        fee: "0.45".parse().unwrap(),
        insurance: "1.5".parse().unwrap(),
    };
    collector.entry(&Entry::Liquidation(&liquidation));
    let json = serde_json::to_value(Summary::new(&collector.finish(&[]), RunInfo::default())).unwrap();
    assert_eq!((&json["liquidations"], &json["insurance"]), (&1.into(), &"1.5".into()));
    assert_eq!(json["costs"]["liquidation_fees"], "0.45");
    assert_eq!(json["margin"]["max_ratio"], 1.0, "it came to a liquidation");
    assert_eq!(json["strategies"][0]["liquidations"], 1);
}

/// A position of 10 at 100 with a balance of 100 that is sold at a price by a rule, and what the fund bears of that.
fn lost(collector: &mut Collector, rule: FillRule, at: &str, insurance: &str) {
    let mut account = cryptobot_ledger::Account::new("100".parse().unwrap(), 2);
    let insurance: Money = insurance.parse().unwrap();
    for (ts, side, at, rule) in [(1, Side::Buy, "100", FillRule::Open), (2, Side::Sell, at, rule)] {
        let fill = Fill {
            ts: Timestamp(ts),
            strategy: STRATEGY,
            instrument: InstrumentId(1),
            order: OrderId::NONE,
            side,
            price: price(at),
            quantity: "10".parse().unwrap(),
            fee: "1".parse().unwrap(),
            slippage: Money::ZERO,
            liquidity: Liquidity::Taker,
            rule,
        };
        collector.entry(&Entry::Fill(&fill));
        let Some(mut trade) = account.apply(&fill).closed else { continue };
        if rule == FillRule::Liquidation {
            collector.entry(&Entry::Liquidation(&Liquidation {
                ts: fill.ts,
                strategy: STRATEGY,
                instrument: fill.instrument,
                side,
                quantity: fill.quantity,
                mark: fill.price,
                bankruptcy_price: price("90"),
                fee: fill.fee,
                insurance,
            }));
        }
        account.insure(fill.instrument, insurance, Some(&mut trade));
        collector.entry(&Entry::Trade(&trade));
    }
}

#[test]
fn what_the_fund_bears_is_counted_once_and_stands_with_its_trade() {
    let mut collector = collector();
    lost(&mut collector, FillRule::Liquidation, "80", "102");
    // A stop may empty a wallet as well: no liquidation tells of that.
    lost(&mut collector, FillRule::StopGap, "85", "52");
    let record = collector.finish(&[]);
    let table = text(tables::trades, &record);
    let ends: Vec<Vec<&str>> = table.lines().map(|row| row.split(',').skip(11).take(5).collect()).collect();
    assert_eq!(
        ends,
        [
            ["fees", "funding", "slippage", "insurance", "net_pnl"],
            ["2", "0", "0", "102", "-100"],
            ["2", "0", "0", "52", "-100"]
        ]
    );
    let summary = Summary::new(&record, RunInfo::default());
    assert_eq!((summary.liquidations, summary.insurance), (1, "154".parse().unwrap()));
    let figures = summary.groups().into_iter().flat_map(|group| group.figures);
    let shown: Vec<_> =
        figures.filter(|figure| figure.key == "insurance").map(|figure| figure.value).collect();
    assert_eq!(shown, ["154.00"]);
}

#[test]
fn there_is_a_table_of_funding_where_there_was_any() {
    let mut collector = collector();
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::prepare(root.path()).unwrap();
    folder.write_tables(&collector.clone().finish(&[])).unwrap();
    assert!(root.path().join("orders.csv").is_file() && !root.path().join("funding.csv").exists());
    collector.entry(&Entry::Funding(&FundingPayment {
        ts: Timestamp(0),
        strategy: STRATEGY,
        instrument: InstrumentId(1),
        position: "-2".parse().unwrap(),
        mark: price("100.5"),
        source: FundingPrice::MarkOpen,
        rate: "0.0001".parse().unwrap(),
        paid: "-0.0201".parse().unwrap(),
    }));
    folder.write_tables(&collector.finish(&[])).unwrap();
    let table = fs::read_to_string(root.path().join("funding.csv")).unwrap();
    let row = "1970-01-01T00:00:00Z,s,v,Y,-2,100.5,mark-open,0.0001,-0.0201";
    assert_eq!(
        table.lines().collect::<Vec<_>>(),
        ["ts,strategy,venue,symbol,position,mark,source,rate,paid", row]
    );
}

proptest! {
    /// Fees, slippage and funding of closed trades and of positions that are still open are those of the run, to the
    /// last place, whatever the order of fills and payments.
    #[test]
    fn every_cost_belongs_to_a_trade_or_an_open_position(
        steps in prop::collection::vec((any::<bool>(), 1_i128..900, 1_i128..99_999, any::<Option<u8>>()), 1..60)
    ) {
        let mut collector = collector();
        let mut account = cryptobot_ledger::Account::new(Money::from_units(1 << 50), 2);
        let mut of_trade = Money::ZERO;
        for (number, (buy, size, cost, funding)) in (1..).zip(steps) {
            if let Some(funding) = funding && !account.position(InstrumentId(1)).quantity().is_zero() {
                let paid = Money::from_units(i128::from(funding) - 100);
                of_trade += paid;
                collector.entry(&Entry::Funding(&FundingPayment {
                    ts: Timestamp(number), strategy: STRATEGY, instrument: InstrumentId(1), position: Quantity::ZERO,
                    mark: price("1"), source: FundingPrice::Recorded, rate: "0".parse().unwrap(), paid,
                }));
            }
            let fill = Fill {
                ts: Timestamp(number), strategy: STRATEGY, instrument: InstrumentId(1), order: id(1),
                side: if buy { Side::Buy } else { Side::Sell }, price: price("10"),
                quantity: Quantity::from_units(size), fee: Money::from_units(cost),
                slippage: Money::from_units(cost / 3), liquidity: Liquidity::Taker, rule: FillRule::Open,
            };
            collector.entry(&Entry::Fill(&fill));
            if let Some(mut closed) = account.apply(&fill).closed {
                closed.funding = std::mem::take(&mut of_trade);
                collector.entry(&Entry::Trade(&closed));
            }
        }
        let record = collector.finish(&[]);
        let (trades, open) = (&record.trades, &record.open_positions);
        let costs = record.portfolio.costs;
        let fees = trades.iter().map(|trade| trade.fees).chain(open.iter().map(|open| open.costs.fees));
        prop_assert_eq!(fees.sum::<Money>(), costs.fees);
        let slippage =
            trades.iter().map(|trade| trade.slippage).chain(open.iter().map(|open| open.costs.slippage));
        prop_assert_eq!(slippage.sum::<Money>(), costs.slippage);
        let funding = trades.iter().map(|trade| trade.funding).chain(open.iter().map(|open| open.costs.funding));
        prop_assert_eq!(funding.sum::<Money>(), costs.funding);
    }
}
