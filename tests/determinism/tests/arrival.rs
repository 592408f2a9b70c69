//! A run whose data arrive while it goes on leaves behind what a run over the complete data does, to the bit.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cryptobot_determinism::{Setup, Tape, empty_run, setups};
use cryptobot_engine::{BarBlock, BarSource, Engine, Exchange, Outcome, SourceError};
use cryptobot_model::{FundingRate, InstrumentId, Price, Timeframe, Timestamp};
use cryptobot_test_support::cases;
use cryptobot_test_support::noise::Noise;
use cryptobot_test_support::run::MemoryRun;
use proptest::prelude::*;

/// Rows that have arrived, by place: bars of the markets first, then marks.
type Arrived = Vec<Rc<RefCell<BarBlock>>>;

struct Source(Rc<RefCell<BarBlock>>);

impl BarSource for Source {
    fn next_block(&mut self, block: &mut BarBlock) -> Result<(), SourceError> {
        block.clear();
        std::mem::swap(block, &mut self.0.borrow_mut());
        Ok(())
    }
}

/// What arrives at one time.
#[derive(Default)]
struct Moment {
    /// Place and row.
    rows: Vec<(usize, usize)>,
    funding: Vec<(usize, FundingRate)>,
    marks: Vec<(usize, Price)>,
}

fn run(setup: &Setup) -> MemoryRun {
    let frames: &[Timeframe] = &[Timeframe::MINUTE, "15m".parse().unwrap()];
    (0..setup.strategies).fold(empty_run(setup), |run, index| {
        run.with(Noise::default(), &frames[..=usize::from(setup.higher)], setup.seed ^ index as u64)
    })
}

fn moments(run: &MemoryRun) -> BTreeMap<Timestamp, Moment> {
    let mut moments: BTreeMap<Timestamp, Moment> = BTreeMap::new();
    let count = run.markets.len();
    let bars = run.markets.iter().map(|(_, block)| block).enumerate();
    let marks = run.marks.iter().map(|(index, block)| (count + index, block));
    for (place, block) in bars.chain(marks) {
        for (row, open_ms) in block.open_ms.iter().enumerate() {
            let opens = Timestamp::from_millis(*open_ms);
            moments.entry(opens.plus(run.base.nanos())).or_default().rows.push((place, row));
            if place >= count {
                // A mark price is known when its bar opens.
                let price = Price::from_f64(block.open[row]).unwrap();
                moments.entry(opens).or_default().marks.push((place - count, price));
            }
        }
    }
    for (index, rates) in &run.funding {
        for rate in rates {
            moments.entry(rate.ts).or_default().funding.push((*index, *rate));
        }
    }
    // A run ends with its last bar.
    let has_bars = |moment: &Moment| moment.rows.iter().any(|(place, _)| *place < count);
    let last = *moments.iter().rev().find(|(_, moment)| has_bars(moment)).unwrap().0;
    moments.retain(|ts, _| *ts <= last);
    moments
}

/// Feeds the run moment by moment. `ticks` are parts of the time to the next moment at which the clock is told too.
fn feed(mut run: MemoryRun, ticks: &[u8], tape: &mut Tape) -> Outcome {
    let moments = moments(&run);
    run.funding.clear();
    let blocks: BTreeMap<usize, BarBlock> = run
        .markets
        .iter()
        .map(|(_, block)| block)
        .enumerate()
        .chain(run.marks.iter().map(|(index, block)| (run.markets.len() + index, block)))
        .map(|(place, block)| (place, block.clone()))
        .collect();
    let arrived: Arrived = (0..2 * run.markets.len()).map(|_| Rc::default()).collect();
    let (mut run, mut engine): (_, Option<Engine<Exchange>>) = (Some(run), None);
    let mut early: Vec<(usize, FundingRate)> = Vec::new();
    let mut before: Option<Timestamp> = None;
    for (number, (ts, moment)) in moments.into_iter().enumerate() {
        if let (Some(engine), Some(before)) = (&mut engine, before) {
            let part = i64::from(ticks[number % ticks.len()]);
            let tick = before.plus((ts.0 - before.0) / 256 * part).min(ts.plus(-1));
            engine.advance_to(tick, tape).unwrap();
        }
        for (place, row) in moment.rows {
            arrived[place].borrow_mut().extend_from(&blocks[&place], row..row + 1);
        }
        if engine.is_none() && run.as_ref().is_some_and(|run| has_bar(run, &arrived)) {
            let source = |place: usize, _: &BarBlock| -> Box<dyn BarSource> {
                Box::new(Source(Rc::clone(&arrived[place])))
            };
            let mut ready = run.take().unwrap().engine_on(source, |exchange| exchange);
            ready.start(tape);
            engine = Some(ready);
        }
        early.extend(moment.funding);
        let Some(engine) = &mut engine else { continue };
        for (market, rate) in early.drain(..) {
            engine.expect_funding(InstrumentId::from(market), rate);
        }
        for (market, price) in moment.marks {
            engine.tell_mark(InstrumentId::from(market), ts, price);
        }
        engine.advance_to(ts, tape).unwrap();
        before = Some(ts);
    }
    engine.unwrap().finish(false, tape)
}

fn has_bar(run: &MemoryRun, arrived: &Arrived) -> bool {
    arrived[..run.markets.len()].iter().any(|rows| !rows.borrow().is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(32)))]

    #[test]
    fn what_arrives_bit_by_bit_comes_to_the_same(
        setup in setups(3),
        ticks in prop::collection::vec(any::<u8>(), 1..50),
    ) {
        let (mut whole, mut fed) = (Tape::default(), Tape::default());
        let complete = run(&setup).run(&mut whole);
        let arrived = feed(run(&setup), &ticks, &mut fed);
        for (line, (whole, fed)) in whole.lines.iter().zip(&fed.lines).enumerate() {
            prop_assert_eq!(whole, fed, "line {}", line);
        }
        prop_assert_eq!(whole.lines.len(), fed.lines.len());
        prop_assert_eq!(format!("{complete:?}"), format!("{arrived:?}"));
    }
}
