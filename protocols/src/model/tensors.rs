//! Reading and writing safetensors files with errors that name the file, the tensor and the fault.

use crate::{Error, Result};
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// An error about a file of a model.
pub(crate) fn fault(path: &Path, what: impl Into<String>) -> Error {
    Error::Model {
        path: path.display().to_string(),
        what: what.into(),
    }
}

/// Reads a file of a model whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| fault(path, format!("cannot be read: {e}")))
}

/// Writes a file whole or not at all: to a temporary name in the same folder, then renamed.
fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    let partial = path.with_file_name(name);
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|e| {
        // Whatever was written of it is useless; that it may not exist is no second error.
        let _ = fs::remove_file(&partial);
        Error::io(format!("writing {}", path.display()), e)
    })
}

/// A parsed safetensors file.
pub(crate) struct TensorFile<'a> {
    path: PathBuf,
    tensors: SafeTensors<'a>,
    metadata: HashMap<String, String>,
}

impl<'a> TensorFile<'a> {
    pub(crate) fn parse(path: &Path, bytes: &'a [u8]) -> Result<Self> {
        let broken = |e| {
            fault(
                path,
                format!("is cut short or not a safetensors file ({e})"),
            )
        };
        let (_, header): (_, Metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        Ok(Self {
            path: path.to_owned(),
            tensors: SafeTensors::deserialize(bytes).map_err(broken)?,
            metadata: header.metadata().clone().unwrap_or_default(),
        })
    }

    pub(crate) fn fault(&self, what: impl Into<String>) -> Error {
        fault(&self.path, what)
    }

    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    /// The tensors' names, in no order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.names().into_iter()
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, name: &str) -> Result<Vec<usize>> {
        Ok(self.tensor(name)?.shape().to_vec())
    }

    fn tensor(&self, name: &str) -> Result<TensorView<'a>> {
        self.tensors
            .tensor(name)
            .map_err(|_| self.fault(format!("has no tensor `{name}`")))
    }

    fn of(&self, name: &str, shape: &[usize], types: &[Dtype]) -> Result<TensorView<'a>> {
        let tensor = self.tensor(name)?;
        if !types.contains(&tensor.dtype()) {
            let types: Vec<String> = types.iter().map(|t| format!("{t:?}")).collect();
            return Err(self.fault(format!(
                "tensor `{name}`: expected type {}, has {:?}",
                types.join(" or "),
                tensor.dtype()
            )));
        }
        if tensor.shape() != shape {
            return Err(self.fault(format!(
                "tensor `{name}`: expected shape {shape:?}, has {:?}",
                tensor.shape()
            )));
        }
        Ok(tensor)
    }

    pub(crate) fn bytes(&self, name: &str, shape: &[usize]) -> Result<Vec<u8>> {
        Ok(self.of(name, shape, &[Dtype::U8])?.data().to_vec())
    }

    /// A finite F32 tensor.
    pub(crate) fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.finite(name, self.of(name, shape, &[Dtype::F32])?)
    }

    /// A matrix of finite numbers: F32, or I8 with a positive scale a row in the tensor `name_scale`.
    pub(crate) fn f32_or_rows_of_i8(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Vec<f32>> {
        let tensor = self.of(name, &[rows, columns], &[Dtype::F32, Dtype::I8])?;
        if tensor.dtype() == Dtype::F32 {
            return self.finite(name, tensor);
        }
        let scales = self.positive(&format!("{name}_scale"), &[rows])?;
        let rows = tensor.data().chunks_exact(columns.max(1)).zip(scales);
        Ok(rows
            .flat_map(|(row, scale)| row.iter().map(move |x| f32::from(x.cast_signed()) * scale))
            .collect())
    }

    /// A finite tensor of F32, F16 or BF16, as f32.
    pub(crate) fn any_float(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let types = [Dtype::F32, Dtype::F16, Dtype::BF16];
        self.finite(name, self.of(name, shape, &types)?)
    }

    /// A finite F32 tensor of positive values.
    pub(crate) fn positive(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let values = self.f32(name, shape)?;
        match values.iter().position(|x| *x <= 0.0) {
            Some(i) => Err(self.fault(format!(
                "tensor `{name}`: element {i} is {}, but must be positive",
                values[i]
            ))),
            None => Ok(values),
        }
    }

    fn finite(&self, name: &str, tensor: TensorView<'_>) -> Result<Vec<f32>> {
        let data = tensor.data();
        let pairs = || {
            data.as_chunks::<2>()
                .0
                .iter()
                .map(|b| u16::from_le_bytes(*b))
        };
        let values: Vec<f32> = match tensor.dtype() {
            Dtype::F16 => pairs().map(half_to_f32).collect(),
            Dtype::BF16 => pairs()
                .map(|b| f32::from_bits(u32::from(b) << 16))
                .collect(),
            _ => {
                let words = data.as_chunks::<4>().0.iter();
                words.map(|b| f32::from_le_bytes(*b)).collect()
            }
        };
        match values.iter().position(|x| !x.is_finite()) {
            Some(i) => Err(self.fault(format!(
                "tensor `{name}`: element {i} is {}, but must be finite",
                values[i]
            ))),
            None => Ok(values),
        }
    }
}

/// An IEEE 754 binary16 as f32, exactly.
fn half_to_f32(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    sign * magnitude
}

/// Tensors on their way into a file.
#[derive(Default)]
pub(crate) struct TensorWriter {
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl TensorWriter {
    pub(crate) fn f32(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.tensors
            .push((name.into(), Dtype::F32, shape.to_vec(), bytes));
    }

    pub(crate) fn bytes(&mut self, name: impl Into<String>, shape: &[usize], values: &[u8]) {
        self.tensors
            .push((name.into(), Dtype::U8, shape.to_vec(), values.to_vec()));
    }

    /// Writes the file. With one metadata entry its bytes depend on nothing but its content.
    pub(crate) fn write(&self, path: &Path, key: &str, value: String) -> Result<()> {
        let bad = |e| fault(path, format!("cannot be written ({e})"));
        let mut views = Vec::with_capacity(self.tensors.len());
        for (name, dtype, shape, bytes) in &self.tensors {
            let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(|e| {
                fault(
                    path,
                    format!("tensor `{name}` does not fit its shape {shape:?} ({e})"),
                )
            })?;
            views.push((name.as_str(), view));
        }
        let metadata = HashMap::from([(key.to_owned(), value)]);
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(bad)?;
        write_atomically(path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::half_to_f32;

    #[test]
    fn half_precision_is_exact() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(half_to_f32(bits), value, "{bits:#06x}");
        }
        assert_eq!(half_to_f32(0x7c00), f32::INFINITY);
        assert_eq!(half_to_f32(0xfc00), f32::NEG_INFINITY);
        assert!(half_to_f32(0x7e00).is_nan());
    }
}
