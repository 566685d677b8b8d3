//! What a recorded run would have taken over other links.
//!
//! | module | what it holds |
//! |---|---|
//! | [`replay`] | one trace over one set of links |
//! | [`validate`] | predicted against measured |

pub mod replay;
pub mod validate;

use crate::record::trace::Trace;

/// One trace for each combination of settings: the one whose `key` is least.
pub fn least_by<K: PartialOrd>(traces: &[Trace], key: impl Fn(&Trace) -> K) -> Vec<&Trace> {
    let mut found: Vec<&Trace> = Vec::new();
    for trace in traces {
        let same = found
            .iter_mut()
            .find(|t| t.header.settings == trace.header.settings);
        match same {
            Some(best) if key(trace) < key(best) => *best = trace,
            Some(_) => {}
            None => found.push(trace),
        }
    }
    found
}
