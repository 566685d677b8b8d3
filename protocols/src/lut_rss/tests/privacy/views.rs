//! Runs with every received message kept, and unpacked to ring elements.

use super::*;
use crate::lut_rss::max::{count_ring, position_ring};
use crate::material::Store;
use crate::model::walk::walk;
use crate::phase::Phase;
use crate::quantized::integer::PRODUCT;
use crate::quantized::integer::norm::wide_ring;
use crate::session::Session;
use crate::testing::transcript::{Received, Transcript, recorded};
use crate::testing::trio;
use crate::testing::view::{Seen, View, unpack};
use std::collections::BTreeMap;

/// What one party received in one phase.
type PhaseTranscript = (Phase, Vec<Received>);

/// How often the protocol runs.
#[derive(Clone, Copy)]
pub(super) struct Runs {
    pub sessions: usize,
    /// In each session, after one set-up.
    pub inferences: usize,
    /// Of each party.
    pub threads: usize,
}

/// Runs the protocol on one input.
pub(super) fn observe(
    plan: &Plan,
    source: &QuantizedModel,
    input: &[u8],
    runs: Runs,
    fault: Option<Fault>,
) -> [View; 3] {
    let model = IntegerModel::new(source, plan.index_bits, plan.seq_len).unwrap();
    let mut views = [View::new(), View::new(), View::new()];
    for session in 0..runs.sessions {
        let (networks, transcripts) = recorded();
        let phases = trio::run_over(networks, runs.threads, |session| {
            let transcript = &transcripts[session.me().index()];
            one_session(session, transcript, plan, &model, input, runs, fault)
        })
        .unwrap();
        let elements = phases.map(|phases| unpacked(plan, phases));
        let mut add = |party: usize, place: &str, ring, runs| {
            let place = place.to_owned();
            let seen = views[party].entry(place);
            let seen = seen.or_insert_with(|| Seen::additive(ring, Vec::new()));
            assert_eq!(seen.sessions.len(), session, "a place in every session");
            seen.sessions.push(runs);
        };
        for (party, places) in elements.iter().enumerate() {
            for (place, (ring, runs)) in places {
                add(party, place, *ring, runs.clone());
            }
        }
        // What P1 and P2 exchange they add up: an opened difference, or component 0.
        for (place, (ring, at_p1)) in &elements[1] {
            let Some(step) = place.strip_suffix(" from P2") else {
                continue;
            };
            let Some((_, at_p2)) = elements[2].get(&format!("{step} from P1")) else {
                continue; // P2's share of the output
            };
            let sum = |(a, b): (&Vec<u64>, &Vec<u64>)| -> Vec<u64> {
                let pairs = a.iter().zip(b);
                pairs.map(|(a, b)| (a + b) & ring.mask()).collect()
            };
            let sums: Vec<Vec<u64>> = at_p1.iter().zip(at_p2).map(sum).collect();
            for party in [1, 2] {
                add(party, &format!("{step} opened"), *ring, sums.clone());
            }
        }
    }
    views
}

fn one_session(
    session: &mut Session,
    transcript: &Transcript,
    plan: &Plan,
    model: &IntegerModel<'_>,
    input: &[u8],
    runs: Runs,
    fault: Option<Fault>,
) -> Result<Vec<PhaseTranscript>> {
    let me = session.me();
    let model = (me == Party::P0).then_some(model);
    let mut store = Store::default();
    // The agreement and the seeds are no part of the protocol's view.
    transcript.take();
    let weights = SharedWeights::share(&mut Runtime::party(session, &mut store), plan, model)?;
    let mut phases = vec![(Phase::Setup, transcript.take())];
    if let Some(fault) = fault {
        session.plant(fault);
    }
    let known = Knowledge {
        model,
        weights: Some(&weights),
        input: (me == Party::P1).then_some(input),
        record: false,
    };
    for _ in 0..runs.inferences {
        for phase in [Phase::Offline, Phase::Online] {
            session.begin_phase(phase);
            let runtime = Runtime::party(session, &mut store);
            walk(&mut LutRss::new(runtime, plan, known), &plan.config)?;
            phases.push((phase, transcript.take()));
        }
    }
    store.expect_empty()?;
    Ok(phases)
}

/// By place: its ring, and the elements of each inference.
fn unpacked(plan: &Plan, phases: Vec<PhaseTranscript>) -> BTreeMap<String, (Ring, Vec<Vec<u64>>)> {
    let mut places: BTreeMap<String, (Ring, Vec<Vec<u64>>)> = BTreeMap::new();
    for (phase, messages) in phases {
        let mut ordinals: BTreeMap<(String, Party), usize> = BTreeMap::new();
        for message in messages {
            let ordinal = ordinals
                .entry((message.step.clone(), message.from))
                .or_default();
            let mut rest = message.payload.as_slice();
            for (part, (ring, bytes)) in parts(plan, phase, &message, *ordinal)
                .into_iter()
                .enumerate()
            {
                let place = format!(
                    "{} {} #{ordinal}.{part} from {}",
                    phase.name(),
                    message.step,
                    message.from
                );
                let (payload, tail) = rest.split_at(bytes);
                rest = tail;
                let (known, runs) = places.entry(place).or_insert((ring, Vec::new()));
                assert_eq!(*known, ring);
                // The shapes of these runs leave less than one element of padding.
                runs.push(unpack(ring, payload));
            }
            assert!(rest.is_empty());
            *ordinal += 1;
        }
    }
    places
}

/// The vectors of a message: ring and bytes.
fn parts(plan: &Plan, phase: Phase, message: &Received, ordinal: usize) -> Vec<(Ring, usize)> {
    let whole = message.payload.len();
    let tokens = plan.seq_len;
    if message.step.contains("/max/bits") || message.step.contains("/max/pass") {
        return radix_parts(plan, phase, message, ordinal);
    }
    let ring = ring_of(plan, phase, message, ordinal);
    let step = message.step.as_str();
    let probabilities = plan.config.heads * tokens.pow(2);
    let exchanged = matches!(message.from, Party::P1 | Party::P2);
    // Where two vectors go together: the first.
    let first = match ordinal {
        0 if step.ends_with("scores/convert") => Some((ring, tokens * plan.config.hidden)),
        0 if step.ends_with("context/convert") => Some((Ring::new(4), probabilities)),
        0 if step.ends_with("quotient") => Some((ring, probabilities)),
        0 if step.contains("/max/level") => Some((ring, whole * 8 / ring.bits() as usize / 2)),
        1 if step.ends_with("scores/convert") && exchanged => {
            Some((ring, tokens * plan.config.hidden))
        }
        1 if step.ends_with("context/convert") && exchanged => Some((ring, probabilities)),
        1 if step.ends_with("variance") && exchanged => Some((ring, tokens * plan.config.hidden)),
        _ => None,
    };
    match first {
        Some((first, count)) => {
            let bytes = first.wire_bytes(count);
            vec![(first, bytes), (ring, whole - bytes)]
        }
        None => vec![(ring, whole)],
    }
}

/// The vectors of a message of the radix sort: scores in 4 bits, bits and destinations in the ring of
/// positions.
fn radix_parts(
    plan: &Plan,
    phase: Phase,
    message: &Received,
    ordinal: usize,
) -> Vec<(Ring, usize)> {
    let whole = message.payload.len();
    let count = plan.config.heads * plan.seq_len.pow(2);
    let (scores, positions) = (Ring::new(4), position_ring(plan.seq_len));
    let (score_bytes, position_bytes) = (scores.wire_bytes(count), positions.wire_bytes(count));
    let first_of_bits = ordinal == 0 && message.step.ends_with("bits");
    match phase {
        // Offsets of the one opening, then a table for each bit; online the opening.
        _ if first_of_bits => vec![(scores, whole)],
        Phase::Offline => vec![(positions, whole)],
        // A product's or an opened permutation's component.
        _ if whole == position_bytes => vec![(positions, whole)],
        // All bits and the score, reshared; or the score, its destination and what bits are left, shuffled.
        _ => {
            let mut parts =
                vec![(positions, position_bytes); (whole - score_bytes) / position_bytes];
            let at = if message.step.ends_with("bits") {
                parts.len()
            } else {
                0
            };
            parts.insert(at, (scores, score_bytes));
            parts
        }
    }
}

/// The ring of a message's elements, from the protocol's description.
fn ring_of(plan: &Plan, phase: Phase, message: &Received, ordinal: usize) -> Ring {
    let index = plan.index_ring();
    let wide = wide_ring(plan.index_bits, plan.config.hidden);
    let tokens = plan.seq_len as u64;
    let sum = Ring::new(4 + tokens.next_power_of_two().trailing_zeros());
    let nibble = Ring::new(4);
    let step = message.step.rsplit('/').next().unwrap_or_default();
    // What is opened in a step, and what its tables put out.
    let (opened, table) = match step {
        "convert" | "activation" | "tanh" => (index, PRODUCT),
        "narrow" => (index, nibble),
        "exponential" => (nibble, sum),
        "denominator" => (sum, nibble),
        "histogram" => (nibble, count_ring(plan.seq_len)),
        "reached" => (count_ring(plan.seq_len), nibble),
        "mean" | "variance" => (index, wide),
        "affine" => (nibble, index),
        // Its input has been opened before: there are only tables.
        "residual" => (PRODUCT, PRODUCT),
        _ => (nibble, nibble), // a level of the tournament; the quotient
    };
    match (phase, message.from) {
        (Phase::Setup, _) => PRODUCT,
        (Phase::Offline, _) if ordinal == 0 => opened,
        (Phase::Offline, _) => table,
        // Summands of products.
        (Phase::Online, Party::P0) if step == "variance" => wide,
        (Phase::Online, Party::P0) => PRODUCT,
        (Phase::Online, _) if step == "output" => PRODUCT,
        // Openings, and after them reshares of what the tables put out.
        (Phase::Online, _) if ordinal == 0 => opened,
        (Phase::Online, _) => table,
    }
}
