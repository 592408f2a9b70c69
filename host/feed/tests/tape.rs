//! Tapes give back what was written, whole or up to the last flush, and nothing else.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use cryptobot_engine::Command;
use cryptobot_feed::{
    Activity, Arrival, Book, Input, Intake, Liquidation, Message, Quote, Series, Stream, TapeEnd, TapeError,
    TapeReader, TapeWriter, TradeIds,
};
use cryptobot_model::{
    Bar, DepthUpdate, FundingRate, Price, Quantity, Rate, Side, StrategyId, Timeframe, Timestamp, TradeSeen,
    UpdateIds,
};
use cryptobot_test_support::cases;
use proptest::prelude::*;

fn series() -> Vec<Series> {
    let of = |stream| Series { venue: "venue".to_owned(), symbol: "BTCUSDT".to_owned(), stream };
    let (tick, lot) = (Price::from_units(10_000_000), Quantity::from_units(1));
    vec![
        of(Stream::Bars(Timeframe::MINUTE)),
        of(Stream::Mark(Timeframe::HOUR)),
        of(Stream::Funding),
        of(Stream::Trades),
        of(Stream::Quotes),
        of(Stream::Book { tick, lot }),
        of(Stream::Liquidations),
    ]
}

/// Any finite number: of all magnitudes, and decimals as exchanges write them.
fn real() -> impl Strategy<Value = f64> {
    let decimal = (any::<i32>(), 0..9_i32).prop_map(|(units, places)| {
        let text = format!("{units}e-{places}");
        text.parse().unwrap()
    });
    prop_oneof![any::<f64>().prop_filter("finite", |value| value.is_finite()), decimal, Just(-0.0)]
}

fn side() -> impl Strategy<Value = Side> {
    any::<bool>().prop_map(|buy| if buy { Side::Buy } else { Side::Sell })
}

fn price() -> impl Strategy<Value = Price> {
    any::<i128>().prop_map(Price::from_units)
}

fn quantity() -> impl Strategy<Value = Quantity> {
    any::<i128>().prop_map(Quantity::from_units)
}

/// Any time: mostly on the grid of minutes, in any order.
fn time() -> impl Strategy<Value = Timestamp> {
    let on_grid =
        (0..1_000_i64).prop_map(|minute| Timestamp(1_704_067_200_000_000_000 + minute * 60_000_000_000));
    prop_oneof![3 => on_grid, 1 => any::<i64>().prop_map(Timestamp)]
}

fn input() -> impl Strategy<Value = Input> {
    let activity = (real(), any::<u64>(), real()).prop_map(|(quote_volume, trades, taker_buy_volume)| {
        Activity { quote_volume, trades, taker_buy_volume }
    });
    let bar = (0..2_u32, time(), [(); 5].map(|()| real()), prop::option::of(activity)).prop_map(
        |(series, ts, [open, high, low, close, volume], activity)| Input::Bar {
            series,
            bar: Bar { ts, open, high, low, close, volume },
            activity,
        },
    );
    let ids = prop::option::of((any::<u64>(), prop::option::of(any::<(u64, u64)>())))
        .prop_map(|ids| ids.map(|(id, trades)| TradeIds { id, trades }));
    let liquidation = (side(), price(), quantity(), prop::option::of(price()), prop::option::of(quantity()));
    let level =
        (side(), any::<i64>(), any::<i64>()).prop_map(|(side, tick, lots)| DepthUpdate { side, tick, lots });
    let updates = (any::<u64>(), any::<u64>(), prop::option::of(any::<u64>()))
        .prop_map(|(first, last, previous)| UpdateIds { first, last, previous });
    let book = (any::<bool>(), prop::collection::vec(level, 0..20), prop::option::of(updates));
    let quote = (price(), quantity(), price(), quantity());
    let funding = (time(), any::<i128>(), prop::option::of(price()));
    prop_oneof![
        4 => bar,
        2 => Just(Input::Clock),
        1 => price().prop_map(|price| Input::Mark { series: 1, price }),
        1 => (side(), price(), quantity(), ids).prop_map(|(aggressor, price, quantity, ids)| Input::Trade {
            series: 3,
            trade: TradeSeen { aggressor, price, quantity },
            ids,
        }),
        1 => liquidation.prop_map(|(side, price, quantity, average_price, filled)| Input::Liquidation {
            series: 6,
            liquidation: Liquidation { side, price, quantity, average_price, filled },
        }),
        1 => quote.prop_map(|(bid, bid_quantity, ask, ask_quantity)| Input::Quote {
            series: 4,
            quote: Quote { bid, bid_quantity, ask, ask_quantity },
        }),
        1 => book.prop_map(|(snapshot, levels, ids)| Input::Book {
            series: 5,
            book: Book { snapshot, levels, ids },
        }),
        1 => funding.prop_map(|(ts, rate, mark)| Input::Funding {
            series: 2,
            funding: FundingRate { ts, rate: Rate::from_units(rate), mark },
        }),
        1 => (any::<u32>(), any::<[u8; 32]>())
            .prop_map(|(strategy, sha256)| Input::Swap { strategy: StrategyId(strategy), sha256 }),
        1 => (prop::option::of(any::<u32>()), 0..5_usize).prop_map(|(strategy, command)| Input::Command {
            strategy: strategy.map(StrategyId),
            command: [
                Command::Halt,
                Command::Reduce,
                Command::Resume,
                Command::Kill { flatten: false },
                Command::Kill { flatten: true },
            ][command],
        }),
        1 => (any::<u32>(), any::<u64>(), any::<bool>(), ".{0,40}").prop_map(|(strategy, call, total, message)| {
            Input::Overrun { strategy: StrategyId(strategy), call, total, message }
        }),
    ]
}

/// Numbers mostly follow each other, times of arrival are mostly a little after those of events.
fn messages() -> impl Strategy<Value = Vec<Message>> {
    let late = prop_oneof![2 => Just(None), 1 => any::<i64>().prop_map(Some)];
    let step = prop_oneof![8 => Just(1_u64), 1 => any::<u64>()];
    prop::collection::vec((step, time(), late, input()), 0..60).prop_map(|all| {
        let mut sequence = u64::MAX;
        let message = |(step, ts_event, late, input): (u64, Timestamp, Option<i64>, Input)| {
            sequence = sequence.wrapping_add(step);
            Message { sequence, ts_event, ts_init: late.map_or(ts_event, |late| ts_event.plus(late)), input }
        };
        all.into_iter().map(message).collect()
    })
}

/// `flush_every`: messages between two flushes.
fn record(messages: &[Message], flush_every: usize) -> Vec<u8> {
    let mut tape = TapeWriter::new(Vec::new(), &series()).unwrap();
    for (index, message) in messages.iter().enumerate() {
        tape.append(message).unwrap();
        if index % flush_every == flush_every - 1 {
            tape.flush().unwrap();
        }
    }
    tape.finish().unwrap()
}

fn replay(bytes: &[u8]) -> (Vec<Message>, Result<Option<TapeEnd>, TapeError>) {
    let mut read = Vec::new();
    let mut tape = match TapeReader::new(bytes) {
        Ok(tape) => tape,
        Err(error) => return (read, Err(error)),
    };
    assert_eq!(tape.series(), series());
    loop {
        match tape.next_message() {
            Ok(Some(message)) => read.push(message),
            Ok(None) => return (read, Ok(tape.end())),
            Err(error) => return (read, Err(error)),
        }
    }
}

/// Equality of every bit, of signs of zeros too.
fn bits(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| format!("{message:?}")).collect()
}

proptest! {
    #[test]
    fn what_was_recorded_comes_back(messages in messages(), flush_every in 1..70_usize) {
        let (read, end) = replay(&record(&messages, flush_every));
        prop_assert_eq!(bits(&read), bits(&messages));
        prop_assert_eq!(&read, &messages);
        prop_assert_eq!(end.unwrap(), Some(TapeEnd::Whole));
    }

    #[test]
    fn a_changed_tape_is_found(messages in messages(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = record(&messages, 10);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (read, end) = replay(&bytes);
        prop_assert_eq!(bits(&read), bits(&messages[..read.len()]));
        // A length that became too long reads beyond the end.
        prop_assert!(end.is_err() || end.unwrap() == Some(TapeEnd::CutOff));
    }
}

proptest! {
    // Each case is one for every length.
    #![proptest_config(ProptestConfig::with_cases(cases(12)))]

    #[test]
    fn a_cut_tape_gives_what_was_flushed(messages in messages(), flush_every in 1..20_usize) {
        let whole = record(&messages, flush_every);
        let mut before = 0;
        for length in 0..whole.len() {
            let (read, end) = replay(&whole[..length]);
            prop_assert_eq!(bits(&read), bits(&messages[..read.len()]), "cut at {}", length);
            prop_assert!(read.len() >= before && (read.len() % flush_every == 0 || read.len() == messages.len()));
            before = read.len();
            let is_clear = matches!(end, Ok(Some(TapeEnd::CutOff)) | Err(TapeError::NotATape | TapeError::NoSeries));
            prop_assert!(is_clear, "cut at {}: {:?}", length, end);
        }
        prop_assert_eq!(before, messages.len());
    }
}

#[test]
fn a_foreign_file_and_a_foreign_series_are_refused() {
    assert!(matches!(TapeReader::new(&b"CBPJRNL\x01"[..]), Err(TapeError::NotATape)));
    let mut tape = TapeWriter::new(Vec::new(), &series()).unwrap();
    let input = Input::Mark { series: 7, price: Price::from_units(1) };
    let message = Message { sequence: 0, ts_event: Timestamp(0), ts_init: Timestamp(0), input };
    assert!(tape.append(&message).unwrap_err().to_string().contains("series"));
}

#[test]
fn what_cannot_be_recorded_is_not_admitted() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut intake = Intake::new(Some(TapeWriter::new(Full(100_000), &series()).unwrap()));
    let refused = (0..1_000_000).find_map(|ts| {
        let price = Price::from_units(i128::from(ts) << 40);
        intake.admit(Arrival::at(Timestamp(ts), Input::Mark { series: 1, price })).err()
    });
    assert_eq!(refused.unwrap().kind(), std::io::ErrorKind::StorageFull);
}

#[test]
fn minute_bars_take_few_bytes() {
    // A walk on the grid of a liquid perpetual: prices with one decimal, volumes with three.
    let (mut price, mut random, mut messages) = (420_000_i64, 1_u64, Vec::new());
    let mut next = |range: i64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as i64 % range
    };
    let count = 10_000;
    for minute in 0..count {
        let (open, close) = (price, price + next(401) - 200);
        let (high, low) = (open.max(close) + next(100), open.min(close) - next(100));
        price = close;
        let ts = Timestamp(1_704_067_200_000_000_000).plus((minute + 1) * 60_000_000_000);
        let real = |tenths: i64| tenths as f64 / 10.0;
        let volume = next(500_000) as f64 / 1_000.0;
        let bar = Bar { ts, open: real(open), high: real(high), low: real(low), close: real(close), volume };
        for input in [Input::Bar { series: 0, bar, activity: None }, Input::Clock] {
            let sequence = messages.len() as u64;
            messages.push(Message { sequence, ts_event: ts, ts_init: ts, input });
        }
    }
    let bytes = record(&messages, 100_000).len() as f64 / count as f64;
    println!("{bytes:.2} bytes per bar with its clock");
    assert!(bytes < 19.0, "{bytes}");
}

/// What could be written before is written as before, so that older tapes are read.
#[test]
fn the_format_of_old_tapes_stays() {
    let ts = Timestamp(1_704_067_200_000_000_000);
    let (price, quantity) = (Price::from_units(4_200_010_000_000), Quantity::from_units(12_500_000));
    let bar = Bar { ts, open: 42_000.1, high: 42_010.0, low: 41_990.5, close: 42_001.0, volume: 1.25 };
    let trade = TradeSeen { aggressor: Side::Buy, price, quantity };
    let levels = vec![
        DepthUpdate { side: Side::Buy, tick: 420_000, lots: 7 },
        DepthUpdate { side: Side::Sell, tick: 420_001, lots: 0 },
    ];
    let quote = Quote { bid: price, bid_quantity: quantity, ask: price, ask_quantity: quantity };
    let funding = FundingRate { ts, rate: Rate::from_units(10_000), mark: Some(price) };
    let inputs = [
        Input::Bar { series: 0, bar, activity: None },
        Input::Clock,
        Input::Mark { series: 1, price },
        Input::Funding { series: 2, funding },
        Input::Trade { series: 3, trade, ids: None },
        Input::Quote { series: 4, quote },
        Input::Book { series: 5, book: Book { snapshot: true, levels, ids: None } },
    ];
    let messages: Vec<Message> = (0..)
        .zip(inputs)
        .map(|(sequence, input)| Message { sequence, ts_event: ts, ts_init: ts.plus(1_500), input })
        .collect();
    let mut tape = TapeWriter::new(Vec::new(), &series()[..6]).unwrap();
    for message in &messages {
        tape.append(message).unwrap();
    }
    let written = tape.finish().unwrap();
    let (_, messages) = written.split_at(written.len() - OLD_BLOCKS.len() / 2);
    let bytes = (0..OLD_BLOCKS.len()).step_by(2).map(|at| u8::from_str_radix(&OLD_BLOCKS[at..at + 2], 16));
    assert_eq!(messages, bytes.collect::<Result<Vec<u8>, _>>().unwrap());
}

/// The blocks after the list of series, in hexadecimal, as they were before messages had numbers of their exchange.
const OLD_BLOCKS: &str = concat!(
    "78000000510080d08fa59863b8170003c2a23324e802fe0205fa015080d08fa59863b817520180d08fa59863b81703c2a233",
    "d60280d08fa59863b81700a09c0103c2a233d30380d08fa59863b81703c2a23307fa01540480d08fa59863b81703c2a23307",
    "fa0184c566f403d50580d08fa59863b81702c0a2331c020259ac8067c1f2fc35ba6d41168d8cd02f00000000aece9ebe3f6c",
    "e399900a7eda457ccec5",
);
