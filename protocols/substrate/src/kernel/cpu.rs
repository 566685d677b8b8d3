//! Which instruction sets the kernels and the generator may use: what the machine has, or less where the environment says
//! so. Every other place asks here, so that one machine can be measured as if it were another.

use std::sync::OnceLock;

/// The environment variable: a name of [`Isa`]. Read once, and inherited by the processes of the parties.
pub const VARIABLE: &str = "QBENCH_ISA";

/// The most that may be used of what the machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// No SIMD kernel of this crate: plain loops, as compiled for any machine of this architecture.
    Portable,
    /// AVX2, BMI2 and VAES on 256 bits: what Zen 2 and 3 and client machines have.
    Avx2,
    /// Everything.
    #[default]
    Native,
}

impl Isa {
    /// All, the least first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Native];

    /// As the variable has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Native => "native",
        }
    }

    /// What a value of the variable means; one that is not set means everything.
    ///
    /// # Errors
    /// One sentence, for a value that is none of the names.
    pub fn of(value: Option<&str>) -> Result<Self, String> {
        let Some(value) = value else {
            return Ok(Self::default());
        };
        let found = Self::ALL.into_iter().find(|isa| isa.name() == value);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{VARIABLE} is `{value}`, and takes one of {names}")
        })
    }
}

/// What the environment allows.
///
/// # Errors
/// As [`Isa::of`].
pub fn allowed() -> Result<Isa, String> {
    static ALLOWED: OnceLock<Result<Isa, String>> = OnceLock::new();
    let read = || {
        let value = std::env::var_os(VARIABLE);
        Isa::of(
            value
                .map(|value| value.to_string_lossy().into_owned())
                .as_deref(),
        )
    };
    ALLOWED.get_or_init(read).clone()
}

/// Whether the environment allows so much.
///
/// # Panics
/// If the variable says nothing that is known: a program that would rather say so itself asks [`allowed`] first.
#[cfg(target_arch = "x86_64")]
fn allows(isa: Isa) -> bool {
    static ALLOWED: OnceLock<Isa> = OnceLock::new();
    // No kernel returns an error, and what is measured under a limit that was misspelt would be of something else. The binary has asked
    // before any kernel does.
    let read = || allowed().unwrap_or_else(|wrong| panic!("{wrong}"));
    *ALLOWED.get_or_init(read) >= isa
}

/// AVX2.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn avx2() -> bool {
    allows(Isa::Avx2) && is_x86_feature_detected!("avx2")
}

/// AVX2, and VNNI on its registers: some machines without AVX-512.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn avx_vnni() -> bool {
    allows(Isa::Native) && avx2() && is_x86_feature_detected!("avxvnni")
}

/// BMI2 whose `pext` and `pdep` are one step. AMD's before Zen 3 (family 19h) take several for each bit that they move: the
/// loops without them are faster there.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn fast_bmi2() -> bool {
    static FAST: OnceLock<bool> = OnceLock::new();
    allows(Isa::Avx2)
        && is_x86_feature_detected!("bmi2")
        && *FAST.get_or_init(|| !is_amd_before_zen_3())
}

#[cfg(target_arch = "x86_64")]
fn is_amd_before_zen_3() -> bool {
    use std::arch::x86_64::__cpuid;
    let vendor = __cpuid(0);
    let words = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
    let family = __cpuid(1).eax;
    let family = (family >> 8 & 0xf) + (family >> 20 & 0xff);
    matches!(words.as_flattened(), b"AuthenticAMD" | b"HygonGenuine") && family < 0x19
}

/// AES, and VAES on 256-bit registers.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn vaes256() -> bool {
    avx2() && is_x86_feature_detected!("aes") && is_x86_feature_detected!("vaes")
}

/// AVX-512 F, DQ, BW and VL: what all machines with AVX-512 have but the first, which this project never met.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn avx512() -> bool {
    allows(Isa::Native)
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
}

/// [`avx512`] and VNNI.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn avx512_vnni() -> bool {
    avx512() && is_x86_feature_detected!("avx512vnni")
}

/// AES, and VAES on 512-bit registers.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn vaes512() -> bool {
    avx512() && is_x86_feature_detected!("aes") && is_x86_feature_detected!("vaes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_nothing_else_is() {
        for isa in Isa::ALL {
            assert_eq!(Isa::of(Some(isa.name())), Ok(isa));
        }
        assert_eq!(Isa::of(None), Ok(Isa::Native));
        for wrong in ["", "AVX2", "avx512"] {
            let said = Isa::of(Some(wrong)).unwrap_err();
            assert!(said.contains(VARIABLE) && said.contains("portable, avx2, native"));
        }
    }

    #[test]
    fn less_never_allows_more() {
        assert!(Isa::Portable < Isa::Avx2 && Isa::Avx2 < Isa::Native);
    }

    /// Holds for whatever the tests are run under.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn nothing_beyond_what_is_allowed_is_found() {
        let allowed = allowed().expect("a known value");
        if allowed < Isa::Native {
            assert!(!avx_vnni() && !avx512() && !avx512_vnni() && !vaes512());
        }
        if allowed < Isa::Avx2 {
            assert!(!avx2() && !fast_bmi2() && !vaes256());
        }
    }
}
