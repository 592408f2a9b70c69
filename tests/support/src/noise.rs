//! A strategy that does anything that is allowed, drawn from the host's seeded generator.

use cryptobot_engine::{Desk, Fault};
use cryptobot_model::{
    Bar, ClosedTrade, OrderEvent, OrderId, OrderKind, OrderTerms, SeriesId, Side, TimeInForce, Timestamp,
    TriggerSource,
};

use crate::native::Logic;

/// Places, cancels and targets at random; also from order events and timers.
#[derive(Clone, Debug, Default)]
pub struct Noise {
    orders: Vec<OrderId>,
}

impl Noise {
    fn act(&mut self, desk: &mut Desk, series: SeriesId, price: f64) -> Result<(), Fault> {
        let draw = desk.random();
        let side = if draw & 1 == 0 { Side::Buy } else { Side::Sell };
        let terms = OrderTerms::reducing(draw & 6 == 0);
        // 0.01 to 2.56 units, off the grid now and then.
        let quantity = ((draw >> 8) % 256 + 1) as f64 * 0.010_000_3;
        let offset = 1.0 + (((draw >> 16) % 401) as f64 - 200.0) * 1e-5;
        match (draw >> 32) % 24 {
            0..3 => self.keep(desk.submit(series, side, quantity, OrderKind::Market, terms)?),
            3..7 => {
                let tif = [TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Gtx]
                    [(draw >> 40) as usize % 4];
                self.keep(desk.submit(
                    series,
                    side,
                    quantity,
                    OrderKind::Limit { price: price * offset, tif },
                    terms,
                )?);
            }
            7..10 => {
                let source = if draw >> 41 & 1 == 0 { TriggerSource::Last } else { TriggerSource::Mark };
                let kind = OrderKind::StopMarket { trigger: price * offset, source };
                self.keep(desk.submit(series, side, quantity, kind, terms)?);
            }
            10 | 11 => self.keep(desk.target_position(series, side.sign() * quantity)?),
            12 => self.keep(desk.target_position(series, 0.0)?),
            13 => {
                if let Some(id) = self.orders.get((draw >> 44) as usize % self.orders.len().max(1)) {
                    desk.cancel(*id)?;
                }
            }
            14 if (draw >> 50).is_multiple_of(8) => desk.cancel_all(series)?,
            15 => {
                desk.set_timer(
                    (draw >> 45) as u32 % 5,
                    desk.now.plus((draw >> 20) as i64 % 600_000_000_000),
                )?;
            }
            16 if (draw >> 50).is_multiple_of(32) => {
                self.keep(desk.submit(series, side, f64::NAN, OrderKind::Market, OrderTerms::FREE)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Everything it remembers.
    pub fn state(&self) -> Vec<u8> {
        self.orders.iter().flat_map(|id| id.0.to_le_bytes()).collect()
    }

    /// What [`Noise::state`] gave.
    pub fn from_state(state: &[u8]) -> Self {
        let (ids, _) = state.as_chunks();
        Self { orders: ids.iter().map(|id| OrderId(u64::from_le_bytes(*id))).collect() }
    }

    fn keep(&mut self, id: OrderId) {
        if id != OrderId::NONE {
            self.orders.push(id);
        }
        if self.orders.len() > 64 {
            self.orders.drain(..32);
        }
    }
}

impl Logic for Noise {
    fn on_bar(&mut self, desk: &mut Desk, series: SeriesId, bar: &Bar) -> Result<(), Fault> {
        self.act(desk, series, bar.close)
    }

    fn on_order(&mut self, desk: &mut Desk, event: &OrderEvent) -> Result<(), Fault> {
        if desk.random().is_multiple_of(16) && !event.price.is_zero() {
            self.act(desk, event.series, event.price.to_f64())?;
        }
        Ok(())
    }

    fn on_position_close(&mut self, desk: &mut Desk, trade: &ClosedTrade) -> Result<(), Fault> {
        if desk.random().is_multiple_of(4) {
            self.act(desk, SeriesId(0), trade.exit_price.to_f64())?;
        }
        Ok(())
    }

    fn on_timer(&mut self, desk: &mut Desk, _id: u32, _now: Timestamp) -> Result<(), Fault> {
        let mark = desk.account.marks.get(0);
        self.act(desk, SeriesId(0), mark)
    }
}
