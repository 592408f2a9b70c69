//! Feather files (Arrow IPC), as freqtrade and pandas write them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_ipc::reader::FileReader;
use arrow_schema::{ArrowError, DataType, TimeUnit};
use parquet::errors::ParquetError;

use super::parts::Field;
use crate::error::DataError;
use crate::file::guarded;

/// Visits every row, batch by batch.
pub(super) fn feather_rows(
    path: &Path,
    mut visit: impl FnMut(u64, Option<&[String]>, &[Field<'_>]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(DataError::io(path))?;
    let mut reader = decode(&name, || FileReader::try_new(BufReader::new(file), None))?;
    let header: Vec<String> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut line = 0;
    while let Some(batch) = decode(&name, || reader.next().transpose())? {
        for row in 0..batch.num_rows() {
            line += 1;
            let fields: Vec<Field<'_>> = batch.columns().iter().map(|cells| field(cells, row)).collect();
            visit(line, Some(&header), &fields)?;
        }
    }
    Ok(())
}

/// Runs the decoder, which may panic on garbage as that of Parquet may.
fn decode<T>(name: &str, read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, DataError> {
    let decoded = guarded(name, || read().map_err(|error| ParquetError::General(error.to_string())));
    decoded.map_err(|error| match error {
        DataError::Parquet { file, reason } => {
            let problem = format!("is no readable feather file ({reason}); write it again");
            DataError::Import { file, line: 0, problem }
        }
        other => other,
    })
}

fn field(cells: &dyn Array, row: usize) -> Field<'_> {
    if cells.is_null(row) {
        return Field::Empty;
    }
    match cells.data_type() {
        DataType::Boolean => Field::Flag(cells.as_boolean().value(row)),
        DataType::Int8 => Field::Integer(value::<Int8Type>(cells, row).into()),
        DataType::Int16 => Field::Integer(value::<Int16Type>(cells, row).into()),
        DataType::Int32 => Field::Integer(value::<Int32Type>(cells, row).into()),
        DataType::Int64 => Field::Integer(value::<Int64Type>(cells, row)),
        DataType::UInt8 => Field::Integer(value::<UInt8Type>(cells, row).into()),
        DataType::UInt16 => Field::Integer(value::<UInt16Type>(cells, row).into()),
        DataType::UInt32 => Field::Integer(value::<UInt32Type>(cells, row).into()),
        DataType::UInt64 => {
            i64::try_from(value::<UInt64Type>(cells, row)).map_or(Field::Empty, Field::Integer)
        }
        DataType::Float32 => Field::Number(value::<Float32Type>(cells, row).into()),
        DataType::Float64 => Field::Number(value::<Float64Type>(cells, row)),
        DataType::Utf8 => Field::Text(cells.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Field::Text(cells.as_string::<i64>().value(row)),
        DataType::Date32 => {
            Field::Time(i64::from(value::<Date32Type>(cells, row)).saturating_mul(86_400_000))
        }
        DataType::Timestamp(unit, _) => Field::Time(match unit {
            TimeUnit::Second => value::<TimestampSecondType>(cells, row).saturating_mul(1_000),
            TimeUnit::Millisecond => value::<TimestampMillisecondType>(cells, row),
            TimeUnit::Microsecond => value::<TimestampMicrosecondType>(cells, row).div_euclid(1_000),
            TimeUnit::Nanosecond => value::<TimestampNanosecondType>(cells, row).div_euclid(1_000_000),
        }),
        _ => Field::Empty,
    }
}

fn value<T: ArrowPrimitiveType>(cells: &dyn Array, row: usize) -> T::Native {
    cells.as_primitive::<T>().value(row)
}
