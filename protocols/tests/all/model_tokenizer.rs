//! The tokenizer, and what stands beside it in a checkpoint: ids are the original's, or the difference is named.

use crate::support::{self, Checkpoint, VOCABULARY};
use qbench_tokenizer::{TOKENIZER_FILE, Tokenizer};
use serde_json::{Value, json};
use std::fs;

#[test]
fn the_tokenizer_frames_splits_and_neither_pads_nor_truncates() {
    let dir = tempfile::tempdir().unwrap();
    Checkpoint::new("", None, "gelu").write(dir.path());
    let tokenizer = Tokenizer::load(dir.path()).unwrap();
    // Lower case, accents stripped, punctuation apart, the longest piece first, [UNK] for the rest.
    let ids = tokenizer.encode("Playing the abc, CAFÉ zzz!").unwrap();
    assert_eq!(ids, [2, 10, 11, 12, 5, 8, 9, 14, 15, 1, 16, 3]);
    assert_eq!(tokenizer.encode("a").unwrap(), [2, 5, 3]);

    // Written into a model folder it stands for itself.
    let copy = tempfile::tempdir().unwrap();
    fs::write(
        copy.path().join(TOKENIZER_FILE),
        tokenizer.to_json().unwrap(),
    )
    .unwrap();
    let copied = Tokenizer::load(copy.path()).unwrap();
    assert_eq!(copied.encode("Playing the abc, CAFÉ zzz!").unwrap(), ids);
}

#[test]
fn broken_tokenizers_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let fault = |content: Option<String>| {
        if let Some(content) = content {
            fs::write(dir.path().join("tokenizer.json"), content).unwrap();
        }
        match Tokenizer::load(dir.path()) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("loaded"),
        }
    };
    assert!(fault(None).contains("cannot be read"));
    let whole = support::tokenizer();
    let text = whole.to_string();
    assert!(fault(Some(text[..text.len() / 2].into())).contains("is cut short or not a tokenizer"));
    let mut bare = whole.clone();
    bare["post_processor"] = json!(null);
    assert!(fault(Some(bare.to_string())).contains("does not frame a text with [CLS] and [SEP]"));
    let mut other = whole;
    other["model"] = json!({"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"});
    assert!(fault(Some(other.to_string())).contains("another kind of tokenizer than WordPiece"));
}

/// The ids of a text, or the error, with what is written beside and into `tokenizer.json`.
fn ids(
    beside: &[(&str, Value)],
    change: impl FnOnce(&mut Value),
    text: &str,
) -> Result<Vec<u32>, String> {
    let dir = tempfile::tempdir().unwrap();
    let mut tokenizer = support::tokenizer();
    change(&mut tokenizer);
    fs::write(dir.path().join(TOKENIZER_FILE), tokenizer.to_string()).unwrap();
    for (name, value) in beside {
        fs::write(dir.path().join(name), value.to_string()).unwrap();
    }
    let tokenizer = Tokenizer::of_checkpoint(dir.path()).map_err(|e| e.to_string())?;
    Ok(tokenizer.encode(text).unwrap())
}

const CONFIG: &str = "tokenizer_config.json";
const LOWER: [u32; 4] = [2, 5, 15, 3];
const AS_WRITTEN: [u32; 4] = [2, 1, 1, 3];

#[test]
fn settings_beside_the_tokenizer_win_over_it() {
    let with = |config: Value| ids(&[(CONFIG, config)], |_| {}, "A CAFÉ").unwrap();
    assert_eq!(ids(&[], |_| {}, "A CAFÉ").unwrap(), LOWER);
    assert_eq!(with(json!({})), LOWER);
    assert_eq!(
        with(json!({"tokenizer_class": "BertTokenizer", "do_lower_case": true})),
        LOWER
    );
    assert_eq!(with(json!({"do_lower_case": false})), AS_WRITTEN);
    // Lower-cased with its accent, which no word has.
    assert_eq!(with(json!({"strip_accents": false})), [2, 5, 1, 3]);
    assert_eq!(with(json!({"strip_accents": null})), LOWER);
    // Classes that take the file as it is have none of these settings.
    for class in ["PreTrainedTokenizerFast", "TokenizersBackend"] {
        let config = json!({"tokenizer_class": class, "do_lower_case": false});
        assert_eq!(with(config), LOWER);
    }
    let chinese = |config: Value| ids(&[(CONFIG, config)], |_| {}, "a\u{4e2d}b").unwrap();
    assert_eq!(chinese(json!({})), [2, 5, 1, 6, 3]);
    assert_eq!(chinese(json!({"tokenize_chinese_chars": false})), [2, 1, 3]);

    // And the other way round: a file that keeps the case, where the settings lower it.
    let cased = |t: &mut Value| t["normalizer"]["lowercase"] = json!(false);
    let lowers = json!({"do_lower_case": true});
    assert_eq!(ids(&[(CONFIG, lowers)], cased, "A CAFÉ").unwrap(), LOWER);
    let keeps = json!({"do_lower_case": false});
    assert_eq!(
        ids(&[(CONFIG, keeps)], cased, "A CAFÉ").unwrap(),
        AS_WRITTEN
    );
}

#[test]
fn what_no_setting_decides_is_refused() {
    let nothing = |_: &mut Value| {};
    for beside in [
        vec![],
        vec![(CONFIG, json!({"tokenizer_class": "BertTokenizer"}))],
    ] {
        for (key, value, named) in [
            ("lowercase", false, "\"do_lower_case\": false"),
            ("strip_accents", false, "\"strip_accents\": false"),
            (
                "handle_chinese_chars",
                false,
                "\"tokenize_chinese_chars\": false",
            ),
        ] {
            let error = ids(&beside, |t| t["normalizer"][key] = json!(value), "a").unwrap_err();
            assert!(
                error.contains(named) && error.contains("write the one that is meant"),
                "{error}"
            );
        }
    }
    let error = ids(&[], |t| t["normalizer"] = json!({"type": "Lowercase"}), "a").unwrap_err();
    assert!(error.contains("another normalizer"), "{error}");
    type Change = fn(&mut Value);
    let others: [(Change, &str); 4] = [
        (
            |t| t["pre_tokenizer"] = json!({"type": "WhitespaceSplit"}),
            "another pre-tokenizer",
        ),
        (
            |t| t["normalizer"]["clean_text"] = json!(false),
            "another `clean_text`",
        ),
        (
            |t| t["model"]["continuing_subword_prefix"] = json!("@@"),
            "another prefix",
        ),
        (
            |t| t["model"]["max_input_chars_per_word"] = json!(3),
            "longest word of pieces",
        ),
    ];
    for (change, expected) in others {
        let error = ids(&[], change, "a").unwrap_err();
        assert!(error.contains(expected), "{error}");
        let as_it_is = json!({"tokenizer_class": "PreTrainedTokenizerFast"});
        ids(&[(CONFIG, as_it_is)], change, "a").unwrap();
    }
    let japanese = json!({"model_type": "bert", "tokenizer_class": "BertJapaneseTokenizer"});
    let error = ids(&[("config.json", japanese)], nothing, "a").unwrap_err();
    assert!(
        error.contains("config.json: `tokenizer_class` is `BertJapaneseTokenizer`"),
        "{error}"
    );
    let as_it_is = json!({"tokenizer_class": "PreTrainedTokenizerFast"});
    ids(
        &[(CONFIG, as_it_is)],
        |t| t["normalizer"] = json!({"type": "Lowercase"}),
        "a",
    )
    .unwrap();

    for (file, value, expected) in [
        (
            CONFIG,
            json!({"tokenizer_class": "BertJapaneseTokenizer"}),
            "`tokenizer_class` is `BertJapaneseTokenizer`",
        ),
        (
            CONFIG,
            json!({"tokenizer_class": "AlbertTokenizerFast"}),
            "`AlbertTokenizerFast`, expected BertTokenizer",
        ),
        (
            CONFIG,
            json!({"tokenizer_class": "RobertaTokenizerFast"}),
            "has another pre-tokenizer than RobertaTokenizer",
        ),
        (
            CONFIG,
            json!({"tokenizer_class": "MPNetTokenizerFast"}),
            "does not frame a text with <s> and </s>",
        ),
        (
            CONFIG,
            json!({"tokenizer_class": 3}),
            "`tokenizer_class` is `no name`",
        ),
        (
            CONFIG,
            json!({"do_lower_case": "no"}),
            "`do_lower_case` is `\"no\"`, expected true or false",
        ),
        (
            CONFIG,
            json!({"split_special_tokens": true}),
            "`split_special_tokens` is true",
        ),
        (
            CONFIG,
            json!({"cls_token": "<s>"}),
            "does not frame a text with <s> and [SEP]",
        ),
        (
            CONFIG,
            json!({"sep_token": {"content": "</s>"}}),
            "does not frame a text with [CLS] and </s>",
        ),
        (
            CONFIG,
            json!({"unk_token": "<unk>"}),
            "`unk_token` is `<unk>`, but tokenizer.json has `[UNK]`",
        ),
        (
            "special_tokens_map.json",
            json!({"unk_token": {"content": "<unk>"}}),
            "`unk_token` is `<unk>`",
        ),
        (
            "special_tokens_map.json",
            json!({"cls_token": "<s>"}),
            "does not frame a text with <s>",
        ),
        (
            CONFIG,
            json!({"added_tokens_decoder": {"17": {"content": "[ENT]"}}}),
            "adds the token `[ENT]` with id 17",
        ),
        (
            CONFIG,
            json!({"added_tokens_decoder": {"9": {"content": "[CLS]"}}}),
            "adds the token `[CLS]` with id 9",
        ),
        (
            CONFIG,
            json!({"additional_special_tokens": ["[ENT]"]}),
            "adds the token `[ENT]`, which",
        ),
        (
            "added_tokens.json",
            json!({"[ENT]": 17}),
            "added_tokens.json: adds the token `[ENT]` with id 17",
        ),
        (CONFIG, json!([1]), "is cut short or no JSON object"),
    ] {
        let error = ids(&[(file, value)], nothing, "a").unwrap_err();
        assert!(
            error.contains(expected),
            "expected `{expected}` in `{error}`"
        );
    }
    let differ = [
        (CONFIG, json!({"cls_token": "[CLS]"})),
        ("special_tokens_map.json", json!({"cls_token": "<s>"})),
    ];
    let error = ids(&differ, nothing, "a").unwrap_err();
    assert!(
        error.contains("`cls_token` is `[CLS]`, but special_tokens_map.json says `<s>`"),
        "{error}"
    );
    let error = ids(
        &[],
        |t| t["post_processor"]["single"][1]["Sequence"]["type_id"] = json!(1),
        "a",
    );
    assert!(error.unwrap_err().contains("token types other than 0"));
}

#[test]
fn agreeing_files_are_read() {
    let names =
        json!({"cls_token": "[CLS]", "sep_token": {"content": "[SEP]"}, "unk_token": "[UNK]"});
    let mut config = names.clone();
    config["added_tokens_decoder"] = json!({"2": {"content": "[CLS]", "special": true}});
    config["model_max_length"] = json!(512);
    config["additional_special_tokens"] = json!([]);
    let beside = [
        (CONFIG, config),
        ("special_tokens_map.json", names),
        ("added_tokens.json", json!({"[MASK]": 4})),
    ];
    assert_eq!(ids(&beside, |_| {}, "A CAFÉ").unwrap(), LOWER);
}

/// MPNet's tokens are BERT's in another frame, which its class has by itself.
#[test]
fn the_class_says_how_a_text_is_framed() {
    let framed_by_s = |t: &mut Value| {
        for (id, word) in [(2, "<s>"), (3, "</s>")] {
            let old = ["[CLS]", "[SEP]"][id - 2];
            let vocabulary = t["model"]["vocab"].as_object_mut().unwrap();
            vocabulary.remove(old);
            vocabulary.insert(word.into(), json!(id));
            t["added_tokens"][id]["content"] = json!(word);
        }
        t["post_processor"] = json!({"type": "RobertaProcessing", "sep": ["</s>", 3], "cls": ["<s>", 2],
                                     "trim_offsets": true, "add_prefix_space": false});
    };
    let config = json!({"tokenizer_class": "MPNetTokenizer"});
    assert_eq!(
        ids(&[(CONFIG, config)], framed_by_s, "A CAFÉ").unwrap(),
        LOWER
    );
    // The model's kind says it where no class is named.
    let model = json!({"model_type": "mpnet"});
    assert_eq!(
        ids(&[("config.json", model)], framed_by_s, "A CAFÉ").unwrap(),
        LOWER
    );
    let error = ids(&[], framed_by_s, "a").unwrap_err();
    assert!(error.contains("does not frame a text with [CLS] and [SEP]"));
}

/// RoBERTa's pieces of bytes; ids as RobertaTokenizerFast of transformers 4.40 gives them for this vocabulary.
#[test]
fn pieces_of_bytes_are_roberta_s() {
    let bytes = |prefix: bool| {
        move |t: &mut Value| {
            *t = json!({
                "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
                "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": true},
                "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": true,
                                   "add_prefix_space": prefix},
                "decoder": null,
                "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
                          "end_of_word_suffix": "", "fuse_unk": false, "merges": ["a b", "\u{120} a"],
                          "vocab": {"<s>": 0, "<pad>": 1, "</s>": 2, "a": 3, "b": 4, "ab": 5, "\u{120}": 6, "\u{120}a": 7}},
            });
        }
    };
    let with = |config: Value, prefix| ids(&[(CONFIG, config)], bytes(prefix), "ab a b");
    let class = json!({"tokenizer_class": "RobertaTokenizer"});
    assert_eq!(with(class.clone(), false).unwrap(), [0, 5, 7, 6, 4, 2]);
    let prefixed = json!({"tokenizer_class": "RobertaTokenizer", "add_prefix_space": true});
    assert_eq!(with(prefixed.clone(), true).unwrap(), [0, 6, 5, 7, 6, 4, 2]);
    for (config, prefix) in [(class, true), (prefixed, false)] {
        let error = with(config, prefix).unwrap_err();
        assert!(
            error.contains("`\"add_prefix_space\": ") && error.contains("but RobertaTokenizer"),
            "{error}"
        );
    }
    let words = |t: &mut Value| {
        bytes(false)(t);
        t["pre_tokenizer"] = json!({"type": "Whitespace"});
    };
    let error = ids(&[], words, "ab").unwrap_err();
    assert!(
        error.contains("another kind of tokenizer than WordPiece or BPE"),
        "{error}"
    );
}

#[test]
fn pairs_are_framed_as_bert_and_roberta_frame_them() {
    let pair = |template: Value, first: &str, second: &str| {
        let dir = tempfile::tempdir().unwrap();
        let mut tokenizer = support::tokenizer();
        tokenizer["post_processor"]["pair"] = template;
        fs::write(dir.path().join(TOKENIZER_FILE), tokenizer.to_string()).unwrap();
        let tokenizer = Tokenizer::of_checkpoint(dir.path()).unwrap();
        tokenizer
            .encode_pair(first, second)
            .map_err(|e| e.to_string())
    };
    let special = |id: &str, of: u32| json!({"SpecialToken": {"id": id, "type_id": of}});
    let text = |id: &str, of: u32| json!({"Sequence": {"id": id, "type_id": of}});
    let bert = json!([
        special("[CLS]", 0),
        text("A", 0),
        special("[SEP]", 0),
        text("B", 1),
        special("[SEP]", 1)
    ]);
    let (ids, types) = pair(bert, "a b", "the").unwrap();
    assert_eq!(
        (&ids[..], &types[..]),
        (&[2, 5, 6, 3, 12, 3][..], &[0, 0, 0, 0, 1, 1][..])
    );
    let roberta = json!([
        special("[CLS]", 0),
        text("A", 0),
        special("[SEP]", 0),
        special("[SEP]", 0),
        text("B", 0),
        special("[SEP]", 0)
    ]);
    let (ids, types) = pair(roberta, "a", "b").unwrap();
    assert_eq!(
        (&ids[..], &types[..]),
        (&[2, 5, 3, 3, 6, 3][..], &[0; 6][..])
    );
    for template in [
        json!([text("A", 0), text("B", 1)]),
        json!([
            special("[CLS]", 0),
            text("A", 0),
            special("[SEP]", 0),
            text("B", 0),
            special("[SEP]", 0)
        ]),
    ] {
        let error = pair(template, "a", "b").unwrap_err();
        assert!(
            error.contains("frames a pair of texts otherwise"),
            "{error}"
        );
    }
}

#[test]
fn a_tokenizer_of_another_model_does_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    Checkpoint::new("", None, "gelu").write(dir.path());
    let tokenizer = Tokenizer::of_checkpoint(dir.path()).unwrap();
    tokenizer.fits(VOCABULARY).unwrap();
    tokenizer.fits(VOCABULARY + 7).unwrap();
    let error = tokenizer.fits(VOCABULARY - 1).unwrap_err().to_string();
    assert!(
        error.contains("the token `!` with id 16, but the model embeds 16 words"),
        "{error}"
    );
}

#[test]
fn a_vocabulary_alone_says_how_to_get_a_tokenizer() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("vocab.txt"), "[PAD]").unwrap();
    let Err(error) = Tokenizer::of_checkpoint(dir.path()) else {
        panic!("loaded");
    };
    assert!(
        error.to_string().contains("is not there, only vocab.txt"),
        "{error}"
    );
}
