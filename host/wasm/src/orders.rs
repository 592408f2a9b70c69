//! The imports about orders: `orders`, `advanced-orders` and `signals`.
//!
//! Nothing is judged here. Numbers go to the desk as they were given, and what makes no sense comes back as a refusal.

use cryptobot_engine::Bracket;
use cryptobot_model::{
    Callback, OrderId, OrderKind, OrderTerms, SeriesId, Side, TimeInForce, Timestamp, TriggerSource,
};
use wasmtime::Result;

use crate::bindings::cryptobot::plugin::{advanced_orders, orders, signals, types};
use crate::host::HostState;

/// A plugin's number with every NaN made the same one, so that journals do not depend on the processor.
fn canonical(number: f64) -> f64 {
    if number.is_nan() { f64::NAN } else { number }
}

impl HostState {
    fn place(
        &mut self,
        series: u32,
        side: types::Side,
        quantity: f64,
        kind: OrderKind<f64>,
        terms: OrderTerms,
    ) -> Result<u64> {
        let id = self.desk.submit(SeriesId(series), side.into(), canonical(quantity), kind, terms)?;
        Ok(id.0)
    }
}

impl orders::Host for HostState {
    fn market_order(
        &mut self,
        series: u32,
        side: types::Side,
        quantity: f64,
        reduce_only: bool,
    ) -> Result<u64> {
        self.place(series, side, quantity, OrderKind::Market, OrderTerms::reducing(reduce_only))
    }

    fn limit_order(
        &mut self,
        series: u32,
        side: types::Side,
        quantity: f64,
        price: f64,
        tif: types::Tif,
        reduce_only: bool,
    ) -> Result<u64> {
        let kind = OrderKind::Limit { price: canonical(price), tif: tif.into() };
        self.place(series, side, quantity, kind, OrderTerms::reducing(reduce_only))
    }

    fn stop_market(
        &mut self,
        series: u32,
        side: types::Side,
        quantity: f64,
        trigger: f64,
        source: types::TriggerSource,
        reduce_only: bool,
    ) -> Result<u64> {
        let kind = OrderKind::StopMarket { trigger: canonical(trigger), source: source.into() };
        self.place(series, side, quantity, kind, OrderTerms::reducing(reduce_only))
    }

    fn target_position(&mut self, series: u32, quantity: f64) -> Result<u64> {
        Ok(self.desk.target_position(SeriesId(series), canonical(quantity))?.0)
    }

    fn cancel(&mut self, id: u64) -> Result<()> {
        Ok(self.desk.cancel(OrderId(id))?)
    }

    fn cancel_all(&mut self, series: u32) -> Result<()> {
        Ok(self.desk.cancel_all(SeriesId(series))?)
    }
}

impl advanced_orders::Host for HostState {
    fn submit(
        &mut self,
        series: u32,
        side: types::Side,
        quantity: f64,
        kind: advanced_orders::Kind,
        reduce_only: bool,
    ) -> Result<u64> {
        self.place(series, side, quantity, kind.into(), OrderTerms::reducing(reduce_only))
    }

    fn close_position(
        &mut self,
        series: u32,
        side: types::Side,
        exit: advanced_orders::Exit,
        at: advanced_orders::Trigger,
    ) -> Result<u64> {
        let (trigger, source) = (canonical(at.price), at.source.into());
        let kind = match exit {
            advanced_orders::Exit::Stop => OrderKind::StopMarket { trigger, source },
            advanced_orders::Exit::TakeProfit => OrderKind::TakeProfitMarket { trigger, source },
        };
        let terms = OrderTerms { close_position: true, ..OrderTerms::FREE };
        self.place(series, side, 0.0, kind, terms)
    }

    fn submit_bracket(
        &mut self,
        series: u32,
        side: types::Side,
        quantity: f64,
        bracket: advanced_orders::Bracket,
    ) -> Result<u64> {
        let bracket = Bracket {
            entry: bracket.entry.map(canonical),
            stop: canonical(bracket.stop),
            target: bracket.target.map(canonical),
            source: bracket.source.into(),
        };
        Ok(self.desk.submit_bracket(SeriesId(series), side.into(), canonical(quantity), &bracket)?.0)
    }

    fn submit_pair(
        &mut self,
        series: u32,
        side: types::Side,
        quantity: f64,
        first: advanced_orders::Kind,
        second: advanced_orders::Kind,
        reduce_only: bool,
    ) -> Result<u64> {
        let kinds = [first.into(), second.into()];
        let terms = OrderTerms::reducing(reduce_only);
        Ok(self.desk.submit_pair(SeriesId(series), side.into(), canonical(quantity), kinds, terms)?.0)
    }

    fn modify(&mut self, id: u64, quantity: f64, price: f64) -> Result<()> {
        Ok(self.desk.modify(OrderId(id), canonical(quantity), canonical(price))?)
    }
}

impl signals::Host for HostState {
    fn signal(
        &mut self,
        series: u32,
        side: types::Side,
        confidence: f64,
        stop: Option<f64>,
        target: Option<f64>,
    ) -> Result<u64> {
        let (stop, target) = (stop.map(canonical), target.map(canonical));
        Ok(self.desk.signal(SeriesId(series), side.into(), canonical(confidence), stop, target)?.0)
    }
}

impl From<advanced_orders::Kind> for OrderKind<f64> {
    fn from(kind: advanced_orders::Kind) -> Self {
        use advanced_orders::{Kind, TriggerLimit};

        match kind {
            Kind::Market => Self::Market,
            Kind::Limit(limit) => Self::Limit { price: canonical(limit.price), tif: limit.lifetime.into() },
            Kind::StopMarket(at) => {
                Self::StopMarket { trigger: canonical(at.price), source: at.source.into() }
            }
            Kind::StopLimit(TriggerLimit { trigger, limit }) => Self::StopLimit {
                trigger: canonical(trigger.price),
                source: trigger.source.into(),
                price: canonical(limit.price),
                tif: limit.lifetime.into(),
            },
            Kind::TakeProfitMarket(at) => {
                Self::TakeProfitMarket { trigger: canonical(at.price), source: at.source.into() }
            }
            Kind::TakeProfitLimit(TriggerLimit { trigger, limit }) => Self::TakeProfitLimit {
                trigger: canonical(trigger.price),
                source: trigger.source.into(),
                price: canonical(limit.price),
                tif: limit.lifetime.into(),
            },
            Kind::TrailingStop(trailing) => Self::TrailingStop {
                callback: match trailing.callback {
                    advanced_orders::Callback::Bps(bps) => Callback::Bps(canonical(bps)),
                    advanced_orders::Callback::Distance(distance) => Callback::Distance(canonical(distance)),
                },
                activation: trailing.activation.map(canonical),
                source: trailing.source.into(),
            },
        }
    }
}

impl From<advanced_orders::Lifetime> for TimeInForce {
    fn from(lifetime: advanced_orders::Lifetime) -> Self {
        match lifetime {
            advanced_orders::Lifetime::Tif(tif) => tif.into(),
            advanced_orders::Lifetime::Until(ts) => Self::Gtd(Timestamp(ts)),
        }
    }
}

impl From<types::Side> for Side {
    fn from(side: types::Side) -> Self {
        match side {
            types::Side::Buy => Self::Buy,
            types::Side::Sell => Self::Sell,
        }
    }
}

impl From<types::Tif> for TimeInForce {
    fn from(tif: types::Tif) -> Self {
        match tif {
            types::Tif::Gtc => Self::Gtc,
            types::Tif::Ioc => Self::Ioc,
            types::Tif::Fok => Self::Fok,
            types::Tif::Gtx => Self::Gtx,
        }
    }
}

impl From<types::TriggerSource> for TriggerSource {
    fn from(source: types::TriggerSource) -> Self {
        match source {
            types::TriggerSource::Mark => Self::Mark,
            types::TriggerSource::Last => Self::Last,
        }
    }
}
