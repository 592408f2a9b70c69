//! What a run would read at once, as a feed.

use cryptobot_data::ReadAhead;
use cryptobot_engine::{BarSource, MemorySource};
use cryptobot_feed::{
    BarStream, FundingStream, Range, RecordingStream, Replay, ReplayHandle, Series, Source, Speed, Stream,
    WallPace,
};
use cryptobot_model::{FundingRate, Instrument, Timeframe};

use crate::error::RunError;
use crate::plan::Plan;
use crate::supply::Supply;

type Sources = Vec<(Series, Box<dyn Source>)>;

/// The data of a plan, paced by the wall clock. Its funding comes with the feed from here on.
pub(super) fn replay(plan: &mut Plan, supplies: Vec<Supply>) -> Result<(Replay, ReplayHandle), RunError> {
    let funding = plan.take_funding();
    let mut sources = Sources::new();
    for (index, (supply, rates)) in supplies.into_iter().zip(funding).enumerate() {
        add(&mut sources, &plan.instruments[index], plan.fill_timeframes[index], supply, rates)?;
    }
    // Nothing happens after the last bar: a run ends with it.
    let range = Range { to: plan.to, ..Range::ALL };
    let (feed, handle) = Replay::new(sources, range, Speed::Times(1.0), Box::new(WallPace::default()))
        .map_err(RunError::from_feed)?;
    // What a book was before the first bar is not waited for.
    handle.skip_to(plan.from);
    Ok((feed, handle))
}

/// Adds the series of an instrument.
fn add(
    sources: &mut Sources,
    instrument: &Instrument,
    timeframe: Timeframe,
    supply: Supply,
    rates: Vec<FundingRate>,
) -> Result<(), RunError> {
    let mut push = |stream: Stream, source: Box<dyn Source>| {
        let (venue, symbol) = (instrument.venue.clone(), instrument.symbol.clone());
        sources.push((Series { venue, symbol, stream }, source));
    };
    let bars = |source: Box<dyn BarSource>| BarStream::new(source, timeframe);
    match supply {
        Supply::Stored { bars: stored, mark } => {
            push(Stream::Bars(timeframe), Box::new(bars(Box::new(ReadAhead::new(*stored, timeframe)))));
            if let Some(mark) = mark {
                // Rates without a price of their own are paid at the mark price of their time.
                let unpriced = rates.iter().filter(|rate| rate.mark.is_none()).map(|rate| rate.ts);
                let marks = bars(Box::new(ReadAhead::new(*mark, timeframe))).with_opens(unpriced);
                push(Stream::Mark(timeframe), Box::new(marks));
            }
        }
        Supply::Recorded { bars: block, recording, .. } => {
            push(Stream::Bars(timeframe), Box::new(bars(Box::new(MemorySource::new(&[block], timeframe)))));
            let events = RecordingStream::new(Box::new(recording.events()), instrument.tick);
            push(Stream::Book { tick: instrument.tick, lot: events.lot() }, Box::new(events));
        }
        Supply::Market(market) => {
            let built = ReadAhead::new(market.bars()?, timeframe);
            push(Stream::Bars(timeframe), Box::new(bars(Box::new(built))));
            let events = RecordingStream::new(Box::new(market.events_ahead()?), instrument.tick);
            push(Stream::Book { tick: instrument.tick, lot: events.lot() }, Box::new(events));
        }
    }
    if !rates.is_empty() {
        push(Stream::Funding, Box::new(FundingStream::new(rates)));
    }
    Ok(())
}
