//! A row of the results: one combination, on all symbols or on one.

use cryptobot_analytics::Metrics;
use cryptobot_data::DataError;
use cryptobot_data::table::{CellKind, Cells, Columns};
use cryptobot_model::{Money, ParamType, ParamValue};
use cryptobot_run::Trial;
use serde::{Deserialize, Serialize};

use crate::axis::Axis;
use crate::goal::{COUNTS, NUMBERS, Numbers};

/// Columns besides those of parameters and figures.
const INDEX: &str = "index";
const SYMBOL: &str = "symbol";
const JOURNAL: &str = "journal_sha256";
const ERROR: &str = "error";
/// Where the counts stand among the numbers; the last of them is the final equity, which has its digits as text.
const FIRST_COUNT: usize = Metrics::FIGURES.len();
const FILLS: usize = FIRST_COUNT + 1;
const FINAL_EQUITY: usize = NUMBERS - 1;

/// One combination, on all symbols or on one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Number of the combination.
    pub(crate) index: u64,
    /// Which of the layout's symbols.
    pub(crate) symbol: u32,
    /// Value of each axis.
    pub(crate) values: Vec<ParamValue>,
    pub(crate) numbers: Numbers,
    /// The final equity as a decimal.
    pub(crate) final_equity: Option<String>,
    pub(crate) journal: Option<String>,
    pub(crate) error: Option<String>,
}

impl Row {
    pub(crate) fn new(index: u64, symbol: u32, values: Vec<ParamValue>, trial: Trial) -> Self {
        let mut numbers = [f64::NAN; NUMBERS];
        if let Some(metrics) = &trial.metrics {
            for (number, figure) in numbers.iter_mut().zip(metrics.figures()) {
                *number = figure.unwrap_or(f64::NAN);
            }
        }
        let counts = [trial.orders, trial.fills, trial.trades, trial.liquidations];
        for (number, count) in numbers[FIRST_COUNT..].iter_mut().zip(counts) {
            *number = count as f64;
        }
        numbers[FINAL_EQUITY] = trial.final_equity.map_or(f64::NAN, Money::to_f64);
        Self {
            index,
            symbol,
            values,
            numbers,
            final_equity: trial.final_equity.map(|money| money.to_string()),
            journal: trial.journal.map(|hash| hash.to_string()),
            error: trial.error,
        }
    }

    /// Whether the run traded at all.
    pub(crate) fn has_fills(&self) -> bool {
        self.numbers[FILLS] > 0.0
    }
}

/// A row in a log: the same bits come back.
#[derive(Serialize, Deserialize)]
struct Line {
    /// Number of the combination, and which of the layout's symbols.
    at: (u64, u32),
    /// Of the values on the axes.
    positions: Vec<u32>,
    bits: Vec<u64>,
    /// Final equity, hash of the journal, error.
    texts: [Option<String>; 3],
}

/// What the rows of a sweep have in common.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) axes: Vec<Axis>,
    /// Labels of the symbols: one of all of them together, or each on its own.
    pub(crate) symbols: Vec<String>,
}

impl Layout {
    /// The number of a row among all.
    pub(crate) fn ordinal(&self, row: &Row) -> u64 {
        row.index * self.symbols.len() as u64 + u64::from(row.symbol)
    }

    /// A row as a line of a log.
    pub(crate) fn line_of_row(&self, row: &Row) -> String {
        let positions = self.axes.iter().zip(&row.values);
        let line = Line {
            at: (row.index, row.symbol),
            positions: positions.map(|(axis, value)| axis.position(value).unwrap_or(u32::MAX)).collect(),
            bits: row.numbers.map(f64::to_bits).to_vec(),
            texts: [row.final_equity.clone(), row.journal.clone(), row.error.clone()],
        };
        // Numbers and texts are always a document, and it has no line break in it.
        serde_json::to_string(&line).unwrap_or_default() + "\n"
    }

    /// The row of a line; `None` where the line was cut short or is none of this layout.
    pub(crate) fn row_of_line(&self, line: &str) -> Option<Row> {
        let Line { at: (index, symbol), positions, bits, texts } =
            serde_json::from_str(line.strip_suffix('\n')?).ok()?;
        let values = self.axes.iter().zip(&positions);
        let value = |(axis, at): (&Axis, &u32)| (*at < axis.len()).then(|| axis.value(*at));
        let values = values.map(value).collect::<Option<Vec<_>>>()?;
        let bits: [u64; NUMBERS] = bits.try_into().ok()?;
        let [final_equity, journal, error] = texts;
        let known = (symbol as usize) < self.symbols.len() && values.len() == self.axes.len();
        let numbers = bits.map(f64::from_bits);
        known.then_some(Row { index, symbol, values, numbers, final_equity, journal, error })
    }

    /// The columns of the table.
    pub(crate) fn columns(&self) -> Columns {
        let own = [INDEX, SYMBOL, JOURNAL, ERROR];
        let taken = |name: &str| own.contains(&name) || crate::goal::names().any(|number| number == name);
        let axes = self.axes.iter().map(|axis| {
            let name = if taken(&axis.name) { format!("param.{}", axis.name) } else { axis.name.clone() };
            (name, cell_kind(axis.kind))
        });
        let of = |name: &str, kind| (name.to_owned(), kind);
        let mut columns = vec![of(INDEX, CellKind::Integer), of(SYMBOL, CellKind::Text)];
        columns.extend(axes);
        columns.extend(Metrics::FIGURES.map(|name| of(name, CellKind::Number)));
        let [counts @ .., final_equity] = COUNTS;
        columns.extend(counts.map(|name| of(name, CellKind::Integer)));
        columns.extend([final_equity, JOURNAL, ERROR].map(|name| of(name, CellKind::Text)));
        columns
    }

    /// The rows as columns.
    pub(crate) fn cells(&self, rows: &[Row]) -> Vec<Cells> {
        let texts = |of: &dyn Fn(&Row) -> Option<String>| Cells::Texts(rows.iter().map(of).collect());
        let mut columns = vec![
            Cells::Integers(rows.iter().map(|row| Some(row.index as i64)).collect()),
            texts(&|row| self.symbols.get(row.symbol as usize).cloned()),
        ];
        columns.extend(self.axes.iter().enumerate().map(|(at, axis)| param_cells(axis.kind, rows, at)));
        for number in 0..FIRST_COUNT {
            let of = |row: &Row| Some(row.numbers[number]).filter(|value| !value.is_nan());
            columns.push(Cells::Numbers(rows.iter().map(of).collect()));
        }
        for number in FIRST_COUNT..FINAL_EQUITY {
            columns.push(Cells::Integers(rows.iter().map(|row| Some(row.numbers[number] as i64)).collect()));
        }
        columns.push(texts(&|row| row.final_equity.clone()));
        columns.push(texts(&|row| row.journal.clone()));
        columns.push(texts(&|row| row.error.clone()));
        columns
    }

    /// The rows of columns that [`Self::cells`] made; `file` names them in errors.
    pub(crate) fn rows(&self, file: &str, columns: Vec<Cells>) -> Result<Vec<Row>, DataError> {
        let wrong =
            || DataError::Parquet { file: file.to_owned(), reason: "it has a row without its number".into() };
        let mut columns = columns.into_iter();
        let (Some(Cells::Integers(indices)), Some(Cells::Texts(symbols))) = (columns.next(), columns.next())
        else {
            return Err(wrong());
        };
        let mut rows = Vec::with_capacity(indices.len());
        for (index, symbol) in indices.into_iter().zip(symbols) {
            let symbol = symbol.and_then(|symbol| self.symbols.iter().position(|one| *one == symbol));
            let (Some(index), Some(symbol)) = (index, symbol) else { return Err(wrong()) };
            rows.push(Row {
                index: index as u64,
                symbol: symbol as u32,
                values: Vec::with_capacity(self.axes.len()),
                numbers: [f64::NAN; NUMBERS],
                final_equity: None,
                journal: None,
                error: None,
            });
        }
        for cells in columns.by_ref().take(self.axes.len()) {
            push_params(&mut rows, cells).ok_or_else(wrong)?;
        }
        for (number, cells) in columns.by_ref().take(FINAL_EQUITY).enumerate() {
            let mut set = |values: &mut dyn Iterator<Item = Option<f64>>| {
                for (row, value) in rows.iter_mut().zip(values) {
                    row.numbers[number] = value.unwrap_or(f64::NAN);
                }
            };
            match cells {
                Cells::Numbers(cells) => set(&mut cells.into_iter()),
                Cells::Integers(cells) => {
                    set(&mut cells.into_iter().map(|cell| cell.map(|cell| cell as f64)));
                }
                Cells::Flags(_) | Cells::Texts(_) => return Err(wrong()),
            }
        }
        let (Some(Cells::Texts(equities)), Some(Cells::Texts(journals)), Some(Cells::Texts(errors))) =
            (columns.next(), columns.next(), columns.next())
        else {
            return Err(wrong());
        };
        for (((row, equity), journal), error) in rows.iter_mut().zip(equities).zip(journals).zip(errors) {
            row.numbers[FINAL_EQUITY] =
                equity.as_ref().and_then(|digits| digits.parse().ok()).unwrap_or(f64::NAN);
            (row.final_equity, row.journal, row.error) = (equity, journal, error);
        }
        Ok(rows)
    }
}

const fn cell_kind(kind: ParamType) -> CellKind {
    match kind {
        ParamType::Flag => CellKind::Flag,
        ParamType::Integer => CellKind::Integer,
        ParamType::Number => CellKind::Number,
        ParamType::Text => CellKind::Text,
    }
}

fn param_cells(kind: ParamType, rows: &[Row], at: usize) -> Cells {
    let values = rows.iter().map(|row| &row.values[at]);
    match kind {
        ParamType::Flag => Cells::Flags(
            values.map(|value| if let ParamValue::Flag(flag) = value { Some(*flag) } else { None }).collect(),
        ),
        ParamType::Integer => Cells::Integers(
            values
                .map(|value| if let ParamValue::Integer(whole) = value { Some(*whole) } else { None })
                .collect(),
        ),
        ParamType::Number => Cells::Numbers(values.map(ParamValue::as_f64).collect()),
        ParamType::Text => Cells::Texts(values.map(|value| Some(value.to_string())).collect()),
    }
}

/// Adds the values of one axis; `None` where one is missing.
fn push_params(rows: &mut [Row], cells: Cells) -> Option<()> {
    let values: Vec<Option<ParamValue>> = match cells {
        Cells::Flags(cells) => cells.into_iter().map(|cell| cell.map(ParamValue::Flag)).collect(),
        Cells::Integers(cells) => cells.into_iter().map(|cell| cell.map(ParamValue::Integer)).collect(),
        Cells::Numbers(cells) => cells.into_iter().map(|cell| cell.map(ParamValue::Number)).collect(),
        Cells::Texts(cells) => cells.into_iter().map(|cell| cell.map(ParamValue::Text)).collect(),
    };
    for (row, value) in rows.iter_mut().zip(values) {
        row.values.push(value?);
    }
    Some(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::axis::Values;
    use rust_decimal::Decimal;

    pub(crate) fn layout(symbols: &[&str]) -> Layout {
        let range = Values::Range { first: Decimal::ONE, step: Decimal::ONE, count: 1_000 };
        let list = Values::List(vec![ParamValue::Flag(false), ParamValue::Flag(true)]);
        Layout {
            axes: vec![
                Axis { name: "trades".into(), kind: ParamType::Integer, values: range },
                Axis { name: "on".into(), kind: ParamType::Flag, values: list },
            ],
            symbols: symbols.iter().map(ToString::to_string).collect(),
        }
    }

    pub(crate) fn row(layout: &Layout, ordinal: u64) -> Row {
        let symbols = layout.symbols.len() as u64;
        let index = ordinal / symbols;
        let mut numbers: Numbers = std::array::from_fn(|at| ordinal as f64 + at as f64);
        numbers[3] = f64::NAN;
        numbers[FINAL_EQUITY] = ordinal as f64 + 0.5;
        Row {
            index,
            symbol: (ordinal % symbols) as u32,
            values: vec![ParamValue::Integer(index as i64 + 1), ParamValue::Flag(index % 2 == 1)],
            numbers,
            final_equity: Some(format!("{ordinal}.5")),
            journal: Some(format!("{ordinal:064x}")),
            error: ordinal.is_multiple_of(7).then(|| "trap: no".to_owned()),
        }
    }

    #[test]
    fn rows_come_back_from_their_columns() {
        let layout = layout(&["A", "B"]);
        let rows: Vec<Row> = (0..20).map(|ordinal| row(&layout, ordinal)).collect();
        let back = layout.rows("t", layout.cells(&rows)).unwrap();
        // NaN is not equal to itself.
        assert_eq!(format!("{back:?}"), format!("{rows:?}"));
        assert!(back.iter().map(|row| layout.ordinal(row)).eq(0..20));
        let names: Vec<String> = layout.columns().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names[..4], ["index", "symbol", "param.trades", "on"]);
        assert_eq!(names[names.len() - 3..], ["final_equity", "journal_sha256", "error"]);
    }
}
