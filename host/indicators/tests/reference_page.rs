//! The reference page is generated from the tables of kinds and feature sets; this test fails when the page is stale.
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::fmt::Write as _;
use std::path::Path;

use cryptobot_indicators::sets::{Amount, Definition};
use cryptobot_indicators::{Book, Family, FuturesData, Input, KINDS, Kind, Ohlcv, Pair, Trade};

const INTRODUCTION: &str = "\
# Indicators

<!-- Generated from the tables in `host/indicators/src`. To renew it after a change:
     CRYPTOBOT_WRITE_DOCS=1 cargo test -p cryptobot-indicators --test reference_page -->

The host computes these for every strategy, in any language. A strategy creates one in `init` through the
`indicators` interface, by its name, on one of its series, and reads it by its handle: output number and bars ago
(0 = the newest bar; the last 256 values are kept). A value is NaN while the indicator warms up; comparisons with
NaN are false.

In Rust the same indicators are plain structs of the SDK (`cryptobot_sdk::indicators`): inside the strategy they
cost a few nanoseconds and no call to the host. In [Rhai](rhai.md) each is a function by its name.

A strategy may have 1,000 indicators whose periods add up to 1,000,000. Asking for the same one twice gives the
same handle.

An update costs the same whatever the period. Exceptions are kinds with periods of at most 5,000, which walk over their
window for each bar: `cci`, `average_deviation`, `percent_rank`, `skewness`, `kurtosis`, `volatility_cone`,
`volatility_regime` and `volume_profile`. No update allocates memory.

*Source* is where the formula was published: *common* for what has no single author, *own* for definitions of this
project. *Compared with* is what a test compares every output with, within 1e-9 of its size, on a year of recorded bars
and on generated ones: a function of [TA-Lib](https://ta-lib.org), or the *definition*, computed on whole columns with
numpy or plain arrays. Candlestick patterns are the same in every bar.
";

const HEAD: &str = "\
| Name | What it is | From | Parameters (default, range) | Outputs | First value at | Source | Compared with |
|---|---|---|---|---|---|---|---|
";

const OTHER_INPUTS: &str = "
## Other inputs

These are not computed from bars: `indicator` refuses them, and the message names the input. Those of trades, order books
and futures data are columns of [features](../guide/features.md). First values are counted in inputs.
";

const FEATURE_SETS: &str = "
## Feature sets

A feature set is a list of named columns, each an output of an indicator: [features](../guide/features.md) tells how
`host features` writes them as a table and how strategies ask for them. In Rust `FeatureSet::new(name, length of a bar)`
makes one by itself; `update` takes the next input and gives the values of all columns. *day* stands for as many bars as
a day has.

| Set | Input | Column | Indicator |
|---|---|---|---|
";

const SCALERS: &str = "
## Scalers

`Scaler::fit` takes rows of training data and `apply` scales any rows in place. Values that are not finite do not count
when fitting; a column without any range is shifted to 0 and not divided.

`host features --scaler` fits and applies one.

| Scaling | What it does |
|---|---|
| `standard` | to mean 0 and population standard deviation 1 |
| `min-max` | smallest and largest fitted value to 0 and 1 |
| `robust` | to median 0 and interquartile range 1 (quantiles are interpolated between neighbours) |
| `log` | `sign(x) ln(1 + abs(x))`, then as `standard` |
";

const CONVENTIONS: &str = "
## Conventions

- **Averages.** `ema` is seeded with the simple average of its first `period` closes. `rsi` and `atr` are smoothed
  with 1 / `period` (Wilder) and seeded with the mean of the first `period` changes or true ranges. The movements of
  `dx` and its family are seeded with sums of `period - 1` bars, as in TA-Lib.
- **True range** needs the close before, so it begins at the second bar.
- **macd.** The fast average is seeded at the same bar as the slow one; line, signal and histogram begin together.
  In `apo` and `ppo` each average is seeded at its own bar.
- **Cycles** (`ht_` and `mama`) begin with zeros, as in TA-Lib: the first hundred values or so depend on that.
- **Deviations** divide by `period`, not by `period - 1`, except `historical_volatility` and what is made of it.
- **Where nothing moves** or was traded, ratios are 0. Exceptions, as in TA-Lib: `imi` is 50, `efficiency_ratio` 1.
- **percent-b** is 0 at the lower band and 1 at the upper one; NaN where the bands meet.
- **highest, lowest and donchian** include the newest bar. For a breakout compare with the value one bar ago, or use
  `support_resistance`, which looks at the bars before.
- **Cumulative lines** (`obv`, `ad`, `vpt`, `williams_ad`, `nvi`, `pvi`) depend on where the stream begins: compare
  changes, not levels.
- **Time** is the close of a bar in UTC, the moment when a strategy sees it. `vwap` and `session_activity` count a bar to
  the day or session in which it lies before its close.
- **ichimoku** gives what is known at the newest bar: the cloud that lies over it, not the one drawn ahead of it.
- **hurst** is 1/2 + ln(variance ratio) / (2 ln `step`) of overlapping log returns without drift, kept between 0 and 1.
- **volume_profile** puts the whole volume of a bar into the bin of its typical price. The value area grows from the bin
  of the most volume towards the neighbour with more.
- **Volatilities** are per year of `year` bars, `year = 1` leaves them per bar; those of `garch`, `ewma_volatility` and
  `volatility_cone` are per bar.
- **Candlestick patterns** are 0, or 100 (bullish, or present) and -100 (bearish). `cdl_engulfing` is 80 where an end of
  the bodies is the same, `cdl_harami` and `cdl_harami_cross` too; hikkakes are 200 where they are confirmed.
- **Rolling sums** are renewed each time their window has passed once, so that rounding errors do not add up.
";

fn row<I>(kind: &Kind<I>) -> String {
    let params: Vec<String> = kind
        .params
        .iter()
        .map(|param| format!("`{}` ({}, {} to {})", param.name, param.default, param.min, param.max))
        .collect();
    let outputs: Vec<String> =
        kind.outputs.iter().enumerate().map(|(number, name)| format!("{number} {name}")).collect();
    format!(
        "| `{}` | {} | {} | {} | {} | {} | {} | {} |",
        kind.name,
        kind.title.replace('|', "\\|"),
        kind.input,
        params.join(", "),
        outputs.join(", "),
        kind.warmup_formula,
        kind.source,
        kind.oracle
    )
}

fn families<I>(page: &mut String, level: &str, families: &[Family<I>]) {
    for family in families {
        write!(page, "\n{level} {}\n\n{HEAD}", family.title).unwrap();
        for kind in family.kinds {
            writeln!(page, "{}", row(kind)).unwrap();
        }
    }
}

fn sets<I: Input>(page: &mut String) {
    for Definition { name: set, features, .. } in I::SETS {
        for feature in *features {
            let params: Vec<String> = feature
                .params
                .iter()
                .map(|(name, amount)| match amount {
                    Amount::Is(value) => format!("{name} = {value}"),
                    Amount::BarsPerDay => format!("{name} = day"),
                })
                .collect();
            let (column, kind, output) = (feature.name, feature.kind, feature.output);
            let params = params.join(", ");
            writeln!(page, "| `{set}` | {} | `{column}` | `{kind}({params}).{output}` |", I::NAME).unwrap();
        }
    }
}

#[test]
fn the_page_is_up_to_date() {
    let mut page = INTRODUCTION.to_owned();
    families(&mut page, "##", Ohlcv::FAMILIES);
    page.push_str(OTHER_INPUTS);
    families(&mut page, "###", Pair::FAMILIES);
    families(&mut page, "###", Trade::FAMILIES);
    families(&mut page, "###", Book::FAMILIES);
    families(&mut page, "###", FuturesData::FAMILIES);
    page.push_str(FEATURE_SETS);
    sets::<Ohlcv>(&mut page);
    sets::<Trade>(&mut page);
    sets::<Book>(&mut page);
    sets::<FuturesData>(&mut page);
    page.push_str(SCALERS);
    page.push_str(CONVENTIONS);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/reference/indicators.md");
    if std::env::var_os("CRYPTOBOT_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == page,
        "docs/src/reference/indicators.md is stale; renew it with \
         CRYPTOBOT_WRITE_DOCS=1 cargo test -p cryptobot-indicators --test reference_page"
    );
}

#[test]
fn names_are_unique_and_can_be_written_in_every_language() {
    let mut names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    let others = [
        Pair::FAMILIES.iter().flat_map(|family| family.kinds).map(|kind| kind.name).collect::<Vec<_>>(),
        Trade::FAMILIES.iter().flat_map(|family| family.kinds).map(|kind| kind.name).collect(),
        Book::FAMILIES.iter().flat_map(|family| family.kinds).map(|kind| kind.name).collect(),
        FuturesData::FAMILIES.iter().flat_map(|family| family.kinds).map(|kind| kind.name).collect(),
    ];
    names.extend(others.concat());
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    let plain = |text: &str, more: u8| {
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == more)
    };
    for kind in KINDS {
        assert!(plain(kind.name, b'_'), "{}", kind.name);
        assert!(kind.params.len() <= 3, "{}: scripts pass three settings at most", kind.name);
        for (number, output) in kind.outputs.iter().enumerate() {
            assert!(
                plain(output, b'-') && !kind.outputs[..number].contains(output),
                "{} {output}",
                kind.name
            );
        }
    }
    let outputs: usize = KINDS.iter().map(|kind| kind.outputs.len()).sum();
    assert!(outputs >= 200, "{outputs}");
}
