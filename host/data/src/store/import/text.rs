//! Texts of rows: CSV and JSON, read line by line and value by value.

use std::io::{self, BufRead, Read};

use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::Value;

use super::parts::Field;
use crate::error::DataError;

/// Longest line that is read, bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Visits every row of a text: its line from 1 on, the names of the columns where there are some, its cells.
pub(super) fn text_rows(
    name: &str,
    mut text: impl BufRead,
    visit: impl FnMut(u64, Option<&[String]>, &[Field<'_>]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let unreadable = |error: &io::Error| failed(name, 0, format!("cannot be read: {error}"));
    let mut begin = text.fill_buf().map_err(|error| unreadable(&error))?;
    let mark = if begin.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    begin = &begin[mark..];
    let json = begin.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| b"[{".contains(byte));
    text.consume(mark);
    if json { json_rows(name, text, visit) } else { csv_rows(name, text, visit) }
}

fn failed(name: &str, line: u64, problem: String) -> DataError {
    DataError::Import { file: name.to_owned(), line, problem }
}

fn csv_rows(
    name: &str,
    mut text: impl BufRead,
    mut visit: impl FnMut(u64, Option<&[String]>, &[Field<'_>]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut header: Option<Vec<String>> = None;
    let mut separator: Option<char> = None;
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let read = text.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
        if read.map_err(|error| failed(name, number, format!("cannot be read: {error}")))? == 0 {
            break;
        }
        let other = || failed(name, number, "is no CSV, JSON, Parquet, feather, gzip nor zip".to_owned());
        let line = std::str::from_utf8(&bytes).map_err(|_| other())?;
        if bytes.len() as u64 == LONGEST_LINE {
            return Err(other());
        }
        // Some sites put their address first.
        if line.trim().is_empty() || (separator.is_none() && line.starts_with("http")) {
            continue;
        }
        let count = |char: &char| line.matches(*char).count();
        let first = separator.is_none();
        let separator =
            *separator.get_or_insert_with(|| [',', ';', '\t'].into_iter().max_by_key(count).unwrap_or(','));
        let cells = line.trim_end_matches(['\n', '\r']).split(separator);
        let cells = cells.map(|cell| cell.trim().trim_matches('"'));
        if first && cells.clone().next().is_some_and(is_name) {
            header = Some(cells.map(str::to_owned).collect());
            continue;
        }
        let fields: Vec<Field<'_>> =
            cells.map(|cell| if cell.is_empty() { Field::Empty } else { Field::Text(cell) }).collect();
        visit(number, header.as_deref(), &fields)?;
    }
    Ok(())
}

fn is_name(cell: &str) -> bool {
    !cell.starts_with(|char: char| char.is_ascii_digit() || char == '-')
}

/// A list of lists, or a list of objects whose fields name the columns.
fn json_rows(
    name: &str,
    text: impl Read,
    visit: impl FnMut(u64, Option<&[String]>, &[Field<'_>]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut refused = None;
    let mut json = serde_json::Deserializer::from_reader(text);
    let rows = JsonRows { name, visit, refused: &mut refused };
    let read = json.deserialize_seq(rows).and_then(|()| json.end());
    if let Some(error) = refused {
        return Err(error);
    }
    read.map_err(|error| failed(name, error.line() as u64, error.to_string()))
}

/// Rows of a JSON list as they come.
struct JsonRows<'a, F> {
    name: &'a str,
    visit: F,
    refused: &'a mut Option<DataError>,
}

impl<'de, F> Visitor<'de> for JsonRows<'_, F>
where
    F: FnMut(u64, Option<&[String]>, &[Field<'_>]) -> Result<(), DataError>,
{
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut header: Option<Vec<String>> = None;
        let mut line = 0;
        while let Some(row) = list.next_element::<Value>()? {
            line += 1;
            let visited = match &row {
                Value::Array(cells) => {
                    let fields: Vec<Field<'_>> = cells.iter().map(json_field).collect();
                    (self.visit)(line, None, &fields)
                }
                Value::Object(cells) => {
                    let header = header.get_or_insert_with(|| cells.keys().cloned().collect());
                    let field = |name: &String| cells.get(name).map_or(Field::Empty, json_field);
                    let fields: Vec<Field<'_>> = header.iter().map(field).collect();
                    (self.visit)(line, Some(header), &fields)
                }
                _ => Err(failed(self.name, line, "is neither a list nor an object".to_owned())),
            };
            if let Err(error) = visited {
                *self.refused = Some(error);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
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
