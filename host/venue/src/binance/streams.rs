//! Names of streams, the route that each is served on, and the connections that they need.

use serde::Deserialize;

use crate::Channel;
use crate::connection::Line;
use crate::error::VenueError;

/// Where streams are served.
pub(crate) const STREAM_URL: &str = "wss://fstream.binance.com";
/// Streams of a connection at most; the exchange allows 1024.
const MOST_STREAMS: usize = 1_000;
/// Streams that one request subscribes to.
const PER_REQUEST: usize = 100;
/// Lengths of bars that are streamed. 3d and 1M are left out as in downloads: they have no grid.
const INTERVALS: [&str; 13] =
    ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1w"];

/// A path under which some streams are served. On the wrong one a subscription is acknowledged, and nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Public,
    Market,
}

/// Refuses bars that are not streamed.
pub(crate) fn check(channel: Channel) -> Result<(), VenueError> {
    let known = match channel {
        Channel::Bars(timeframe) => INTERVALS.contains(&timeframe.to_string().as_str()),
        // They are built from marks that come every second: a bar needs some of them.
        Channel::Mark(timeframe) => timeframe.millis() >= 60_000,
        _ => true,
    };
    if known { Ok(()) } else { Err(VenueError::UnknownKind { kind: channel.to_string() }) }
}

/// The stream of a channel, its route, and in how many times of silence something comes on it, where it does.
fn stream(channel: Channel, symbol: &str) -> (String, Route, Option<u32>) {
    const SPARSE: u32 = 10;
    let symbol = symbol.to_lowercase();
    match channel {
        Channel::Book => (format!("{symbol}@depth@100ms"), Route::Public, Some(1)),
        Channel::Quotes => (format!("{symbol}@bookTicker"), Route::Public, Some(1)),
        Channel::Trades => (format!("{symbol}@aggTrade"), Route::Market, Some(SPARSE)),
        Channel::Bars(timeframe) => (format!("{symbol}@kline_{timeframe}"), Route::Market, Some(SPARSE)),
        Channel::Mark(_) | Channel::Funding => (format!("{symbol}@markPrice@1s"), Route::Market, Some(1)),
        Channel::Liquidations => (format!("{symbol}@forceOrder"), Route::Market, None),
    }
}

/// The connections for all channels of all symbols: as few as the routes allow.
pub(crate) fn lines(base: &str, symbols: &[String], channels: &[Channel]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (route, path) in [(Route::Public, "public"), (Route::Market, "market")] {
        let mut names: Vec<(String, Option<u32>)> = Vec::new();
        for symbol in symbols {
            for channel in channels {
                let (name, served, lively) = stream(*channel, symbol);
                if served == route && !names.iter().any(|(known, _)| *known == name) {
                    names.push((name, lively));
                }
            }
        }
        let parts: Vec<&[(String, Option<u32>)]> = names.chunks(MOST_STREAMS).collect();
        for (place, part) in parts.iter().enumerate() {
            let name = if parts.len() == 1 { path.to_owned() } else { format!("{path} {}", place + 1) };
            let streams: Vec<String> = part.iter().map(|(name, _)| name.clone()).collect();
            lines.push(Line {
                name,
                url: format!("{base}/{path}/ws"),
                requests: streams.chunks(PER_REQUEST).zip(1..).map(subscribe).collect(),
                streams,
                lively: part.iter().filter_map(|(_, lively)| *lively).min(),
                answer,
            });
        }
    }
    lines
}

/// The name of the stream of a channel.
pub(crate) fn name(channel: Channel, symbol: &str) -> String {
    stream(channel, symbol).0
}

fn subscribe((names, id): (&[String], u64)) -> String {
    serde_json::json!({"method": "SUBSCRIBE", "params": names, "id": id}).to_string()
}

/// The answer to a request; events are none.
fn answer(text: &str) -> Option<Result<u64, String>> {
    #[derive(Deserialize)]
    struct Answer {
        id: Option<u64>,
        error: Option<Complaint>,
        code: Option<i64>,
        msg: Option<String>,
    }
    #[derive(Deserialize)]
    struct Complaint {
        code: Option<i64>,
        msg: Option<String>,
    }
    // Events are many, and say so early.
    if text.contains("\"e\":") {
        return None;
    }
    let Answer { id, error, code, msg } = serde_json::from_str(text).ok()?;
    let complaint = error.or_else(|| msg.map(|msg| Complaint { code, msg: Some(msg) }));
    match (complaint, id) {
        (Some(Complaint { code, msg }), _) => {
            let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
            let msg = msg.unwrap_or_else(|| "without a reason".to_owned());
            Some(Err(format!("{}{code}", msg.replace(char::is_control, " "))))
        }
        (None, Some(id)) => Some(Ok(id)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(names: &[&str]) -> Vec<Channel> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn streams_are_subscribed_to_on_their_routes() {
        let symbols = ["BTCUSDT".to_owned(), "ETHUSDT".to_owned()];
        let wanted = channels(&["aggtrades", "depth", "quotes", "liquidations", "1m", "mark-1m", "funding"]);
        let lines = lines("wss://host", &symbols, &wanted);
        let urls: Vec<&str> = lines.iter().map(|line| line.url.as_str()).collect();
        assert_eq!(urls, ["wss://host/public/ws", "wss://host/market/ws"]);
        assert!(
            lines[0].requests[0].contains("ethusdt@depth@100ms") && lines[0].streams.len() == 4,
            "{lines:?}"
        );
        // Marks and funding share a stream.
        assert!(
            lines[1].requests[0].contains("btcusdt@forceOrder") && lines[1].streams.len() == 8,
            "{lines:?}"
        );
        assert_eq!((lines[0].lively, lines[1].lively), (Some(1), Some(1)));
    }

    #[test]
    fn streams_of_many_symbols_need_several_connections() {
        let symbols: Vec<String> = (0..1_200).map(|number| format!("S{number}")).collect();
        let lines = lines("wss://host", &symbols, &channels(&["liquidations"]));
        assert_eq!(lines.iter().map(|line| line.streams.len()).collect::<Vec<_>>(), [1_000, 200]);
        assert_eq!((lines[0].requests.len(), lines[1].requests.len()), (10, 2));
        assert!(lines[1].requests[1].contains("\"id\":2") && lines[1].lively.is_none(), "{:?}", lines[1]);
    }

    #[test]
    fn answers_are_told_from_events() {
        assert_eq!(answer(r#"{"result":null,"id":3}"#), Some(Ok(3)));
        assert_eq!(answer(r#"{"e":"aggTrade","id":3}"#), None);
        let refused = answer(r#"{"error":{"code":2,"msg":"Invalid request"},"id":1}"#).unwrap().unwrap_err();
        assert_eq!(refused, "Invalid request (2)");
        assert!(answer(r#"{"code":-1,"msg":"no"}"#).unwrap().is_err());
        assert_eq!(answer("<html>"), None);
    }

    #[test]
    fn bars_without_a_stream_are_refused() {
        for name in ["2m", "3d", "1s", "mark-1s"] {
            assert!(check(name.parse().unwrap()).is_err(), "{name}");
        }
        for name in ["1m", "12h", "mark-7m", "depth"] {
            assert!(check(name.parse().unwrap()).is_ok(), "{name}");
        }
        assert!("trades".parse::<Channel>().unwrap_err().to_string().contains("--kind trades: "));
    }
}
