//! Images by other names than their ids: the newest of a name, or what a parameter of Systems Manager says.

use aws_sdk_ec2::types::{Filter, Image, ImageState};
use wucluster_core::definition::is_image_owner;
use wucluster_core::ports::CloudError;

use crate::cloud::AwsCloud;
use crate::errors;

/// What a definition calls an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageName<'a> {
    /// Its id, `ami-…`.
    Id(&'a str),
    /// A parameter of Systems Manager that holds the id: `ssm:/aws/service/…`.
    Parameter(&'a str),
    /// The newest of an owner whose name fits: `OWNER/PATTERN`.
    ///
    /// Without an owner anybody's image could be the newest: names are free to all.
    Newest {
        /// An account's number, `self`, `amazon` or `aws-marketplace`.
        owner: &'a str,
        /// The name, in which `*` and `?` stand for any characters and for one.
        pattern: &'a str,
    },
}

impl<'a> ImageName<'a> {
    /// Reads what a definition calls an image.
    ///
    /// # Errors
    /// Says in words why it is none of the three, and how they are written.
    pub fn read(text: &'a str) -> Result<Self, String> {
        const FORMS: &str = "write an id (`ami-…`), a parameter (`ssm:/aws/service/…`), or `OWNER/NAME`, such as \
                             `136693071363/debian-12-amd64-*` for the newest of that owner's";
        if text.starts_with("ami-") && !text.contains(['*', '?', '/']) {
            return Ok(Self::Id(text));
        }
        let parameter = text.strip_prefix("resolve:").unwrap_or(text).strip_prefix("ssm:");
        if let Some(parameter) = parameter {
            return if parameter.is_empty() || parameter.contains(['*', '?']) {
                Err(format!("`{text}` names no parameter: {FORMS}"))
            } else {
                Ok(Self::Parameter(parameter))
            };
        }
        match text.split_once('/') {
            Some((owner, pattern)) if is_image_owner(owner) && !pattern.is_empty() => {
                Ok(Self::Newest { owner, pattern })
            }
            Some((owner, _)) if is_image_owner(owner) => {
                Err(format!("`{text}` names no image: {FORMS}"))
            }
            Some((owner, _)) if !owner.is_empty() => Err(format!(
                "`{owner}` owns no images: it is an account's number, `self`, `amazon` or `aws-marketplace`"
            )),
            Some(_) | None => Err(format!(
                "`{text}` does not say whose image it is, and anybody may give his own that name: {FORMS}"
            )),
        }
    }
}

impl AwsCloud {
    /// Finds the id of the image that a definition names: now, so that another one may be found tomorrow.
    ///
    /// # Errors
    /// [`CloudError`]: `InvalidAMIID.Malformed` when it is no such name, `InvalidAMIID.NotFound` when there is none, or
    /// what AWS said.
    pub async fn find_image(&self, name: &str) -> Result<String, CloudError> {
        let read = ImageName::read(name)
            .map_err(|why| errors::unaskable("InvalidAMIID.Malformed", why))?;
        let clients = self.clients().await?;
        match read {
            ImageName::Id(id) => Ok(id.to_owned()),
            ImageName::Parameter(parameter) => {
                let answer = clients.ssm.get_parameter().name(parameter).send().await;
                let answer = answer.map_err(|error| errors::translate("GetParameter", &error));
                let answer = match answer {
                    Err(error) => return Err(self.explain(error).await),
                    Ok(answer) => answer,
                };
                let value = answer.parameter.and_then(|found| found.value).unwrap_or_default();
                match ImageName::read(value.trim()) {
                    Ok(ImageName::Id(id)) => Ok(id.to_owned()),
                    _ => Err(errors::unaskable(
                        "InvalidAMIID.Malformed",
                        format!(
                            "the parameter {parameter} holds `{value}`, which is no image's id"
                        ),
                    )),
                }
            }
            ImageName::Newest { owner, pattern } => {
                let named = Filter::builder().name("name").values(pattern).build();
                let request = clients.looks.describe_images().owners(owner).filters(named);
                let answer = request.send().await;
                let answer = answer.map_err(|error| errors::translate("DescribeImages", &error));
                let answer = match answer {
                    Err(error) => return Err(self.explain(error).await),
                    Ok(answer) => answer,
                };
                newest(answer.images()).ok_or_else(|| {
                    let why = format!("{owner} has no image here whose name is `{pattern}`");
                    errors::unaskable("InvalidAMIID.NotFound", why)
                })
            }
        }
    }

    /// Takes up which image a name stands for in this cluster, or why that is not known.
    pub fn settle_image(&self, name: &str, found: Result<String, CloudError>) {
        self.memory().named_images.insert(name.to_owned(), found);
    }

    /// Returns the id of the image that a definition names.
    ///
    /// # Errors
    /// Why it is not known, as it was settled.
    pub(crate) fn image_of(&self, name: &str) -> Result<String, CloudError> {
        if let Some(settled) = self.memory().named_images.get(name) {
            return settled.clone();
        }
        match ImageName::read(name) {
            Ok(ImageName::Id(id)) => Ok(id.to_owned()),
            Ok(_) => Err(errors::unaskable(
                "InvalidAMIID.NotFound",
                format!("which image `{name}` is was not settled"),
            )),
            Err(why) => Err(errors::unaskable("InvalidAMIID.Malformed", why)),
        }
    }
}

/// Picks the newest image that can be used.
fn newest(images: &[Image]) -> Option<String> {
    let usable = images.iter().filter(|image| image.state() == Some(&ImageState::Available));
    // Dates are written alike: 2025-01-31T12:00:00.000Z. Of two of one moment, always the same.
    let newest = usable.max_by_key(|image| (image.creation_date(), image.image_id()))?;
    newest.image_id().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_id_by_parameter_or_by_owner_and_name() {
        let read = |text: &'static str| ImageName::read(text);
        assert_eq!(read("ami-0123"), Ok(ImageName::Id("ami-0123")));
        let parameter = "/aws/service/debian/release/12/latest/amd64";
        for text in [
            "ssm:/aws/service/debian/release/12/latest/amd64",
            "resolve:ssm:/aws/service/debian/release/12/latest/amd64",
        ] {
            assert_eq!(read(text), Ok(ImageName::Parameter(parameter)));
        }
        let debian = ImageName::Newest { owner: "136693071363", pattern: "debian-12-amd64-*" };
        assert_eq!(read("136693071363/debian-12-amd64-*"), Ok(debian));
        let whole = ImageName::Newest { owner: "amazon", pattern: "ubuntu/images/x-*" };
        assert_eq!(read("amazon/ubuntu/images/x-*"), Ok(whole));
        for (text, why) in [
            ("debian-12-amd64-*", "whose image"),
            ("ubuntu/images/x-*", "owns no images"),
            ("/x", "whose image"),
            ("self/", "names no image"),
            ("ssm:", "no parameter"),
            ("ami-*", "whose image"),
        ] {
            assert!(read(text).unwrap_err().contains(why), "{text}: {:?}", read(text));
        }
    }

    #[test]
    fn the_newest_that_is_available_is_taken() {
        let image = |id: &str, date: &str, state: ImageState| {
            Image::builder().image_id(id).creation_date(date).state(state).build()
        };
        let images = [
            image("ami-1", "2025-01-31T12:00:00.000Z", ImageState::Available),
            image("ami-3", "2025-03-31T12:00:00.000Z", ImageState::Pending),
            image("ami-2", "2025-02-28T12:00:00.000Z", ImageState::Available),
        ];
        assert_eq!(newest(&images).as_deref(), Some("ami-2"));
        assert_eq!(newest(&images[1..2]), None);
    }
}
