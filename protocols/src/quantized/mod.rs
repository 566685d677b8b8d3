//! What is about 1-bit weights and 4-bit activations rather than about BERT: the model in integers, its reference in the
//! clear, and the cut, whose rounding is the one thing that the integers do not determine.

pub mod carries;
pub mod cut;
pub mod evidence;
pub mod integer;
pub mod reference;
