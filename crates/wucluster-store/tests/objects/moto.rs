//! A server on this machine that speaks S3: moto's.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use wucluster_store::{Bucket, LIMIT, Options, Place};

use super::server::{PATIENCE, Server};

/// The bucket that is there.
pub const BUCKET: &str = "team";

/// A server with an empty bucket.
pub struct Moto(Server);

impl Moto {
    pub fn begin() -> Self {
        Self::begin_with(&[])
    }

    /// Begins a server that lets everybody make the bucket, and then nobody do anything: it knows no user.
    pub fn begin_closed() -> Self {
        Self::begin_with(&[("INITIAL_NO_AUTH_ACTION_COUNT", "1")])
    }

    fn begin_with(variables: &[(&str, &str)]) -> Self {
        let moto = Self(Server::begin(variables));
        moto.make_bucket();
        moto
    }

    fn make_bucket(&self) {
        let mut stream = TcpStream::connect(&self.0.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = &self.0.address;
        write!(
            stream,
            "PUT /{BUCKET} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.lines().next().unwrap_or_default().contains(" 200 "), "{answer}");
    }

    /// Returns the variables with which the server is reached.
    pub fn variables(&self) -> Vec<(String, String)> {
        variables(&self.0.url())
    }

    pub fn open(&self, url: &str) -> Place {
        Bucket::open(url, &Options { variables: self.variables(), limit: LIMIT }).unwrap()
    }
}

/// Returns the variables with which a server at `endpoint` is reached.
pub fn variables(endpoint: &str) -> Vec<(String, String)> {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "ann"),
        ("AWS_SECRET_ACCESS_KEY", "a-secret"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}
