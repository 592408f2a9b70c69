//! A strategy that is changed while it runs: new values of its parameters, and a version that needs a timer.
#![allow(clippy::unwrap_used, reason = "tests")]

use cryptobot_sdk::prelude::*;

params! {
    /// The parameters.
    pub struct Params {
        /// Units per order.
        size: f64 = 1.0, range = 0.0..=100.0, tunable = true;
    }
}

/// Buys `size` on every bar; each symbol refuses sizes above a limit of its own.
#[derive(Serialize, Deserialize)]
struct Buyer {
    size: f64,
    most: f64,
}

impl Strategy for Buyer {
    type Params = Params;

    fn new(params: &Params, series: &[Series], _host: &mut Host) -> Result<Self, String> {
        let most = if series[0].symbol == "OTHER" { 5.0 } else { 10.0 };
        Ok(Self { size: params.size, most })
    }

    fn on_bar(&mut self, host: &mut Host, series: &Series, _bar: &Bar) {
        host.buy(series, self.size);
    }

    fn tune(&mut self, params: &Params) -> Result<(), String> {
        self.size = params.size;
        if params.size > self.most { Err(format!("at most {}", self.most)) } else { Ok(()) }
    }
}

#[test]
fn tunable_parameters_change_while_it_runs() {
    let tape = Tape::from_closes([100.0; 6]).and("OTHER", [100.0; 6]);
    let size = |size| Params { size };
    let run = tape.run_with_tuning::<Buyer>(&size(1.0), 4, &size(3.0)).unwrap();
    let sizes: Vec<f64> = run.orders.iter().map(|placed| placed.order.quantity).collect();
    assert_eq!(sizes, [1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]);
    let refused = tape.run_with_tuning::<Buyer>(&size(1.0), 4, &size(7.0)).unwrap_err();
    assert_eq!(refused, "at most 5");
}

#[test]
fn where_one_symbol_refuses_all_stay_as_they_were() {
    use cryptobot_sdk::runtime::Runtime;
    use cryptobot_sdk::testing::host_for;

    let tape = Tape::from_closes([100.0]).and("OTHER", [100.0]);
    let (host, series) = host_for::<Buyer>(&tape);
    let mut runtime = Runtime::<Buyer>::new(host, &Params::default(), series).unwrap();
    let before = runtime.snapshot().unwrap();
    assert!(runtime.tune(&Params { size: 7.0 }).is_err());
    assert_eq!(runtime.snapshot().unwrap(), before);
    runtime.tune(&Params { size: 2.0 }).unwrap();
    assert_ne!(runtime.snapshot().unwrap(), before);
}

/// Sets a timer when it begins, and another one when it takes a state over.
#[derive(Serialize, Deserialize)]
struct Timed;

impl Strategy for Timed {
    type Params = ();

    fn new((): &(), _series: &[Series], host: &mut Host) -> Result<Self, String> {
        host.set_timer(1, host.now() + 10 * MINUTE);
        Ok(Self)
    }

    fn on_bar(&mut self, _host: &mut Host, _series: &Series, _bar: &Bar) {}

    fn on_timer(&mut self, host: &mut Host, id: u32) {
        host.info(format_args!("{id} at {}", host.now() / MINUTE));
    }

    fn resume(&mut self, host: &mut Host) {
        host.set_timer(2, host.now() + MINUTE);
    }
}

#[test]
fn timers_stay_and_a_successor_adds_its_own_when_it_resumes() {
    let tape = Tape::from_closes([100.0; 20]);
    let said = |run: &cryptobot_sdk::testing::TapeRun| {
        run.logs.iter().map(|line| line.message.clone()).collect::<Vec<_>>()
    };
    let plain = said(&tape.run::<Timed>(&()).unwrap());
    let restarted = said(&tape.run_with_restart::<Timed>(&(), 15).unwrap());
    assert_eq!(plain.len(), 1);
    assert_eq!(restarted.len(), 2);
    assert_eq!(restarted[0], plain[0], "the first timer is not set anew");
    assert!(restarted[1].starts_with("2 at"), "{restarted:?}");
}
