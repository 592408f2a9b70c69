//! Replaying a recorded order book: how fast, and what passive orders would have got.

mod maker;
mod passive;

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use cryptobot_data::messages::{MessageError, Tape, TapeGrid, continuity};
use cryptobot_model::{DepthEvent, InstrumentId, Price, Quantity, Rate, Timestamp};
use cryptobot_sim::Report;
use cryptobot_sim::depth::{
    Book, ConstantLatency, Continuity, Contract, DepthConfig, Exchange, Gateway, QueueModel,
};

use crate::peer;

/// To the exchange and back.
const LATENCY: ConstantLatency = ConstantLatency { entry_ns: 5_000_000, response_ns: 5_000_000 };
const MODELS: [QueueModel; 5] = [
    QueueModel::RiskAverse,
    QueueModel::Power { n: 1.0 },
    QueueModel::Power { n: 2.0 },
    QueueModel::Power { n: 3.0 },
    QueueModel::Log,
];

const HFTBACKTEST: &str = include_str!("../peers/hftbacktest_replay.py");

/// When a strategy is called.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    /// After every message.
    Messages,
    /// After every change of a level, inside of diffs too, as hftbacktest does.
    Changes,
}

/// A strategy at some distance from the exchange.
trait Trader {
    fn on_report(&mut self, report: &Report);
    /// After something of the market has been received. The book is what is known locally.
    fn on_market(&mut self, now: Timestamp, book: &Book, gateway: &mut Gateway<ConstantLatency>);
}

/// Prints rates, best of some rounds, and the table of passive orders.
pub(crate) fn run(file: &str, rounds: usize) -> ExitCode {
    match measure(Path::new(file), rounds.max(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(path: &Path, rounds: usize) -> Result<(), MessageError> {
    let grid = grid_of(path)?;
    let started = Instant::now();
    let tape = Tape::read(path, &grid)?;
    let decoding = started.elapsed().as_secs_f64();
    let contract = Contract {
        instrument: InstrumentId(0),
        tick: grid.tick,
        lot: grid.lot,
        maker_fee: Rate::from_units(20_000),
        taker_fee: Rate::from_units(40_000),
    };
    let (messages, changes) = (tape.events().len(), tape.changes());
    let seconds =
        tape.events().last().map_or(0, |last| last.local_ts.0 - tape.events()[0].local_ts.0) as f64 / 1e9;
    println!(
        "{messages} messages, {changes} changes of levels and trades in {seconds:.0} s, no sequence error; \
         local clock moved by {:.3} s, {} trades before the book",
        tape.clock_shift_ns() as f64 / 1e9,
        tape.trades_before_book()
    );
    println!("{:48} {:>8} {:>12}", format!("best of {rounds}"), "ms", "M changes/s");
    let print =
        |what: &str, took: f64| println!("{what:48} {:8.2} {:12.2}", took * 1e3, changes as f64 / took / 1e6);
    print("unpack, decode and check (once)", decoding);
    print("book alone", best_of(rounds, || black_box(follow(&tape))));
    for queue in [QueueModel::RiskAverse, QueueModel::Power { n: 2.0 }] {
        for (told, when) in [(Told::Messages, "message"), (Told::Changes, "change")] {
            let mut maker = maker::Maker::new(contract);
            let took = best_of(rounds, || {
                maker = maker::Maker::new(contract);
                drive(&tape, contract, queue, told, &mut maker);
            });
            print(&format!("market maker, {}, told of every {when}", queue.name()), took);
            println!("    {} orders, {} fills", maker.orders(), maker.fills());
        }
    }
    passive::table(&tape, contract);
    if grid.continuity == Continuity::Previous {
        compare(path, rounds);
    }
    Ok(())
}

/// The market maker in hftbacktest, where it is installed: it reads recordings of the futures market.
fn compare(path: &Path, rounds: usize) {
    let file = path.to_string_lossy();
    if let Some(table) = peer::measure("hftbacktest", HFTBACKTEST, &[&file, &rounds.to_string()]) {
        print!("the same market maker in hftbacktest, told of every change:\n{table}");
    }
}

/// The grid of BTCUSDT at the venue, told by the form of the sequence numbers.
fn grid_of(path: &Path) -> Result<TapeGrid, MessageError> {
    let continuity = continuity(path)?;
    // Remainders in a spot book are no multiples of the lot of orders: quantities are counted in the finest unit.
    let (tick, lot) = match continuity {
        Continuity::Previous => (10_000_000, 100_000),
        Continuity::Next => (1_000_000, 1),
    };
    Ok(TapeGrid { tick: Price::from_units(tick), lot: Quantity::from_units(lot), continuity })
}

fn best_of<T>(rounds: usize, mut work: impl FnMut() -> T) -> f64 {
    let timed = |_| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64()
    };
    (0..rounds).map(timed).fold(f64::MAX, f64::min)
}

fn apply(book: &mut Book, event: &DepthEvent) {
    match event {
        DepthEvent::Snapshot(levels) => book.reset(levels),
        DepthEvent::Diff(updates) => {
            for update in *updates {
                book.apply(*update);
            }
        }
        DepthEvent::Trade(_) => {}
    }
}

fn follow(tape: &Tape) -> Book {
    let mut book = Book::new();
    for event in tape.events() {
        apply(&mut book, &tape.event(event));
    }
    book
}

/// Runs a strategy that knows the market by its local book, while the exchange is at a distance and has its own.
fn drive(tape: &Tape, contract: Contract, queue: QueueModel, told: Told, trader: &mut impl Trader) {
    let exchange = Exchange::new(contract, DepthConfig { queue, impact: true });
    let mut gateway = Gateway::new(exchange, LATENCY);
    let mut local = Book::new();
    let mut at_exchange = tape.by_exchange().peekable();
    for event in tape.events() {
        let now = event.local_ts;
        while let Some(happened) = at_exchange.next_if(|other| other.exchange_ts <= now) {
            gateway.on_event(happened.exchange_ts, &tape.event(happened));
        }
        while let Some(report) = gateway.receive(now) {
            trader.on_report(&report);
        }
        match tape.event(event) {
            DepthEvent::Diff(updates) if told == Told::Changes => {
                for update in updates {
                    local.apply(*update);
                    trader.on_market(now, &local, &mut gateway);
                }
            }
            whole => {
                apply(&mut local, &whole);
                trader.on_market(now, &local, &mut gateway);
            }
        }
    }
}
