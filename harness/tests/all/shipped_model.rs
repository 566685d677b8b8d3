//! The model that the repository has: right answers, through three processes, as README says.

use std::path::Path;
use std::process::Command;

const SENTENCES: [(&str, &str); 10] = [
    ("a gorgeous, witty film", "positive"),
    (
        "the plot makes no sense and the jokes fall flat",
        "negative",
    ),
    (
        "it moved me to tears, and then it made me laugh",
        "positive",
    ),
    ("a waste of a talented cast", "negative"),
    ("one of the best performances of the year", "positive"),
    ("dull, loud and far too long", "negative"),
    ("warm, clever and surprisingly wise", "positive"),
    ("the worst sequel that i have ever seen", "negative"),
    ("a thrilling ride from beginning to end", "positive"),
    ("a lifeless remake that nobody asked for", "negative"),
];

#[test]
fn ten_sentences_get_their_labels() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/sst2");
    let mut command = Command::new(env!("CARGO_BIN_EXE_qbench"));
    command.args(["infer", "--model", model.to_str().unwrap()]);
    for (text, _) in SENTENCES {
        command.args(["--text", text]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut parts = said.split('`').skip(1);
    for (text, label) in SENTENCES {
        assert_eq!(parts.next(), Some(text));
        let answer = parts.next().unwrap();
        // What it was trained for is taken without a word.
        assert!(answer.contains(" tokens, lut-rss on none"), "{answer}");
        let line = answer.lines().find(|line| line.contains(" %, ")).unwrap();
        assert!(line.trim().starts_with(label), "`{text}`: {line}");
    }
}
