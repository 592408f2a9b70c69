//! The tables `series` and `instruments`, filled when a query reads them.

use cryptobot_data::store::SeriesId;
use cryptobot_data::{Catalog, Instruments};
use cryptobot_model::Timestamp;
use rusqlite::{Connection, params};

use crate::error::SqlError;
use crate::names::{INSTRUMENTS, Names, SERIES, table};

/// Makes both tables, empty.
pub(crate) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "CREATE TABLE series({}); CREATE TABLE instruments({});",
        SERIES.join(", "),
        INSTRUMENTS.join(", ")
    ))
}

/// Fills `series`: what is stored, from the footers of the files. A file that cannot be read counts as no rows.
pub(crate) fn fill_series(
    connection: &Connection,
    catalog: &Catalog,
    all: &[SeriesId],
    names: &Names,
) -> Result<(), SqlError> {
    let failed = |error| SqlError::of(error, "", names);
    let mut insert = connection
        .prepare("INSERT INTO series VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
        .map_err(failed)?;
    for id in all {
        let kind = id.kind.to_string();
        let stored = catalog.coverage(&id.venue, &id.symbol, &kind).ok();
        let time = |at: Timestamp| at.to_string();
        let view = names.views().find(|(_, of)| *of == id).map(|(name, _)| name);
        let row = params![
            id.venue,
            id.symbol,
            kind,
            table(id.kind),
            view,
            stored.as_ref().map_or(0, |stored| stored.rows as i64),
            stored.as_ref().map(|stored| time(stored.first)),
            stored.as_ref().map(|stored| time(stored.last)),
            catalog.files_of(id)?.len() as i64,
        ];
        insert.execute(row).map_err(failed)?;
    }
    Ok(())
}

/// Fills `instruments`: grid and costs of every symbol that is stored, as a run would take them.
pub(crate) fn fill_instruments(
    connection: &Connection,
    catalog: &Catalog,
    names: &Names,
) -> Result<(), SqlError> {
    let failed = |error| SqlError::of(error, "", names);
    let mut insert = connection
        .prepare("INSERT INTO instruments VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
        .map_err(failed)?;
    for venue in catalog.venues()? {
        let instruments = Instruments::below(catalog.root(), &venue)?;
        for symbol in catalog.symbols(&venue)? {
            let of = instruments.get(&symbol)?.instrument;
            let number = |text: String| text.parse::<f64>().ok();
            let row = params![
                venue,
                symbol,
                number(of.tick.to_string()),
                number(of.lot.to_string()),
                number(of.min_notional.to_string()),
                number(of.maker_fee.to_string()),
                number(of.taker_fee.to_string()),
                of.funding,
            ];
            insert.execute(row).map_err(failed)?;
        }
    }
    Ok(())
}
