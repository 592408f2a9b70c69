//! How events are handed to strategies.

use std::fmt;
use std::str::FromStr;

/// How events are handed to a strategy. Every way gives the same journal; they differ in speed only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// One call of the strategy per event. Where the strategy can be driven, the host hands over many bars at once to a
    /// driver beside it, which makes these calls.
    #[default]
    Event,
    /// One call of the host per event, without a driver: the reference, and the way in which it is known at which event a
    /// strategy failed.
    Single,
    /// Pages of rows, of which the strategy takes as many as nothing else can happen in; refused where that is
    /// impossible.
    Paged,
    /// Pages where the plugin offers to take them, else one call per event.
    Auto,
}

impl Delivery {
    /// All of them, in the order of their documentation.
    pub const ALL: [Self; 4] = [Self::Event, Self::Single, Self::Paged, Self::Auto];

    /// As it is written on the command line and in run files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Single => "single",
            Self::Paged => "paged",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no delivery; write event, single, paged or auto")]
pub struct ParseDeliveryError(String);

impl FromStr for Delivery {
    type Err = ParseDeliveryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|delivery| delivery.name() == text);
        named.ok_or_else(|| ParseDeliveryError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_read_as_they_are_written() {
        for delivery in Delivery::ALL {
            assert_eq!(delivery.to_string().parse(), Ok(delivery));
        }
        assert!(
            "pages".parse::<Delivery>().unwrap_err().to_string().contains("event, single, paged or auto")
        );
    }
}
