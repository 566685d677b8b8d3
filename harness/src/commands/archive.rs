//! `qbench archive`: the form of a run that is committed.

use crate::cli::ArchiveArguments;
use crate::compare::runs::Run;
use crate::record::log::Log;
use crate::record::manifest::Manifest;
use crate::record::read;
use crate::record::steps::{StepRow, over_layers};
use crate::units::bytes_text;
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// Writes the archive of a run into a new folder.
///
/// # Errors
/// A folder that is no run, or that another process writes; a target that exists; the operating system's.
pub fn archive(arguments: &ArchiveArguments) -> Result<bool> {
    let run = &arguments.run;
    Run::read(run)?;
    let manifest = Manifest::read(run)?;
    ensure!(
        run.join("report.html").is_file(),
        "{} has no report.html: qbench report {0} writes it",
        run.display()
    );
    let _lock = locked(run)?;
    let to = arguments.to.clone().unwrap_or_else(|| place(&manifest));
    // A link that leads nowhere exists too.
    ensure!(
        fs::symlink_metadata(&to).is_err(),
        "{} exists: archives are written into new folders only, so name another one with --to",
        to.display()
    );
    let draft = Draft::beside(&to)?;
    let pages = pages();
    let named = |place: &str| pages.contains(&format!("{}/{place}", from_here(&to)));
    let (mut files, mut pngs, mut left) = (0, 0, Vec::new());
    for place in places(run)? {
        if place == "steps.csv" {
            let steps = read::steps(run)?;
            let rows: Vec<_> = over_layers(&steps).iter().map(StepRow::fields).collect();
            let columns = StepRow::default().fields();
            let (mut log, _) = Log::open(&draft.path.join(&place), &columns)?;
            log.append(&rows)?;
        } else if place == "runs.csv" {
            let rows = without_labels(&run.join(&place))?;
            fs::write(draft.path.join(&place), rows)?;
        } else if is_kept(&place) || place.ends_with(".png") && named(&place) {
            let copy = draft.path.join(&place);
            copy.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::copy(run.join(&place), &copy).with_context(|| format!("copying {place}"))?;
        } else {
            match place.ends_with(".png") {
                true => pngs += 1,
                false => left.push(place),
            }
            continue;
        }
        files += 1;
    }
    draft.become_folder(&to)?;
    if pngs > 0 {
        left.push(format!("PNGs that no page here names: {pngs}"));
    }
    crate::say!(
        "{}: {files} files, {} of {}{}",
        to.display(),
        bytes_text(size(&to)),
        bytes_text(size(run)),
        match left.is_empty() {
            true => String::new(),
            false => format!("; left out: {}", left.join(", ")),
        }
    );
    Ok(true)
}

/// Holds the run's lock, where it has one, so that no row is half there.
fn locked(run: &Path) -> Result<Option<File>> {
    let Ok(lock) = File::open(run.join("lock")) else {
        return Ok(None);
    };
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => {
            bail!("another qbench is writing {}: wait for it", run.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", run.display()))
        }
    }
}

/// Where archives are found: by machine and day, then by scenario.
fn place(manifest: &Manifest) -> PathBuf {
    let date = manifest.starts.first().and_then(|s| s.time.get(..10));
    let machine = format!("{}-{}", manifest.machine.name, date.unwrap_or("undated"));
    Path::new("results/reference")
        .join(machine)
        .join(&manifest.scenario)
}

/// A folder under way, which is gone if it does not become one.
struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Beside the target, so that it can be renamed.
    fn beside(to: &Path) -> Result<Self> {
        let name = to
            .file_name()
            .with_context(|| format!("--to {}: name the new folder", to.display()))?;
        let name = format!(".{}-{}.draft", name.to_string_lossy(), std::process::id());
        let path = to.with_file_name(name);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::create_dir(&path))
            .with_context(|| format!("cannot write into {}", path.display()))?;
        Ok(Self { path })
    }

    fn become_folder(self, to: &Path) -> Result<()> {
        fs::rename(&self.path, to).with_context(|| format!("cannot make {}", to.display()))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the renaming there is nothing at the draft's place.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The folders of a run whose files are looked at one by one.
const FOLDERS: [&str; 3] = ["figures", "tables", "trace"];

/// The places of a run's files, such as `runs.csv` and `tables/01-table4.md`, and of other folders as a whole.
fn places(run: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let list = |folder: &Path| -> Result<Vec<(String, bool)>> {
        let entries =
            fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
        let named = entries.map(|entry| {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            Ok((name, entry.path().is_dir()))
        });
        named.collect()
    };
    for (name, is_folder) in list(run)? {
        if is_folder && FOLDERS.contains(&name.as_str()) {
            let inside = list(&run.join(&name))?;
            found.extend(inside.into_iter().map(|(file, _)| format!("{name}/{file}")));
        } else {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file is part of every archive, as it is.
fn is_kept(place: &str) -> bool {
    let said = |stem: &str| place.starts_with(stem) && place.ends_with(".csv");
    let within = |folder: &str, end: &str| place.starts_with(folder) && place.ends_with(end);
    matches!(place, "manifest.json" | "metrics.csv" | "report.html")
        || said("predicted")
        || said("validation")
        || within("figures/", ".svg")
        || within("tables/", ".csv")
        || within("tables/", ".md")
        || within("trace/", ".trace")
}

/// The rows, of a task without labels: those are the data set's, which nobody asked whether it may be passed on. What they come to is in
/// `metrics.csv`.
fn without_labels(path: &Path) -> Result<Vec<u8>> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = csv::Reader::from_reader(&text[..]);
    let header = reader.headers()?.clone();
    let Some(label) = header.iter().position(|column| column == "label") else {
        return Ok(text);
    };
    let rows = reader
        .records()
        .collect::<std::result::Result<Vec<_>, _>>()?;
    if rows
        .iter()
        .all(|row| row.get(label).is_none_or(str::is_empty))
    {
        return Ok(text);
    }
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(&header)?;
    for row in rows {
        let fields = row.iter().enumerate();
        out.write_record(fields.map(|(place, field)| if place == label { "" } else { field }))?;
    }
    out.into_inner().context("rows cannot be written")
}

/// The text of the pages whose figures must be there to be shown.
fn pages() -> String {
    let docs = fs::read_dir("docs").into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = docs.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "md"));
    paths.push("README.md".into());
    let texts = paths
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    texts.collect()
}

/// A folder as pages of the current directory name it.
fn from_here(folder: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let folder = folder.strip_prefix(&here).unwrap_or(folder);
    let folder = folder.strip_prefix(".").unwrap_or(folder);
    // Without a slash at its end.
    let parts: PathBuf = folder.components().collect();
    parts.display().to_string()
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
