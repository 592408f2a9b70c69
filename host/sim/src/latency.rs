//! How long messages are under way.
//!
//! Each strategy draws from streams of its own, one for what it sends and one for what it is told, so that nobody's
//! latencies depend on what others do.

use std::sync::Arc;

use cryptobot_model::random::Random;
use cryptobot_model::{StrategyId, Timestamp};

/// Streams of the run's seed: above those that plugins draw from, which are numbered by their slots.
const ENTRY_STREAMS: u64 = 1 << 32;
const RESPONSE_STREAMS: u64 = 2 << 32;

/// The two ways between the host and the exchange.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// From decision to arrival at the exchange.
    pub entry: LatencyModel,
    /// From an event at the exchange to its arrival at the host.
    pub response: LatencyModel,
}

impl Latency {
    /// The same constant time on both ways, in nanoseconds.
    pub const fn constant(ns: i64) -> Self {
        Self { entry: LatencyModel::Constant { ns }, response: LatencyModel::Constant { ns } }
    }
}

/// How long one message is under way.
#[derive(Clone, Debug, PartialEq)]
pub enum LatencyModel {
    /// Always the same.
    Constant {
        /// Nanoseconds.
        ns: i64,
    },
    /// Normally distributed, with spikes; never negative.
    Normal {
        /// Mean, nanoseconds.
        base_ns: f64,
        /// Standard deviation, nanoseconds.
        jitter_ns: f64,
        /// Share of messages that take longer.
        spike_probability: f64,
        /// How many times longer they take.
        spike_multiplier: f64,
    },
    /// Interpolated between recorded round trips, in the order of their requests; before the first and after the last
    /// one it is theirs.
    Recorded(Arc<[RoundTrip]>),
}

impl Default for LatencyModel {
    fn default() -> Self {
        Self::Constant { ns: 0 }
    }
}

/// A recorded request and its answer. Times ascend within a round trip and from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// When the request was sent.
    pub requested: Timestamp,
    /// When the exchange processed it.
    pub processed: Timestamp,
    /// When the answer was received.
    pub answered: Timestamp,
}

#[derive(Clone, Copy)]
enum Way {
    There,
    Back,
}

impl RoundTrip {
    const fn leg(&self, way: Way) -> (Timestamp, Timestamp) {
        match way {
            Way::There => (self.requested, self.processed),
            Way::Back => (self.processed, self.answered),
        }
    }
}

impl LatencyModel {
    pub(crate) fn is_zero(&self) -> bool {
        matches!(self, Self::Constant { ns: 0 })
    }

    /// Nanoseconds that a message takes which leaves at `at`.
    fn draw(&self, way: Way, at: Timestamp, random: &mut Random) -> i64 {
        match self {
            Self::Constant { ns } => *ns,
            Self::Normal { base_ns, jitter_ns, spike_probability, spike_multiplier } => {
                let spikes = random.uniform() < *spike_probability;
                let usual = base_ns + jitter_ns * random.normal();
                let ns = if spikes { usual * spike_multiplier } else { usual };
                libm::round(ns.max(0.0)) as i64
            }
            Self::Recorded(trips) => interpolate(trips, way, at),
        }
    }
}

/// The latency at `at` on the straight line between the recorded ones around it.
fn interpolate(trips: &[RoundTrip], way: Way, at: Timestamp) -> i64 {
    let after = trips.partition_point(|trip| trip.leg(way).0 <= at);
    let sample = |index: usize| {
        trips.get(index).map(|trip| {
            let (from, to) = trip.leg(way);
            (from.0, to.0 - from.0)
        })
    };
    match (after.checked_sub(1).and_then(sample), sample(after)) {
        (Some((t0, v0)), Some((t1, v1))) => {
            let elapsed = i128::from(at.0 - t0);
            v0 + (i128::from(v1 - v0) * elapsed / i128::from(t1 - t0)) as i64
        }
        (Some((_, value)), None) | (None, Some((_, value))) => value,
        (None, None) => 0,
    }
}

/// Draws the latencies of a run.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    latency: Latency,
    seed: u64,
    /// Per strategy: what it sends, what it is told.
    streams: Vec<[Random; 2]>,
}

impl Courier {
    pub(crate) fn new(latency: Latency, seed: u64) -> Self {
        Self { latency, seed, streams: Vec::new() }
    }

    /// When a message that is sent at `at` arrives at the exchange.
    pub(crate) fn there(&mut self, strategy: StrategyId, at: Timestamp) -> Timestamp {
        if let LatencyModel::Constant { ns } = self.latency.entry {
            return at.plus(ns);
        }
        let ns = {
            let Self { latency, seed, streams } = self;
            latency.entry.draw(Way::There, at, &mut streams_of(streams, *seed, strategy)[0])
        };
        at.plus(ns)
    }

    /// When a report of what happened at `at` arrives at the host.
    pub(crate) fn back(&mut self, strategy: StrategyId, at: Timestamp) -> Timestamp {
        if let LatencyModel::Constant { ns } = self.latency.response {
            return at.plus(ns);
        }
        let Self { latency, seed, streams } = self;
        at.plus(latency.response.draw(Way::Back, at, &mut streams_of(streams, *seed, strategy)[1]))
    }
}

fn streams_of(streams: &mut Vec<[Random; 2]>, seed: u64, strategy: StrategyId) -> &mut [Random; 2] {
    while streams.len() <= strategy.index() {
        let slot = streams.len() as u64;
        streams.push([Random::new(seed, ENTRY_STREAMS + slot), Random::new(seed, RESPONSE_STREAMS + slot)]);
    }
    &mut streams[strategy.index()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NORMAL: LatencyModel = LatencyModel::Normal {
        base_ns: 50e6,
        jitter_ns: 20e6,
        spike_probability: 0.01,
        spike_multiplier: 10.0,
    };

    fn courier(model: LatencyModel) -> Courier {
        Courier::new(Latency { entry: model.clone(), response: model }, 42)
    }

    #[test]
    fn normal_latencies_have_their_mean_and_spikes_and_are_never_negative() {
        let mut courier = courier(NORMAL);
        let drawn: Vec<i64> = (0..100_000).map(|_| courier.there(StrategyId(0), Timestamp(0)).0).collect();
        assert!(drawn.iter().all(|ns| *ns >= 0));
        // 0.99 × 50 + 0.01 × 500 = 54.5 ms, and a little for what was cut off at zero.
        let mean = drawn.iter().sum::<i64>() as f64 / drawn.len() as f64;
        assert!((mean / 54.5e6 - 1.0).abs() < 0.02, "{mean}");
        let spikes = drawn.iter().filter(|ns| **ns > 200_000_000).count() as f64 / drawn.len() as f64;
        assert!((spikes - 0.01).abs() < 0.002, "{spikes}");
    }

    #[test]
    fn strategies_do_not_draw_from_each_others_streams() {
        let draw = |courier: &mut Courier, slot| courier.there(StrategyId(slot), Timestamp(0));
        let mut alone = courier(NORMAL);
        let alone: Vec<_> = (0..10).map(|_| draw(&mut alone, 1)).collect();
        let mut both = courier(NORMAL);
        let together: Vec<_> = (0..10)
            .map(|_| {
                draw(&mut both, 0);
                both.back(StrategyId(1), Timestamp(0));
                draw(&mut both, 1)
            })
            .collect();
        assert_eq!(alone, together);
    }

    #[test]
    fn recorded_latencies_are_interpolated() {
        let trip = |requested, processed, answered| RoundTrip {
            requested: Timestamp(requested),
            processed: Timestamp(processed),
            answered: Timestamp(answered),
        };
        let mut courier = courier(LatencyModel::Recorded([trip(100, 110, 115), trip(200, 240, 300)].into()));
        let mut there = |at| courier.there(StrategyId(0), Timestamp(at)).0 - at;
        assert_eq!([there(0), there(100), there(150), there(200), there(900)], [10, 10, 25, 40, 40]);
        let mut back = |at| courier.back(StrategyId(0), Timestamp(at)).0 - at;
        // From 5 at 110 to 60 at 240.
        assert_eq!([back(0), back(110), back(175), back(240)], [5, 5, 32, 60]);
    }
}
