//! Which column of a foreign file is which.

use cryptobot_model::Timeframe;

use super::ImportOptions;
use crate::store::kind::{CellType, ColumnSpec, SeriesKind, ValueRange};

/// Where each column of the kind stands in the file.
pub(super) type Places = Vec<Option<usize>>;

/// Names that exchanges and programs give a column, in lower case, without spaces and underscores.
const NAMES: [(&str, &[&str]); 27] = [
    (
        "ts",
        &[
            "opentime",
            "timestamp",
            "time",
            "date",
            "datetime",
            "unix",
            "unixtimestamp",
            "calctime",
            "transacttime",
            "createtime",
            "fundingtime",
        ],
    ),
    ("open", &["o"]),
    ("high", &["h"]),
    ("low", &["l"]),
    ("close", &["c"]),
    ("volume", &["v", "vol", "basevolume"]),
    ("quote_volume", &["quoteassetvolume", "turnover"]),
    ("trades", &["count", "numberoftrades", "tradecount"]),
    ("taker_buy_volume", &["takerbuybase", "takerbuybaseassetvolume", "takerbasevol"]),
    ("rate", &["lastfundingrate", "fundingrate"]),
    ("mark_price", &[]),
    ("open_interest", &["sumopeninterest"]),
    ("open_interest_value", &["sumopeninterestvalue"]),
    ("long_short_ratio", &["countlongshortratio"]),
    ("long_share", &["longaccount"]),
    ("short_share", &["shortaccount"]),
    ("top_account_ratio", &["counttoptraderlongshortratio"]),
    ("top_position_ratio", &["sumtoptraderlongshortratio"]),
    ("taker_ratio", &["sumtakerlongshortvolratio"]),
    ("agg_id", &["aggtradeid", "tradeid", "id", "a"]),
    ("price", &["p"]),
    ("qty", &["quantity", "size", "amount", "originalquantity", "q"]),
    ("first_id", &["firsttradeid", "f"]),
    ("last_id", &["lasttradeid"]),
    ("buyer_is_maker", &["isbuyermaker", "m"]),
    ("sell", &["side"]),
    ("filled", &["accumulatedfillquantity"]),
];

/// What a trade needs to become part of a bar.
const TRADE: &[ColumnSpec] = &[
    BARE,
    ColumnSpec { name: "price", cell: CellType::Number, ..BARE },
    ColumnSpec { name: "qty", cell: CellType::Number, ..BARE },
];
const BARE: ColumnSpec =
    ColumnSpec { name: "ts", cell: CellType::Integer, optional: false, key: false, range: ValueRange::Any };

/// How the rows of a file are read.
pub(super) struct Layout {
    /// The columns that are read.
    pub specs: &'static [ColumnSpec],
    /// Where each of them stands in the file.
    pub places: Places,
    /// The rows are trades, of which bars of this length are built.
    pub bars_of: Option<Timeframe>,
}

/// Columns of a file by the map, by their names, or by the shape of a known dump without names.
pub(super) fn layout(
    options: &ImportOptions,
    header: Option<&[String]>,
    width: usize,
) -> Result<Layout, String> {
    let kind = options.kind;
    let bars_of = match kind {
        SeriesKind::Bars(length) if holds_trades(options, header, width) => Some(length),
        _ => None,
    };
    let specs = if bars_of.is_some() { TRADE } else { kind.columns() };
    if let Some((name, _)) = options.map.iter().find(|(name, _)| specs.iter().all(|spec| spec.name != name)) {
        let names: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
        return Err(format!("--map {name}=...: {kind} has no such column; it has {}", names.join(", ")));
    }
    let shape = match (header, bars_of) {
        (Some(_), _) => None,
        (None, Some(_)) => Some(TRADES_OF_KRAKEN),
        (None, None) => shape(kind, width),
    };
    let mut places = Places::new();
    for (index, spec) in specs.iter().enumerate() {
        let mapped = options.map.iter().find(|(name, _)| name == spec.name);
        let place = match (mapped, header) {
            (Some((_, source)), _) => Some(mapped_place(source, header, width)?),
            (None, Some(header)) => named_place(spec.name, header).or_else(|| {
                (bars_of.is_some() && spec.name == "qty").then(|| named_place("volume", header))?
            }),
            (None, None) => shape.and_then(|shape| shape.get(index).copied().flatten()),
        };
        if place.is_none() && !spec.optional {
            let there = match header {
                Some(header) => format!("columns there: {}", header.join(", ")),
                None => format!("it has {width} columns without names"),
            };
            let name = spec.name;
            let fix = if kind == SeriesKind::AggTrades && header.is_none() && width == 3 {
                "fix: trades without numbers and sides are imported as bars: --kind 1m".to_owned()
            } else {
                format!("fix: --map {name}=NAME or its number from 0")
            };
            return Err(format!("no column for `{name}` of {kind}; {there}; {fix}"));
        }
        places.push(place);
    }
    Ok(Layout { specs, places, bars_of })
}

/// Whether a file that is imported as bars holds trades: it has prices, or is told to, and no opens; without names it has
/// the shape of Kraken's dumps.
fn holds_trades(options: &ImportOptions, header: Option<&[String]>, width: usize) -> bool {
    let mapped = |name: &str| options.map.iter().any(|(column, _)| column == name);
    let named = |name: &str| header.is_some_and(|header| named_place(name, header).is_some());
    let opens = mapped("open") || named("open");
    !opens && (mapped("price") || named("price") || (header.is_none() && width == 3))
}

fn mapped_place(source: &str, header: Option<&[String]>, width: usize) -> Result<usize, String> {
    let by_name = header.and_then(|header| header.iter().position(|name| name == source));
    let place = by_name.or_else(|| source.parse().ok().filter(|place| *place < width));
    place.ok_or_else(|| format!("--map ...={source}: the file has no such column"))
}

fn named_place(column: &str, header: &[String]) -> Option<usize> {
    let plain = |name: &str| -> String {
        name.chars().filter(|char| !matches!(char, ' ' | '_' | '-')).collect::<String>().to_ascii_lowercase()
    };
    let exact = header.iter().position(|name| plain(name) == plain(column));
    exact.or_else(|| {
        let (_, others) = NAMES.iter().find(|(name, _)| *name == column)?;
        others.iter().find_map(|other| header.iter().position(|name| plain(name) == *other))
    })
}

/// Kraken's dumps of trades: time, price, volume.
const TRADES_OF_KRAKEN: &[Option<usize>] = &[Some(0), Some(1), Some(2)];

/// The columns of dumps without names, in the order of the kind's own.
fn shape(kind: SeriesKind, width: usize) -> Option<&'static [Option<usize>]> {
    match (kind, width) {
        // Binance.
        (SeriesKind::Bars(_), 11 | 12) => {
            Some(&[Some(0), Some(1), Some(2), Some(3), Some(4), Some(5), Some(7), Some(8), Some(9)])
        }
        // Kraken, with the number of trades.
        (SeriesKind::Bars(_), 7) => {
            Some(&[Some(0), Some(1), Some(2), Some(3), Some(4), Some(5), None, Some(6), None])
        }
        // freqtrade.
        (SeriesKind::Bars(_), 6) => Some(&[Some(0), Some(1), Some(2), Some(3), Some(4), Some(5)]),
        (SeriesKind::Mark(_) | SeriesKind::Index(_) | SeriesKind::Premium(_), 5..=12) => {
            Some(&[Some(0), Some(1), Some(2), Some(3), Some(4)])
        }
        // Binance; spot says last whether it was the best price.
        (SeriesKind::AggTrades, 7 | 8) => {
            Some(&[Some(5), Some(0), Some(1), Some(2), Some(3), Some(4), Some(6)])
        }
        _ => None,
    }
}
