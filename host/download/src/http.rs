//! The one place where HTTP is spoken.

use std::time::Duration;

use ureq::http::HeaderMap;
use ureq::{Agent, Error, Proxy};

use crate::error::DownloadError;

/// Longest answer that is read: the largest ones, lists of all symbols, have some megabytes.
const LARGEST_BODY: u64 = 64 << 20;

/// How long the parts of a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// From the request to the last byte of the answer.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), total: Duration::from_secs(30) }
    }
}

/// A client that keeps its connections.
#[derive(Debug)]
pub(crate) struct Http {
    agent: Agent,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// No whole answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer {
    pub(crate) reason: String,
    /// Whether not even the beginning of an answer came.
    pub(crate) unreachable: bool,
}

impl Http {
    /// A client that honours the variables for proxies.
    pub(crate) fn new(timeouts: Timeouts) -> Result<Self, DownloadError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(timeouts.connect))
            .timeout_global(Some(timeouts.total))
            .user_agent(concat!("cryptobot/", env!("CARGO_PKG_VERSION")))
            .proxy(proxy()?)
            // An exchange's data interface does not redirect; a captive portal does.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Ok(Self { agent: config.into() })
    }

    pub(crate) fn get(&self, url: &str) -> Result<Answer, NoAnswer> {
        let response = self.agent.get(url).call();
        let mut response =
            response.map_err(|error| NoAnswer { reason: describe(&error), unreachable: true })?;
        let body = response.body_mut().with_config().limit(LARGEST_BODY).read_to_vec();
        let body = body.map_err(|error| NoAnswer {
            reason: format!("the answer broke off: {}", describe(&error)),
            unreachable: false,
        })?;
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body })
    }
}

impl Answer {
    /// A header as a number.
    pub(crate) fn number(&self, header: &str) -> Option<u64> {
        self.headers.get(header)?.to_str().ok()?.trim().parse().ok()
    }
}

/// The proxy of the environment. A setting that cannot be used is an error: data that go another way than was asked
/// for may not arrive, or should not leave.
///
/// # Errors
/// It cannot be read.
pub fn proxy() -> Result<Option<Proxy>, DownloadError> {
    for variable in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
        if std::env::var(variable).is_ok_and(|value| !value.is_empty()) {
            let proxy = Proxy::try_from_env();
            return if proxy.is_some() { Ok(proxy) } else { Err(DownloadError::Proxy { variable }) };
        }
    }
    Ok(None)
}

/// What went wrong, in one line.
fn describe(error: &Error) -> String {
    let text = match error {
        Error::HostNotFound => "the name is not known (no network, or no name server)".to_owned(),
        other => other.to_string(),
    };
    text.replace(['\n', '\r'], " ")
}
