//! Exchanges, one by one, and how settings change them.

use super::piece::Piece;
use super::{books, workload};

#[test]
fn exchanges_are_the_originals_in_order_elements_and_width() {
    let trace: serde_json::Value =
        serde_json::from_str(include_str!("../../data/sigma_trace.json")).unwrap();
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
