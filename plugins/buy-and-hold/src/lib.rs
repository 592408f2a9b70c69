//! Buys every symbol on its first bar and holds: what other strategies have to beat.

use cryptobot_sdk::prelude::*;

params! {
    /// The parameters.
    pub struct Params {
        /// Share of the equity that is invested, all symbols together; what is left pays fees and gaps.
        fraction: f64 = 0.98, range = 0.01..=1.0, step = 0.01;
    }
}

/// One symbol.
#[derive(Debug, Serialize, Deserialize)]
pub struct BuyAndHold {
    fraction: f64,
    bought: bool,
}

impl Strategy for BuyAndHold {
    type Params = Params;

    fn new(params: &Params, _series: &[Series], host: &mut Host) -> Result<Self, String> {
        Ok(Self { fraction: params.fraction / f64::from(host.symbols()), bought: false })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, bar: &Bar) {
        if !self.bought {
            self.bought = true;
            let quantity = self.fraction * host.equity() / bar.close;
            host.buy(series, quantity);
        }
    }

    fn on_order(&mut self, host: &mut Host, series: &Series, event: &OrderEvent) {
        if event.kind == OrderEventKind::Rejected {
            host.warn(format_args!("{} could not be bought: reason {}", series.symbol, event.reason));
        }
    }

    fn wants() -> Wants {
        Wants::BARS | Wants::OUTCOMES
    }
}

export!(BuyAndHold);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_symbol_gets_its_share_once() {
        let tape = Tape::from_closes([100.0, 120.0, 90.0]).and("B", [50.0, 60.0, 70.0]).balance(10_000.0);
        let run = tape.run::<BuyAndHold>(&Params { fraction: 0.5 }).unwrap();
        assert_eq!(run.positions, [("TESTUSDT".to_owned(), 25.0), ("B".to_owned(), 50.0)]);
        assert_eq!(run.equity, 10_000.0 - 25.0 * 10.0 + 50.0 * 20.0);
        tape.check_restart::<BuyAndHold>(&Params::default()).unwrap();
    }

    #[test]
    fn a_refusal_is_told() {
        let run =
            Tape::from_closes([100.0, 120.0]).balance(1e-9).run::<BuyAndHold>(&Params::default()).unwrap();
        assert_eq!(run.logs[0].message, "TESTUSDT could not be bought: reason 2");
    }
}
