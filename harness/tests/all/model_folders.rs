//! Model folders under a run: rows stand under the cell of the weights that were used, whatever becomes of the folder.

use crate::engine::checkpoint::Checkpoint;
use crate::support::{Place, said, scenario};
use std::fs;
use std::path::{Path, PathBuf};

fn qbench_in(place: &Place, arguments: &[&str]) -> String {
    let output = place.output(arguments);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// A scenario on the model folder `model`, and two quantized models: `model` and `other`, of one architecture and name.
fn place(repetitions: usize) -> Place {
    let text = scenario("lut-rss", "")
        .replace("preset = \"bert-tiny\"", "dir = \"model\"")
        .replace("repetitions = 1", &format!("repetitions = {repetitions}"));
    let place = Place::of_qbench(&text);
    for (name, factor) in [("model", 1.0), ("other", 0.5)] {
        let mut checkpoint = Checkpoint::new("", Some(2), "relu");
        for value in &mut checkpoint.tensors.get_mut("classifier.weight").unwrap().1 {
            *value *= factor;
        }
        let folder = place.path("made").join(name).join("same");
        fs::create_dir_all(&folder).unwrap();
        checkpoint.write(&folder);
        let model = folder.to_str().unwrap();
        qbench_in(
            &place,
            &[
                "infer",
                "--model",
                model,
                "--text",
                "a",
                "--quantized",
                name,
            ],
        );
    }
    place
}

fn replace(from: &Path, to: &Path) {
    let draft = to.with_extension("new");
    fs::copy(from, &draft).unwrap();
    fs::rename(&draft, to).unwrap();
}

/// Changes the folder in the first repetition of many; the last row is the error, and those before are sound.
fn changed_under_a_run(change: impl FnOnce(PathBuf, PathBuf), expected: &str) {
    let place = place(100);
    let mut running = place.start(&[]);
    running.until("phase online");
    change(place.path("model"), place.path("other"));
    let (log, code) = running.finish();
    assert_eq!(code, Some(1), "{log}");
    let rows = place.rows();
    let (last, before) = rows.split_last().unwrap();
    let error = &last["error"];
    assert!(
        error.contains("has changed since this command began") && error.contains(expected),
        "{error}"
    );
    assert!(before.iter().all(|row| row["error"].is_empty()), "{rows:?}");
}

#[test]
fn both_files_replaced() {
    changed_under_a_run(
        |model, other| {
            for name in ["public.safetensors", "private.safetensors"] {
                replace(&other.join(name), &model.join(name));
            }
        },
        "its files were ",
    );
}

#[test]
fn the_private_file_replaced() {
    let name = "private.safetensors";
    changed_under_a_run(
        |model, other| replace(&other.join(name), &model.join(name)),
        "its files were ",
    );
}

#[test]
fn the_public_file_replaced() {
    let name = "public.safetensors";
    changed_under_a_run(
        |model, other| replace(&other.join(name), &model.join(name)),
        "its files were ",
    );
}

#[test]
fn the_folder_removed() {
    changed_under_a_run(
        |model, _| fs::rename(&model, model.with_extension("away")).unwrap(),
        "cannot read",
    );
}

#[test]
fn files_of_two_models_are_refused_at_once() {
    let place = place(1);
    replace(
        &place.path("other/public.safetensors"),
        &place.path("model/public.safetensors"),
    );
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("are of different models"),
        "{}",
        said(&output)
    );
    assert!(!place.path("out/runs.csv").exists());
}

#[test]
fn synthetic_models_that_were_damaged_between_starts_are_written_again() {
    let place = Place::of_qbench(&scenario("lut-rss", ""));
    let sound = |repetitions: usize| {
        let output = place.run(&["--set", &format!("run.repetitions={repetitions}")]);
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(place.rows().len(), repetitions);
    };
    sound(1);
    let model = place.path("out/models/bert-tiny-1");
    let (public, private) = (
        model.join("public.safetensors"),
        model.join("private.safetensors"),
    );
    let before = [fs::read(&public).unwrap(), fs::read(&private).unwrap()];
    fs::write(&private, &before[1][..1000]).unwrap();
    sound(2);
    fs::write(&public, "").unwrap();
    sound(3);
    fs::remove_file(&private).unwrap();
    sound(4);
    // Another seed's: as long, and sound by itself.
    let text = scenario("lut-rss", "seed = 2\n");
    fs::write(place.path("seed.toml"), text).unwrap();
    qbench_in(&place, &["run", "seed.toml", "--out", "seed"]);
    replace(
        &place.path("seed/models/bert-tiny-2/private.safetensors"),
        &private,
    );
    sound(5);
    assert_eq!(
        before,
        [fs::read(&public).unwrap(), fs::read(&private).unwrap()]
    );
}

#[test]
fn a_checkpoint_is_a_model_for_scenarios_and_cost_too() {
    let text = scenario("lut-rss", "").replace("preset = \"bert-tiny\"", "dir = \"m\"");
    let place = Place::of_qbench(&text);
    fs::create_dir(place.path("m")).unwrap();
    let mut checkpoint = Checkpoint::new("bert.", Some(2), "gelu");
    checkpoint.write(&place.path("m"));
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("quantizing"), "{}", said(&output));
    let rows = place.rows();
    assert!(rows[0]["verified"].contains("bit-exact") && rows[0]["activation"] == "gelu");
    let cost = ["cost", "--system", "lut-rss", "--model", "m", "--seq", "8"];
    assert!(qbench_in(&place, &cost).contains("with gelu, n = 8"));
    // Other weights are another plan, which has rows of its own.
    checkpoint.tensors.get_mut("classifier.bias").unwrap().1[0] = 3.0;
    checkpoint.write(&place.path("m"));
    let output = place.run(&[]);
    assert!(
        said(&output).contains("holds a run of another plan"),
        "{}",
        said(&output)
    );
    checkpoint.config["is_decoder"] = true.into();
    checkpoint.write(&place.path("m"));
    let output = place.run(&[]);
    assert!(
        said(&output).contains("`is_decoder` is `true`"),
        "{}",
        said(&output)
    );
}
