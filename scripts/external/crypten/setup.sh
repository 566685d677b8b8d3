#!/bin/sh
# Installs the real CrypTen 0.4.1 for run.py, once: a virtual environment in target/external/crypten of this source
# tree, or in the folder given as the only argument (then name its bin/python in QBENCH_CRYPTEN_PYTHON).
#
#   scripts/external/crypten/setup.sh [FOLDER]
#
# Python 3.7 to 3.13 on x86-64 Linux; PYTHON=/path/to/python3.11 names one. All comes from PyPI:
#
#   Python         torch    download   disk
#   3.7 to 3.9     1.12.1   0.8 GB     1.8 GB
#   3.10, 3.11     2.1.2    0.7 GB     1.7 GB     needs cc and readelf
#   3.12, 3.13     2.5.1    1.0 GB     2.0 GB     needs cc and readelf
#
# Why so: CrypTen asks for versions of its dependencies that no longer exist together, so it is installed without them.
# torch 1.12.1 is the last one whose x86-64 wheel on PyPI brings all it loads, and from Python 3.10 on it refuses what
# CrypTen does with numbers. Later wheels are linked to CUDA packages of some GB even where there is no GPU: without a
# GPU three small ones of them are used, and the others get empty stand-ins here, each of whose functions ends
# the program. Any other Python with crypten 0.4.1 and a torch (2.1 works) can be named in QBENCH_CRYPTEN_PYTHON instead.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../../../target/external/crypten}

minor() {
    "$1" -c 'import sys; print(sys.version_info[1] if sys.version_info[0] == 3 else 0)' 2>/dev/null || echo 0
}
fits() {
    [ "$(minor "$1")" -ge 7 ] && [ "$(minor "$1")" -le 13 ]
}
python=${PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3 python3.11 python3.10 python3.9 python3.8 python3.7 python3.12 python3.13; do
        if fits "$candidate"; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ] || ! fits "$python"; then
    echo "setup.sh: no Python 3.7 to 3.13 here: install one, or name it, PYTHON=/path/to/python3.11 $0" >&2
    exit 1
fi
version=$(minor "$python")
if [ "$version" -ge 10 ]; then
    for tool in cc readelf; do
        if ! command -v "$tool" >/dev/null; then
            echo "setup.sh: no $tool here, which torch for Python 3.$version needs (see $0): install a C compiler" >&2
            exit 1
        fi
    done
fi

# Empty libraries for what torch is linked to and does not find beside itself, in its own folder, where it looks first.
stand_ins() {
    (
        cd "$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/torch/lib"
        scratch=$(mktemp -d)
        trap 'rm -rf "$scratch"' EXIT
        readelf -W --dyn-syms ./*.so 2>/dev/null | awk '$7 == "UND" { print $8 }' | sort -u >"$scratch/wanted"
        readelf -d ./*.so | sed -n 's/.*NEEDED.*\[\(lib\(cu\|nccl\|nv\).*\)\]/\1/p' | sort -u >"$scratch/libraries"
        while read -r library; do
            case $library in libcudart* | libcupti* | libnvToolsExt*) continue ;; esac
            [ ! -e "$library" ] || continue
            stem=${library#lib}
            stem=${stem%%.so*}
            echo "$library { *; };" >"$scratch/versions"
            # Names with the library's version, and those without any that begin with its name.
            { sed -n "s/@$library\$//p" "$scratch/wanted"; grep -E "^${stem}[A-Za-z_0-9]*\$" "$scratch/wanted" || :; } |
                sort -u | sed 's/.*/void &(void) { __builtin_trap(); }/' >"$scratch/stand_in.c"
            cc -w -shared -fPIC "$scratch/stand_in.c" -Wl,-soname,"$library" \
                -Wl,--version-script="$scratch/versions" -o "$library"
        done <"$scratch/libraries"
    )
}

"$python" -m venv "$folder"
pip="$folder/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check"
if [ "$version" -le 9 ]; then
    $pip --no-deps torch==1.12.1 crypten==0.4.1
    $pip 'numpy<2' typing-extensions 'omegaconf==2.3.0' 'onnx==1.14.1' 'protobuf<5'
else
    if [ "$version" -le 11 ]; then
        torch=2.1.2 cuda=12.1.105 other="numpy<2 onnx==1.14.1 protobuf<5"
    else
        torch=2.5.1 cuda=12.4.127 other="numpy onnx setuptools"
    fi
    # pip's complaint about packages that torch asks for and does not get is meant.
    $pip $other typing-extensions 'omegaconf==2.3.0' filelock sympy networkx jinja2 fsspec
    $pip --no-deps torch==$torch crypten==0.4.1 nvidia-cuda-runtime-cu12==$cuda nvidia-cuda-cupti-cu12==$cuda \
        nvidia-nvtx-cu12==$cuda
    stand_ins
fi
QBENCH_CRYPTEN_PYTHON="$folder/bin/python" "$folder/bin/python" "$here/run.py" --check
echo "installed in $folder ($(du -sh "$folder" | cut -f1)); $here/run.py --self-check compares it with what is on record"
