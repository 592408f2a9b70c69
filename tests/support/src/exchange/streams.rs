//! Streams: routes, subscriptions, and whatever goes wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role};
use tungstenite::{Error, Message, WebSocket};

use super::{Said, Shared};

/// Quantities by side (0 = bids) and price in units of 1e-8.
pub type Levels = BTreeMap<(u8, u64), String>;

/// Time between two looks whether the other end says something.
const LISTENING: Duration = Duration::from_millis(50);

/// What goes wrong on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamFault {
    /// The connection is broken off; the message comes on the next one.
    Drop,
    /// The connection is closed with a code; the message comes on the next one.
    Close(u16),
    /// The message is not sent.
    Skip,
    /// It is sent twice.
    Repeat,
    /// It is sent after the next one.
    Swap,
    /// A text that is no message comes before it.
    Garbage,
    /// Nothing comes any more on this connection, no answer to a ping either; the message comes on the next one.
    Mute,
}

/// What an exchange says on its streams. Each route has messages of its own, which are sent once, whatever connections
/// there are.
#[derive(Clone, Default)]
pub struct Live {
    /// Everything that is said, in order.
    pub script: Vec<Said>,
    /// The books before the script, by symbol: last update and levels.
    pub books: BTreeMap<String, (u64, Levels)>,
    /// Time between two messages of a route.
    pub pace: Duration,
    /// What goes wrong: route (`public` or `market`) and place of the message on it.
    pub faults: BTreeMap<(&'static str, usize), StreamFault>,
    /// Subscriptions that are refused before the first one is taken.
    pub refusals: usize,
}

/// How far the routes are, and the books that follow from it.
pub(crate) struct State {
    routes: BTreeMap<&'static str, Mutex<Route>>,
    said: Mutex<Vec<Said>>,
    books: Mutex<BTreeMap<String, (u64, i64, Levels)>>,
    refusals: Mutex<usize>,
}

struct Route {
    messages: Vec<Said>,
    next: usize,
    /// Places whose fault has happened.
    over: BTreeSet<usize>,
}

/// What a connection does next.
enum Turn {
    Send(Vec<Said>, bool),
    Fault(StreamFault),
    Nothing,
}

impl State {
    pub(crate) fn new(live: &Live) -> Self {
        let route = |path: &'static str| {
            let of = |said: &&Said| served_on(&said.stream) == path;
            let messages = live.script.iter().filter(of).cloned().collect();
            (path, Mutex::new(Route { messages, next: 0, over: BTreeSet::new() }))
        };
        let books =
            live.books.iter().map(|(symbol, (last, levels))| (symbol.clone(), (*last, 0, levels.clone())));
        Self {
            routes: ["public", "market"].into_iter().map(route).collect(),
            said: Mutex::default(),
            books: Mutex::new(books.collect()),
            refusals: Mutex::new(live.refusals),
        }
    }

    pub(crate) fn said(&self) -> Vec<Said> {
        self.said.lock().expect("what was said").clone()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.routes.values().all(|route| {
            let route = lock(route);
            route.next == route.messages.len()
        })
    }

    pub(crate) fn book(&self, symbol: &str) -> (u64, Levels) {
        let books = self.books.lock().expect("the books");
        books.get(symbol).map(|(last, _, levels)| (*last, levels.clone())).unwrap_or_default()
    }

    /// The answer to a request for a book.
    pub(crate) fn snapshot(&self, symbol: &str) -> Option<String> {
        let books = self.books.lock().expect("the books");
        let (last, at, levels) = books.get(symbol)?;
        let side = |wanted: u8| -> Vec<[String; 2]> {
            let of = levels.iter().filter(|((side, _), _)| *side == wanted);
            of.map(|((_, price), quantity)| [text(*price), quantity.clone()]).collect()
        };
        let (mut bids, asks) = (side(0), side(1));
        bids.reverse();
        Some(json!({"lastUpdateId": last, "E": at, "T": at, "bids": bids, "asks": asks}).to_string())
    }

    /// What comes next on a route for those who subscribed to some streams.
    fn turn(&self, live: &Live, path: &'static str, subscribed: &BTreeSet<String>) -> Turn {
        let Some(route) = self.routes.get(path) else { return Turn::Nothing };
        let mut route = lock(route);
        let at = route.next;
        let Some(said) = route.messages.get(at).cloned() else { return Turn::Nothing };
        let fault = live.faults.get(&(path, at)).copied().filter(|_| route.over.insert(at));
        let mut send = vec![said];
        match fault {
            Some(fault @ (StreamFault::Drop | StreamFault::Close(_) | StreamFault::Mute)) => {
                return Turn::Fault(fault);
            }
            Some(StreamFault::Swap) => send.extend(route.messages.get(at + 1).cloned()),
            _ => {}
        }
        route.next += send.len();
        for said in &send {
            self.follow(said);
        }
        match fault {
            Some(StreamFault::Skip) => send.clear(),
            Some(StreamFault::Repeat) => send.push(send[0].clone()),
            Some(StreamFault::Swap) => send.reverse(),
            _ => {}
        }
        send.retain(|said| subscribed.contains(&said.stream));
        Turn::Send(send, fault == Some(StreamFault::Garbage))
    }

    /// Brings the book along.
    fn follow(&self, said: &Said) {
        if !said.stream.contains("@depth") {
            return;
        }
        let message: Value = serde_json::from_str(&said.text).expect("a message");
        let mut books = self.books.lock().expect("the books");
        let (last, at, levels) =
            books.entry(message["s"].as_str().expect("a symbol").to_owned()).or_default();
        let update = message["u"].as_u64().expect("a number");
        if update < *last {
            return;
        }
        (*last, *at) = (update, message["T"].as_i64().expect("a time"));
        for (side, name) in [(0, "b"), (1, "a")] {
            for level in message[name].as_array().expect("levels") {
                let (price, quantity) =
                    (level[0].as_str().expect("a price"), level[1].as_str().expect("a quantity"));
                if quantity.parse::<f64>().expect("a quantity") == 0.0 {
                    levels.remove(&(side, units(price)));
                } else {
                    levels.insert((side, units(price)), quantity.to_owned());
                }
            }
        }
    }
}

/// A price in units of 1e-8.
pub(crate) fn units(price: &str) -> u64 {
    let (whole, rest) = price.split_once('.').unwrap_or((price, ""));
    format!("{whole}{rest:0<8}").parse().expect("a price")
}

fn text(units: u64) -> String {
    format!("{}.{:08}", units / 100_000_000, units % 100_000_000)
}

fn lock(route: &Mutex<Route>) -> MutexGuard<'_, Route> {
    route.lock().expect("the route")
}

/// The route on which a stream is served.
fn served_on(stream: &str) -> &'static str {
    if stream.contains("@depth") || stream.ends_with("@bookTicker") { "public" } else { "market" }
}

/// Serves one connection to its end.
pub(crate) fn serve(of: &Shared, mut stream: &TcpStream, target: &str, key: &str) {
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let ready = stream.write_all(head.as_bytes()).and_then(|()| {
        stream.set_read_timeout(Some(Duration::from_millis(1)))?;
        stream.set_nodelay(true)
    });
    if ready.is_ok() {
        let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
        // The connection ends one way or another.
        let _ = talk(of, &mut socket, route(target));
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// The route of an address. Without one subscriptions are acknowledged, and nothing comes.
fn route(target: &str) -> &'static str {
    ["public", "market"]
        .into_iter()
        .find(|path| target.starts_with(&format!("/{path}/ws")))
        .unwrap_or_default()
}

fn talk(of: &Shared, socket: &mut WebSocket<&TcpStream>, path: &'static str) -> Result<(), Error> {
    let state = &of.streams;
    let mut subscribed = BTreeSet::new();
    let mut listened: Option<Instant> = None;
    loop {
        // A read that waits for nothing takes some milliseconds.
        if !subscribed.is_empty() && listened.is_some_and(|at| at.elapsed() < LISTENING) {
            if !speak(of, socket, path, &subscribed)? {
                return Ok(());
            }
            continue;
        }
        listened = Some(Instant::now());
        match socket.read() {
            Ok(Message::Text(text)) => subscribe(state, socket, text.as_str(), &mut subscribed)?,
            Ok(Message::Close(_)) => return Ok(()),
            Ok(_) => socket.flush()?,
            Err(Error::Io(error))
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Says what is next; false = the connection ends.
fn speak(
    of: &Shared,
    socket: &mut WebSocket<&TcpStream>,
    path: &'static str,
    subscribed: &BTreeSet<String>,
) -> Result<bool, Error> {
    let (live, state) = (&of.rules.live, &of.streams);
    match state.turn(live, path, subscribed) {
        Turn::Send(said, garbage) => {
            if garbage {
                socket.send(Message::text("{\"e\":\"aggTr<html>"))?;
            }
            if !said.is_empty() {
                thread::sleep(live.pace);
            }
            for said in said {
                socket.send(Message::text(said.text.clone()))?;
                state.said.lock().expect("what was said").push(said);
            }
            Ok(true)
        }
        Turn::Fault(StreamFault::Close(code)) => {
            let frame = CloseFrame { code: CloseCode::from(code), reason: "as scripted".into() };
            socket.close(Some(frame)).and_then(|()| socket.flush())?;
            Ok(false)
        }
        Turn::Fault(StreamFault::Mute) => mute(socket.get_ref()).map(|()| false),
        Turn::Fault(_) => Ok(false),
        Turn::Nothing => {
            thread::sleep(Duration::from_millis(5));
            Ok(true)
        }
    }
}

/// Says nothing until the other end has left.
fn mute(stream: &TcpStream) -> Result<(), Error> {
    use std::io::Read;
    stream.set_read_timeout(None)?;
    let (mut stream, mut buffer) = (stream, [0; 64]);
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}

fn subscribe(
    state: &State,
    socket: &mut WebSocket<&TcpStream>,
    text: &str,
    subscribed: &mut BTreeSet<String>,
) -> Result<(), Error> {
    let request: Value = serde_json::from_str(text).expect("a request");
    let id = &request["id"];
    let mut refusals = state.refusals.lock().expect("the refusals");
    if *refusals > 0 {
        *refusals -= 1;
        return socket.send(Message::text(
            json!({"error": {"code": 2, "msg": "Invalid request: as scripted"}, "id": id}).to_string(),
        ));
    }
    let names = request["params"].as_array().expect("streams").iter();
    subscribed.extend(names.map(|name| name.as_str().expect("a name").to_owned()));
    socket.send(Message::text(json!({"result": null, "id": id}).to_string()))
}
