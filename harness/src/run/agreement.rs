//! What the parties of a repetition must have equal before they start, and what ties it to P0's weights without telling the
//! others anything of them.

use super::control::PROTOCOL_VERSION;
use super::order::Order;
use crate::names::short_hash;
use anyhow::{Context, Result, ensure};
use qbench_protocols::commitment::{Commitment, Opening};
use qbench_protocols::model::store::{PRIVATE_FILE, PUBLIC_FILE};
use qbench_protocols::session::Agreement;
use std::fs::File;
use std::io::ErrorKind::NotFound;
use std::path::Path;

/// The fields that all three agree on; the hash of the binary comes to them at each party.
///
/// # Security
/// They go to P1 and P2, so nothing in them depends on P0's private file, not even by a hash, which would confirm a guess and link
/// sessions; nor on P1's input. That is why the cell's id is not among them. P0 commits to its private file instead:
/// [`committed`].
///
/// # Errors
/// A public file that cannot be read.
pub fn fields(system: Option<&str>, order: &Order<'_>) -> Result<Agreement> {
    let workload = &order.workload;
    let public = serde_json::json!({
        "model": workload.model,
        "seq_len": workload.seq_len,
        "settings": workload.settings,
        "verify": workload.verify,
        "material": workload.material_dir.is_some(),
        "threads": order.threads,
        "link": order.link,
    });
    let agreement = Agreement::default()
        .with("protocol version", PROTOCOL_VERSION)
        .with("system", system.unwrap_or("probe"))
        .with("workload", short_hash(public.to_string().as_bytes()));
    let model = public_model(&workload.model_dir)?;
    Ok(agreement.with(PUBLIC_MODEL, model.unwrap_or_else(|| "none".to_owned())))
}

/// The field of the public file's hash. P0 and P1 fill it in from the file that they read themselves.
pub const PUBLIC_MODEL: &str = "public model";

/// BLAKE3 of a model folder's public file, 12 digits; `None` where there is no such file.
///
/// # Errors
/// A file that cannot be read.
pub fn public_model(model_dir: &Path) -> Result<Option<String>> {
    let hash = hash_of(&model_dir.join(PUBLIC_FILE))?;
    Ok(hash.map(|hash| hash.to_hex()[..12].to_owned()))
}

/// P0: its commitment to the private file of a model folder, and what opens it; to nothing where there is no such file.
///
/// # Errors
/// A file that cannot be read.
pub fn committed(model_dir: &Path) -> Result<(Commitment, Opening)> {
    Ok(Opening::of(&message(model_dir)?)?)
}

/// The controller, who knows the model: holds what P0 committed to against the folder's private file. `received` are the commitments
/// that P1 and P2 got.
///
/// # Errors
/// Another file, or commitments that differ.
pub fn opened(opening: &Opening, received: [Commitment; 2], model_dir: &Path) -> Result<()> {
    let message = message(model_dir)?;
    let holds = received
        .iter()
        .all(|commitment| opening.opens(commitment, &message));
    ensure!(
        holds,
        "P0 computed on other weights than {} holds",
        model_dir.display()
    );
    Ok(())
}

/// What is committed to.
fn message(model_dir: &Path) -> Result<Vec<u8>> {
    let hash = hash_of(&model_dir.join(PRIVATE_FILE))?;
    Ok(hash.map_or_else(Vec::new, |hash| hash.as_bytes().to_vec()))
}

/// The hash of a file; `None` where it is not there.
fn hash_of(path: &Path) -> Result<Option<blake3::Hash>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let mut hasher = blake3::Hasher::new();
    hasher
        .update_reader(file)
        .with_context(|| format!("reading {}", path.display()))?;
    Ok(Some(hasher.finalize()))
}
