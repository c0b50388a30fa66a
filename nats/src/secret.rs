//! Passwords, kept out of logs and error messages.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Random bytes that a generated password is made of.
pub const SECRET_BYTES: usize = 24;

/// A password. `Debug` does not show it; only serialization and [`Secret::expose`] do.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A password of hex digits from bytes that the caller's random source made.
    pub fn from_random(bytes: [u8; SECRET_BYTES]) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(2 * SECRET_BYTES);
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// A password that somebody gave.
    pub(crate) const fn given(text: String) -> Self {
        Self(text)
    }

    /// The password in double quotes, of which it has none itself.
    pub(crate) fn quoted(&self) -> Self {
        Self(format!("\"{}\"", self.0))
    }

    /// The password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_it() {
        let secret = Secret::from_random([0xab; SECRET_BYTES]);
        assert_eq!(secret.expose().len(), 48);
        assert!(!format!("{secret:?}").contains("ab"));
    }
}
