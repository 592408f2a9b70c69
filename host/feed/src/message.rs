//! What arrives, and what it belongs to.

use std::fmt;

use cryptobot_engine::Command;
use cryptobot_model::{
    Bar, DepthUpdate, FundingRate, Price, Quantity, Side, StrategyId, Timeframe, Timestamp, TradeSeen,
    UpdateIds,
};
use serde::{Deserialize, Serialize};

/// What a series of a feed carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// Bars of trades, of this length.
    Bars(#[serde(with = "as_text")] Timeframe),
    /// Bars of the mark price, of this length, and single mark prices.
    Mark(#[serde(with = "as_text")] Timeframe),
    /// Funding rates.
    Funding,
    /// Trades.
    Trades,
    /// Best bid and ask.
    Quotes,
    /// Orders by which the exchange closed positions.
    Liquidations,
    /// Changes of an order book, on this grid, and its trades.
    Book {
        /// What prices of levels are counted in.
        tick: Price,
        /// What quantities of levels are counted in.
        lot: Quantity,
    },
}

/// One series of a feed. Inputs name it by its place in the feed's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Venue, for example `binance-usdm`.
    pub venue: String,
    /// Symbol, for example `BTCUSDT`.
    pub symbol: String,
    /// What it carries.
    pub stream: Stream,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.stream {
            Stream::Bars(_) => "bars",
            Stream::Mark(_) => "mark",
            Stream::Funding => "funding",
            Stream::Trades => "trades",
            Stream::Quotes => "quotes",
            Stream::Liquidations => "liquidations",
            Stream::Book { .. } => "book",
        };
        write!(f, "{} {} {kind}", self.venue, self.symbol)
    }
}

/// The best of both sides of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Highest price of a buyer.
    pub bid: Price,
    /// How much of it.
    pub bid_quantity: Quantity,
    /// Lowest price of a seller.
    pub ask: Price,
    /// How much of it.
    pub ask_quantity: Quantity,
}

/// A message of a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Whether it is the whole book; else the levels that changed.
    pub snapshot: bool,
    /// Levels with their new quantities, on the grid of the series.
    pub levels: Vec<DepthUpdate>,
    /// The exchange's numbers of the updates in it, where they are known. A snapshot is known by its last one.
    pub ids: Option<UpdateIds>,
}

/// The exchange's numbers of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeIds {
    /// The number of the trade, or of all trades of one taker order at one price.
    pub id: u64,
    /// The numbers of the first and the last trade in it, where it is several.
    pub trades: Option<(u64, u64)>,
}

/// What an exchange tells of a bar beside its prices and its volume.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activity {
    /// Traded amount in quote units.
    pub quote_volume: f64,
    /// Number of trades.
    pub trades: u64,
    /// Base units that takers bought.
    pub taker_buy_volume: f64,
}

/// An order by which the exchange closed a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidation {
    /// Side of the order: sell = a long position was closed.
    pub side: Side,
    /// Limit of the order.
    pub price: Price,
    /// Its quantity.
    pub quantity: Quantity,
    /// Average price of its fills; `None` = not filled, or not told.
    pub average_price: Option<Price>,
    /// Filled quantity, where it is told.
    pub filled: Option<Quantity>,
}

/// One input of a run. `series` is a place in the list of the feed.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Everything up to the time of this message has been delivered: steps up to it can be made.
    Clock,
    /// A bar closed: of trades, or of the mark price, as its series says.
    Bar {
        /// Its series.
        series: u32,
        /// The bar; its `ts` is the close.
        bar: Bar,
        /// What else is known of it.
        activity: Option<Activity>,
    },
    /// A mark price.
    Mark {
        /// Its series.
        series: u32,
        /// The price.
        price: Price,
    },
    /// A trade of the market.
    Trade {
        /// Its series.
        series: u32,
        /// The trade.
        trade: TradeSeen,
        /// Its numbers, where they are known.
        ids: Option<TradeIds>,
    },
    /// The best bid and ask changed.
    Quote {
        /// Its series.
        series: u32,
        /// The new ones.
        quote: Quote,
    },
    /// A book changed.
    Book {
        /// Its series.
        series: u32,
        /// How.
        book: Book,
    },
    /// The exchange closed a position.
    Liquidation {
        /// Its series.
        series: u32,
        /// The order.
        liquidation: Liquidation,
    },
    /// Funding is due.
    Funding {
        /// Its series.
        series: u32,
        /// The rate and its time.
        funding: FundingRate,
    },
    /// Another version of a strategy's plugin takes over, before the next step.
    Swap {
        /// Whose.
        strategy: StrategyId,
        /// SHA-256 of the plugin file.
        sha256: [u8; 32],
    },
    /// The operator commands something.
    Command {
        /// Whom; `None` = all strategies.
        strategy: Option<StrategyId>,
        /// What.
        command: Command,
    },
    /// A call into a strategy took longer than it may.
    Overrun {
        /// Whose.
        strategy: StrategyId,
        /// Number of the call, counted from 0 over all calls into this strategy.
        call: u64,
        /// Whether all calls together took too long; else this one.
        total: bool,
        /// The message of the fault.
        message: String,
    },
}

impl Input {
    /// The series it belongs to, where it belongs to one.
    pub const fn series(&self) -> Option<u32> {
        match self {
            Self::Bar { series, .. }
            | Self::Mark { series, .. }
            | Self::Trade { series, .. }
            | Self::Quote { series, .. }
            | Self::Book { series, .. }
            | Self::Liquidation { series, .. }
            | Self::Funding { series, .. } => Some(*series),
            Self::Clock | Self::Swap { .. } | Self::Command { .. } | Self::Overrun { .. } => None,
        }
    }
}

/// What a feed delivers.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When it happened, by the clock of its origin.
    pub ts_event: Timestamp,
    /// When it arrived here.
    pub ts_init: Timestamp,
    /// What it is.
    pub input: Input,
}

impl Arrival {
    /// An arrival without delay.
    pub const fn at(ts: Timestamp, input: Input) -> Self {
        Self { ts_event: ts, ts_init: ts, input }
    }
}

/// An arrival with its number. A run follows the numbers, never the times.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its number.
    pub sequence: u64,
    /// When it happened, by the clock of its origin.
    pub ts_event: Timestamp,
    /// When it arrived here.
    pub ts_init: Timestamp,
    /// What it is.
    pub input: Input,
}

/// Timeframes as texts.
mod as_text {
    use cryptobot_model::Timeframe;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(timeframe: &Timeframe, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(timeframe)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timeframe, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
