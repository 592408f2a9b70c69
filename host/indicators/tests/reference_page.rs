//! The reference page is generated from the table of kinds; this test fails when the page is stale.

use std::fmt::Write as _;
use std::path::Path;

use cryptobot_indicators::{FAMILIES, Kind};

const INTRODUCTION: &str = "\
# Indicators

<!-- Generated from the tables in `host/indicators/src`. To renew it after a change:
     CRYPTOBOT_WRITE_DOCS=1 cargo test -p cryptobot-indicators --test reference_page -->

The host computes these for every strategy, in any language. A strategy creates one in `init` through the
`indicators` interface, by its name, on one of its series, and reads it by its handle: output number and bars ago
(0 = the newest bar; the last 256 values are kept). A value is NaN while the indicator warms up; comparisons with
NaN are false. Seeding and formulas are those of TA-Lib, and a test compares the two.

In Rust the same indicators are plain structs of the SDK (`cryptobot_sdk::indicators`): inside the strategy they
cost a few nanoseconds and no call to the host.

A strategy may have 1,000 indicators whose periods add up to 1,000,000. Asking for the same one twice gives the
same handle.

";

const HEAD: &str = "\
| Name | What it is | From | Parameters (default, range) | Outputs | First value at bar | Source | Compared with |
|---|---|---|---|---|---|---|---|
";

const CONVENTIONS: &str = "
## Conventions

- **Averages.** `ema` is seeded with the simple average of its first `period` closes. `rsi` and `atr` are smoothed
  with 1 / `period` (Wilder) and seeded with the mean of the first `period` changes or true ranges.
- **True range** needs the close before, so it begins at the second bar.
- **macd.** The fast average is seeded at the same bar as the slow one; line, signal and histogram begin together.
- **Deviations** divide by `period`, not by `period - 1`.
- **rsi** of a market that does not move is 0.
- **percent-b** is 0 at the lower band and 1 at the upper one; NaN where the bands meet.
- **highest, lowest and donchian** include the newest bar. For a breakout compare with the value one bar ago.
- **Rolling sums** are renewed each time their window has passed once, so that rounding errors do not add up.
";

fn row(kind: &Kind) -> String {
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

#[test]
fn the_page_is_up_to_date() {
    let mut page = INTRODUCTION.to_owned();
    for family in FAMILIES {
        write!(page, "\n## {}\n\n{HEAD}", family.title).unwrap();
        for kind in family.kinds {
            writeln!(page, "{}", row(kind)).unwrap();
        }
    }
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
