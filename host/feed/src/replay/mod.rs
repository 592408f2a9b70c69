//! Stored data as a feed.

mod catalog;
mod control;
mod merge;
mod source;

use std::time::Duration;

use cryptobot_model::Timestamp;

pub use catalog::{OpenError, open};
pub use control::{ParseSpeedError, ReplayHandle, Speed, Status};
pub use source::{BarStream, FundingStream, RecordingStream, Source};

use crate::feed::{Event, Feed, FeedError};
use crate::message::{Arrival, Input, Series};
use crate::pace::Pace;
use control::{Control, Order};
use merge::Merge;

/// Longest wait before the caller has another turn.
const PATIENCE: Duration = Duration::from_millis(20);

/// The part of the data that is replayed: messages with `from <= ts <= to`, the moment `to` included, because a bar
/// that closes the period arrives at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First moment.
    pub from: Timestamp,
    /// Last moment.
    pub to: Timestamp,
}

impl Range {
    /// Everything.
    pub const ALL: Self = Self { from: Timestamp(i64::MIN), to: Timestamp(i64::MAX) };
}

/// Stored data as a feed: everything arrives when it happened, in event time, which passes at a speed of its own.
///
/// Messages come in the order of (time, kind, place of the series, order of storage); after the last one of a moment
/// in which a bar closed or funding was due comes [`Input::Clock`]. Speed, pauses and steps change when messages
/// arrive, never which ones or in which order.
pub struct Replay {
    series: Vec<Series>,
    merge: Merge,
    range: Range,
    pace: Box<dyn Pace>,
    control: Control,
    /// A moment of event time and the wall time at which it was; none where event time does not pass by itself.
    anchor: Option<(Timestamp, Duration)>,
    /// The speed that the anchor was set for.
    speed: Speed,
    /// The moment that is being delivered, and whether its end is to be told.
    moment: Option<(Timestamp, bool)>,
    /// Until where messages come without waiting: the moment of a step, or the aim of a leap.
    due: Timestamp,
    /// Event time when it was stopped between two moments.
    stopped: Option<Timestamp>,
}

impl Replay {
    /// A feed of some sources, paced by a clock. It begins with the first message, at once; it can be told to pause
    /// before by the handle.
    ///
    /// # Errors
    /// A source cannot be read.
    pub fn new(
        sources: Vec<(Series, Box<dyn Source>)>,
        range: Range,
        speed: Speed,
        pace: Box<dyn Pace>,
    ) -> Result<(Self, ReplayHandle), FeedError> {
        let (series, sources) = sources.into_iter().unzip();
        let merge = Merge::new(sources, range.from)?;
        let (control, handle) = Control::new(speed);
        let due = Timestamp(i64::MIN);
        let (anchor, moment, stopped) = (None, None, None);
        Ok((Self { series, merge, range, pace, control, anchor, speed, moment, due, stopped }, handle))
    }

    /// What the handle says, before the next message at `next`.
    fn obey(&mut self, next: Timestamp) {
        while let Some(order) = self.control.take() {
            match order {
                Order::Step => self.due = self.due.max(next),
                Order::SkipTo(to) => self.due = self.due.max(to),
            }
        }
        let speed = self.control.speed();
        if self.control.is_paused() {
            self.stopped = self.now().map(|now| now.min(next)).or(self.stopped);
            self.anchor = None;
        } else if speed != self.speed {
            // From here on at another speed: the time that has passed counts at the old one.
            self.anchor = self.now().map(|now| (now.min(next), self.pace.now()));
        }
        self.speed = speed;
    }

    /// Event time now, where it passes by itself.
    fn now(&self) -> Option<Timestamp> {
        let Speed::Times(speed) = self.speed else { return None };
        let (at, since) = self.anchor?;
        let passed = self.pace.now().saturating_sub(since).as_secs_f64() * speed;
        Some(at.plus((passed * 1e9) as i64))
    }

    /// How long the message at `next` is to be waited for; `None` where it is due. Sets the anchor where there is none.
    fn wait_for(&mut self, next: Timestamp) -> Option<Duration> {
        if next <= self.due {
            // What comes after goes on from here.
            self.anchor = None;
            return None;
        }
        if self.control.is_paused() {
            return Some(PATIENCE);
        }
        let Speed::Times(speed) = self.speed else { return None };
        // Time passes from where it was stopped, or from the moment that was delivered last; the first message comes at
        // once.
        let from = self.stopped.take().unwrap_or_else(|| self.moment.map_or(next, |(moment, _)| moment));
        let (at, since) = *self.anchor.get_or_insert((from, self.pace.now()));
        let due = since + Duration::from_secs_f64((next.0 - at.0).max(0) as f64 / 1e9 / speed);
        let left = due.saturating_sub(self.pace.now());
        (!left.is_zero()).then(|| left.min(PATIENCE))
    }
}

impl Feed for Replay {
    fn series(&self) -> &[Series] {
        &self.series
    }

    fn next(&mut self) -> Result<Event, FeedError> {
        let next = self.merge.next_ts().filter(|next| *next <= self.range.to);
        if let Some((moment, true)) = self.moment
            && next != Some(moment)
        {
            self.moment = Some((moment, false));
            return Ok(Event::Arrival(Arrival::at(moment, Input::Clock)));
        }
        let Some(next) = next else {
            self.control.end();
            return Ok(Event::End);
        };
        if self.moment.is_none_or(|(moment, _)| moment != next) {
            self.obey(next);
            if let Some(wait) = self.wait_for(next) {
                self.pace.wait(wait);
                // Not the time of the next message: that one comes first.
                let now = self.now().map(|now| now.min(next.plus(-1)));
                return Ok(Event::Quiet(now));
            }
            (self.moment, self.stopped) = (Some((next, false)), None);
            self.control.reached(next);
        }
        let arrival = self.merge.take()?;
        if let (Some(arrival), Some((_, closes))) = (&arrival, &mut self.moment) {
            *closes |=
                matches!(arrival.input, Input::Bar { .. } | Input::Mark { .. } | Input::Funding { .. });
        }
        Ok(arrival.map_or(Event::End, Event::Arrival))
    }
}
