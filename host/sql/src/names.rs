//! The names of tables, views and columns.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use cryptobot_data::store::{SeriesId, SeriesKind};

/// Views that a message names at most.
const SHOWN: usize = 10;
/// The columns that every table of a kind has before those of its files.
pub(crate) const COMMON: [&str; 4] = ["venue", "symbol", "ts", "time"];
/// The columns of `series`.
pub(crate) const SERIES: [&str; 9] =
    ["venue", "symbol", "kind", "table_name", "view_name", "rows", "first", "last", "files"];
/// The columns of `instruments`.
pub(crate) const INSTRUMENTS: [&str; 8] =
    ["venue", "symbol", "tick", "lot", "min_notional", "maker_fee", "taker_fee", "funding"];

/// What a query can name: tables by name, each with its columns.
#[derive(Debug, Default)]
pub(crate) struct Names {
    tables: BTreeMap<String, Vec<&'static str>>,
    views: BTreeMap<String, SeriesId>,
}

impl Names {
    /// The names for some series.
    pub fn of(series: &[SeriesId]) -> Self {
        let mut names = Self::default();
        names.tables.insert("series".to_owned(), SERIES.to_vec());
        names.tables.insert("instruments".to_owned(), INSTRUMENTS.to_vec());
        for id in series {
            names.tables.entry(table(id.kind)).or_insert_with(|| columns(id.kind));
        }
        for id in series {
            let short = view(id, false);
            let alone =
                series.iter().filter(|other| view(other, false).eq_ignore_ascii_case(&short)).count() == 1;
            let name = if alone { short } else { view(id, true) };
            let taken = names.tables.keys().any(|table| table.eq_ignore_ascii_case(&name));
            if !taken && let Entry::Vacant(entry) = names.views.entry(name) {
                entry.insert(id.clone());
            }
        }
        names
    }

    /// What there is instead of a table: all tables, and the views that have the name in theirs.
    pub fn instead_of(&self, name: &str) -> String {
        let tables: Vec<&str> = self.tables.keys().map(String::as_str).collect();
        let wanted = name.to_ascii_lowercase();
        let alike = |view: &&str| view.to_ascii_lowercase().contains(&wanted);
        let mut views: Vec<&str> = self.views.keys().map(String::as_str).filter(alike).collect();
        views.truncate(SHOWN);
        let views = if views.is_empty() {
            "views of single series: SELECT view_name FROM series".to_owned()
        } else {
            format!("views: {}", views.join(" "))
        };
        format!("tables: {}; {views}", tables.join(" "))
    }

    /// The views and what they show.
    pub fn views(&self) -> impl Iterator<Item = (&str, &SeriesId)> {
        self.views.iter().map(|(name, id)| (name.as_str(), id))
    }

    /// The columns of the tables and views that a query names.
    pub fn columns_in(&self, sql: &str) -> String {
        let words: Vec<&str> =
            sql.split(|char: char| !(char.is_alphanumeric() || "_-.".contains(char))).collect();
        let named = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name));
        let tables = self.tables.iter().filter(|(name, _)| named(name));
        let mut lists: Vec<String> =
            tables.map(|(name, columns)| format!("{name} has {}", columns.join(" "))).collect();
        let views = self.views.iter().filter(|(name, _)| named(name));
        lists.extend(views.map(|(name, id)| format!("{name} has {}", columns(id.kind).join(" "))));
        lists.join("; ")
    }
}

/// The table of a kind: `klines_1m`, `mark_1m`, `funding`.
pub(crate) fn table(kind: SeriesKind) -> String {
    match kind {
        SeriesKind::Bars(grid) => format!("klines_{grid}"),
        _ => kind.to_string().replace('-', "_"),
    }
}

/// The columns of a kind's table.
pub(crate) fn columns(kind: SeriesKind) -> Vec<&'static str> {
    COMMON.into_iter().chain(kind.columns().iter().skip(1).map(|spec| spec.name)).collect()
}

/// The view of a series: `BTCUSDT_1m`, with its venue where two venues have it: `binance_usdm_BTCUSDT_1m`.
fn view(id: &SeriesId, with_venue: bool) -> String {
    let name = if with_venue {
        format!("{}_{}_{}", id.venue, id.symbol, id.kind)
    } else {
        format!("{}_{}", id.symbol, id.kind)
    };
    name.chars().map(|char| if char.is_alphanumeric() { char } else { '_' }).collect()
}
