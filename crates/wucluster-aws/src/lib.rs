//! EC2 and EBS as a cloud of wucluster, on the official SDK.
//!
//! [`AwsCloud`] translates, batches and reports; it decides nothing and waits for no state. It is the only crate that
//! sees the SDK, and none of the SDK's types leave it.

#![forbid(unsafe_code)]

mod account;
mod attachments;
mod cloud;
mod connect;
mod console;
mod devices;
mod errors;
mod images;
mod instances;
mod issue;
mod listing;
mod rates;
mod rights;
mod seen;
mod volumes;

pub use account::Account;
pub use cloud::{AwsCloud, AwsKeys, AwsOptions};
