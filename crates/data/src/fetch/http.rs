//! One GET request.

use std::io::Read;
use std::time::Duration;

use super::FetchError;
use crate::address::Address;

/// Longest wait for a connection, for an answer, or for the next bytes of a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// The announced length, if the server announces one, and the body.
pub(super) fn get(url: &str) -> Result<(Option<u64>, impl Read + use<>), FetchError> {
    let failed = |what: String| FetchError::Request { url: url.into(), what };
    let address = Address::parse(url).ok_or_else(|| failed("it is no http or https address".into()))?;
    let mut config = ureq::Agent::config_builder()
        // Also forbids a redirect from https to http.
        .https_only(address.secure)
        .max_redirects(5)
        .timeout_resolve(Some(PATIENCE))
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .user_agent(concat!("anther/", env!("CARGO_PKG_VERSION")));
    if address.is_loopback() {
        // A proxy of the environment would look for the file on its own machine, and a redirect could lead to another machine without
        // encryption.
        config = config.proxy(None).max_redirects(0);
    }
    let refused = |status| FetchError::Status { url: url.into(), status };
    let response = config.build().new_agent().get(url).call().map_err(|error| match error {
        ureq::Error::StatusCode(status) => refused(status),
        other => failed(other.to_string()),
    })?;
    // No content, part of the content and the like are not the file either.
    if response.status() != 200 {
        return Err(refused(response.status().as_u16()));
    }
    let body = response.into_body();
    Ok((body.content_length(), body.into_reader()))
}
