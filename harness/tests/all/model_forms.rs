//! The quantized form of a checkpoint: always of the files that are there, kept where it is wanted, and never in the
//! place of what is somebody's.

use crate::engine::checkpoint::Checkpoint;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

fn infer(dir: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qbench"));
    command
        .args(["infer", "--model", "m", "--text", "A cafe"])
        .args(more)
        .current_dir(dir);
    command
}

/// The first logit, and what was said on standard error.
fn answer(dir: &Path, more: &[&str]) -> (f64, String) {
    let output = infer(dir, more).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("bit-exact"), "{said}");
    let (_, logits) = said.split_once("logits [").unwrap();
    (logits.split(',').next().unwrap().parse().unwrap(), errors)
}

/// The one line of an error.
fn refusal(dir: &Path, more: &[&str]) -> String {
    let output = infer(dir, more).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    let said: Vec<&str> = errors
        .lines()
        .filter(|l| !l.starts_with("quantizing"))
        .collect();
    assert_eq!(said.len(), 1, "{errors}");
    said[0].to_owned()
}

/// A folder `m` with a checkpoint in a new folder.
fn place() -> (tempfile::TempDir, Checkpoint) {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = Checkpoint::new("bert.", Some(3), "gelu");
    fs::create_dir(dir.path().join("m")).unwrap();
    checkpoint.write(&dir.path().join("m"));
    (dir, checkpoint)
}

/// Everything below a folder with its bytes.
fn contents(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

/// A bias so large that it is the answer, whatever the low bits are.
fn answers(checkpoint: &mut Checkpoint, logit: f32) {
    let bias = checkpoint.tensors.get_mut("classifier.bias").unwrap();
    bias.1.fill(logit);
}

#[test]
fn an_answer_is_always_of_the_files_that_are_there() {
    let (dir, mut checkpoint) = place();
    let (m, form) = (dir.path().join("m"), dir.path().join("m/qbench-model"));
    answers(&mut checkpoint, 50.0);
    checkpoint.write(&m);
    let (first, said) = answer(dir.path(), &[]);
    assert!(first > 40.0 && said.contains("(once)"), "{first} {said}");
    let (again, said) = answer(dir.path(), &[]);
    assert!(again > 40.0 && said.is_empty(), "{again} {said}");

    // Other weights, in a file of the same length.
    let mut forms = vec![contents(&form)];
    answers(&mut checkpoint, -50.0);
    checkpoint.write(&m);
    let (other, said) = answer(dir.path(), &[]);
    assert!(other < -40.0, "{other}");
    assert!(
        said.contains("again: what it was made of has changed"),
        "{said}"
    );
    forms.push(contents(&form));
    // Another configuration.
    checkpoint.config["hidden_act"] = json!("relu");
    checkpoint.write(&m);
    answer(dir.path(), &[]);
    forms.push(contents(&form));
    // Other tokens, from a file that was not there.
    fs::write(
        m.join("tokenizer_config.json"),
        "{\"do_lower_case\": false}",
    )
    .unwrap();
    answer(dir.path(), &[]);
    forms.push(contents(&form));
    for (i, one) in forms.iter().enumerate() {
        assert!(forms[..i].iter().all(|other| other != one), "form {i}");
    }
    // And all as it was at first.
    fs::remove_file(m.join("tokenizer_config.json")).unwrap();
    answers(&mut checkpoint, 50.0);
    checkpoint.config["hidden_act"] = json!("gelu");
    checkpoint.write(&m);
    assert!(answer(dir.path(), &[]).0 > 40.0);
    assert_eq!(contents(&form), forms[0]);
    // Exactly the files that there should be, and no drafts.
    assert_eq!(fs::read_dir(&m).unwrap().count(), 4);
    assert_eq!(fs::read_dir(&form).unwrap().count(), 4);

    // A checkpoint that is gone, in part or as a whole, has no answer; its form by its own name has.
    fs::remove_file(m.join("model.safetensors")).unwrap();
    let error = refusal(dir.path(), &[]);
    assert!(
        error.contains("model.safetensors: cannot be read"),
        "{error}"
    );
    fs::remove_file(m.join("config.json")).unwrap();
    let error = refusal(dir.path(), &[]);
    assert!(
        error.contains("holds no model") && error.contains("name qbench-model itself"),
        "{error}"
    );
    fs::rename(&m, dir.path().join("old")).unwrap();
    fs::rename(dir.path().join("old/qbench-model"), &m).unwrap();
    assert!(answer(dir.path(), &[]).0 > 40.0);
}

#[test]
fn the_form_goes_where_it_is_wanted() {
    let (dir, mut checkpoint) = place();
    let m = dir.path().join("m");
    let form = dir.path().join("forms/of/m");
    answer(dir.path(), &["--quantized", "forms/of/m"]);
    let first = contents(&form);
    assert!(!m.join("qbench-model").exists());
    checkpoint.config["hidden_act"] = json!("relu");
    checkpoint.write(&m);
    answer(dir.path(), &["--quantized", "forms/of/m"]);
    assert_ne!(contents(&form), first);
    // An empty folder is a place, also behind a link.
    fs::create_dir(dir.path().join("empty")).unwrap();
    std::os::unix::fs::symlink("empty", dir.path().join("link")).unwrap();
    answer(dir.path(), &["--quantized", "link"]);
    assert!(dir.path().join("empty/made.json").exists());

    for (place, expected) in [("m", "a folder of its own"), ("test.txt", "not taken")] {
        fs::write(dir.path().join("test.txt"), "somebody's").unwrap();
        let error = refusal(dir.path(), &["--quantized", place]);
        assert!(error.contains(expected), "{error}");
    }
    // A quantized model has no form.
    fs::remove_dir_all(&m).unwrap();
    fs::rename(dir.path().join("forms/of/m"), &m).unwrap();
    let error = refusal(dir.path(), &["--quantized", "x"]);
    assert!(error.contains("is quantized already"), "{error}");
    // Both in one folder: which is meant?
    checkpoint.write(&m);
    let error = refusal(dir.path(), &[]);
    assert!(error.contains("holds both"), "{error}");
}

#[test]
fn what_is_somebodys_is_refused_and_stays() {
    let (dir, mut checkpoint) = place();
    let form = dir.path().join("m/qbench-model");
    answer(dir.path(), &[]);
    let mut check = |what: &str, damage: &dyn Fn()| {
        damage();
        let before = contents(&form);
        // Whether the checkpoint has changed or not.
        for act in ["relu", "gelu"] {
            checkpoint.config["hidden_act"] = json!(act);
            checkpoint.write(&dir.path().join("m"));
            let error = refusal(dir.path(), &[]);
            assert!(
                error.contains("nor overwritten")
                    && error.contains("--quantized")
                    && error.contains(what),
                "{what}: {error}"
            );
            assert_eq!(contents(&form), before, "{what}");
        }
        fs::remove_dir_all(&form).unwrap();
        answer(dir.path(), &[]);
    };
    let public = form.join("public.safetensors");
    let private = form.join("private.safetensors");
    let cut = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    check("its public.safetensors is not what was made", &|| {
        cut(&public)
    });
    check("its private.safetensors is not what was made", &|| {
        cut(&private)
    });
    check("private.safetensors", &|| {
        fs::remove_file(&private).unwrap()
    });
    check("its tokenizer.json is not", &|| {
        fs::write(form.join("tokenizer.json"), "{}").unwrap()
    });
    // A form of an earlier version, half a one, or a model that somebody has trained.
    check("no made.json", &|| {
        fs::remove_file(form.join("made.json")).unwrap()
    });
    check("no record", &|| {
        fs::write(form.join("made.json"), "{\"a\": 1}").unwrap()
    });
    check("no made.json", &|| {
        fs::remove_dir_all(&form).unwrap();
        fs::create_dir(&form).unwrap();
        fs::write(form.join("thesis.tex"), "\\begin").unwrap();
    });
    // A file beside is in nobody's way until the form is to be made again.
    fs::write(form.join("notes.txt"), "mine").unwrap();
    answer(dir.path(), &[]);
    checkpoint.config["hidden_act"] = json!("relu");
    checkpoint.write(&dir.path().join("m"));
    let error = refusal(dir.path(), &[]);
    assert!(error.contains("it also holds notes.txt"), "{error}");
}

#[test]
fn several_at_once_make_one_form() {
    let (dir, mut checkpoint) = place();
    let m = dir.path().join("m");
    for act in ["gelu", "relu"] {
        checkpoint.config["hidden_act"] = json!(act);
        checkpoint.write(&m);
        let spawn = || {
            let mut command = infer(dir.path(), &[]);
            command.stdout(std::process::Stdio::piped());
            command
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        };
        let children: Vec<_> = (0..4).map(|_| spawn()).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{errors}");
            assert!(
                String::from_utf8(output.stdout)
                    .unwrap()
                    .contains("bit-exact")
            );
        }
        let together = contents(&m.join("qbench-model"));
        fs::remove_dir_all(m.join("qbench-model")).unwrap();
        answer(dir.path(), &[]);
        assert_eq!(contents(&m.join("qbench-model")), together);
        // No drafts.
        assert_eq!(fs::read_dir(&m).unwrap().count(), 4);
    }
}

#[test]
fn a_folder_that_cannot_be_written_names_the_way_round() {
    let (dir, _) = place();
    let m = dir.path().join("m");
    let nobody = nix::unistd::geteuid().is_root().then_some(65_534);
    let run = |more: &[&str]| {
        let mut command = infer(dir.path(), more);
        if let Some(id) = nobody {
            command.uid(id).gid(id);
        }
        command.output()
    };
    fs::set_permissions(&m, fs::Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let Ok(output) = run(&[]) else {
        println!("skipped: nobody cannot run the binary where it is");
        return;
    };
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("cannot keep the quantized form in")
            && errors.contains("--quantized OTHER_DIR"),
        "{errors}"
    );
    // Found before anything is quantized.
    assert!(
        !errors.contains("quantizing") && errors.lines().count() == 1,
        "{errors}"
    );
    let output = run(&["--quantized", "elsewhere"]).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    // What is there already needs no writing.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let output = run(&["--quantized", "elsewhere"]).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_a_checkpoint_cannot_be_is_one_line() {
    for (change, expected) in [
        (("is_decoder", json!(true)), "`is_decoder` is `true`"),
        (
            ("architectures", json!(["BertForTokenClassification"])),
            "`BertForTokenClassification`",
        ),
        (("vocab_size", json!(16)), "expected shape [16, 12]"),
    ] {
        let (dir, mut checkpoint) = place();
        checkpoint.config[change.0] = change.1;
        checkpoint.write(&dir.path().join("m"));
        let error = refusal(dir.path(), &[]);
        assert!(error.contains(expected) && error.contains("m/"), "{error}");
        assert!(!dir.path().join("m/qbench-model").exists());
    }
    // Words that the model does not embed.
    let (dir, mut checkpoint) = place();
    checkpoint.config["vocab_size"] = json!(16);
    let words = checkpoint
        .tensors
        .get_mut("bert.embeddings.word_embeddings.weight")
        .unwrap();
    words.0[0] = 16;
    words.1.truncate(16 * 12);
    checkpoint.write(&dir.path().join("m"));
    let error = refusal(dir.path(), &[]);
    assert!(
        error.contains("the token `!` with id 16, but the model embeds 16 words"),
        "{error}"
    );
}
