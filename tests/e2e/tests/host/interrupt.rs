//! Ctrl-C in the middle of a run.

use std::time::{Duration, Instant};

use cryptobot_e2e::{Sandbox, run_to_end, start};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn what_is_finished_is_saved() {
    let sandbox = Sandbox::with_sample();
    // Instruction counting makes the run long enough in every profile.
    sandbox.write("long.yaml", "limits: {strict: true}\nbalance: 1000000\n");
    let symbols = "--symbol BTCUSDT --symbol ETHUSDT --symbol SOLUSDT --symbol BNBUSDT --symbol ADAUSDT";
    let mut command = sandbox.command(&format!(
        "run --config long.yaml --plugin sma-flip --timeframe 1m {symbols} --out run --format json"
    ));
    let child = start(&mut command);
    let deadline = Instant::now() + Duration::from_mins(1);
    // The journal appears when the run begins and grows with it.
    while std::fs::metadata(sandbox.path("run/journal.bin")).map_or(0, |file| file.len()) < 100_000 {
        assert!(Instant::now() < deadline, "the run does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ran = run_to_end(child).expect(130);
    let summary = ran.json();
    assert_eq!(summary["interrupted"], true);
    let bars = summary["bars"].as_u64().unwrap();
    assert!(bars > 0 && bars < 5 * 366 * 1_440, "{bars}");
    assert_eq!(sandbox.summary("run"), summary);
    let verified = sandbox.host("journal verify run").expect(0);
    assert!(verified.stdout.contains(summary["journal_sha256"].as_str().unwrap()));
    assert!(sandbox.path("run/report.html").is_file());
    let end = summary["period"]["to"].as_str().unwrap();
    assert!(ran.stderr.lines().last().unwrap().contains(end), "{}", ran.stderr);
    println!("{}", ran.stderr);
}
