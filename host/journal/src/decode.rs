//! The canonical encoding, read back: the mirror of `encode.rs`, field by field.

use std::io::Read;

use cryptobot_engine::{
    Cause, Evidence, FaultKind, GuestCall, Intent, Scope, Signal, StateChange, TradingState,
};
use cryptobot_model::{
    Callback, ClosedTrade, Fill, FillRule, FundingPayment, FundingPrice, InstrumentId, Liquidation,
    Liquidity, MarketMatch, Money, OrderEvent, OrderEventKind, OrderId, OrderKind, OrderTerms, Price,
    Quantity, Rate, RefusalReason, SeriesId, Side, StrategyId, TimeInForce, Timestamp, TradeSeen,
    TriggerSource,
};

use crate::encode::{
    LONGEST_TEXT, TAG_CLOSING, TAG_DECISION, TAG_EXECUTED, TAG_FAULT, TAG_FILL, TAG_FUNDING, TAG_INTENT,
    TAG_LIQUIDATION, TAG_MARKET, TAG_ORDER, TAG_RESTART, TAG_STATE, TAG_TRADE, TAG_WALLET,
};
use crate::entry::{ApprovedOrder, JournalDecision, JournalEntry};
use crate::verify::{BlockReader, Verified, VerifyError};

/// Why a journal's entries cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The chain of blocks is broken.
    #[error(transparent)]
    Chain(#[from] VerifyError),
    /// A block of the chain holds something that is no entry of this version of the host.
    #[error("block {block}, byte {offset}: {problem}")]
    Entry {
        /// Number of the block, from 1.
        block: u64,
        /// Where in the block's entries the field stands that makes no sense.
        offset: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The entries of a journal in their order. Every block's hash is checked before its entries are given out, so that a
/// journal that was read to its end without an error is verified. Nothing follows an error.
#[derive(Debug)]
pub struct Entries<R> {
    blocks: BlockReader<R>,
    block: Vec<u8>,
    at: usize,
    failed: bool,
}

impl<R: Read> Entries<R> {
    /// The entries of `input`; fails where it does not begin like a journal.
    pub fn new(input: R) -> Result<Self, VerifyError> {
        Ok(Self { blocks: BlockReader::new(input)?, block: Vec::new(), at: 0, failed: false })
    }

    /// What was verified so far: after the last entry, the whole journal.
    pub fn verified(&self) -> Verified {
        self.blocks.verified()
    }

    fn read(&mut self) -> Result<Option<JournalEntry>, DecodeError> {
        while self.at == self.block.len() {
            self.at = 0;
            if !self.blocks.read(&mut self.block)? {
                self.block.clear();
                return Ok(None);
            }
        }
        let mut decoder = Decoder { bytes: &self.block, at: self.at };
        let entry = decoder.entry();
        self.at = decoder.at;
        entry.map(Some).map_err(|problem| DecodeError::Entry {
            block: self.blocks.verified().blocks,
            offset: self.at,
            problem,
        })
    }
}

impl<R: Read> Iterator for Entries<R> {
    type Item = Result<JournalEntry, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let entry = self.read();
        self.failed = entry.is_err();
        entry.transpose()
    }
}

/// A field, or what is wrong with it.
type Decoded<T> = Result<T, &'static str>;

/// Takes fields off the front. After a failure `at` is where the bad field begins.
struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The function that reads a kind from its number. The match makes a kind that is missing here a compile error.
macro_rules! numbered {
    ($function:ident, $kind:ident, $problem:literal: $($variant:ident)+) => {
        fn $function(&mut self) -> Decoded<$kind> {
            const KINDS: &[$kind] = &[$($kind::$variant),+];
            const _: fn($kind) = |kind| match kind { $($kind::$variant)|+ => () };
            self.known($problem, |code| KINDS.iter().copied().find(|kind| *kind as u8 == code))
        }
    };
}

impl Decoder<'_> {
    fn entry(&mut self) -> Decoded<JournalEntry> {
        let begin = self.at;
        Ok(match self.byte()? {
            TAG_INTENT => {
                let (ts, strategy) = (self.time()?, StrategyId(self.id()?));
                JournalEntry::Intent { ts, strategy, intent: self.intent()? }
            }
            TAG_DECISION => {
                let (ts, id) = (self.time()?, self.order_id()?);
                JournalEntry::Decision { ts, id, decision: self.decision()? }
            }
            TAG_ORDER => JournalEntry::Order(self.order_event()?),
            TAG_FILL => JournalEntry::Fill(self.fill()?),
            TAG_TRADE => JournalEntry::Trade(self.trade()?),
            TAG_WALLET => {
                let (ts, strategy) = (self.time()?, StrategyId(self.id()?));
                JournalEntry::Wallet { ts, strategy, wallet: Money::from_units(self.units()?) }
            }
            TAG_FAULT => {
                let (ts, strategy) = (self.time()?, StrategyId(self.id()?));
                let (kind, call) = (self.fault_kind()?, self.option(Self::guest_call)?);
                JournalEntry::Fault { ts, strategy, kind, call, message: self.text()? }
            }
            TAG_CLOSING => JournalEntry::Closing { ts: self.time()?, id: self.order_id()? },
            TAG_RESTART => JournalEntry::Restart { ts: self.time()?, strategy: StrategyId(self.id()?) },
            TAG_EXECUTED => {
                let (id, kind) = (self.order_id()?, self.event_kind()?);
                JournalEntry::Executed { id, kind, remaining: self.quantity()? }
            }
            TAG_FUNDING => JournalEntry::Funding(self.funding()?),
            TAG_STATE => JournalEntry::State(self.state()?),
            TAG_MARKET => JournalEntry::Market(self.market()?),
            TAG_LIQUIDATION => JournalEntry::Liquidation(self.liquidation()?),
            _ => {
                self.at = begin;
                return Err("an entry of a kind that this version of the host does not know");
            }
        })
    }

    fn take<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let field = self.bytes[self.at..].first_chunk().ok_or("the block ends inside an entry")?;
        self.at += N;
        Ok(*field)
    }

    fn byte(&mut self) -> Decoded<u8> {
        self.take().map(|[byte]| byte)
    }

    fn text(&mut self) -> Decoded<String> {
        let begin = self.at;
        let length = usize::try_from(self.uint()?).unwrap_or(usize::MAX);
        let bytes = self.bytes[self.at..].get(..length).filter(|_| length <= LONGEST_TEXT);
        let Some(text) = bytes.and_then(|bytes| str::from_utf8(bytes).ok()) else {
            self.at = begin;
            return Err("a text that is none");
        };
        self.at += length;
        Ok(text.to_owned())
    }

    fn time(&mut self) -> Decoded<Timestamp> {
        self.take().map(|bytes| Timestamp(i64::from_le_bytes(bytes)))
    }

    /// As many little-endian bytes as the byte before them says.
    fn counted<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let begin = self.at;
        let length = usize::from(self.byte()?);
        let mut value = [0; N];
        let field = self.bytes[self.at..].get(..length).filter(|_| length <= N);
        let Some((field, room)) = field.zip(value.get_mut(..length)) else {
            self.at = begin;
            return Err("a number of an impossible length");
        };
        room.copy_from_slice(field);
        self.at += length;
        Ok(value)
    }

    fn uint(&mut self) -> Decoded<u64> {
        self.counted().map(u64::from_le_bytes)
    }

    fn units(&mut self) -> Decoded<i128> {
        let zigzag = self.counted().map(u128::from_le_bytes)?;
        Ok((zigzag >> 1) as i128 ^ -((zigzag & 1) as i128))
    }

    fn quantity(&mut self) -> Decoded<Quantity> {
        self.units().map(Quantity::from_units)
    }

    fn price(&mut self) -> Decoded<Price> {
        self.units().map(Price::from_units)
    }

    fn money(&mut self) -> Decoded<Money> {
        self.units().map(Money::from_units)
    }

    fn float(&mut self) -> Decoded<f64> {
        self.take().map(f64::from_le_bytes)
    }

    /// An index of a strategy, a series or an instrument.
    fn id(&mut self) -> Decoded<u32> {
        let begin = self.at;
        u32::try_from(self.uint()?).map_err(|_| {
            self.at = begin;
            "an index that no run has"
        })
    }

    fn order_id(&mut self) -> Decoded<OrderId> {
        self.uint().map(OrderId)
    }

    /// A byte of which only some values mean something.
    fn known<T>(&mut self, problem: &'static str, meaning: impl Fn(u8) -> Option<T>) -> Decoded<T> {
        let value = meaning(self.byte()?);
        if value.is_none() {
            self.at -= 1;
        }
        value.ok_or(problem)
    }

    fn flag(&mut self) -> Decoded<bool> {
        self.known("a flag that is neither 0 nor 1", |code| match code {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        })
    }

    fn option<T>(&mut self, value: impl FnOnce(&mut Self) -> Decoded<T>) -> Decoded<Option<T>> {
        if self.flag()? { value(self).map(Some) } else { Ok(None) }
    }

    fn side(&mut self) -> Decoded<Side> {
        self.known("an unknown side", |code| match code {
            0 => Some(Side::Buy),
            1 => Some(Side::Sell),
            _ => None,
        })
    }

    fn source(&mut self) -> Decoded<TriggerSource> {
        self.known("an unknown trigger source", |code| match code {
            0 => Some(TriggerSource::Mark),
            1 => Some(TriggerSource::Last),
            _ => None,
        })
    }

    fn tif(&mut self) -> Decoded<TimeInForce> {
        let problem = "an unknown time in force";
        Ok(match self.known(problem, |code| (code <= 4).then_some(code))? {
            0 => TimeInForce::Gtc,
            1 => TimeInForce::Ioc,
            2 => TimeInForce::Fok,
            3 => TimeInForce::Gtx,
            _ => TimeInForce::Gtd(self.time()?),
        })
    }

    fn reason(&mut self) -> Decoded<Option<RefusalReason>> {
        let begin = self.at;
        let code = self.uint()?;
        if code == 0 {
            return Ok(None);
        }
        let reason = reason_of(code);
        if reason.is_none() {
            self.at = begin;
        }
        reason.map(Some).ok_or("an unknown reason")
    }

    fn stated_reason(&mut self) -> Decoded<RefusalReason> {
        self.reason()?.ok_or("a decision without its reason")
    }

    fn kind<P>(&mut self, price: impl Fn(&mut Self) -> Decoded<P>) -> Decoded<OrderKind<P>> {
        Ok(match self.known("an unknown kind of order", |code| (code <= 6).then_some(code))? {
            0 => OrderKind::Market,
            1 => OrderKind::Limit { price: price(self)?, tif: self.tif()? },
            2 => OrderKind::StopMarket { trigger: price(self)?, source: self.source()? },
            3 => OrderKind::StopLimit {
                trigger: price(self)?,
                source: self.source()?,
                price: price(self)?,
                tif: self.tif()?,
            },
            4 => OrderKind::TakeProfitMarket { trigger: price(self)?, source: self.source()? },
            5 => OrderKind::TakeProfitLimit {
                trigger: price(self)?,
                source: self.source()?,
                price: price(self)?,
                tif: self.tif()?,
            },
            _ => {
                let callback = if self.flag()? {
                    Callback::Distance(price(self)?)
                } else {
                    Callback::Bps(self.float()?)
                };
                OrderKind::TrailingStop { callback, activation: self.option(&price)?, source: self.source()? }
            }
        })
    }

    fn terms(&mut self) -> Decoded<OrderTerms> {
        let bits = self.known("unknown terms of an order", |bits| (bits < 16).then_some(bits))?;
        let mut other = |bit: u8| if bits & bit == 0 { Ok(OrderId::NONE) } else { self.order_id() };
        let (parent, sibling) = (other(4)?, other(8)?);
        Ok(OrderTerms { reduce_only: bits & 1 != 0, close_position: bits & 2 != 0, parent, sibling })
    }

    fn intent(&mut self) -> Decoded<Intent> {
        Ok(match self.known("an unknown intent", |code| (code <= 4).then_some(code))? {
            0 => Intent::Order {
                id: self.order_id()?,
                series: SeriesId(self.id()?),
                side: self.side()?,
                quantity: self.float()?,
                kind: self.kind(Self::float)?,
                terms: self.terms()?,
                target: self.option(Self::float)?,
            },
            1 => Intent::Cancel { id: self.order_id()? },
            2 => Intent::CancelAll { series: SeriesId(self.id()?) },
            3 => Intent::Modify { id: self.order_id()?, quantity: self.float()?, price: self.float()? },
            _ => Intent::Signal(Signal {
                id: self.order_id()?,
                series: SeriesId(self.id()?),
                side: self.side()?,
                confidence: self.float()?,
                stop: self.option(Self::float)?,
                target: self.option(Self::float)?,
            }),
        })
    }

    fn decision(&mut self) -> Decoded<JournalDecision> {
        Ok(match self.known("an unknown decision", |code| (code <= 2).then_some(code))? {
            0 => JournalDecision::Approved(self.approved()?),
            1 => JournalDecision::Refused { reason: self.stated_reason()?, evidence: self.evidence()? },
            _ => JournalDecision::Reduced {
                order: self.approved()?,
                reason: self.stated_reason()?,
                evidence: self.evidence()?,
            },
        })
    }

    fn evidence(&mut self) -> Decoded<Evidence> {
        let some = self.flag()?;
        if some { Ok(Evidence { limit: self.float()?, value: self.float()? }) } else { Ok(Evidence::NONE) }
    }

    fn state(&mut self) -> Decoded<StateChange> {
        let ts = self.time()?;
        let scope = match self.known("an unknown scope", |code| (code <= 2).then_some(code))? {
            0 => self.id().map(|_| Scope::Portfolio)?,
            1 => Scope::Strategy(StrategyId(self.id()?)),
            _ => Scope::Instrument(InstrumentId(self.id()?)),
        };
        let (from, to, cause) = (self.trading_state()?, self.trading_state()?, self.cause()?);
        Ok(StateChange { ts, scope, from, to, cause, evidence: self.evidence()? })
    }

    fn approved(&mut self) -> Decoded<ApprovedOrder> {
        Ok(ApprovedOrder {
            instrument: InstrumentId(self.id()?),
            side: self.side()?,
            quantity: self.quantity()?,
            kind: self.kind(Self::price)?,
            terms: self.terms()?,
        })
    }

    fn order_event(&mut self) -> Decoded<OrderEvent> {
        let (ts, strategy) = (self.time()?, StrategyId(self.id()?));
        let (series, id) = (SeriesId(self.id()?), self.order_id()?);
        let (kind, side) = (self.event_kind()?, self.side()?);
        let plain = OrderEvent::plain(strategy, series, id, side, ts, kind);
        Ok(OrderEvent { remaining: self.quantity()?, reason: self.reason()?, ..plain })
    }

    fn fill(&mut self) -> Decoded<Fill> {
        Ok(Fill {
            ts: self.time()?,
            strategy: StrategyId(self.id()?),
            instrument: InstrumentId(self.id()?),
            order: self.order_id()?,
            side: self.side()?,
            price: self.price()?,
            quantity: self.quantity()?,
            fee: self.money()?,
            slippage: self.money()?,
            liquidity: if self.flag()? { Liquidity::Maker } else { Liquidity::Taker },
            rule: self.fill_rule()?,
        })
    }

    fn funding(&mut self) -> Decoded<FundingPayment> {
        Ok(FundingPayment {
            ts: self.time()?,
            strategy: StrategyId(self.id()?),
            instrument: InstrumentId(self.id()?),
            position: self.quantity()?,
            mark: self.price()?,
            source: self.funding_price()?,
            rate: Rate::from_units(self.units()?),
            paid: self.money()?,
        })
    }

    fn liquidation(&mut self) -> Decoded<Liquidation> {
        Ok(Liquidation {
            ts: self.time()?,
            strategy: StrategyId(self.id()?),
            instrument: InstrumentId(self.id()?),
            side: self.side()?,
            quantity: self.quantity()?,
            mark: self.price()?,
            bankruptcy_price: self.price()?,
            fee: self.money()?,
            insurance: self.money()?,
        })
    }

    fn market(&mut self) -> Decoded<MarketMatch> {
        Ok(MarketMatch {
            ts: self.time()?,
            order: self.order_id()?,
            level: self.quantity()?,
            joined: self.float()?,
            ahead: self.float()?,
            trade: self.option(|fields| {
                let (aggressor, price) = (fields.side()?, fields.price()?);
                Ok(TradeSeen { aggressor, price, quantity: fields.quantity()? })
            })?,
        })
    }

    fn trade(&mut self) -> Decoded<ClosedTrade> {
        let mut trade = ClosedTrade {
            strategy: StrategyId(self.id()?),
            instrument: InstrumentId(self.id()?),
            side: self.side()?,
            opened_at: self.time()?,
            closed_at: self.time()?,
            quantity: self.quantity()?,
            entry_price: self.price()?,
            exit_price: self.price()?,
            gross_pnl: self.money()?,
            fees: self.money()?,
            funding: self.money()?,
            slippage: self.money()?,
            insurance: Money::ZERO,
            net_pnl: self.money()?,
        };
        // It is what the other amounts leave to the net result.
        let [net, gross, fees, funding] =
            [trade.net_pnl, trade.gross_pnl, trade.fees, trade.funding].map(Money::units);
        let own = gross.checked_sub(fees).and_then(|own| own.checked_sub(funding));
        let left = own.and_then(|own| net.checked_sub(own));
        trade.insurance = Money::from_units(left.ok_or("amounts of a trade that are too large")?);
        Ok(trade)
    }

    numbered!(event_kind, OrderEventKind, "an unknown step of an order":
        Submitted Accepted Rejected Triggered PartiallyFilled Filled Modified Cancelled Expired);
    numbered!(fill_rule, FillRule, "an unknown rule of a fill":
        Open OpenLate LimitThrough StopOnPath StopGap CloseAfterArrival LimitGap Liquidation TakeProfitOnPath
        TakeProfitGap BookWalk Queue Trade);
    numbered!(funding_price, FundingPrice, "an unknown source of a funding price":
        Recorded MarkOpen LastClose);
    numbered!(trading_state, TradingState, "an unknown trading state": Active Reducing Halted);
    numbered!(cause, Cause, "an unknown cause of a trading state":
        DailyLoss WeeklyLoss MonthlyLoss Drawdown CircuitBreaker NewPeriod BreakerOver Operator Kill);
    numbered!(fault_kind, FaultKind, "an unknown kind of fault":
        Trap Deadline Memory OrderFlood LogFlood InvalidArgumentFlood TimerFlood Refused Contract Instructions
        TotalTime);
    numbered!(guest_call, GuestCall, "an unknown call":
        Instantiate Describe Init OnBar OnOrder OnPositionClose OnTimer Snapshot Restore Stop Tune);
}

/// The reason with a number. The match makes a reason that is missing here a compile error.
fn reason_of(code: u64) -> Option<RefusalReason> {
    macro_rules! known {
        ($($reason:ident)+) => {{
            const REASONS: &[RefusalReason] = &[$(RefusalReason::$reason),+];
            const _: fn(RefusalReason) = |reason| match reason { $(RefusalReason::$reason)|+ => () };
            REASONS.iter().copied().find(|reason| u64::from(reason.code()) == code)
        }};
    }
    known!(
        InvalidArgument BelowMinimum InsufficientMargin NothingToReduce TooManyOrders WouldTake NotFillable
        NotAccepting Quarantined UnknownOrder NoMarket WouldTrigger GoodTillDate Sibling Parent Liquidated PriceBand
        AboveMaximum LeverageExceeded InstrumentNotional PortfolioNotional TooManyPositions OrderRate PriceCollar
        RiskPerTrade PortfolioHeat CorrelatedExposure Cooldown DuplicateSignal ThinMarket HighVolatility TradingHalted
        ReducingOnly MissingStop StopDistance CircuitBreaker LossLimit KellySample LowConfidence NoSizer
    )
}
