//! What a recorded run would have taken over other links.
//!
//! | module | what it holds |
//! |---|---|
//! | [`replay`] | one trace over one set of links |
//! | [`validate`] | predicted against measured |

pub mod replay;
pub mod validate;
