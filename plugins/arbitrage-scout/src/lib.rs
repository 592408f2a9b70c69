//! Relative value between the symbols of a run: a symbol that has become rich against the others is sold, one that has
//! become cheap is bought, and the position is closed when the relation is back at its mean.
//!
//! The relation of a symbol is the logarithm of its price less the mean logarithm of the others' prices. Dividing each
//! price by its own value at the beginning of the window would shift all relations of a window by one number, which
//! cancels in their deviation from the mean: the z-score is that of normalised prices. With two symbols the z-scores
//! are opposite numbers, so that both legs of the pair are signalled at once.

use cryptobot_sdk::prelude::*;

params! {
    /// The parameters.
    pub struct Params {
        /// Bars over which mean and standard deviation of a relation are taken.
        window: u32 = 240, range = 5..=20_000, step = 5;
        /// Standard deviations from the mean at which a symbol is signalled; above `exit`.
        entry: f64 = 2.5, range = 0.5..=10.0, step = 0.25;
        /// Standard deviations from the mean at which the confidence is 1; at `entry` it is 0.5. Above `entry`.
        full: f64 = 4.0, range = 0.75..=20.0, step = 0.25;
        /// Distance of the stop beyond the deviation that was signalled, in standard deviations.
        stop_sigma: f64 = 1.5, range = 0.1..=20.0, step = 0.25;
        /// Standard deviations from the mean within which a position is closed at the market.
        exit: f64 = 0.5, range = 0.0..=5.0, step = 0.25;
        /// Bars of its symbol after which a position is closed in any case.
        max_bars: u32 = 240, range = 1..=100_000, step = 5;
    }
}

/// All symbols of the run.
#[derive(Debug, Serialize, Deserialize)]
pub struct ArbitrageScout {
    params: Params,
    /// By series; there is one per symbol.
    legs: Vec<Leg>,
}

impl Strategy for ArbitrageScout {
    type Params = Params;

    const SCOPE: Scope = Scope::Portfolio;

    fn new(params: &Params, series: &[Series], _host: &mut Host) -> Result<Self, String> {
        let Params { window, entry, full, exit, .. } = *params;
        if series.len() < 2 {
            return Err(format!("symbols: a relation needs at least two, not {}; add another", series.len()));
        }
        if !(exit < entry && entry < full) {
            return Err(format!("entry: {entry} must be above exit ({exit}) and below full ({full})"));
        }
        // No value is further than √(window − 1) standard deviations from a mean that it is part of.
        if entry * entry >= f64::from(window) - 1.0 {
            return Err(format!(
                "window: {window} bars never deviate by entry = {entry}; take a longer window"
            ));
        }
        let legs = series.iter().map(|series| Leg::new(series, window)).collect::<Result<_, _>>()?;
        Ok(Self { params: params.clone(), legs })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        let Some(leg) = self.legs.get_mut(series.id as usize) else { return };
        leg.take(host, bar, self.params.max_bars);
        // Only prices of one moment are compared: the last of its bars completes it.
        if self.legs.iter().all(|leg| leg.ts == bar.ts) {
            let sum: f64 = self.legs.iter().map(|leg| leg.log_price).sum();
            let others = self.legs.len() as f64 - 1.0;
            for leg in &mut self.legs {
                let relation = leg.log_price - (sum - leg.log_price) / others;
                leg.judge(host, relation, &self.params);
            }
        }
    }

    fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
        if let Some(leg) = self.legs.get_mut(series.id as usize) {
            leg.follow(host, event);
        }
    }

    fn on_position_close(&mut self, host: &mut Host, series: &Series, _close: &PositionClose) {
        // One exit has closed the position; the others must not meet the next one.
        host.cancel_all(series);
        if let Some(leg) = self.legs.get_mut(series.id as usize) {
            leg.spent = true;
        }
    }

    fn wants() -> Wants {
        Wants::BARS | Wants::OUTCOMES | Wants::POSITION_CLOSES
    }

    fn warmup(params: &Params) -> u32 {
        params.window
    }
}

/// One symbol against the others.
#[derive(Debug, Serialize, Deserialize)]
struct Leg {
    series: Series,
    /// Close time of its newest bar, in nanoseconds.
    ts: i64,
    /// Natural logarithm of its newest close.
    log_price: f64,
    relations: StdDev,
    /// The orders of its last signal; the entry is 0 once it is over.
    ids: BracketIds,
    /// The market order that closes the position; 0 = none.
    closing: OrderId,
    /// Bars that the position has been open.
    age: u32,
    /// A position was closed while the deviation lasted: it is traded only once.
    spent: bool,
    /// Stop or target was refused: the position is not kept beyond its first bar.
    unprotected: bool,
}

impl Leg {
    fn new(series: &Series, window: u32) -> Result<Self, String> {
        Ok(Self {
            series: series.clone(),
            ts: 0,
            log_price: f64::NAN,
            relations: StdDev::new(window)?,
            ids: BracketIds::default(),
            closing: 0,
            age: 0,
            spent: false,
            unprotected: false,
        })
    }

    /// Takes a bar. What is closed without a look at the others is closed even where their bars are missing.
    fn take(&mut self, host: &mut Host, bar: &Bar, max_bars: u32) {
        (self.ts, self.log_price) = (bar.ts, libm::log(bar.close));
        self.age = if host.position(&self.series) == 0.0 { 0 } else { self.age + 1 };
        if self.age >= max_bars || self.unprotected {
            self.close(host);
        }
    }

    /// Closes the position whose relation is back, or signals a deviation.
    fn judge(&mut self, host: &mut Host, relation: f64, params: &Params) {
        let sigma = self.relations.update(relation);
        let deviation = relation - self.relations.mean();
        // NaN while the window fills: no comparison holds.
        let z = deviation / sigma;
        if z.abs() < params.entry {
            self.spent = false;
        }
        let position = host.position(&self.series);
        if position != 0.0 && position.signum() * z >= -params.exit {
            self.close(host);
        } else if position == 0.0 && z.abs() >= params.entry && self.ids.entry == 0 && !self.spent {
            let sureness = ((z.abs() - params.entry) / (params.full - params.entry)).min(1.0);
            self.signal(host, 0.5 + 0.5 * sureness, deviation, params.stop_sigma * sigma);
        }
    }

    /// Signals against a deviation, with the target at the mean: both distances are in logarithms of the price.
    fn signal(&mut self, host: &mut Host, confidence: f64, deviation: f64, stop: f64) {
        let at = |distance: f64| libm::exp(self.log_price + distance);
        let (side, stop) = if deviation > 0.0 { (Side::Sell, at(stop)) } else { (Side::Buy, at(-stop)) };
        let target = at(-deviation);
        // A mean within a tick pays nothing.
        if (target - at(0.0)).abs() > self.series.tick {
            let signal = Signal::new(side, confidence).stop(stop).target(target);
            self.ids = host.signal(&self.series, &signal);
            self.unprotected = false;
        }
    }

    /// Sends one market order at a time. It only reduces, lest it opens a position when the stop comes first.
    fn close(&mut self, host: &mut Host) {
        let position = host.position(&self.series);
        if self.closing == 0 && position != 0.0 {
            let side = if position > 0.0 { Side::Sell } else { Side::Buy };
            self.closing = host.submit(&self.series, &Order::market(side, position.abs()).reduce_only());
        }
    }

    /// A refused entry needs nothing: it is signalled again while the deviation lasts, and the host counts refusals.
    fn follow(&mut self, host: &mut Host, event: &OrderEvent) {
        let BracketIds { entry, stop, target } = self.ids;
        if event.kind == OrderEventKind::Rejected && (event.id == stop || event.id == target) {
            host.warn(format_args!("{}: an exit was refused, reason {}", self.series.symbol, event.reason));
            self.unprotected = true;
        }
        if event.kind.is_final() && event.id == entry {
            self.ids.entry = 0;
        } else if event.kind.is_final() && event.id == self.closing {
            self.closing = 0;
        }
    }
}

export!(ArbitrageScout);
