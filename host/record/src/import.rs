//! Tapes into the catalog.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use cryptobot_data::store::{Appended, CatalogWriter, SeriesId};
use cryptobot_feed::{MAGIC, TapeError, TapeReader};
use serde::Serialize;

use crate::RecordError;
use crate::rows::Waiting;

/// Rows of a series that are appended at a time.
const BATCH: usize = 500_000;

/// What was imported of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportedSeries {
    /// Venue.
    pub venue: String,
    /// Symbol.
    pub symbol: String,
    /// Kind.
    pub kind: String,
    /// What was stored.
    #[serde(flatten)]
    pub appended: Appended,
    /// Rows that were left out since they cannot be true.
    pub refused: u64,
}

/// Whether a file begins like a tape.
///
/// # Errors
/// It cannot be read.
pub fn is_tape(path: &Path) -> Result<bool, RecordError> {
    let failed = |source| RecordError::Open { path: path.to_owned(), source };
    let mut begin = Vec::new();
    File::open(path).map_err(failed)?.take(MAGIC.len() as u64).read_to_end(&mut begin).map_err(failed)?;
    Ok(begin == MAGIC)
}

/// Stores what a tape has of the series that `wanted` chooses. A tape that was cut off gives what was flushed.
///
/// # Errors
/// The tape cannot be read or was changed, has nothing to store, or the catalog refuses. What came before is stored.
pub fn import_tape(
    path: &Path,
    writer: &CatalogWriter,
    wanted: &dyn Fn(&SeriesId) -> bool,
    source: &str,
) -> Result<Vec<ImportedSeries>, RecordError> {
    let file = File::open(path).map_err(|source| RecordError::Open { path: path.to_owned(), source })?;
    let failed = |source: TapeError| RecordError::Read { path: path.to_owned(), source };
    let mut tape = TapeReader::new(BufReader::new(file)).map_err(failed)?;
    let mut series: Vec<Option<(Waiting, Appended)>> = Vec::new();
    for of in tape.series() {
        let waiting = Waiting::new(of)?.filter(|waiting| wanted(&waiting.id));
        series.push(waiting.map(|waiting| (waiting, Appended::default())));
    }
    let end = loop {
        let message = match tape.next_message() {
            Ok(Some(message)) => message,
            Ok(None) => break Ok(()),
            Err(error) => break Err(failed(error)),
        };
        let place = message.input.series().and_then(|place| series.get_mut(place as usize));
        let Some((waiting, appended)) = place.and_then(Option::as_mut) else { continue };
        waiting.push(message.ts_event, &message.input);
        if waiting.rows.len() >= BATCH {
            appended.join(waiting.store(writer, source)?);
        }
    };
    for (waiting, appended) in series.iter_mut().flatten() {
        appended.join(waiting.store(writer, source)?);
    }
    end?;
    let is_empty = |(_, of): &(Waiting, Appended)| of.added + of.identical + of.completed + of.restated == 0;
    if series.iter().flatten().all(is_empty) {
        let unnumbered = series.iter().flatten().any(|(waiting, _)| waiting.unnumbered);
        return Err(RecordError::Nothing { path: path.to_owned(), unnumbered });
    }
    let imported = |(waiting, appended): (Waiting, Appended)| {
        let (SeriesId { venue, symbol, kind }, refused) = (waiting.id, waiting.refused);
        ImportedSeries { venue, symbol, kind: kind.to_string(), appended, refused }
    };
    Ok(series.into_iter().flatten().map(imported).collect())
}
