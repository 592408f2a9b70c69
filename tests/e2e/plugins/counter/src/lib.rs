//! Counts the events it is given and those that are missing or come twice: what swaps are measured with.
//!
//! Every bar follows the one before it by the length of its series. The strategy trades now and then, so that there are
//! orders under way, and keeps a timer going.

use cryptobot_sdk::prelude::*;

/// One symbol.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Counter {
    bars: u64,
    last: i64,
    missing: u64,
    twice: u64,
    orders: u64,
    timers: u64,
}

impl Strategy for Counter {
    type Params = ();

    fn new((): &(), series: &[Series], host: &mut Host) -> Result<Self, String> {
        host.indicator(&series[0], "ema", &[("period", 20.0)])?;
        host.set_timer(1, host.now() + 10 * MINUTE);
        Ok(Self::default())
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        if self.bars > 0 {
            let steps = (bar.ts - self.last) / series.timeframe_ns;
            self.missing += u64::try_from(steps - 1).unwrap_or(0);
            self.twice += u64::from(steps < 1);
        }
        (self.last, self.bars) = (bar.ts, self.bars + 1);
        if self.bars.is_multiple_of(7) {
            let side = if self.bars.is_multiple_of(2) { 1.0 } else { -1.0 };
            host.target_position(series, side);
        }
    }

    fn on_order(&mut self, _host: &mut Host, _series: &Series, _event: &OrderEvent) {
        self.orders += 1;
    }

    fn on_timer(&mut self, host: &mut Host, id: u32) {
        self.timers += 1;
        host.set_timer(id, host.now() + 10 * MINUTE);
    }

    fn stop(&mut self, host: &mut Host) {
        let Self { bars, missing, twice, orders, timers, .. } = self;
        host.info(format_args!(
            "{bars} bars, {missing} missing, {twice} twice, {orders} orders, {timers} timers"
        ));
    }
}

export!(Counter);
