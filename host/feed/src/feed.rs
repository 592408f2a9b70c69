//! The trait of everything that delivers market data while a run goes on.

use std::error::Error;

use cryptobot_model::Timestamp;

use crate::message::{Arrival, Series};

/// Why a feed stopped.
pub type FeedError = Box<dyn Error + Send + Sync>;

/// What a feed says when it is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Something arrived.
    Arrival(Arrival),
    /// Nothing arrived for a while; it is this time now, and whatever arrives next is later. `None` where the feed does
    /// not know the time, or stands still.
    Quiet(Option<Timestamp>),
    /// Nothing will arrive any more.
    End,
}

/// Market data in the order in which they arrive.
///
/// Whoever runs on a feed asks for the next event again and again. The call returns within a fraction of a second, so
/// that there is always time for something else.
pub trait Feed {
    /// The series that inputs refer to.
    fn series(&self) -> &[Series];

    /// Waits a little for what arrives next.
    ///
    /// # Errors
    /// The data cannot be read.
    fn next(&mut self) -> Result<Event, FeedError>;
}
