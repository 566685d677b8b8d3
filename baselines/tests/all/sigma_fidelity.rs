//! `sigma` against the original: the exchanges of a layer in order, elements and width; closed forms of bits; and what the original
//! stores and sends, to the byte, computed from our counts.

use qbench_baselines::fixed_point::Secret;
use qbench_baselines::sigma::system::SigmaSystem;
use qbench_protocols::cost::CostBook;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::phase::Phase;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::system::{Known, System, WalkedSystem, Workload};

/// A model as the original's files name it, in its ring, without a head.
fn workload(name: &str, seq_len: usize, ring_bits: u64) -> Workload {
    let model = ModelConfig {
        head: Head::Hidden,
        activation: ActivationFunction::Gelu,
        ..ModelConfig::preset(name).unwrap()
    };
    Workload::new(model, seq_len).with("ring_bits", ring_bits)
}

/// The cost walk's books of offline and online.
fn books(workload: &Workload) -> [CostBook; 2] {
    let plan = WalkedSystem::plan(&SigmaSystem, workload).unwrap();
    let mut secret = Secret::default();
    let mut setup = CostBook::default();
    let mut runtime = Runtime::declared(&mut setup, Phase::Setup);
    let weights = SigmaSystem
        .share_weights(&mut runtime, &plan, &mut secret)
        .unwrap();
    [Phase::Offline, Phase::Online].map(|phase| {
        let mut book = CostBook::default();
        let known = Known {
            secret: &secret,
            weights: &weights,
            record: false,
        };
        SigmaSystem
            .walk(Runtime::declared(&mut book, phase), &plan, known)
            .unwrap();
        book
    })
}

/// The original's name of a step of ours within a layer, if it is part of one.
fn step_of(label: &str) -> Option<String> {
    let (_, part) = label.strip_prefix("layer")?.split_once('/')?;
    let names = [
        ("attention/query-key-value", "qkv"),
        ("attention/scores", "qk"),
        ("attention/softmax/max", "softmax/max"),
        ("attention/softmax/exp/clip", "softmax/exp_clip"),
        ("attention/softmax/exp/lower-table", "softmax/exp_lut_lsb"),
        ("attention/softmax/exp/upper-table", "softmax/exp_lut_msb"),
        ("attention/softmax/exp/upper", "softmax/exp_tr16_8"),
        ("attention/softmax/exp/product", "softmax/exp_mul"),
        ("attention/softmax/inverse/index", "softmax/inv_tr"),
        ("attention/softmax/inverse", "softmax/inv_lut"),
        ("attention/softmax/product", "softmax/out_mul"),
        ("attention/context", "pv"),
        ("attention/output", "proj"),
        ("feed-forward/in", "ff1"),
        ("feed-forward/activation/drop", "gelu/tr"),
        ("feed-forward/activation/range", "gelu/drelu+ic"),
        ("feed-forward/activation/mux", "gelu/mux"),
        ("feed-forward/activation/table", "gelu/lut"),
        ("feed-forward/activation/select", "gelu/select+open"),
        ("feed-forward/out", "ff2"),
    ];
    let norms = [
        ("mean", "mu_ars"),
        ("squares", "sq_sum_open"),
        ("rsqrt/exponent", "f2bf16"),
        ("rsqrt/normalize", "f2bf16"),
        ("rsqrt/index", "f2bf16"),
        ("rsqrt/table", "lut13"),
        ("normalize", "mul1"),
        ("scale", "mul2"),
    ];
    let starts = |prefix: &str| {
        part.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some((_, name)) = names.iter().find(|(ours, _)| starts(ours)) {
        return Some((*name).to_owned());
    }
    let (norm, rest) = [
        ("ln1", "attention/add-and-norm/"),
        ("ln2", "feed-forward/add-and-norm/"),
    ]
    .iter()
    .find_map(|(norm, prefix)| Some((norm, part.strip_prefix(prefix)?)))
    .unwrap_or_else(|| panic!("step `{label}`"));
    let (_, name) = norms
        .iter()
        .find(|(ours, _)| {
            rest == *ours || rest.strip_prefix(ours).is_some_and(|r| r.starts_with('/'))
        })
        .unwrap_or_else(|| panic!("step `{label}`"));
    Some(format!("{norm}/{name}"))
}

/// What the store calls a piece, read back.
enum Piece {
    Words { count: u64, bits: u64 },
    Comparisons { count: u64, bits: u64 },
    Tables { count: u64, bits: u64 },
    RingComparisons { count: u64, bits: u64, out: u64 },
}

impl Piece {
    fn read(kind: &str) -> Self {
        let numbers: Vec<u64> = kind.split(' ').filter_map(|w| w.parse().ok()).collect();
        match numbers[..] {
            [count, bits, out] => Self::RingComparisons { count, bits, out },
            [count, bits] if kind.contains("words") => Self::Words { count, bits },
            [count, bits] if kind.ends_with("comparisons") => Self::Comparisons { count, bits },
            [count, bits] if kind.ends_with("tables") => Self::Tables { count, bits },
            _ => panic!("piece `{kind}`"),
        }
    }

    /// True width.
    fn bits(&self) -> u64 {
        let key = |bits: u64| match bits {
            8.. => 129 * (bits - 7) + 256,
            _ => 1 << bits,
        };
        match *self {
            Self::Words { count, bits } => count * bits,
            Self::Comparisons { count, bits } | Self::Tables { count, bits } => count * key(bits),
            Self::RingComparisons { count, bits, out } => count * (128 + bits * (129 + out) + out),
        }
    }

    /// As the program for GPUs stores it: machine words, bits by the 32, and headers of its keys.
    fn stored(&self) -> u64 {
        match *self {
            Self::Words { count, bits: 1 } => 4 * count.div_ceil(32),
            Self::Words { count, bits } => count * word_bytes(bits),
            Self::Comparisons {
                count,
                bits: bits @ ..=7,
            } => 8 + count * (1 << bits.saturating_sub(3)),
            Self::Comparisons { count, bits } => {
                24 + count * (bits - 5) * 16 + 4 * count.div_ceil(32) * (bits - 7)
            }
            Self::Tables { count, bits } => 24 + count * (bits - 5) * 16 + 4 * count,
            Self::RingComparisons { count, bits, out } => {
                count * ((bits + 1) * (16 + word_bytes(out)) + 8)
            }
        }
    }

    /// As its library for processors does, which takes the reciprocal square roots: bits of a key by the byte.
    fn stored_by_library(&self) -> u64 {
        match *self {
            Self::Words { count, bits: 1 } => count,
            Self::Tables { count, bits } => count * ((bits - 5) * 16 + 2 * (bits - 7)),
            _ => self.stored(),
        }
    }
}

fn word_bytes(bits: u64) -> u64 {
    match bits {
        ..=8 => 1,
        9..=16 => 2,
        _ => 8,
    }
}

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
        if let Some(norm) = step.strip_suffix("lut13") {
            // The library deals the mask of the entry twice: for the opening and for the selection.
            let (first, select) = (
                at(format!("{norm}lut13_first")),
                at(format!("{norm}lut13_select")),
            );
            let key = piece.stored_by_library();
            match piece {
                Piece::Words { count, bits } if bits > 1 && count == n => {
                    sums.push((
                        first,
                        Stored {
                            key,
                            ..Stored::default()
                        },
                    ));
                    sums.push((
                        select,
                        Stored {
                            key,
                            ..Stored::default()
                        },
                    ));
                }
                Piece::Words { bits, .. } if bits > 1 => {
                    sums.push((
                        select,
                        Stored {
                            key,
                            ..Stored::default()
                        },
                    ));
                }
                _ => sums.push((
                    first,
                    Stored {
                        key,
                        ..Stored::default()
                    },
                )),
            }
            continue;
        }
        let key = match step.contains("f2bf16") {
            true => piece.stored_by_library(),
            false => piece.stored(),
        };
        sums.push((
            at(step),
            Stored {
                key,
                ..Stored::default()
            },
        ));
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

/// The original's name of a step of the first layer.
fn first_layer(label: &str) -> Option<String> {
    label.starts_with("layer0/").then(|| step_of(label))?
}

#[test]
fn every_step_stores_and_sends_what_the_original_does() {
    let mut reader = csv::Reader::from_reader(&include_bytes!("../data/sigma_steps.csv")[..]);
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
    let page = include_str!("../../../docs/FIDELITY.md");
    for line in lines {
        let row = format!("| {} |", line.concat());
        assert!(page.contains(&row), "docs/FIDELITY.md lacks `{row}`");
    }
}

#[test]
fn whole_models_store_and_send_what_the_original_does() {
    let mut reader = csv::Reader::from_reader(&include_bytes!("../data/sigma_bert.csv")[..]);
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

#[test]
fn exchanges_are_the_originals_in_order_elements_and_width() {
    let trace: serde_json::Value =
        serde_json::from_str(include_str!("../data/sigma_trace.json")).unwrap();
    for seq_len in [8, 32, 128] {
        let [_, online] = books(&workload("bert-base", seq_len, 50));
        let ours = online
            .openings()
            .iter()
            .filter(|opening| opening.step.starts_with("layer3/"))
            .map(|opening| {
                let elements = opening.parts[0].0 as u64;
                assert!(opening.parts.iter().all(|part| part.0 as u64 == elements));
                (
                    elements,
                    opening.parts.iter().map(|part| u64::from(part.1)).sum(),
                )
            });
        let theirs = trace["gpu_layer"][seq_len.to_string()].as_array().unwrap();
        let theirs = theirs
            .iter()
            .map(|entry| (entry[1].as_u64().unwrap(), entry[2].as_u64().unwrap()));
        let (ours, theirs): (Vec<_>, Vec<(u64, u64)>) = (ours.collect(), theirs.collect());
        assert_eq!(ours, theirs, "n = {seq_len}");
        assert_eq!(ours.len(), 90 + 2 * seq_len.ilog2() as usize);
    }
}

/// Merged exchanges are fewer and open the same; GELU as for processors takes two more.
#[test]
fn settings_change_exchanges_alone() {
    let rounds = |key: &str, value: &str| {
        let [offline, online] = books(&workload("bert-base", 32, 50).with(key, value));
        let layer = |step: &str| step.starts_with("layer1/");
        let openings = online.openings().iter().filter(|o| layer(&o.step));
        let sent: usize = openings
            .clone()
            .flat_map(|o| &o.parts)
            .map(|(count, bits)| count * *bits as usize)
            .sum();
        let dealt: u64 = offline
            .keys()
            .iter()
            .map(|k| Piece::read(&k.kind).bits())
            .sum();
        (openings.count(), sent, dealt)
    };
    let (original, sent, dealt) = rounds("exchanges", "original");
    assert_eq!(original, 100);
    assert_eq!(rounds("exchanges", "merged"), (94, sent, dealt));
    let (exact, _, _) = rounds("mean", "exact");
    assert_eq!(exact, 100);
    assert_eq!(rounds("gelu", "cpu").0, 102);
}

/// Bits at true width: the closed forms of the design, gate by gate and whole models.
#[test]
fn bits_are_the_closed_forms() {
    let (n, f) = (50u64, 12u64);
    let m = n - f;
    let key = |bits: u64| {
        if bits > 7 {
            129 * (bits - 7) + 256
        } else {
            1 << bits
        }
    };
    let ars = |s: u64| key(s) + key(n - s) + 2 + 2 * (n - s) + 2 * n;
    for k in [8u64, 32, 64, 128] {
        let [offline, online] = books(&workload("bert-base", k as usize, n));
        let sent = |name: &str| -> u64 {
            let openings = online
                .openings()
                .iter()
                .filter(|o| o.step.starts_with("layer0/"));
            let openings = openings.filter(|o| step_of(&o.step).unwrap().starts_with(name));
            let parts = openings.flat_map(|o| &o.parts);
            2 * parts
                .map(|(count, bits)| *count as u64 * u64::from(*bits))
                .sum::<u64>()
        };
        let dealt = |name: &str| -> u64 {
            let keys = offline
                .keys()
                .iter()
                .filter(|k| k.step.starts_with("layer0/"));
            let keys = keys.filter(|k| step_of(&k.step).unwrap().starts_with(name));
            keys.map(|k| Piece::read(&k.kind).bits()).sum()
        };
        let (h, ff, heads) = (768u64, 3072u64, 12u64);
        // Products with a faithful shift.
        let matmul = |outputs: u64, s: u64| outputs * (6 * n - 2 * s + 4);
        assert_eq!(sent("qkv"), matmul(3 * k * h, f));
        assert_eq!(
            sent("qk"),
            matmul(3 * k * h, f) + matmul(heads * k * k, f + 3)
        );
        assert_eq!(
            dealt("qkv"),
            n * (k * h + 3 * h * h + 3 * k * h) + 3 * k * h * ars(f)
        );
        assert_eq!(
            dealt("ff1"),
            n * (k * h + h * ff + k * ff) + k * ff * ars(f)
        );
        assert_eq!(
            dealt("pv"),
            n * (heads * k * k + 2 * k * h) + k * h * ars(f)
        );
        // Softmax, a row.
        let levels = u64::from(k.ilog2());
        let q = f - 6 + levels;
        let row = (k - 1) * 2 * (m + 3) + k * (16 * n + 60) + 2 * q + 4 * n + 4;
        assert_eq!(sent("softmax"), heads * k * row);
        let table = |b: u64, l: u64| key(b) + 1 + 5 * l;
        let relu = |w: u64, v: u64| key(w - 1) + 1 + 5 * v;
        let gap = |s: u64, v: u64| key(s) + 1 + 3 * v;
        let element = relu(m + 2, 16) + 2 * table(8, n) + gap(8, 8) + 3 * n + gap(f, n);
        let row = (k - 1) * relu(m + 1, m + 2)
            + k * element
            + gap(6, q)
            + table(q, n)
            + k * (2 * n + gap(f, n))
            + n;
        assert_eq!(dealt("softmax"), heads * k * row);
        // GELU.
        assert_eq!(sent("gelu"), k * ff * (2 * (m - f) + 4 * n + 38));
        let x = m - f + 7;
        let gelu = 64 + 3 * x + key(x - 1) + 67 + key(8) + 1 + 10 * n;
        assert_eq!(dealt("gelu"), k * ff * gelu);
        // LayerNorm, a row.
        let row = 2 * (2 * n - f + 2) + 2 * n + (10 * n + 28) + h * (8 * n + 4);
        assert_eq!(sent("ln1"), k * row);
        assert_eq!(sent("ln2"), k * row);
    }
    // Twelve layers: bytes online, both directions, and keys.
    for (k, online_bytes) in [
        (32, Some(198_341_376u64)),
        (64, None),
        (128, Some(1_062_334_464)),
    ] {
        let declared = SigmaSystem.cost(&workload("bert-base", k, n)).unwrap();
        let bytes = declared.online.bytes();
        // But for P1's input.
        let input = (k * 768 * n as usize / 8) as u64;
        if let Some(expected) = online_bytes {
            assert_eq!(bytes[1][2] - input + bytes[2][1], expected, "n = {k}");
        }
        let keys = declared.material_bytes[2] as f64 / 2f64.powi(30);
        let expected = [3.470, 7.076, 16.180][[32, 64, 128].iter().position(|n| *n == k).unwrap()];
        // The sums that we know from elsewhere are less by a bit or two a comparison.
        assert!(
            (0.0..1e-3).contains(&(keys / expected - 1.0)),
            "{keys} GiB at n = {k}"
        );
        assert!(declared.material_bytes[1] < declared.material_bytes[2]);
        assert_eq!(declared.material_bytes[0], 0);
    }
}
