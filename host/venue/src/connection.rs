//! A connection that stays up: it subscribes, shows that it lives, and is made again when it ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cryptobot_model::Timestamp;

use crate::pause::Pauses;
use crate::socket::{Came, Socket};

/// How often it is tried before anything came about.
const FIRST_CONTACT: u32 = 4;
/// How long acknowledgements may take.
const ACKNOWLEDGED: Duration = Duration::from_secs(10);
/// Time between two requests: exchanges take some a second.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(250);
/// How long a wait goes on before it looks whether it was stopped.
const SLICE: Duration = Duration::from_millis(50);
/// Old connections are given up at different times.
const SPREAD: Duration = Duration::from_mins(30);

/// When connections are made again.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// After so long without a sign of life, or without a message of a stream that has some every second.
    pub silence: Duration,
    /// At this age, before the exchange ends them.
    pub lifetime: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { silence: Duration::from_mins(1), lifetime: Duration::from_hours(23) }
    }
}

/// What one connection is for.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// For people.
    pub(crate) name: String,
    pub(crate) url: String,
    /// Names of the streams that are subscribed to.
    pub(crate) streams: Vec<String>,
    /// What subscribes, in texts that are acknowledged by the numbers 1, 2, 3 and so on.
    pub(crate) requests: Vec<String>,
    /// In how many times of silence something has to come at least; `None` = its streams may be silent.
    pub(crate) lively: Option<u32>,
    /// Reads the answer to a request: its number, or why it is refused. `None` = a text that is no answer.
    pub(crate) answer: fn(&str) -> Option<Result<u64, String>>,
}

/// What a connection tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// It is subscribed.
    Up,
    /// It ended, for this reason.
    Down(String),
    /// Nothing ever came about, for this reason; it gives up.
    Never(String),
    /// A message came at this time.
    Text(Timestamp, String),
    /// Something came that is no text.
    Bytes(usize),
}

/// Keeps a connection up until `stop`, or until nobody listens: `tell` answers whether somebody does.
pub(crate) fn keep(
    line: &Line,
    times: Times,
    pauses: &mut Pauses,
    stop: &AtomicBool,
    tell: impl Fn(Told) -> bool,
) {
    let mut ever = false;
    let ends = || stop.load(Ordering::Relaxed);
    while !ends() {
        let lifetime = pauses.before(times.lifetime, SPREAD.min(times.lifetime / 4));
        let mut attempt = Live { line, times, stop, tell: &tell, since: None, lifetime };
        let reason = match attempt.run() {
            Ended::Stopped => return,
            Ended::For(reason) => reason,
        };
        let up = attempt.since.map(|since| since.elapsed());
        ever |= up.is_some();
        let pause = pauses.after(up);
        if !ever && pauses.failures() >= FIRST_CONTACT {
            tell(Told::Never(reason));
            return;
        }
        if !tell(Told::Down(reason)) || !sleep(pause, stop) {
            return;
        }
    }
}

/// Waits; false = it was stopped.
pub(crate) fn sleep(time: Duration, stop: &AtomicBool) -> bool {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if stop.load(Ordering::Relaxed) || left.is_zero() {
            return left.is_zero();
        }
        thread::sleep(SLICE.min(left));
    }
}

/// The time now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// How a connection ended.
enum Ended {
    /// It was stopped, or nobody listens.
    Stopped,
    /// For this reason.
    For(String),
}

/// One connection.
struct Live<'a, F> {
    line: &'a Line,
    times: Times,
    stop: &'a AtomicBool,
    tell: &'a F,
    /// When it was subscribed.
    since: Option<Instant>,
    lifetime: Duration,
}

impl<F: Fn(Told) -> bool> Live<'_, F> {
    fn run(&mut self) -> Ended {
        let mut socket = match Socket::open(&self.line.url) {
            Ok(socket) => socket,
            Err(reason) => return Ended::For(format!("cannot connect: {reason}")),
        };
        let ended = self.read(&mut socket).unwrap_or_else(Ended::For);
        socket.close();
        ended
    }

    /// Subscribes and reads until it ends.
    fn read(&mut self, socket: &mut Socket) -> Result<Ended, String> {
        let requests = &self.line.requests;
        let (opened, mut sent, mut answered) = (Instant::now(), 0, 0);
        let (mut sign, mut event, mut pinged) = (opened, opened, false);
        while !self.stop.load(Ordering::Relaxed) {
            if sent < requests.len() && opened.elapsed() >= BETWEEN_REQUESTS * sent as u32 {
                socket.send(requests[sent].clone())?;
                sent += 1;
            }
            if self.since.is_none()
                && opened.elapsed() >= ACKNOWLEDGED + BETWEEN_REQUESTS * requests.len() as u32
            {
                return Err("the subscription was not acknowledged".to_owned());
            }
            let came = socket.read()?;
            if !matches!(came, Came::Nothing) {
                (sign, pinged) = (Instant::now(), false);
            }
            let heard = match came {
                Came::Text(text) => match (self.line.answer)(&text) {
                    Some(Ok(_)) => {
                        answered += 1;
                        answered < requests.len() || self.up()
                    }
                    Some(Err(reason)) => return Err(format!("the subscription was refused: {reason}")),
                    None => {
                        event = sign;
                        (self.tell)(Told::Text(now(), text))
                    }
                },
                Came::Bytes(count) => (self.tell)(Told::Bytes(count)),
                Came::Sign | Came::Nothing => true,
            };
            if !heard {
                break;
            }
            self.check(sign, event)?;
            if sign.elapsed() >= self.times.silence / 2 && !pinged {
                socket.ping()?;
                pinged = true;
            }
        }
        Ok(Ended::Stopped)
    }

    fn up(&mut self) -> bool {
        self.since = Some(Instant::now());
        (self.tell)(Told::Up)
    }

    /// Whether it is silent or old: the last sign and the last message of a stream.
    fn check(&self, sign: Instant, event: Instant) -> Result<(), String> {
        let silence = self.times.silence;
        if sign.elapsed() >= silence {
            return Err(format!("no sign of life for {silence:?}"));
        }
        let patience = self.line.lively.map(|times| silence * times);
        if let (Some(patience), Some(_)) = (patience, self.since)
            && event.elapsed() >= patience
        {
            return Err(format!(
                "subscribed, and not a message for {patience:?}; is {} the right address?",
                self.line.url
            ));
        }
        match self.since {
            Some(since) if since.elapsed() >= self.lifetime => Err("old enough to be replaced".to_owned()),
            _ => Ok(()),
        }
    }
}
