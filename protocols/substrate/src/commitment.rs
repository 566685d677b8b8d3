//! A salted commitment: tells nothing of what was committed to until it is opened, and can be opened to nothing else.

use crate::{Error, Result};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What others get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Commitment(pub [u8; 32]);

/// What opens it: a secret until then.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, serde::Serialize, serde::Deserialize)]
pub struct Opening([u8; 32]);

impl fmt::Debug for Opening {
    /// Says nothing of the salt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(..)")
    }
}

impl Opening {
    /// Commits to `message` under a fresh salt: BLAKE3 of the message, keyed with the salt.
    ///
    /// # Security
    /// Hiding: whoever does not have the salt, 256 fresh bits, sees the output of a keyed hash under a key used once,
    /// whatever the message and however few messages there could be. Binding: another message would be a collision of BLAKE3.
    ///
    /// # Errors
    /// If the operating system has no randomness to give.
    pub fn of(message: &[u8]) -> Result<(Commitment, Self)> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt)
            .map_err(|e| Error::io("drawing a salt", std::io::Error::other(e)))?;
        let opening = Self(salt);
        Ok((opening.commitment(message), opening))
    }

    /// Whether a commitment is to `message`.
    pub fn opens(&self, commitment: &Commitment, message: &[u8]) -> bool {
        self.commitment(message) == *commitment
    }

    fn commitment(&self, message: &[u8]) -> Commitment {
        Commitment(*blake3::keyed_hash(&self.0, message).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_opens_to_its_message_alone_and_is_never_the_same() {
        let (first, opening) = Opening::of(b"weights").unwrap();
        let (second, other) = Opening::of(b"weights").unwrap();
        assert!(opening.opens(&first, b"weights") && other.opens(&second, b"weights"));
        assert_ne!(first, second);
        assert!(!opening.opens(&first, b"other weights") && !opening.opens(&second, b"weights"));
    }
}
