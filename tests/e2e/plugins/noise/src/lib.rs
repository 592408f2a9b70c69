//! Looks at everything the host shows and asks for anything it accepts, at random. What it has seen decides what it does
//! next, so that two runs that differ in anything soon differ in their orders.

use cryptobot_sdk::Column;
use cryptobot_sdk::prelude::*;

params! {
    /// The parameters.
    pub struct Params {
        /// Of a thousand events, how many it answers with a request.
        requests: u32 = 100, range = 0..=1_000;
        /// Of a thousand bars, at how many it looks around.
        looks: u32 = 300, range = 0..=1_000;
        /// A bar at which it panics; 0 = none.
        panic_at: u32 = 0, range = 0..=1_000_000;
        /// Of its orders it looks only at executions and ends.
        outcomes: bool = false;
    }
}

/// Ids that it remembers.
const REMEMBERED: usize = 32;

/// The whole strategy, all symbols together.
#[derive(Debug, Serialize, Deserialize)]
pub struct Noise {
    params: Params,
    /// Folded from everything that was seen.
    seen: u64,
    bars: u32,
    ids: Vec<OrderId>,
    series: Vec<Series>,
    indicators: Vec<Indicator>,
}

impl Noise {
    fn see(&mut self, value: u64) {
        self.seen = (self.seen.rotate_left(17) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn see_number(&mut self, value: f64) {
        self.see(if value.is_nan() { 1 } else { value.to_bits() });
    }

    /// A number below `most`, of what was seen.
    fn draw(&mut self, most: u32) -> u32 {
        self.see(0);
        ((self.seen >> 33) % u64::from(most)) as u32
    }

    fn any_series(&mut self) -> Series {
        let index = self.draw(self.series.len() as u32);
        self.series[index as usize].clone()
    }

    fn look(&mut self, host: &mut Host) {
        let series = self.any_series();
        let back = self.draw(300);
        match self.draw(12) {
            0 => self.see_number(host.position(&series)),
            1 => self.see_number(host.average_price(&series)),
            2 => self.see_number(host.equity()),
            3 => self.see_number(host.available_margin()),
            4 => self.see_number(host.close(&series, back % 80)),
            5 => {
                let bar = host.bar(&series, back % 80);
                self.see(bar.map_or(7, |bar| bar.volume.to_bits() ^ bar.ts as u64 ^ bar.low.to_bits()));
            }
            6 => self.see(u64::from(host.bars(&series))),
            7 => {
                let window = host.window(&series, Column::High, back % 90);
                for value in window {
                    self.see_number(value);
                }
            }
            8 => self.see(host.random()),
            9 => host.info(format_args!("seen {:x} at {}", self.seen, host.now())),
            _ => {
                let index = self.draw(self.indicators.len() as u32) as usize;
                let output = self.draw(4);
                let value = host.value(&self.indicators[index], output, back);
                self.see_number(value);
            }
        }
        self.see(host.now() as u64);
    }

    fn ask(&mut self, host: &mut Host, series: &Series, price: f64) {
        let side = if self.draw(2) == 0 { Side::Buy } else { Side::Sell };
        let quantity = f64::from(self.draw(200) + 1) * 0.010_000_3;
        let away = |draw: u32| price * (1.0 + (f64::from(draw) - 200.0) * 2e-5);
        let near = away(self.draw(401));
        let id = match self.draw(14) {
            0 => host.target_position(series, side.sign() * quantity),
            1 => host.target_position(series, 0.0),
            2 => host.submit(series, &Order::market(side, quantity).reduce_only()),
            3 => host.submit(series, &Order::limit(side, quantity, near)),
            4 => host.submit(series, &Order::limit(side, quantity, near).tif(Tif::Gtx)),
            5 => host.submit(series, &Order::stop(side, quantity, near)),
            6 => {
                let stop = price * (1.0 - side.sign() * 0.002);
                let target = price * (1.0 + side.sign() * 0.003);
                host.submit(series, &Order::bracket(side, quantity, stop).target(target)).entry
            }
            7 => {
                let index = self.draw(REMEMBERED as u32) as usize;
                if let Some(id) = self.ids.get(index) {
                    host.cancel(*id);
                }
                0
            }
            8 => {
                host.cancel_all(series);
                0
            }
            9 => {
                let index = self.draw(REMEMBERED as u32) as usize;
                if let Some(id) = self.ids.get(index) {
                    host.modify(*id, quantity, near);
                }
                0
            }
            10 => {
                let timer = self.draw(4);
                host.set_timer(timer, host.now() + i64::from(self.draw(600)) * 1_000_000_000);
                0
            }
            11 => {
                let timer = self.draw(4);
                host.cancel_timer(timer);
                0
            }
            12 => host.submit(series, &Order::close_at_stop(side, near)),
            _ => {
                let (low, high) = (price * 0.998, price * 1.002);
                let (limit, stop) = if side == Side::Buy { (low, high) } else { (high, low) };
                let (limit, stop) = (OrderKind::limit(limit), OrderKind::stop(stop));
                host.submit(series, &Order::pair(side, quantity, limit, stop))[0]
            }
        };
        self.see(id);
        if id != 0 {
            self.ids.push(id);
        }
        if self.ids.len() > REMEMBERED {
            self.ids.drain(..REMEMBERED / 2);
        }
    }

    fn maybe_ask(&mut self, host: &mut Host, series: &Series, price: f64) {
        // Now and then several in one callback.
        while self.draw(1_000) < self.params.requests {
            self.ask(host, series, price);
        }
    }
}

impl Strategy for Noise {
    type Params = Params;

    const SCOPE: Scope = Scope::Portfolio;

    fn new(params: &Params, series: &[Series], host: &mut Host) -> Result<Self, String> {
        let mut indicators = Vec::new();
        for one in series {
            indicators.push(host.indicator(one, "sma", &[("period", 7.0)])?);
            indicators.push(host.indicator(one, "macd", &[])?);
        }
        let (params, series) = (params.clone(), series.to_vec());
        Ok(Self { params, seen: 1, bars: 0, ids: Vec::new(), series, indicators })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        self.bars += 1;
        assert!(self.bars != self.params.panic_at, "it was time");
        self.see_number(bar.close);
        self.see(u64::from(series.id) ^ bar.ts as u64);
        while self.draw(1_000) < self.params.looks {
            self.look(host);
        }
        self.maybe_ask(host, series, bar.close);
    }

    fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
        if self.params.outcomes && !event.kind.is_outcome() {
            return;
        }
        self.see(event.id ^ event.ts as u64 ^ event.remaining.to_bits());
        if event.price > 0.0 && self.draw(8) == 0 {
            self.look(host);
            self.ask(host, series, event.price);
        }
    }

    fn on_position_close(&mut self, host: &mut Host, series: &Series, close: &PositionClose) {
        self.see_number(close.net_pnl);
        self.maybe_ask(host, series, close.exit_price);
    }

    fn on_timer(&mut self, host: &mut Host, id: u32) {
        self.see(u64::from(id));
        self.look(host);
        let series = self.any_series();
        let price = host.close(&series, 0);
        if price > 0.0 {
            self.ask(host, &series, price);
        }
    }
}

export!(Noise);
