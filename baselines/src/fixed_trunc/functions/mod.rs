//! Functions of real numbers.

mod gelu;
mod maximum;
mod norm;
mod reciprocal;
mod softmax;

pub use gelu::gelu;
pub use maximum::max_rows;
pub use norm::layer_norm;
pub use reciprocal::{inverse_sqrt, reciprocal};
pub use softmax::{exp, softmax, tanh};

use super::bits::negative;
use super::select::times_bit;
use super::{Choices, Share, shares};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;

/// `max(x, 0)`.
///
/// Cost: 172 bytes an element and 10 rounds.
///
/// # Security
/// As [`negative`] and [`times_bit`].
///
/// # Errors
/// The network's.
pub fn relu(runtime: &mut Runtime<'_>, choices: &Choices, x: &Share) -> Result<Share> {
    let positive = negative(runtime, choices, x)?;
    let positive = shares::flip(runtime, positive, 1);
    times_bit(runtime, &positive, x)
}
