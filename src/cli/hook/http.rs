//! As much of HTTP/1.1 as a server on this host needs (RFC 9112): one request on a connection, the answer as it comes.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a connection, and each piece of a request, may take.
const SEND_MAX: Duration = Duration::from_secs(2);

/// The longest head of an answer, bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// A server on this host.
#[derive(Debug, Clone)]
pub struct Server {
    address: SocketAddr,
    /// `Authorization`, where it wants one.
    authorization: Option<String>,
}

impl Server {
    /// Understands `http://127.0.0.1:PORT`; `None` for what is not on this host. With a password, requests are made as
    /// its user `opencode`.
    pub fn parse(url: &str, password: Option<&str>) -> Option<Self> {
        let authority = url.strip_prefix("http://")?.trim_end_matches('/');
        let (host, port) = authority.rsplit_once(':')?;
        let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?));
        let authorization = password.map(|password| format!("Basic {}", base64(&format!("opencode:{password}"))));
        is_here.then_some(Self { address, authorization })
    }

    /// Asks for `path` and returns the connection with the head of its answer read.
    ///
    /// # Errors
    /// When it cannot be reached, or its answer is none.
    pub fn get(&self, path: &str) -> io::Result<Answer> {
        self.ask("GET", path, "", SEND_MAX)
    }

    /// Posts JSON to `path` and returns the answer's head, for which `max` is waited.
    ///
    /// # Errors
    /// `ConnectionRefused` when nobody listens; anything else leaves open whether it arrived.
    pub fn post(&self, path: &str, json: &str, max: Duration) -> io::Result<Answer> {
        self.ask("POST", path, json, max)
    }

    fn ask(&self, method: &str, path: &str, body: &str, max: Duration) -> io::Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&self.address, SEND_MAX).map_err(|error| {
            // Nothing has been sent yet, whatever went wrong.
            io::Error::new(io::ErrorKind::ConnectionRefused, error)
        })?;
        stream.set_write_timeout(Some(SEND_MAX))?;
        stream.set_read_timeout(Some(max))?;
        let authorization = self.authorization.as_ref();
        let authorization = authorization.map(|word| format!("Authorization: {word}\r\n")).unwrap_or_default();
        let content = if method == "POST" {
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
        } else {
            String::new()
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nConnection: close\r\n{authorization}{content}\r\n",
            self.address
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        Answer::read(stream)
    }
}

/// An answer on its way in.
#[derive(Debug)]
pub struct Answer {
    /// The connection.
    pub stream: TcpStream,
    /// The status code.
    pub status: u16,
    /// The body's framing.
    frames: Frames,
    /// What of the body came with the head.
    begun: Vec<u8>,
}

impl Answer {
    fn read(mut stream: TcpStream) -> io::Result<Self> {
        let mut head = Vec::new();
        let mut piece = [0; 4096];
        let end = loop {
            if let Some(end) = head.windows(4).position(|end| end == b"\r\n\r\n") {
                break end;
            }
            let count = stream.read(&mut piece)?;
            if count == 0 || head.len() > HEAD_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "no answer"));
            }
            head.extend_from_slice(&piece[..count]);
        };
        let begun = head.split_off(end + 4);
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no status"))?;
        let is_chunked = head.lines().any(|line| line.starts_with("transfer-encoding:") && line.contains("chunked"));
        let frames = if is_chunked { Frames::Size(0) } else { Frames::None };
        Ok(Self { stream, status, frames, begun })
    }

    /// Returns the next piece of the body, first what came with the head; `None` at its end.
    ///
    /// # Errors
    /// What the connection says.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = std::mem::take(&mut self.begun);
        if bytes.is_empty() {
            let mut piece = [0; 16 << 10];
            let count = self.stream.read(&mut piece)?;
            if count == 0 {
                return Ok(None);
            }
            bytes.extend_from_slice(&piece[..count]);
        }
        Ok(Some(self.frames.opened(&bytes)))
    }

    /// Returns whether [`Answer::next`] has something without waiting.
    pub fn has_begun(&self) -> bool {
        !self.begun.is_empty()
    }

    /// Returns the whole body, cut at `bytes_max`.
    ///
    /// # Errors
    /// What the connection says.
    pub fn body(mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while body.len() < bytes_max
            && let Some(piece) = self.next()?
        {
            body.extend(piece);
        }
        body.truncate(bytes_max);
        Ok(body)
    }
}

/// Where in a body's framing the reading stands.
#[derive(Debug, Clone, Copy)]
enum Frames {
    /// It has none.
    None,
    /// In the line with a chunk's size, which is this so far.
    Size(usize),
    /// Behind the size, in what is ignored of its line.
    Ignored(usize),
    /// In a chunk; so much is left of it.
    Chunk(usize),
    /// In the line end behind it.
    Behind,
}

impl Frames {
    /// Takes the framing off `bytes`.
    fn opened(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            let digit = char::from(*byte).to_digit(16).and_then(|digit| usize::try_from(digit).ok());
            match (*self, *byte) {
                (Self::None, _) => return bytes.to_vec(),
                (Self::Chunk(left), _) => {
                    let (chunk, after) = rest.split_at(left.min(rest.len()));
                    body.extend_from_slice(chunk);
                    *self = if left == chunk.len() { Self::Behind } else { Self::Chunk(left - chunk.len()) };
                    rest = after;
                    continue;
                }
                (Self::Size(size) | Self::Ignored(size), b'\n') => {
                    *self = if size == 0 { Self::Behind } else { Self::Chunk(size) };
                }
                (Self::Size(size), _) => {
                    *self = match digit {
                        Some(digit) => Self::Size(size.saturating_mul(16).saturating_add(digit)),
                        None => Self::Ignored(size),
                    };
                }
                (Self::Behind, b'\n') => *self = Self::Size(0),
                (Self::Ignored(_) | Self::Behind, _) => {}
            }
            rest = after;
        }
        body
    }
}

/// Encodes by RFC 4648, section 4.
fn base64(text: &str) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let sign = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or_default();
            out.push(if place <= three.len() { SIGNS[sign].into() } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_however_they_are_cut() {
        let sent = b"5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\n\r\n";
        assert_eq!(Frames::Size(0).opened(sent), b"hello, world");
        let mut frames = Frames::Size(0);
        let in_bytes: Vec<u8> = sent.iter().flat_map(|byte| frames.opened(&[*byte])).collect();
        assert_eq!(in_bytes, b"hello, world");
        assert_eq!(Frames::None.opened(b"5\r\nhello"), b"5\r\nhello");
        let huge = [&b"f".repeat(40)[..], b"\r\nx"].concat();
        assert_eq!(Frames::Size(0).opened(&huge), b"x", "a size beyond all bounds is no fault of ours");
    }

    #[test]
    fn only_servers_on_this_host_are_asked() {
        assert!(Server::parse("http://127.0.0.1:4096", None).is_some());
        assert!(Server::parse("http://localhost:4096/", None).is_some());
        for other in ["http://example.org:80", "https://127.0.0.1:1", "http://127.0.0.1", "http://10.0.0.1:1"] {
            assert!(Server::parse(other, None).is_none(), "{other}");
        }
    }

    #[test]
    fn passwords_are_encoded() {
        assert_eq!(["", "f", "fo", "foo", "foob"].map(base64), ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }
}
