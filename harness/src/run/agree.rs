//! Counted traffic against declared traffic, step by step.

use qbench_protocols::session::PhaseRecord;
use qbench_protocols::system::DeclaredPhase;
use std::collections::HashMap;

/// The step of `setup` that the session itself takes. Its bytes are seeds, which systems may declare, and the
/// agreement, whose length is the harness's: it is counted and not compared.
pub const CONNECT: &str = "connect";

/// The first difference between what three parties counted (indexed by party) and what the system
/// declared; `None` where all agree.
///
/// Bytes are compared for each directed pair. The rounds of a step are the growth of the longest chain
/// over all parties: the largest depth of any party after the step less the largest before.
pub fn difference(declared: &DeclaredPhase, counted: &[&PhaseRecord; 3]) -> Option<String> {
    let mut steps: HashMap<&str, Counted> = HashMap::new();
    for (party, record) in counted.iter().enumerate() {
        for step in &record.steps {
            let entry = steps.entry(&step.step).or_default();
            for (total, more) in entry.bytes[party].iter_mut().zip(step.sent_bytes) {
                *total += more;
            }
            entry.growth[party] += step.rounds;
        }
    }
    // What the session does before the first step is the start of every chain.
    let mut depth = steps.remove(CONNECT).unwrap_or_default().growth;
    for step in declared.steps.iter().filter(|step| step.step != CONNECT) {
        let counted = steps.remove(step.step.as_str()).unwrap_or_default();
        if counted.bytes != step.bytes {
            return Some(format!(
                "step `{}`: declared bytes {:?}, counted {:?} (from party, to party)",
                step.step, step.bytes, counted.bytes
            ));
        }
        let before = depth.iter().copied().max().unwrap_or(0);
        for (depth, growth) in depth.iter_mut().zip(counted.growth) {
            *depth += growth;
        }
        let rounds = depth.iter().copied().max().unwrap_or(0) - before;
        if rounds != step.rounds {
            return Some(format!(
                "step `{}`: declared {} rounds, counted {rounds}",
                step.step, step.rounds
            ));
        }
    }
    let undeclared = steps
        .into_iter()
        .find(|(_, counted)| *counted != Counted::default());
    undeclared.map(|(step, counted)| {
        format!(
            "step `{step}` was not declared, and took {:?} bytes",
            counted.bytes
        )
    })
}

#[derive(Default, PartialEq)]
struct Counted {
    bytes: [[u64; 3]; 3],
    growth: [u64; 3],
}

#[cfg(test)]
mod tests {
    use super::*;
    use qbench_protocols::phase::Phase;
    use qbench_protocols::steps::StepRecord;
    use qbench_protocols::system::DeclaredStep;

    fn record(steps: &[(&str, [u64; 3], u64)]) -> PhaseRecord {
        PhaseRecord {
            phase: Phase::Online,
            wall_ns: 1,
            sent_bytes: [0; 3],
            rounds: 0,
            steps: steps
                .iter()
                .map(|(step, sent_bytes, rounds)| StepRecord {
                    step: (*step).to_owned(),
                    wall_ns: 1,
                    sent_bytes: *sent_bytes,
                    rounds: *rounds,
                })
                .collect(),
        }
    }

    #[test]
    fn names_the_first_difference() {
        let declared = |bytes: u64, rounds: u64| {
            let mut step = DeclaredStep {
                step: "a".into(),
                rounds,
                ..DeclaredStep::default()
            };
            step.bytes[1][2] = bytes;
            DeclaredPhase { steps: vec![step] }
        };
        let (p0, p1) = (
            record(&[]),
            record(&[("connect", [0; 3], 2), ("a", [0, 0, 8], 1)]),
        );
        let p2 = record(&[("connect", [0; 3], 2), ("a", [0; 3], 1)]);
        let counted = [&p0, &p1, &p2];
        assert_eq!(difference(&declared(8, 1), &counted), None);
        assert!(
            difference(&declared(9, 1), &counted)
                .unwrap()
                .contains("bytes")
        );
        assert!(
            difference(&declared(8, 2), &counted)
                .unwrap()
                .contains("2 rounds, counted 1")
        );
        let nothing = difference(&DeclaredPhase::default(), &counted).unwrap();
        assert!(nothing.contains("not declared"), "{nothing}");
    }
}
