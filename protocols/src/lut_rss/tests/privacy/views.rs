//! Runs with every received message kept, and unpacked to ring elements.

use super::*;
use crate::kernel::pack;
use crate::lut_rss::SharedWeights;
use crate::lut_rss::max::position_ring;
use crate::model::walk::walk;
use crate::net::{Network, Received, Recorder, Transcript, local_trio};
use crate::quantized::integer::PRODUCT;
use crate::quantized::integer::norm::wide_ring;
use crate::session::{Repeated, Session};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    UnmaskedSummands,
    RepeatedPhases,
    RepeatedDraws,
    ZeroOffsets,
}

/// What a party saw at one place of the protocol.
pub(super) struct Seen {
    pub ring: Ring,
    /// Elements, for each session and each inference of it.
    pub sessions: Vec<Vec<Vec<u64>>>,
}

impl Seen {
    pub fn runs(&self) -> impl Iterator<Item = &Vec<u64>> {
        self.sessions.iter().flatten()
    }

    /// Whether every run has as many elements of the same ring.
    pub fn same_shape(&self, other: &Self) -> bool {
        let lengths = self.runs().map(Vec::len);
        self.ring == other.ring && lengths.eq(other.runs().map(Vec::len))
    }
}

/// All that a party saw: by phase, step, number of the message in the step, and sender.
pub(super) type View = BTreeMap<String, Seen>;

/// A network whose every end records.
pub(super) fn recorded() -> ([Box<dyn Network>; 3], [Transcript; 3]) {
    let ends = local_trio(Duration::from_secs(60)).map(Recorder::new);
    let transcripts = [0, 1, 2].map(|i: usize| ends[i].1.clone());
    (
        ends.map(|(end, _)| Box::new(end) as Box<dyn Network>),
        transcripts,
    )
}

/// What one party received in one phase.
type PhaseTranscript = (Phase, Vec<Received>);

/// Runs `sessions` sessions of two inferences each on one input.
pub(super) fn observe(
    plan: &Plan,
    source: &QuantizedModel,
    input: &[u8],
    sessions: usize,
    fault: Fault,
) -> [View; 3] {
    let model = IntegerModel::new(source, plan.index_bits, plan.seq_len).unwrap();
    let mut views = [View::new(), View::new(), View::new()];
    for session in 0..sessions {
        let (networks, transcripts) = recorded();
        let phases = trio::run_over(networks, 1, |session| {
            let transcript = &transcripts[session.me().index()];
            one_session(session, transcript, plan, &model, input, fault)
        })
        .unwrap();
        let elements = phases.map(|phases| unpacked(plan, phases));
        for party in Party::ALL {
            for (place, (ring, runs)) in &elements[party.index()] {
                add(
                    &mut views[party.index()],
                    session,
                    place,
                    *ring,
                    runs.clone(),
                );
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
            let sums: Vec<Vec<u64>> = at_p1
                .iter()
                .zip(at_p2)
                .map(|(a, b)| {
                    a.iter()
                        .zip(b)
                        .map(|(a, b)| (a + b) & ring.mask())
                        .collect()
                })
                .collect();
            for view in &mut views[1..] {
                add(
                    view,
                    session,
                    &format!("{step} opened"),
                    *ring,
                    sums.clone(),
                );
            }
        }
    }
    views
}

fn add(view: &mut View, session: usize, place: &str, ring: Ring, runs: Vec<Vec<u64>>) {
    let seen = view.entry(place.to_owned()).or_insert_with(|| Seen {
        ring,
        sessions: Vec::new(),
    });
    assert_eq!(seen.sessions.len(), session, "`{place}` in every session");
    seen.sessions.push(runs);
}

fn one_session(
    session: &mut Session,
    transcript: &Transcript,
    plan: &Plan,
    model: &IntegerModel<'_>,
    input: &[u8],
    fault: Fault,
) -> Result<Vec<PhaseTranscript>> {
    let me = session.me();
    let model = (me == Party::P0).then_some(model);
    // The agreement and the seeds are no part of the protocol's view.
    transcript.take();
    let weights = SharedWeights::share(session, plan, model)?;
    let mut phases = vec![(Phase::Setup, transcript.take())];
    match fault {
        Fault::RepeatedPhases => session.repeat(Repeated::Phases),
        Fault::RepeatedDraws => session.repeat(Repeated::Draws),
        _ => {}
    }
    let known = Knowledge {
        model,
        weights: Some(&weights),
        input: (me == Party::P1).then_some(input),
    };
    let mut store = Store::default();
    for _ in 0..2 {
        for phase in [Phase::Offline, Phase::Online] {
            session.begin_phase(phase);
            let mut runtime = Runtime::party(session, &mut store, None);
            runtime.unmask_summands = fault == Fault::UnmaskedSummands;
            runtime.zero_offsets = fault == Fault::ZeroOffsets;
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
                // The shapes of these runs leave less than one element of padding.
                let count = bytes * 8 / ring.bits() as usize;
                let elements = (0..count).map(|i| pack::read_at(ring, payload, ring.wire_bits(i)));
                let (known, runs) = places.entry(place).or_insert((ring, Vec::new()));
                assert_eq!(*known, ring);
                runs.push(elements.collect());
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
