//! Tables of features as Parquet, with their schema beside them and inside.

use std::fs;
use std::path::{Path, PathBuf};

use cryptobot_data::table::{CellKind, Cells, TableWriter};
use cryptobot_indicators::{Scaler, ScalerError, Scaling};
use cryptobot_model::Timestamp;
use serde::Serialize;

use crate::error::FeatureError;
use crate::market::Market;
use crate::plan::Plan;
use crate::rows::FeatureRows;
use crate::schema::{Fitted, SchemaDocument};

/// The entry of the footer that carries the schema.
const NOTE: &str = "cryptobot.features";
/// Rows of a group of the file.
const GROUP_ROWS: usize = 131_072;

/// A table that is wanted.
#[derive(Clone, Debug)]
pub struct TableRequest {
    /// The symbols over their periods, all of one timeframe.
    pub markets: Vec<Market>,
    /// The columns.
    pub plan: Plan,
    /// How the columns are scaled.
    pub fit: Option<Fit>,
    /// The file to write.
    pub out: PathBuf,
}

/// A scaler to be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// How it scales.
    pub scaling: Scaling,
    /// It is fitted on the rows whose bars closed at this time or before.
    pub until: Timestamp,
}

/// A table that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// The table.
    pub file: PathBuf,
    /// The schema beside it.
    pub schema_file: PathBuf,
    /// Number of rows.
    pub rows: u64,
    /// Rows without any empty cell.
    pub complete_rows: u64,
    /// What the columns are.
    pub schema: SchemaDocument,
}

/// Computes a table and writes it, and its schema as JSON beside it. Of several symbols the rows of one follow those of
/// the other, and a column `symbol` tells them apart. The files are whole or not there.
pub fn write_table(request: &TableRequest) -> Result<Written, FeatureError> {
    let scaler = request.fit.map(|fit| fitted(request, fit)).transpose()?;
    let schema = request.plan.schema().document(scaler.clone());
    let json = serde_json::to_string_pretty(&schema).unwrap_or_default();
    let schema_file = beside(&request.out);
    let several = request.markets.len() > 1;
    let mut columns = vec![("ts".to_owned(), CellKind::Integer)];
    columns.extend(several.then(|| ("symbol".to_owned(), CellKind::Text)));
    columns.extend(request.plan.names().map(|name| (name.to_owned(), CellKind::Number)));
    let mut table = TableWriter::create(&request.out, &columns)?;
    table.note(NOTE, json.clone());
    let counted = fill(request, scaler.map(|(scaler, _)| scaler).as_ref(), &mut table);
    let (rows, complete_rows) = match counted {
        Ok(counted) => counted,
        Err(error) => {
            table.discard();
            return Err(error);
        }
    };
    let unwritable = |source| FeatureError::Write { path: schema_file.clone(), source };
    fs::write(&schema_file, json + "\n").map_err(unwritable)?;
    table.finish()?;
    Ok(Written { file: request.out.clone(), schema_file, rows, complete_rows, schema })
}

/// `features.parquet` has its schema in `features.schema.json`.
fn beside(table: &Path) -> PathBuf {
    table.with_extension("schema.json")
}

/// Visits all rows, symbol by symbol and block by block.
fn each_block(
    request: &TableRequest,
    mut visit: impl FnMut(&Market, &[i64], &mut [f64]) -> Result<bool, FeatureError>,
) -> Result<(), FeatureError> {
    let (mut open_ms, mut values) = (Vec::new(), Vec::new());
    for market in &request.markets {
        let mut rows = FeatureRows::open(market, &request.plan)?;
        loop {
            rows.next_rows(&mut open_ms, &mut values)?;
            if open_ms.is_empty() || !visit(market, &open_ms, &mut values)? {
                break;
            }
        }
    }
    Ok(())
}

/// Fits a scaler on the rows before its end; the table is computed once more for that.
fn fitted(request: &TableRequest, fit: Fit) -> Result<(Scaler, Fitted), FeatureError> {
    let (width, length) = (request.plan.names().count(), request.plan.timeframe.millis());
    let (mut training, mut first) = (Vec::new(), None::<i64>);
    each_block(request, |_, open_ms, values| {
        let rows = open_ms.partition_point(|open_ms| open_ms + length <= fit.until.millis());
        if rows > 0 {
            first = Some(first.map_or(open_ms[0], |first| first.min(open_ms[0])));
        }
        training.extend_from_slice(&values[..rows * width]);
        Ok(rows == open_ms.len())
    })?;
    let Some(first) = first else {
        let problem = format!("no row closes before {}; give a later time", fit.until);
        return Err(FeatureError::Usage { field: "--fit-until", problem });
    };
    let scaler = Scaler::fit(fit.scaling, &training, width).map_err(|error| named(request, error))?;
    let symbols: Vec<String> = request.markets.iter().map(|market| market.symbol.clone()).collect();
    let from = Timestamp::from_millis(first + length);
    Ok((scaler, Fitted::new(&symbols, from, fit.until, (training.len() / width) as u64)))
}

/// An error of a scaler with the name of the column.
fn named(request: &TableRequest, error: ScalerError) -> FeatureError {
    match error {
        ScalerError::Empty { column } => {
            let name = request.plan.names().nth(column).unwrap_or_default();
            let problem =
                format!("`{name}` has no value before that time; give a later one, after its warm-up");
            FeatureError::Usage { field: "--fit-until", problem }
        }
        error @ ScalerError::Shape { .. } => error.into(),
    }
}

/// Writes all rows; answers how many, and how many of them are complete.
fn fill(
    request: &TableRequest,
    scaler: Option<&Scaler>,
    table: &mut TableWriter,
) -> Result<(u64, u64), FeatureError> {
    let (several, width) = (request.markets.len() > 1, request.plan.names().count());
    let mut group = Buffer::new(width);
    let (mut rows, mut complete) = (0, 0);
    each_block(request, |market, open_ms, values| {
        if let Some(scaler) = scaler {
            scaler.apply(values)?;
        }
        rows += open_ms.len() as u64;
        let all_there = |row: &&[f64]| row.iter().all(|value| !value.is_nan());
        complete += values.chunks_exact(width).filter(all_there).count() as u64;
        group.add(several.then_some(market.symbol.as_str()), open_ms, values);
        if group.times.len() >= GROUP_ROWS {
            table.group(&group.take())?;
        }
        Ok(true)
    })?;
    if !group.times.is_empty() {
        table.group(&group.take())?;
    }
    Ok((rows, complete))
}

/// Rows of a group that is being filled, by columns.
struct Buffer {
    times: Vec<Option<i64>>,
    symbols: Vec<Option<String>>,
    columns: Vec<Vec<Option<f64>>>,
}

impl Buffer {
    fn new(width: usize) -> Self {
        Self { times: Vec::new(), symbols: Vec::new(), columns: vec![Vec::new(); width] }
    }

    fn add(&mut self, symbol: Option<&str>, open_ms: &[i64], values: &[f64]) {
        self.times.extend(open_ms.iter().copied().map(Some));
        if let Some(symbol) = symbol {
            self.symbols.resize(self.times.len(), Some(symbol.to_owned()));
        }
        let width = self.columns.len();
        for (index, column) in self.columns.iter_mut().enumerate() {
            let cells = values.iter().skip(index).step_by(width);
            column.extend(cells.map(|value| (!value.is_nan()).then_some(*value)));
        }
    }

    fn take(&mut self) -> Vec<Cells> {
        let mut cells = vec![Cells::Integers(std::mem::take(&mut self.times))];
        if !self.symbols.is_empty() {
            cells.push(Cells::Texts(std::mem::take(&mut self.symbols)));
        }
        cells.extend(self.columns.iter_mut().map(|column| Cells::Numbers(std::mem::take(column))));
        cells
    }
}
