//! Requests within the budget, again where they fail.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cryptobot_model::Timestamp;
use cryptobot_model::random::Random;
use serde::Deserialize;

use crate::budget::{Budget, Pool};
use crate::clock::{Clock, wait_until};
use crate::error::DownloadError;
use crate::http::{Answer, Http};

/// First pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Ban that is waited for.
const PATIENCE: Duration = Duration::from_mins(10);
/// How often a host that cannot be reached is tried before anything came from it.
const FIRST_CONTACT: u32 = 3;
/// Characters of an answer that a message shows.
const SHOWN: usize = 160;

/// What is asked of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Path and query, after the base address.
    pub(crate) target: String,
    /// Index of the pool it weighs on.
    pub(crate) pool: usize,
    pub(crate) weight: u32,
    /// The symbol it is for; empty where it is for all.
    pub(crate) symbol: String,
}

/// Asks an exchange.
pub(crate) struct Fetcher<'a> {
    pub(crate) http: Http,
    pub(crate) base_url: String,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) stop: &'a AtomicBool,
    pub(crate) attempts: u32,
    jitter: Mutex<Random>,
    answered: AtomicBool,
    requests: AtomicU64,
    retries: AtomicU64,
}

/// What became of a try.
enum Tried<T> {
    Done(T),
    /// Failed, and may succeed when tried again.
    Again {
        reason: String,
        /// Not before, ms since the epoch.
        not_before_ms: Option<i64>,
        unreachable: bool,
    },
}

/// An error as Binance words it; others have at least a text.
#[derive(Deserialize)]
struct Complaint {
    code: Option<serde_json::Value>,
    #[serde(alias = "message", alias = "error")]
    msg: Option<serde_json::Value>,
}

impl<'a> Fetcher<'a> {
    pub(crate) fn new(
        (http, base_url): (Http, String),
        pools: &[Pool],
        (clock, stop): (&'a dyn Clock, &'a AtomicBool),
        (attempts, seed): (u32, u64),
    ) -> Self {
        Self {
            http,
            base_url,
            budgets: pools.iter().map(|pool| Budget::new(*pool)).collect(),
            clock,
            stop,
            attempts,
            jitter: Mutex::new(Random::new(seed, 0)),
            answered: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        }
    }

    /// Requests that were sent, and how many of them because an earlier one failed.
    pub(crate) fn sent(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.retries.load(Ordering::Relaxed))
    }

    /// Asks until an answer can be read.
    pub(crate) fn get<T>(
        &self,
        request: &Request,
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<T, DownloadError> {
        let url = format!("{}{}", self.base_url, request.target);
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.take(request)?;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let (reason, not_before_ms, unreachable) = match self.attempt(request, &url, &read)? {
                Tried::Done(value) => return Ok(value),
                Tried::Again { reason, not_before_ms, unreachable } => (reason, not_before_ms, unreachable),
            };
            let first_contact = unreachable && !self.answered.load(Ordering::Relaxed);
            if first_contact && attempt >= FIRST_CONTACT.min(self.attempts) {
                return Err(DownloadError::Unreachable { host: origin(&self.base_url).to_owned(), reason });
            }
            if attempt >= self.attempts {
                let symbol = request.symbol.clone();
                return Err(DownloadError::GaveUp { url, symbol, attempts: attempt, reason });
            }
            self.retries.fetch_add(1, Ordering::Relaxed);
            let until = self.clock.now_ms() + self.pause(attempt);
            if !wait_until(self.clock, self.stop, until.max(not_before_ms.unwrap_or(0))) {
                return Err(DownloadError::Interrupted);
            }
        }
    }

    /// Waits until the budget has room.
    fn take(&self, request: &Request) -> Result<(), DownloadError> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(DownloadError::Interrupted);
            }
            match self.budgets[request.pool].take(self.clock.now_ms(), request.weight) {
                Ok(()) => return Ok(()),
                Err(until) if wait_until(self.clock, self.stop, until) => {}
                Err(_) => return Err(DownloadError::Interrupted),
            }
        }
    }

    fn attempt<T>(
        &self,
        request: &Request,
        url: &str,
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Tried<T>, DownloadError> {
        let again = |reason, not_before_ms| Tried::Again { reason, not_before_ms, unreachable: false };
        let answer = match self.http.get(url) {
            Ok(answer) => answer,
            Err(failed) => {
                let (reason, unreachable) = (failed.reason, failed.unreachable);
                return Ok(Tried::Again { reason, not_before_ms: None, unreachable });
            }
        };
        self.answered.store(true, Ordering::Relaxed);
        let (budget, now) = (&self.budgets[request.pool], self.clock.now_ms());
        if let Some(used) = budget.pool().used_header.and_then(|header| answer.number(header)) {
            budget.observe(now, u32::try_from(used).unwrap_or(u32::MAX));
        }
        match answer.status {
            200 => Ok(match read(&answer.body) {
                Ok(value) => Tried::Done(value),
                Err(problem) => {
                    again(format!("the answer cannot be read: {problem}: {}", shown(&answer)), None)
                }
            }),
            429 | 418 => {
                let until = self.quiet_until(request, &answer, now);
                if until - now > i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX) {
                    return Err(DownloadError::Banned {
                        url: url.to_owned(),
                        until: Timestamp::from_millis(until),
                    });
                }
                budget.pause(now, until);
                Ok(again(format!("HTTP {}: {}", answer.status, complaint(&answer)), Some(until)))
            }
            408 | 500.. => Ok(again(format!("HTTP {}: {}", answer.status, complaint(&answer)), None)),
            status => Err(DownloadError::Refused {
                url: url.to_owned(),
                symbol: request.symbol.clone(),
                status,
                reason: complaint(&answer),
            }),
        }
    }

    /// When a 429 or a ban ends: by `Retry-After`, by its text, or with the present window.
    fn quiet_until(&self, request: &Request, answer: &Answer, now_ms: i64) -> i64 {
        let asked = answer.number("retry-after").map(|seconds| {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            now_ms.saturating_add(seconds.saturating_mul(1_000))
        });
        let told = || banned_until(&String::from_utf8_lossy(&answer.body));
        let window = self.budgets[request.pool].pool().window_ms;
        asked.or_else(told).unwrap_or((now_ms.div_euclid(window) + 1) * window)
    }

    /// The pause after the n-th failure, ms: half of it fixed, half drawn, so that workers do not come back together.
    fn pause(&self, attempt: u32) -> i64 {
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE.saturating_mul(1 << (attempt - 1).min(16)));
        let drawn = self.jitter.lock().unwrap_or_else(PoisonError::into_inner).uniform();
        (longest.as_millis() as f64 * (0.5 + 0.5 * drawn)) as i64
    }
}

/// `banned until 1500000000000` in the text of an error, ms.
fn banned_until(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once("banned until ")?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// What an error answer says, in one line.
fn complaint(answer: &Answer) -> String {
    if let Ok(Complaint { code, msg: Some(msg) }) = serde_json::from_slice(&answer.body) {
        let msg = msg.as_str().map_or_else(|| msg.to_string(), str::to_owned);
        return code.map_or_else(|| msg.clone(), |code| format!("{msg} ({code})"));
    }
    match answer.status {
        403 | 451 => format!("the exchange does not serve this address or region ({})", shown(answer)),
        301..=308 => "it redirects elsewhere; is there a sign-on page in the way?".to_owned(),
        _ => shown(answer),
    }
}

/// The beginning of an answer, as one line.
fn shown(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(4 * SHOWN)]);
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect();
    if line.is_empty() { "an empty answer".to_owned() } else { line.replace(char::is_control, "?") }
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |end| &url[..host + end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_ban_is_read_from_its_text() {
        let text = r#"{"code":-1003,"msg":"Way too many requests; IP(1.2.3.4) banned until 1561234567890. Please use"}"#;
        assert_eq!(banned_until(text), Some(1_561_234_567_890));
        assert_eq!(banned_until("banned until tomorrow"), None);
    }

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(origin("https://fapi.binance.com"), "https://fapi.binance.com");
        assert_eq!(origin("http://127.0.0.1:8080/x/y"), "http://127.0.0.1:8080");
    }
}
