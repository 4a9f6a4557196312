//! Host keys, as a machine prints them on its console at its first start.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wucluster_core::ids::InstanceId;
use wucluster_core::ports::CloudError;

use crate::cloud::AwsCloud;
use crate::errors;

/// What cloud-init prints around the keys. Source: cloud-init, `tools/write-ssh-key-fingerprints`.
const BEGIN: &str = "-----BEGIN SSH HOST KEY KEYS-----";
const END: &str = "-----END SSH HOST KEY KEYS-----";

/// Kinds of keys, the best first.
const KINDS: [&str; 5] =
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];

impl AwsCloud {
    /// Returns the public host key that an instance printed on its console, as `TYPE BASE64`. `None`: it printed none,
    /// or not yet.
    ///
    /// EC2 vouches for the console: nobody on the way to the instance can write on it. One request each: ask once for a
    /// new instance, and not in every look.
    ///
    /// # Errors
    /// [`CloudError`]: what EC2 said.
    pub async fn host_key(&self, instance: &InstanceId) -> Result<Option<String>, CloudError> {
        let clients = self.clients().await?;
        let ask = |latest: Option<bool>| {
            let request = clients.looks.get_console_output().instance_id(instance.as_str());
            request.set_latest(latest).send()
        };
        let answer = match ask(Some(true)).await.map_err(|error| errors::translate(REQUEST, &error))
        {
            // Only Nitro machines show what they print at once.
            Err(error) if error.code == "UnsupportedOperation" => {
                ask(None).await.map_err(|error| errors::translate(REQUEST, &error))?
            }
            answer => answer?,
        };
        let text = STANDARD.decode(answer.output().unwrap_or_default().trim());
        let text = text.map_err(|error| errors::garbled(REQUEST, &error.to_string()))?;
        Ok(key_of(&String::from_utf8_lossy(&text)))
    }
}

const REQUEST: &str = "GetConsoleOutput";

/// Finds the best key between the marks; lines may begin with times, names of programs and the like.
fn key_of(console: &str) -> Option<String> {
    let (_, rest) = console.split_once(BEGIN)?;
    // What is cut off in the middle is read again later.
    let (keys, _) = rest.split_once(END)?;
    KINDS.iter().find_map(|kind| {
        keys.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace().skip_while(|word| word != kind);
            let (kind, blob) = (words.next()?, words.next()?);
            STANDARD.decode(blob).ok()?;
            Some(format!("{kind} {blob}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

    #[test]
    fn the_best_key_is_found_whatever_stands_before_it() {
        let console = format!(
            "[   20.1] cloud-init[999]: {BEGIN}\r\n\
             [   20.1] cloud-init[999]: ssh-rsa AAAA root@ip-10-0-0-7\r\n\
             [   20.1] cloud-init[999]: ssh-ed25519 {KEY} root@ip-10-0-0-7\r\n\
             [   20.1] cloud-init[999]: {END}\r\nlogin: "
        );
        assert_eq!(key_of(&console), Some(format!("ssh-ed25519 {KEY}")));
    }

    #[test]
    fn half_a_block_and_no_block_have_no_key() {
        let half = format!("{BEGIN}\nssh-ed25519 {KEY} root@ip\n");
        assert_eq!(key_of(&half), None);
        assert_eq!(key_of("login: "), None);
        assert_eq!(key_of(&format!("{BEGIN}\nssh-ed25519 not*base64\n{END}")), None);
    }
}
