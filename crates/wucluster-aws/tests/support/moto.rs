//! A server on this machine that speaks EC2: moto's.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wucluster_aws::{AwsCloud, AwsKeys, AwsOptions};
use wucluster_core::definition::ClusterDefinition;

/// Names `moto_server`; the Python beside it has moto.
const MOTO: &str = "WUCLUSTER_MOTO";

/// How long the server may take to begin.
const PATIENCE: Duration = Duration::from_secs(120);

/// The region of all tests.
pub const REGION: &str = "eu-central-1";
/// A zone in it.
pub const ZONE: &str = "eu-central-1a";

/// A server with an empty account; it is ended when dropped, and ends when this process does, however that comes about.
pub struct Moto {
    child: Child,
    port: u16,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    pub fn begin() -> Self {
        let serve =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../wucluster-store/tests/moto/serve.py");
        let mut child = Command::new(python())
            .arg(serve)
            // Images that nobody asks for, each with a snapshot.
            .env("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(child.stdout.take().unwrap());
        let mut moto = Self { child, port: 0 };
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = says.read_line(&mut line);
            let _ = tell.send(line);
        });
        let line = told.recv_timeout(PATIENCE).unwrap();
        moto.port = line.trim().parse().expect("moto begins, and tells its port");
        moto
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the account as a cloud for a definition.
    pub fn cloud_for(&self, definition: &ClusterDefinition) -> AwsCloud {
        AwsCloud::new(options(&self.url(), AwsOptions::of(definition)))
    }

    pub fn cloud(&self) -> AwsCloud {
        AwsCloud::new(options(&self.url(), AwsOptions::default()))
    }
}

/// Points options at a server of ours.
pub fn options(url: &str, options: AwsOptions) -> AwsOptions {
    AwsOptions {
        region: Some(REGION.to_owned()),
        endpoint_url: Some(url.to_owned()),
        keys: Some(AwsKeys { id: "ann".to_owned(), secret: "a-secret".to_owned() }),
        ..options
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
