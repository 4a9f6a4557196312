//! A server on this machine that speaks S3: moto's.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wucluster_store::{Bucket, LIMIT, Options, Place};

/// Names `moto_server`; the Python beside it has moto.
const MOTO: &str = "WUCLUSTER_MOTO";

/// How long the server may take to begin, and to answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// The bucket that is there.
pub const BUCKET: &str = "team";

/// A server with an empty bucket; it is ended when dropped, and ends when this process does, however that comes about.
pub struct Moto {
    child: Child,
    address: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    pub fn begin() -> Self {
        Self::begin_with(&[])
    }

    /// Begins a server that lets everybody make the bucket, and then nobody do anything: it knows no user.
    pub fn begin_closed() -> Self {
        Self::begin_with(&[("INITIAL_NO_AUTH_ACTION_COUNT", "1")])
    }

    fn begin_with(variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(python())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/moto/serve.py"))
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(child.stdout.take().unwrap());
        let mut moto = Self { child, address: String::new() };
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = says.read_line(&mut line);
            let _ = tell.send(line);
        });
        let line = told.recv_timeout(PATIENCE).unwrap();
        let port: u16 = line.trim().parse().expect("moto begins, and tells its port");
        moto.address = format!("127.0.0.1:{port}");
        moto.make_bucket();
        moto
    }

    fn make_bucket(&self) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = &self.address;
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
        variables(&format!("http://{}", self.address))
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

fn python() -> PathBuf {
    let Some(moto) = env::var_os(MOTO).map(PathBuf::from) else {
        panic!(
            "{MOTO} is not set: run `make test`, or `scripts/setup.sh test`, which installs moto in `target/moto-venv`, \
             and set {MOTO} to the path of its `moto_server`"
        );
    };
    assert!(moto.is_file(), "{MOTO} names {}, which is no file", moto.display());
    moto.with_file_name("python3")
}
