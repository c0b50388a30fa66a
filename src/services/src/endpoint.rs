//! Where requests to a service go.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::options::ABSOLUTE;

/// Longest URL that is read.
const MAX_URL_BYTES: usize = 2048;

/// The version prefix of OpenAI's API, which a base URL may or may not end in.
const VERSION_PREFIX: &str = "/v1";

/// The base of a service's URLs: `http://host[:port][/path]`, or the same with `https`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    host: String,
    port: u16,
    path: String,
}

/// How a server is spoken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// What URLs begin with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
        }
    }

    /// The port that URLs need not name.
    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A text that is no usable URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} cannot be used: {reason}")]
pub struct InvalidUrl {
    url: String,
    /// What is wrong with it, and what to write instead.
    reason: &'static str,
}

impl InvalidUrl {
    /// What is wrong with it, and what to write instead.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}

impl BaseUrl {
    /// The URL of a server at an address.
    pub fn at(host: IpAddr, port: u16) -> Self {
        let host = match host {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        Self {
            scheme: Scheme::Http,
            host,
            port,
            path: String::new(),
        }
    }

    /// Whether the server is spoken with under TLS.
    pub fn is_tls(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The host's name or address, without brackets: what is resolved and connected to.
    pub fn host(&self) -> &str {
        self.host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(&self.host)
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as the `Host` header has them.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// What paths are appended to: empty, or a path without a slash at its end.
    pub fn base_path(&self) -> &str {
        &self.path
    }

    /// The path of a request: `path` below the base path. A version prefix that both have is not repeated.
    pub fn request_path(&self, path: &str) -> String {
        let path = match path.strip_prefix(VERSION_PREFIX) {
            Some(rest) if self.path.ends_with(VERSION_PREFIX) && rest.starts_with('/') => rest,
            _ => path,
        };
        format!("{}{path}", self.path)
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|reason| InvalidUrl {
            url: text.chars().take(100).collect(),
            reason,
        })
    }
}

fn parse(text: &str) -> Result<BaseUrl, &'static str> {
    if text.len() > MAX_URL_BYTES {
        return Err("it is too long");
    }
    if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err("it has blanks or characters beyond ASCII");
    }
    let scheme = [Scheme::Http, Scheme::Https]
        .into_iter()
        .find(|scheme| text.starts_with(scheme.prefix()))
        .ok_or("it must begin with http:// or https://")?;
    let rest = text.strip_prefix(scheme.prefix()).unwrap_or_default();
    if rest.contains(['?', '#']) {
        return Err("a base URL has no query and no fragment");
    }
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    if authority.contains('@') {
        return Err("it must not contain a user or password: give the API key as a secret");
    }
    let (host, port) = split_authority(authority, scheme.port())?;
    Ok(BaseUrl {
        scheme,
        host: host.to_owned(),
        port,
        path: path.trim_end_matches('/').to_owned(),
    })
}

fn split_authority(authority: &str, default_port: u16) -> Result<(&str, u16), &'static str> {
    let host_end = match authority.strip_prefix('[') {
        Some(inner) => inner
            .find(']')
            .map(|end| end + 2)
            .ok_or("the bracket of its IPv6 address is not closed")?,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(host_end);
    let valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        }
    };
    if !valid {
        return Err("its host is no name and no address");
    }
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => default_port,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().unwrap_or(0),
        _ => 0,
    };
    if port == 0 {
        Err("its port is not a number from 1 to 65535")
    } else {
        Ok((host, port))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.scheme.prefix(), self.authority(), self.path)
    }
}

/// A server that answers requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEndpoint {
    /// The base of its URLs.
    pub url: BaseUrl,
    /// What is sent as `Authorization: Bearer`, if anything is.
    pub api_key: Option<ApiKey>,
    /// Whom to trust if it is spoken with under TLS.
    pub trust: Trust,
}

/// The key that a server asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKey {
    /// The recipe's secret with this name.
    Secret(String),
    /// A text that only this run's agents know: nobody else on the cluster can use the service.
    OfTheRun,
}

/// How a server under TLS is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// PEM file with the certificates of the authorities that are trusted instead of the system's: an absolute path that all
    /// client and server nodes see; none: the system's.
    #[schemars(regex(pattern = ABSOLUTE), length(max = 4096))]
    pub ca_file: Option<String>,
    /// Whether the server has to prove who it is. Without that, whoever is on the way can read prompts and API key.
    pub verify: bool,
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            ca_file: None,
            verify: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_base_urls() {
        for (text, host, port, path) in [
            ("http://127.0.0.1:8000/v1", "127.0.0.1", 8000, "/v1"),
            ("http://node-17.cluster/", "node-17.cluster", 80, ""),
            ("http://[::1]:9000/openai/v1/", "::1", 9000, "/openai/v1"),
            ("https://api.example/v1", "api.example", 443, "/v1"),
            ("https://127.0.0.1:8443", "127.0.0.1", 8443, ""),
        ] {
            let url: BaseUrl = text.parse().unwrap();
            assert_eq!(
                (url.host(), url.port(), url.base_path()),
                (host, port, path),
                "{text}"
            );
            assert_eq!(url.is_tls(), text.starts_with("https"));
        }
    }

    #[test]
    fn the_schemes_port_is_not_repeated() {
        let authority = |text: &str| text.parse::<BaseUrl>().unwrap().authority();
        assert_eq!(authority("https://a:443"), "a");
        assert_eq!(authority("https://a:80"), "a:80");
        assert_eq!(authority("http://a:443"), "a:443");
    }

    #[test]
    fn refuses_what_it_cannot_reach() {
        for text in [
            "",
            "http://",
            "127.0.0.1:8000",
            "ftp://a",
            "https://",
            "httpss://a",
            "https://u:p@a",
            "http://a:0",
            "http://a:70000",
            "http://a:",
            "http://a:x",
            "http://a:+80",
            "http://[::1",
            "http://[x]:80",
            "http://[::1]x",
            "http://u:p@a",
            "http://a?x",
            "http://a/#x",
            "http://a b",
            "http://ä",
        ] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn version_prefix_is_not_repeated() {
        let path = |base: &str, path: &str| base.parse::<BaseUrl>().unwrap().request_path(path);
        assert_eq!(path("http://a/v1", "/v1/models"), "/v1/models");
        assert_eq!(path("http://a", "/v1/models"), "/v1/models");
        assert_eq!(path("http://a/openai/v1", "/v1/models"), "/openai/v1/models");
        assert_eq!(path("http://a/x", "/health"), "/x/health");
    }

    proptest! {
        #[test]
        fn urls_read_back(text in "https?://[a-z0-9.-]{1,12}(:[1-9][0-9]{0,3})?(/[a-z0-9]{1,5}){0,3}") {
            let url: BaseUrl = text.parse().unwrap();
            prop_assert_eq!(url.to_string().parse::<BaseUrl>(), Ok(url));
        }

        #[test]
        fn parsing_never_panics(text in "(https?://)?.{0,40}") {
            let _ = text.parse::<BaseUrl>();
        }
    }
}
