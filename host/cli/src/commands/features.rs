//! `host features`.

use cryptobot_data::Catalog;
use cryptobot_features::{FeatureFile, Fit, Market, Plan, TableRequest, Wanted, Written, write_table};
use cryptobot_run::ExitCode;

use crate::args::Format;
use crate::args::features::FeatureArguments;
use crate::commands::CommandError;
use crate::output::print;

pub(super) fn run(arguments: FeatureArguments) -> Result<ExitCode, CommandError> {
    let mut wanted =
        Wanted { names: arguments.sets.clone(), higher: arguments.higher.clone(), own: Vec::new() };
    if let Some(file) = &arguments.features {
        wanted.extend(FeatureFile::read(file)?);
    }
    let plan = Plan::new(&wanted, arguments.timeframe)?;
    let format = arguments.format;
    let written = write_table(&request(arguments, plan)?)?;
    match format {
        Format::Json => print(serde_json::to_string(&written)?)?,
        Format::Human => print(told(&written))?,
    }
    Ok(ExitCode::Done)
}

fn request(arguments: FeatureArguments, plan: Plan) -> Result<TableRequest, CommandError> {
    let catalog = Catalog::open(&arguments.data)?;
    let venue = match (arguments.venue, catalog.venues()?) {
        (Some(venue), _) => venue,
        (None, mut venues) if venues.len() == 1 => venues.remove(0),
        (None, venues) => return Err(CommandError::Venue(venues.join(", "))),
    };
    let mut symbols = arguments.symbols;
    symbols.sort_unstable();
    symbols.dedup();
    let market = |symbol: String| Market {
        catalog: catalog.clone(),
        venue: venue.clone(),
        symbol,
        timeframe: arguments.timeframe,
        from: arguments.from,
        to: arguments.to,
        allow_gaps: arguments.allow_gaps,
    };
    let fit = arguments.scaler.zip(arguments.fit_until);
    Ok(TableRequest {
        markets: symbols.into_iter().map(market).collect(),
        plan,
        fit: fit.map(|(scaling, until)| Fit { scaling: scaling.into(), until }),
        out: arguments.out,
    })
}

fn told(written: &Written) -> String {
    let schema = &written.schema;
    let columns = schema.schema.columns.len();
    let mut lines = vec![
        format!(
            "{}: {} rows of {columns} columns, {} of them without an empty cell",
            written.file.display(),
            written.rows,
            written.complete_rows
        ),
        format!("{}: schema {}", written.schema_file.display(), schema.sha256),
        format!("columns of bars have values from row {} on", schema.warmup_rows),
    ];
    lines.extend(schema.fitted.as_ref().map(|fitted| {
        format!("scaled as fitted on {} rows, {} to {}", fitted.rows, fitted.from, fitted.until)
    }));
    lines.join("\n")
}
