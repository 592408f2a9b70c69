//! Lines of a recording as typed messages that borrow from the line.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use cryptobot_model::{Side, Timestamp, UpdateIds};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::error::MessageError;

/// Price and quantity of a level as the exchange wrote them.
pub type LevelText<'a> = [&'a str; 2];

/// A change of some levels.
#[derive(Debug)]
pub struct DepthDiff<'a> {
    /// Symbol.
    pub symbol: &'a str,
    /// Time at the exchange's matching engine (its time of sending where it tells no other).
    pub ts: Timestamp,
    /// Sequence numbers.
    pub ids: UpdateIds,
    /// New quantities of bids.
    pub bids: Vec<LevelText<'a>>,
    /// New quantities of asks.
    pub asks: Vec<LevelText<'a>>,
}

/// The whole book down to some depth, as a REST request answered it.
#[derive(Debug)]
pub struct DepthSnapshot<'a> {
    /// Time at the matching engine, where the exchange tells it.
    pub ts: Option<Timestamp>,
    /// Last update that is in it.
    pub last_id: u64,
    /// Bids.
    pub bids: Vec<LevelText<'a>>,
    /// Asks.
    pub asks: Vec<LevelText<'a>>,
}

/// A trade.
#[derive(Debug)]
pub struct TradeMessage<'a> {
    /// Symbol.
    pub symbol: &'a str,
    /// Time at the matching engine.
    pub ts: Timestamp,
    /// Side of the order that took.
    pub aggressor: Side,
    /// Price.
    pub price: &'a str,
    /// Quantity.
    pub quantity: &'a str,
    /// Whether it happened in the book (not an insurance-fund or auto-deleveraging trade).
    pub in_book: bool,
}

/// A message of a recording.
#[derive(Debug)]
pub enum Message<'a> {
    /// A depth diff.
    Diff(DepthDiff<'a>),
    /// A depth snapshot.
    Snapshot(DepthSnapshot<'a>),
    /// A trade.
    Trade(TradeMessage<'a>),
    /// Anything else, by the name of its stream.
    Other(&'a str),
}

/// A recording that is read line by line.
pub struct MessageFile {
    path: PathBuf,
    reader: BufReader<MultiGzDecoder<File>>,
    line: Vec<u8>,
    number: usize,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct RawDiff<'a> {
    #[serde(rename = "E")]
    sent_ms: i64,
    #[serde(rename = "T")]
    matched_ms: Option<i64>,
    #[serde(rename = "s", borrow)]
    symbol: &'a str,
    #[serde(rename = "U")]
    first: u64,
    #[serde(rename = "u")]
    last: u64,
    #[serde(rename = "pu")]
    previous: Option<u64>,
    #[serde(rename = "b", borrow)]
    bids: Vec<LevelText<'a>>,
    #[serde(rename = "a", borrow)]
    asks: Vec<LevelText<'a>>,
}

#[derive(Deserialize)]
struct RawSnapshot<'a> {
    #[serde(rename = "lastUpdateId")]
    last_id: u64,
    #[serde(rename = "T")]
    matched_ms: Option<i64>,
    #[serde(borrow)]
    bids: Vec<LevelText<'a>>,
    #[serde(borrow)]
    asks: Vec<LevelText<'a>>,
}

#[derive(Deserialize)]
struct RawTrade<'a> {
    #[serde(rename = "T")]
    matched_ms: i64,
    #[serde(rename = "s", borrow)]
    symbol: &'a str,
    #[serde(rename = "p", borrow)]
    price: &'a str,
    #[serde(rename = "q", borrow)]
    quantity: &'a str,
    #[serde(rename = "m")]
    buyer_rested: bool,
    #[serde(rename = "X")]
    kind: Option<&'a str>,
}

impl MessageFile {
    /// Opens a gzipped recording.
    pub fn open(path: &Path) -> Result<Self, MessageError> {
        let file = File::open(path).map_err(|source| MessageError::Read {
            file: path.to_owned(),
            line: 0,
            source,
        })?;
        let reader = BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file));
        Ok(Self { path: path.to_owned(), reader, line: Vec::new(), number: 0 })
    }

    /// The line of the last message, from 1.
    pub const fn line_number(&self) -> usize {
        self.number
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next message with the local time at which it was received; `None` at the end.
    pub fn next_message(&mut self) -> Result<Option<(Timestamp, Message<'_>)>, MessageError> {
        self.line.clear();
        let read = self.reader.read_until(b'\n', &mut self.line).map_err(|source| MessageError::Read {
            file: self.path.clone(),
            line: self.number + 1,
            source,
        })?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let (file, line) = (&self.path, self.number);
        parse(&self.line).map(Some).map_err(|problem| MessageError::Line {
            file: file.clone(),
            line,
            problem,
        })
    }
}

fn parse(line: &[u8]) -> Result<(Timestamp, Message<'_>), String> {
    let text = std::str::from_utf8(line).map_err(|_| "the line is no UTF-8 text".to_owned())?;
    let shape = || "the line is not `<receive time in ns> <JSON>`".to_owned();
    let (received, json) = text.split_once(' ').ok_or_else(shape)?;
    let received_at = Timestamp(received.parse().map_err(|_| shape())?);
    let message = match stream_of(json) {
        None => snapshot(json),
        Some(stream) => match stream.split('@').nth(1) {
            Some("depth") => diff(json),
            Some("trade") => trade(json),
            _ => Ok(Message::Other(stream)),
        },
    };
    message.map(|message| (received_at, message)).map_err(|error| {
        let kind = stream_of(json).unwrap_or("depth snapshot");
        format!("not a message of `{kind}`: {error}")
    })
}

/// The name of a combined stream, which its envelope begins with.
fn stream_of(json: &str) -> Option<&str> {
    json.strip_prefix(r#"{"stream":""#)?.split('"').next()
}

fn diff(json: &str) -> serde_json::Result<Message<'_>> {
    let Envelope { data } = serde_json::from_str::<Envelope<RawDiff>>(json)?;
    Ok(Message::Diff(DepthDiff {
        symbol: data.symbol,
        ts: Timestamp::from_millis(data.matched_ms.unwrap_or(data.sent_ms)),
        ids: UpdateIds { first: data.first, last: data.last, previous: data.previous },
        bids: data.bids,
        asks: data.asks,
    }))
}

fn snapshot(json: &str) -> serde_json::Result<Message<'_>> {
    let raw: RawSnapshot = serde_json::from_str(json)?;
    Ok(Message::Snapshot(DepthSnapshot {
        ts: raw.matched_ms.map(Timestamp::from_millis),
        last_id: raw.last_id,
        bids: raw.bids,
        asks: raw.asks,
    }))
}

fn trade(json: &str) -> serde_json::Result<Message<'_>> {
    let Envelope { data } = serde_json::from_str::<Envelope<RawTrade>>(json)?;
    Ok(Message::Trade(TradeMessage {
        symbol: data.symbol,
        ts: Timestamp::from_millis(data.matched_ms),
        aggressor: if data.buyer_rested { Side::Sell } else { Side::Buy },
        price: data.price,
        quantity: data.quantity,
        in_book: data.kind.is_none_or(|kind| kind == "MARKET"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trades_and_diffs_borrow_from_the_line() {
        let line = br#"7 {"stream":"x@trade","data":{"e":"trade","E":3,"T":2,"s":"X","t":1,"p":"1.5","q":"2","X":"MARKET","m":true}}"#;
        let (received, Message::Trade(trade)) = parse(line).unwrap() else { panic!("a trade") };
        assert_eq!((received, trade.ts), (Timestamp(7), Timestamp::from_millis(2)));
        assert_eq!((trade.aggressor, trade.in_book), (Side::Sell, true));
        let line = br#"7 {"stream":"x@depth@100ms","data":{"e":"depthUpdate","E":3,"s":"X","U":4,"u":6,"b":[["1","2"]],"a":[]}}"#;
        let (_, Message::Diff(diff)) = parse(line).unwrap() else { panic!("a diff") };
        assert_eq!(diff.ids, UpdateIds { first: 4, last: 6, previous: None });
        assert_eq!(diff.ts, Timestamp::from_millis(3));
        assert_eq!(diff.bids, [["1", "2"]]);
    }

    #[test]
    fn a_line_that_is_no_message_says_what_is_wrong() {
        for (line, expected) in [
            ("hello", "not `<receive time in ns> <JSON>`"),
            ("x {}", "not `<receive time in ns> <JSON>`"),
            ("7 {}", "not a message of `depth snapshot`: missing field `lastUpdateId`"),
            (r#"7 {"stream":"x@trade","data":{"T":1}}"#, "not a message of `x@trade`: missing field `s`"),
        ] {
            let problem = parse(line.as_bytes()).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
