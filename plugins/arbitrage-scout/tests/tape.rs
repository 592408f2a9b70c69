//! The strategy on hand-made tapes.
#![allow(clippy::disallowed_methods, reason = "a test tape may differ between machines")]

use arbitrage_scout::{ArbitrageScout, Params};
use cryptobot_sdk::prelude::*;
use cryptobot_sdk::testing::TapeRun;

/// A window of 5 holds no deviation above 2.
fn params() -> Params {
    Params { window: 5, entry: 1.5, full: 2.0, stop_sigma: 1.5, exit: 0.5, max_bars: 50 }
}

/// Quiet around 100 for four bars, then what the test adds; beside it a symbol that stands still.
const QUIET: [f64; 4] = [100.0, 101.0, 100.0, 99.0];

fn closes(then: &[f64]) -> Vec<f64> {
    QUIET.iter().chain(then).copied().collect()
}

fn tape(then: &[f64]) -> Tape {
    let closes = closes(then);
    let still = vec![2_000.0; closes.len()];
    Tape::from_closes(closes).and("STILL", still).balance(10_000.0).stake(0.25)
}

/// Bars of a tape's clock, 0 = the first.
fn bar_of(ts: i64) -> i64 {
    (ts - 1_704_067_200_000_000_000) / MINUTE - 1
}

fn signals(run: &TapeRun) -> Vec<(i64, &str, Side)> {
    run.signals.iter().map(|given| (bar_of(given.ts), given.symbol.as_str(), given.signal.side)).collect()
}

fn fills<'a>(run: &'a TapeRun, symbol: &str) -> Vec<(i64, Side, f64)> {
    let of_symbol = |fill: &&'a cryptobot_sdk::testing::Fill| fill.symbol == symbol;
    run.fills.iter().filter(of_symbol).map(|fill| (bar_of(fill.ts), fill.side, fill.price)).collect()
}

/// Three symbols that swing round each other.
fn waves() -> [Vec<f64>; 3] {
    let wave = |level: f64, period: f64, shift: f64| {
        let at = |i: f64| (i / period + shift).sin() + 0.4 * (i * 1.3 + shift).sin() + 0.3 * (i * 0.37).cos();
        (0..1_200).map(|i| level * (0.03 * at(f64::from(i))).exp()).collect()
    };
    [wave(100.0, 40.0, 0.0), wave(0.5, 23.0, 1.0), wave(30_000.0, 61.0, 2.0)]
}

fn waves_tape() -> Tape {
    let [a, b, c] = waves();
    Tape::from_closes(a).and("B", b).and("C", c)
}

/// The definition word by word, with the prices divided by those at the beginning of the window: z-score and standard
/// deviation of a symbol.
fn z_score(prices: &[&[f64]], symbol: usize) -> (f64, f64) {
    let count = prices[symbol].len() as f64;
    let normalised = |of: usize, at: usize| (prices[of][at] / prices[of][0]).ln();
    let relation = |at: usize| {
        let others = (0..prices.len()).filter(|other| *other != symbol);
        let sum: f64 = others.map(|other| normalised(other, at)).sum();
        normalised(symbol, at) - sum / (prices.len() - 1) as f64
    };
    let relations: Vec<f64> = (0..prices[symbol].len()).map(relation).collect();
    let mean = relations.iter().sum::<f64>() / count;
    let variance =
        relations.iter().map(|relation| (relation - mean) * (relation - mean)).sum::<f64>() / count;
    ((relations[relations.len() - 1] - mean) / variance.sqrt(), variance.sqrt())
}

#[test]
fn signals_are_those_of_the_definition() {
    let (waves, params) = (waves(), Params { window: 60, entry: 1.8, full: 2.5, ..params() });
    // Without a sizer every signal is refused and asked again, so that none depends on a position.
    let run = waves_tape().run::<ArbitrageScout>(&params).unwrap();
    let mut given = run.signals.iter();
    let mut fully_sure = 0;
    for bar in 59..waves[0].len() {
        let window: Vec<&[f64]> = waves.iter().map(|prices| &prices[bar - 59..=bar]).collect();
        for (symbol, name) in ["TESTUSDT", "B", "C"].iter().enumerate() {
            let (z, sigma) = z_score(&window, symbol);
            if z.abs() < params.entry {
                continue;
            }
            let found = given.next().unwrap();
            assert_eq!((bar_of(found.ts), found.symbol.as_str()), (bar as i64, *name));
            assert_eq!(found.signal.side, if z > 0.0 { Side::Sell } else { Side::Buy });
            let confidence = (0.5 + 0.5 * (z.abs() - 1.8) / 0.7).min(1.0);
            fully_sure += i32::from(confidence == 1.0);
            assert!(
                (found.signal.confidence - confidence).abs() < 1e-9,
                "{} {confidence}",
                found.signal.confidence
            );
            let price = waves[symbol][bar];
            let (stop, target) = ((z.signum() * 1.5 * sigma).exp(), (-z * sigma).exp());
            assert!((found.signal.stop.unwrap() / price - stop).abs() < 1e-9);
            assert!((found.signal.target.unwrap() / price - target).abs() < 1e-9);
        }
    }
    assert_eq!(given.next(), None);
    assert!(run.signals.len() > 100 && fully_sure > 10, "{} {fully_sure}", run.signals.len());
    assert!(run.orders.iter().all(|placed| !placed.order.reduce_only), "nothing to close");
}

#[test]
fn both_legs_are_signalled_and_closed_each_in_its_way() {
    // At bar 4 the relation is 1.86 deviations above its mean of 0.78 %. The open of bar 5 is the close of bar 4.
    let run = tape(&[104.0, 103.5, 99.0, 99.0, 100.0]).run::<ArbitrageScout>(&params()).unwrap();
    assert_eq!(signals(&run), [(4, "TESTUSDT", Side::Sell), (4, "STILL", Side::Buy)]);
    let [rich, cheap] = &run.signals[..] else { panic!("{:?}", run.signals) };
    let geometric_mean = (100.0_f64 * 101.0 * 100.0 * 99.0 * 104.0).powf(0.2);
    assert!((rich.signal.target.unwrap() - geometric_mean).abs() < 1e-9, "{:?}", rich.signal);
    assert!((cheap.signal.confidence - rich.signal.confidence).abs() < 1e-9);

    // The rich leg falls to its target within bar 6; the cheap one never moves and is closed after that bar.
    let target = rich.signal.target.unwrap();
    assert_eq!(fills(&run, "TESTUSDT"), [(5, Side::Sell, 104.0), (6, Side::Buy, target)]);
    assert_eq!(fills(&run, "STILL"), [(5, Side::Buy, 2_000.0), (7, Side::Sell, 2_000.0)]);
    let close = run.orders.iter().find(|placed| placed.id == run.fills[3].id).unwrap();
    assert_eq!((close.order.kind, close.order.reduce_only), (OrderKind::Market, true));
    assert_eq!((run.position(), run.position_of("STILL")), (0.0, 0.0));
    // Its stop and target went with it.
    for id in [cheap.id + 1, cheap.id + 2] {
        let last = run.events.iter().rfind(|event| event.id == id).unwrap();
        assert_eq!(last.kind, OrderEventKind::Cancelled);
    }
}

#[test]
fn nothing_is_signalled_before_the_window_is_full() {
    let early = tape(&[]).run::<ArbitrageScout>(&params()).unwrap();
    let closes = [100.0, 101.0, 100.0, 110.0];
    let jump = Tape::from_closes(closes).and("STILL", [2_000.0; 4]).stake(0.25);
    assert!(early.signals.is_empty());
    assert!(jump.run::<ArbitrageScout>(&params()).unwrap().signals.is_empty());
}

#[test]
fn a_mean_within_a_tick_is_not_worth_a_signal() {
    // The tick of a tape is 1e-8; both deviations are of the same size in standard deviations.
    let jump = |by: f64| {
        let tape = Tape::from_closes([100.0, 100.0, 100.0, 100.0, 100.0 + by]).and("B", [100.0; 5]);
        tape.run::<ArbitrageScout>(&params()).unwrap().signals.len()
    };
    assert_eq!((jump(1e-9), jump(1e-7)), (0, 2));
}

#[test]
fn a_position_without_a_stop_is_not_kept() {
    // No price is so many deviations away: the stop is refused, and with it the target.
    let run =
        tape(&[104.0, 104.5, 105.0]).run::<ArbitrageScout>(&Params { stop_sigma: 1e6, ..params() }).unwrap();
    assert_eq!(fills(&run, "TESTUSDT"), [(5, Side::Sell, 104.0), (6, Side::Buy, 104.5)]);
    assert!(run.logs.iter().any(|line| line.message.starts_with("TESTUSDT: an exit was refused, reason ")));
}

#[test]
fn a_deviation_is_traded_once() {
    // The stop is hit inside bar 5. The deviation lasts to bar 5, is over at bar 6, and another one comes at bar 11.
    let then = [104.0, 115.0, 114.0, 114.5, 114.0, 114.5, 114.0, 118.0, 118.0];
    let run = tape(&then).run::<ArbitrageScout>(&params()).unwrap();
    let stop = run.signals[0].signal.stop.unwrap();
    assert_eq!(fills(&run, "TESTUSDT")[..2], [(5, Side::Sell, 104.0), (5, Side::Buy, stop)]);
    let of_rich: Vec<i64> =
        signals(&run).iter().filter(|given| given.1 == "TESTUSDT").map(|given| given.0).collect();
    assert_eq!(of_rich, [4, 11]);
    let window: &[f64] = &[101.0, 100.0, 99.0, 104.0, 115.0];
    let (z, _) = z_score(&[window, &[2_000.0; 5]], 0);
    assert!(z > 1.5, "{z} would be signalled again");
}

#[test]
fn a_position_is_closed_after_its_time() {
    // Rises on, so that the relation stays above its mean.
    let then = [104.0, 104.5, 105.0, 105.5, 106.0, 106.5];
    let run = tape(&then).run::<ArbitrageScout>(&Params { max_bars: 2, ..params() }).unwrap();
    // Open through bars 5 and 6.
    assert_eq!(fills(&run, "TESTUSDT"), [(5, Side::Sell, 104.0), (7, Side::Buy, 105.0)]);
    assert_eq!(fills(&run, "STILL"), [(5, Side::Buy, 2_000.0), (7, Side::Sell, 2_000.0)]);
}

#[test]
fn a_position_is_closed_after_its_time_although_the_other_symbol_is_gone() {
    let closes = closes(&[104.0, 104.5, 105.0, 105.5, 106.0, 106.5]);
    let tape = Tape::from_closes(closes).and("GONE", [2_000.0; 5]).stake(0.25);
    let run = tape.run::<ArbitrageScout>(&Params { max_bars: 3, ..params() }).unwrap();
    assert_eq!(fills(&run, "TESTUSDT"), [(5, Side::Sell, 104.0), (8, Side::Buy, 105.5)]);
    assert_eq!(run.signals.len(), 2, "no price to compare with, no signal");
}

#[test]
fn what_cannot_work_is_refused() {
    let error = |tape: Tape, params: Params| tape.run::<ArbitrageScout>(&params).unwrap_err();
    let alone = error(Tape::from_closes(QUIET), params());
    assert_eq!(alone, "symbols: a relation needs at least two, not 1; add another");
    let crossed = error(tape(&[]), Params { exit: 1.5, ..params() });
    assert_eq!(crossed, "entry: 1.5 must be above exit (1.5) and below full (2)");
    assert!(error(tape(&[]), Params { full: 1.5, ..params() }).starts_with("entry: "));
    let short = error(tape(&[]), Params { entry: 2.0, full: 4.0, ..params() });
    assert_eq!(short, "window: 5 bars never deviate by entry = 2; take a longer window");
}

#[test]
fn it_goes_on_after_a_restart() {
    let params = Params { window: 60, entry: 1.8, full: 2.5, ..params() };
    let tape = waves_tape().stake(0.25).fee(0.0004);
    let run = tape.run::<ArbitrageScout>(&params).unwrap();
    assert!(run.closed.len() > 20, "{}", run.closed.len());
    assert!(run.closed.iter().any(|close| close.side == Side::Buy));
    assert!(run.closed.iter().any(|close| close.side == Side::Sell));
    tape.check_restart::<ArbitrageScout>(&params).unwrap();
}
