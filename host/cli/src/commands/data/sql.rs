//! `host data sql`.

use std::io;

use comfy_table::CellAlignment;
use cryptobot_data::Catalog;
use cryptobot_run::ExitCode;
use cryptobot_sql::{Database, Preview, SqlError, preview, write_csv, write_file, write_json};

use crate::args::sql::{SqlArguments, SqlFormat};
use crate::commands::CommandError;
use crate::commands::run::interruption;
use crate::output::{complain, plain_table, print};

pub(super) fn run(arguments: &SqlArguments) -> Result<ExitCode, CommandError> {
    let stop = interruption();
    let database = Database::open(&Catalog::open(&arguments.data)?)?;
    let mut query = database.prepare(&arguments.query)?;
    if let Some(path) = &arguments.out {
        let rows = write_file(&mut query, path, &stop)?;
        print(format_args!("{}: {rows} rows", path.display()))?;
        return Ok(ExitCode::Done);
    }
    let written = match arguments.format {
        SqlFormat::Human => return show(&preview(&mut query, arguments.rows, &stop)?),
        SqlFormat::Json => write_json(&mut query, io::stdout().lock(), &stop),
        SqlFormat::Csv => write_csv(&mut query, io::stdout().lock(), &stop),
    };
    match written {
        // A reader that has seen enough (`host data sql … | head`) is no error.
        Err(SqlError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => drop(other?),
    }
    Ok(ExitCode::Done)
}

fn show(shown: &Preview) -> Result<ExitCode, CommandError> {
    let mut table = plain_table();
    table.set_header(&shown.columns);
    for row in &shown.rows {
        table.add_row(row);
    }
    for (index, _) in shown.numbers.iter().enumerate().filter(|(_, number)| **number) {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    print(table.trim_fmt())?;
    if shown.more {
        complain(format_args!(
            "the first {} rows; --rows N shows more, --format csv and --out FILE have all",
            shown.rows.len()
        ));
    }
    Ok(ExitCode::Done)
}
