//! EC2 and EBS as a cloud of wucluster, on the official SDK.
//!
//! [`AwsCloud`] translates, batches and reports; it decides nothing and waits for no state. It is the only crate that
//! sees the SDK, and none of the SDK's types leave it.

#![forbid(unsafe_code)]

mod account;
mod address;
mod attachments;
mod calls;
mod cloud;
mod connect;
mod console;
mod devices;
mod dry_runs;
mod errors;
mod image_names;
mod images;
mod instances;
mod issue;
mod labels;
mod late;
mod listing;
mod network;
mod network_plan;
mod network_survey;
mod policy;
mod public_keys;
mod quotas;
mod rates;
mod rights;
mod seen;
mod survey;
mod volumes;

pub use account::Account;
pub use address::{ADDRESS_PAGE, own_address};
pub use calls::Call;
pub use cloud::{AwsCloud, AwsKeys, AwsOptions};
pub use image_names::ImageName;
pub use labels::DiskLabel;
pub use network_plan::{LetIn, Network, NetworkPlan, NetworkSeen};
pub use policy::{POLICY_LENGTH_MAX, PolicyScope, policy};
pub use survey::{Finding, Verdict};
