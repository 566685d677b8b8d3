//! The functions of the model.

mod exp;
mod gelu;
mod layer_norm;
mod local;
mod rsqrt;
mod softmax;
mod tanh;

pub use exp::negative_exp;
pub use gelu::{CORRECTED, GELU_STEPS, gelu, normal_distribution};
pub use layer_norm::{layer_norm, mean_factor};
pub use local::add_per_column;
pub use rsqrt::{MANTISSA_STEPS, inverse_sqrt};
pub use softmax::{DENOMINATOR_STEPS, max, softmax};
pub use tanh::tanh;
