//! `host data generate`.

use std::path::{Path, PathBuf};

use cryptobot_data::Catalog;
use cryptobot_data::sample::{self, Outcome};
use cryptobot_data::store::SeriesKind;
use cryptobot_data::synthetic::{OverlayRequest, Scenario, ScenarioRequest, Stress, generate, overlay};
use cryptobot_model::{Timeframe, Timestamp};
use cryptobot_run::ExitCode;

use crate::args::generate::{GenerateArguments, OverlayArguments};
use crate::commands::CommandError;
use crate::output::print;

/// Days of a scenario.
const DAYS: u32 = 30;
const DAY_NS: i64 = 86_400_000_000_000;

pub(super) fn run(arguments: &GenerateArguments) -> Result<ExitCode, CommandError> {
    match (&arguments.scenario, &arguments.overlay.stress) {
        (Some(scenario), _) => of_scenario(arguments, *scenario)?,
        (None, Some(name)) => of_overlay(arguments, name)?,
        (None, None) => of_sample(arguments.out.as_deref().unwrap_or(Path::new("data")), arguments.seed)?,
    }
    Ok(ExitCode::Done)
}

fn of_sample(out: &Path, seed: u64) -> Result<(), CommandError> {
    let what = match sample::ensure(out, seed)? {
        Outcome::Generated => "made",
        Outcome::Cached => "there already:",
        Outcome::Replaced => "made anew",
    };
    print(format_args!("{what} {} ({})", out.join(sample::VENUE).display(), sample::LABEL))?;
    Ok(())
}

fn of_scenario(arguments: &GenerateArguments, scenario: Scenario) -> Result<(), CommandError> {
    let from = arguments.from.unwrap_or(Timestamp::from_civil(2024, 1, 1));
    let days = i64::from(arguments.days.unwrap_or(DAYS));
    let timeframe = arguments.timeframe.unwrap_or(Timeframe::MINUTE);
    let mut kinds = arguments.kinds.clone();
    if kinds.is_empty() {
        kinds = vec![SeriesKind::Bars(timeframe), SeriesKind::Mark(timeframe), SeriesKind::Funding];
    }
    let mut symbols = arguments.symbols.clone();
    if symbols.is_empty() {
        symbols = sample::symbols().map(str::to_owned).to_vec();
    }
    let to = arguments.to.unwrap_or(from.plus(days.saturating_mul(DAY_NS)));
    let request = ScenarioRequest {
        scenario,
        symbols,
        from,
        to,
        kinds,
        seed: arguments.seed,
        correlation: arguments.correlation,
    };
    let out = folder(arguments, scenario.name());
    let made = generate(&request, &out)?;
    print(format_args!(
        "made {}: {} files, {} to {} ({})",
        out.display(),
        made.files.len(),
        from,
        to,
        made.label
    ))?;
    let is_traded = request.kinds.contains(&SeriesKind::AggTrades);
    for (symbol, path) in &made.recordings {
        let venue = sample::VENUE;
        let way = if is_traded {
            format!("--data {}", out.display())
        } else {
            format!("--recording {symbol}={}", path.display())
        };
        print(format_args!(
            "order book and trades of {symbol}, for runs with --fills depth --venue {venue} {way}"
        ))?;
    }
    Ok(())
}

fn of_overlay(arguments: &GenerateArguments, name: &str) -> Result<(), CommandError> {
    let of = &arguments.overlay;
    let (Some(on), Some(at)) = (of.on.clone(), of.at) else { return Err(CommandError::OverlayPlace) };
    let request = OverlayRequest {
        venue: venue(of, &on)?,
        on,
        symbols: arguments.symbols.clone(),
        stress: stress(of, name)?,
        at,
        from: arguments.from,
        to: arguments.to,
        kinds: arguments.kinds.clone(),
    };
    let out = folder(arguments, name);
    let made = overlay(&request, &out)?;
    print(format_args!("made {} ({})", out.display(), made.label))?;
    for (series, rows, changed) in &made.series {
        print(format_args!("{series}: {rows} rows, {changed} changed"))?;
    }
    for name in &made.left_out {
        print(format_args!("{name}: left out, no stress is put on it"))?;
    }
    Ok(())
}

fn folder(arguments: &GenerateArguments, name: &str) -> PathBuf {
    arguments.out.clone().unwrap_or_else(|| PathBuf::from(format!("data-{name}")))
}

/// The venue that was named, or the only one that there is.
fn venue(of: &OverlayArguments, on: &Path) -> Result<String, CommandError> {
    if let Some(venue) = &of.venue {
        return Ok(venue.clone());
    }
    match Catalog::open(on)?.venues()?.as_slice() {
        [venue] => Ok(venue.clone()),
        venues => Err(CommandError::Venue(venues.join(", "))),
    }
}

/// The stress of a name with the numbers that were given; those that it does not have are refused.
fn stress(of: &OverlayArguments, name: &str) -> Result<Stress, CommandError> {
    let mut stress = Stress::named(name).map_err(cryptobot_data::synthetic::SyntheticError::from)?;
    let OverlayArguments { fall, recovery, minutes, size, factor, .. } = of;
    let surplus = match &mut stress {
        Stress::FlashCrash { fall: of_fall, minutes: length, recovery: back } => {
            set(of_fall, *fall);
            set(length, *minutes);
            set(back, *recovery);
            [("--size", size.is_some()), ("--factor", factor.is_some())].to_vec()
        }
        Stress::Gap { size: of_size } => {
            set(of_size, *size);
            let others = [fall.is_some(), recovery.is_some(), minutes.is_some(), factor.is_some()];
            ["--fall", "--recovery", "--minutes", "--factor"].into_iter().zip(others).collect()
        }
        Stress::Volatility { factor: of_factor, minutes: length }
        | Stress::Drought { factor: of_factor, minutes: length } => {
            set(of_factor, *factor);
            set(length, *minutes);
            let others = [fall.is_some(), recovery.is_some(), size.is_some()];
            ["--fall", "--recovery", "--size"].into_iter().zip(others).collect()
        }
    };
    match surplus.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(CommandError::OverlayNumber { option, overlay: name.to_owned() }),
        None => Ok(stress),
    }
}

fn set<T>(place: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *place = value;
    }
}
