# SPDX-License-Identifier: Apache-2.0
# Sourced by the other scripts: makes .venv from requirements.lock when it is missing or the lock has changed.
# Sets PYTHON to its interpreter and INSTALL_SECONDS to what this took.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${MEDQUORUM_VENV:-$root/.venv}"
PYTHON="$venv/bin/python"

find_python() {
    local name
    for name in "${PYTHON_BIN:-}" python3.13 python3.12 python3.11 python3 python; do
        if [ -n "$name" ] && "$name" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "Python 3.11 or newer (with its venv module) was not found. Install it, or name it in PYTHON_BIN." >&2
    return 1
}

install_environment() {
    local base stamp wanted
    wanted="$(cat "$root/requirements.lock" "$root/pyproject.toml" | cksum)"
    stamp="$venv/.installed"
    if [ -x "$PYTHON" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    base="$(find_python)" || return 1
    echo "Installing Python packages into ${venv#"$root"/} (first run, or the lock file changed) ..." >&2
    rm -rf "$venv"
    "$base" -m venv "$venv" || return 1
    "$PYTHON" -m pip install --quiet --disable-pip-version-check "uv==0.13.9" || return 1
    "$venv/bin/uv" pip install --quiet --python "$PYTHON" --require-hashes --no-deps --compile-bytecode \
        -r "$root/requirements.lock" || return 1
    "$venv/bin/uv" pip install --quiet --python "$PYTHON" --no-deps --no-build-isolation --editable "$root" || return 1
    echo "$wanted" >"$stamp"
}

# The installation compiles them; anew after a pull, or in a second checkout that shares the environment.
compile_kernels() {
    local folder="$root/verifier/kernels" made
    made="$folder/medquorum-avx2.so"
    if [ ! -e "$made" ] || [ -n "$(find "$folder" \( -name '*.[ch]' -o -name compile.py \) -newer "$made")" ]; then
        (cd "$root" && "$PYTHON" -m verifier.kernels.compile >/dev/null) ||
            echo "The kernels were not compiled; encrypted verification will be slower." >&2
    fi
}

started=$SECONDS
install_environment && compile_kernels || { echo "The environment could not be installed; see the messages above." >&2; exit 1; }
# Exported for the quickstart's report.
export INSTALL_SECONDS=$((SECONDS - started))
export PATH="$venv/bin:$PATH"
# A run starts dozens of Python processes: each would compile every module anew. One thread each, two cores are shared.
unset PYTHONDONTWRITEBYTECODE
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
cd "$root" || exit 1
