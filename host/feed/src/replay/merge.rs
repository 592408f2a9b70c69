//! The one order of stored data.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cryptobot_model::Timestamp;

use super::source::Source;
use crate::feed::FeedError;
use crate::message::{Arrival, Input};

/// Sources merged by (time, kind, place), each in its own order.
pub(super) struct Merge {
    sources: Vec<(Box<dyn Source>, Option<Arrival>)>,
    queue: BinaryHeap<Reverse<(Timestamp, u8, usize)>>,
}

/// What the market did before what is derived from it; marks and funding after the bars, as in a step of the engine.
const fn rank(input: &Input) -> u8 {
    match input {
        Input::Book { .. } => 0,
        Input::Trade { .. } | Input::Liquidation { .. } => 1,
        Input::Quote { .. } => 2,
        Input::Bar { .. } => 3,
        Input::Mark { .. } => 4,
        Input::Funding { .. } => 5,
        Input::Swap { .. } | Input::Command { .. } | Input::Overrun { .. } | Input::Clock => 6,
    }
}

impl Merge {
    /// Leaves out what happened before `from`.
    pub(super) fn new(sources: Vec<Box<dyn Source>>, from: Timestamp) -> Result<Self, FeedError> {
        let mut merge = Self {
            sources: sources.into_iter().map(|source| (source, None)).collect(),
            queue: BinaryHeap::new(),
        };
        for place in 0..merge.sources.len() {
            while merge.fetch(place)?.is_some_and(|ts| ts < from) {}
            merge.enqueue(place);
        }
        Ok(merge)
    }

    /// The time of the next message.
    pub(super) fn next_ts(&self) -> Option<Timestamp> {
        self.queue.peek().map(|Reverse((ts, _, _))| *ts)
    }

    pub(super) fn take(&mut self) -> Result<Option<Arrival>, FeedError> {
        let Some(Reverse((_, _, place))) = self.queue.pop() else { return Ok(None) };
        let taken = self.sources[place].1.take();
        self.fetch(place)?;
        self.enqueue(place);
        Ok(taken)
    }

    fn fetch(&mut self, place: usize) -> Result<Option<Timestamp>, FeedError> {
        let (source, next) = &mut self.sources[place];
        *next = source.next(place as u32)?;
        Ok(next.as_ref().map(|arrival| arrival.ts_event))
    }

    fn enqueue(&mut self, place: usize) {
        if let Some(arrival) = &self.sources[place].1 {
            self.queue.push(Reverse((arrival.ts_event, rank(&arrival.input), place)));
        }
    }
}
