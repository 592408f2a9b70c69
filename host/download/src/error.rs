//! Why a download ends, said so that a person can act on it.

use cryptobot_data::DataError;
use cryptobot_model::Timestamp;

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// A venue that nothing can be downloaded from.
    #[error("--venue {venue}: nothing can be downloaded from there; venues: {}", known.join(", "))]
    UnknownVenue {
        /// What was asked for.
        venue: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// A kind that the venue does not give.
    #[error("--kind {kind}: {venue} does not give it; kinds: {}", known.join(", "))]
    UnknownKind {
        /// The venue.
        venue: &'static str,
        /// What was asked for.
        kind: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A symbol that the venue does not trade.
    #[error("--symbol {symbol}: {venue} has no such symbol; {}", near(known))]
    UnknownSymbol {
        /// The venue.
        venue: &'static str,
        /// What was asked for.
        symbol: String,
        /// Symbols that resemble it, or some of all.
        known: Vec<String>,
    },
    /// Nothing was asked for.
    #[error("--{0}: name at least one")]
    Nothing(&'static str),
    /// A period without any time in it.
    #[error("the period from {from} to {to} is empty: --from must be before --to, and before now")]
    EmptyPeriod {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
    },
    /// An address that cannot be used.
    #[error(
        "--base-url {url}: write http://HOST or https://HOST, with a port and a path where they are needed"
    )]
    BaseUrl {
        /// What was given.
        url: String,
    },
    /// A proxy that cannot be used.
    #[error("the proxy in {variable} cannot be used: write http://HOST:PORT")]
    Proxy {
        /// The variable of the environment.
        variable: &'static str,
    },
    /// The exchange cannot be reached at all.
    #[error("cannot reach {host}: {reason}; check the network, HTTPS_PROXY, or --base-url")]
    Unreachable {
        /// Scheme, host and port.
        host: String,
        /// The last reason.
        reason: String,
    },
    /// The exchange refuses a request, and would refuse it again.
    #[error("{}{url}: refused with HTTP {status}: {reason}", of(symbol))]
    Refused {
        /// The request.
        url: String,
        /// The symbol it was for.
        symbol: String,
        /// Status of HTTP.
        status: u16,
        /// What the exchange says.
        reason: String,
    },
    /// A request failed again and again.
    #[error(
        "{}{url}: failed {attempts} times, at last: {reason}; what was stored stays, run again to go on",
        of(symbol)
    )]
    GaveUp {
        /// The request.
        url: String,
        /// The symbol it was for.
        symbol: String,
        /// How often it was tried.
        attempts: u32,
        /// Why it failed the last time.
        reason: String,
    },
    /// The exchange does not answer this address for long.
    #[error("{url}: this address is banned until {until}; what was stored stays, run again then")]
    Banned {
        /// The request.
        url: String,
        /// The end of the ban.
        until: Timestamp,
    },
    /// More rows in a second than a page holds.
    #[error(
        "{symbol}: the exchange has more than {rows} trades in the second at {at}, and shows no more; what was stored \
         stays, go on after it with --from"
    )]
    Crowded {
        /// The symbol.
        symbol: String,
        /// The second.
        at: Timestamp,
        /// Rows of the page.
        rows: usize,
    },
    /// It was interrupted.
    #[error("interrupted; what was stored stays, run again to go on")]
    Interrupted,
    /// A thread of the host ended early.
    #[error("a thread ended early while downloading")]
    Thread,
    /// The catalog refuses.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl DownloadError {
    /// Whether the command line is wrong, not the world.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::UnknownVenue { .. }
                | Self::UnknownKind { .. }
                | Self::Nothing(_)
                | Self::EmptyPeriod { .. }
                | Self::BaseUrl { .. }
                | Self::Proxy { .. }
        )
    }

    /// Whether what was asked for is not there.
    pub fn is_data(&self) -> bool {
        matches!(self, Self::UnknownSymbol { .. } | Self::Data(_))
    }
}

fn of(symbol: &str) -> String {
    if symbol.is_empty() { String::new() } else { format!("{symbol}: ") }
}

fn near(known: &[String]) -> String {
    if known.is_empty() {
        "nothing resembles it".to_owned()
    } else {
        format!("for example {}", known.join(", "))
    }
}
