//! Under which address the caller is seen: what a security group must let in.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;
use wucluster_core::ports::{CloudError, ErrorClass};

/// A page of AWS's own that answers with the caller's address and nothing else.
///
/// Source: EC2 user guide, on security group rules for ssh, which names this page for the address of one's own computer.
pub const ADDRESS_PAGE: &str = "https://checkip.amazonaws.com/";
/// How long the page may take: a person waits.
const LIMIT: Duration = Duration::from_secs(10);
/// Longest answer that is read. Unit: bytes. Source: an address of IPv6 has at most 45, and a line its end.
const ANSWER_LENGTH_MAX: usize = 64;

/// Asks a page under which address the caller is seen.
///
/// It is asked over TLS, or by whatever the address of the page says: who answers in its place decides who is let in.
///
/// # Errors
/// [`CloudError`] `AddressUnknown`: to be tried again, or written into the definition.
pub async fn own_address(page: &str) -> Result<IpAddr, CloudError> {
    let answer = tokio::time::timeout(LIMIT, ask(page)).await;
    let answer = answer.unwrap_or_else(|_| Err("no answer in time".into()));
    answer.map_err(|why| CloudError {
        class: ErrorClass::Retry,
        code: "AddressUnknown".to_owned(),
        message: format!(
            "{page} does not tell under which address you are seen: {}; write it as `ssh-from = \"ADDRESS/32\"` into `[cluster]`",
            crate::errors::chain(&*why)
        ),
    })
}

async fn ask(page: &str) -> Result<IpAddr, Box<dyn Error + Send + Sync>> {
    let settings =
        HttpConnectorSettings::builder().connect_timeout(LIMIT).read_timeout(LIMIT).build();
    let connector = Connector::builder()
        .connector_settings(settings)
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build();
    let answer = connector.call(HttpRequest::get(page)?).await?;
    if !answer.status().is_success() {
        return Err(format!("status {}", answer.status().as_u16()).into());
    }
    let mut body = ByteStream::new(answer.into_body());
    let mut text = Vec::new();
    while let Some(part) = body.next().await {
        text.extend_from_slice(&part?);
        if text.len() > ANSWER_LENGTH_MAX {
            return Err("it answers with more than an address".into());
        }
    }
    let text = String::from_utf8_lossy(&text);
    text.trim()
        .parse()
        .map_err(|_| format!("`{}` is no address", text.trim().escape_debug()).into())
}
