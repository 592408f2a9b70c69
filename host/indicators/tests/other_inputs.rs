//! Indicators of trades, order books and futures data against their definitions, on plain arrays.
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::collections::BTreeSet;

use cryptobot_indicators::{Book, BookLevel, FuturesData, Input, Trade};

const TOLERANCE: f64 = 1e-9;

/// Numbers between 0 and 1, always the same ones.
fn random() -> impl FnMut() -> f64 {
    let mut state = 42_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    }
}

/// What an indicator gives after an input, from all inputs so far; `None` while it warms up.
type Definition<'a, I> = &'a dyn Fn(&[I]) -> Option<Vec<f64>>;

/// Feeds an indicator and compares every result; adds its name to those that are checked.
fn check<I: Input>(
    seen: &mut BTreeSet<&'static str>,
    inputs: &[I],
    kind: &str,
    params: &[(&str, f64)],
    definition: Definition<'_, I>,
) {
    let kind = I::kind(kind).unwrap();
    let given: Vec<(String, f64)> = params.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let first = (kind.warmup)(&kind.resolve(&given).unwrap()) as usize;
    let mut indicator = kind.start(&given).unwrap();
    for (row, input) in inputs.iter().enumerate() {
        let values = indicator.update(input).to_vec();
        let expected = definition(&inputs[..=row]);
        assert_eq!(expected.is_some(), row + 1 >= first, "{} row {row}", kind.name);
        let expected = expected.unwrap_or_else(|| vec![f64::NAN; values.len()]);
        assert_eq!(values.len(), expected.len(), "{}", kind.name);
        for (value, expected) in values.iter().zip(expected) {
            let same = value.is_nan() && expected.is_nan()
                || (value - expected).abs() <= TOLERANCE * expected.abs().max(1e-3);
            assert!(same, "{} row {row}: {value} against {expected}", kind.name);
        }
    }
    seen.insert(kind.name);
}

/// Whether every kind of an input was checked.
fn complete<I: Input>(seen: &BTreeSet<&'static str>) {
    let all: BTreeSet<&str> =
        I::FAMILIES.iter().flat_map(|family| family.kinds).map(|kind| kind.name).collect();
    assert_eq!(*seen, all);
}

fn last<T>(values: &[T], n: usize) -> Option<&[T]> {
    values.len().checked_sub(n).map(|start| &values[start..])
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count() as f64
}

#[test]
fn trades() {
    let mut random = random();
    let (mut ts, mut price) = (0, 100.0);
    let trades: Vec<Trade> = (0..400)
        .map(|_| {
            ts += (random() * 1e9) as i64;
            price += ((random() - 0.5) * 10.0).round() * 0.01;
            Trade { ts, price, quantity: 0.1 + random(), taker_buys: random() > 0.4 }
        })
        .collect();
    let seen = &mut BTreeSet::new();
    let n = 30;
    let period = &[("period", 30.0)][..];
    let bought = |trades: &[Trade]| {
        trades.iter().filter(|trade| trade.taker_buys).map(|trade| trade.quantity).sum::<f64>()
    };
    let all = |trades: &[Trade]| trades.iter().map(|trade| trade.quantity).sum::<f64>();
    check::<Trade>(seen, &trades, "trade_intensity", period, &|past| {
        last(past, n + 1).map(|part| vec![n as f64 * 1e9 / (part[n].ts - part[0].ts) as f64])
    });
    check::<Trade>(seen, &trades, "taker_ratio", period, &|past| {
        last(past, n).map(|part| vec![bought(part) / all(part)])
    });
    check::<Trade>(seen, &trades, "trade_imbalance", period, &|past| {
        last(past, n).map(|part| vec![(2.0 * bought(part) - all(part)) / all(part)])
    });
    check::<Trade>(seen, &trades, "average_trade_size", period, &|past| {
        last(past, n).map(|part| vec![all(part) / n as f64])
    });
    check::<Trade>(seen, &trades, "trade_vwap", period, &|past| {
        last(past, n)
            .map(|part| vec![part.iter().map(|trade| trade.price * trade.quantity).sum::<f64>() / all(part)])
    });
    check::<Trade>(seen, &trades, "kyle_lambda", period, &|past| {
        last(past, n + 1).map(|part| {
            let flows = part[1..].iter().map(|t| if t.taker_buys { t.quantity } else { -t.quantity });
            let changes = part.windows(2).map(|pair| pair[1].price - pair[0].price);
            let (flow, change) = (mean(flows.clone()), mean(changes.clone()));
            let together: f64 = flows.clone().zip(changes).map(|(f, c)| (f - flow) * (c - change)).sum();
            vec![together / flows.map(|f| (f - flow) * (f - flow)).sum::<f64>()]
        })
    });
    complete::<Trade>(seen);
}

#[test]
fn books() {
    let mut random = random();
    let books: Vec<Book> = (0..200)
        .map(|_| {
            let mid = 100.0 + random();
            let mut side = |sign: f64| {
                let mut price = mid;
                std::array::from_fn(|_| {
                    price += sign * (0.01 + random() * 0.05);
                    BookLevel { price, quantity: random() }
                })
            };
            Book { bids: side(-1.0), asks: side(1.0) }
        })
        .collect();
    let seen = &mut BTreeSet::new();
    let spread = |book: &Book| book.asks[0].price - book.bids[0].price;
    let mid = |book: &Book| f64::midpoint(book.asks[0].price, book.bids[0].price);
    let depth = |levels: &[BookLevel], n: usize| levels[..n].iter().map(|level| level.quantity).sum::<f64>();
    let now = |past: &[Book]| past[past.len() - 1];
    check::<Book>(seen, &books, "book_spread", &[], &|past| {
        let book = now(past);
        Some(vec![spread(&book), spread(&book) / mid(&book) * 10_000.0])
    });
    check::<Book>(seen, &books, "mean_spread", &[("period", 20.0)], &|past| {
        last(past, 20).map(|part| vec![mean(part.iter().map(|book| 1e4 * spread(book) / mid(book)))])
    });
    for levels in [1, 5, 10] {
        let params = &[("levels", levels as f64)][..];
        check::<Book>(seen, &books, "book_imbalance", params, &|past| {
            let (bids, asks) = (depth(&now(past).bids, levels), depth(&now(past).asks, levels));
            Some(vec![(bids - asks) / (bids + asks)])
        });
        check::<Book>(seen, &books, "book_depth", params, &|past| {
            Some(vec![depth(&now(past).bids, levels), depth(&now(past).asks, levels)])
        });
    }
    check::<Book>(seen, &books, "weighted_mid", &[], &|past| {
        let book = now(past);
        let share = book.bids[0].quantity / (book.bids[0].quantity + book.asks[0].quantity);
        let weighted = book.bids[0].price + share * spread(&book);
        Some(vec![weighted, (weighted - mid(&book)) / mid(&book)])
    });
    for quantity in [0.2, 2.0, 50.0] {
        check::<Book>(seen, &books, "price_impact", &[("quantity", quantity)], &|past| {
            let book = now(past);
            // In thousandths of the quantity, each at the level where it lies.
            let average = |levels: &[BookLevel]| {
                let mut reached = 0.0;
                let mut paid = 0.0;
                for (number, level) in levels.iter().enumerate() {
                    let end = reached + level.quantity;
                    let takes = if number + 1 == levels.len() { quantity } else { end.min(quantity) };
                    paid += (takes - reached).max(0.0) * level.price;
                    reached = end;
                }
                paid / quantity
            };
            Some(vec![average(&book.asks) / mid(&book) - 1.0, 1.0 - average(&book.bids) / mid(&book)])
        });
    }
    complete::<Book>(seen);
}

#[test]
fn futures_data() {
    let mut random = random();
    let mut open_interest = 10_000.0;
    let data: Vec<FuturesData> = (0..300)
        .map(|_| {
            open_interest *= 1.0 + (random() - 0.5) * 0.01;
            let index = 100.0 + random();
            FuturesData {
                mark: index * (1.0 + (random() - 0.5) * 0.001),
                index,
                funding_rate: (random() - 0.4) * 1e-4,
                open_interest,
                long_short_ratio: 1.0 + random(),
                long_liquidations: (random() - 0.9).max(0.0),
                short_liquidations: (random() - 0.9).max(0.0),
            }
        })
        .collect();
    let seen = &mut BTreeSet::new();
    let period = &[("period", 20.0)][..];
    let now = |past: &[FuturesData]| past[past.len() - 1];
    check::<FuturesData>(seen, &data, "mark_index_deviation", period, &|past| {
        let deviation = |data: &FuturesData| (data.mark - data.index) / data.index;
        last(past, 20).map(|part| vec![deviation(&now(past)), mean(part.iter().map(deviation))])
    });
    check::<FuturesData>(seen, &data, "funding", &[("period", 20.0), ("year", 1_095.0)], &|past| {
        last(past, 20).map(|part| {
            let rate = mean(part.iter().map(|data| data.funding_rate));
            vec![now(past).funding_rate, rate, rate * 1_095.0]
        })
    });
    check::<FuturesData>(seen, &data, "open_interest_change", period, &|past| {
        last(past, 21).map(|part| vec![(part[20].open_interest / part[0].open_interest - 1.0) * 100.0])
    });
    check::<FuturesData>(seen, &data, "long_short_ratio", period, &|past| {
        last(past, 20).map(|part| {
            let ratios = part.iter().map(|data| data.long_short_ratio);
            let middle = mean(ratios.clone());
            let deviation = mean(ratios.map(|ratio| (ratio - middle) * (ratio - middle))).sqrt();
            let ratio = now(past).long_short_ratio;
            vec![ratio, (ratio - middle) / deviation]
        })
    });
    check::<FuturesData>(seen, &data, "liquidation_pressure", period, &|past| {
        last(past, 20).map(|part| {
            let shorts: f64 = part.iter().map(|data| data.short_liquidations).sum();
            let longs: f64 = part.iter().map(|data| data.long_liquidations).sum();
            let all = shorts + longs;
            vec![if all > 0.0 { (shorts - longs) / all } else { 0.0 }, all / now(past).open_interest]
        })
    });
    complete::<FuturesData>(seen);
}
