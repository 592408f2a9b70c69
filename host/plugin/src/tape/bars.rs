//! The bars of a tape: a CSV file that people write.

use std::fmt;

use cryptobot_engine::BarBlock;
use cryptobot_model::{FundingRate, Rate, Timeframe, Timestamp};

/// Symbol of tapes that name none.
const SYMBOL: &str = "TESTUSDT";
/// Open time of the first bar of tapes without times.
const START: &str = "2024-01-01";
/// Volume of bars that state none.
const VOLUME: f64 = 1.0;

/// Columns that a tape may have; only `close` must be there.
const COLUMNS: [&str; 12] = [
    "time",
    "symbol",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "mark",
    "mark_open",
    "mark_high",
    "mark_low",
    "funding",
];
/// Highest funding rate, and the lowest below zero.
const MOST_FUNDING: f64 = 0.1;

/// The bars of one symbol.
#[derive(Clone, Debug)]
pub(super) struct SymbolBars {
    pub(super) symbol: String,
    pub(super) bars: BarBlock,
    /// Mark prices as bars, where the tape has any.
    pub(super) marks: Option<BarBlock>,
    /// Rates that are paid at the closes of bars.
    pub(super) funding: Vec<FundingRate>,
}

/// What is wrong with a tape, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TapeError {
    line: usize,
    column: usize,
    message: String,
}

/// `line:column: message`, to stand behind the name of the file.
impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// A cell with its place.
#[derive(Clone, Copy)]
struct Cell<'a> {
    text: &'a str,
    line: usize,
    column: usize,
}

impl Cell<'_> {
    fn wrong(&self, message: impl Into<String>) -> TapeError {
        TapeError { line: self.line, column: self.column, message: message.into() }
    }

    fn price(&self, name: &str) -> Result<f64, TapeError> {
        match self.text.parse::<f64>() {
            Ok(price) if price > 0.0 && price.is_finite() => Ok(price),
            _ => Err(self.wrong(format!("`{name}` must be a positive number, not `{}`", self.text))),
        }
    }
}

fn cells(line: &str, number: usize) -> Vec<Cell<'_>> {
    let mut column = 1;
    line.split(',')
        .map(|raw| {
            let blank = raw.chars().take_while(|c| c.is_whitespace()).count();
            let cell = Cell { text: raw.trim(), line: number, column: column + blank };
            column += raw.chars().count() + 1;
            cell
        })
        .collect()
}

/// A row of named cells.
struct Row<'a> {
    names: &'a [&'a str],
    cells: Vec<Cell<'a>>,
}

impl<'a> Row<'a> {
    /// The cell of a column; `None` where the tape has no such column.
    fn cell(&self, name: &str) -> Option<Cell<'a>> {
        let at = self.names.iter().position(|column| *column == name)?;
        self.cells.get(at).copied()
    }

    fn price(&self, name: &str) -> Result<Option<f64>, TapeError> {
        self.cell(name).map(|cell| cell.price(name)).transpose()
    }

    /// A price that a row may leave out by an empty cell.
    fn filled(&self, name: &str) -> Result<Option<f64>, TapeError> {
        self.cell(name).filter(|cell| !cell.text.is_empty()).map(|cell| cell.price(name)).transpose()
    }

    /// Open, high and low of a bar from the columns of these names: without the first it opens at the close before,
    /// without the others it has none beyond open and close.
    fn ends(&self, names: [&str; 3], before: Option<f64>, close: f64) -> Result<[f64; 3], TapeError> {
        let [open_name, high_name, low_name] = names;
        let open = self.price(open_name)?.or(before).unwrap_or(close);
        let high = self.price(high_name)?.unwrap_or(open.max(close));
        let low = self.price(low_name)?.unwrap_or(open.min(close));
        let beyond = |name: &str, value: f64, side: &str| {
            let cell = self.cell(name).unwrap_or(self.cells[0]);
            Err(cell.wrong(format!("`{name}` {value} is {side} open {open} or close {close}")))
        };
        if high < open.max(close) {
            return beyond(high_name, high, "below");
        }
        if low > open.min(close) {
            return beyond(low_name, low, "above");
        }
        Ok([open, high, low])
    }
}

/// Reads the bars of all symbols. A bar without `open` opens at the close before it, one without `high` and `low` has
/// none beyond open and close; without `time` bars follow each other.
pub(super) fn parse(text: &str, timeframe: Timeframe) -> Result<Vec<SymbolBars>, TapeError> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    let Some((number, header)) = lines.next() else {
        return Err(TapeError {
            line: 1,
            column: 1,
            message: "the tape is empty; begin with a line of column names, for example `close`".to_owned(),
        });
    };
    let header = cells(header, number);
    let names = column_names(&header)?;
    let mut all: Vec<SymbolBars> = Vec::new();
    for (number, line) in lines {
        let row = Row { names: &names, cells: cells(line, number) };
        if row.cells.len() != names.len() {
            let last = row.cells[row.cells.len() - 1];
            return Err(last.wrong(format!(
                "{} values for {} columns ({})",
                row.cells.len(),
                names.len(),
                names.join(",")
            )));
        }
        let symbol = row.cell("symbol").map_or(SYMBOL, |cell| cell.text);
        let at = all.iter().position(|bars| bars.symbol == symbol).unwrap_or_else(|| {
            let (bars, marks, funding) = (BarBlock::default(), None, Vec::new());
            all.push(SymbolBars { symbol: symbol.to_owned(), bars, marks, funding });
            all.len() - 1
        });
        push(&mut all[at].bars, &row, timeframe)?;
        all[at].push_mark(&row)?;
        all[at].push_funding(&row, timeframe)?;
    }
    if all.is_empty() {
        return Err(TapeError {
            line: number,
            column: 1,
            message: "the tape has no bars; add a line for each".to_owned(),
        });
    }
    Ok(all)
}

fn column_names<'a>(header: &[Cell<'a>]) -> Result<Vec<&'a str>, TapeError> {
    let mut names: Vec<&str> = Vec::with_capacity(header.len());
    for cell in header {
        if !COLUMNS.contains(&cell.text) {
            let known = COLUMNS.join(", ");
            return Err(cell.wrong(format!("unknown column `{}`; a tape has {known}", cell.text)));
        }
        if names.contains(&cell.text) {
            return Err(cell.wrong(format!("column `{}` is there twice", cell.text)));
        }
        names.push(cell.text);
    }
    if !names.contains(&"close") {
        return Err(header[0].wrong("there is no column `close`; it is the only one that must be there"));
    }
    match header.iter().find(|cell| cell.text.starts_with("mark_")) {
        Some(part) if !names.contains(&"mark") => {
            Err(part
                .wrong(format!("column `{}` needs a column `mark`, the mark price at the close", part.text)))
        }
        _ => Ok(names),
    }
}

impl SymbolBars {
    /// Adds the mark prices of the bar that was added last; an empty cell is a hole, in which the last price stands in.
    fn push_mark(&mut self, row: &Row<'_>) -> Result<(), TapeError> {
        let (Some(close), Some(open_ms)) = (row.filled("mark")?, self.bars.open_ms.last()) else {
            return Ok(());
        };
        let marks = self.marks.get_or_insert_default();
        let ends = row.ends(["mark_open", "mark_high", "mark_low"], marks.close.last().copied(), close)?;
        marks.open_ms.push(*open_ms);
        marks.volume.push(0.0);
        append(marks, ends, close);
        Ok(())
    }

    /// Adds the funding rate at the close of the bar that was added last, where there is one.
    fn push_funding(&mut self, row: &Row<'_>, timeframe: Timeframe) -> Result<(), TapeError> {
        let Some(cell) = row.cell("funding").filter(|cell| !cell.text.is_empty()) else { return Ok(()) };
        let rate = cell.text.parse::<f64>().ok().filter(|rate| rate.abs() <= MOST_FUNDING);
        let Some(rate) = rate.and_then(Rate::from_f64) else {
            return Err(cell.wrong(format!(
                "`funding` must be a rate between -{MOST_FUNDING} and {MOST_FUNDING}, or empty, not `{}`",
                cell.text
            )));
        };
        let open = self.bars.open_ms.last().copied().unwrap_or_default();
        let ts = Timestamp::from_millis(open + timeframe.millis());
        self.funding.push(FundingRate { ts, rate, mark: None });
        Ok(())
    }
}

/// Adds open, high and low of a bar, and its close.
fn append(bars: &mut BarBlock, [open, high, low]: [f64; 3], close: f64) {
    bars.open.push(open);
    bars.high.push(high);
    bars.low.push(low);
    bars.close.push(close);
}

fn push(bars: &mut BarBlock, row: &Row<'_>, timeframe: Timeframe) -> Result<(), TapeError> {
    let close = row.price("close")?.unwrap_or_default();
    let ends = row.ends(["open", "high", "low"], bars.close.last().copied(), close)?;
    bars.volume.push(volume(row)?);
    bars.open_ms.push(open_ms(bars, row, timeframe)?);
    append(bars, ends, close);
    Ok(())
}

fn volume(row: &Row<'_>) -> Result<f64, TapeError> {
    let Some(cell) = row.cell("volume") else { return Ok(VOLUME) };
    match cell.text.parse::<f64>() {
        Ok(volume) if volume >= 0.0 && volume.is_finite() => Ok(volume),
        _ => Err(cell.wrong(format!("`volume` must be a number, 0 or more, not `{}`", cell.text))),
    }
}

fn open_ms(bars: &BarBlock, row: &Row<'_>, timeframe: Timeframe) -> Result<i64, TapeError> {
    let last = bars.open_ms.last().copied();
    let Some(cell) = row.cell("time") else {
        let start = START.parse::<Timestamp>().unwrap_or_default();
        return Ok(last.map_or(timeframe.open_of(start).millis(), |last| last + timeframe.millis()));
    };
    let at: Timestamp = cell.text.parse().map_err(|_| {
        cell.wrong(format!("`time` must be an open time in UTC like 2024-01-01T12:00, not `{}`", cell.text))
    })?;
    if timeframe.open_of(at) != at {
        return Err(cell.wrong(format!("no bar of {timeframe} opens at {}", cell.text)));
    }
    if last.is_some_and(|last| at.millis() <= last) {
        return Err(cell.wrong(format!("`time` must rise from bar to bar, {} does not", cell.text)));
    }
    Ok(at.millis())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minutes(text: &str) -> Result<Vec<SymbolBars>, String> {
        parse(text, Timeframe::MINUTE).map_err(|error| error.to_string())
    }

    #[test]
    fn closes_are_enough() {
        let tape = minutes("# a rise\nclose\n10\n\n12 \n").unwrap();
        let SymbolBars { symbol, bars, marks, funding } = &tape[0];
        assert!(marks.is_none() && funding.is_empty());
        assert_eq!((symbol.as_str(), bars.open_ms[0]), ("TESTUSDT", 1_704_067_200_000));
        assert_eq!(bars.open_ms[1] - bars.open_ms[0], 60_000);
        assert_eq!((bars.open[1], bars.high[1], bars.low[1], bars.close[1]), (10.0, 12.0, 10.0, 12.0));
        assert_eq!(bars.volume, [1.0, 1.0]);
    }

    #[test]
    fn marks_and_funding_may_have_holes() {
        let text = "close,mark,mark_low,funding\n10,10.5,10,\n11,,,0.0001\n12,12,10.2,-0.002\n";
        let SymbolBars { bars, marks, funding, .. } = &minutes(text).unwrap()[0];
        let marks = marks.as_ref().unwrap();
        assert_eq!(marks.open_ms, [bars.open_ms[0], bars.open_ms[2]]);
        // The second one opens at the mark before it.
        assert_eq!((&marks.open[..], &marks.high[..]), (&[10.5, 10.5][..], &[10.5, 12.0][..]));
        assert_eq!((&marks.low[..], &marks.close[..]), (&[10.0, 10.2][..], &[10.5, 12.0][..]));
        let rates: Vec<_> = funding.iter().map(|rate| (rate.ts.millis(), rate.rate.to_string())).collect();
        let close = |bar: usize| bars.open_ms[bar] + 60_000;
        assert_eq!(rates, [(close(1), "0.0001".to_owned()), (close(2), "-0.002".to_owned())]);
    }

    #[test]
    fn symbols_and_times_may_be_named() {
        let text = "time,symbol,close\n2024-03-01T00:00,A,10\n2024-03-01T00:00,B,20\n2024-03-01T00:05,A,11\n";
        let tape = minutes(text).unwrap();
        assert_eq!(tape.iter().map(|bars| bars.symbol.as_str()).collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(tape[0].bars.open_ms[1] - tape[1].bars.open_ms[0], 300_000);
    }

    #[test]
    fn what_is_wrong_is_shown_with_its_place() {
        for (text, error) in [
            ("", "1:1: the tape is empty"),
            ("close\n", "1:1: the tape has no bars"),
            ("open, closed\n", "1:7: unknown column `closed`; a tape has time, symbol"),
            ("close,close\n", "1:7: column `close` is there twice"),
            ("open\n1\n", "1:1: there is no column `close`"),
            ("open,close\n1,2\n1,  ten\n", "3:5: `close` must be a positive number, not `ten`"),
            ("close\n-1\n", "2:1: `close` must be a positive number, not `-1`"),
            ("close\nNaN\n", "2:1: `close` must be"),
            ("open,close\n1,2,3\n", "2:5: 3 values for 2 columns (open,close)"),
            ("high,close\n9,10\n", "2:1: `high` 9 is below open 10 or close 10"),
            ("close,low\n10,11\n", "2:4: `low` 11 is above open 10 or close 10"),
            ("close,volume\n10,-1\n", "2:4: `volume` must be a number, 0 or more"),
            ("close,mark_low\n1,1\n", "1:7: column `mark_low` needs a column `mark`"),
            ("close,mark,mark_high\n10,9,8\n", "2:6: `mark_high` 8 is below open 9 or close 9"),
            ("close,mark\n10,low\n", "2:4: `mark` must be a positive number"),
            (
                "close,funding\n10,5\n",
                "2:4: `funding` must be a rate between -0.1 and 0.1, or empty, not `5`",
            ),
            ("time,close\nsoon,1\n", "2:1: `time` must be an open time in UTC"),
            ("time,close\n2024-01-01T00:00:30,1\n", "2:1: no bar of 1m opens at 2024-01-01T00:00:30"),
            ("time,close\n2024-01-02,1\n2024-01-01,1\n", "3:1: `time` must rise"),
        ] {
            let said = minutes(text).unwrap_err();
            assert!(said.starts_with(error), "expected `{error}`: {said}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_is_too_strange(text in "(close|open|time|symbol|[0-9.,\\-# \\nNaé]){0,60}") {
            if let Ok(tape) = minutes(&text) {
                for SymbolBars { bars, .. } in tape {
                    prop_assert!(bars.open_ms.is_sorted_by(|a, b| a < b));
                    prop_assert!(bars.close.iter().all(|close| *close > 0.0));
                }
            }
        }
    }
}
