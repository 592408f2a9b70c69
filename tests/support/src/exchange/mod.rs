//! Exchanges on a loopback address that serve a made-up market by the rules of real ones: paging, weights, bans, and
//! whatever goes wrong on the way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::disallowed_types,
    reason = "it is test code, and a server"
)]

mod ethereal;
mod market;
mod pages;
mod script;
mod streams;

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub use market::bar;
pub use script::{Said, script};
pub use streams::{Levels, Live, StreamFault};

/// A clock, ms since the epoch.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;
/// What goes wrong with the n-th request (from 0), which asks for a target.
pub type Faults = Arc<dyn Fn(u64, &str) -> Option<Fault> + Send + Sync>;

/// What goes wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another status, with an error as Binance words it.
    Status(u16),
    /// A 429 or 418 with `Retry-After`, s.
    Later(u16, u64),
    /// The body ends in its middle, and the connection with it.
    Truncated,
    /// The body is no JSON.
    Malformed,
    /// The connection ends without an answer.
    Dropped,
    /// The answer comes after this many ms.
    Slow(u64),
}

/// How the exchange behaves.
#[derive(Clone)]
pub struct Rules {
    /// Its clock.
    pub now: Now,
    /// When trading began, ms.
    pub listed_ms: i64,
    /// Times without bars, ms.
    pub holes: Vec<Range<i64>>,
    /// Weight that an address may use in a minute.
    pub weight_limit: u32,
    /// What goes wrong.
    pub faults: Faults,
    /// What it says on its streams.
    pub live: Live,
}

/// A running exchange.
pub struct Exchange {
    shared: Arc<Shared>,
    port: u16,
}

pub(crate) struct Shared {
    pub(crate) rules: Rules,
    count: AtomicU64,
    log: Mutex<Vec<String>>,
    weight: Mutex<Weight>,
    pub(crate) streams: streams::State,
}

#[derive(Default)]
struct Weight {
    minute: i64,
    used: u32,
    refused: u64,
}

impl Rules {
    /// An exchange where nothing goes wrong.
    pub fn calm(now: Now, listed_ms: i64) -> Self {
        Self {
            now,
            listed_ms,
            holes: Vec::new(),
            weight_limit: 1_000_000,
            faults: Arc::new(|_, _| None),
            live: Live::default(),
        }
    }
}

impl Exchange {
    /// Starts one on a free port of the loopback address. It ends with the process.
    pub fn start(rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (count, log, weight) = (AtomicU64::new(0), Mutex::default(), Mutex::default());
        let streams = streams::State::new(&rules.live);
        let shared = Arc::new(Shared { rules, count, log, weight, streams });
        let of_server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&of_server);
                thread::spawn(move || shared.serve(&stream));
            }
        });
        Self { shared, port }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its streams are.
    pub fn stream_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// What was sent on streams so far, in order.
    pub fn said(&self) -> Vec<Said> {
        self.shared.streams.said()
    }

    /// Whether everything was sent that there is to say.
    pub fn is_done(&self) -> bool {
        self.shared.streams.is_done()
    }

    /// The book of a symbol now: its last update, and quantities by side (bid first) and price, as texts.
    pub fn book(&self, symbol: &str) -> (u64, Levels) {
        self.shared.streams.book(symbol)
    }

    /// Targets of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.shared.log.lock().expect("the log").clone()
    }

    /// Requests so far that were refused because the weight was used up.
    pub fn refused(&self) -> u64 {
        self.shared.weight.lock().expect("the weight").refused
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some((target, key)) = next_request(&mut reader) {
            let number = self.count.fetch_add(1, Ordering::Relaxed);
            self.log.lock().expect("the log").push(target.clone());
            if let Some(key) = key {
                return streams::serve(self, stream, &target, &key);
            }
            if !self.answer(stream, &target, (self.rules.faults)(number, &target)) {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// Answers; false = the connection ends.
    fn answer(&self, mut stream: &TcpStream, target: &str, fault: Option<Fault>) -> bool {
        let (used, over) = self.weigh(pages::weight(target));
        let (mut status, mut later, mut body) = (200, None, String::new());
        match fault {
            Some(Fault::Dropped) => return false,
            Some(Fault::Status(code)) => status = code,
            Some(Fault::Later(code, seconds)) => (status, later) = (code, Some(seconds)),
            Some(Fault::Slow(ms)) => thread::sleep(Duration::from_millis(ms)),
            _ if over => (status, later) = (429, None),
            _ => {}
        }
        if status == 200 {
            match pages::body(self, target) {
                Ok(text) => body = text,
                Err((code, text)) => (status, body) = (code, text),
            }
        } else {
            body.push_str(r#"{"code":-1003,"msg":"Too many requests or another trouble."}"#);
        }
        if fault == Some(Fault::Malformed) {
            body.insert_str(body.len() / 2, "<html>");
        }
        let length = body.len();
        let sent = if fault == Some(Fault::Truncated) { &body[..length / 2] } else { &body };
        let later = later.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             X-MBX-USED-WEIGHT-1M: {used}\r\n{later}\r\n"
        );
        let written = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent.as_bytes()));
        written.is_ok() && fault != Some(Fault::Truncated)
    }

    /// Counts weight; answers what is used of the minute and whether that is too much.
    fn weigh(&self, weight: u32) -> (u32, bool) {
        let minute = (self.rules.now)().div_euclid(60_000);
        let mut state = self.weight.lock().expect("the weight");
        if minute != state.minute {
            (state.minute, state.used) = (minute, 0);
        }
        state.used += weight;
        let over = state.used > self.rules.weight_limit;
        state.refused += u64::from(over);
        (state.used, over)
    }
}

/// The target of the next request of a connection, and the key of one that wants a stream.
fn next_request(reader: &mut BufReader<&TcpStream>) -> Option<(String, Option<String>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let target = line.split(' ').nth(1)?.to_owned();
    let mut key = None;
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        if line == "\r\n" {
            return Some((target, key));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("sec-websocket-key")
        {
            key = Some(value.trim().to_owned());
        }
    }
}
