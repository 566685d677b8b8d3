#!/bin/sh
# Installs the real SecretFlow-SPU 0.9.5 for run.py, once: a virtual environment in target/external/spu of this source
# tree, or in the folder given as the only argument (then name its bin/python in QBENCH_SPU_PYTHON).
#
#   scripts/external/spu/setup.sh [FOLDER]
#
# It needs Python 3.10 or 3.11, for which alone SPU 0.9.5 has wheels (PYTHON=/path/to/python3.11 names one), on
# x86-64 Linux; it downloads 0.23 GB from PyPI and takes 1.0 GB of disk.
# jax is the last one that this SPU takes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../../../target/external/spu}

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 11))' 2>/dev/null
}
python=${PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3.11 python3.10 python3; do
        if fits "$candidate"; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ] || ! fits "$python"; then
    echo "setup.sh: no Python 3.10 or 3.11 here: install one, or name it, PYTHON=/path/to/python3.11 $0" >&2
    exit 1
fi

"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check spu==0.9.5 'jax[cpu]==0.4.34'
QBENCH_SPU_PYTHON="$folder/bin/python" "$folder/bin/python" "$here/run.py" --check
echo "installed in $folder ($(du -sh "$folder" | cut -f1)); $here/run.py --self-check compares it with what is on record"
