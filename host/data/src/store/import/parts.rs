//! What is inside a foreign file: texts of rows, packed or not, or a Parquet table.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use flate2::Crc;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field as ParquetField;
use serde_json::Value;

use crate::error::DataError;
use crate::file::guarded;

/// Largest text that is unpacked, bytes.
const LARGEST: u64 = 16 << 30;

/// One table of a foreign file.
pub(super) struct Part {
    /// Its name, for messages.
    pub name: String,
    content: Content,
}

enum Content {
    Text(Vec<u8>),
    Parquet(SerializedFileReader<File>),
}

/// One cell of a foreign row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field<'a> {
    Empty,
    Text(&'a str),
    Integer(i64),
    Number(f64),
    Flag(bool),
}

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Flag(value) => write!(f, "{value}"),
        }
    }
}

/// The tables of a file: more than one only in a zip archive.
pub(super) fn parts(path: &Path) -> Result<Vec<Part>, DataError> {
    let name = path.display().to_string();
    let failed =
        |problem: &str| DataError::Import { file: name.clone(), line: 0, problem: problem.to_owned() };
    let mut file = File::open(path).map_err(DataError::io(path))?;
    let mut magic = Vec::new();
    file.by_ref().take(6).read_to_end(&mut magic).map_err(DataError::io(path))?;
    if magic.starts_with(b"PAR1") {
        let file = File::open(path).map_err(DataError::io(path))?;
        let reader = guarded(&name, || SerializedFileReader::new(file))?;
        return Ok(vec![Part { name, content: Content::Parquet(reader) }]);
    }
    if magic.starts_with(b"ARROW1") {
        return Err(failed(
            "feather files are not read; fix: python -c \"import pandas; pandas.read_feather('IN').to_parquet('OUT')\"",
        ));
    }
    let bytes = fs::read(path).map_err(DataError::io(path))?;
    if magic.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        let unpacked = MultiGzDecoder::new(&bytes[..]).take(LARGEST).read_to_end(&mut text);
        unpacked.map_err(|error| failed(&format!("cannot be unpacked: {error}")))?;
        return Ok(vec![Part { name, content: Content::Text(text) }]);
    }
    if magic.starts_with(b"PK") {
        let entries = unzip(&bytes).ok_or_else(|| {
            failed("is no whole zip archive with files of less than 4 GiB, stored or deflated; download it again")
        })?;
        return Ok(entries
            .into_iter()
            .map(|(entry, text)| Part { name: format!("{name}:{entry}"), content: Content::Text(text) })
            .collect());
    }
    Ok(vec![Part { name, content: Content::Text(bytes) }])
}

/// The files of a zip archive with their sums verified; `None` = it is damaged or of a kind that is not read.
fn unzip(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let at = |from: usize, length: usize| bytes.get(from..from.checked_add(length)?);
    let short = |from: usize| Some(usize::from(u16::from_le_bytes(at(from, 2)?.try_into().ok()?)));
    let long = |from: usize| Some(u32::from_le_bytes(at(from, 4)?.try_into().ok()?) as usize);
    // The end of the directory stands in the last bytes, before a comment of at most 65535.
    let end = (bytes.len().saturating_sub(65_557)..bytes.len())
        .rev()
        .find(|&from| at(from, 4) == Some(b"PK\x05\x06"))?;
    let (count, mut entry) = (short(end + 10)?, long(end + 16)?);
    let mut files = Vec::new();
    for _ in 0..count {
        if at(entry, 4)? != b"PK\x01\x02" {
            return None;
        }
        let (method, crc) = (short(entry + 10)?, long(entry + 16)?);
        let (packed, size, local) = (long(entry + 20)?, long(entry + 24)?, long(entry + 42)?);
        let name_length = short(entry + 28)?;
        let name = String::from_utf8_lossy(at(entry + 46, name_length)?).into_owned();
        let begin = local + 30 + short(local + 26)? + short(local + 28)?;
        let data = at(begin, packed)?;
        let mut text = Vec::new();
        match method {
            0 => text.extend_from_slice(data),
            8 => {
                DeflateDecoder::new(data).take(size as u64 + 1).read_to_end(&mut text).ok()?;
            }
            _ => return None,
        }
        let mut sum = Crc::new();
        sum.update(&text);
        if text.len() != size || sum.sum() as usize != crc {
            return None;
        }
        if !name.ends_with('/') {
            files.push((name, text));
        }
        entry += 46 + name_length + short(entry + 30)? + short(entry + 32)?;
    }
    Some(files)
}

impl Part {
    /// Visits every row: its line from 1 on, the names of the columns where there are some, its cells.
    pub fn each_row(
        self,
        visit: impl FnMut(u64, Option<&[String]>, &[Field<'_>]) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        match self.content {
            Content::Parquet(reader) => parquet_rows(&self.name, &reader, visit),
            Content::Text(text) => {
                let text = std::str::from_utf8(&text).map_err(|_| DataError::Import {
                    file: self.name.clone(),
                    line: 0,
                    problem: "is neither CSV, JSON, Parquet, gzip nor zip".to_owned(),
                })?;
                let text = text.trim_start_matches('\u{feff}');
                if text.trim_start().starts_with(['[', '{']) {
                    json_rows(&self.name, text, visit)
                } else {
                    csv_rows(text, visit)
                }
            }
        }
    }
}

fn csv_rows(
    text: &str,
    mut visit: impl FnMut(u64, Option<&[String]>, &[Field<'_>]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut header: Option<Vec<String>> = None;
    let mut separator: Option<char> = None;
    for (index, line) in text.lines().enumerate() {
        // Some sites put their address first.
        if line.trim().is_empty() || (separator.is_none() && line.starts_with("http")) {
            continue;
        }
        let count = |char: &char| line.matches(*char).count();
        let first = separator.is_none();
        let separator =
            *separator.get_or_insert_with(|| [',', ';', '\t'].into_iter().max_by_key(count).unwrap_or(','));
        let cells = line.split(separator).map(|cell| cell.trim().trim_matches('"'));
        if first && cells.clone().next().is_some_and(is_name) {
            header = Some(cells.map(str::to_owned).collect());
            continue;
        }
        let fields: Vec<Field<'_>> =
            cells.map(|cell| if cell.is_empty() { Field::Empty } else { Field::Text(cell) }).collect();
        visit(index as u64 + 1, header.as_deref(), &fields)?;
    }
    Ok(())
}

fn is_name(cell: &str) -> bool {
    !cell.starts_with(|char: char| char.is_ascii_digit() || char == '-')
}

/// A list of lists, or a list of objects whose fields name the columns.
fn json_rows(
    name: &str,
    text: &str,
    mut visit: impl FnMut(u64, Option<&[String]>, &[Field<'_>]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let failed = |line: u64, problem: String| DataError::Import { file: name.to_owned(), line, problem };
    let rows: Vec<Value> =
        serde_json::from_str(text).map_err(|error| failed(error.line() as u64, error.to_string()))?;
    let mut header: Option<Vec<String>> = None;
    for (index, row) in rows.iter().enumerate() {
        let line = index as u64 + 1;
        let fields: Vec<Field<'_>> = match row {
            Value::Array(cells) => cells.iter().map(json_field).collect(),
            Value::Object(cells) => {
                let header = header.get_or_insert_with(|| cells.keys().cloned().collect());
                header.iter().map(|name| cells.get(name).map_or(Field::Empty, json_field)).collect()
            }
            _ => return Err(failed(line, "is neither a list nor an object".to_owned())),
        };
        visit(line, header.as_deref(), &fields)?;
    }
    Ok(())
}

fn json_field(value: &Value) -> Field<'_> {
    match value {
        Value::String(text) => Field::Text(text),
        Value::Bool(value) => Field::Flag(*value),
        Value::Number(number) => match number.as_i64() {
            Some(value) => Field::Integer(value),
            None => number.as_f64().map_or(Field::Empty, Field::Number),
        },
        _ => Field::Empty,
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
        ParquetField::Long(value)
        | ParquetField::TimestampMillis(value)
        | ParquetField::TimestampMicros(value) => Field::Integer(*value),
        ParquetField::UByte(value) => Field::Integer(i64::from(*value)),
        ParquetField::UShort(value) => Field::Integer(i64::from(*value)),
        ParquetField::UInt(value) => Field::Integer(i64::from(*value)),
        ParquetField::ULong(value) => i64::try_from(*value).map_or(Field::Empty, Field::Integer),
        ParquetField::Float(value) => Field::Number(f64::from(*value)),
        ParquetField::Double(value) => Field::Number(*value),
        ParquetField::Date(days) => Field::Integer(i64::from(*days) * 86_400_000),
        ParquetField::Str(text) => Field::Text(text),
        _ => Field::Empty,
    }
}
