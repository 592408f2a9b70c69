//! The canonical encoding of entries.
//!
//! An entry is a tag byte and its fields in order: integers and exact numbers (counts of 10⁻⁸ units), zigzag where they
//! have a sign, as a length byte and that many little-endian bytes, the fewest that hold the value; times as eight
//! bytes; `f64` as eight bytes with one NaN; options as a byte and the value; texts as their length and
//! their bytes in UTF-8.
//!
//! What another entry says is not said twice: an approval is the submission, and the event of an execution leaves its
//! numbers to the fill that follows it.

use cryptobot_engine::{Decision, Entry, Evidence, Intent, Scope, Signal, StateChange};
use cryptobot_model::{
    Callback, ClosedTrade, Fill, FundingPayment, Liquidation, Liquidity, MarketMatch, OrderEvent,
    OrderEventKind, OrderKind, OrderRequest, OrderTerms, RefusalReason, Side, TimeInForce, Timestamp,
    TriggerSource,
};

pub(crate) const TAG_INTENT: u8 = 1;
pub(crate) const TAG_DECISION: u8 = 2;
pub(crate) const TAG_ORDER: u8 = 3;
pub(crate) const TAG_FILL: u8 = 4;
pub(crate) const TAG_TRADE: u8 = 5;
pub(crate) const TAG_WALLET: u8 = 6;
pub(crate) const TAG_FAULT: u8 = 7;
pub(crate) const TAG_EXECUTED: u8 = 8;
pub(crate) const TAG_FUNDING: u8 = 9;
pub(crate) const TAG_LIQUIDATION: u8 = 10;
pub(crate) const TAG_STATE: u8 = 11;
pub(crate) const TAG_CLOSING: u8 = 12;
pub(crate) const TAG_RESTART: u8 = 13;
pub(crate) const TAG_MARKET: u8 = 14;

/// More than any entry takes; a power of two.
const LONGEST: usize = 512;
/// Longest text in an entry, bytes.
pub(crate) const LONGEST_TEXT: usize = 400;

/// Room for an entry, and for the full width of its last field.
pub(crate) const ROOM: usize = LONGEST + 16;

/// Writes the encoding of an entry at the beginning of `room` and returns its length.
pub(crate) fn encode(entry: &Entry<'_>, room: &mut [u8; ROOM]) -> usize {
    Encoder { room, length: 0 }.entry(entry).length
}

/// Appends fields. Every write stores its full width and keeps what counts, so that it compiles to a few instructions
/// without a branch on the value. It goes from hand to hand by value, so that the length stays in a register: behind a
/// reference every write would have to wait for the one before.
struct Encoder<'a> {
    room: &'a mut [u8; ROOM],
    length: usize,
}

impl Encoder<'_> {
    fn entry(self, entry: &Entry<'_>) -> Self {
        match entry {
            Entry::Intent { ts, strategy, intent } => {
                self.byte(TAG_INTENT).time(*ts).uint(strategy.0.into()).intent(intent)
            }
            Entry::Decision { ts, id, decision } => {
                let out = self.byte(TAG_DECISION).time(*ts).uint(id.0);
                match decision {
                    Decision::Approved(order) => out.byte(0).request(order),
                    Decision::Refused { reason, evidence } => {
                        out.byte(1).uint(reason.code().into()).evidence(evidence)
                    }
                    Decision::Reduced { order, reason, evidence } => {
                        out.byte(2).request(order).uint(reason.code().into()).evidence(evidence)
                    }
                }
            }
            Entry::Order(event) if event.kind == OrderEventKind::Submitted => self,
            Entry::Order(event) if !event.quantity.is_zero() => {
                self.byte(TAG_EXECUTED).uint(event.id.0).byte(event.kind as u8).units(event.remaining.units())
            }
            Entry::Order(event) => self.byte(TAG_ORDER).order_event(event),
            Entry::Fill(fill) => self.byte(TAG_FILL).fill(fill),
            Entry::Market(market) => self.byte(TAG_MARKET).market(market),
            Entry::State(change) => self.byte(TAG_STATE).state(change),
            Entry::Funding(payment) => self.byte(TAG_FUNDING).funding(payment),
            Entry::Liquidation(liquidation) => self.byte(TAG_LIQUIDATION).liquidation(liquidation),
            Entry::Trade(trade) => self.byte(TAG_TRADE).trade(trade),
            Entry::Wallet { ts, strategy, wallet } => {
                self.byte(TAG_WALLET).time(*ts).uint(strategy.0.into()).units(wallet.units())
            }
            Entry::Fault { ts, strategy, fault } => {
                // Backtrace and resources differ between builds of the same strategy, and are not told.
                self.byte(TAG_FAULT)
                    .time(*ts)
                    .uint(strategy.0.into())
                    .byte(fault.kind as u8)
                    .option(fault.call, |out, call| out.byte(call as u8))
                    .text(&fault.message)
            }
            Entry::Closing { ts, id } => self.byte(TAG_CLOSING).time(*ts).uint(id.0),
            Entry::Restart { ts, strategy } => self.byte(TAG_RESTART).time(*ts).uint(strategy.0.into()),
        }
    }

    #[inline]
    fn put<const N: usize>(self, bytes: [u8; N], counting: usize) -> Self {
        const { assert!(N <= ROOM - LONGEST) };
        // No entry is that long; a bound that the compiler sees spares it a check per field.
        let at = self.length & (LONGEST - 1);
        self.room[at..at + N].copy_from_slice(&bytes);
        Self { length: self.length + counting, ..self }
    }

    #[inline]
    fn byte(self, value: u8) -> Self {
        self.put([value], 1)
    }

    #[inline]
    fn time(self, ts: Timestamp) -> Self {
        self.put(ts.0.to_le_bytes(), 8)
    }

    #[inline]
    fn uint(self, value: u64) -> Self {
        if value >> 56 != 0 {
            return self.long(value.into());
        }
        // Behind the byte for the length, the place of the highest bit is the length.
        let behind = value << 8 | 1;
        let length = behind.ilog2() / 8;
        self.put((behind - 1 + u64::from(length)).to_le_bytes(), 1 + length as usize)
    }

    #[inline]
    fn units(self, value: i128) -> Self {
        // Nearly all amounts fit a machine word.
        match i64::try_from(value) {
            Ok(value) => self.uint(((value << 1) ^ (value >> 63)) as u64),
            Err(_) => self.long(((value << 1) ^ (value >> 127)) as u128),
        }
    }

    #[cold]
    fn long(self, value: u128) -> Self {
        let length = (135 - value.leading_zeros() as usize) / 8;
        self.byte(length as u8).put(value.to_le_bytes(), length)
    }

    fn option<T>(self, value: Option<T>, put: impl Fn(Self, T) -> Self) -> Self {
        let out = self.flag(value.is_some());
        match value {
            Some(value) => put(out, value),
            None => out,
        }
    }

    /// Cut to what an entry has room for.
    fn text(self, text: &str) -> Self {
        let bytes = &text.as_bytes()[..text.floor_char_boundary(LONGEST_TEXT)];
        let out = self.uint(bytes.len() as u64);
        let end = out.length + bytes.len();
        out.room[out.length..end].copy_from_slice(bytes);
        Self { length: end, ..out }
    }

    #[inline]
    fn float(self, value: f64) -> Self {
        let canonical = if value.is_nan() { f64::NAN.to_bits() & !(1 << 63) } else { value.to_bits() };
        self.put(canonical.to_le_bytes(), 8)
    }

    #[inline]
    fn flag(self, value: bool) -> Self {
        self.byte(value.into())
    }

    #[inline]
    fn side(self, side: Side) -> Self {
        self.byte(match side {
            Side::Buy => 0,
            Side::Sell => 1,
        })
    }

    fn tif(self, tif: TimeInForce) -> Self {
        match tif {
            TimeInForce::Gtc => self.byte(0),
            TimeInForce::Ioc => self.byte(1),
            TimeInForce::Fok => self.byte(2),
            TimeInForce::Gtx => self.byte(3),
            TimeInForce::Gtd(until) => self.byte(4).time(until),
        }
    }

    #[inline]
    fn source(self, source: TriggerSource) -> Self {
        self.byte(match source {
            TriggerSource::Mark => 0,
            TriggerSource::Last => 1,
        })
    }

    #[inline]
    fn kind<P: Copy>(self, kind: &OrderKind<P>, price: impl Fn(Self, P) -> Self) -> Self {
        match *kind {
            OrderKind::Market => self.byte(0),
            OrderKind::Limit { price: limit, tif } => price(self.byte(1), limit).tif(tif),
            OrderKind::StopMarket { trigger, source } => price(self.byte(2), trigger).source(source),
            OrderKind::StopLimit { trigger, source, price: limit, tif } => {
                price(price(self.byte(3), trigger).source(source), limit).tif(tif)
            }
            OrderKind::TakeProfitMarket { trigger, source } => price(self.byte(4), trigger).source(source),
            OrderKind::TakeProfitLimit { trigger, source, price: limit, tif } => {
                price(price(self.byte(5), trigger).source(source), limit).tif(tif)
            }
            OrderKind::TrailingStop { callback, activation, source } => match callback {
                Callback::Bps(bps) => self.byte(6).byte(0).float(bps),
                Callback::Distance(distance) => price(self.byte(6).byte(1), distance),
            }
            .option(activation, price)
            .source(source),
        }
    }

    /// One byte for an order that is bound to nothing, as most are.
    fn terms(self, terms: &OrderTerms) -> Self {
        let OrderTerms { reduce_only, close_position, parent, sibling } = *terms;
        let bits = [reduce_only, close_position, parent.is_some(), sibling.is_some()];
        let out = self.byte(bits.iter().enumerate().map(|(bit, set)| u8::from(*set) << bit).sum());
        [parent, sibling]
            .into_iter()
            .filter(|other| other.is_some())
            .fold(out, |out, other| out.uint(other.0))
    }

    fn intent(self, intent: &Intent) -> Self {
        match intent {
            Intent::Order { id, series, side, quantity, kind, terms, target } => self
                .byte(0)
                .uint(id.0)
                .uint(series.0.into())
                .side(*side)
                .float(*quantity)
                .kind(kind, Self::float)
                .terms(terms)
                .option(*target, Self::float),
            Intent::Cancel { id } => self.byte(1).uint(id.0),
            Intent::CancelAll { series } => self.byte(2).uint(series.0.into()),
            Intent::Modify { id, quantity, price } => self.byte(3).uint(id.0).float(*quantity).float(*price),
            Intent::Signal(Signal { id, series, side, confidence, stop, target }) => self
                .byte(4)
                .uint(id.0)
                .uint(series.0.into())
                .side(*side)
                .float(*confidence)
                .option(*stop, Self::float)
                .option(*target, Self::float),
        }
    }

    fn request(self, order: &OrderRequest) -> Self {
        self.uint(order.instrument.0.into())
            .side(order.side)
            .units(order.quantity.units())
            .kind(&order.kind, |out, price| out.units(price.units()))
            .terms(&order.terms)
    }

    fn order_event(self, event: &OrderEvent) -> Self {
        self.time(event.ts)
            .uint(event.strategy.0.into())
            .uint(event.series.0.into())
            .uint(event.id.0)
            .byte(event.kind as u8)
            .side(event.side)
            .units(event.remaining.units())
            .uint(event.reason.map_or(0, RefusalReason::code).into())
    }

    fn fill(self, fill: &Fill) -> Self {
        self.time(fill.ts)
            .uint(fill.strategy.0.into())
            .uint(fill.instrument.0.into())
            .uint(fill.order.0)
            .side(fill.side)
            .units(fill.price.units())
            .units(fill.quantity.units())
            .units(fill.fee.units())
            .units(fill.slippage.units())
            .flag(fill.liquidity == Liquidity::Maker)
            .byte(fill.rule as u8)
    }

    /// One byte where there are no numbers.
    fn evidence(self, evidence: &Evidence) -> Self {
        let Evidence { limit, value } = *evidence;
        let some = !(limit.is_nan() && value.is_nan());
        if some { self.byte(1).float(limit).float(value) } else { self.byte(0) }
    }

    fn state(self, change: &StateChange) -> Self {
        let (kind, number) = match change.scope {
            Scope::Portfolio => (0, 0),
            Scope::Strategy(strategy) => (1, strategy.0),
            Scope::Instrument(instrument) => (2, instrument.0),
        };
        self.time(change.ts)
            .byte(kind)
            .uint(number.into())
            .byte(change.from as u8)
            .byte(change.to as u8)
            .byte(change.cause as u8)
            .evidence(&change.evidence)
    }

    fn funding(self, payment: &FundingPayment) -> Self {
        self.time(payment.ts)
            .uint(payment.strategy.0.into())
            .uint(payment.instrument.0.into())
            .units(payment.position.units())
            .units(payment.mark.units())
            .byte(payment.source as u8)
            .units(payment.rate.units())
            .units(payment.paid.units())
    }

    fn liquidation(self, liquidation: &Liquidation) -> Self {
        self.time(liquidation.ts)
            .uint(liquidation.strategy.0.into())
            .uint(liquidation.instrument.0.into())
            .side(liquidation.side)
            .units(liquidation.quantity.units())
            .units(liquidation.mark.units())
            .units(liquidation.bankruptcy_price.units())
            .units(liquidation.fee.units())
            .units(liquidation.insurance.units())
    }

    fn market(self, market: &MarketMatch) -> Self {
        self.time(market.ts)
            .uint(market.order.0)
            .units(market.level.units())
            .float(market.joined)
            .float(market.ahead)
            .option(market.trade, |out, trade| {
                out.side(trade.aggressor).units(trade.price.units()).units(trade.quantity.units())
            })
    }

    fn trade(self, trade: &ClosedTrade) -> Self {
        self.uint(trade.strategy.0.into())
            .uint(trade.instrument.0.into())
            .side(trade.side)
            .time(trade.opened_at)
            .time(trade.closed_at)
            .units(trade.quantity.units())
            .units(trade.entry_price.units())
            .units(trade.exit_price.units())
            .units(trade.gross_pnl.units())
            .units(trade.fees.units())
            .units(trade.funding.units())
            .units(trade.slippage.units())
            .units(trade.net_pnl.units())
    }
}

#[cfg(test)]
mod tests {
    use cryptobot_model::{OrderId, SeriesId, StrategyId};

    use super::*;

    fn bytes(quantity: f64) -> Vec<u8> {
        let intent = Intent::Order {
            id: OrderId::new(StrategyId(0), 1),
            series: SeriesId(0),
            side: Side::Buy,
            quantity,
            kind: OrderKind::Market,
            terms: OrderTerms::FREE,
            target: None,
        };
        let mut room = [0; ROOM];
        let entry = Entry::Intent { ts: Timestamp(-1), strategy: StrategyId(0), intent: &intent };
        let length = encode(&entry, &mut room);
        room[..length].to_vec()
    }

    #[test]
    fn there_is_one_nan() {
        assert_eq!(bytes(f64::NAN), bytes(-f64::NAN));
        assert_eq!(bytes(f64::from_bits(0x7FF0_0000_0000_0001)), bytes(f64::NAN));
        assert_ne!(bytes(0.0), bytes(-0.0), "what the plugin gave is kept");
    }

    #[test]
    fn the_encoding_is_what_the_module_says() {
        let mut expected = vec![TAG_INTENT];
        expected.extend_from_slice(&(-1_i64).to_le_bytes());
        // strategy 0; a new order with id 2^40 + 1, series 0, buy.
        expected.extend_from_slice(&[0, 0, 6, 1, 0, 0, 0, 0, 1, 0, 0]);
        expected.extend_from_slice(&1.5_f64.to_le_bytes());
        expected.extend_from_slice(&[0, 0, 0]);
        assert_eq!(bytes(1.5), expected);
    }
}
