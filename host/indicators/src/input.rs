//! What indicators are fed with: bars, two series, trades, order books, futures data.

use crate::kind::{Kind, Ohlcv};
use crate::registry::Family;
use crate::sets::Definition;

/// A kind of input with the indicators that take it.
pub trait Input: Sized + 'static {
    /// What it is, for people.
    const NAME: &'static str;
    /// Its indicators, by family.
    const FAMILIES: &'static [Family<Self>];
    /// Its feature sets.
    const SETS: &'static [Definition];

    /// The indicator with a name.
    fn kind(name: &str) -> Option<&'static Kind<Self>> {
        Self::FAMILIES.iter().flat_map(|family| family.kinds).find(|kind| kind.name == name)
    }
}

impl Input for Ohlcv {
    const NAME: &'static str = "bars";
    const FAMILIES: &'static [Family] = crate::registry::FAMILIES;
    const SETS: &'static [Definition] = crate::sets::OF_BARS;
}

/// Values of two series at the same time, such as closes of two instruments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Of the series that is looked at.
    pub x: f64,
    /// Of the series that it is compared with.
    pub y: f64,
}

impl Input for Pair {
    const NAME: &'static str = "two series";
    const FAMILIES: &'static [Family<Self>] = &[Family { title: "Two series", kinds: crate::pair::KINDS }];
    const SETS: &'static [Definition] = &[];
}

/// A trade that a taker made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// Time, ns since 1970-01-01 UTC.
    pub ts: i64,
    /// Price.
    pub price: f64,
    /// Amount in base units, above 0.
    pub quantity: f64,
    /// Whether the taker bought.
    pub taker_buys: bool,
}

impl Trade {
    /// The quantity, negative where the taker sold.
    #[inline]
    pub fn signed(&self) -> f64 {
        if self.taker_buys { self.quantity } else { -self.quantity }
    }
}

impl Input for Trade {
    const NAME: &'static str = "trades";
    const FAMILIES: &'static [Family<Self>] = &[Family { title: "Trades", kinds: crate::trade::KINDS }];
    const SETS: &'static [Definition] = crate::sets::OF_TRADES;
}

/// Levels of a [`Book`] on each side.
pub const BOOK_LEVELS: usize = 10;

/// A price of an order book and what rests there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BookLevel {
    /// Price.
    pub price: f64,
    /// Amount in base units; 0 where there is no such level.
    pub quantity: f64,
}

/// The best levels of an order book. There is at least one on each side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Book {
    /// Bids, the highest first.
    pub bids: [BookLevel; BOOK_LEVELS],
    /// Asks, the lowest first.
    pub asks: [BookLevel; BOOK_LEVELS],
}

impl Input for Book {
    const NAME: &'static str = "order books";
    const FAMILIES: &'static [Family<Self>] = &[Family { title: "Order books", kinds: crate::book::KINDS }];
    const SETS: &'static [Definition] = crate::sets::OF_BOOKS;
}

/// What is known of a perpetual future besides its bars, at the close of a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FuturesData {
    /// Mark price.
    pub mark: f64,
    /// Index price.
    pub index: f64,
    /// Newest funding rate, a fraction per funding interval.
    pub funding_rate: f64,
    /// Open interest in base units.
    pub open_interest: f64,
    /// Accounts that are long per account that is short.
    pub long_short_ratio: f64,
    /// Liquidated long positions since the bar before, in base units.
    pub long_liquidations: f64,
    /// Liquidated short positions since the bar before, in base units.
    pub short_liquidations: f64,
}

impl Input for FuturesData {
    const NAME: &'static str = "futures data";
    const FAMILIES: &'static [Family<Self>] = &[Family { title: "Futures", kinds: crate::futures::KINDS }];
    const SETS: &'static [Definition] = crate::sets::OF_FUTURES;
}
