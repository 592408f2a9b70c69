//! Stored bars under a stress.

use cryptobot_model::{Instrument, Price, Quantity};

use super::stress::{Applied, Instant};
use crate::resample::divides;
use crate::store::{Cell, Rows, SeriesKind};

const OPEN: usize = 1;
const HIGH: usize = 2;
const LOW: usize = 3;
const CLOSE: usize = 4;
const VOLUME: usize = 5;
const QUOTE_VOLUME: usize = 6;
const TRADES: usize = 7;
const TAKER_BUY_VOLUME: usize = 8;

/// The grid that changed values are brought onto.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    tick: i128,
    lot: i128,
}

impl Grid {
    /// Prices of trades are on the tick, those of mark and index on the finest step that the host computes with.
    pub fn of(instrument: &Instrument, kind: SeriesKind) -> Self {
        let tick = if matches!(kind, SeriesKind::Bars(_)) { instrument.tick.units() } else { 1 };
        Self { tick: tick.max(1), lot: instrument.lot.units().max(1) }
    }

    /// The nearest price on the grid, a tick at least.
    pub fn price(&self, price: f64) -> f64 {
        let ticks = (price / Price::from_units(self.tick).to_f64()).round().max(1.0);
        Price::from_units(ticks as i128 * self.tick).to_f64()
    }

    /// The nearest quantity on the grid; what was above zero has a lot at least.
    fn quantity(&self, quantity: f64) -> f64 {
        let lots = (quantity / Quantity::from_units(self.lot).to_f64()).round();
        let lots = if quantity > 0.0 { lots.max(1.0) } else { lots };
        Quantity::from_units(lots as i128 * self.lot).to_f64()
    }
}

/// Rows of a kind, and how many of them are other ones than those stored.
pub(super) struct Changed {
    pub rows: Rows,
    pub count: u64,
}

/// The bars of a kind under a stress. What a bar's parts say counts: where all of them are in one of the `finer` kinds,
/// which are changed already, finest first, it is what they add up to.
pub(super) fn change(stored: &Rows, applied: &Applied, grid: Grid, finer: &[Rows]) -> Changed {
    let mut changed = Changed { rows: Rows::new(stored.kind()), count: 0 };
    let Some(length) = stored.kind().grid() else { return changed };
    for row in 0..stored.len() {
        let open_ms = stored.ts_ms(row);
        let close_ms = open_ms + length.millis();
        if !applied.touches(open_ms, close_ms) {
            changed.rows.copy(stored, row);
            continue;
        }
        let parts = finer.iter().find_map(|finer| add_up(finer, open_ms, close_ms, stored.kind()));
        let cells = parts.unwrap_or_else(|| stressed(stored, row, (open_ms, close_ms), applied, grid));
        let before = changed.rows.len();
        changed.rows.push(&cells);
        let columns = stored.kind().columns().len();
        let differs =
            (0..columns).any(|column| changed.rows.cell(before, column) != stored.cell(row, column));
        changed.count += u64::from(differs);
    }
    changed
}

/// One bar under a stress: the widest that it can be where it is not known when its extremes were.
fn stressed(
    stored: &Rows,
    row: usize,
    (open_ms, close_ms): (i64, i64),
    applied: &Applied,
    grid: Grid,
) -> Vec<Cell> {
    let number = |column| match stored.cell(row, column) {
        Cell::Number(value) => value,
        _ => 0.0,
    };
    let (begin, end) = (Instant { ts_ms: open_ms, is_end: false }, Instant { ts_ms: close_ms, is_end: true });
    let inside = applied.extreme_ms().filter(|ts_ms| (open_ms..close_ms).contains(ts_ms));
    let times = [Some(begin), inside.map(|ts_ms| Instant { ts_ms, is_end: false }), Some(end)];
    let at_all = |price: f64| times.into_iter().flatten().map(move |at| grid.price(applied.price(price, at)));

    let open = grid.price(applied.price(number(OPEN), begin));
    let close = grid.price(applied.price(number(CLOSE), end));
    let high = at_all(number(HIGH)).fold(open.max(close), f64::max);
    let low = at_all(number(LOW)).fold(open.min(close), f64::min);
    let mut cells: Vec<Cell> = vec![open_ms.into(), open.into(), high.into(), low.into(), close.into()];
    if matches!(stored.kind(), SeriesKind::Bars(_)) {
        let factor = applied.volume(open_ms, close_ms);
        cells.extend(volumes(stored, row, factor, close / number(CLOSE), grid));
    }
    cells
}

/// Volume, quote volume, trades and volume that takers bought, times a factor; the quote volume also times that of prices.
fn volumes(stored: &Rows, row: usize, factor: f64, of_price: f64, grid: Grid) -> [Cell; 4] {
    let scaled = |column, change: &dyn Fn(f64) -> f64| match stored.cell(row, column) {
        Cell::Number(value) => Cell::Number(change(value)),
        other => other,
    };
    let trades = match stored.cell(row, TRADES) {
        Cell::Integer(count) if count > 0 => Cell::Integer(((count as f64 * factor).round() as i64).max(1)),
        other => other,
    };
    let on_lot = |value: f64| if factor == 1.0 { value } else { grid.quantity(value * factor) };
    [
        scaled(VOLUME, &on_lot),
        scaled(QUOTE_VOLUME, &|value| value * factor * of_price),
        trades,
        scaled(TAKER_BUY_VOLUME, &on_lot),
    ]
}

/// The bar of `[open_ms, close_ms)` that the bars of a finer kind add up to; `None` unless all of them are there.
fn add_up(finer: &Rows, open_ms: i64, close_ms: i64, kind: SeriesKind) -> Option<Vec<Cell>> {
    let (step, whole) = (finer.kind().grid()?, kind.grid()?);
    let from = partition(finer, open_ms);
    let to = partition(finer, close_ms);
    if !divides(step, whole) || (to - from) as i64 * step.millis() != close_ms - open_ms {
        return None;
    }
    let number = |row, column| match finer.cell(row, column) {
        Cell::Number(value) => value,
        _ => 0.0,
    };
    let high = (from..to).map(|row| number(row, HIGH)).fold(f64::MIN, f64::max);
    let low = (from..to).map(|row| number(row, LOW)).fold(f64::MAX, f64::min);
    let mut cells: Vec<Cell> = vec![
        open_ms.into(),
        number(from, OPEN).into(),
        high.into(),
        low.into(),
        number(to - 1, CLOSE).into(),
    ];
    if matches!(kind, SeriesKind::Bars(_)) {
        cells.extend(
            [VOLUME, QUOTE_VOLUME, TRADES, TAKER_BUY_VOLUME].map(|column| sum(finer, from..to, column)),
        );
    }
    Some(cells)
}

/// The sum of a column; empty where one of the cells is.
fn sum(rows: &Rows, range: std::ops::Range<usize>, column: usize) -> Cell {
    range
        .map(|row| rows.cell(row, column))
        .reduce(|sum, cell| match (sum, cell) {
            (Cell::Number(a), Cell::Number(b)) => Cell::Number(a + b),
            (Cell::Integer(a), Cell::Integer(b)) => Cell::Integer(a + b),
            _ => Cell::Empty,
        })
        .unwrap_or(Cell::Empty)
}

/// The first row at or after a time.
pub(super) fn partition(rows: &Rows, ts_ms: i64) -> usize {
    let (mut low, mut high) = (0, rows.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if rows.ts_ms(middle) < ts_ms { low = middle + 1 } else { high = middle }
    }
    low
}
