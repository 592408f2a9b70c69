//! Channel breakout: enters when a bar closes beyond the highest high or below the lowest low of the bars before it
//! (Donchian's channel). Every entry comes with the orders that end it, so that it is protected from its fill on: a stop
//! and, if wanted, a target, both at multiples of the average true range. A trailing stop may follow the price besides.
//!
//! An entry is a signal, which the host sizes; with a `stake` it is an order of the plugin's own. The further the close is
//! beyond the channel, the surer is the signal.

use cryptobot_sdk::prelude::*;

params! {
    /// The parameters.
    pub struct Params {
        /// Bars in the channel.
        period: u32 = 55, range = 2..=5_000, step = 5;
        /// Bars in the average true range.
        atr: u32 = 14, range = 2..=1_000, step = 1;
        /// Distance of the stop from the close of the breakout, in average true ranges.
        stop_atr: f64 = 3.0, range = 0.5..=50.0, step = 0.5;
        /// Distance of the target from the close of the breakout, in average true ranges; 0 = no target.
        target_atr: f64 = 9.0, range = 0.0..=100.0, step = 1.0;
        /// Distance of a trailing stop behind the best price since the entry, in average true ranges; 0 = none.
        trail_atr: f64 = 0.0, range = 0.0..=50.0, step = 0.5;
        /// Distance of the close beyond the channel at which the confidence of a signal is 1, in average true ranges; at
        /// the channel it is 0.5.
        full_atr: f64 = 1.0, range = 0.05..=20.0, step = 0.25;
        /// Whether to go short as well.
        short: bool = true;
        /// Share of the equity in positions of its own orders, all symbols together; 0 = signals, which the host sizes.
        stake: f64 = 0.0, range = 0.0..=1.0, step = 0.05;
    }
}

/// One symbol.
#[derive(Debug, Serialize, Deserialize)]
pub struct Breakout {
    params: Params,
    channel: Donchian,
    atr: Atr,
    /// The entry that is under way; 0 = none.
    entry: OrderId,
}

impl Strategy for Breakout {
    type Params = Params;

    fn new(params: &Params, _series: &[Series], _host: &mut Host) -> Result<Self, String> {
        Ok(Self {
            channel: Donchian::new(params.period)?,
            atr: Atr::new(params.atr)?,
            params: params.clone(),
            entry: 0,
        })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        // The channel of the bars before this one: no bar closes beyond its own high.
        let before = self.channel.value();
        self.channel.update(bar.high, bar.low);
        let range = self.atr.update(bar.high, bar.low, bar.close);
        // Neither holds while the channel is NaN.
        let (side, beyond) = if bar.close > before.upper {
            (Side::Buy, bar.close - before.upper)
        } else if self.params.short && bar.close < before.lower {
            (Side::Sell, before.lower - bar.close)
        } else {
            return;
        };
        if self.entry == 0 && host.position(series) == 0.0 {
            let confidence = 0.5 + 0.5 * (beyond / (self.params.full_atr * range)).min(1.0);
            self.enter(host, series, side, confidence, bar.close, range);
        }
    }

    fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
        let is_entry = event.id == self.entry;
        if is_entry && event.kind.is_final() {
            self.entry = 0;
        }
        if event.kind == OrderEventKind::Rejected && !is_entry {
            self.exit_refused(host, series, event);
        } else if is_entry && event.kind.is_fill() && self.params.trail_atr > 0.0 {
            let distance = self.params.trail_atr * self.atr.value();
            let order = Order::trailing_by(event.side.opposite(), event.quantity, distance);
            host.submit(series, &order.reduce_only());
        }
    }

    fn on_position_close(&mut self, host: &mut Host, series: &Series, _close: &PositionClose) {
        // One exit has closed the position; the others must not meet the next one.
        host.cancel_all(series);
    }

    fn wants() -> Wants {
        Wants::BARS | Wants::OUTCOMES | Wants::POSITION_CLOSES
    }

    fn warmup(params: &Params) -> u32 {
        params.period.max(params.atr) + 1
    }
}

impl Breakout {
    fn enter(
        &mut self,
        host: &mut Host,
        series: &Series,
        side: Side,
        confidence: f64,
        price: f64,
        range: f64,
    ) {
        let Params { stop_atr, target_atr, stake, .. } = self.params;
        let toward = |distance: f64| price + side.sign() * distance * range;
        let (stop, target) = (toward(-stop_atr), toward(target_atr));
        // A range as large as the price leaves no room for a stop or a target; NaN is no range yet.
        if !(stop > 0.0 && target > 0.0 && range > 0.0) {
            return;
        }
        let target = (target_atr > 0.0).then_some(target);
        let ids = if stake > 0.0 {
            let quantity = host.quantity_of_share(series, side.sign() * stake, price).abs();
            host.submit(series, &Bracket { target, ..Order::bracket(side, quantity, stop) })
        } else {
            host.signal(series, &Signal { target, ..Signal::new(side, confidence).stop(stop) })
        };
        self.entry = ids.entry;
    }

    /// A position one of whose exits was refused is not kept, an entry not waited for. A refused entry needs nothing: the
    /// next close beyond the channel is another, and the host counts refusals.
    fn exit_refused(&self, host: &mut Host, series: &Series, event: &OrderEvent) {
        let position = host.position(series);
        if self.entry == 0 && position == 0.0 {
            return;
        }
        host.warn(format_args!("{}: an exit was refused, reason {}", series.symbol, event.reason));
        if self.entry != 0 {
            host.cancel(self.entry);
        }
        if position * event.side.sign() < 0.0 {
            host.target_position(series, 0.0);
        }
    }
}

export!(Breakout);

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test tape may differ between machines")]
mod tests {
    use super::*;

    fn params() -> Params {
        Params { period: 4, atr: 2, stop_atr: 2.0, target_atr: 4.0, stake: 0.95, ..Params::default() }
    }

    /// The same, and the host sizes.
    fn signals() -> Params {
        Params { stake: 0.0, ..params() }
    }

    /// Quiet between 99 and 101, then what the test adds.
    fn tape(then: &[f64]) -> Tape {
        let quiet = [100.0, 101.0, 100.0, 99.0, 100.0, 101.0, 100.0];
        Tape::from_closes(quiet.into_iter().chain(then.iter().copied())).balance(10_000.0)
    }

    fn prices(run: &cryptobot_sdk::testing::TapeRun) -> Vec<f64> {
        run.fills.iter().map(|fill| fill.price).collect()
    }

    #[test]
    fn a_breakout_is_bought_with_stop_and_target() {
        // True ranges are 1 up to the breakout of 2, which makes an average of 1.5.
        let run = tape(&[102.0, 103.0, 107.0, 109.0]).run::<Breakout>(&params()).unwrap();
        let [entry, stop, target] = &run.orders[..3] else { panic!("{:?}", run.orders) };
        assert_eq!((entry.order.side, entry.order.kind), (Side::Buy, OrderKind::Market));
        assert!((entry.order.quantity - 9_500.0 / 102.0).abs() < 1e-9);
        assert_eq!(stop.order.kind, OrderKind::stop(99.0));
        assert_eq!(target.order.kind, OrderKind::take_profit(108.0));
        assert_eq!((stop.parent, target.parent), (entry.id, entry.id));
        // In at the next open, out at the target; no second entry while the first is on.
        assert_eq!(prices(&run), [102.0, 108.0]);
        assert_eq!((run.position(), run.closed.len()), (0.0, 1));
    }

    #[test]
    fn a_breakout_is_signalled_with_stop_and_target_and_the_host_sizes_it() {
        let run = tape(&[102.0, 103.0, 107.0, 109.0]).stake(0.02).run::<Breakout>(&signals()).unwrap();
        let Signal { side, stop, target, .. } = run.signals[0].signal;
        assert_eq!((side, stop, target), (Side::Buy, Some(99.0), Some(108.0)));
        assert!((run.orders[0].order.quantity - 200.0 / 102.0).abs() < 1e-9);
        assert_eq!(prices(&run), [102.0, 108.0]);
        assert_eq!((run.position(), run.closed.len()), (0.0, 1));
    }

    #[test]
    fn the_further_beyond_the_channel_the_surer_is_the_signal() {
        // The channel ends at 101 and 99; the average true range is 1.25, 1.5 and 2.5.
        for (close, full_atr, confidence) in [
            (101.5, 1.0, 0.7),
            (102.0, 2.0, 0.5 + 0.5 / 3.0),
            (104.0, 1.0, 1.0),
            (98.0, 1.0, 0.5 + 1.0 / 3.0),
        ] {
            let params = Params { full_atr, ..signals() };
            let run = tape(&[close]).stake(0.5).run::<Breakout>(&params).unwrap();
            let given: Vec<f64> = run.signals.iter().map(|given| given.signal.confidence).collect();
            assert_eq!(given.len(), 1, "{close}");
            assert!((given[0] - confidence).abs() < 1e-9, "{close}: {given:?}");
        }
    }

    #[test]
    fn a_refused_entry_is_signalled_again_while_prices_break_out() {
        // Nothing sizes the signals.
        let run = tape(&[102.0, 103.0, 102.5, 104.0]).run::<Breakout>(&signals()).unwrap();
        assert_eq!((run.signals.len(), run.fills.len()), (3, 0));
        assert!(run.logs.is_empty(), "{:?}", run.logs);
    }

    #[test]
    fn the_stop_limits_the_loss_and_ends_the_target() {
        let run = tape(&[102.0, 101.0, 97.0, 98.0]).run::<Breakout>(&params()).unwrap();
        assert_eq!(prices(&run)[..2], [102.0, 99.0]);
        let target = run.orders[2].id;
        let last = run.events.iter().rfind(|event| event.id == target).unwrap();
        assert_eq!(last.kind, OrderEventKind::Cancelled);
    }

    #[test]
    fn a_breakdown_is_sold_only_if_it_may() {
        let fall = [98.0, 97.0, 91.0, 90.0];
        let run = tape(&fall).run::<Breakout>(&params()).unwrap();
        assert_eq!((prices(&run)[0], run.closed[0].side), (98.0, Side::Sell));
        assert_eq!(run.closed[0].exit_price, 92.0);
        let run = tape(&fall).run::<Breakout>(&Params { short: false, ..params() }).unwrap();
        assert!(run.orders.is_empty());
    }

    #[test]
    fn a_trailing_stop_keeps_the_gain_and_leaves_nothing_behind() {
        let trailing = Params { target_atr: 0.0, trail_atr: 2.0, ..params() };
        let run = tape(&[102.0, 103.0, 110.0, 111.0, 104.0, 104.0]).run::<Breakout>(&trailing).unwrap();
        let trail = run.orders.iter().find(|placed| placed.parent == 0 && placed.order.reduce_only).unwrap();
        // The average true range that was known when the entry filled is 1.5.
        assert_eq!(trail.order.kind, OrderKind::trailing_by(3.0));
        assert_eq!(run.closed[0].exit_price, 111.0 - 3.0);
        // The bracket's stop is gone with the position.
        let stop = run.orders[1].id;
        let last = run.events.iter().rfind(|event| event.id == stop).unwrap();
        assert_eq!(last.kind, OrderEventKind::Cancelled);
    }

    #[test]
    fn several_symbols_share_the_account_and_go_on_after_a_restart() {
        let wave = |period: f64, amplitude: f64| {
            (0..1_500).map(move |i| {
                let i = f64::from(i);
                100.0 + amplitude * (i / period).sin() + 3.0 * (i * 1.3).sin() + 2.0 * (i * 0.37).cos()
            })
        };
        let tape = Tape::from_closes(wave(40.0, 20.0)).and("B", wave(65.0, 40.0)).fee(0.0004);
        let params = Params { period: 20, trail_atr: 4.0, ..params() };
        let run = tape.run::<Breakout>(&params).unwrap();
        assert!(run.closed.len() > 20, "{}", run.closed.len());
        assert!(run.events.iter().all(|event| event.kind != OrderEventKind::Rejected));
        tape.check_restart::<Breakout>(&params).unwrap();
    }
}
