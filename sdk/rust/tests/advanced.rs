//! Brackets, pairs, trailing stops, changes and signals on a tape, as an author uses them.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;

use cryptobot_sdk::prelude::*;
use cryptobot_sdk::testing::TapeRun;

/// Does on each bar what the test says, told the number of the bar, from 1.
#[derive(Serialize, Deserialize)]
struct Scripted;

type Script = Box<dyn Fn(u32, &mut Host, &Series)>;

thread_local! {
    static SCRIPT: RefCell<Script> = RefCell::new(Box::new(|_, _, _| {}));
}

impl Strategy for Scripted {
    type Params = ();

    fn new(_params: &(), _series: &[Series], _host: &mut Host) -> Result<Self, String> {
        Ok(Self)
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, _bar: &Bar) {
        SCRIPT.with_borrow(|script| script(host.bars(series), host, series));
    }
}

fn play(tape: &Tape, script: impl Fn(u32, &mut Host, &Series) + 'static) -> TapeRun {
    SCRIPT.set(Box::new(script));
    tape.run::<Scripted>(&()).unwrap()
}

/// Submits once, on the first bar.
fn place<O: cryptobot_sdk::Submit + 'static>(tape: &Tape, order: O) -> TapeRun {
    play(tape, move |bar, host, series| {
        if bar == 1 {
            host.submit(series, &order);
        }
    })
}

/// Bars of one minute: open, high, low, close.
fn bars(list: &[[f64; 4]]) -> Tape {
    let bar = |[open, high, low, close]: &[f64; 4]| Bar {
        ts: 0,
        open: *open,
        high: *high,
        low: *low,
        close: *close,
        volume: 1.0,
    };
    Tape::from_bars(list.iter().map(bar).collect()).timeframe(MINUTE)
}

fn fills(run: &TapeRun) -> Vec<(OrderId, f64)> {
    run.fills.iter().map(|fill| (fill.id, fill.price)).collect()
}

/// How each order ended: id, kind, reason.
fn ends(run: &TapeRun) -> Vec<(OrderId, OrderEventKind, u32)> {
    let over = run.events.iter().filter(|event| event.kind.is_final());
    over.map(|event| (event.id, event.kind, event.reason)).collect()
}

use OrderEventKind::{Cancelled, Expired, Filled, Modified, Rejected};

const FIRST: [f64; 4] = [100.0, 100.0, 100.0, 100.0];

#[test]
fn a_bracket_ends_at_the_worse_of_stop_and_target() {
    let both = bars(&[FIRST, [100.0, 112.0, 94.0, 111.0]]);
    let bracket = Order::bracket(Side::Buy, 1.0, 95.0).target(110.0);
    let run = place(&both, bracket);
    assert_eq!(fills(&run), [(1, 100.0), (2, 95.0)]);
    assert_eq!(ends(&run), [(1, Filled, 0), (2, Filled, 0), (3, Cancelled, 14)]);
    assert_eq!((run.orders[1].parent, run.orders[1].sibling, run.orders[2].sibling), (1, 3, 2));

    let target = bars(&[FIRST, [100.0, 105.0, 96.0, 104.0], [111.0, 112.0, 110.0, 111.0]]);
    assert_eq!(fills(&place(&target, bracket)), [(1, 100.0), (3, 111.0)]);
    let short = Order::bracket(Side::Sell, 1.0, 105.0).target(90.0);
    assert_eq!(fills(&place(&bars(&[FIRST, [100.0, 106.0, 89.0, 90.0]]), short)), [(1, 100.0), (2, 105.0)]);
}

#[test]
fn a_bracket_with_a_limit_entry_waits_for_it() {
    let bracket = Order::bracket(Side::Buy, 1.0, 95.0).entry(98.0).target(103.0);
    // The high came before the entry, for all one knows; the close after it.
    let run = place(&bars(&[FIRST, [100.0, 104.0, 97.0, 99.0]]), bracket);
    assert_eq!((fills(&run), run.position()), (vec![(1, 98.0)], 1.0));
    let run = place(&bars(&[FIRST, [100.0, 104.0, 97.0, 103.5]]), bracket);
    assert_eq!(fills(&run), [(1, 98.0), (3, 103.0)]);
    let run = place(&bars(&[FIRST, [100.0, 104.0, 94.0, 103.5]]), bracket);
    assert_eq!(fills(&run), [(1, 98.0), (2, 95.0)]);
    // Nothing is protected that was never bought.
    let never = bars(&[FIRST, [100.0, 104.0, 99.0, 103.5], [100.0, 101.0, 90.0, 100.0]]);
    let run = play(&never, move |bar, host, series| match bar {
        1 => {
            let ids = host.submit(series, &bracket);
            assert_eq!(ids, BracketIds { entry: 1, stop: 2, target: 3 });
        }
        2 => host.cancel(1),
        _ => {}
    });
    assert_eq!(ends(&run), [(1, Cancelled, 0), (2, Cancelled, 15), (3, Cancelled, 14)]);
}

#[test]
fn a_refused_entry_takes_its_exits_along() {
    let run = place(&bars(&[FIRST, FIRST]), Order::bracket(Side::Buy, f64::NAN, 95.0).target(110.0));
    assert_eq!(ends(&run), [(1, Rejected, 1), (2, Rejected, 15), (3, Rejected, 15)]);
}

#[test]
fn of_a_pair_one_is_filled() {
    let pair = Order::pair(Side::Buy, 1.0, OrderKind::limit(95.0), OrderKind::stop(105.0));
    let run = place(&bars(&[FIRST, [100.0, 104.0, 94.0, 100.0], [100.0, 106.0, 99.0, 105.0]]), pair);
    assert_eq!(fills(&run), [(1, 95.0)]);
    assert_eq!(ends(&run), [(1, Filled, 0), (2, Cancelled, 14)]);
    // Both in one bar: the dearer one.
    let run = place(&bars(&[FIRST, [100.0, 106.0, 94.0, 100.0]]), pair);
    assert_eq!(fills(&run), [(2, 105.0)]);
    let protects = Order::pair(Side::Sell, 1.0, OrderKind::take_profit(110.0), OrderKind::stop(95.0));
    let run = place(&bars(&[FIRST, [100.0, 111.0, 99.0, 100.0]]), protects.reduce_only());
    assert_eq!(ends(&run), [(1, Expired, 4), (2, Cancelled, 14)], "there was nothing to reduce");
}

#[test]
fn a_stop_limit_is_a_limit_order_once_it_is_touched() {
    let order = Order::stop_limit(Side::Buy, 1.0, 105.0, 106.0);
    assert_eq!(fills(&place(&bars(&[FIRST, [100.0, 107.0, 99.0, 104.0]]), order)), [(1, 105.0)]);
    // A gap over the limit: it waits for the price to come back through it.
    let gap = bars(&[FIRST, [108.0, 109.0, 107.0, 108.0], [108.0, 108.0, 105.5, 107.0]]);
    let run = place(&gap, order);
    assert_eq!(fills(&run), [(1, 106.0)]);
    assert!(run.events.iter().any(|event| event.kind == Filled && event.maker));
    assert_eq!(ends(&place(&gap, order.tif(Tif::Ioc))), [(1, Expired, 7)]);
    let profit = Order::take_profit_limit(Side::Buy, 1.0, 95.0, 94.0);
    let run = place(&bars(&[FIRST, [100.0, 100.0, 94.5, 94.6], [94.6, 95.0, 93.0, 94.0]]), profit);
    assert_eq!(fills(&run), [(1, 94.0)]);
}

#[test]
fn a_date_ends_a_limit_order() {
    let tape = bars(&[FIRST, [100.0, 101.0, 99.0, 100.0], [100.0, 101.0, 97.0, 100.0]]);
    let until = |minutes: i64| {
        play(&tape, move |bar, host, series| {
            if bar == 1 {
                let at = host.now() + minutes * MINUTE;
                host.submit(series, &Order::limit(Side::Buy, 1.0, 98.0).until(at));
            }
        })
    };
    assert_eq!(ends(&until(0)), [(1, Expired, 13)]);
    assert_eq!(ends(&until(1)), [(1, Expired, 13)]);
    assert_eq!(ends(&until(2)), [(1, Filled, 0)]);
}

#[test]
fn a_trailing_stop_keeps_what_was_won() {
    let tape = bars(&[
        FIRST,
        [100.0, 104.0, 99.0, 103.0],
        [103.0, 120.0, 103.0, 119.0],
        [119.0, 119.0, 100.0, 101.0],
    ]);
    let run = play(&tape, |bar, host, series| {
        if bar == 1 {
            host.buy(series, 1.0);
            host.submit(series, &Order::trailing_bps(Side::Sell, 1.0, 500.0).reduce_only());
        }
    });
    assert_eq!(fills(&run), [(1, 100.0), (2, 120.0 * 0.95)]);
}

#[test]
fn a_position_is_closed_whatever_its_size() {
    let tape = bars(&[FIRST, FIRST, FIRST, [100.0, 100.0, 90.0, 92.0]]);
    let run = play(&tape, |bar, host, series| match bar {
        1 => {
            host.submit(series, &Order::close_at_stop(Side::Sell, 95.0));
            host.submit(series, &Order::close_at_target(Side::Sell, 120.0));
            host.buy(series, 1.0);
        }
        2 => _ = host.buy(series, 2.0),
        _ => {}
    });
    assert_eq!((run.fills[2].quantity, run.fills[2].price, run.position()), (3.0, 95.0, 0.0));
}

#[test]
fn orders_that_rest_can_be_changed() {
    let tape = bars(&[FIRST, FIRST, [100.0, 101.0, 97.0, 98.0]]);
    let run = play(&tape, |bar, host, series| match bar {
        1 => _ = host.submit(series, &Order::limit(Side::Buy, 1.0, 90.0)),
        2 => {
            host.modify(1, 2.0, f64::NAN);
            host.modify(1, 2.0, 98.0);
            host.modify(77, 1.0, 1.0);
        }
        _ => {}
    });
    let changes: Vec<_> = run.events[2..5].iter().map(|e| (e.id, e.kind, e.remaining, e.reason)).collect();
    assert_eq!(changes, [(1, Modified, 1.0, 1), (1, Modified, 2.0, 0), (77, Rejected, 0.0, 10)]);
    assert_eq!((fills(&run), run.position()), (vec![(1, 98.0)], 2.0));
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    for order in [
        Order::stop_limit(Side::Buy, 1.0, f64::NAN, 100.0),
        Order::stop_limit(Side::Buy, 1.0, 100.0, -1.0),
        Order::take_profit(Side::Sell, 1.0, f64::INFINITY),
        Order::trailing_bps(Side::Sell, 1.0, 10_000.0),
        Order::trailing_bps(Side::Sell, 1.0, f64::NAN),
        Order::trailing_by(Side::Sell, 1.0, 0.0),
        Order::trailing_by(Side::Sell, 1.0, 5.0).activation(f64::NAN),
    ] {
        assert_eq!(ends(&place(&bars(&[FIRST, FIRST]), order)), [(1, Rejected, 1)], "{order:?}");
    }
}

#[test]
fn signals_are_sized_by_who_can() {
    let tape = bars(&[FIRST, [100.0, 103.0, 99.0, 102.0], [102.0, 111.0, 101.0, 110.0]]).balance(10_000.0);
    let script = |bar: u32, host: &mut Host, series: &Series| {
        if bar == 1 {
            let ids = host.signal(series, &Signal::new(Side::Buy, 0.8).stop(95.0).target(110.0));
            assert_eq!(ids.target, ids.entry + 2);
        }
    };
    let refused = play(&tape, script);
    assert_eq!((ends(&refused), refused.orders.len()), (vec![(1, Rejected, 40)], 0));
    let sized = play(&tape.clone().stake(0.5), script);
    assert_eq!((fills(&sized), sized.fills[0].quantity), (vec![(1, 100.0), (3, 110.0)], 50.0));
    assert_eq!(sized.signals, refused.signals);
    let unsure = |_, host: &mut Host, series: &Series| {
        host.signal(series, &Signal::new(Side::Buy, 1.5));
    };
    assert_eq!(ends(&play(&tape.stake(0.5), unsure))[0], (1, Rejected, 1));
}

#[test]
fn builders_set_what_they_say() {
    let order = Order::stop_limit(Side::Sell, 2.0, 95.0, 94.0).source(TriggerSource::Last).until(7);
    let kind = OrderKind::StopLimit {
        trigger: 95.0,
        source: TriggerSource::Last,
        price: 94.0,
        lifetime: Lifetime::Until(7),
    };
    assert_eq!((order.kind, order.reduce_only), (kind, false));
    assert_eq!(OrderKind::from(Order::stop(Side::Sell, 1.0, 95.0).kind), OrderKind::stop(95.0));
    assert!(Order::<OrderKind>::from(Order::market(Side::Buy, 1.0)) == Order::market(Side::Buy, 1.0));
    let trailing = Order::trailing_by(Side::Sell, 1.0, 3.0).activation(110.0).tif(Tif::Fok);
    let callback = Callback::Distance(3.0);
    let source = TriggerSource::Mark;
    assert_eq!(trailing.kind, OrderKind::TrailingStop { callback, activation: Some(110.0), source });
}
