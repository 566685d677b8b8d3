//! What the original stores and sends, to the byte.

use super::piece::{Piece, word_bytes};
use super::step_names::first_layer;
use super::{books, workload};
use qbench_protocols::system::Workload;

/// Headers that the program writes besides, by step of its own.
fn header(step: &str, seq_len: u64) -> u64 {
    const SHIFT: u64 = 16;
    const RELU: u64 = 12;
    match step {
        "softmax/max" => 4 + RELU * u64::from(seq_len.ilog2()),
        "softmax/exp_clip" => RELU,
        "softmax/exp_lut_lsb" | "softmax/exp_lut_msb" | "softmax/inv_lut" | "gelu/lut" => 4,
        "gelu/tr" => SHIFT + 4,
        "gelu/drelu+ic" | "gelu/mux" | "gelu/select+open" => 0,
        step if step.starts_with("ln") && !step.contains("mu") => 0,
        _ => SHIFT,
    }
}

/// Rounds, bytes that one party sends, and key bytes of one party, as the original has them in one step of a layer.
#[derive(Debug, Default, PartialEq)]
struct Stored {
    rounds: u64,
    sent: u64,
    key: u64,
}

/// The steps of one layer, by the original's names, in its order.
fn stored(workload: &Workload) -> Vec<(String, Stored)> {
    let [offline, online] = books(workload);
    let n = workload.seq_len as u64;
    let mut steps: Vec<(String, Stored)> = Vec::new();
    let mut at = |name: String| -> usize {
        if let Some(place) = steps.iter().position(|(step, _)| *step == name) {
            return place;
        }
        steps.push((name, Stored::default()));
        steps.len() - 1
    };
    let mut sums: Vec<(usize, Stored)> = Vec::new();
    for opening in online.openings() {
        let Some(step) = first_layer(&opening.step) else {
            continue;
        };
        let by_library = step.contains("f2bf16") || step.contains("lut13");
        let sent = opening.parts.iter().map(|(count, bits)| {
            let (count, bits) = (*count as u64, u64::from(*bits));
            match (by_library, bits) {
                (false, 1) => 4 * count.div_ceil(32),
                (false, _) => 8 * (count * bits).div_ceil(64),
                (true, 1) => count.div_ceil(8),
                (true, _) => count * word_bytes(bits),
            }
        });
        let sent: u64 = sent.sum();
        let step = match (step.strip_suffix("lut13"), opening.parts.len()) {
            (Some(norm), 2) => format!("{norm}lut13_first"),
            (Some(norm), _) => format!("{norm}lut13_select"),
            _ => step,
        };
        // The library synchronizes by a byte a gate.
        let synchronized = step.contains("lut13") || opening.step.ends_with("rsqrt/exponent");
        let sent = sent + u64::from(synchronized);
        sums.push((
            at(step),
            Stored {
                rounds: 1,
                sent,
                key: 0,
            },
        ));
    }
    for dealt in offline.keys() {
        let Some(step) = first_layer(&dealt.step) else {
            continue;
        };
        let piece = Piece::read(&dealt.kind);
        let by_library = step.contains("f2bf16") || step.contains("lut13");
        let key = match by_library {
            true => piece.stored_by_library(),
            false => piece.stored(),
        };
        let places = match (step.strip_suffix("lut13"), piece) {
            (None, _) => vec![step],
            (Some(norm), Piece::Words { count, bits: 2.. }) => {
                let mut places = vec![format!("{norm}lut13_select")];
                // The library deals the mask of the entry twice: for the opening and for the selection.
                if count == n {
                    places.push(format!("{norm}lut13_first"));
                }
                places
            }
            (Some(norm), _) => vec![format!("{norm}lut13_first")],
        };
        for place in places {
            let stored = Stored {
                key,
                ..Stored::default()
            };
            sums.push((at(place), stored));
        }
    }
    for (place, more) in sums {
        let (name, sum) = &mut steps[place];
        if sum.key == 0 && more.key > 0 {
            sum.key += header(name, n);
        }
        sum.rounds += more.rounds;
        sum.sent += more.sent;
        sum.key += more.key;
    }
    steps
}

#[test]
fn every_step_stores_and_sends_what_the_original_does() {
    let mut reader = csv::Reader::from_reader(&include_bytes!("../../data/sigma_steps.csv")[..]);
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    let mut checked = 0;
    let mut lines: Vec<[String; 3]> = Vec::new();
    for (model, seq_len, bits) in [
        ("bert-base", 8, 50),
        ("bert-base", 32, 50),
        ("bert-base", 128, 50),
        ("bert-tiny", 128, 37),
    ] {
        let ours = stored(&workload(model, seq_len, bits));
        let theirs = rows
            .iter()
            .filter(|row| (&row[0], &row[1]) == (model, seq_len.to_string().as_str()));
        let theirs: Vec<_> = theirs
            .map(|row| {
                let number = |i: usize| row[i].parse::<u64>().unwrap();
                let stored = Stored {
                    rounds: number(4),
                    sent: number(5),
                    key: number(6),
                };
                (row[3].to_owned(), stored)
            })
            .collect();
        assert_eq!(ours.len(), theirs.len());
        for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "{model}, n = {seq_len}");
            checked += 1;
            if model != "bert-base" {
                continue;
            }
            let (name, step) = ours;
            if lines.len() <= i {
                lines.push([name.as_str(), "", ""].map(str::to_owned));
                lines[i][0] += " |";
            }
            // Exchanges that grow with the sequence are listed.
            let rounds = step.rounds.to_string();
            if !lines[i][0].ends_with(&format!(" {rounds}")) {
                let slash = if lines[i][0].ends_with('|') { "" } else { " /" };
                lines[i][0] += &format!("{slash} {rounds}");
            }
            lines[i][1] += &format!(" | {}", step.sent);
            lines[i][2] += &format!(" | {}", step.key);
        }
    }
    assert_eq!(checked, 4 * 34);
    let page = include_str!("../../../../docs/FIDELITY.md");
    for line in lines {
        let row = format!("| {} |", line.concat());
        assert!(page.contains(&row), "docs/FIDELITY.md lacks `{row}`");
    }
}

#[test]
fn whole_models_store_and_send_what_the_original_does() {
    let mut reader = csv::Reader::from_reader(&include_bytes!("../../data/sigma_bert.csv")[..]);
    let mut checked = 0;
    for row in reader.records().map(|row| row.unwrap()) {
        let number = |i: usize| row[i].parse::<u64>().unwrap();
        let (layers, hidden, seq_len) = (number(1), number(2), number(6));
        let steps = stored(&workload(&row[0], seq_len as usize, number(4)));
        let layer = |of: fn(&Stored) -> u64| steps.iter().map(|(_, step)| of(step)).sum::<u64>();
        // Both directions, and a byte in each to synchronize at the start.
        assert_eq!(number(7), 2 * (layers * layer(|s| s.sent) + 1), "{row:?}");
        // The mask of the output, and padding to the next page.
        let keys = layers * layer(|s| s.key) + 8 * hidden * seq_len;
        assert_eq!(number(8), keys + 4096 - keys % 4096, "{row:?}");
        assert_eq!(number(9), layers * layer(|s| s.rounds), "{row:?}");
        checked += 1;
    }
    assert_eq!(checked, 5);
}
