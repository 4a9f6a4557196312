//! As much of HTTP as a client of EC2 speaks: one request after the other on a connection, each with a form in its body.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Most headers of a request.
const HEADERS_MAX: usize = 64;
/// Longest head and longest body. Unit: bytes.
const LENGTH_MAX: usize = 1 << 20;

/// A request.
pub(crate) struct Asked {
    /// What some services name the request by, in the head: `X-Amz-Target`.
    pub(crate) target: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// A connection, with what was read of it and not yet used.
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// Returns the next request. `None`: the client has no more.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Asked>> {
        loop {
            if let Some((head, body, target)) = lengths(&self.read)? {
                while self.read.len() < head + body {
                    if !self.read_more().await? {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                let rest = self.read.split_off(head + body);
                let request = std::mem::replace(&mut self.read, rest);
                return Ok(Some(Asked { target, body: request[head..].to_vec() }));
            }
            if !self.read_more().await? {
                return Ok(None);
            }
        }
    }

    async fn read_more(&mut self) -> io::Result<bool> {
        if self.read.len() > LENGTH_MAX {
            return Err(io::Error::other("a request is too long"));
        }
        Ok(self.stream.read_buf(&mut self.read).await? > 0)
    }

    /// Answers a request.
    pub(crate) async fn answer(
        &mut self,
        status: u16,
        request: &str,
        body: &str,
    ) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 {status} {status}\r\nx-amzn-requestid: {request}\r\nContent-Type: text/xml;charset=UTF-8\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await
    }
}

/// Returns the lengths of the head and of the body of a request, and what it names in its head. `None`: the head is not whole
/// yet.
fn lengths(bytes: &[u8]) -> io::Result<Option<(usize, usize, Option<String>)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let find = |name: &str| {
        let mut all = request.headers.iter();
        all.find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    if find("Transfer-Encoding").is_some() {
        return Err(io::Error::other("bodies come whole here"));
    }
    let length = find("Content-Length").map_or(Ok("0"), std::str::from_utf8);
    let length = length.map_err(io::Error::other)?;
    let length: usize = length.trim().parse().map_err(io::Error::other)?;
    if length > LENGTH_MAX {
        return Err(io::Error::other("a request is too long"));
    }
    let target = find("X-Amz-Target").map(|target| String::from_utf8_lossy(target).into_owned());
    Ok(Some((head, length, target)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_long_as_it_says() {
        let text = b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 3\r\n\r\na=b";
        assert_eq!(lengths(text).unwrap(), Some((text.len() - 3, 3, None)));
        assert_eq!(lengths(&text[..20]).unwrap(), None);
        assert!(lengths(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }
}
