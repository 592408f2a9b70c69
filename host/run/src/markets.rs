//! The markets of a run: which instruments, which bars of them, for which strategy.

use std::collections::{BTreeMap, BTreeSet};

use cryptobot_data::{Catalog, Instruments, SeriesReader, SeriesRequest, TouchedFile};
use cryptobot_features::StoredFeatures;
use cryptobot_model::{
    FundingRate, Instrument, InstrumentId, PluginInfo, SeriesId, SeriesInfo, SeriesSpec, Timeframe, Timestamp,
};
use cryptobot_plugin::Plugin;

use crate::bots::{LoadedBot, plugins};
use crate::config::{Bot, RunConfig};
use crate::error::RunError;
use crate::funding::Funding;
use crate::recordings::{Fills, RecordedSeries, Recordings};
use crate::spelled::Spelled;
use crate::supply::Supply;
use crate::{fees, funding, marks};

/// Symbol that is traded where none is named and it is there.
const USUAL_SYMBOL: &str = "BTCUSDT";

/// An instrument with its bars.
pub(crate) struct Market {
    pub(crate) instrument: Instrument,
    pub(crate) timeframe: Timeframe,
    pub(crate) expected_bars: u64,
    pub(crate) supply: Supply,
    pub(crate) funding: Vec<FundingRate>,
}

/// Everything a run reads.
pub(crate) struct Markets {
    pub(crate) list: Vec<Market>,
    /// Series of each bot.
    pub(crate) series: Vec<Vec<SeriesInfo>>,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// The shortest base timeframe of a bot, for reports.
    pub(crate) timeframe: Timeframe,
    pub(crate) synthetic: bool,
    /// The files that are read.
    pub(crate) touched: Vec<TouchedFile>,
    pub(crate) warnings: Vec<String>,
}

/// What a bot asks for at one symbol.
struct Wish {
    venue: String,
    symbols: Vec<String>,
    base: Timeframe,
    /// Role and timeframe of each of its series.
    series: Vec<(String, Timeframe)>,
}

/// Completes the configuration with the venues, symbols and timeframes that bots left open.
pub(crate) fn complete(config: &mut RunConfig, bots: &[LoadedBot]) -> Result<(), RunError> {
    let catalog = catalog(config)?;
    for bot in bots {
        let wish = wish(config, bot, &catalog)?;
        if let Some(entry) = config.bots.get_mut(&bot.name) {
            entry.venue = Some(wish.venue);
            entry.symbols = wish.symbols;
            entry.timeframe = Some(Spelled(wish.base));
        }
    }
    Ok(())
}

fn catalog(config: &RunConfig) -> Result<Catalog, RunError> {
    let needs_none = config.execution.fills != Fills::Bars && !config.execution.recordings.is_empty();
    // Files of messages stand anywhere; what is stored of the venue is used where it is there.
    Ok(if needs_none { Catalog::at(&config.data) } else { Catalog::open(&config.data)? })
}

/// Opens the bars of all bots; their configuration is [complete](complete).
pub(crate) fn open(config: &mut RunConfig, bots: &[LoadedBot]) -> Result<Markets, RunError> {
    let catalog = catalog(config)?;
    let wishes = bots.iter().map(|bot| wish(config, bot, &catalog)).collect::<Result<Vec<_>, _>>()?;
    let bases = base_timeframes(config, &wishes)?;
    let mut warnings = Vec::new();
    let (mut instruments, synthetic) = instruments(config, &catalog, &bases, &mut warnings)?;
    let read = if config.execution.fills == Fills::Bars {
        stored(config, &catalog, &bases, &instruments, &mut warnings)?
    } else {
        recorded(config, &catalog, &bases, &instruments, &mut warnings)?
    };
    let Read { series: bars, from, to, mut touched } = read;
    let funding = funding::open(config, &catalog, &mut instruments, (from, to), &mut warnings)?;
    touched.extend(funding.touched);
    let series = wishes.iter().map(|wish| series(&wish.venue, &wish.symbols, &wish.series, &instruments));
    let series = series.collect();
    let read = bars.into_iter().zip(funding.rates);
    let markets = instruments.into_iter().zip(bases.values()).zip(read);
    let market = |((instrument, timeframe), (bars, funding))| {
        let (timeframe, bars): (&Timeframe, Bars) = (timeframe, bars);
        let Bars { rows: expected_bars, supply } = bars;
        Market { instrument, timeframe: *timeframe, expected_bars, supply, funding }
    };
    Ok(Markets {
        list: markets.map(market).collect(),
        series,
        from,
        to,
        timeframe: wishes.iter().map(|wish| wish.base).min().unwrap_or(Timeframe::HOUR),
        synthetic,
        touched,
        warnings,
    })
}

/// The bars of an instrument.
struct Bars {
    rows: u64,
    supply: Supply,
}

/// The bars of all instruments.
struct Read {
    series: Vec<Bars>,
    from: Timestamp,
    to: Timestamp,
    touched: Vec<TouchedFile>,
}

/// Opens stored bars and mark prices.
fn stored(
    config: &mut RunConfig,
    catalog: &Catalog,
    bases: &BTreeMap<(String, String), Timeframe>,
    instruments: &[Instrument],
    warnings: &mut Vec<String>,
) -> Result<Read, RunError> {
    let readers = readers(config, catalog, bases, warnings)?;
    let from = readers.iter().map(SeriesReader::first_open).min().unwrap_or_default();
    let to = readers.iter().map(SeriesReader::last_close).max().unwrap_or_default();
    let marks = marks::open(catalog, instruments, &readers, warnings)?;
    let touched = readers.iter().chain(marks.iter().flatten()).flat_map(SeriesReader::touched).collect();
    let bars = |(reader, mark): (SeriesReader, Option<SeriesReader>)| Bars {
        rows: reader.expected_rows(),
        supply: Supply::Stored { bars: Box::new(reader), mark: mark.map(Box::new) },
    };
    Ok(Read { series: readers.into_iter().zip(marks).map(bars).collect(), from, to, touched })
}

/// The files that bots may be served features from besides bars: part of the run's identity whether they are used or not.
pub(crate) fn of_features(
    config: &RunConfig,
    features: &StoredFeatures,
    bots: &[LoadedBot],
    series: &[Vec<SeriesInfo>],
) -> Result<Vec<TouchedFile>, RunError> {
    let mut touched = Vec::new();
    let asking = |bot: &LoadedBot| plugins(bot).any(Plugin::wants_features);
    for (_, series) in bots.iter().zip(series).filter(|(bot, _)| asking(bot)) {
        for one in series {
            // Files of messages need no catalog.
            if config.execution.recordings.is_empty() || features.has(&one.venue, &one.symbol) {
                touched.extend(features.files(&one.venue, &one.symbol)?);
            }
        }
    }
    Ok(touched)
}

/// Opens recorded markets; bars are built of their trades.
fn recorded(
    config: &mut RunConfig,
    catalog: &Catalog,
    bases: &BTreeMap<(String, String), Timeframe>,
    instruments: &[Instrument],
    warnings: &mut Vec<String>,
) -> Result<Read, RunError> {
    check_funding(config, catalog, instruments)?;
    let recordings = Recordings::read(config, catalog, bases, instruments)?;
    let mut series = recordings.series(config)?;
    recordings.warnings(config, &series, warnings);
    let from = series.iter().map(|series| series.from).min().unwrap_or_default();
    let to = series.iter().map(|series| series.to).max().unwrap_or_default();
    (config.period.from, config.period.to) = (Some(Spelled(from)), Some(Spelled(to)));
    let touched = series.iter_mut().flat_map(|series| std::mem::take(&mut series.touched)).collect();
    let bars = |series: RecordedSeries| Bars { rows: series.bars, supply: series.supply };
    Ok(Read { series: series.into_iter().map(bars).collect(), from, to, touched })
}

/// Recorded markets have no funding rates: they are stored, or the configuration says what holds instead.
fn check_funding(config: &RunConfig, catalog: &Catalog, instruments: &[Instrument]) -> Result<(), RunError> {
    for Instrument { venue, symbol, .. } in instruments.iter().filter(|instrument| instrument.funding) {
        let stated = config.venues.get(venue).map(|venue| venue.funding.0).unwrap_or_default();
        let kinds = catalog.kinds(venue, symbol).unwrap_or_default();
        if stated == Funding::Required && !kinds.iter().any(|kind| kind == "funding") {
            let problem = format!(
                "no rates of {symbol} are stored, and recorded markets have none; say `none` or `assume:RATE`, or store them"
            );
            return Err(RunError::config(format!("venues.{venue}.funding"), problem));
        }
    }
    Ok(())
}

fn wish(config: &RunConfig, bot: &LoadedBot, catalog: &Catalog) -> Result<Wish, RunError> {
    let entry = &config.bots[&bot.name];
    let venue = match &entry.venue {
        Some(venue) => venue.clone(),
        None if config.execution.fills != Fills::Bars && !config.execution.recordings.is_empty() => {
            let problem = "say whose recording it is, for example binance-usdm";
            return Err(RunError::config("--venue", problem));
        }
        None => only_venue(catalog)?,
    };
    let symbols = match (entry.symbols.as_slice(), config.execution.recordings.keys().next()) {
        ([], Some(symbol)) if config.execution.recordings.len() == 1 => {
            vec![symbol.rsplit('/').next().unwrap_or(symbol).to_owned()]
        }
        ([], _) => vec![usual_symbol(catalog, &venue)?],
        (symbols, _) => unique(symbols),
    };
    let base = entry.timeframe.map_or(Timeframe::HOUR, |timeframe| timeframe.0);
    let series = timeframes(&bot.info, base)
        .map_err(|problem| RunError::config(format!("bots.{}.plugin", bot.name), problem))?;
    Ok(Wish { venue, symbols, base, series })
}

fn only_venue(catalog: &Catalog) -> Result<String, RunError> {
    let venues = catalog.venues()?;
    match <[String; 1]>::try_from(venues) {
        Ok([venue]) => Ok(venue),
        Err(venues) if venues.is_empty() => Err(RunError::NoData { root: catalog.root().to_owned() }),
        Err(venues) => {
            let problem = format!("there are data of several; choose one of {}", venues.join(", "));
            Err(RunError::config("--venue", problem))
        }
    }
}

fn usual_symbol(catalog: &Catalog, venue: &str) -> Result<String, RunError> {
    let symbols = catalog.symbols(venue)?;
    if let Ok([symbol]) = <&[String; 1]>::try_from(symbols.as_slice()) {
        return Ok(symbol.clone());
    }
    if symbols.iter().any(|symbol| symbol == USUAL_SYMBOL) {
        return Ok(USUAL_SYMBOL.to_owned());
    }
    Err(RunError::config("--symbol", format!("name one or more of {}", symbols.join(", "))))
}

fn unique(symbols: &[String]) -> Vec<String> {
    symbols.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The instruments of the run by (venue, symbol), each with the bars that orders are matched with: the longest ones
/// from which all bars that strategies ask for can be built, or those of `fill_timeframe`.
fn base_timeframes(
    config: &RunConfig,
    wishes: &[Wish],
) -> Result<BTreeMap<(String, String), Timeframe>, RunError> {
    let mut bases: BTreeMap<(String, String), i64> = BTreeMap::new();
    for wish in wishes {
        let nanos = wish.series.iter().map(|(_, timeframe)| timeframe.nanos()).fold(0, common_divisor);
        for symbol in &wish.symbols {
            let base = bases.entry((wish.venue.clone(), symbol.clone())).or_insert(0);
            *base = common_divisor(*base, nanos);
        }
    }
    let fill = config.execution.fill_timeframe.map(|timeframe| timeframe.0);
    let mut timeframes = BTreeMap::new();
    for (key, nanos) in bases {
        let coarsest = Timeframe::from_nanos(nanos).unwrap_or(Timeframe::MINUTE);
        let timeframe = match fill {
            Some(fill) if coarsest.divisible_by(fill) => fill,
            Some(fill) => {
                let problem = format!("bars of {coarsest} cannot be built from bars of {fill}");
                return Err(RunError::config("execution.fill_timeframe", problem));
            }
            None => coarsest,
        };
        timeframes.insert(key, timeframe);
    }
    Ok(timeframes)
}

fn common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

fn instruments(
    config: &RunConfig,
    catalog: &Catalog,
    bases: &BTreeMap<(String, String), Timeframe>,
    warnings: &mut Vec<String>,
) -> Result<(Vec<Instrument>, bool), RunError> {
    let (mut instruments, mut synthetic) = (Vec::with_capacity(bases.len()), false);
    for (venue, symbol) in bases.keys() {
        let of_venue = match config.execution.fills {
            Fills::Bars => catalog.instruments(venue)?,
            Fills::Trades | Fills::Depth => Instruments::below(&config.data, venue)?,
        };
        synthetic |= of_venue.synthetic();
        let resolved = of_venue.get(symbol)?;
        warnings.extend(resolved.warning);
        let mut instrument = resolved.instrument;
        fees::apply(config, &mut instrument);
        instruments.push(instrument);
    }
    Ok((instruments, synthetic))
}

/// Opens all series over the stated period, or over what all of them have.
fn readers(
    config: &mut RunConfig,
    catalog: &Catalog,
    bases: &BTreeMap<(String, String), Timeframe>,
    warnings: &mut Vec<String>,
) -> Result<Vec<SeriesReader>, RunError> {
    let open = |from, to| {
        bases
            .iter()
            .map(|((venue, symbol), timeframe)| {
                catalog.series(&SeriesRequest {
                    venue: venue.clone(),
                    symbol: symbol.clone(),
                    timeframe: *timeframe,
                    from,
                    to,
                    allow_gaps: config.allow_gaps,
                })
            })
            .collect::<Result<Vec<_>, _>>()
    };
    let stated = (config.period.from.map(|from| from.0), config.period.to.map(|to| to.0));
    let mut readers = open(stated.0, stated.1)?;
    let common = (
        stated.0.or(readers.iter().map(SeriesReader::first_open).max()),
        stated.1.or(readers.iter().map(SeriesReader::last_close).min()),
    );
    if common != stated && readers.len() > 1 {
        readers = open(common.0, common.1)?;
    }
    config.period.from = common.0.map(Spelled);
    config.period.to = common.1.map(Spelled);
    for reader in &readers {
        if let Some(missing) = reader.waived() {
            warnings.push(format!(
                "{}: {} missing bars in {} gaps were allowed",
                missing.series,
                missing.bars(),
                missing.runs.len()
            ));
        }
    }
    Ok(readers)
}

/// Role and timeframe of each series that a plugin asks for.
fn timeframes(info: &PluginInfo, base: Timeframe) -> Result<Vec<(String, Timeframe)>, String> {
    let one = |spec: &SeriesSpec| {
        let timeframe = match spec.timeframe_ns {
            None => base,
            Some(nanos) => Timeframe::from_nanos(nanos).ok_or_else(|| {
                format!("series `{}` has bars of {nanos} ns, which is no timeframe", spec.role)
            })?,
        };
        Ok((spec.role.clone(), timeframe))
    };
    info.series.iter().map(one).collect()
}

/// The series that another version of a bot's plugin asks for; the bot's configuration is complete.
pub(crate) fn series_of(
    bot: &Bot,
    info: &PluginInfo,
    instruments: &[Instrument],
) -> Result<Vec<SeriesInfo>, String> {
    let base = bot.timeframe.map_or(Timeframe::HOUR, |timeframe| timeframe.0);
    let venue = bot.venue.as_deref().unwrap_or_default();
    Ok(series(venue, &bot.symbols, &timeframes(info, base)?, instruments))
}

/// The series of a bot: for each of its symbols those that its plugin asks for.
fn series(
    venue: &str,
    symbols: &[String],
    asked_for: &[(String, Timeframe)],
    instruments: &[Instrument],
) -> Vec<SeriesInfo> {
    let mut series = Vec::new();
    for symbol in symbols {
        let is_it = |of: &Instrument| of.venue == venue && of.symbol == *symbol;
        let Some((index, instrument)) = instruments.iter().enumerate().find(|(_, of)| is_it(of)) else {
            continue;
        };
        for (role, timeframe) in asked_for {
            series.push(SeriesInfo {
                id: SeriesId::from(series.len()),
                role: role.clone(),
                instrument: InstrumentId::from(index),
                symbol: symbol.clone(),
                venue: venue.to_owned(),
                timeframe: *timeframe,
                tick: instrument.tick.to_f64(),
                lot: instrument.lot.to_f64(),
                min_notional: instrument.min_notional.to_f64(),
            });
        }
    }
    series
}
