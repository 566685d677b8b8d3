//! The check of a run against the references in the clear.

use crate::evidence::Evidence;
use crate::model::integer::{IntegerModel, output_unit};
use crate::model::quantized::{QuantizedModel, Range};
use crate::model::reference_integer::{Carries, IntegerReference};
use crate::model::walk::walk;
use crate::system::{Verified, Workload};
use crate::{Error, Result};
