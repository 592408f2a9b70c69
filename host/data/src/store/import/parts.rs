//! What is inside a foreign file: texts of rows, packed or not, or tables.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field as ParquetField;

use super::archive::{Entry, entries};
use super::feather::feather_rows;
use super::text::text_rows;
use crate::error::DataError;
use crate::file::guarded;

/// Names of an archive's files that a message shows at most.
const SHOWN: usize = 10;

/// One table of a foreign file.
pub(super) struct Part {
    /// Its name, for messages.
    pub name: String,
    content: Content,
}

enum Content {
    Text(Box<dyn BufRead>),
    Parquet(Box<SerializedFileReader<File>>),
    Feather(PathBuf),
}

/// One cell of a foreign row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field<'a> {
    Empty,
    Text(&'a str),
    Integer(i64),
    Number(f64),
    Flag(bool),
    /// A time in ms, of a column that says so.
    Time(i64),
}

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(value) | Self::Time(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Flag(value) => write!(f, "{value}"),
        }
    }
}

/// The tables of a file: more than one only in a zip archive, of which `only` names one.
pub(super) fn parts(path: &Path, only: Option<&str>) -> Result<Vec<Part>, DataError> {
    let name = path.display().to_string();
    let failed = |problem: String| DataError::Import { file: name.clone(), line: 0, problem };
    let mut file = File::open(path).map_err(DataError::io(path))?;
    let mut magic = Vec::new();
    file.by_ref().take(6).read_to_end(&mut magic).map_err(DataError::io(path))?;
    if magic.starts_with(b"PK") {
        return archived(path, &mut file, only).map_err(|error| match error {
            Unopened::Broken => failed(
                "is no whole zip archive with files that are stored or deflated; download it again"
                    .to_owned(),
            ),
            Unopened::Without(problem) => failed(problem),
            Unopened::Unread(error) => DataError::io(path)(error),
        });
    }
    if let Some(entry) = only {
        return Err(failed(format!("--entry {entry}: it is no zip archive")));
    }
    let file = || File::open(path).map_err(DataError::io(path));
    let content = if magic.starts_with(b"PAR1") {
        let file = file()?;
        Content::Parquet(Box::new(guarded(&name, || SerializedFileReader::new(file))?))
    } else if magic.starts_with(b"ARROW1") {
        Content::Feather(path.to_owned())
    } else if magic.starts_with(&[0x1f, 0x8b]) {
        Content::Text(Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file()?)))))
    } else {
        Content::Text(Box::new(BufReader::new(file()?)))
    };
    Ok(vec![Part { name, content }])
}

/// Why an archive gives no parts.
enum Unopened {
    Broken,
    Without(String),
    Unread(std::io::Error),
}

fn archived(path: &Path, file: &mut File, only: Option<&str>) -> Result<Vec<Part>, Unopened> {
    let all = entries(file).map_err(Unopened::Unread)?.ok_or(Unopened::Broken)?;
    let is_wanted = |entry: &&Entry| {
        only.is_none_or(|only| entry.name == only || entry.name.rsplit('/').next() == Some(only))
    };
    let wanted: Vec<&Entry> = all.iter().filter(is_wanted).collect();
    if let (Some(only), []) = (only, wanted.as_slice()) {
        let mut there: Vec<&str> = all.iter().map(|entry| entry.name.as_str()).take(SHOWN).collect();
        if all.len() > SHOWN {
            there.push("...");
        }
        return Err(Unopened::Without(format!("--entry {only}: not in it; there are {}", there.join(" "))));
    }
    let part = |entry: &Entry| {
        let text = entry.open(path).map_err(Unopened::Unread)?.ok_or(Unopened::Broken)?;
        let name = format!("{}:{}", path.display(), entry.name);
        Ok(Part { name, content: Content::Text(Box::new(BufReader::new(text))) })
    };
    wanted.into_iter().map(part).collect()
}

impl Part {
    /// Visits every row: its line from 1 on, the names of the columns where there are some, its cells.
    pub fn each_row(
        self,
        visit: impl FnMut(u64, Option<&[String]>, &[Field<'_>]) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        match self.content {
            Content::Parquet(reader) => parquet_rows(&self.name, &reader, visit),
            Content::Feather(path) => feather_rows(&path, visit),
            Content::Text(text) => text_rows(&self.name, text, visit),
        }
    }
}

fn parquet_rows(
    name: &str,
    reader: &SerializedFileReader<File>,
    mut visit: impl FnMut(u64, Option<&[String]>, &[Field<'_>]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let schema = reader.metadata().file_metadata().schema_descr();
    let header: Vec<String> =
        schema.root_schema().get_fields().iter().map(|of| of.name().to_owned()).collect();
    let mut rows = guarded(name, || reader.get_row_iter(None))?;
    let mut line = 0;
    while let Some(row) = guarded(name, || rows.next().transpose())? {
        line += 1;
        let fields: Vec<Field<'_>> = row.get_column_iter().map(|(_, field)| parquet_field(field)).collect();
        visit(line, Some(&header), &fields)?;
    }
    Ok(())
}

fn parquet_field(field: &ParquetField) -> Field<'_> {
    match field {
        ParquetField::Bool(value) => Field::Flag(*value),
        ParquetField::Byte(value) => Field::Integer(i64::from(*value)),
        ParquetField::Short(value) => Field::Integer(i64::from(*value)),
        ParquetField::Int(value) => Field::Integer(i64::from(*value)),
        ParquetField::Long(value) => Field::Integer(*value),
        ParquetField::TimestampMillis(value) => Field::Time(*value),
        ParquetField::TimestampMicros(value) => Field::Time(value.div_euclid(1_000)),
        ParquetField::UByte(value) => Field::Integer(i64::from(*value)),
        ParquetField::UShort(value) => Field::Integer(i64::from(*value)),
        ParquetField::UInt(value) => Field::Integer(i64::from(*value)),
        ParquetField::ULong(value) => i64::try_from(*value).map_or(Field::Empty, Field::Integer),
        ParquetField::Float(value) => Field::Number(f64::from(*value)),
        ParquetField::Double(value) => Field::Number(*value),
        ParquetField::Date(days) => Field::Time(i64::from(*days) * 86_400_000),
        ParquetField::Str(text) => Field::Text(text),
        _ => Field::Empty,
    }
}
