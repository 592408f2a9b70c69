//! A WebSocket: through a proxy where there is one, through TLS where the address says so.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use cryptobot_download::proxy;
use tungstenite::http::Uri;
use tungstenite::protocol::CloseFrame;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, HandshakeError, Message, WebSocket, client_tls};
use ureq::{Proxy, ProxyProtocol};

use crate::error::VenueError;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a read waits.
const WAIT: Duration = Duration::from_millis(100);
/// Longest answer of a proxy that is read, bytes.
const PROXY_ANSWER: usize = 8 << 10;

/// What came.
#[derive(Debug)]
pub(crate) enum Came {
    /// A text.
    Text(String),
    /// Something else that shows that the other end is there.
    Sign,
    /// Bytes, which no exchange sends.
    Bytes(usize),
    /// Nothing for a moment.
    Nothing,
}

/// An open WebSocket.
pub(crate) struct Socket(WebSocket<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens one; the error says why not, in one line.
    pub(crate) fn open(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|_| format!("{url} is no address"))?;
        let stream = connect(&uri).map_err(|error| one_line(&error))?;
        let patience = |time| stream.set_read_timeout(Some(time));
        patience(CONNECT)
            .and_then(|()| stream.set_write_timeout(Some(CONNECT)))
            .map_err(|error| one_line(&error))?;
        // Changes of books are small and wait for nothing.
        stream.set_nodelay(true).map_err(|error| one_line(&error))?;
        let reads = stream.try_clone().map_err(|error| one_line(&error))?;
        let (socket, _) = client_tls(url, stream).map_err(|error| match error {
            HandshakeError::Failure(error) => describe(&error),
            HandshakeError::Interrupted(_) => "no answer to the handshake".to_owned(),
        })?;
        reads.set_read_timeout(Some(WAIT)).map_err(|error| one_line(&error))?;
        Ok(Self(socket))
    }

    /// Waits a little for what comes; pings are answered. The error says why the connection ended.
    pub(crate) fn read(&mut self) -> Result<Came, String> {
        match self.0.read() {
            Ok(Message::Text(text)) => Ok(Came::Text(text.as_str().to_owned())),
            Ok(Message::Binary(bytes)) => Ok(Came::Bytes(bytes.len())),
            Ok(Message::Close(frame)) => Err(closed(frame.as_ref())),
            Ok(Message::Ping(_)) => {
                // The answer waits in the socket.
                self.0.flush().map_err(|error| describe(&error))?;
                Ok(Came::Sign)
            }
            Ok(_) => Ok(Came::Sign),
            Err(Error::Io(error))
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                Ok(Came::Nothing)
            }
            Err(error) => Err(describe(&error)),
        }
    }

    pub(crate) fn send(&mut self, text: String) -> Result<(), String> {
        self.0.send(Message::text(text)).map_err(|error| describe(&error))
    }

    /// Asks for a sign.
    pub(crate) fn ping(&mut self) -> Result<(), String> {
        self.0.send(Message::Ping(Vec::new().into())).map_err(|error| describe(&error))
    }

    /// Says goodbye. Nobody waits for an answer.
    pub(crate) fn close(mut self) {
        let _ = self.0.close(None);
        let _ = self.0.flush();
    }
}

/// Checks the address of streams and brings it into the form without a slash at its end.
pub(crate) fn stream_url(url: &str) -> Result<String, VenueError> {
    let rest = url.strip_prefix("wss://").or_else(|| url.strip_prefix("ws://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['?', '#', ' ']) => {
            Ok(url.trim_end_matches('/').to_owned())
        }
        _ => Err(VenueError::StreamUrl { url: url.to_owned() }),
    }
}

/// The proxy that an address is asked through. A setting that cannot be used is an error: data that go another way than
/// was asked for may not arrive, or should not leave.
pub(crate) fn proxy_for(url: &str) -> Result<Option<Proxy>, VenueError> {
    let uri: Uri = url.parse().map_err(|_| VenueError::StreamUrl { url: url.to_owned() })?;
    match proxy()? {
        Some(proxy) if !proxy.is_no_proxy(&uri) => {
            if proxy.protocol() == ProxyProtocol::Http && proxy.username().is_none() {
                Ok(Some(proxy))
            } else {
                Err(VenueError::Proxy)
            }
        }
        _ => Ok(None),
    }
}

fn connect(uri: &Uri) -> io::Result<TcpStream> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let host = uri.host().ok_or_else(|| invalid("an address without a host"))?;
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("wss") { 443 } else { 80 });
    let through = proxy_for(&uri.to_string()).map_err(|error| invalid(&error.to_string()))?;
    match through {
        None => reach(host.trim_matches(['[', ']']), port),
        Some(proxy) => {
            let mut stream = reach(proxy.host(), proxy.port())?;
            stream.set_read_timeout(Some(CONNECT))?;
            tunnel(&mut stream, &format!("{host}:{port}"))?;
            Ok(stream)
        }
    }
}

/// Connects to the first address of a host that answers.
fn reach(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Has a proxy pass bytes on to `target`.
fn tunnel(stream: &mut (impl Read + Write), target: &str) -> io::Result<()> {
    write!(stream, "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")?;
    stream.flush()?;
    let (mut answer, mut byte) = (Vec::new(), [0]);
    // Byte by byte: what follows the answer belongs to the connection behind the proxy.
    while !answer.ends_with(b"\r\n\r\n") && answer.len() < PROXY_ANSWER {
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    Err(io::Error::other(format!("the proxy does not pass it on: {line}")))
}

fn closed(frame: Option<&CloseFrame>) -> String {
    match frame {
        Some(frame) if frame.reason.is_empty() => format!("closed with code {}", u16::from(frame.code)),
        Some(frame) => {
            let reason = one_line(&frame.reason.as_str());
            format!("closed with code {}: {reason}", u16::from(frame.code))
        }
        None => "closed without a code".to_owned(),
    }
}

/// What went wrong, in one line.
fn describe(error: &Error) -> String {
    match error {
        Error::Http(answer) if matches!(answer.status().as_u16(), 403 | 451) => {
            format!("HTTP {}: the exchange does not serve this address or region", answer.status().as_u16())
        }
        Error::Http(answer) => format!("HTTP {} instead of a WebSocket", answer.status().as_u16()),
        Error::Io(error) => one_line(error),
        Error::ConnectionClosed | Error::AlreadyClosed => "closed".to_owned(),
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            "broken off".to_owned()
        }
        other => one_line(other),
    }
}

fn one_line(text: &impl ToString) -> String {
    text.to_string().replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Reads one text and keeps another.
    struct Both(Cursor<Vec<u8>>, Vec<u8>);

    impl Read for Both {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Both {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_proxy_passes_on_or_says_why_not() {
        let asked = |answer: &str| {
            let mut stream = Both(Cursor::new(answer.as_bytes().to_vec()), Vec::new());
            let result = tunnel(&mut stream, "exchange.example:443");
            assert!(
                stream
                    .1
                    .starts_with(b"CONNECT exchange.example:443 HTTP/1.1\r\nHost: exchange.example:443\r\n")
            );
            let mut rest = String::new();
            stream.0.read_to_string(&mut rest).unwrap();
            result.map(|()| rest).map_err(|error| error.to_string())
        };
        assert_eq!(asked("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nbehind").unwrap(), "behind");
        assert!(asked("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").unwrap_err().contains("407"));
        assert!(asked("HTTP/1.1 200").is_err());
    }

    #[test]
    fn addresses_of_streams_are_checked() {
        assert_eq!(stream_url("wss://host/path/").unwrap(), "wss://host/path");
        for url in ["https://host", "ws://", "ws:///path", "wss://host?x=1", "host"] {
            assert!(stream_url(url).unwrap_err().to_string().contains("--stream-url"), "{url}");
        }
    }
}
