//! A NATS server's URL that somebody gave, with its credentials taken out.

use std::fmt;
use std::str::FromStr;

use nats::{ConnectOptions, ServerAddr};

use crate::{BusError, Secret};

/// Where, and as whom.
#[derive(Debug)]
pub(super) struct Target {
    /// Without credentials: the client library logs it.
    pub(super) address: ServerAddr,
    pub(super) credentials: Credentials,
}

/// As whom to connect.
#[derive(Debug)]
pub(super) enum Credentials {
    Nobody,
    User { name: String, password: Secret },
    Token(Secret),
}

impl Credentials {
    pub(super) fn apply(&self, options: ConnectOptions) -> ConnectOptions {
        match self {
            Self::Nobody => options,
            Self::User { name, password } => {
                options.user_and_password(name.clone(), password.expose().to_owned())
            }
            Self::Token(token) => options.token(token.expose().to_owned()),
        }
    }

    /// Whom errors name.
    pub(super) fn user(&self) -> String {
        match self {
            Self::Nobody => "nobody in particular".to_owned(),
            Self::User { name, .. } => name.clone(),
            Self::Token(_) => "the holder of a token".to_owned(),
        }
    }
}

impl FromStr for Target {
    type Err = BusError;

    fn from_str(text: &str) -> Result<Self, BusError> {
        let invalid = |problem: &str| BusError::Url {
            problem: problem.to_owned(),
        };
        // The parser's words have nothing of the text in them.
        let parsed: ServerAddr = text
            .parse()
            .map_err(|error: std::io::Error| invalid(&error.to_string()))?;
        if !matches!(parsed.scheme(), "nats" | "tls") {
            return Err(invalid("it begins neither with nats:// nor with tls://"));
        }
        if parsed.host().is_empty() {
            return Err(invalid("it names no host"));
        }
        let decoded = |part: &str| decoded(part).ok_or_else(|| invalid("its credentials are not UTF-8"));
        let credentials = match (parsed.username(), parsed.password()) {
            (None, None) => Credentials::Nobody,
            (None, Some(_)) => return Err(invalid("it has a password but no user")),
            (Some(name), Some(password)) => Credentials::User {
                name: decoded(name)?,
                password: Secret::given(decoded(password)?),
            },
            (Some(token), None) => Credentials::Token(Secret::given(decoded(token)?)),
        };
        let mut url = parsed.into_inner();
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            return Err(invalid("it cannot have credentials"));
        }
        let address = ServerAddr::from_url(url).map_err(|error| invalid(&error.to_string()))?;
        Ok(Self { address, credentials })
    }
}

/// Scheme, host and port.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &self.address;
        write!(f, "{}://{}:{}", address.scheme(), address.host(), address.port())
    }
}

/// The text without its percent-encoding; a percent sign that encodes nothing stays.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let encoded = match tail {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = encoded {
            bytes.push(high << 4 | low);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn a_password_shows_nowhere() {
        let shown = target("nats://ann:hush%2Fhush%@host:4333");
        let Credentials::User { name, password } = &shown.credentials else {
            panic!("{shown:?}")
        };
        assert_eq!((name.as_str(), password.expose()), ("ann", "hush/hush%"));
        assert_eq!(shown.to_string(), "nats://host:4333");
        let debug = format!("{shown:?} {}", shown.credentials.user());
        assert!(!debug.contains("hush"), "{debug}");
    }

    #[test]
    fn a_token_is_a_secret_too() {
        let shown = target("t0ken@host");
        assert!(matches!(&shown.credentials, Credentials::Token(token) if token.expose() == "t0ken"));
        assert_eq!(shown.to_string(), "nats://host:4222");
        let debug = format!("{shown:?} {}", shown.credentials.user());
        assert!(!debug.contains("t0ken"), "{debug}");
        assert!(matches!(target("nats://host").credentials, Credentials::Nobody));
    }

    #[test]
    fn errors_show_nothing_of_the_url() {
        for text in [
            "",
            "http://ann:secret@host",
            "ws://ann:secret@host",
            "nats://ann:secret@",
            "nats://:secret@host",
            "nats://ann:secret@host:99999",
            "nats://ann:secret@ho st",
            "nats://ann:%ff%secret@host",
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(matches!(error, BusError::Url { .. }), "{text}: {error}");
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("secret"), "{text}: {shown}");
        }
    }
}
