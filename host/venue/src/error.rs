//! Why a live feed cannot begin, or ends.

use cryptobot_download::DownloadError;

/// Why a live feed cannot begin, or ends.
#[derive(Debug, thiserror::Error)]
pub enum VenueError {
    /// A venue without live data.
    #[error("--venue {venue}: there is no live feed of it; venues: binance-usdm")]
    UnknownVenue {
        /// What was asked for.
        venue: String,
    },
    /// A kind that is not streamed.
    #[error(
        "--kind {kind}: it is not streamed; kinds: aggtrades, depth, liquidations, quotes, funding, bars of 1m 3m 5m \
         15m 30m 1h 2h 4h 6h 8h 12h 1d 1w, mark-1m and longer"
    )]
    UnknownKind {
        /// What was asked for.
        kind: String,
    },
    /// An address that cannot be used.
    #[error(
        "--stream-url {url}: write ws://HOST or wss://HOST, with a port and a path where they are needed"
    )]
    StreamUrl {
        /// What was given.
        url: String,
    },
    /// The proxy of the environment is of a kind that streams cannot go through.
    #[error(
        "the proxy of the environment: streams go through http proxies without a password only: http://HOST:PORT"
    )]
    Proxy,
    /// No connection came about.
    #[error("cannot subscribe at {url}: {reason}; check the network, HTTPS_PROXY, or --stream-url")]
    NeverUp {
        /// The address.
        url: String,
        /// What went wrong the last time.
        reason: String,
    },
    /// A thread could not be started, or ended.
    #[error("a thread of the live feed: {0}")]
    Thread(String),
    /// The exchange cannot be asked, or has no such symbol.
    #[error(transparent)]
    Ask(#[from] DownloadError),
}

impl VenueError {
    /// Whether the command line is wrong, not the world.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::UnknownVenue { .. } | Self::UnknownKind { .. } | Self::StreamUrl { .. } | Self::Proxy => {
                true
            }
            Self::Ask(error) => error.is_usage(),
            Self::NeverUp { .. } | Self::Thread(_) => false,
        }
    }

    /// Whether what was asked for is not there.
    pub fn is_data(&self) -> bool {
        matches!(self, Self::Ask(error) if error.is_data())
    }
}
