//! Words seen as their little-endian bytes, in place.

use crate::ring::Word;
use std::any::TypeId;

#[cfg(target_endian = "big")]
compile_error!("key streams and packed matrices are laid out for little-endian machines");

/// Whether `W` is one of the machine words themselves, so that any bytes are a value of it.
fn is_machine_word<W: Word>() -> bool {
    let id = TypeId::of::<W>();
    id == TypeId::of::<u8>()
        || id == TypeId::of::<u16>()
        || id == TypeId::of::<u32>()
        || id == TypeId::of::<u64>()
}

/// The bytes of `words`, to be written in place.
///
/// # Panics
/// For a type that implements [`Word`] but is not a machine word; there is none in this crate.
pub(crate) fn bytes_mut<W: Word>(words: &mut [W]) -> &mut [u8] {
    assert!(is_machine_word::<W>(), "a machine word");
    let length = size_of_val(words);
    // SAFETY: the slice covers exactly `length` bytes, which are borrowed mutably for as long as
    // the result lives; W is u8, u16, u32 or u64, so it has no padding and any bytes are valid.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u8>(), length) }
}

/// The bytes of `words`.
///
/// # Panics
/// As [`bytes_mut`].
pub(crate) fn bytes<W: Word>(words: &[W]) -> &[u8] {
    assert!(is_machine_word::<W>(), "a machine word");
    // SAFETY: the slice covers exactly the bytes of `words`, borrowed for as long as the result
    // lives; W is u8, u16, u32 or u64, so it has no padding.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), size_of_val(words)) }
}
