//! As much of a server on this host as a test needs: requests in, answers and a stream of events out.

#![allow(clippy::unwrap_used, dead_code, reason = "tests may panic, and each file uses a part of this")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// The longest that a test waits for a request.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The head of a stream of events.
pub const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Reads a request's head and as much of a body as it names.
pub fn request(stream: &mut TcpStream) -> (String, Value) {
    stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.extend(byte);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map(|text| text.parse().unwrap());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    (head, serde_json::from_slice(&body).unwrap_or_default())
}

pub fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
    stream.write_all((head + body).as_bytes()).unwrap();
}

pub fn chunk(stream: &mut TcpStream, event: &str) {
    let text = format!("data: {event}\n\n");
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).unwrap();
}
