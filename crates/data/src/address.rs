//! Just enough of a URL to decide whether it may be fetched: its scheme and its host.

use std::net::IpAddr;

/// An `http` or `https` address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    /// Whether the scheme is `https`.
    pub secure: bool,
    host: &'a str,
}

impl<'a> Address<'a> {
    /// Splits a URL. `None` for another scheme, no host, a user name, or characters that a URL cannot have.
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = match authority.strip_prefix('[') {
            Some(inner) => inner.split_once(']')?.0,
            None => authority.split(':').next()?,
        };
        (!host.is_empty() && !authority.contains('@')).then_some(Self { secure, host })
    }

    /// Whether the host is this machine by its very name or number.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether a file may come from here without a word from the user: encrypted, or from this machine.
    pub(crate) fn is_trusted(&self) -> bool {
        self.secure || self.is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn only_https_and_loopback_are_trusted() {
        let trusted = |url| Address::parse(url).is_some_and(|address| address.is_trusted());
        for url in [
            "https://example.org/a",
            "http://127.0.0.1:80/a",
            "http://localhost/a",
            "http://[::1]:8080/a",
            "http://127.9.9.9",
        ] {
            assert!(trusted(url), "{url}");
        }
        for url in [
            "http://example.org/a",
            "http://localhost.example.org/",
            "http://127.0.0.1.example.org/",
            "http://localhost@example.org/",
            "http://example.org#localhost",
            "http://example.org\\@localhost/",
            "ftp://localhost/a",
            "file:///etc/passwd",
            "https://",
            "https:///a",
            "https://a b",
            "localhost",
            "",
        ] {
            assert!(!trusted(url), "{url}");
        }
    }
}
