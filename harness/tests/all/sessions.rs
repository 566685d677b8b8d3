//! Several inputs after one set-up, each of its own length.

use crate::engine::checkpoint::Checkpoint;
use std::fs;
use std::process::Command;

fn infer(system: &str, texts: &[&str]) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("m")).unwrap();
    let mut checkpoint = Checkpoint::new("bert.", Some(3), "gelu");
    // Weights within what the series of fixed-point systems hold for.
    for (name, (_, values)) in &mut checkpoint.tensors {
        if name.contains("dense") || name.contains("self") {
            values.iter_mut().for_each(|x| *x *= 0.3);
        }
    }
    checkpoint.write(&dir.path().join("m"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_qbench"));
    command
        .current_dir(dir.path())
        .args(["infer", "--model", "m", "--weight-bits", "8"]);
    command.args(["--system", system]);
    if ["lut-mul", "lut-trunc"].contains(&system) {
        command.args(["--set", "index_bits=4"]);
    }
    for text in texts {
        command.args(["--text", text]);
    }
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}

/// The logits of each text.
fn logits(said: &str) -> Vec<Vec<f64>> {
    let lines = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("logits "));
    lines
        .map(|line| {
            let numbers = line.trim_matches(['[', ']']).split(", ");
            numbers.map(|number| number.parse().unwrap()).collect()
        })
        .collect()
}

#[test]
fn every_system_takes_another_input_after_one_set_up() {
    let texts = ["a b", "the cafe, playing!", "a", "a b"];
    for system in [
        "lut-rss",
        "lut-fine",
        "lut-mul",
        "crypten",
        "sigma",
        "fixed-trunc",
    ] {
        let said = infer(system, &texts).unwrap_or_else(|error| panic!("{system}: {error}"));
        assert_eq!(said.matches("setup ").count(), 1, "{said}");
        for (word, times) in [
            ("offline ", 4),
            ("online ", 4),
            ("largest difference to the same", 4),
        ] {
            assert_eq!(said.matches(word).count(), times, "{system}: {said}");
        }
        let together = logits(&said);
        assert_eq!(together.len(), 4);
        // Fixed-point systems come near floating point: alone, and after others.
        if ["crypten", "sigma", "fixed-trunc"].contains(&system) {
            let alone = logits(&infer(system, &["the cafe, playing!"]).unwrap());
            for (a, b) in together[1].iter().zip(&alone[0]) {
                assert!((a - b).abs() < 0.05, "{system}: {together:?}, {alone:?}");
            }
            for (a, b) in together[0].iter().zip(&together[3]) {
                assert!((a - b).abs() < 0.05, "{system}: {together:?}");
            }
        }
    }
}

/// Its weights carry a factor of the sequence length.
#[test]
fn a_system_that_sets_up_for_one_length_refuses_another() {
    let said = infer("lut-trunc", &["a b", "b a"]).unwrap();
    assert_eq!(logits(&said).len(), 2, "{said}");
    let error = infer("lut-trunc", &["a b", "the cafe, playing!"]).unwrap_err();
    assert!(
        error.contains("what `lut-trunc` shares at its set-up is of one length"),
        "{error}"
    );
}

#[test]
fn a_text_that_is_too_long_is_refused_before_anything_runs() {
    let long = "a ".repeat(20);
    let error = infer("lut-rss", &["a", &long]).unwrap_err();
    assert!(error.contains("takes at most 9"), "{error}");
    assert!(!error.contains("phase"), "{error}");
}
