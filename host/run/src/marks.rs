//! The mark prices of a run, and what stands in for those that are not stored.

use std::collections::BTreeMap;

use cryptobot_data::{Catalog, SeriesReader};
use cryptobot_model::{Instrument, Timeframe};

use crate::error::RunError;

/// What a venue's warning says: the length of its shortest bars without mark prices, and their symbols.
type Unmarked = (Timeframe, Vec<String>);

/// Opens the mark prices over the bars of each instrument. Perpetuals without them, and holes in them, are warned of.
pub(crate) fn open(
    catalog: &Catalog,
    instruments: &[Instrument],
    readers: &[SeriesReader],
    warnings: &mut Vec<String>,
) -> Result<Vec<Option<SeriesReader>>, RunError> {
    let mut all = Vec::with_capacity(readers.len());
    let mut unmarked: BTreeMap<&str, Unmarked> = BTreeMap::new();
    for (instrument, bars) in instruments.iter().zip(readers) {
        let marks = catalog.marks(&instrument.venue, &instrument.symbol, bars)?;
        match &marks {
            Some(marks) => warnings.extend(holes(marks)),
            None if instrument.funding => {
                let (shortest, symbols) =
                    unmarked.entry(&instrument.venue).or_insert((bars.timeframe(), Vec::new()));
                *shortest = bars.timeframe().min(*shortest);
                symbols.push(instrument.symbol.clone());
            }
            None => {}
        }
        all.push(marks);
    }
    warnings.extend(unmarked.into_iter().map(|(venue, (length, symbols))| {
        format!(
            "{venue}: stops and liquidation watch the last price of {}: no mark prices of {length} or finer are stored \
             for the period",
            symbols.join(", ")
        )
    }));
    Ok(all)
}

fn holes(marks: &SeriesReader) -> Option<String> {
    let missing = marks.waived()?;
    let bars = missing.bars_of(marks.timeframe());
    Some(format!("{}: {bars} bars have no mark price; the last price stands in for it", missing.series))
}
