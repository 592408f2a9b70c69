//! What goes wrong on the way is tried again, then said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cryptobot_download::{DownloadError, download};
use cryptobot_test_support::exchange::Fault;

use crate::rig::{Rig, TestClock, files, now_and_then};

const PERIOD: (&str, Option<&str>) = ("2024-01-01", Some("2024-02-10"));

fn undisturbed() -> Rig {
    let rig = Rig::new("binance-usdm", TestClock::running("2024-03-01"), |_| ());
    rig.complete("BTCUSDT,ETHUSDT", "1m,funding", PERIOD.0, PERIOD.1);
    rig
}

#[test]
fn a_bad_line_changes_nothing_but_the_time_it_takes() {
    let faults = [
        Fault::Status(500),
        Fault::Truncated,
        Fault::Malformed,
        Fault::Dropped,
        Fault::Status(503),
        Fault::Slow(5),
        Fault::Later(429, 1),
        Fault::Status(408),
    ];
    let rig = Rig::new("binance-usdm", TestClock::running("2024-03-01"), |rules| {
        rules.faults = now_and_then(4, move |draw| faults[draw as usize % faults.len()]);
    });
    let report = rig.complete("BTCUSDT,ETHUSDT", "1m,funding", PERIOD.0, PERIOD.1);
    assert!(report.retries > 5, "{}", report.retries);
    assert_eq!(files(&rig.data()), files(&undisturbed().data()));
}

#[test]
fn an_answer_that_does_not_come_is_asked_for_again() {
    let rig = Rig::new("binance-usdm", TestClock::running("2024-03-01"), |rules| {
        rules.faults = Arc::new(|number, _| (number == 3).then_some(Fault::Slow(60_000)));
    });
    let started = Instant::now();
    let mut options = rig.options("BTCUSDT,ETHUSDT", "1m,funding", PERIOD.0, PERIOD.1);
    options.timeouts.total = Duration::from_secs(2);
    let report = download(&options, &|_| ()).unwrap();
    assert!(report.retries >= 1 && report.failed.is_empty(), "{report:?}");
    assert!(started.elapsed().as_secs() < 40, "{:?}", started.elapsed());
    assert_eq!(files(&rig.data()), files(&undisturbed().data()));
}

#[test]
fn the_budget_is_kept_so_that_nobody_is_refused() {
    let rig = Rig::new("binance-usdm", TestClock::running("2024-03-01"), |rules| rules.weight_limit = 2_400);
    // 39 pages of weight 10 each for two symbols and three kinds: more than a minute allows.
    let kinds = "1m,mark-1m,index-1m,premium-1m";
    let report = rig.complete("BTCUSDT,ETHUSDT", kinds, PERIOD.0, PERIOD.1);
    assert!(report.requests > 300);
    assert_eq!((rig.exchange.refused(), report.retries), (0, 0));
}

#[test]
fn a_smaller_budget_than_known_is_learnt_from_refusals() {
    let rig = Rig::new("binance-usdm", TestClock::running("2024-03-01"), |rules| rules.weight_limit = 20);
    let report = rig.complete("BTCUSDT,ETHUSDT", "1m", PERIOD.0, PERIOD.1);
    assert!(rig.exchange.refused() > 0 && report.retries > 0);
    let whole = undisturbed();
    assert_eq!(rig.times("BTCUSDT", "1m"), whole.times("BTCUSDT", "1m"));
}

#[test]
fn a_short_ban_is_waited_for_and_a_long_one_ends_it() {
    let rig = Rig::new("binance-usdm", TestClock::running("2024-03-01"), |rules| {
        rules.faults = Arc::new(|number, _| (number == 5).then_some(Fault::Later(418, 120)));
    });
    let report = rig.complete("BTCUSDT", "1m", PERIOD.0, PERIOD.1);
    assert_eq!(report.retries, 1);

    let rig = Rig::new("binance-usdm", TestClock::standing("2024-03-01"), |rules| {
        rules.faults = Arc::new(|number, _| (number == 12).then_some(Fault::Later(418, 7_200)));
    });
    let report = rig.run("BTCUSDT", "1m", PERIOD.0, PERIOD.1).unwrap();
    let [failed] = report.failed.as_slice() else { panic!("{report:?}") };
    assert!(failed.error.contains("banned until 2024-03-01T02:00:00Z"), "{}", failed.error);
    assert_eq!(rig.times("BTCUSDT", "1m").len(), 10 * 1_500, "what came before is stored");
}

#[test]
fn what_never_works_is_given_up_with_address_and_symbol_and_the_rest_goes_on() {
    let rig = Rig::new("binance-usdm", TestClock::running("2024-03-01"), |rules| {
        rules.faults = Arc::new(|_, target| target.contains("symbol=ETHUSDT").then_some(Fault::Malformed));
    });
    let report = rig.run("ETHUSDT,BTCUSDT", "1m", PERIOD.0, PERIOD.1).unwrap();
    let [failed] = report.failed.as_slice() else { panic!("{report:?}") };
    for part in
        ["ETHUSDT: ", "/fapi/v1/klines?symbol=ETHUSDT&interval=1m", "failed 6 times", "cannot be read"]
    {
        assert!(failed.error.contains(part), "{part}: {}", failed.error);
    }
    assert!(!failed.error.contains('\n'));
    assert_eq!(rig.times("BTCUSDT", "1m").len(), 40 * 1_440);
}

#[test]
fn without_anybody_there_one_line_says_so() {
    let rig = Rig::new("binance-usdm", TestClock::running("2024-03-01"), |_| ());
    let mut options = rig.options("BTCUSDT", "1m", PERIOD.0, PERIOD.1);
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    options.base_url = Some(format!("http://{free}"));
    let error = download(&options, &|_| ()).unwrap_err();
    assert!(matches!(error, DownloadError::Unreachable { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.starts_with("cannot reach http://127.0.0.1:") && text.contains("check the network"),
        "{text}"
    );
    assert!(!rig.data().exists());
}
