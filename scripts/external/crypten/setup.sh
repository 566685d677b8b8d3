#!/bin/sh
# Installs the real CrypTen 0.4.1 for run.py, once: a virtual environment in target/external/crypten of this source
# tree, or in the folder given as the only argument (then name its bin/python in QBENCH_CRYPTEN_PYTHON).
#
#   scripts/external/crypten/setup.sh [FOLDER]
#
# It needs Python 3.7 to 3.9 (PYTHON=/path/to/python3.9 names one), downloads 0.8 GB from PyPI and takes 1.8 GB of disk.
# Why so: CrypTen asks for versions of its dependencies that no longer exist together, so it is installed without them;
# torch 1.12.1 is the last one whose x86-64 wheel on PyPI brings all it loads (later ones load CUDA packages of some GB,
# even where there is no GPU), and from Python 3.10 on it refuses what CrypTen does with numbers. Any other Python with
# crypten 0.4.1 and a torch (2.1 works) can be named in QBENCH_CRYPTEN_PYTHON instead.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../../../target/external/crypten}

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 7) <= sys.version_info[:2] <= (3, 9))' 2>/dev/null
}
python=${PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3.9 python3.8 python3.7 python3; do
        if fits "$candidate"; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ] || ! fits "$python"; then
    echo "setup.sh: no Python 3.7 to 3.9 here: install one, or name it, PYTHON=/path/to/python3.9 $0" >&2
    exit 1
fi

"$python" -m venv "$folder"
pip="$folder/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check"
$pip --no-deps torch==1.12.1 crypten==0.4.1
$pip 'numpy<2' typing-extensions 'omegaconf==2.3.0' 'onnx==1.14.1' 'protobuf<5'
QBENCH_CRYPTEN_PYTHON="$folder/bin/python" "$folder/bin/python" "$here/run.py" --check
echo "installed in $folder ($(du -sh "$folder" | cut -f1)); $here/run.py --self-check compares it with what is on record"
