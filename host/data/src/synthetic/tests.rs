//! The statistics of generated markets are those that the scenarios state. Seeds are fixed: a test fails where the model is
//! another one, not by chance; the tolerances are some standard errors of the statistic.

use proptest::prelude::*;

use super::book::Book;
use super::latent::{Minute, Minutes};
use super::pairs::{PAIRS, Pair};
use super::premium::Premium;
use super::regime::{DAY, Scenario, Timeline};
use super::trades::Trades;

/// 2024-01-01T00:00:00Z, a Monday.
const START: i64 = 1_704_067_200_000;

fn minutes(scenario: Scenario, pair: &Pair, seed: u64, days: usize, correlation: Option<f64>) -> Vec<Minute> {
    let timeline = Timeline::new(scenario, correlation, seed, days * DAY, START);
    Minutes::new(pair, &timeline, seed, START, days * DAY).collect()
}

/// Log returns without the usual differences between times of the day and of the week.
fn returns(minutes: &[Minute]) -> Vec<f64> {
    let scaled = |minute: &Minute| libm::log(minute.to / minute.from) / libm::sqrt(minute.activity);
    minutes.iter().map(scaled).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        both += (a - mean_a) * (b - mean_b);
        of_a += (a - mean_a) * (a - mean_a);
        of_b += (b - mean_b) * (b - mean_b);
    }
    both / libm::sqrt(of_a * of_b)
}

fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    correlation(&values[lag..], &values[..values.len() - lag])
}

#[test]
fn variance_clusters_as_garch_says() {
    // Without a crash, of one pair whose own side is all of its returns.
    let minutes = minutes(Scenario::Sideways, &PAIRS[0], 1, 365, Some(0.0));
    let quiet: Vec<f64> = minutes
        .iter()
        .zip(returns(&minutes))
        .filter(|(minute, _)| minute.jumps == 0)
        .map(|(_, r)| r)
        .collect();
    let squares: Vec<f64> = quiet.iter().map(|value| value * value).collect();
    // rho(1) = alpha (1 - beta^2 - alpha beta) / (1 - beta^2 - 2 alpha beta) = 0.11, then times alpha + beta per lag.
    let found = [1, 30, 100].map(|lag| autocorrelation(&squares, lag));
    for (found, expected) in found.into_iter().zip([0.110, 0.095, 0.067]) {
        assert!((found - expected).abs() < 0.4 * expected, "{found} where {expected} is expected");
    }
    let plain = autocorrelation(&quiet, 1);
    assert!(plain.abs() < 0.01, "the returns themselves are not correlated: {plain}");
    let fourth = mean(&squares.iter().map(|value| value * value).collect::<Vec<_>>());
    let kurtosis = fourth / (mean(&squares) * mean(&squares));
    assert!(kurtosis > 5.0, "tails are fat: {kurtosis}");
}

#[test]
fn volatility_is_the_one_stated() {
    for scenario in [Scenario::Bull, Scenario::Sideways, Scenario::HighVolatility] {
        let regime = scenario.regime().unwrap();
        for pair in [&PAIRS[0], &PAIRS[4]] {
            let minutes = minutes(scenario, pair, 3, 120, None);
            let returns = returns(&minutes);
            let quiet: Vec<f64> =
                minutes.iter().zip(returns).filter(|(m, _)| m.jumps == 0).map(|(_, r)| r * r).collect();
            let found = libm::sqrt(mean(&quiet) * 525_600.0);
            let expected = regime.volatility * pair.volatility;
            assert!(
                (found / expected - 1.0).abs() < 0.1,
                "{scenario} {}: {found}, not {expected}",
                pair.symbol
            );
        }
    }
}

#[test]
fn any_two_pairs_have_the_correlation_asked_for() {
    for asked in [0.0, 0.3, 0.8, 0.95] {
        let [a, b, c] =
            [0, 1, 4].map(|pair| returns(&minutes(Scenario::Sideways, &PAIRS[pair], 5, 120, Some(asked))));
        for found in [correlation(&a, &b), correlation(&a, &c), correlation(&b, &c)] {
            assert!((found - asked).abs() < 0.04, "{found}, not {asked}");
        }
    }
    let high = [0, 1].map(|pair| returns(&minutes(Scenario::HighCorrelation, &PAIRS[pair], 5, 60, None)));
    let low = [0, 1].map(|pair| returns(&minutes(Scenario::LowLiquidity, &PAIRS[pair], 5, 60, None)));
    assert!(correlation(&high[0], &high[1]) > 0.9);
    assert!((0.2..0.4).contains(&correlation(&low[0], &low[1])));
}

#[test]
fn jumps_come_as_often_and_as_large_as_stated() {
    for (scenario, correlation) in [(Scenario::HighVolatility, None), (Scenario::HighVolatility, Some(0.0))] {
        let regime = scenario.regime().unwrap();
        let days = 200;
        let minutes = minutes(scenario, &PAIRS[0], 9, days, correlation);
        let count: u32 = minutes.iter().map(|minute| minute.jumps).sum();
        let expected = regime.jumps_per_day * days as f64;
        assert!((f64::from(count) - expected).abs() < 4.0 * libm::sqrt(expected), "{count}, not {expected}");
        let jumping = minutes.iter().filter(|minute| minute.jumps == 1);
        let sizes: Vec<f64> = jumping.map(|minute| libm::log(minute.to / minute.from)).collect();
        let size = mean(&sizes.iter().map(|size| size.abs()).collect::<Vec<_>>());
        assert!((size / regime.jump_size - 1.0).abs() < 0.1, "{size}, not {}", regime.jump_size);
        let up = sizes.iter().filter(|size| **size > 0.0).count() as f64 / sizes.len() as f64;
        assert!((up - 0.5).abs() < 0.07, "{up}");
    }
}

#[test]
fn afternoons_are_busier_than_nights_and_weekends_quieter_than_weekdays() {
    let minutes = minutes(Scenario::Sideways, &PAIRS[1], 11, 210, None);
    let variance = |wanted: &dyn Fn(usize, usize) -> bool| {
        let of =
            minutes.iter().enumerate().filter(|(at, m)| m.jumps == 0 && wanted(at / DAY % 7, at / 60 % 24));
        let squares: Vec<f64> = of.map(|(_, m)| libm::log(m.to / m.from)).map(|r| r * r).collect();
        mean(&squares)
    };
    let afternoon = variance(&|weekday, hour| weekday < 5 && hour == 15);
    let night = variance(&|weekday, hour| weekday < 5 && hour == 3);
    // 1.6 against 0.6 at the middle of both hours.
    assert!((afternoon / night - 2.65).abs() < 0.7, "{}", afternoon / night);
    let (weekend, week) = (variance(&|weekday, _| weekday >= 5), variance(&|weekday, _| weekday < 5));
    assert!((weekend / week - 0.7).abs() < 0.12, "{}", weekend / week);
}

#[test]
fn trends_have_the_signs_that_their_names_say() {
    let days = 40;
    for seed in 1..=10 {
        let change = |scenario| {
            let minutes = minutes(scenario, &PAIRS[0], seed, days, None);
            libm::log(minutes.last().unwrap().to / minutes[0].from)
        };
        let (bull, bear, sideways) =
            (change(Scenario::Bull), change(Scenario::Bear), change(Scenario::Sideways));
        assert!(bull > 0.1 && bear < -0.1, "seed {seed}: {bull} and {bear}");
        assert!(sideways.abs() < 0.1, "seed {seed}: {sideways}");
    }
}

#[test]
fn a_flash_crash_is_as_deep_as_stated_and_recovers_as_stated() {
    for seed in 1..=10 {
        for pair in [&PAIRS[0], &PAIRS[3]] {
            let timeline = Timeline::new(Scenario::FlashCrash, None, seed, 10 * DAY, START);
            let minutes: Vec<Minute> = Minutes::new(pair, &timeline, seed, START, 10 * DAY).collect();
            let [crash] = timeline.crashes.as_slice() else { panic!("one crash") };
            let at = |ts_ms: i64| &minutes[((ts_ms - START) / 60_000) as usize];
            let before = at(crash.at_ms).from;
            let (fall, after) = (1.0 - at(crash.bottom_ms()).from / before, at(crash.end_ms()).from / before);
            assert!((fall - 0.3).abs() < 0.1, "seed {seed} {}: {fall}", pair.symbol);
            assert!((after - 0.88).abs() < 0.15, "seed {seed} {}: {after}", pair.symbol);
            assert_eq!(at(crash.bottom_ms() - 60_000).stress, 1.0);
        }
    }
}

#[test]
fn funding_has_the_sign_of_the_trend() {
    let mean_rate = |scenario| {
        let pair = &PAIRS[0];
        let mut premium = Premium::new(pair, 3);
        let mut rates = Vec::new();
        for (index, minute) in minutes(scenario, pair, 3, 30, None).iter().enumerate() {
            if index % 480 == 0 {
                rates.push(premium.rate(minute));
            }
            let ratios = premium.step(minute);
            assert!((ratios.mark - 1.0).abs() < 0.02 && (ratios.index - 1.0).abs() < 0.02, "{ratios:?}");
        }
        mean(&rates)
    };
    assert!(mean_rate(Scenario::Bull) > 0.000_2);
    assert!(mean_rate(Scenario::Bear) < -0.000_1);
    assert!((mean_rate(Scenario::Sideways) - 0.000_1).abs() < 0.000_1);
}

/// Mean spread in ticks and quantity of a level in lots, and lots traded, of the minutes that are wanted.
fn liquidity(
    scenario: Scenario,
    seed: u64,
    days: usize,
    wanted: impl Fn(&Minute) -> bool,
) -> (f64, f64, f64) {
    let pair = &PAIRS[0];
    let (mut trades, mut book) = (Trades::new(pair, seed), Book::new(pair, seed));
    let (mut spreads, mut levels, mut volumes, mut moments) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for minute in minutes(scenario, pair, seed, days, None) {
        trades.fill(&minute, &mut moments);
        let mut lots = 0;
        for moment in &moments {
            book.quote(&minute, moment);
            lots += moment.trade.map_or(0, |trade| trade.lots);
            if let Some(trade) = moment.trade {
                book.take(trade);
            }
            if wanted(&minute) {
                spreads.push((moment.ask - moment.bid) as f64);
                levels.extend(book.snapshot().1.iter().map(|level| level.2 as f64));
            }
        }
        if wanted(&minute) {
            volumes.push(f64::from(lots as i32));
        }
    }
    (mean(&spreads), mean(&levels), mean(&volumes))
}

#[test]
fn a_crash_thins_the_book_widens_the_spread_and_raises_the_volume() {
    let (spread, level, volume) = liquidity(Scenario::FlashCrash, 2, 1, |minute| minute.stress == 0.0);
    let in_crash = liquidity(Scenario::FlashCrash, 2, 1, |minute| minute.stress > 0.9);
    assert!(in_crash.0 > 10.0 * spread, "{} against {spread}", in_crash.0);
    assert!(in_crash.1 < 0.4 * level, "{} against {level}", in_crash.1);
    assert!(in_crash.2 > 5.0 * volume, "{} against {volume}", in_crash.2);
    let thin = liquidity(Scenario::LowLiquidity, 2, 1, |_| true);
    assert!((thin.0 / spread - 30.0).abs() < 5.0, "15 against 0.5 basis points: {} and {spread}", thin.0);
    assert!(thin.1 < 0.1 * level && thin.2 < 0.04 * volume, "{thin:?}");
}

#[test]
fn volume_follows_the_time_of_day_as_stated() {
    let of_hour = |wanted: i64| {
        let hour = |minute: &Minute| minute.open_ms / 3_600_000 % 24;
        liquidity(Scenario::Sideways, 6, 5, |minute| hour(minute) == wanted).2
    };
    let ratio = of_hour(15) / of_hour(3);
    assert!((ratio - 1.6 / 0.6).abs() < 0.5, "{ratio}");
}

#[test]
fn prices_of_long_periods_stay_where_the_grid_is_fine() {
    for scenario in [Scenario::FlashCrash, Scenario::Mixed, Scenario::HighVolatility] {
        let days = 3 * 365;
        let timeline = Timeline::new(scenario, None, 4, days * DAY, START);
        let pair = &PAIRS[3];
        let prices = Minutes::new(pair, &timeline, 4, START, days * DAY).map(|minute| minute.to);
        let (low, high) = prices.fold((f64::MAX, 0.0_f64), |(low, high), to| (low.min(to), high.max(to)));
        let start = pair.start * pair.ticks_per_unit();
        assert!(low > 0.1 * start && high < 10.0 * start, "{scenario}: {low} to {high}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever the scenario, pair and seed: moments are in order and inside their minute, quotes never crossed, trades at
    /// the best price of their side, and the book never crossed, never short of what is traded, and always that of the
    /// quotes.
    #[test]
    fn quotes_trades_and_book_agree(seed: u64, scenario in 0_usize..8, pair in 0_usize..PAIRS.len()) {
        let (scenario, pair) = (Scenario::ALL[scenario], &PAIRS[pair]);
        let timeline = Timeline::new(scenario, None, seed, 150, START);
        let (mut trades, mut book) = (Trades::new(pair, seed), Book::new(pair, seed));
        let (mut moments, mut last_ms, mut last_id) = (Vec::new(), START, 0);
        for minute in Minutes::new(pair, &timeline, seed, START, 150) {
            trades.fill(&minute, &mut moments);
            prop_assert!(moments.len() >= 6);
            for moment in &moments {
                prop_assert!(moment.ts_ms >= last_ms && moment.ts_ms < minute.open_ms + 60_000);
                last_ms = moment.ts_ms;
                prop_assert!(moment.bid >= 1 && moment.bid < moment.ask);
                if let Some(change) = book.quote(&minute, moment) {
                    prop_assert_eq!((change.previous_id, change.first_id), (last_id, last_id + 1));
                    prop_assert!(change.last_id >= change.first_id);
                    last_id = change.last_id;
                }
                let (id, levels) = book.snapshot();
                prop_assert_eq!(id, last_id);
                prop_assert!(levels.iter().all(|(_, ticks, lots)| *ticks > 0 && *lots > 0));
                let best = |bid| levels.iter().find(|level| level.0 == bid).map(|level| level.1);
                prop_assert_eq!((best(true), best(false)), (Some(moment.bid), Some(moment.ask)));
                prop_assert!(levels.windows(2).all(|pair| (pair[0].0, pair[0].1) != (pair[1].0, pair[1].1)));
                let Some(trade) = moment.trade else { continue };
                prop_assert!(trade.lots >= 1);
                prop_assert_eq!(trade.ticks, if trade.buy { moment.ask } else { moment.bid });
                let there = levels.iter().find(|level| (level.0, level.1) == (!trade.buy, trade.ticks));
                prop_assert!(there.is_some_and(|level| level.2 >= trade.lots));
                if let Some(change) = book.take(trade) {
                    last_id = change.last_id;
                }
            }
        }
    }
}
