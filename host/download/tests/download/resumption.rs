//! A download that ended early goes on where it ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cryptobot_download::download;
use cryptobot_test_support::exchange::Fault;
use proptest::prelude::*;

use crate::rig::{MINUTE, Rig, TestClock, files, ms};

const PERIOD: (&str, Option<&str>) = ("2024-01-01", Some("2024-01-20"));

/// A rig whose exchange raises the flag of interruption with a request.
fn interrupted_at(request: u64) -> Rig {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let mut rig = Rig::new("binance-usdm", TestClock::standing("2024-03-01"), |rules| {
        rules.faults = Arc::new(move |number, _| {
            flag.fetch_or(number == request, Ordering::Relaxed);
            None
        });
    });
    rig.stop = stop;
    rig
}

#[test]
fn it_goes_on_at_the_exact_bar() {
    let rig = interrupted_at(6);
    let report = rig.run("BTCUSDT", "1m", PERIOD.0, PERIOD.1).unwrap();
    assert!(report.interrupted && report.failed.is_empty());
    // Requests 0 and 1 are clock and instruments; the answer to the one that was under way is kept.
    assert_eq!(rig.times("BTCUSDT", "1m").len(), 5 * 1_500);
    rig.stop.store(false, Ordering::Relaxed);
    let asked = rig.asked("klines").len();
    rig.complete("BTCUSDT", "1m", PERIOD.0, PERIOD.1);
    let next = ms("2024-01-01") + 5 * 1_500 * MINUTE;
    assert!(rig.asked("klines")[asked].contains(&format!("startTime={next}&")), "{:?}", rig.asked("klines"));
}

#[test]
fn what_lacks_in_the_middle_is_asked_for_and_nothing_else() {
    let rig = Rig::new("binance-usdm", TestClock::standing("2024-03-01"), |_| ());
    rig.complete("BTCUSDT", "1m", "2024-01-02", Some("2024-01-03"));
    rig.complete("BTCUSDT", "1m", "2024-01-04", Some("2024-01-05"));
    let asked = rig.asked("klines").len();
    rig.complete("BTCUSDT", "1m", "2024-01-01", Some("2024-01-06"));
    assert_eq!(rig.asked("klines").len() - asked, 3, "before, between and after");
    assert_eq!(rig.times("BTCUSDT", "1m").len(), 5 * 1_440);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cryptobot_test_support::cases(4)))]

    #[test]
    fn however_it_was_cut_the_files_are_those_of_one_go(cuts in prop::collection::vec(2_u64..60, 1..4)) {
        let symbols = "BTCUSDT,ETHUSDT";
        let kinds = "1m,mark-15m,funding";
        let whole = Rig::new("binance-usdm", TestClock::standing("2024-03-01"), |_| ());
        whole.complete(symbols, kinds, PERIOD.0, PERIOD.1);
        let rig = interrupted_at(cuts[0]);
        for cut in cuts {
            // Later ones end by an exchange that is gone for good.
            let gone = Rig::new("binance-usdm", TestClock::standing("2024-03-01"), |rules| {
                rules.faults = Arc::new(move |number, _| (number >= cut).then_some(Fault::Status(404)));
            });
            let mut options = rig.options(symbols, kinds, PERIOD.0, PERIOD.1);
            options.base_url = Some(gone.exchange.url());
            options.stop = &gone.stop;
            let _ = download(&options, &|_| ());
        }
        let _ = rig.run(symbols, kinds, PERIOD.0, PERIOD.1);
        rig.stop.store(false, Ordering::Relaxed);
        // The exchange raises the flag once, at its own request.
        for _ in 0..2 {
            let _ = rig.run(symbols, kinds, PERIOD.0, PERIOD.1);
            rig.stop.store(false, Ordering::Relaxed);
        }
        prop_assert_eq!(files(&whole.data()), files(&rig.data()));
    }
}
