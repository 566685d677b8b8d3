//! The quantized form of a Hugging Face folder: made on first use, and made again whenever anything that it was made of has
//! changed.

use super::made::{self, Draft, State};
use super::plan_file::PlanFile;
use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{AccessFlags, access};
pub use qbench_protocols::model::checkpoint::CONFIG_FILE;
use qbench_protocols::model::checkpoint::{self, WEIGHTS_FILE};
use qbench_protocols::model::float::FloatModel;
use qbench_protocols::model::quantize::{self, Quantization, quantize};
use qbench_protocols::model::store::{self, FORMAT_VERSION, PRIVATE_FILE, PUBLIC_FILE};
use qbench_tokenizer::{CHECKPOINT_FILES, TOKENIZER_FILE, Tokenizer};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The quantized form's folder within a checkpoint, unless another is chosen: of weights of one bit, and of more.
fn form_of(weight_bits: u32) -> String {
    match weight_bits {
        DEFAULT_WEIGHT_BITS => "qbench-model".into(),
        bits => format!("qbench-model-{bits}bit"),
    }
}

/// Bits of a weight where nothing is said: the paper's.
pub const DEFAULT_WEIGHT_BITS: u32 = 1;

/// Sentences on which a checkpoint's activation ranges are set: everyday English of several lengths.
const CALIBRATION: [&str; 16] = [
    "The weather was fine and we walked along the river until noon.",
    "A slow, thoughtful film with two actors at the height of their powers.",
    "I would not recommend this hotel to anyone.",
    "The committee will publish its report on the new railway next week.",
    "How do I reset the password of my account?",
    "She bought three apples, a loaf of bread and some cheese at the market.",
    "Researchers measured the temperature of the lake every hour for a year.",
    "Nothing about the plot makes sense, and the jokes fall flat.",
    "The company's shares rose by four percent after the announcement.",
    "Please send me the invoice before the end of the month.",
    "It is one of the best books I have read in a long time, and I read a lot of them.",
    "Good.",
    "What time does the last train to the city leave on Sundays?",
    "The patient was given two tablets a day and recovered within a week.",
    "Children were playing football in the street when the rain began.",
    "The court held that the contract had been broken by both sides.",
];

/// How a checkpoint is to be quantized; what is not said is the default.
#[derive(Clone, Copy, Default)]
pub struct How<'a> {
    /// Where the quantized form is kept.
    pub form: Option<&'a Path>,
    /// Bits of a weight.
    pub weight_bits: Option<u32>,
    /// A file of sentences, one a line, on which ranges are set.
    pub calibration: Option<&'a Path>,
    /// A file of widths and ranges ([`super::plan_file`]).
    pub plan: Option<&'a Path>,
    /// Bits of an activation where there is no such file ([`PlanFile::of_activation_bits`]).
    pub activation_bits: Option<u32>,
}

impl How<'_> {
    fn weight_bits(&self) -> u32 {
        self.weight_bits.unwrap_or(DEFAULT_WEIGHT_BITS)
    }

    /// The sentences that set the ranges.
    fn sentences(&self) -> Result<Vec<String>> {
        match self.calibration {
            None => Ok(CALIBRATION.map(str::to_owned).to_vec()),
            Some(path) => sentences(path),
        }
    }

    fn plan(&self) -> Result<PlanFile> {
        match (self.plan, self.activation_bits) {
            (Some(path), _) => PlanFile::read(path),
            (None, Some(bits)) => Ok(PlanFile::of_activation_bits(bits)),
            (None, None) => Ok(PlanFile::default()),
        }
    }

    /// The form's folder within a checkpoint, unless another is chosen.
    fn folder(&self) -> String {
        let of_weights = form_of(self.weight_bits());
        let of_activations = self
            .activation_bits
            .map(|bits| format!("-{bits}bit-activations"));
        of_weights + &of_activations.unwrap_or_default()
    }
}

/// Sentences of a file, one a line.
///
/// # Errors
/// A file that cannot be read, or holds none.
pub fn sentences(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the sentences of {}", path.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let sentences: Vec<String> = lines.map(str::to_owned).collect();
    ensure!(
        !sentences.is_empty(),
        "{} holds no sentences: one a line is expected",
        path.display()
    );
    Ok(sentences)
}

/// All that decides a quantized form, beside the checkpoint.
struct Choices {
    weight_bits: u32,
    sentences: Vec<String>,
    plan: PlanFile,
}

/// The model folder of `dir`: itself where it is one, else the quantized form of the Hugging Face checkpoint in it. That is kept where
/// `how` says, or in `DIR/qbench-model` (`DIR/qbench-model-8bit`), and is taken only if it was made of exactly the files that are there
/// now, as `how` says.
///
/// # Errors
/// A folder that holds neither or both; a checkpoint that cannot be read; a place that cannot be written, or that holds what
/// this program has not made.
pub fn model_folder(dir: &Path, how: How<'_>) -> Result<PathBuf> {
    let shown = dir.display();
    let Ok(dir) = dir.canonicalize() else {
        bail!("{shown} holds no model: there is no such folder");
    };
    ensure!(
        dir.is_dir(),
        "{shown} is no folder: name the one that it is in"
    );
    let first_of = |names: &[&'static str]| names.iter().copied().find(|n| dir.join(n).exists());
    let quantized = first_of(&[PUBLIC_FILE, PRIVATE_FILE]);
    let checkpoint = first_of(&[CONFIG_FILE, WEIGHTS_FILE]);
    match (quantized, checkpoint) {
        (Some(_), None) => {
            ensure!(
                how.form.is_none(),
                "--quantized is where the quantized form of a checkpoint goes, and {shown} is quantized already: leave it out"
            );
            ensure!(
                how.weight_bits.is_none()
                    && how.calibration.is_none()
                    && how.plan.is_none()
                    && how.activation_bits.is_none(),
                "--weight-bits, --calibrate and --bit-plan, in scenarios weight_bits and activation_bits, say how a checkpoint is quantized, \
                 and {shown} is quantized already: leave them out"
            );
            Ok(dir)
        }
        (Some(ours), Some(theirs)) => bail!(
            "{shown} holds both a quantized model ({ours}) and a checkpoint ({theirs}): move one of them into a folder of its own, so \
             that it is clear which is meant"
        ),
        (None, None) => bail!(
            "{shown} holds no model: expected {CONFIG_FILE}, {WEIGHTS_FILE} and {TOKENIZER_FILE} of a BERT, or a quantized model{}",
            of_one_that_is_gone(&dir)
        ),
        (None, Some(_)) => quantized_form(&dir, how),
    }
}

/// The checkpoint that a quantized form of `dir` was made of, in floating point; `None` where `dir` is itself a quantized model.
///
/// # Errors
/// A checkpoint that cannot be read.
pub fn original(dir: &Path) -> Result<Option<FloatModel>> {
    let is_there = dir.join(CONFIG_FILE).exists();
    Ok(is_there.then(|| checkpoint::load(dir)).transpose()?)
}

/// The form of a checkpoint that is not there any more is taken only by its own name.
fn of_one_that_is_gone(dir: &Path) -> String {
    let forms = (1..=8).map(form_of);
    let mut forms = forms.filter(|form| dir.join(form).join(PUBLIC_FILE).exists());
    forms.next().map_or_else(String::new, |form| {
        format!(
            "; {form} in it was made of a checkpoint that is gone: name {form} itself to use it"
        )
    })
}

fn quantized_form(dir: &Path, how: How<'_>) -> Result<PathBuf> {
    // Their own errors say what stands in the place of a file that is missing.
    if !dir.join(WEIGHTS_FILE).exists() || !dir.join(CONFIG_FILE).exists() {
        checkpoint::load(dir)
            .with_context(|| format!("the checkpoint is not whole{}", of_one_that_is_gone(dir)))?;
    }
    if !dir.join(TOKENIZER_FILE).exists() {
        Tokenizer::of_checkpoint(dir)?;
    }
    let place = how
        .form
        .map_or_else(|| dir.join(how.folder()), Path::to_owned);
    // Through links, so that drafts are beside the folder itself.
    let place = place.canonicalize().unwrap_or(place);
    ensure!(
        place != dir,
        "--quantized {}: the quantized form needs a folder of its own beside the checkpoint",
        place.display()
    );
    let choices = Choices {
        weight_bits: how.weight_bits(),
        sentences: how.sentences()?,
        plan: how.plan()?,
    };
    let from = sources(dir, &choices)?;
    let state = made::state(&place, &from).with_context(|| foreign(&place))?;
    if state == State::Current {
        return Ok(place);
    }
    let unwritable = || {
        format!(
            "cannot keep the quantized form in {}: `qbench infer --model {} --quantized OTHER_DIR` keeps it elsewhere, and \
             OTHER_DIR is then a model folder for scenarios too",
            place.display(),
            dir.display()
        )
    };
    // Found before a minute of work.
    let above = place.ancestors().skip(1).find(|folder| folder.exists());
    let above = above.unwrap_or(Path::new("."));
    access(above, AccessFlags::W_OK | AccessFlags::X_OK).with_context(unwritable)?;
    let why = match state {
        State::Stale => "again: what it was made of has changed",
        _ => "once",
    };
    crate::note!(
        "quantizing {} into {} ({why})",
        dir.display(),
        place.display()
    );
    let form = Form::of(dir, &choices)?;
    ensure!(
        sources(dir, &choices)? == from,
        "{} has changed while it was quantized: start again",
        dir.display()
    );
    let draft = Draft::beside(&place).with_context(unwritable)?;
    form.write(&draft.path).with_context(unwritable)?;
    draft
        .become_folder(&place, &from)
        .with_context(unwritable)?;
    Ok(place)
}

fn foreign(place: &Path) -> String {
    format!(
        "{} is not taken for the quantized form, nor overwritten: move it away, choose another place with --quantized of \
         `qbench infer`, or name it as the model itself",
        place.display()
    )
}

/// What a checkpoint becomes.
struct Form {
    model: qbench_protocols::model::quantized::QuantizedModel,
    embeddings: qbench_protocols::model::embeddings::Embeddings,
    tokenizer: String,
    labels: Vec<String>,
}

impl Form {
    fn of(dir: &Path, choices: &Choices) -> Result<Self> {
        let tokenizer = Tokenizer::of_checkpoint(dir)?;
        let model = checkpoint::load(dir)?;
        let (bit_plan, ranging) = choices.plan.of(&model.config)?;
        let how = Quantization {
            weight_bits: choices.weight_bits,
            bit_plan,
            ranging: Some(ranging),
        };
        let embeddings = model
            .embeddings
            .clone()
            .context("the checkpoint has no embeddings")?;
        tokenizer.fits(embeddings.vocabulary())?;
        let mut inputs = Vec::new();
        for text in &choices.sentences {
            let mut tokens = tokenizer.encode(text)?;
            tokens.truncate(model.config.max_positions);
            inputs.push(embeddings.embed(&tokens)?);
        }
        Ok(Self {
            model: quantize(&model, &how, &inputs)?,
            embeddings,
            labels: model.labels.clone(),
            tokenizer: tokenizer.to_json()?,
        })
    }

    fn write(&self, dir: &Path) -> Result<()> {
        std::fs::write(dir.join(TOKENIZER_FILE), &self.tokenizer)?;
        store::save(dir, &self.model, Some(&self.embeddings), &self.labels)?;
        Ok(())
    }
}

/// Hash of all that the quantized form is made of: the folder's name, which is the model's, every file that decides numbers or
/// tokens, the bits of a weight, the bit plan, the sentences of the calibration, and the versions of what reads and writes them.
fn sources(dir: &Path, choices: &Choices) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut add = |what: &[u8]| {
        hasher.update(&(what.len() as u64).to_le_bytes());
        hasher.update(what);
    };
    add(&quantize::VERSION.to_le_bytes());
    add(&FORMAT_VERSION.to_le_bytes());
    add(&choices.weight_bits.to_le_bytes());
    add(choices.plan.identity().as_bytes());
    add(dir.file_name().unwrap_or_default().as_encoded_bytes());
    for text in &choices.sentences {
        add(text.as_bytes());
    }
    for name in [CONFIG_FILE, WEIGHTS_FILE].iter().chain(&CHECKPOINT_FILES) {
        let path = dir.join(name);
        let mut hasher = blake3::Hasher::new();
        match std::fs::File::open(&path) {
            Ok(file) => {
                let read = hasher.update_reader(file);
                read.with_context(|| format!("cannot read {}", path.display()))?;
                add(hasher.finalize().as_bytes());
            }
            Err(e) if e.kind() == ErrorKind::NotFound => add(b""),
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}
