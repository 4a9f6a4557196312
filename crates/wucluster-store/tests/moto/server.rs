//! Moto's server, begun by a test and ended with it. Included by the tests that speak S3 to it, and those that speak EC2.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Names `moto_server`; the Python beside it has moto.
const MOTO: &str = "WUCLUSTER_MOTO";

/// How long the server may take to begin, and to answer.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A server that holds nothing; it is ended when dropped, and ends when this process does, however that comes about.
pub struct Server {
    child: Child,
    /// Where it is, such as `127.0.0.1:5000`.
    pub address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Begins one, with variables of its own.
    pub fn begin(variables: &[(&str, &str)]) -> Self {
        // Of each crate that includes this.
        let serve =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../wucluster-store/tests/moto/serve.py");
        let mut child = Command::new(python())
            .arg(serve)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, address: String::new() };
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = says.read_line(&mut line);
            let _ = tell.send(line);
        });
        let line = told.recv_timeout(PATIENCE).unwrap();
        let port: u16 = line.trim().parse().expect("moto begins, and tells its port");
        server.address = format!("127.0.0.1:{port}");
        server
    }

    /// Begins one with EC2's account empty: without the images that nobody asks for, each with a snapshot.
    #[allow(dead_code, reason = "not every test speaks EC2")]
    pub fn begin_ec2() -> Self {
        Self::begin(&[("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")])
    }

    /// Begins one with EC2's account empty but for the images of a file.
    #[allow(dead_code, reason = "not every test asks for images")]
    pub fn begin_ec2_with_images(file: &str) -> Self {
        Self::begin(&[("MOTO_AMIS_PATH", file)])
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
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
