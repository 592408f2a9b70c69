//! What happened to orders and positions, in the past tense.

use serde::{Deserialize, Serialize};

use crate::{
    InstrumentId, Money, OrderId, Price, Quantity, Rate, RefusalReason, SeriesId, Side, StrategyId, Timestamp,
};

/// A step in an order's life. The numbers follow `order-event-kind` of the plugin contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum OrderEventKind {
    /// Passed the host's checks and was sent.
    Submitted = 0,
    /// Reached the exchange.
    Accepted = 1,
    /// Refused by the host or the exchange; ends the order.
    Rejected = 2,
    /// A stop's trigger was touched.
    Triggered = 3,
    /// Filled in part.
    PartiallyFilled = 4,
    /// Filled completely; ends the order.
    Filled = 5,
    /// Price or quantity changed.
    Modified = 6,
    /// Cancelled by its owner; ends the order.
    Cancelled = 7,
    /// Ended by the exchange; ends the order.
    Expired = 8,
}

impl OrderEventKind {
    /// Whether the order is over.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected | Self::Filled | Self::Cancelled | Self::Expired)
    }

    /// Whether it tells what became of the order: an execution, or its end. The others are steps on the way.
    pub const fn is_outcome(self) -> bool {
        self.is_final() || matches!(self, Self::PartiallyFilled)
    }
}

/// One event of one order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderEvent {
    /// When it happened.
    pub ts: Timestamp,
    /// The order's owner.
    pub strategy: StrategyId,
    /// The owner's series it was given for.
    pub series: SeriesId,
    /// The order.
    pub id: OrderId,
    /// What happened.
    pub kind: OrderEventKind,
    /// Buy or sell.
    pub side: Side,
    /// Price of the fill; zero otherwise.
    pub price: Price,
    /// Quantity of the fill; zero otherwise.
    pub quantity: Quantity,
    /// What is left to fill.
    pub remaining: Quantity,
    /// Fee of the fill; negative = rebate.
    pub fee: Money,
    /// Whether the fill was a maker's.
    pub maker: bool,
    /// Why, for rejected and expired orders.
    pub reason: Option<RefusalReason>,
}

impl OrderEvent {
    /// An event without an execution and with nothing left to fill; set the other fields as they apply.
    pub fn plain(
        strategy: StrategyId,
        series: SeriesId,
        id: OrderId,
        side: Side,
        ts: Timestamp,
        kind: OrderEventKind,
    ) -> Self {
        Self {
            ts,
            strategy,
            series,
            id,
            kind,
            side,
            price: Price::ZERO,
            quantity: Quantity::ZERO,
            remaining: Quantity::ZERO,
            fee: Money::ZERO,
            maker: false,
            reason: None,
        }
    }
}

/// Which side of the book an order was on when it was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Liquidity {
    /// It rested.
    Maker,
    /// It took.
    Taker,
}

/// The rule of the simulated exchange that produced a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum FillRule {
    /// At the open of the first bar that begins at or after the order's arrival.
    Open = 0,
    /// The order arrived inside the bar: its open plus an adverse move for the time that had passed.
    OpenLate = 1,
    /// A resting limit order was traded through on the bar's path.
    LimitThrough = 2,
    /// A stop was touched on the bar's path.
    StopOnPath = 3,
    /// The bar opened beyond a resting stop: filled at the open.
    StopGap = 4,
    /// The order had arrived inside the bar, so that only the bar's close counted.
    CloseAfterArrival = 5,
    /// The bar opened beyond a resting limit order: filled at the limit.
    LimitGap = 6,
    /// The exchange closed the position, or a part of it, at the mark price.
    Liquidation = 7,
    /// A take-profit was touched on the bar's path.
    TakeProfitOnPath = 8,
    /// The bar opened beyond a take-profit: filled at the open.
    TakeProfitGap = 9,
    /// The order walked through the levels of a recorded book.
    BookWalk = 10,
    /// Trades used up the queue before a resting order in a recorded book.
    Queue = 11,
    /// The order took what recorded trades of its side took, where no book is recorded.
    Trade = 12,
}

impl FillRule {
    /// The name in `fills.csv` and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::OpenLate => "open-late",
            Self::LimitThrough => "limit-through",
            Self::StopOnPath => "stop-on-path",
            Self::StopGap => "stop-gap",
            Self::CloseAfterArrival => "close-after-arrival",
            Self::LimitGap => "limit-gap",
            Self::Liquidation => "liquidation",
            Self::TakeProfitOnPath => "take-profit-on-path",
            Self::TakeProfitGap => "take-profit-gap",
            Self::BookWalk => "book-walk",
            Self::Queue => "queue",
            Self::Trade => "trade",
        }
    }
}

/// One execution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// When it happened.
    pub ts: Timestamp,
    /// Owner.
    pub strategy: StrategyId,
    /// What was traded.
    pub instrument: InstrumentId,
    /// The order.
    pub order: OrderId,
    /// Buy or sell.
    pub side: Side,
    /// Execution price, slippage included.
    pub price: Price,
    /// Amount, positive.
    pub quantity: Quantity,
    /// Fee paid; negative = rebate.
    pub fee: Money,
    /// What slippage cost against the reference price of the rule, zero or positive.
    pub slippage: Money,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// The rule that produced it.
    pub rule: FillRule,
}

/// A trade of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeSeen {
    /// Side of the order that took.
    pub aggressor: Side,
    /// Price.
    pub price: Price,
    /// Amount.
    pub quantity: Quantity,
}

/// What a recorded market had for one execution. Follows its fill.
#[derive(Clone, Copy, Debug)]
pub struct MarketMatch {
    /// When.
    pub ts: Timestamp,
    /// The order.
    pub order: OrderId,
    /// What was published at the price just before: of the level that a taker met or that crossed a resting order, or
    /// of the level in which it rested. Zero where the book is not known.
    pub level: Quantity,
    /// Estimated amount before a resting order when it joined its level, in base units; infinite where the queue is not
    /// known, NaN for an order that took.
    pub joined: f64,
    /// The same just before the execution.
    pub ahead: f64,
    /// The trade that filled it, where it was one.
    pub trade: Option<TradeSeen>,
}

/// Bit by bit, so that absent numbers are equal.
impl PartialEq for MarketMatch {
    fn eq(&self, other: &Self) -> bool {
        let bits = |of: &Self| (of.joined.to_bits(), of.ahead.to_bits());
        (self.ts, self.order, self.level, self.trade) == (other.ts, other.order, other.level, other.trade)
            && bits(self) == bits(other)
    }
}

/// Where the price of a funding payment came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum FundingPrice {
    /// Recorded with the rate.
    Recorded = 0,
    /// Open of the mark bar at that time.
    MarkOpen = 1,
    /// The last close: neither of the others was there.
    LastClose = 2,
}

/// The funding rate of one interval of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundingRate {
    /// Funding time, on the minute.
    pub ts: Timestamp,
    /// Positive: longs pay shorts.
    pub rate: Rate,
    /// Mark price recorded with it.
    pub mark: Option<Price>,
}

/// Funding that a strategy paid or received.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FundingPayment {
    /// Funding time.
    pub ts: Timestamp,
    /// Whose position.
    pub strategy: StrategyId,
    /// Of what.
    pub instrument: InstrumentId,
    /// Signed position at that time.
    pub position: Quantity,
    /// Mark price.
    pub mark: Price,
    /// Where the mark price came from.
    pub source: FundingPrice,
    /// Rate of the interval.
    pub rate: Rate,
    /// `position * mark * rate`: positive = paid, negative = received.
    pub paid: Money,
}

/// What a liquidation did beyond its fill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Liquidation {
    /// When.
    pub ts: Timestamp,
    /// Whose position.
    pub strategy: StrategyId,
    /// Of what.
    pub instrument: InstrumentId,
    /// Side of the closing order.
    pub side: Side,
    /// How much was closed.
    pub quantity: Quantity,
    /// Mark price that caused it.
    pub mark: Price,
    /// Price at which the margin is gone.
    pub bankruptcy_price: Price,
    /// Liquidation fee, paid to the insurance fund.
    pub fee: Money,
    /// Loss beyond the margin, borne by the insurance fund.
    pub insurance: Money,
}

/// A position from flat to flat (or to the other side): what reports call a trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClosedTrade {
    /// Owner.
    pub strategy: StrategyId,
    /// What was traded.
    pub instrument: InstrumentId,
    /// Side of the entry: buy = long.
    pub side: Side,
    /// Time of the first entry fill.
    pub opened_at: Timestamp,
    /// Time of the last exit fill.
    pub closed_at: Timestamp,
    /// Sum of all entry quantities.
    pub quantity: Quantity,
    /// Average entry price.
    pub entry_price: Price,
    /// Average exit price.
    pub exit_price: Price,
    /// Profit before costs that are not in the prices.
    pub gross_pnl: Money,
    /// Fees of its fills.
    pub fees: Money,
    /// Funding paid (positive) or received (negative) while it was open.
    pub funding: Money,
    /// Slippage of its fills; already part of the prices.
    pub slippage: Money,
    /// Loss beyond the margin that the insurance fund bore; zero or positive.
    pub insurance: Money,
    /// `gross_pnl - fees - funding + insurance`: what the trade made of the account.
    pub net_pnl: Money,
}

impl ClosedTrade {
    /// Takes off what the insurance fund bore of its loss.
    pub fn insure(&mut self, amount: Money) {
        self.insurance += amount;
        self.net_pnl += amount;
    }
}
