//! What must be known of images: whom to log in as, and which disk is the system's.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Image;
use wucluster_core::ports::CloudError;

use crate::errors;

/// The user of most images, taken where nothing tells another one.
const USER_DEFAULT: &str = "ec2-user";

/// What is known of images, asked for once each.
#[derive(Debug, Default)]
pub(crate) struct Images(BTreeMap<String, ImageInfo>);

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ImageInfo {
    /// Whom to log in as, if the image's family tells.
    user: Option<&'static str>,
    /// The name of the system's disk.
    pub(crate) root: Option<String>,
}

impl Images {
    /// Lists those of `ids` of which nothing is known yet.
    pub(crate) fn unknown<'a>(&self, ids: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
        ids.filter(|id| !self.0.contains_key(*id)).map(str::to_owned).collect()
    }

    /// Takes up what was asked about `ids`; those that were not listed are private or gone, and are not asked again.
    pub(crate) fn learn(&mut self, ids: BTreeSet<String>, images: &[Image]) {
        for id in ids {
            let found = images.iter().find(|image| image.image_id() == Some(id.as_str()));
            self.0.insert(id, found.map(ImageInfo::of).unwrap_or_default());
        }
    }

    /// Returns whom to log in as on a machine from that image.
    pub(crate) fn user(&self, image: Option<&str>) -> &'static str {
        image.and_then(|id| self.0.get(id)?.user).unwrap_or(USER_DEFAULT)
    }

    /// Returns what is known of an image.
    pub(crate) fn get(&self, id: &str) -> Option<&ImageInfo> {
        self.0.get(id)
    }
}

impl ImageInfo {
    fn of(image: &Image) -> Self {
        Self { user: user_of(image), root: image.root_device_name().map(str::to_owned) }
    }
}

/// Tells the user from the image's name and description.
///
/// Source: EC2 user guide, "Default user name for the AMI".
fn user_of(image: &Image) -> Option<&'static str> {
    let text =
        [image.name(), image.description(), image.image_location(), image.platform_details()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase();
    // The first that fits counts.
    [
        ("ubuntu", "ubuntu"),
        ("debian", "admin"),
        ("bitnami", "bitnami"),
        ("rocky", "rocky"),
        ("centos", "centos"),
        ("fedora", "fedora"),
        ("al2023", "ec2-user"),
        ("amzn", "ec2-user"),
        ("amazon linux", "ec2-user"),
        ("rhel", "ec2-user"),
        ("red hat", "ec2-user"),
        ("suse", "ec2-user"),
        ("oracle", "ec2-user"),
        ("oel", "ec2-user"),
    ]
    .into_iter()
    .find(|(family, _)| text.contains(family))
    .map(|(_, user)| user)
}

/// Asks about images. Not by ids, as one that is not there any more would be an error for all.
///
/// # Errors
/// As [`errors::translate`].
pub(crate) async fn ask(client: &Client, ids: &BTreeSet<String>) -> Result<Vec<Image>, CloudError> {
    let filter = aws_sdk_ec2::types::Filter::builder()
        .name("image-id")
        .set_values(Some(ids.iter().cloned().collect()))
        .build();
    let answer = client.describe_images().filters(filter).send().await;
    let answer = answer.map_err(|error| errors::translate("DescribeImages", &error))?;
    Ok(answer.images.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_of_an_image_tells_its_user() {
        for (name, user) in [
            ("ubuntu/images/hvm-ssd/ubuntu-noble-24.04-amd64-server-20250101", Some("ubuntu")),
            ("debian-12-amd64-20250101-1", Some("admin")),
            ("al2023-ami-2023.6.2025-kernel-6.1-x86_64", Some("ec2-user")),
            ("Rocky-9-EC2-Base-9.4", Some("rocky")),
            ("our-own-build-17", None),
        ] {
            let image = Image::builder().image_id("ami-1").name(name).build();
            assert_eq!(user_of(&image), user, "{name}");
            let mut images = Images::default();
            images.learn(BTreeSet::from(["ami-1".to_owned()]), &[image]);
            assert_eq!(images.user(Some("ami-1")), user.unwrap_or("ec2-user"));
            assert!(images.unknown(["ami-1", "ami-2"].into_iter()).contains("ami-2"));
        }
    }
}
