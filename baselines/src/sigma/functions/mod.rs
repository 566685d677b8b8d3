//! The functions of the model.

mod exp;
mod gelu;
mod layer_norm;
mod local;
mod rsqrt;
mod softmax;
pub mod tables;
mod tanh;

pub use exp::negative_exp;
pub use gelu::gelu;
pub use layer_norm::{layer_norm, mean_factor};
pub use local::add_per_column;
pub use rsqrt::inverse_sqrt;
pub use softmax::{max, softmax};
pub use tables::normal_distribution;
pub use tanh::tanh;
