//! Correlated randomness between `offline` and `online`: typed, labelled, taken out by value and in order. What is taken
//! is gone; what is left at the end is an error.
//!
//! A protocol has a [`Kind`] of its own for what it deals; the store does not know what is in it. Bytes wait in memory, and
//! in a file where they would not fit: they are used in the order in which they were dealt, so a file is appended to and
//! read from its beginning on, while what is used first need not have been there at all.

mod spill;

use self::spill::Spill;
use crate::prg::Stream;
use crate::wipe::Wiped;
use crate::{Error, Result};
use std::any::Any;
use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::path::Path;

/// What a piece of correlated randomness is for, with its shape: compared when it is taken, shown when it does not fit.
pub trait Kind: Any + PartialEq + Display {}
impl<K: Any + PartialEq + Display> Kind for K {}

/// A computing party's part of one piece.
#[derive(Default)]
pub struct Dealt {
    /// The generator shared with the dealer, from which this party computes its part where it needs it: a key, which counts
    /// as nothing.
    pub stream: Option<Box<Stream>>,
    /// What the dealer sent.
    pub bytes: Option<Wiped<u8>>,
}

impl Dealt {
    /// All of it comes out of a generator.
    pub fn stream(stream: Stream) -> Self {
        Self {
            stream: Some(Box::new(stream)),
            bytes: None,
        }
    }

    /// All of it was sent.
    pub fn bytes(bytes: impl Into<Wiped<u8>>) -> Self {
        Self {
            stream: None,
            bytes: Some(bytes.into()),
        }
    }
}

/// Shows the shape; never what is in it.
impl fmt::Debug for Dealt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.as_ref().map_or(0, |bytes| bytes.len());
        let stream = if self.stream.is_some() {
            "a stream and "
        } else {
            ""
        };
        write!(f, "Dealt({stream}{bytes} bytes)")
    }
}

/// A [`Kind`] whose type only the protocol knows.
trait AnyKind: Send {
    fn as_any(&self) -> &dyn Any;
    fn text(&self) -> String;
}

impl<K: Kind + Send> AnyKind for K {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

struct Piece {
    step: String,
    kind: Box<dyn AnyKind>,
    stream: Option<Box<Stream>>,
    /// `Some` where the dealer sent something: its length.
    sent: Option<usize>,
    /// The bytes, unless they wait in the file.
    bytes: Option<Wiped<u8>>,
}

/// A party's store of correlated randomness.
#[derive(Default)]
pub struct Store {
    pieces: VecDeque<Piece>,
    bytes: u64,
    spill: Option<Spill>,
    /// Bytes that may still wait in memory where there is a file.
    room: u64,
}

/// Shows the size; never what is in it.
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Store({} pieces, {} bytes)",
            self.pieces.len(),
            self.bytes
        )
    }
}

impl Store {
    /// A store whose bytes wait in a file of `folder`, but for so many that wait in memory. The file has no name there: it is
    /// gone when the store is, however the process ends.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn spilled(folder: &Path, in_memory: u64) -> Result<Self> {
        Ok(Self {
            spill: Some(Spill::create(folder)?),
            room: in_memory,
            ..Self::default()
        })
    }

    /// Bytes held now. Streams count as nothing: they are a key each.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the bytes wait: `memory`, or the folder where the file is.
    pub fn place(&self) -> String {
        match &self.spill {
            None => "memory".into(),
            Some(spill) => spill.folder.display().to_string(),
        }
    }

    /// Puts a piece at the end.
    ///
    /// # Errors
    /// A full disk, where bytes wait in a file.
    pub fn put<K: Kind + Send>(&mut self, step: &str, kind: K, dealt: Dealt) -> Result<()> {
        let sent = dealt.bytes.as_ref().map(|bytes| bytes.len());
        self.bytes += sent.unwrap_or(0) as u64;
        let mut bytes = dealt.bytes;
        if let (Some(spill), Some(sent)) = (&mut self.spill, &bytes) {
            match self.room.checked_sub(sent.len() as u64) {
                Some(room) => self.room = room,
                None => {
                    spill.append(sent)?;
                    bytes = None;
                }
            }
        }
        self.pieces.push_back(Piece {
            step: step.to_owned(),
            kind: Box::new(kind),
            stream: dealt.stream,
            sent,
            bytes,
        });
        Ok(())
    }

    /// Takes the next piece, which must be what the step asks for.
    ///
    /// # Errors
    /// [`Error::Material`] with what was expected and what there is.
    pub fn take<K: Kind>(&mut self, step: &str, kind: &K) -> Result<Dealt> {
        let refused = |actual: String| Error::Material {
            step: step.to_owned(),
            expected: kind.to_string(),
            actual,
        };
        let Some(next) = self.pieces.pop_front() else {
            return Err(refused("nothing: the store is empty".into()));
        };
        if next.step != step || next.kind.as_any().downcast_ref::<K>() != Some(kind) {
            let (what, step) = (next.kind.text(), &next.step);
            return Err(refused(format!("{what} dealt for step `{step}`")));
        }
        self.bytes -= next.sent.unwrap_or(0) as u64;
        let bytes = match (&mut self.spill, next.sent, next.bytes) {
            (_, None, _) => None,
            (Some(spill), Some(length), None) => Some(spill.read(length)?),
            (spill, _, bytes) => {
                if let Some(spill) = spill {
                    self.room += next.sent.unwrap_or(0) as u64;
                    spill.read_ahead(0);
                }
                bytes
            }
        };
        Ok(Dealt {
            stream: next.stream,
            bytes,
        })
    }

    /// Refuses to end with material left over: dealt but not used means that the walks differ.
    ///
    /// # Errors
    /// [`Error::Material`] with what is left.
    pub fn expect_empty(&self) -> Result<()> {
        match self.pieces.front() {
            None => Ok(()),
            Some(left) => Err(Error::Material {
                step: left.step.clone(),
                expected: "an empty store at the end of the online phase".into(),
                actual: format!(
                    "{} pieces left, the first {}",
                    self.pieces.len(),
                    left.kind.text()
                ),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deal(store: &mut Store, step: &str, kind: &'static str, bytes: Vec<u8>) {
        store.put(step, kind, Dealt::bytes(bytes)).unwrap();
    }

    fn used_in_order(mut store: Store) {
        for round in 0..3u8 {
            deal(&mut store, "a", "pairs", vec![round; 3_000_000]);
            deal(&mut store, "a", "nothing", Vec::new());
            assert_eq!(store.bytes(), 3_000_000);
            let bytes = store.take("a", &"pairs").unwrap().bytes;
            assert!(bytes == Some(vec![round; 3_000_000].into()));
            // Dealing goes on while material is being used.
            deal(&mut store, "b", "bits", vec![round, 7]);
            assert_eq!(
                store.take("a", &"nothing").unwrap().bytes,
                Some(Wiped::default())
            );
            assert_eq!(
                store.take("b", &"bits").unwrap().bytes,
                Some(vec![round, 7].into())
            );
            store.expect_empty().unwrap();
            assert_eq!(store.bytes(), 0);
        }
    }

    #[test]
    fn in_memory() {
        used_in_order(Store::default());
    }

    #[test]
    fn in_a_file_that_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for in_memory in [0, 1, 1000, 3_000_000, 3_000_001, u64::MAX] {
            let store = Store::spilled(folder.path(), in_memory).unwrap();
            assert_eq!(store.place(), folder.path().display().to_string());
            used_in_order(store);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(Store::spilled(Path::new("/nowhere"), 0).is_err());
    }

    #[test]
    fn kinds_of_other_types_differ() {
        let mut store = Store::default();
        store.put("a", 5u8, Dealt::default()).unwrap();
        let error = store.take("a", &5u16).unwrap_err().to_string();
        assert!(error.contains("5 dealt for step `a`"), "{error}");
    }
}
