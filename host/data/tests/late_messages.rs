//! Messages that come late, out of order or before their snapshot: what a recording says is what happened.
#![allow(clippy::unwrap_used, clippy::disallowed_types, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use cryptobot_data::messages::{Detail, Recording, Tape, TapeEvent, TapeGrid};
use cryptobot_model::{DepthEvent, Side, Timeframe};
use cryptobot_sim::depth::Continuity;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

/// 2024-01-01T00:00:00Z.
const START_MS: i64 = 1_704_067_200_000;

/// What happens at the exchange.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// A level of the book gets another quantity, in thousandths.
    Level { bid: bool, price: i64, lots: i64 },
    /// A trade.
    Trade { price: i64, lots: i64 },
}

/// Something that happens, how long after the one before, and how late its message comes, ms.
type Step = (Happens, i64, i64);

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        (any::<bool>(), 0_i64..20, 0_i64..5_000).prop_map(|(bid, away, lots)| {
            let price = if bid { 1_000 - away } else { 1_001 + away };
            Happens::Level { bid, price, lots }
        }),
        (990_i64..1_011, 1_i64..5_000).prop_map(|(price, lots)| Happens::Trade { price, lots }),
    ]
}

fn tenths(value: i64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

fn thousandths(value: i64) -> String {
    format!("{}.{:03}", value / 1_000, value % 1_000)
}

/// A message: when it is received, whether it is of the book, and its text. Those of the book keep their order, as one
/// connection keeps it; trades come by another one.
struct Sent {
    received: i64,
    in_book: bool,
    text: String,
}

/// The levels of a book: side and price in ticks.
type Levels = BTreeMap<(bool, i64), i64>;

/// All messages in the order in which they are received, and the moment and book of the snapshot after `at` steps.
fn messages(steps: &[Step], at: usize) -> (Vec<Sent>, Levels, i64) {
    let (mut sent, mut book, mut now, mut id) = (Vec::new(), Levels::new(), START_MS, 0_u64);
    let (mut book_received, mut snapshot) = (0, (0, Levels::new(), 0));
    for (number, (happens, pause, delay)) in steps.iter().enumerate() {
        now += pause;
        match *happens {
            Happens::Level { bid, price, lots } => {
                id += 1;
                book.insert((bid, price), lots);
                book_received = book_received.max(now + delay);
                let level = format!(r#"["{}","{}"]"#, tenths(price), thousandths(lots));
                let (bids, asks) = if bid { (level.as_str(), "") } else { ("", level.as_str()) };
                let text = format!(
                    r#"{{"stream":"x@depth@0ms","data":{{"e":"depthUpdate","E":{now},"T":{now},"s":"X","U":{id},"u":{id},"pu":{},"b":[{bids}],"a":[{asks}]}}}}"#,
                    id - 1
                );
                sent.push(Sent { received: book_received, in_book: true, text });
            }
            Happens::Trade { price, lots } => {
                let (price, lots) = (tenths(price), thousandths(lots));
                let text = format!(
                    r#"{{"stream":"x@trade","data":{{"e":"trade","E":{now},"T":{now},"s":"X","t":1,"p":"{price}","q":"{lots}","X":"MARKET","m":true}}}}"#
                );
                sent.push(Sent { received: now + delay, in_book: false, text });
            }
        }
        if number == at {
            snapshot = (id, book.clone(), now);
        }
    }
    let (last, levels, taken) = snapshot;
    let side = |of: bool| {
        let levels = levels.iter().filter(|((bid, _), lots)| *bid == of && **lots > 0);
        levels
            .map(|((_, price), lots)| format!(r#"["{}","{}"]"#, tenths(*price), thousandths(*lots)))
            .collect::<Vec<_>>()
            .join(",")
    };
    let text =
        format!(r#"{{"lastUpdateId":{last},"T":{taken},"bids":[{}],"asks":[{}]}}"#, side(true), side(false));
    // The answer comes a while after it was made: what happened between stands in diffs that are held.
    sent.push(Sent { received: taken + 40, in_book: true, text });
    sent.sort_by_key(|sent| sent.received);
    (sent, book, taken)
}

fn write(sent: &[Sent]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    let mut text = String::new();
    for Sent { received, text: message, .. } in sent {
        writeln!(text, "{} {message}", received * 1_000_000).unwrap();
    }
    let mut packed = GzEncoder::new(std::fs::File::create(&path).unwrap(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap();
    (folder, path)
}

fn grid() -> TapeGrid {
    let (tick, lot) = ("0.1".parse().unwrap(), "0.001".parse().unwrap());
    TapeGrid { tick, lot, continuity: Continuity::Previous }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn late_messages_tell_what_happened(
        steps in prop::collection::vec((happens(), 0_i64..2_000, 0_i64..3_000), 2..120),
        part in 0.0_f64..1.0,
    ) {
        let at = ((steps.len() as f64) * part) as usize;
        let (sent, expected, _) = messages(&steps, at);
        let (_folder, path) = write(&sent);
        let tape = match Tape::read(&path, &grid()) {
            Ok(tape) => tape,
            // A snapshot older than the first diff that was ever received cannot be joined.
            Err(error) => { prop_assert!(error.to_string().contains("missing"), "{}", error); return Ok(()); }
        };
        // Nothing is received before it happened; both orders are orders of time.
        prop_assert!(tape.events().iter().all(|event| event.local_ts >= event.exchange_ts));
        prop_assert!(tape.events().is_sorted_by_key(|event| event.local_ts));
        let in_order: Vec<_> = tape.by_exchange().collect();
        prop_assert_eq!(in_order.len(), tape.events().len());
        prop_assert!(in_order.is_sorted_by_key(|event| event.exchange_ts));
        // The book at the end is the one at the exchange.
        let mut book = Levels::new();
        let mut trades = 0;
        for event in in_order {
            match tape.event(event) {
                DepthEvent::Snapshot(levels) => {
                    book.clear();
                    book.extend(levels.iter().map(|of| ((of.side == Side::Buy, of.tick), of.lots)));
                }
                DepthEvent::Diff(levels) => book.extend(levels.iter().map(|of| ((of.side == Side::Buy, of.tick), of.lots))),
                DepthEvent::Trade(_) => trades += 1,
            }
        }
        let there = |book: Levels| book.into_iter().filter(|(_, lots)| *lots > 0).collect::<Levels>();
        prop_assert_eq!(there(book), there(expected));
        // No trade is lost, however late or early.
        let all = steps.iter().filter(|(happens, ..)| matches!(happens, Happens::Trade { .. })).count();
        prop_assert_eq!(trades, all);
        let is_trade = |event: &&_| matches!(tape.event(event), DepthEvent::Trade(_));
        prop_assert_eq!(tape.trades_before_book(), tape.by_exchange().take_while(is_trade).count());
        // Of one time, trades come first.
        let order = |event: &TapeEvent| (event.exchange_ts, !matches!(tape.event(event), DepthEvent::Trade(_)));
        prop_assert!(tape.by_exchange().is_sorted_by_key(order));
    }

    #[test]
    fn bars_do_not_depend_on_how_late_trades_come(
        steps in prop::collection::vec((happens(), 1_i64..20_000, 0_i64..60_000), 30..120),
    ) {
        // The snapshot comes first, so that every trade after it counts in both recordings.
        let mut steps = steps;
        steps.insert(0, (Happens::Level { bid: true, price: 1_000, lots: 1 }, 0, 0));
        for step in &mut steps { step.1 = step.1.max(50); }
        let punctual: Vec<Step> = steps.iter().map(|(happens, pause, _)| (*happens, *pause, 0)).collect();
        let bars = |steps: &[Step]| {
            let (mut sent, ..) = messages(steps, 0);
            // Before the first trade of either.
            let place = sent.iter().position(|sent| sent.text.contains("lastUpdateId")).unwrap();
            let mut snapshot = sent.remove(place);
            snapshot.received = START_MS;
            sent.insert(0, snapshot);
            let (_folder, path) = write(&sent);
            let (tick, lot) = ("0.1".parse().unwrap(), "0.001".parse().unwrap());
            Recording::read(&path, tick, lot).map(|recording| recording.bars(Timeframe::MINUTE, Detail::Book))
        };
        let (late, punctual) = (bars(&steps).unwrap(), bars(&punctual).unwrap());
        prop_assert_eq!(&late.open_ms, &punctual.open_ms);
        prop_assert_eq!(&late.open, &punctual.open);
        prop_assert_eq!(&late.high, &punctual.high);
        prop_assert_eq!(&late.low, &punctual.low);
        prop_assert_eq!(&late.close, &punctual.close);
        for (late, punctual) in late.volume.iter().zip(&punctual.volume) {
            prop_assert!((late - punctual).abs() < 1e-9);
        }
    }

    #[test]
    fn a_diff_out_of_turn_or_lost_is_an_error(
        steps in prop::collection::vec((happens(), 1_i64..100, 0_i64..100), 20..80),
        which in any::<prop::sample::Index>(),
        lost in any::<bool>(),
    ) {
        let mut steps = steps;
        steps.insert(0, (Happens::Level { bid: true, price: 1_000, lots: 1 }, 1, 0));
        let (mut sent, ..) = messages(&steps, 0);
        let place = sent.iter().position(|sent| sent.text.contains("lastUpdateId")).unwrap();
        let snapshot = sent.remove(place);
        sent.insert(0, snapshot);
        let book: Vec<usize> = (1..sent.len()).filter(|&index| sent[index].in_book).collect();
        prop_assume!(book.len() > 3);
        // Not the first, which the snapshot has, and not the last, after which nothing would be missed.
        let chosen = 1 + which.index(book.len() - 2);
        if lost {
            sent.remove(book[chosen]);
        } else {
            sent.swap(book[chosen], book[chosen + 1]);
        }
        let (_folder, path) = write(&sent);
        let error = Tape::read(&path, &grid()).unwrap_err().to_string();
        prop_assert!(error.contains("depth updates are missing"), "{}", error);
    }
}
