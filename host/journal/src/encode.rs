//! The canonical encoding of entries.
//!
//! An entry is a tag byte and its fields in order: integers and exact numbers (counts of 10⁻⁸ units), zigzag where they
//! have a sign, as a length byte and that many little-endian bytes, the fewest that hold the value; times as eight
//! bytes; `f64` as eight bytes with one NaN; options as a byte and the value.
//!
//! What another entry says is not said twice: an approval is the submission, and the event of an execution leaves its
//! numbers to the fill that follows it.

use cryptobot_engine::{Decision, Entry, Intent};
use cryptobot_model::{
    ClosedTrade, Fill, Liquidity, OrderEvent, OrderEventKind, OrderKind, OrderRequest, RefusalReason, Side,
    TimeInForce, Timestamp, TriggerSource,
};

const TAG_INTENT: u8 = 1;
const TAG_DECISION: u8 = 2;
const TAG_ORDER: u8 = 3;
const TAG_FILL: u8 = 4;
const TAG_TRADE: u8 = 5;
const TAG_WALLET: u8 = 6;
const TAG_FAULT: u8 = 7;
const TAG_EXECUTED: u8 = 8;

/// More than any entry takes.
pub(crate) const LONGEST: usize = 512;

/// Writes the encoding of an entry at the beginning of `room`, which has [`LONGEST`] bytes or more, and returns its
/// length.
pub(crate) fn encode(entry: &Entry<'_>, room: &mut [u8]) -> usize {
    let mut out = Encoder { room, length: 0 };
    out.entry(entry);
    out.length
}

/// Appends fields. Every write stores its full width and keeps what counts, so that it compiles to a few instructions
/// without a branch on the value.
struct Encoder<'a> {
    room: &'a mut [u8],
    length: usize,
}

impl Encoder<'_> {
    fn entry(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Intent { ts, strategy, intent } => {
                self.byte(TAG_INTENT).time(*ts).uint(strategy.0.into());
                self.intent(intent);
            }
            Entry::Decision { ts, id, decision } => {
                self.byte(TAG_DECISION).time(*ts).uint(id.0);
                match decision {
                    Decision::Approved(order) => self.byte(0).request(order),
                    Decision::Refused(reason) => self.byte(1).uint(reason.code().into()),
                };
            }
            Entry::Order(event) if event.kind == OrderEventKind::Submitted => {}
            Entry::Order(event) if !event.quantity.is_zero() => {
                self.byte(TAG_EXECUTED)
                    .uint(event.id.0)
                    .byte(event.kind as u8)
                    .units(event.remaining.units());
            }
            Entry::Order(event) => {
                self.byte(TAG_ORDER).order_event(event);
            }
            Entry::Fill(fill) => {
                self.byte(TAG_FILL).fill(fill);
            }
            Entry::Trade(trade) => {
                self.byte(TAG_TRADE).trade(trade);
            }
            Entry::Wallet { ts, strategy, wallet } => {
                self.byte(TAG_WALLET).time(*ts).uint(strategy.0.into()).units(wallet.units());
            }
            Entry::Fault { ts, strategy, fault } => {
                // The message is for people and may name addresses of a build; the kind is what happened.
                self.byte(TAG_FAULT).time(*ts).uint(strategy.0.into()).byte(fault.kind as u8);
            }
        }
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N], counting: usize) -> &mut Self {
        self.room[self.length..self.length + N].copy_from_slice(&bytes);
        self.length += counting;
        self
    }

    fn byte(&mut self, value: u8) -> &mut Self {
        self.put([value], 1)
    }

    fn time(&mut self, ts: Timestamp) -> &mut Self {
        self.put(ts.0.to_le_bytes(), 8)
    }

    fn uint(&mut self, value: u64) -> &mut Self {
        let length = (71 - value.leading_zeros() as usize) / 8;
        self.byte(length as u8).put(value.to_le_bytes(), length)
    }

    fn units(&mut self, value: i128) -> &mut Self {
        // Nearly all amounts fit a machine word.
        if let Ok(value) = i64::try_from(value)
            && value.unsigned_abs() < 1 << 62
        {
            return self.uint(((value << 1) ^ (value >> 63)) as u64);
        }
        let zigzag = ((value << 1) ^ (value >> 127)) as u128;
        let length = (135 - zigzag.leading_zeros() as usize) / 8;
        self.byte(length as u8).put(zigzag.to_le_bytes(), length)
    }

    fn float(&mut self, value: f64) -> &mut Self {
        let canonical = if value.is_nan() { f64::NAN.to_bits() & !(1 << 63) } else { value.to_bits() };
        self.put(canonical.to_le_bytes(), 8)
    }

    fn flag(&mut self, value: bool) -> &mut Self {
        self.byte(value.into())
    }

    fn side(&mut self, side: Side) -> &mut Self {
        self.byte(match side {
            Side::Buy => 0,
            Side::Sell => 1,
        })
    }

    fn kind<P>(&mut self, kind: &OrderKind<P>, price: impl Fn(&mut Self, &P)) -> &mut Self {
        match kind {
            OrderKind::Market => {
                self.byte(0);
            }
            OrderKind::Limit { price: limit, tif } => {
                self.byte(1);
                price(self, limit);
                self.byte(match tif {
                    TimeInForce::Gtc => 0,
                    TimeInForce::Ioc => 1,
                    TimeInForce::Fok => 2,
                    TimeInForce::Gtx => 3,
                });
            }
            OrderKind::StopMarket { trigger, source } => {
                self.byte(2);
                price(self, trigger);
                self.byte(match source {
                    TriggerSource::Mark => 0,
                    TriggerSource::Last => 1,
                });
            }
        }
        self
    }

    fn intent(&mut self, intent: &Intent) -> &mut Self {
        match intent {
            Intent::Order { id, series, side, quantity, kind, reduce_only, target } => {
                self.byte(0).uint(id.0).uint(series.0.into()).side(*side).float(*quantity);
                self.kind(kind, |out, price| {
                    out.float(*price);
                });
                self.flag(*reduce_only).flag(target.is_some());
                if let Some(target) = target {
                    self.float(*target);
                }
                self
            }
            Intent::Cancel { id } => self.byte(1).uint(id.0),
            Intent::CancelAll { series } => self.byte(2).uint(series.0.into()),
        }
    }

    fn request(&mut self, order: &OrderRequest) -> &mut Self {
        self.uint(order.instrument.0.into()).side(order.side).units(order.quantity.units());
        self.kind(&order.kind, |out, price| {
            out.units(price.units());
        });
        self.flag(order.reduce_only)
    }

    fn order_event(&mut self, event: &OrderEvent) -> &mut Self {
        self.time(event.ts).uint(event.strategy.0.into()).uint(event.series.0.into()).uint(event.id.0);
        self.byte(event.kind as u8).side(event.side).units(event.remaining.units());
        self.uint(event.reason.map_or(0, RefusalReason::code).into())
    }

    fn fill(&mut self, fill: &Fill) -> &mut Self {
        self.time(fill.ts).uint(fill.strategy.0.into()).uint(fill.instrument.0.into()).uint(fill.order.0);
        self.side(fill.side).units(fill.price.units()).units(fill.quantity.units()).units(fill.fee.units());
        self.units(fill.slippage.units()).flag(fill.liquidity == Liquidity::Maker).byte(fill.rule as u8)
    }

    fn trade(&mut self, trade: &ClosedTrade) -> &mut Self {
        self.uint(trade.strategy.0.into()).uint(trade.instrument.0.into()).side(trade.side);
        self.time(trade.opened_at).time(trade.closed_at).units(trade.quantity.units());
        self.units(trade.entry_price.units()).units(trade.exit_price.units()).units(trade.gross_pnl.units());
        self.units(trade.fees.units()).units(trade.funding.units()).units(trade.slippage.units());
        self.units(trade.net_pnl.units())
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
            reduce_only: false,
            target: None,
        };
        let mut room = [0; LONGEST];
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
