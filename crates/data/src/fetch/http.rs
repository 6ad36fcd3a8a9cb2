//! One GET request, of a whole file or of the rest of it.

use std::io::Read;
use std::time::Duration;

use super::FetchError;
use crate::address::Address;

/// From where a file is asked for, and which version of it.
pub(super) struct Resume {
    /// The first byte.
    pub from: u64,
    /// The tag that the server gave the version that the bytes before are of.
    pub tag: Option<String>,
}

/// An answer, its body not yet read.
pub(super) struct Answer<R> {
    pub status: u16,
    /// The announced length of the body.
    pub length: Option<u64>,
    /// Whether the body says itself where it ends.
    pub chunked: bool,
    /// What part of the file it is.
    pub range: Option<String>,
    /// A tag of the version that is equal for equal bytes only.
    pub tag: Option<String>,
    pub body: R,
}

/// Asks, and waits no longer than `patience` for a connection, for an answer, or for the next bytes of a body.
pub(super) fn get(
    url: &str,
    patience: Duration,
    resume: Option<&Resume>,
) -> Result<Answer<impl Read + use<>>, FetchError> {
    let failed = |what: String| FetchError::Request { url: url.into(), what };
    let address = Address::parse(url).ok_or_else(|| failed("it is no http or https address".into()))?;
    let mut config = ureq::Agent::config_builder()
        // Also forbids a redirect from https to http.
        .https_only(address.secure)
        .max_redirects(5)
        .http_status_as_error(false)
        .timeout_resolve(Some(patience))
        .timeout_connect(Some(patience))
        .timeout_recv_response(Some(patience))
        .timeout_per_read(Some(patience))
        .user_agent(concat!("anther/", env!("CARGO_PKG_VERSION")));
    if address.is_loopback() {
        // A proxy of the environment would look for the file on its own machine, and a redirect could lead to another machine without
        // encryption.
        config = config.proxy(None).max_redirects(0);
    }
    let mut request = config.build().new_agent().get(url);
    if let Some(resume) = resume {
        request = request.header("Range", format!("bytes={}-", resume.from));
        if let Some(tag) = &resume.tag {
            request = request.header("If-Range", tag);
        }
    }
    let response = request.call().map_err(|error| failed(error.to_string()))?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (range, transfer) = (header("content-range"), header("transfer-encoding"));
    // A weak tag, W/"…", is equal for versions that only mean the same.
    let tag = header("etag").filter(|tag| tag.starts_with('"'));
    let status = response.status().as_u16();
    let body = response.into_body();
    let chunked = transfer.is_some_and(|transfer| transfer.eq_ignore_ascii_case("chunked"));
    Ok(Answer { status, length: body.content_length(), chunked, range, tag, body: body.into_reader() })
}

/// Reads `bytes FIRST-LAST/TOTAL`; the total may be `*`.
pub(super) fn content_range(header: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = header.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && total.is_none_or(|total| last < total)).then_some((first, last, total))
}

#[cfg(test)]
mod tests {
    use super::content_range;

    #[test]
    fn ranges() {
        assert_eq!(content_range("bytes 7-17/18"), Some((7, 17, Some(18))));
        assert_eq!(content_range(" bytes 0-0/* "), Some((0, 0, None)));
        for wrong in
            ["", "bytes", "bytes 7-17", "bytes */18", "bytes 8-7/18", "bytes 7-18/18", "items 7-17/18", "bytes a-17/18"]
        {
            assert_eq!(content_range(wrong), None, "{wrong:?}");
        }
    }
}
