//! The recorder.

use std::fs::OpenOptions;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use cryptobot_data::store::CatalogWriter;
use cryptobot_feed::{Arrival, Intake, Message, Series, TapeWriter};
use serde::Serialize;

use crate::RecordError;
use crate::rows::Waiting;

/// The file of a tape.
type TapeFile = BufWriter<std::fs::File>;

/// Records what a feed delivers.
///
/// Every arrival stands on the tape, where there is one, before its rows are collected. Nothing is in the catalog before
/// [`Recorder::commit`]; what was committed stays, whatever happens.
#[derive(Debug)]
pub struct Recorder {
    writer: Option<CatalogWriter>,
    source: String,
    tape: Option<PathBuf>,
    intake: Intake<TapeFile>,
    series: Vec<Counted>,
    waiting: usize,
    messages: u64,
}

/// A series, what waits of it, and what was recorded.
#[derive(Debug)]
struct Counted {
    of: Series,
    messages: u64,
    rows: u64,
    waiting: Option<Waiting>,
}

/// What was recorded.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// Messages of all series.
    pub messages: u64,
    /// Each series.
    pub series: Vec<RecordedSeries>,
    /// The tape.
    pub tape: Option<PathBuf>,
}

/// What was recorded of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordedSeries {
    /// Venue.
    pub venue: String,
    /// Symbol.
    pub symbol: String,
    /// Kind of the catalog; `quotes`, which it does not store.
    pub kind: String,
    /// Messages.
    pub messages: u64,
    /// Rows that were added to the catalog.
    pub rows: u64,
    /// Rows that were left out since they cannot be true.
    pub refused: u64,
    /// What is wrong with the last of them.
    pub refusal: Option<String>,
}

impl Recorder {
    /// Begins to record series: into a catalog where there is a writer, whose rows get `source` as their origin, and onto
    /// a new tape where a file is named.
    ///
    /// # Errors
    /// The tape exists already or cannot be made; a series has a name that the catalog does not take.
    pub fn begin(
        series: &[Series],
        writer: Option<CatalogWriter>,
        tape: Option<&Path>,
        source: &str,
    ) -> Result<Self, RecordError> {
        let begun = |path: &Path| {
            let failed = |source| RecordError::NewTape { path: path.to_owned(), source };
            let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
            TapeWriter::new(BufWriter::new(file), series).map_err(failed)
        };
        let counted = |of: &Series| {
            let waiting = if writer.is_some() { Waiting::new(of)? } else { None };
            Ok(Counted { of: of.clone(), messages: 0, rows: 0, waiting })
        };
        Ok(Self {
            series: series.iter().map(counted).collect::<Result<_, RecordError>>()?,
            writer,
            source: source.to_owned(),
            tape: tape.map(Path::to_owned),
            intake: Intake::new(tape.map(begun).transpose()?),
            waiting: 0,
            messages: 0,
        })
    }

    /// Takes an arrival and gives it its number.
    ///
    /// # Errors
    /// The tape cannot be written.
    pub fn admit(&mut self, arrival: Arrival) -> Result<Message, RecordError> {
        let message = self.intake.admit(arrival).map_err(tape_error(self.tape.as_deref()))?;
        let series = message.input.series().and_then(|series| self.series.get_mut(series as usize));
        if let Some(counted) = series {
            counted.messages += 1;
            self.messages += 1;
            if let Some(waiting) = &mut counted.waiting {
                let before = waiting.rows.len();
                waiting.push(message.ts_event, &message.input);
                self.waiting += waiting.rows.len() - before;
            }
        }
        Ok(message)
    }

    /// Rows that are not in the catalog yet.
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Messages so far.
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Puts the tape so far where a killed process cannot lose it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        self.intake.flush().map_err(tape_error(self.tape.as_deref()))
    }

    /// Appends the rows that wait to the catalog. They are on disk when this returns.
    ///
    /// # Errors
    /// The tape or the catalog cannot be written. What was stored before stays.
    pub fn commit(&mut self) -> Result<(), RecordError> {
        self.flush()?;
        let Some(writer) = &self.writer else { return Ok(()) };
        for counted in &mut self.series {
            let Some(waiting) = &mut counted.waiting else { continue };
            let rows = waiting.rows.len();
            counted.rows += waiting.store(writer, &self.source)?.added;
            self.waiting -= rows;
        }
        Ok(())
    }

    /// What was recorded so far.
    pub fn recorded(&self) -> Recorded {
        let series = |counted: &Counted| RecordedSeries {
            venue: counted.of.venue.clone(),
            symbol: counted.of.symbol.clone(),
            kind: kind(&counted.of),
            messages: counted.messages,
            rows: counted.rows,
            refused: counted.waiting.as_ref().map_or(0, |waiting| waiting.refused),
            refusal: counted.waiting.as_ref().and_then(|waiting| waiting.refusal.clone()),
        };
        let series = self.series.iter().map(series).collect();
        Recorded { messages: self.messages, series, tape: self.tape.clone() }
    }

    /// Commits what waits and closes the tape.
    ///
    /// # Errors
    /// The tape or the catalog cannot be written.
    pub fn finish(mut self) -> Result<Recorded, RecordError> {
        self.commit()?;
        let recorded = self.recorded();
        self.intake.finish().map_err(tape_error(self.tape.as_deref()))?;
        Ok(recorded)
    }
}

/// The kind of the catalog that a series is stored as.
fn kind(series: &Series) -> String {
    match Waiting::new(series) {
        Ok(Some(waiting)) => waiting.id.kind.to_string(),
        _ => "quotes".to_owned(),
    }
}

fn tape_error(path: Option<&Path>) -> impl FnOnce(std::io::Error) -> RecordError {
    let path = path.map(Path::to_owned).unwrap_or_default();
    move |source| RecordError::Tape { path, source }
}
