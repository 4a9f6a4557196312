//! A server on this machine that speaks EC2: moto's.

use wucluster_aws::{AwsCloud, AwsKeys, AwsOptions};
use wucluster_core::definition::ClusterDefinition;

use super::server::Server;

/// The region of all tests.
pub const REGION: &str = "eu-central-1";
/// A zone in it.
pub const ZONE: &str = "eu-central-1a";

/// A server with an empty account.
pub struct Moto(Server);

impl Moto {
    pub fn begin() -> Self {
        Self(Server::begin_ec2())
    }

    /// Begins one that has two images of Debian's.
    #[allow(dead_code, reason = "not every test asks for images")]
    pub fn with_images() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images.json");
        Self(Server::begin_ec2_with_images(file))
    }

    pub fn url(&self) -> String {
        self.0.url()
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
